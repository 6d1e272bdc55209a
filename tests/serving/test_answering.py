"""Rows of every task, one text or two, in one mixed batch: each is answered as its adapter alone in plain PEFT."""

import gc
import json
import shutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from lingyu import Lingyu
from lingyu.bases import find_base
from lingyu.errors import LingyuError
from lingyu.serving import load
from lingyu.serving.engine import Engine, Resident
from lingyu.store import Store, Version, VersionFacts, read_tenants, tenant_faults
from lingyu.tasks import (
    Asked,
    Calibration,
    EntitiesAnswer,
    Failed,
    MultiLabelAnswer,
    OrdinalAnswer,
    Read,
    Result,
    ScoreAnswer,
    TaskAnswer,
    ValueAnswer,
)
from lingyu.text import Encoded, clean

from .every_task import ADAPTERS, store_of_every_task
from .random_adapters import Kind, facts_of, logits_by_plain_peft, publish, write_adapter

TEXTS = ("房间很干净，下次还来", "早餐差 wifi", "物流快，书便宜" * 6, "Ａ１好")
PAIR = "服务态度"


@pytest.fixture(scope="module")
def store(tiny_base: Path) -> Path:
    return store_of_every_task(tiny_base)


@pytest.fixture(scope="module")
def lingyu(store: Path) -> Lingyu:
    return Lingyu.load(store)


def rows() -> tuple[list[str], list[str], list[str | None]]:
    """Every text asked of every adapter, one after the other: texts, tenants, second texts."""
    asked = [(text, name, PAIR if kind.text_pair else None) for text in TEXTS for name, kind in ADAPTERS.items()]
    texts, tenants, pairs = zip(*asked, strict=True)
    return list(texts), list(tenants), list(pairs)


def by_plain_peft(store: Path, base: Path, name: str, text: str, pair: str | None) -> TaskAnswer:
    """What the adapter alone answers: transformers' tokenizer, plain PEFT's logits, then the task's own decoding."""
    kind = ADAPTERS[name]
    tokenizer = AutoTokenizer.from_pretrained(base, truncation_side="left" if name == "replies" else "right")
    tokens = tokenizer(
        clean(text, kind.text_steps), pair, truncation=True, max_length=kind.max_length, return_offsets_mapping=True
    )
    row = Encoded([tokens["input_ids"]], [False], [tokens["token_type_ids"]])
    (logits,) = logits_by_plain_peft(store / name / "v1", base, row)
    calibration = kind.calibration
    (probabilities,) = kind.answers.probabilities(logits.numpy()[None], calibration)
    return kind.answers.answer(probabilities, calibration, Asked(read=Read(text, np.array(tokens["offset_mapping"]))))


def assert_same(ours: object, theirs: object) -> None:
    """Numbers within 1e-5 (of a hundred and more: relatively), everything else to the letter."""
    if isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-5)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    else:
        assert ours == theirs


def test_every_task_is_answered_in_one_mixed_batch_as_its_adapter_alone(
    store: Path, tiny_base: Path, lingyu: Lingyu, monkeypatch: pytest.MonkeyPatch
) -> None:
    forwards: list[int] = []
    answer = Engine._answer
    monkeypatch.setattr(
        Engine, "_answer", lambda self, logits, stack, adapters, encoded, rows: (
            forwards.append(len(rows)), answer(self, logits, stack, adapters, encoded, rows))[1],
    )  # fmt: skip
    texts, tenants, pairs = rows()
    answers = lingyu.classify(texts, tenants, text_pairs=pairs)
    assert len(forwards) < len(ADAPTERS), "not one forward an adapter"
    for text, name, pair, result in zip(texts, tenants, pairs, answers, strict=True):
        assert isinstance(result, Result), result
        assert (result.text, result.text_pair, result.version) == (text, pair, f"{name}@v1")
        assert_same(result.answer.as_json(), by_plain_peft(store, tiny_base, name, text, pair).as_json())
    assert any(result.answer.entities for result in answers if isinstance(result.answer, EntitiesAnswer))


def test_rows_of_more_adapters_than_a_stack_holds_are_answered_as_in_one(
    lingyu: Lingyu, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*ADAPTERS, *reversed(ADAPTERS)]
    pairs = [PAIR if ADAPTERS[name].text_pair else None for name in names]
    texts = [TEXTS[number % len(TEXTS)] for number in range(len(names))]
    once = lingyu.classify(texts, names, text_pairs=pairs)
    monkeypatch.setattr("lingyu.serving.answering.MAX_STACKED", 3)
    for one, other in zip(once, lingyu.classify(texts, names, text_pairs=pairs), strict=True):
        assert (one.text, one.version, one.truncated) == (other.text, other.version, other.truncated)
        assert one.answer.line == other.answer.line


