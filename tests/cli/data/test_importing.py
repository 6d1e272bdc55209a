"""`lingyu data import` says the encoding, counts that add up, and where rows were set aside."""

import gzip
import json

import pytest
from click.testing import CliRunner

from lingyu.cli.data import data
from lingyu.cli.predict_file import in_options
from lingyu.errors import Faults, LingyuError

REVIEW = "房间很干净，前台的服务态度也非常好，下次还会再来住。"


def run(*arguments, input=None):
    return CliRunner().invoke(data, ["import", *arguments], input=input, catch_exceptions=False, standalone_mode=False)


@pytest.fixture
def ragged(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_bytes(f"review,label\n{REVIEW},1\n坏\n{REVIEW},0\n".encode("gbk"))
    return "a.csv"


def test_encoding_counts_and_quarantine_are_printed(ragged):
    assert run(ragged, "--out", "data/b.csv", "--text", "review").stdout.splitlines() == [
        "encoding: gbk (all of it reads so)",
        "kept 2 of 3 rows    does not parse 1",
        "quarantined: 1, in data/b.quarantine.jsonl",
        "written: data/b.csv: columns text, label",
    ]


def test_json_is_one_document(ragged):
    document = json.loads(run(ragged, "--out", "b.parquet", "--quarantine", "bad.jsonl", "--json").stdout)
    assert document["encodings"] == [{"name": "gbk", "how": "all of it reads so", "files": 1}]
    assert document["counts"]["read"] == {"a.csv": 3}
    assert document["counts"]["dropped"] == {"does not decode": 0, "does not parse": 1}
    assert document["counts"]["kept"] == {"imported": 2}
    assert document["quarantine"] == "bad.jsonl"
    assert REVIEW not in json.dumps(document, ensure_ascii=False)


def test_a_hint_about_the_encoding_names_the_option(ragged):
    with pytest.raises(LingyuError, match="--encoding: no encoding is called 'gkb'"):
        run(ragged, "--out", "b.csv", "--encoding", "gkb")


def test_a_column_is_not_renamed_to_two_names(ragged, tmp_path):
    with pytest.raises(LingyuError, match="--label: review is --text already"):
        run(ragged, "--out", "b.csv", "--text", "review", "--label", "review")
    assert not (tmp_path / "b.csv").exists()


def test_an_import_of_nothing_readable_ran_and_says_no(tmp_path, run_command):
    (tmp_path / "a.csv").write_bytes(b"text,label\n\xff\xff,1\n")
    done = run_command("lingyu", "data", "import", "a.csv", "--out", "b.csv", "--encoding", "utf-8")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("a.csv:2: none of 1 rows could be read: not UTF-8. ")


def test_an_error_keeps_its_status_and_its_lines_where_an_option_sets_the_encoding():
    several = Faults([LingyuError("data.encoding: no", "a", status=1), LingyuError("two", "b")])
    told = in_options(several)
    assert isinstance(told, Faults)
    assert [(str(fault), fault.status) for fault in told.faults] == [("a: --encoding: no", 1), ("b: two", 2)]


def test_a_closed_stdin_is_told_in_a_line(tmp_path, run_command):
    done = run_command("bash", "-c", "lingyu data import - --out b.csv <&-")
    assert (done.returncode, done.stderr) == (2, "stdin: is closed. Send rows to it, or name a file\n")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("rows", [600, 6000])  # the disk is full at the end, and before
def test_a_disk_without_room_for_the_table_is_told_with_the_table_s_name(tmp_path, run_command, ending, rows):
    lines = (f"{number * 7919 % 99991:08}{number * 104729 % 999983:08}" for number in range(rows))
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"{line},1\n" for line in lines))
    limited = f"ulimit -f {2 if rows == 600 else 12}; lingyu data import a.csv --out out.{ending}"
    done = run_command("bash", "-c", limited, env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"out.{ending}: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def test_help_has_an_example():
    shown = CliRunner().invoke(data, ["import", "--help"]).output
    assert "Example:" in shown
    assert "lingyu data import" in shown


def test_the_script_reads_a_pipe_and_refuses_to_replace(repo, tmp_path, run_command):
    command = ("python", repo / "data_tools" / "import.py", "-", "--format", "jsonl", "--out", "b.csv")
    done = run_command(*command, input='{"text": "好"}\n{"text": \n')
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == "kept 1 of 2 rows    does not parse 1"
    again = run_command(*command, input='{"text": "好"}\n')
    assert again.returncode == 2
    assert again.stderr == "b.csv: stands there already. Replace it with --force, or write elsewhere with --out\n"


def test_a_packed_file_that_is_cut_off_is_one_line(tmp_path, run_command):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "1"}\n' * 9000)[:-20])
    done = run_command("lingyu", "data", "import", "a.jsonl.gz", "--out", "b.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "a.jsonl.gz: the gzip file is cut off: it ends within its content. Fetch it again\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl.gz"]
