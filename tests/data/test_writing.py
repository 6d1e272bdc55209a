"""A file appears as a whole or not at all, and a table holds exactly the rows that were meant."""

import os
import stat
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lingyu.data import read_table
from lingyu.data.tables import TableRow
from lingyu.data.writing import in_one_go, open_rows, write_csv, write_file
from lingyu.errors import LingyuError


def names_in(folder):
    return sorted(found.name for found in folder.iterdir())


def quiet(*_):
    return None


# ---- a file that appears as a whole


@pytest.mark.parametrize("failure", [KeyboardInterrupt, LingyuError])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, failure):
    (tmp_path / "out.csv").write_text("from before", encoding="utf-8")

    def fail(path):
        path.write_text("half", encoding="utf-8")
        raise failure("no")

    for out in (tmp_path / "out.csv", tmp_path / "deep" / "er" / "out.csv"):
        with pytest.raises(failure), in_one_go(out) as staged:
            fail(staged.path)
    assert names_in(tmp_path) == ["out.csv"]
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "from before"


def test_a_file_takes_its_place_in_folders_that_are_made_and_one_that_is_not_wanted_does_not(tmp_path):
    out = tmp_path / "deep" / "out.csv"
    with in_one_go(out) as staged:
        staged.path.write_text("whole", encoding="utf-8")
        assert staged.path.parent.name.startswith(".")
        assert not out.exists()
    with in_one_go(out) as staged:
        staged.path.write_text("other", encoding="utf-8")
        staged.wanted = False
    assert out.read_text(encoding="utf-8") == "whole"
    assert names_in(out.parent) == ["out.csv"]


