"""token: tags of real tokens, span F1 against a plain count of spans, entities inside their text."""

import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lingyu.bases import Base
from lingyu.tasks import (
    IGNORED,
    Asked,
    Calibration,
    Read,
    Token,
    label_counts,
    lost_entities,
    tag_ids,
)
from lingyu.tasks.task import measured

TASK = Token(labels=("品牌", "型号"))
PLAIN = Calibration()
TEXT = "华为mate40手机"
# [CLS] 华 为 mate ##40 手 机 [SEP]
SPANS = np.array([[0, 0], [0, 1], [1, 2], [2, 6], [6, 8], [8, 9], [9, 10], [0, 0]])
OF_TEXT = Asked(read=Read(TEXT, SPANS))
quickly = settings(max_examples=60)


def sure_of(tags: list[int], certainty: float = 0.9) -> np.ndarray:
    """(tokens, tags) probabilities of which the given tags are the largest."""
    probabilities = np.full((len(tags), 5), (1 - certainty) / 4)
    probabilities[np.arange(len(tags)), tags] = certainty
    return probabilities


def test_the_answer_gives_entities_as_characters_of_the_text() -> None:
    answer = TASK.answer(sure_of([4, 1, 2, 3, 4, 0, 0, 1]), PLAIN, OF_TEXT)
    assert [(one.text, one.label, one.start, one.end) for one in answer.entities] == [
        ("华为", "品牌", 0, 2),
        ("mate40", "型号", 2, 8),
    ]
    assert answer.entities[0].probability == pytest.approx(0.9)


def test_the_probability_of_an_entity_is_the_mean_of_its_tokens() -> None:
    probabilities = sure_of([0, 1, 2, 0, 0, 0, 0, 0])
    probabilities[2] = [0.0, 0.0, 0.5, 0.3, 0.2]
    assert TASK.answer(probabilities, PLAIN, OF_TEXT).entities[0].probability == pytest.approx(0.7)


def test_padding_behind_the_text_answers_nothing() -> None:
    padded = sure_of([0, 0, 0, 0, 0, 0, 1, 0, 1, 2, 1])
    assert [one.text for one in TASK.answer(padded, PLAIN, OF_TEXT).entities] == ["机"]


def test_a_text_without_tokens_has_no_entities() -> None:
    nothing = np.array([[0, 0], [0, 0]])
    assert TASK.answer(sure_of([1, 1]), PLAIN, Asked(read=Read("", nothing))).entities == ()


@st.composite
def texts_and_spans(draw: st.DrawFn) -> tuple[str, np.ndarray]:
    """A text and tokens as tokenizers make them: gaps between, pieces that repeat or reach over the one before."""
    spans, end = [(0, 0)], 0
    for gap, length, again in draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 3), st.integers(0, 2)))):
        spans += [(max(0, end + gap - again), end + gap + length)] * (1 + again // 2)
        end += gap + length
    return draw(st.text(min_size=end + 1, max_size=end + 1)), np.array([*spans, (0, 0)])


@given(texts_and_spans(), st.integers(0, 1000))
@quickly
def test_every_entity_lies_inside_the_text_and_none_overlap(drawn: tuple[str, np.ndarray], seed: int) -> None:
    text, spans = drawn
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(5), size=len(spans))
    entities = TASK.answer(probabilities, PLAIN, Asked(read=Read(text, spans))).entities
    borders = [border for one in entities for border in (one.start, one.end)]
    assert borders == sorted(borders)
    for one in entities:
        assert 0 <= one.start < one.end <= len(text)
        assert one.text == text[one.start : one.end]
        assert 0.2 <= one.probability <= 1
        assert one.label in TASK.labels


@given(texts_and_spans(), st.integers(0, 1000))
@quickly
def test_entities_that_were_answered_come_back_as_the_same_tags(drawn: tuple[str, np.ndarray], seed: int) -> None:
    text, spans = drawn
    first = TASK.answer(
        np.random.default_rng(seed).dirichlet(np.ones(5), size=len(spans)), PLAIN, Asked(read=Read(text, spans))
    )
    known = [(one.start, one.end, TASK.labels.index(one.label)) for one in first.entities]
    tags = tag_ids(known, spans)
    again = TASK.answer(sure_of(np.maximum(tags, 0).tolist()), PLAIN, Asked(read=Read(text, spans)))
    assert [(one.start, one.end, one.label) for one in again.entities] == [
        (one.start, one.end, one.label) for one in first.entities
    ]
    assert lost_entities(known, spans) == 0


