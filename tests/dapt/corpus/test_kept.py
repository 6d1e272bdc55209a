"""A folder that is made once: whole, or not there."""

from pathlib import Path

import pytest

from lingyu.dapt.corpus.kept import made_once


def is_whole(folder: Path) -> bool:
    return (folder / "inside" / "done").is_file()


def make(folder: Path, content: str = "") -> bool:
    """Whether it had to be made."""
    with made_once(folder, is_whole) as building:
        if building is not None:
            assert not folder.exists()
            (building / "inside").mkdir()
            (building / "inside" / "done").write_text(content)
        return building is not None


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if not entry.name.endswith(".lock"))


def test_it_is_made_where_it_is_not_whole_and_kept_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "key"
    assert make(folder, "first")
    assert not make(folder, "second")
    assert (folder / "inside" / "done").read_text() == "first"
    (folder / "inside" / "done").unlink()
    (folder / "left over").write_text("")
    assert make(folder)
    assert names(folder) == ["inside"]


@pytest.mark.parametrize("there", ["file", "link"])
def test_what_is_no_folder_makes_way(tmp_path: Path, there: str) -> None:
    make(tmp_path / "other")
    if there == "file":
        (tmp_path / "key").write_text("")
    else:
        (tmp_path / "key").symlink_to("other")
    assert make(tmp_path / "key")
    assert not (tmp_path / "key").is_symlink()
    assert is_whole(tmp_path / "other")


def test_after_a_failure_nothing_is_left(tmp_path: Path) -> None:
    def fails() -> None:
        with made_once(tmp_path / "key", is_whole) as building:
            assert building is not None
            (building / "half").write_text("")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fails()
    assert names(tmp_path) == []


def test_what_a_killed_process_left_of_another_folder_is_removed_and_a_build_at_work_is_not(tmp_path: Path) -> None:
    (tmp_path / ".dead.building").mkdir()
    with made_once(tmp_path / "alive", is_whole) as building:
        assert building is not None
        assert make(tmp_path / "key")
        assert building.is_dir()
        assert not (tmp_path / ".dead.building").exists()
        (building / "inside").mkdir()
        (building / "inside" / "done").write_text("")
    assert names(tmp_path) == ["alive", "key"]
