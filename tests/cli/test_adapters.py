import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from lingyu.cli.adapters import adapters
from lingyu.errors import LingyuError
from lingyu.store import BaseRecord, PartRecord, Store, VersionFacts

INTERVAL = {"value": 0.881, "low": 0.85, "high": 0.9}
FINGERPRINT = "9f2c41" + "0" * 58


def write_version(folder: Path, version: str) -> VersionFacts:
    (folder / "README.md").write_text(version)
    (folder / "metrics.json").write_text(
        json.dumps({"test": {"rows": 100, "accuracy": INTERVAL, "macro_f1": INTERVAL}})
    )
    return VersionFacts(
        task="single_label",
        labels=("负面", "正面", "[red]\x1b[31m"),
        max_length=256,
        base=BaseRecord(id="embedded", weights_fingerprint=FINGERPRINT, tokenizer_fingerprint=FINGERPRINT),
        data={"train": PartRecord(rows=1200, fingerprint="a" * 64), "test": PartRecord(rows=100, fingerprint="b" * 64)},
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "adapters")
    store.publish("hotel", write_version, why="a test")
    store.publish("hotel", write_version, channel="canary", why="a test")
    store.publish("ecommerce", write_version, channel=None, why="a test")
    return store


@pytest.fixture
def lingyu(store: Store) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        return CliRunner().invoke(adapters, [*arguments, "--store", str(store.root)], catch_exceptions=False).stdout

    return run


def test_list_shows_every_version_with_its_channels(lingyu):
    lines = [line.split() for line in lingyu("list").splitlines()]
    assert lines == [
        ["adapter", "version", "channels", "base", "labels", "rows", "test", "accuracy"],
        ["ecommerce", "v1", "embedded", "3", "1,300", "0.881"],
        ["hotel", "v1", "stable", "embedded", "3", "1,300", "0.881"],
        ["hotel", "v2", "canary", "embedded", "3", "1,300", "0.881"],
    ]


def test_list_as_json_is_one_document(lingyu):
    found = json.loads(lingyu("list", "--json"))["adapters"]
    assert [(row["adapter"], row["version"], row["channels"]) for row in found] == [
        ("ecommerce", "v1", []),
        ("hotel", "v1", ["stable"]),
        ("hotel", "v2", ["canary"]),
    ]
    assert found[0]["test_accuracy"] == 0.881
    assert found[0]["rows"] == 1300


def test_a_damaged_version_does_not_hide_the_others(lingyu, store):
    (store.root / "hotel" / "v1" / "lingyu.json").write_text("{")
    found = json.loads(lingyu("list", "--json"))["adapters"]
    assert [bool(row["error"]) for row in found] == [False, True, False]
    assert "is not JSON" in lingyu("list").replace("\n", " ")


def test_list_of_an_empty_store_says_what_to_do(lingyu, store):
    shutil.rmtree(store.root)
    store.root.mkdir()
    assert "train_lora.py" in lingyu("list")
    assert json.loads(lingyu("list", "--json")) == {"adapters": []}


def test_show_prints_what_a_version_is_and_no_escape_of_a_label(lingyu, store):
    page = lingyu("show", "hotel@v2")
    for part in (
        "hotel@v2",
        "负面, 正面, [red]",
        "embedded (weights 9f2c41000000",
        "train 1,200, test 100",
        "256 tokens",
    ):
        assert part in page
    assert "\x1b" not in page


def test_show_as_json_is_the_manifest(lingyu, store):
    assert json.loads(lingyu("show", "hotel", "--json")) == json.loads(
        (store.root / "hotel" / "v1" / "lingyu.json").read_text(encoding="utf-8")
    )


def test_show_verifies(lingyu, store):
    (store.root / "hotel" / "v1" / "README.md").write_text("v9")
    with pytest.raises(LingyuError, match="the file was changed"):
        lingyu("show", "hotel")


def test_show_of_what_is_not_there_says_what_is_near(lingyu):
    with pytest.raises(LingyuError, match="Did you mean `hotel`"):
        lingyu("show", "hotle")