def test_a_link_stays_one_and_the_hidden_file_ends_as_the_link_does(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "out.csv").symlink_to(tmp_path / "kept" / "answers")
    with in_one_go(tmp_path / "out.csv") as staged:
        assert staged.path.suffix == ".csv"
        staged.path.write_text("whole", encoding="utf-8")
    assert (tmp_path / "out.csv").is_symlink()
    assert (tmp_path / "kept" / "answers").read_text(encoding="utf-8") == "whole"
    assert names_in(tmp_path / "kept") == ["answers"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_file_that_is_replaced_may_be_read_by_whom_it_could_be_before(tmp_path, mode):
    out = tmp_path / "out.csv"
    out.write_text("from before", encoding="utf-8")
    out.chmod(mode)
    with in_one_go(out) as staged:
        staged.path.write_text("whole", encoding="utf-8")
        assert stat.S_IMODE(staged.path.parent.stat().st_mode) == 0o700
    assert out.read_text(encoding="utf-8") == "whole"
    assert stat.S_IMODE(out.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to a group that it is not of")
def test_what_is_written_into_a_folder_of_a_group_belongs_to_the_group(tmp_path):
    os.chown(tmp_path, -1, 1234)
    tmp_path.chmod(0o2775)
    with in_one_go(tmp_path / "out.csv") as staged:
        staged.path.write_text("whole", encoding="utf-8")
    assert (tmp_path / "out.csv").stat().st_gid == 1234


def test_what_a_killed_writer_left_is_gone_with_the_next_one_and_a_live_writers_is_not(tmp_path):
    program = """
import sys, pathlib
from lingyu.data.writing import in_one_go
with in_one_go(pathlib.Path(sys.argv[1])) as staged:
    staged.path.write_text("half", encoding="utf-8")
    print(flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", program, str(tmp_path / "theirs.csv")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        with in_one_go(tmp_path / "ours.csv") as staged:
            staged.path.write_text("whole", encoding="utf-8")
        assert len(names_in(tmp_path)) == 2  # ours and what it works in
        writer.kill()
    assert len(names_in(tmp_path)) == 2
    with in_one_go(tmp_path / "ours.csv") as staged:
        staged.path.write_text("whole", encoding="utf-8")
    assert names_in(tmp_path) == ["ours.csv"]


def test_an_error_of_the_disk_names_the_file_that_the_user_knows(tmp_path):
    out = tmp_path / "no" / "out.csv"
    with pytest.raises(FileNotFoundError) as caught, in_one_go(out, makes_folders=False) as staged:
        staged.path.write_text("", encoding="utf-8")
    assert caught.value.filename == str(out)
    with pytest.raises(OSError, match="full") as caught, in_one_go(tmp_path / "out.csv"):
        raise OSError(28, "the disk is full")
    assert caught.value.filename == str(tmp_path / "out.csv")


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


# ---- the rows of a table


def rows_of(cells):
    columns = ("text", "label")
    return [TableRow(f"source:{at}", dict(zip(columns, row, strict=True))) for at, row in enumerate(cells, 2)]


cells = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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
        assert "looks like rows" in refusal
        assert any("\n" in cell or "\r" in cell for row in rows for cell in row)
    else:
        assert [tuple(row.cells.values()) for row in read_table(str(path)).rows] == rows


def test_lines_that_each_look_like_a_row_are_refused_with_the_place_of_the_row(tmp_path):
    with pytest.raises(LingyuError, match=r"source:2: .*lingyu data clean"):
        write_csv(tmp_path / "a.csv", ("text", "label"), rows_of([("好,很好\n不错", "1")]))


def test_a_nul_character_is_refused_with_the_place_of_the_row(tmp_path):
    with pytest.raises(LingyuError, match="source:3: a cell holds a NUL"):
        write_csv(tmp_path / "a.csv", ("text", "label"), rows_of([("好", "1"), ("差\0", "0")]))


def test_a_line_that_is_too_long_to_be_read_again_is_told_as_that(tmp_path, monkeypatch):
    monkeypatch.setattr("lingyu.data.decoding.LONGEST_CHARACTERS", 100)
    with pytest.raises(LingyuError, match="would not be read again: a line of more than 100 characters"):
        write_csv(tmp_path / "a.csv", ("text", "label"), rows_of([("好\n好" * 20, "1"), ("好" * 99, "1" * 9)]))


def test_a_csv_file_without_rows_is_a_header(tmp_path):
    write_csv(tmp_path / "a.csv", ("text", "label"), [])
    assert (tmp_path / "a.csv").read_bytes() == b"text,label\n"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_what_a_format_can_not_hold_is_refused_or_replaced_and_counted(tmp_path, ending):
    rows = [{"text": "好\ud800"}, {"text": "差\0"}, {"text": "\ud83d\ude00"[:1]}, {"text": "好"}]
    with (
        pytest.raises(LingyuError, match=r"source:2: a cell holds .*half a character.*Do otherwise"),
        open_rows(tmp_path / f"a.{ending}", ("text",), "Do otherwise") as table,
    ):
        table.write(rows[0], "source:2")
    with open_rows(tmp_path / f"b.{ending}", ("text",), "", replaces=True) as table:
        for row in rows:
            table.write(row)
    table.require_same(tmp_path / "out", quiet)
    assert table.replaced == (3 if ending == "csv" else 2)
    found = [row.cells["text"] for row in read_table(str(tmp_path / f"b.{ending}")).rows]
    assert found == ["好�", "差�" if ending == "csv" else "差\0", "�", "好"]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_file_that_does_not_give_the_rows_again_is_refused(tmp_path, ending):
    for number, damage in enumerate((lambda found: found[:1], lambda found: [*found, found[0]], reversed)):
        paths = [tmp_path / f"{name}{number}.{ending}" for name in ("meant", "found")]
        found = [{"text": f"很好{at}"} for at in range(3)]
        for path, rows in zip(paths, (found, damage(found)), strict=True):
            with open_rows(path, ("text",), "") as table:
                for row in rows:
                    table.write(row)
            if path == paths[0]:
                meant = table
        meant.require_same(paths[0], quiet)
        paths[1].replace(paths[0])
        with pytest.raises(LingyuError, match="out"):
            meant.require_same(tmp_path / "out", quiet)
