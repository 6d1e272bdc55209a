"""Through datatrove the same corpus comes out: paragraphs, order, counts and hashes."""

import gzip
import itertools
import sys
from pathlib import Path

import pytest

from lingyu.data import CorpusRequest, corpus_hashes, corpus_paragraphs
from lingyu.errors import LingyuError

SAME = ("sources", "excluded", "counts", "characters", "steps", "shortest", "near", "hashes_sha256")


@pytest.fixture
def raw(write_lines, shared_data, place):
    """Files that share paragraphs, one with nothing but repeats, an empty one, a table and undecodable lines."""
    with gzip.open(shared_data / "corpus" / "hotel_travel.txt.gz", "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in itertools.islice(file, 900)]
    write_lines("raw/a.txt", *lines[:500], "", "好")
    write_lines("raw/b.txt", *lines[400:700], *lines[:50])
    write_lines("raw/c.txt", *lines[100:200])
    write_lines("raw/d.txt")
    write_lines("raw/e.csv", "text", "第一段很长的话", "多,了", "第一段，很长的话")
    (place / "raw" / "f.txt").write_bytes("\n".join([*lines[600:], "很好"]).encode() + b"\n\xff\n")
    write_lines("test.txt", *lines[:900:10])
    return place / "raw"


def test_it_gives_the_same_paragraphs_counts_and_hashes(build, raw):
    ours = build("raw", exclude=("test.txt",))
    theirs = build("raw", exclude=("test.txt",), out=Path("theirs"), engine="datatrove")
    assert {key: getattr(theirs, key) for key in SAME} == {key: getattr(ours, key) for key in SAME}
    assert theirs.engine == "datatrove"
    assert list(corpus_paragraphs("theirs")) == list(corpus_paragraphs("out"))
    assert corpus_hashes("theirs").tolist() == corpus_hashes("out").tolist()
    assert set(ours.counts.removed) == {
        "empty", "repeats", "too short", "touch an excluded set", "undecodable", "unreadable",
    }  # fmt: skip
    left = {path.name for path in Path("theirs").iterdir()}
    assert left == {"corpus.json", "hashes.safetensors", *(shard.file for shard in theirs.shards)}


@pytest.mark.slow
def test_its_workers_change_nothing(build, raw):
    one = build("raw", exclude=("test.txt",), engine="datatrove")
    two = build("raw", exclude=("test.txt",), out=Path("two"), engine="datatrove", workers=2)
    assert one.model_copy(update={"created": two.created}) == two


def test_the_stages_run_in_an_executor_of_the_users_own(build, raw, capfd):
    from datatrove.executor import LocalPipelineExecutor

    from lingyu.data import datatrove_stages

    ours = build("raw")
    for stage in datatrove_stages(CorpusRequest((Path("raw"),), Path("theirs"))):
        executor = LocalPipelineExecutor(list(stage.pipeline), stage.tasks, 1, logging_dir=f"logs/{stage.name}")
        executor.run()
        executor.run()  # every task is done already
    assert list(corpus_paragraphs("theirs")) == list(corpus_paragraphs("out"))
    assert corpus_hashes("theirs").tolist() == corpus_hashes("out").tolist()
    assert [stage.tasks for stage in datatrove_stages(CorpusRequest((Path("raw"),), Path("o")))] == [6, 1, 6, 1]
    assert len(ours.sources) == 6


def test_what_is_wrong_is_told_in_a_line_and_nothing_is_left(build, raw, place, capfd):
    with pytest.raises(LingyuError, match=r"no paragraph is left of 1,257: .*too short 1,254"):
        build("raw", engine="datatrove", shortest=100_000)
    assert sorted(path.name for path in place.iterdir()) == ["raw", "test.txt"]
    assert capfd.readouterr().err == ""


def test_without_datatrove_a_line_names_the_extra(build, write_lines, monkeypatch):
    write_lines("raw/a.txt", "第一段很长的话")
    monkeypatch.delitem(sys.modules, "lingyu.data.corpus.trove", raising=False)
    monkeypatch.setitem(sys.modules, "datatrove.data", None)
    with pytest.raises(LingyuError, match=r"needs the package datatrove.*pip install 'lingyu\[corpora\]'"):
        build("raw", engine="datatrove")
