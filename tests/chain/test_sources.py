"""What a stage reads: everything that its recipes name, and nothing else, each known by its content."""

from pathlib import Path

import pytest

from lingyu.chain.sources import Reads, Source, of_adapter, of_pretraining, of_rows, of_training, together
from lingyu.recipe import load_pretraining, load_recipe
from lingyu.store import BaseRecord, Store, VersionFacts

TASK = """\
name: hotel
task: single_label
base: org/base
revision: v7
data: {train: train.csv, dev: dev.csv, test: "test.csv:review", labels: {0: 负面, 1: 正面}}
"""
DAPT = """\
name: dapt
base: org/base
revision: v7
dapt: {corpus: [raw.txt], general: [wiki.txt], exclude: [hotel.yaml], user_dict: words.txt}
publish: {to: bases/hotel}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hotel.yaml").write_text(TASK, "utf-8")
    Path("dapt.yaml").write_text(DAPT, "utf-8")
    monkeypatch.setattr("lingyu.chain.sources.base_fingerprint", _told)


def _told(id: str, revision: str | None = None, *, with_head: bool = False) -> str:
    """In place of a base's fingerprint: what was asked for."""
    return f"{id}@{revision}{' with its head' if with_head else ''}"


def contents(reads: Reads) -> dict[str, str | None]:
    return {source.label: source.fingerprint() for source in reads.sources}


def test_an_adapter_is_trained_on_three_files_and_a_base_of_one_revision() -> None:
    found = contents(of_training(load_recipe("hotel.yaml")))
    assert found == {"train.csv": None, "dev.csv": None, "test.csv:review": None, "base org/base": "org/base@v7"}


def test_a_base_is_made_of_its_texts_its_test_sets_and_another_with_its_head() -> None:
    reads = of_pretraining(load_pretraining("dapt.yaml"))
    texts = ["raw.txt", "wiki.txt", "train.csv", "dev.csv", "test.csv:review", "words.txt"]
    assert contents(reads) == {**dict.fromkeys(texts), "base org/base": "org/base@v7 with its head"}
    assert "hotel.yaml: data.labels" in reads.settings, "they say which rows its test texts are"


def test_a_source_lies_in_a_folder_however_the_two_are_written() -> None:
    source = Source("a", Path("data/./corpus/../corpus/hotel"), lambda: None)
    assert source.is_in(Path("data/corpus"))
    assert source.is_in(Path("./data/corpus/hotel/"))
    assert not source.is_in(Path("data/corpus/hot"))
    assert not source.is_in(Path("data/corpus/hotel/more"))


def test_several_as_one_keep_the_settings_of_all_and_a_source_once() -> None:
    rows = of_rows(load_recipe("hotel.yaml").data)
    both = together([Reads({"a": "1"}), rows, Reads({"b": "2"}), rows])
    assert (both.settings, both.sources) == ({"a": "1", "b": "2"}, rows.sources)


def test_an_adapter_is_the_version_that_is_meant_now_and_the_base_of_its_revision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = BaseRecord(id="org/base", revision="v7", weights_fingerprint="0" * 64, tokenizer_fingerprint="0" * 64)

    def write(folder: Path, version: str) -> VersionFacts:
        (folder / "README.md").write_text(f"hotel@{version}", "utf-8")
        facts = {"task": "single_label", "labels": ("负面", "正面"), "max_length": 32, "data": {}, "lineage": ()}
        return VersionFacts(base=record, **facts)

    def found(reference: str = "hotel") -> str | None:
        (source,) = of_adapter("adapters", reference).sources
        assert source.is_in(Path("adapters/hotel")), "a stage that trains it comes before"
        return source.fingerprint()

    assert found() is None, "it is not there yet"
    store = Store("adapters")
    store.publish("hotel", write, why="a test")
    before = found()
    assert before == found("hotel@v1") is not None
    store.publish("hotel", write, why="a test")
    assert found() != before == found("hotel@v1"), "the channel leads to another version now"
    asked: list[tuple[str, str | None]] = []
    monkeypatch.setattr("lingyu.chain.sources.base_fingerprint", lambda *base: str(asked.append(base)))
    assert found("hotel@v1") != before, "its base is another"
    assert asked == [("org/base", "v7")]
    Path("adapters/hotel/v1/README.md").write_text("another", "utf-8")
    assert found("hotel@v1") is None, "it is damaged"
