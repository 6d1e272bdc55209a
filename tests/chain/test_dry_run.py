"""What a dry run of a chain says of what its stages would look for in vain."""

from pathlib import Path

import pytest

from lingyu.cli import main

CHAIN = """\
name: c
stages:
  - name: corpus
    corpus: {sources: [raw/hotel, raw/more.txt], to: corpus/hotel, exclude: ["test.csv:review"]}
  - name: domain
    corpus: {sources: [corpus/hotel, raw/hotel], to: corpus/all}
  - name: tiny
    recipe: tiny.yaml
"""
TASK = """\
name: tiny
base: org/base
task: single_label
data: {train: org/reviews, test: rows.csv, labels: {0: 负面, 1: 正面}}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lingyu.chain.sources.base_fingerprint", lambda *_, **__: None)
    Path("chain.yaml").write_text(CHAIN, "utf-8")
    Path("tiny.yaml").write_text(TASK, "utf-8")
    Path("raw").mkdir()
    Path("raw/more.txt").write_text("房间很干净，下次还来\n", "utf-8")


def test_a_dry_run_tells_what_is_neither_there_nor_left_by_a_stage_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chain", "chain.yaml", "--dry-run"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    missing = [("corpus", "raw/hotel"), ("corpus", "test.csv:review"), ("domain", "raw/hotel"), ("tiny", "rows.csv")]
    assert err.splitlines() == [
        f"chain.yaml: stage {stage} reads {source}, which is not there. Paths are taken from the folder you are in"
        for stage, source in missing
    ]
    for file in ("raw/hotel", "test.csv", "rows.csv"):
        Path(file).touch()
    assert main(["chain", "chain.yaml", "--dry-run"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_what_a_stage_that_is_passed_over_would_have_left_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("raw/hotel").mkdir()
    Path("rows.csv").touch()
    assert main(["chain", "chain.yaml", "--dry-run", "--from", "domain"]) == 2
    assert "stage domain reads corpus/hotel, which is not there" in capsys.readouterr().err


def test_an_adapter_is_missing_unless_it_lies_there_or_a_stage_before_trains_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("rows.csv").touch()
    train, test = "{name: tiny, recipe: tiny.yaml}", "{name: test, evaluate: {adapter: tiny, recipe: tiny.yaml}}"
    for stages, status in ((f"[{train}, {test}]", 0), (f"[{test}]", 2)):
        Path("chain.yaml").write_text(f"name: c\nstages: {stages}\n", "utf-8")
        assert main(["chain", "chain.yaml", "--dry-run"]) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert "stage test reads adapter tiny, which is not there" in line