def test_each_answer_is_of_its_own_task_and_has_what_that_has(lingyu: Lingyu) -> None:
    names = ("aspects", "slots", "stars", "price")
    aspects, slots, stars, price = lingyu.classify(["房间很好"] * 4, names)
    (score,) = lingyu.classify(["房间很好"], "replies", text_pairs=["推荐"])
    assert isinstance(aspects.answer, MultiLabelAnswer)
    assert isinstance(slots.answer, EntitiesAnswer)
    assert isinstance(stars.answer, OrdinalAnswer)
    assert isinstance(price.answer, ValueAnswer)
    assert isinstance(score.answer, ScoreAnswer)
    assert stars.label in stars.probabilities
    with pytest.raises(AttributeError, match="price@v1 answers no label: its answers have value"):
        price.label  # noqa: B018
    assert list(score.as_json()) == ["text", "text_pair", "score", "version", "truncated"]
    assert list(slots.as_json()) == ["text", "entities", "version", "truncated"]


def test_entities_are_places_in_the_text_as_it_came(lingyu: Lingyu) -> None:
    bare, blank = lingyu.classify(["ｗｉｆｉ 房间很好", "  　ｗｉｆｉ 房间很好 \n"], "slots")
    for result, before in ((bare, 0), (blank, 3)):
        assert isinstance(result.answer, EntitiesAnswer)
        for entity in result.answer.entities:
            assert result.text[entity.start : entity.end] == entity.text
        assert [entity.start - before for entity in result.answer.entities] == [
            entity.start for entity in bare.answer.entities
        ]
    assert bare.answer.entities


ODD = st.sampled_from(
    [
        "ＷＩＦＩ",
        "Ａ",
        "１",
        "　",
        "👍🏽",
        "👨‍👩‍👧",
        "é",
        "é",
        "İ",
        "ﬁ",
        "①",
        "\u200b",
        "\ud83d",
        "\ud83d\ude00",
        "\x00",
    ]
)


@settings(max_examples=40)
@given(pieces=st.lists(ODD | st.text(max_size=3) | st.sampled_from(["房间", "很好", "前台"]), max_size=12))
def test_entities_stand_where_they_say_in_the_text_as_it_came(lingyu: Lingyu, pieces: list[str]) -> None:
    text = "".join(pieces)
    for result in lingyu.classify([text, f" 房{text}间"], "slots"):
        if isinstance(result, Failed):
            assert result.error.what == "the text is empty"
            continue
        ends = 0
        for entity in result.answer.entities:
            assert ends <= entity.start < entity.end <= len(result.text)
            assert result.text[entity.start : entity.end] == entity.text
            ends = entity.end


def test_an_adapter_whose_steps_move_characters_says_no_places_and_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases/tiny").symlink_to(tiny_base)
    moving = Kind(task="token", labels=("人",), text_steps=("html", "width"))
    version = publish(tmp_path / "adapters", "moving", tiny_base, moving)
    with pytest.raises(
        LingyuError, match=r"moving@v1: its text steps \(html\) move the characters that entities stand"
    ):
        load(version)


def test_a_text_that_was_cut_has_entities_of_what_was_read_alone(lingyu: Lingyu) -> None:
    (result,) = lingyu.classify(["好吃不贵" * 20], "names")
    assert result.truncated
    assert isinstance(result.answer, EntitiesAnswer)
    assert all(entity.end <= 14 for entity in result.answer.entities), "16 tokens, two of them special"


def test_what_a_tenant_answers_is_told_without_loading_it(store: Path) -> None:
    fresh = Lingyu.load(store)
    assert {name: fresh.task_of(name) for name in ADAPTERS} == {name: kind.task for name, kind in ADAPTERS.items()}
    assert fresh.resident == ()
    with pytest.raises(LingyuError, match="Did you mean `stars`"):
        fresh.task_of("star")


def test_a_multi_label_threshold_of_a_user_stands_in_place_of_devs(lingyu: Lingyu) -> None:
    (plain,) = lingyu.classify(["房间很好"], "aspects")
    (all_of_them,) = lingyu.classify(["房间很好"], "aspects", threshold=1e-9)
    assert all_of_them.answer.labels == ("味道", "服务", "价格", "环境")
    assert all_of_them.answer.probabilities == plain.answer.probabilities
    limits = dict(zip(ADAPTERS["aspects"].labels, ADAPTERS["aspects"].calibration.thresholds, strict=True))
    assert plain.answer.labels == tuple(n for n, p in plain.answer.probabilities.items() if p >= limits[n])


