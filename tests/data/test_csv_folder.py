"""A folder of files appears whole, and replaces only its like."""

import pytest

from lingyu.data.csv_folder import write_folder
from lingyu.errors import LingyuError


def fill(content):
    return lambda folder: (folder / "a.txt").write_text(content, encoding="utf-8")


def put(out, content="new", *, force=False, made_from=()):
    return write_folder(out, ["a.txt"], fill(content), made_from=made_from, force=force)


def test_a_folder_is_written_once_and_the_same_content_again_is_no_change(tmp_path):
    out = tmp_path / "deep" / "out"
    assert put(out)
    assert not put(out)
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]


def test_other_content_is_replaced_with_force_only(tmp_path):
    put(tmp_path / "out", "old")
    with pytest.raises(LingyuError, match="--force"):
        put(tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_text(encoding="utf-8") == "old"
    assert put(tmp_path / "out", force=True)
    assert (tmp_path / "out" / "a.txt").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_with_a_file_of_another_kind_is_never_replaced(tmp_path, force):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years", encoding="utf-8")
    with pytest.raises(LingyuError, match=r"holds thesis\.txt, which would be lost"):
        put(tmp_path / "out", force=force)


def test_nothing_replaces_the_folder_of_the_file_that_it_is_made_from(tmp_path):
    put(tmp_path / "out", "old")
    with pytest.raises(LingyuError, match=r"holds a\.txt, which this is made from"):
        put(tmp_path / "out", force=True, made_from=[str(tmp_path / "out" / "a.txt")])


def test_a_failure_or_ctrl_c_leaves_neither_the_folder_nor_anything_hidden(tmp_path):
    def fail(folder):
        fill("half")(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "deep" / "out", ["a.txt"], fail, made_from=(), force=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_or_a_link_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(LingyuError, match="no folder"):
            put(tmp_path / name, force=True)
