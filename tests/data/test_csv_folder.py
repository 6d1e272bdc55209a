"""A folder of files appears whole, replaces only its like, and a csv file holds exactly the rows that were meant."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lingyu.data import read_table
from lingyu.data.csv_folder import write_csv, write_file, write_folder
from lingyu.data.tables import TableRow
from lingyu.errors import LingyuError


def fill(content):
    return lambda folder: (folder / "a.txt").write_text(content, encoding="utf-8")


def put(out, content="new", *, force=False, made_from=()):
    return write_folder(out, ["a.txt"], fill(content), made_from=made_from, force=force)


def rows_of(cells):
    columns = ("text", "label")
    return [TableRow(f"source:{at}", dict(zip(columns, row, strict=True))) for at, row in enumerate(cells, 2)]


cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
@example([("a\rb", "c")])
@example([("", "")])
@example([('a"b', 'x\n"y"')])
@example([("a,b\nc", "d")])
def test_a_csv_file_is_read_again_as_its_rows_or_is_refused(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    refusal = ""
    try:
        write_csv(path, ("text", "label"), rows_of(rows))
    except LingyuError as error:
        refusal = error.what
    if refusal:
        assert "would not read as it is" in refusal  # lines that each look like a row
        assert any("\n" in cell or "\r" in cell for row in rows for cell in row)
    else:
        assert [tuple(row.cells.values()) for row in read_table(str(path)).rows] == rows


def test_lines_that_each_look_like_a_row_are_refused_with_the_place_of_the_row(tmp_path):
    with pytest.raises(LingyuError, match=r"source:2: .*lingyu data clean"):
        write_csv(tmp_path / "a.csv", ("text", "label"), rows_of([("好,很好\n不错", "1")]))


def test_a_nul_character_is_refused_with_the_place_of_the_row(tmp_path):
    with pytest.raises(LingyuError, match="source:3: a cell holds a NUL"):
        write_csv(tmp_path / "a.csv", ("text", "label"), rows_of([("好", "1"), ("差\0", "0")]))


def test_a_csv_file_without_rows_is_a_header(tmp_path):
    write_csv(tmp_path / "a.csv", ("text", "label"), [])
    assert (tmp_path / "a.csv").read_bytes() == b"text,label\n"


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


def test_a_file_is_replaced_with_force_only_and_nothing_hidden_is_left(tmp_path):
    path = tmp_path / "fixes.csv"

    def write(content, force=False):
        return write_file(path, lambda staged: staged.write_text(content, encoding="utf-8"), force=force)

    assert write("a")
    assert not write("a")
    with pytest.raises(LingyuError, match="--force"):
        write("b")
    assert write("b", force=True)
    assert [found.name for found in tmp_path.iterdir()] == ["fixes.csv"]