def test_threads_that_ask_for_other_tasks_do_not_mix_them_up(store: Path) -> None:
    lingyu = Lingyu.load(store)
    texts, tenants, pairs = rows()
    expected = [result.as_json() for result in Lingyu.load(store).classify(texts, tenants, text_pairs=pairs)]
    start = threading.Barrier(8)

    def ask(seed: int) -> list[tuple[int, dict[str, object]]]:
        order = np.random.default_rng(seed).permutation(len(texts))[: 4 + seed * 3]
        start.wait(timeout=60)
        answers = lingyu.classify([texts[n] for n in order], [tenants[n] for n in order],
                                  text_pairs=[pairs[n] for n in order])  # fmt: skip
        return [(int(n), answer.as_json()) for n, answer in zip(order, answers, strict=True)]

    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(ask, range(8)):
            for number, answer in answers:
                assert_same(answer, expected[number])


# One text or two


def test_one_text_too_few_or_too_many_is_the_rows_own_error(lingyu: Lingyu) -> None:
    texts, tenants = ["好", "好", "好", "好"], ["restaurant", "hotel", "restaurant", "hotel"]
    missing, surplus, two, one = lingyu.classify(texts, tenants, text_pairs=[None, "服务", "服务", None])
    assert isinstance(missing, Failed)
    assert str(missing.error) == (
        "restaurant@v1 reads two texts, and here is one. "
        "Give the second one too: --pair TEXT, --pair-column COLUMN, or text_pairs=[...] in Python"
    )
    assert isinstance(surplus, Failed)
    assert str(surplus.error) == (
        "hotel@v1 reads one text, and here are two. "
        "Leave out --pair or --pair-column, or text_pairs in Python; or leave this row's cell of it empty"
    )
    assert isinstance(two, Result)
    assert isinstance(one, Result)


def test_an_empty_second_text_is_told(lingyu: Lingyu) -> None:
    (failed,) = lingyu.classify(["好"], "restaurant", text_pairs=[" \u3000"])
    assert isinstance(failed, Failed)
    assert failed.error.what == "the second text is empty"


def test_the_second_text_counts_and_so_does_which_of_the_two_it_is(lingyu: Lingyu) -> None:
    answers = lingyu.classify(["房间好", "房间好", "服务差"], "restaurant", text_pairs=["服务差", "住前台", "房间好"])
    scores = [list(answer.probabilities.values()) for answer in answers]
    assert np.abs(np.subtract(scores[0], scores[1])).max() > 1e-3
    assert np.abs(np.subtract(scores[0], scores[2])).max() > 1e-3


def test_an_adapter_alone_takes_second_texts_too(store: Path, lingyu: Lingyu) -> None:
    alone = load(Store(store).open("restaurant"))
    (answer,) = alone.classify(["房间好"], text_pairs=["服务"])
    (mixed,) = lingyu.classify(["房间好"], "restaurant", text_pairs=["服务"])
    assert_same(answer.as_json(), mixed.as_json())


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ("服务", r"takes a list of second texts\. Write text_pairs=\[text\]"),
        (["服务"], "2 texts but 1 second texts"),
        (["服务", 7], r"a second text is a int\. Give strings, or None for none"),
    ],
)
def test_second_texts_are_as_many_as_texts_and_strings(pairs: list[str], says: str, lingyu: Lingyu) -> None:
    with pytest.raises(LingyuError, match=says):
        lingyu.classify(["好", "差"], "restaurant", text_pairs=pairs)


# Ensembles and thresholds


def tenants_of(store: Path, folder: Path, **adapters: object) -> Lingyu:
    (folder / "tenants.yaml").write_text(json.dumps({"tenants": adapters}), "utf-8")
    return Lingyu.load(store, tenants=folder / "tenants.yaml")


def test_an_ensemble_averages_what_its_members_make_of_a_row(store: Path, lingyu: Lingyu, tmp_path: Path) -> None:
    """Labels stand in another order in the second version of each; multi_label's thresholds are averaged too."""
    versions = {name: {"adapters": [f"{name}@v1", f"{name}@v2"]} for name in ("aspects", "slots")}
    both = tenants_of(store, tmp_path, **versions)
    aspects, slots = both.classify(["房间很好"] * 2, ["aspects", "slots"])
    one, two = lingyu.classify(["房间很好"] * 2, ["aspects@v1", "aspects@v2"])
    mean = {label: (one.probabilities[label] + two.probabilities[label]) / 2 for label in one.probabilities}
    assert aspects.probabilities == pytest.approx(mean, abs=1e-6)
    limits = {"味道": 0.45, "服务": 0.5, "价格": 0.55, "环境": 0.5}
    assert aspects.answer.labels == tuple(label for label in mean if mean[label] >= limits[label])
    assert aspects.version == "aspects@v1+aspects@v2"
    assert isinstance(slots, Failed), "its second version reads texts without the step of the first"
    assert slots.error.what == "slots@v1 and slots@v2 cut a text into other tokens"


