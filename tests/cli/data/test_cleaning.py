"""`lingyu data clean` prints counts that add up, or one JSON document without a text of the data."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lingyu.cli.data import data


def run(*arguments: object):
    return CliRunner().invoke(data, ["clean", *map(str, arguments)], catch_exceptions=False, standalone_mode=False)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text("label,text\n1,很好<br/>真的\n0,打13800138000\n0,<br>\n", "utf-8")
    return path


def test_it_says_what_each_step_changed_and_where_the_rows_are(table, tmp_path) -> None:
    out = tmp_path / "clean.csv"
    shown = run(table, "--steps", "html,personal", "--out", out, "--samples", 2).output.splitlines()
    assert shown == [
        "kept 2 of 3 rows    empty after cleaning 1",
        "changed 2 of them",
        "  html               1 rows",
        f"    {table}:2",
        "      - 很好<br/>真的",
        "      + 很好 真的",
        "  personal           1 rows",
        f"    {table}:3",
        "      - 打13800138000",
        "      + 打[电话]",
        f"written: {out}, {tmp_path / 'clean.left-out.jsonl'}",
    ]
    assert out.read_text("utf-8") == "label,text\n1,很好 真的\n0,打[电话]\n"


def test_json_is_one_document_without_texts(table, tmp_path) -> None:
    out = tmp_path / "clean.jsonl"
    shown = run(table, "--steps", "html, personal", "--out", out, "--json", "--samples", 3).output
    document = json.loads(shown)
    assert document == {
        "out": str(out),
        "left_out": str(tmp_path / "clean.left-out.jsonl"),
        "counts": {
            "read": {str(table): 3},
            "dropped": {"empty": 0, "empty after cleaning": 1, "can't be read": 0},
            "kept": {str(out): 2},
            "notes": [],
        },
        "rows_changed": 2,
        "steps": [{"step": "html", "rows_changed": 1}, {"step": "personal", "rows_changed": 1}],
    }
    assert "很好" not in shown


def test_samples_are_for_a_person_at_a_terminal(table, tmp_path) -> None:
    assert "13800138000" not in run(table, "--steps", "personal", "--out", tmp_path / "clean.csv").output


def test_the_real_commands_clean_and_refuse_in_one_line(repo, table, run_command) -> None:
    done = run_command("lingyu", "data", "clean", table, "--out", "clean.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "written: clean.csv, clean.left-out.jsonl"
    script = repo / "data_tools" / "clean.py"
    refused = run_command("python", script, table, "--out", "clean2.csv", "--steps", "html,widht")
    assert (refused.returncode, refused.stderr) == (2, "--steps: 'widht': no such text step. Did you mean width?\n")
    again = run_command("python", script, table, "--out", "clean.csv", "--json")
    assert again.returncode == 2
    assert json.loads(again.stdout)["error"]["what"] == "stands there already"


def test_a_wrong_encoding_names_the_option(tmp_path) -> None:
    (tmp_path / "old.csv").write_bytes("text\n房间很好\n".encode("gb18030"))
    with pytest.raises(Exception, match="--encoding gb18030"):
        run(tmp_path / "old.csv", "--out", tmp_path / "out.csv")
    done = run(tmp_path / "old.csv", "--out", tmp_path / "out.csv", "--encoding", "gb18030")
    assert done.output.startswith("kept 1 of 1 rows")


def test_help_has_an_example() -> None:
    shown = CliRunner().invoke(data, ["clean", "--help"]).output
    assert "lingyu data clean reviews.csv" in shown
