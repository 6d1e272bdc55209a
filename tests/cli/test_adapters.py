import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lingyu.cli.adapters import adapters
from lingyu.errors import LingyuError
from lingyu.store import (
    ANSWERS,
    HASHES,
    BaseRecord,
    PartRecord,
    Store,
    VersionFacts,
    write_answers,
    write_hashes,
)
from lingyu.tasks import Calibration

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


def test_list_cuts_no_name_short_on_a_narrow_terminal(lingyu, store):
    base = "modelscope:iic/nlp_structbert_backbone_large_std"

    def write_large(folder: Path, version: str) -> VersionFacts:
        record = BaseRecord(id=base, weights_fingerprint=FINGERPRINT, tokenizer_fingerprint=FINGERPRINT)
        return write_version(folder, version).model_copy(update={"base": record})

    name = "customer_service_of_the_northern_region"
    store.publish(name, write_large, why="a test")
    page = lingyu("list")
    assert "…" not in page
    assert name in page
    assert page.count("0.881") == 4


def test_no_word_is_broken_on_a_narrow_terminal(lingyu, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    lines = [line.split() for line in lingyu("list").splitlines()]
    assert lines[1:] == [
        ["adapter", "version", "channels", "base", "labels", "rows", "accuracy"],
        ["ecommerce", "v1", "embedded", "3", "1,300", "0.881"],
        ["hotel", "v1", "stable", "embedded", "3", "1,300", "0.881"],
        ["hotel", "v2", "canary", "embedded", "3", "1,300", "0.881"],
    ]
    words = lingyu("history", "hotel").split()
    assert {"stable:", "canary:"} < set(words)
    assert re.fullmatch(r"20[0-9-]{8} [0-2][0-9]:[0-5][0-9]", " ".join(words[words.index("why") + 1 :][:2]))


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
    manifest = json.loads((store.root / "hotel" / "v1" / "lingyu.json").read_text(encoding="utf-8"))
    del manifest["manifest_sha256"]  # of the file, not of the version
    assert json.loads(lingyu("show", "hotel", "--json")) == manifest


def test_show_verifies(lingyu, store):
    (store.root / "hotel" / "v1" / "README.md").write_text("v9")
    with pytest.raises(LingyuError, match="the file was changed"):
        lingyu("show", "hotel")


def test_show_of_what_is_not_there_says_what_is_near(lingyu):
    with pytest.raises(LingyuError, match="Did you mean `hotel`"):
        lingyu("show", "hotle")


def test_a_version_without_a_measured_test_is_listed_and_shown(lingyu, store):
    def write_bare(folder: Path, version: str) -> VersionFacts:
        facts = write_version(folder, version)
        (folder / "metrics.json").unlink()
        return facts

    store.publish("bare", write_bare, why="a test")
    (row,) = (row for row in json.loads(lingyu("list", "--json"))["adapters"] if row["adapter"] == "bare")
    assert (row["test_accuracy"], row["error"]) == (None, None)
    assert "bare@v1" in lingyu("show", "bare")


# Channels


def test_promote_sets_a_channel_and_says_what_it_named_before(lingyu, store):
    assert lingyu("promote", "hotel@v2", "--to", "stable", "--why", "held a week") == (
        "hotel: stable names v2 (before: v1)\n"
    )
    assert store.channels("hotel") == {"canary": "v2", "stable": "v2"}
    assert store.history("hotel")[-1].why == "held a week"
    assert "names v2 already; nothing was changed" in lingyu("promote", "hotel@v2", "--to", "stable", "--why", "again")


def test_what_another_channel_names_can_be_promoted(lingyu, store):
    change = json.loads(lingyu("promote", "hotel@canary", "--to", "stable", "--why", "held a week", "--json"))["change"]
    assert (change["channel"], change["from"], change["to"], change["why"]) == ("stable", "v1", "v2", "held a week")
    assert json.loads(lingyu("promote", "hotel@canary", "--to", "stable", "--why", "again", "--json")) == {
        "change": None
    }


def test_a_channel_that_is_nearly_another_is_made_and_pointed_out(store):
    words = ["promote", "hotel@v2", "--to", "stabel", "--why", "a slip", "--store", str(store.root)]
    result = CliRunner().invoke(adapters, words, catch_exceptions=False)
    assert result.stdout == "hotel: stabel names v2 (a new channel)\n"
    assert result.stderr == "`stabel` is a new channel beside `stable`, which stays where it was\n"


def test_rollback_goes_back_and_the_history_shows_all_of_it(lingyu, store):
    lingyu("promote", "hotel@v2", "--to", "stable", "--why", "held a week")
    assert lingyu("rollback", "hotel", "--why", "早餐\x1b[31m") == "hotel: stable names v1 (before: v2)\n"
    page = lingyu("history", "hotel")
    assert "\x1b" not in page
    for part in ("stable: new → v1", "canary: new → v2", "stable: v1 → v2", "stable: v2 → v1 (rollback)", "早餐"):
        assert part in page
    lines = json.loads(lingyu("history", "hotel", "--json"))["history"]
    assert [(line["channel"], line["from"], line["to"], line["rollback"]) for line in lines] == [
        ("stable", None, "v1", False),
        ("canary", None, "v2", False),
        ("stable", "v1", "v2", False),
        ("stable", "v2", "v1", True),
    ]
    with pytest.raises(LingyuError, match="named nothing before v1"):
        lingyu("rollback", "hotel", "--why", "again")


def test_rollback_of_a_channel_by_name(lingyu, store):
    lingyu("promote", "hotel@v1", "--to", "canary", "--why", "a test")
    change = json.loads(lingyu("rollback", "hotel", "--channel", "canary", "--why", "a test", "--json"))["change"]
    assert (change["channel"], change["to"], change["rollback"]) == ("canary", "v2", True)


def test_the_history_of_an_adapter_without_one_is_empty_and_of_none_is_an_error(lingyu):
    assert json.loads(lingyu("history", "ecommerce", "--json")) == {"history": []}
    with pytest.raises(LingyuError, match="Did you mean `hotel`"):
        lingyu("history", "hotle")


# Removing


def test_remove_takes_a_version_that_no_channel_names_and_its_number_with_it(lingyu, store):
    assert lingyu("remove", "ecommerce@v1", "--why", "never used") == (
        "ecommerce@v1 was removed; its number is never given again\n"
    )
    assert store.adapters() == ("hotel",)
    assert "v1 removed" in lingyu("history", "ecommerce")
    assert store.publish("ecommerce", write_version, why="anew").version == "v2"


def test_remove_refuses_what_a_channel_names_until_the_channel_is_taken_away(lingyu, store):
    with pytest.raises(LingyuError, match="channel `canary` names"):
        lingyu("remove", "hotel@v2", "--why", "a test")
    assert lingyu("remove", "hotel@canary", "--why", "over") == ("hotel: channel canary was taken away; it named v2\n")
    change = json.loads(lingyu("remove", "hotel@v2", "--why", "over", "--json"))["change"]
    assert (change["removed"], change["why"]) == ("v2", "over")
    assert store.versions("hotel") == ("v1",)


def test_what_was_removed_is_said_though_the_history_before_it_is_damaged(lingyu, store):
    history = store.root / "hotel" / "history.jsonl"
    history.write_bytes(history.read_bytes() + b'{"when": "no')
    store.set_channel("hotel", "canary", "v1", "a test")
    assert lingyu("remove", "hotel@v2", "--why", "over") == "hotel@v2 was removed; its number is never given again\n"
    assert store.versions("hotel") == ("v1",)


@pytest.mark.parametrize("command", [["remove", "hotel"], ["promote", "hotel", "--to", "canary"]])
def test_what_changes_a_store_names_its_version(lingyu, command):
    with pytest.raises(LingyuError, match=r"names no version\. Write hotel@VERSION"):
        lingyu(*command, "--why", "a test")


@pytest.mark.parametrize(("answer", "left"), [("n\n", ("v1",)), ("\n", ("v1",)), ("y\n", ())])
def test_on_a_terminal_it_is_asked_before_anything_is_removed(store, monkeypatch, answer, left):
    monkeypatch.setattr("lingyu.cli.adapters.at_a_terminal", lambda: True)
    words = ["remove", "ecommerce@v1", "--why", "a test", "--store", str(store.root)]
    result = CliRunner().invoke(adapters, words, input=answer)
    assert "Remove ecommerce@v1 for ever?" in result.stderr
    assert store.versions("ecommerce") == left
    if left:
        assert isinstance(result.exception, LingyuError)
        assert result.exception.status == 1
        assert CliRunner().invoke(adapters, [*words, "--yes"]).exit_code == 0
        assert store.versions("ecommerce") == ()


@pytest.mark.parametrize(
    "command",
    [
        ["promote", "hotel@v2", "--to", "stable"],
        ["rollback", "hotel"],
        ["remove", "hotel@v2"],
    ],
)
def test_a_change_without_a_reason_is_refused(command, store):
    result = CliRunner().invoke(adapters, [*command, "--store", str(store.root)])
    assert result.exit_code == 2
    assert "--why" in result.stderr
    assert store.channels("hotel") == {"stable": "v1", "canary": "v2"}


# Two versions beside one another


def write_other(folder: Path, version: str) -> VersionFacts:
    """Another recipe and answers than the next one, of 40 test texts."""
    number = int(version[1:])
    facts = write_version(folder, version)
    (folder / "recipe.yaml").write_text(f'name: shop\nlora:\n  r: {8 * number}\nnote: "[red]\\e[31m"\n', "utf-8")
    texts = np.arange(40)
    true = texts % 2
    answered = np.where(texts < 10 * number, true, 0)
    write_hashes(folder / HASHES, train=texts[:0] + 1000, dev=texts[:0], test=texts)
    write_answers(folder / ANSWERS, np.eye(3, dtype=np.float32)[answered], true, texts)
    return facts.model_copy(update={"data": {"test": PartRecord(rows=40, fingerprint="b" * 64)}})


def test_diff_shows_what_differs_and_ends_with_a_verdict(lingyu, store):
    for _ in range(3):
        store.publish("shop", write_other, why="a test")
    page = lingyu("diff", "shop@v1", "shop@v3")
    lines = [line.split() for line in page.splitlines()]
    assert ["lora.r", "8", "24"] in lines
    assert ["test", "rows", "40", "40", "same"] in lines
    assert any(line[:3] == ["test", "accuracy", "0.625"] for line in lines)
    assert "shop@v3 is better than shop@v1 on the 40 texts of both tests: accuracy +25.0 points" in " ".join(
        page.split()
    )
    assert "\x1b" not in page
    document = json.loads(lingyu("diff", "shop@v1", "shop@v3", "--json"))
    assert document["paired"]["judgement"] == "better"
    assert document["recipe"] == [{"key": "lora.r", "one": 8, "other": 24}]
    assert document["verdict"] in " ".join(page.split())


def test_diff_of_versions_that_keep_little_still_shows_them(lingyu):
    page = " ".join(lingyu("diff", "hotel@v1", "ecommerce@v1").split())
    assert "one of them keeps none" in page
    assert "test accuracy 0.881 [0.850, 0.900] 0.881 [0.850, 0.900]" in page
    assert page.endswith("hotel@v1 keeps no test answers, so nothing can be compared row by row.")


def test_diff_verifies_and_says_what_was_nearly_meant(lingyu, store):
    with pytest.raises(LingyuError, match="Did you mean `hotel@canary`"):
        lingyu("diff", "hotel", "hotel@canari")
    (store.root / "hotel" / "v2" / "README.md").write_text("v9")
    with pytest.raises(LingyuError, match="the file was changed"):
        lingyu("diff", "hotel", "hotel@v2")


def write_task(task: str, figures: tuple[str, ...], **facts: object) -> Callable[[Path, str], VersionFacts]:
    """A version of a task, each of whose figures is 0.881."""

    def write(folder: Path, version: str) -> VersionFacts:
        found = write_version(folder, version)
        (folder / "metrics.json").write_text(json.dumps({"test": {"rows": 100, **dict.fromkeys(figures, INTERVAL)}}))
        return found.model_copy(update={"task": task, **facts})

    return write


def test_a_list_of_several_tasks_says_by_which_figure_each_is_judged(lingyu, store):
    store.publish("goods", write_task("token", ("span_f1", "recall"), labels=("品牌",)), why="a test")
    store.publish("stars", write_task("ordinal", ("qwk", "mae")), why="a test")
    store.publish("price", write_task("regression", ("pearson",), labels=()), why="a test")
    lines = [line.split() for line in lingyu("list").splitlines()]
    assert lines[0][-1] == "test"
    assert ["goods", "v1", "stable", "embedded", "1", "1,300", "span", "F1", "0.881"] in lines
    assert ["stars", "v1", "stable", "embedded", "3", "1,300", "QWK", "0.881"] in lines
    assert ["price", "v1", "stable", "embedded", "0", "1,300", "Pearson", "r", "0.881"] in lines
    assert ["hotel", "v1", "stable", "embedded", "3", "1,300", "accuracy", "0.881"] in lines
    found = {row["adapter"]: row for row in json.loads(lingyu("list", "--json"))["adapters"]}
    assert (found["goods"]["task"], found["goods"]["test_figure"], found["goods"]["test_value"]) == (
        "token",
        "span_f1",
        0.881,
    )
    assert (found["goods"]["test_accuracy"], found["ecommerce"]["test_accuracy"]) == (None, 0.881)


def test_show_says_what_a_version_reads_and_from_which_probability_on_it_answers(lingyu, store):
    several = {"labels": ("动力", "油耗"), "calibration": Calibration(thresholds=(0.5, 0.314)), "text_pair": True}
    store.publish("cars", write_task("multi_label", ("macro_f1",), **several), why="a test")
    shown = " ".join(lingyu("show", "cars").split())
    assert "thresholds 动力 0.500, 油耗 0.314" in shown
    assert "reads two texts, together" in shown
    store.publish("price", write_task("regression", ("pearson",), labels=()), why="a test")
    assert "labels none" in " ".join(lingyu("show", "price").split())
    assert "thresholds" not in lingyu("show", "hotel")


def test_diff_shows_the_figures_of_the_task_and_thresholds_that_differ(lingyu, store):
    for threshold in (0.5, 0.314):
        several = {"labels": ("动力", "油耗"), "calibration": Calibration(thresholds=(0.5, threshold))}
        store.publish("cars", write_task("multi_label", ("micro_f1", "macro_f1"), **several), why="a test")
    page = " ".join(lingyu("diff", "cars@v1", "cars@v2").split())
    assert "test macro-F1 0.881 [0.850, 0.900] 0.881 [0.850, 0.900] test micro-F1" in page
    assert "test exact match – –" in page
    assert "thresholds 0.500, 0.500 0.500, 0.314" in page
    assert "test accuracy" not in page