def test_an_ensemble_has_the_mean_of_the_thresholds_of_its_members(tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases/tiny").symlink_to(tiny_base)
    labels = ("味道", "服务", "价格", "环境")
    for name, order, limits in (("x", labels, (0.01, 0.01, 0.01, 0.99)), ("y", labels[::-1], (0.01, 0.97, 0.99, 0.99))):
        kind = Kind(seed=3, task="multi_label", labels=order, calibration=Calibration(thresholds=limits))
        publish(tmp_path / "adapters", name, tiny_base, kind)
    both = tenants_of(tmp_path / "adapters", tmp_path, both={"adapters": ["x", "y"]})
    means = dict(zip(labels, (0.5, 0.5, 0.49, 0.5), strict=True))
    for answer in both.classify([*TEXTS, "服务", "很贵"], "both"):
        assert answer.answer.labels == tuple(name for name, p in answer.probabilities.items() if p >= means[name])
        assert answer.answer.labels != labels


def test_an_ensemble_of_values_and_one_of_entities_say_what_their_members_say(tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases/tiny").symlink_to(tiny_base)
    for name, kind in (("x", ADAPTERS["price"]), ("y", replace(ADAPTERS["price"], seed=12))):
        publish(tmp_path / "adapters", name, tiny_base, kind)
    for name in ("v", "w"):
        publish(tmp_path / "adapters", name, tiny_base, ADAPTERS["slots"])
    tenants = {"x": "x", "y": "y", "v": "v", "xy": {"adapters": ["x", "y"]}, "vw": {"adapters": ["v", "w"]}}
    answering = tenants_of(tmp_path / "adapters", tmp_path, **tenants)
    for text in TEXTS:
        x, y, v, xy, vw = (answer.answer for answer in answering.classify([text] * 5, ["x", "y", "v", "xy", "vw"]))
        assert xy.value == pytest.approx((x.value + y.value) / 2)
        assert_same(vw.as_json(), v.as_json())
        assert abs(x.value - y.value) > 0.1


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (
            Kind(seed=1, task="ordinal", labels=("差", "中", "好")),
            Kind(seed=2, task="ordinal", labels=("好", "中", "差")),
            "y@v1 好, 中, 差. An ensemble's adapters have the same labels, in the same order",
        ),
        (Kind(seed=1), Kind(seed=2, text_pair=True), "y@v1 reads two texts, but x@v1 one"),
        (Kind(seed=1, text_pair=True), Kind(seed=2), "x@v1 reads two texts, but y@v1 one"),
    ],
)
def test_adapters_that_answer_or_read_unlike_are_no_ensemble(
    one: Kind, other: Kind, says: str, tiny_base: Path, tmp_path: Path
) -> None:
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases/tiny").symlink_to(tiny_base)
    for name, kind in (("x", one), ("y", other)):
        publish(tmp_path / "adapters", name, tiny_base, kind)
    answering = tenants_of(tmp_path / "adapters", tmp_path, both={"adapters": ["x", "y"]})
    (failed,) = answering.classify(["好"], "both")
    assert isinstance(failed, Failed)
    assert says in str(failed.error)


def test_what_a_tenant_answers_is_told_by_its_tenants_file_as_it_is_now(store: Path, tmp_path: Path) -> None:
    changing = tenants_of(store, tmp_path, acme="stars")
    assert changing.task_of("acme") == "ordinal"
    tenants_of(store, tmp_path, acme="aspects")
    assert changing.task_of("acme") == "multi_label"


@pytest.mark.parametrize(
    ("tenant", "says"),
    [
        ({"adapters": ["hotel", "stars"]}, "hotel@v1 is for the task single_label, but stars@v1 for ordinal"),
        (
            {"adapter": "slots", "thresholds": {"品牌": 0.5}},
            "slots@v1 is for the task token, whose answers have no",
        ),
        ({"adapter": "aspects", "thresholds": {"味到": 0.5}}, "aspects@v1 has no label '味到'"),
    ],
)
def test_what_can_not_be_averaged_or_has_no_threshold_is_told_by_name(
    tenant: dict[str, object], says: str, store: Path, tmp_path: Path
) -> None:
    (failed,) = tenants_of(store, tmp_path, a=tenant).classify(["好"], "a")
    assert isinstance(failed, Failed)
    assert says in str(failed.error)
    assert "tenants.yaml" in str(failed.error)


