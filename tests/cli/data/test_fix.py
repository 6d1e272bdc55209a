"""`lingyu data fix`: from an audit of files to a list, and from the edited list to mended files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lingyu.cli.data import data
from lingyu.errors import LingyuError

ROWS = [f"第{n}间房{'很好' if n % 2 else '很差'}住了{n * 7}晚,{n % 2}" for n in range(20)]


@pytest.fixture
def audited(tmp_path, monkeypatch):
    """A file with one repeat and one text with two labels, and the report of its audit."""
    monkeypatch.chdir(tmp_path)
    rows = [*ROWS, ROWS[0], ROWS[1][:-1] + "0"]
    Path("train.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    run("audit", "--train", "train.csv", "--json", "report.json")
    return "report.json"


def run(*arguments):
    return CliRunner().invoke(data, list(arguments), catch_exceptions=False, standalone_mode=False)


def test_an_audit_becomes_a_list_and_the_list_mended_files(audited):
    shown = run("fix", "propose", audited, "--out", "fixes.csv").output
    assert "findings about" in shown
    assert "written: fixes.csv, fixes.sources.json" in shown
    shown = run("fix", "apply", "fixes.csv", "--out", "mended").output
    kept = len(Path("mended/train.csv").read_text(encoding="utf-8").splitlines()) - 1
    dropped = len(Path("mended/dropped.csv").read_text(encoding="utf-8").splitlines()) - 1
    assert kept + dropped == 22
    assert dropped >= 1, "the repeat"
    assert shown.startswith(f"kept {kept} of 22 rows")
    assert "written: mended: train.csv, dropped.csv, fixes.json" in shown
    assert run("fix", "apply", "fixes.csv", "--out", "mended").output.splitlines()[-1].startswith("already there")


def test_json_is_one_document_each(audited):
    proposed = json.loads(run("fix", "propose", audited, "--json").output)
    assert proposed["files"] == ["fixes.csv", "fixes.sources.json"]
    assert sum(proposed["suggested"].values()) == proposed["rows"]
    applied = json.loads(run("fix", "apply", "fixes.csv", "--out", "mended", "--json").output)
    counts = applied["counts"]
    assert sum(counts["read"].values()) == sum(counts["dropped"].values()) + sum(counts["kept"].values()) == 22


def test_an_action_that_is_mistyped_is_told_with_its_line(audited):
    run("fix", "propose", audited)
    text = Path("fixes.csv").read_text(encoding="utf-8")
    Path("fixes.csv").write_text(text.replace(",drop,", ",dorp,", 1), encoding="utf-8")
    with pytest.raises(LingyuError, match=r'fixes\.csv:\d+: action: "dorp" is none\. Did you mean drop\?'):
        run("fix", "apply", "fixes.csv", "--out", "mended")


def test_a_mistyped_subcommand_is_told():
    with pytest.raises(LingyuError, match="Did you mean apply"):
        run("fix", "aply")


@pytest.mark.parametrize("command", ["propose", "apply"])
def test_help_has_an_example(command):
    shown = CliRunner().invoke(data, ["fix", command, "--help"]).output
    assert f"lingyu data fix {command}" in shown


def test_the_script_mends_too(repo, audited, tmp_path, run_command):
    script = repo / "data_tools" / "fix.py"
    done = run_command("python", script, "propose", audited, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    failed = run_command("python", script, "apply", "fixes.csv", "--out", ".", "--json", cwd=tmp_path)
    assert failed.returncode == 2
    assert json.loads(failed.stdout)["error"]["next"]