def named_spans(tags: list[int]) -> Counter[tuple[str, int, int]]:
    """The spans of a row as a left-to-right reader finds them, one token at a time."""
    found: list[list[object]] = []
    before = None
    for place, tag in enumerate(tags):
        kind, label = ("O", None) if tag == 0 else ("BI"[(tag - 1) % 2], TASK.labels[(tag - 1) // 2])
        if kind == "B" or (kind == "I" and label != before):
            found.append([label, place, place])
        elif kind == "I":
            found[-1][2] = place
        before = label
    return Counter((str(label), int(str(first)), int(str(last))) for label, first, last in found)


any_tags = arrays(np.int64, st.tuples(st.integers(1, 8), st.just(9)), elements=st.integers(0, 4))


@given(any_tags, st.integers(0, 1000))
@quickly
def test_span_f1_counts_exact_spans_with_their_labels(true: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    predicted = np.where(random.random(true.shape) < 0.7, true, random.integers(0, 5, true.shape))
    right = answered = wanted = 0
    for ours, theirs in zip(predicted.tolist(), true.tolist(), strict=True):
        right += (named_spans(ours) & named_spans(theirs)).total()
        answered += named_spans(ours).total()
        wanted += named_spans(theirs).total()
    precision, recall = right / max(answered, 1), right / max(wanted, 1)
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    found = TASK.figures_of(TASK.statistics(predicted, true).sum(axis=0))
    assert found == pytest.approx({"span_f1": f1, "precision": precision, "recall": recall})


def test_what_a_model_says_at_ignored_tokens_neither_breaks_nor_makes_an_entity() -> None:
    true = np.array([[IGNORED, 1, IGNORED, 2, 0, IGNORED]])
    predicted = np.array([[3, 1, 3, 2, 0, 1]])
    right, answered, wanted = label_counts(TASK.statistics(predicted, true).sum(axis=0), 2)
    assert (right.tolist(), answered.tolist(), wanted.tolist()) == ([1, 0], [1, 0], [1, 0])


def test_where_no_entity_is_anywhere_the_figures_are_0() -> None:
    nothing = np.zeros((3, 4), dtype=np.int64)
    assert measured(TASK, np.tile(sure_of([0] * 4), (3, 1, 1)), PLAIN, nothing) == {
        "span_f1": 0.0,
        "precision": 0.0,
        "recall": 0.0,
    }


def test_the_loss_is_the_mean_over_the_tokens_that_bear_tags() -> None:
    logits, targets = torch.randn(2, 4, 5), torch.tensor([[IGNORED, 1, 2, IGNORED], [IGNORED, 0, IGNORED, IGNORED]])
    expected = torch.nn.functional.cross_entropy(
        torch.stack([logits[0, 1], logits[0, 2], logits[1, 1]]), torch.tensor([1, 2, 0])
    )
    assert torch.allclose(TASK.loss(logits, targets, 3), expected)


def test_the_temperature_changes_no_entity() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(scale=4, size=(20, 9, 5)).astype(np.float32)
    targets = np.where(random.random((20, 9)) < 0.6, logits.argmax(axis=-1), random.integers(0, 5, (20, 9)))
    targets[:, 0] = IGNORED
    calibration = TASK.calibrate(logits, targets)
    assert calibration.temperature > 1.1
    plain, honest = (TASK.predictions(TASK.probabilities(logits, each), each) for each in (PLAIN, calibration))
    assert (plain == honest).all()


def test_titles_of_goods_keep_their_entities_through_the_embedded_tokenizer(shared_data: Path) -> None:
    """Characters to tokens and back: only an entity whose border lies within a token is lost, and counted so."""
    from lingyu.bases import find_base

    rows = _titles(shared_data / "tasks" / "slots.test.jsonl.gz")
    base: Base = find_base("embedded")
    encoded = base.encode([text for text, _ in rows], 128, spans=True)
    assert encoded.spans is not None
    task = Token(labels=("HCCX", "HPPX", "MISC", "XH"))
    lost = kept = 0
    for (text, entities), spans in zip(rows, encoded.spans, strict=True):
        tags = np.maximum(tag_ids([(a, b, task.labels.index(label)) for a, b, label in entities], spans), 0)
        found = task.answer(np.eye(task.num_outputs)[tags], PLAIN, Asked(read=Read(text, spans))).entities
        missing = {(one.start, one.end, one.label) for one in found} ^ set(entities)
        row_lost = lost_entities([(a, b, 0) for a, b, _ in entities], spans)
        assert bool(missing) == bool(row_lost), text
        lost, kept = lost + row_lost, kept + len(entities) - row_lost
    assert (lost, kept) == (2, 4864)


def _titles(file: Path) -> list[tuple[str, list[tuple[int, int, str]]]]:
    """Each title and its entities (start, end, label) in characters."""
    rows = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            entities: list[tuple[int, int, str]] = []
            for place, tag in enumerate(row["tags"]):
                if tag.startswith("B-"):
                    entities.append((place, place + 1, tag[2:]))
                elif tag.startswith("I-"):
                    start, _, label = entities.pop()
                    entities.append((start, place + 1, label))
            rows.append(("".join(row["tokens"]), entities))
    return rows