def test_a_list_of_tenants_is_checked_for_thresholds_that_a_task_has_not(store: Path, tmp_path: Path) -> None:
    limits = {"a": ("slots", "品牌"), "b": ("aspects", "味道")}
    tenants = {name: {"adapter": adapter, "thresholds": {label: 0.5}} for name, (adapter, label) in limits.items()}
    (tmp_path / "tenants.yaml").write_text(json.dumps({"tenants": tenants}), "utf-8")
    (fault,) = tenant_faults(read_tenants(tmp_path / "tenants.yaml"), Store(store))
    assert fault.what == "tenants.a.thresholds: slots@v1 is for the task token, whose answers have no threshold"


def test_a_threshold_for_an_adapter_whose_task_has_none_is_refused(store: Path) -> None:
    with pytest.raises(LingyuError, match="stars@v1 is for the task ordinal, whose answers have no threshold"):
        load(Store(store).open("stars")).classify(["好"], threshold=0.5)


class Text(str):
    """One that a weak reference may point to."""


@pytest.mark.parametrize(("failing", "tenant"), [("", "stars"), ("房间很好", "star"), ("房间很好", "restaurant")])
def test_an_error_that_is_kept_keeps_nothing_else_of_its_batch_alive(failing: str, tenant: str, lingyu: Lingyu) -> None:
    others = Text("房间很好，我是另一位租户")
    alive = weakref.ref(others)
    gc.disable()  # nothing may wait for it
    try:
        kept = lingyu.classify([others, failing], ["stars", tenant])[1]
        del others
        assert isinstance(kept, Failed)
        assert alive() is None
    finally:
        gc.enable()


def test_an_adapter_whose_loading_failed_goes_with_its_batch(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    admitted: list[weakref.ref[object]] = []
    admit = Engine.admit

    def breaks(engine: Engine, version: Version) -> Resident:
        resident = admit(engine, version)
        admitted.append(weakref.ref(resident))
        raise OSError(resident.version.reference)

    monkeypatch.setattr(Engine, "admit", breaks)
    gc.disable()
    try:
        (kept,) = Lingyu.load(store).classify(["房间很好"], "stars")
        assert isinstance(kept, Failed)
        assert [found() for found in admitted] == [None]
    finally:
        gc.enable()


def publish_overflowing(store: Path, base: Path, name: str, kind: Kind) -> None:
    """Every weight of its head is finite, and their sums are not."""

    def write(folder: Path, version: str) -> VersionFacts:
        write_adapter(folder, base, kind)
        (folder / "README.md").unlink()
        tensors = load_file(folder / "adapter_model.safetensors")
        head = next(key for key in tensors if "classifier" in key and key.endswith("weight"))
        tensors[head] = torch.full_like(tensors[head], 3e38)
        tensors[head][:, ::2] = -3e38
        save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
        found = find_base(str(base))
        return facts_of(found.weights_fingerprint, found.tokenizer_fingerprint, kind)

    Store(store).publish(name, write, channel="stable", why="a test")


@pytest.mark.parametrize("name", ["hotel", "aspects", "slots", "stars", "price"])
def test_an_adapter_that_overflows_fails_its_own_rows_and_no_others(
    name: str, store: Path, tiny_base: Path, tmp_path: Path
) -> None:
    shutil.copytree(store.parent, tmp_path / "place")
    spoilt = tmp_path / "place/adapters"
    publish_overflowing(spoilt, tiny_base, "spoilt", ADAPTERS[name])
    answering = tenants_of(spoilt, tmp_path, good=name, bad="spoilt", both={"adapters": [name, "spoilt"]})
    good, bad, both = answering.classify(["房间很好"] * 3, ["good", "bad", "both"])
    assert isinstance(good, Result)
    assert_same(good.as_json(), answering.classify(["房间很好"], "good")[0].as_json())
    for failed in (bad, both):
        assert isinstance(failed, Failed)
        assert str(failed.error).startswith("spoilt@v1: gives logits that are no finite numbers. ")


def test_a_value_beyond_all_numbers_is_the_rows_error(tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases/tiny").symlink_to(tiny_base)
    calibration = Calibration(offset=-1.7e308, scale=1.7e308)  # its logits are below 0
    version = publish(tmp_path / "adapters", "x", tiny_base, replace(ADAPTERS["price"], calibration=calibration))
    for failed in load(version).classify(TEXTS):
        assert isinstance(failed, Failed)
        assert "no finite numbers" in str(failed.error)
