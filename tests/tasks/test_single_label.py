"""single_label: loss against torch's own mean, decoding against a plain softmax."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, f1_score

from lingyu.tasks import (
    IGNORED,
    UNCERTAIN,
    Asked,
    Calibration,
    SingleLabel,
    fit_temperature,
    label_counts,
)

TASK = SingleLabel(labels=("负面", "中性", "正面"))


def test_pieces_of_a_batch_add_up_to_its_mean_loss() -> None:
    logits, labels = torch.randn(7, 3), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    whole = torch.nn.functional.cross_entropy(logits, labels)
    pieces = sum(TASK.loss(logits[rows], labels[rows], 7) for rows in (slice(0, 3), slice(3, 4), slice(4, 7)))
    assert torch.allclose(whole, torch.as_tensor(pieces))


def test_filling_rows_count_for_nothing() -> None:
    logits = torch.randn(3, 3)
    labels = torch.tensor([0, IGNORED, 2])
    expected = TASK.loss(logits[[0, 2]], labels[[0, 2]], 2)
    assert torch.allclose(TASK.loss(logits, labels, 2), expected)


def test_a_piece_of_filling_alone_has_no_loss() -> None:
    assert TASK.loss(torch.randn(1, 3), torch.tensor([IGNORED]), 5) == 0


def test_weights_and_smoothing_are_torchs_own() -> None:
    logits, labels, weights = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0]), (0.5, 1.0, 3.0)
    expected = torch.nn.functional.cross_entropy(
        logits, labels, weight=torch.tensor(weights), label_smoothing=0.2, reduction="sum"
    )
    task = SingleLabel(TASK.labels, class_weights=weights, label_smoothing_factor=0.2)
    assert torch.allclose(task.loss(logits, labels, 5), expected / 5)


@given(arrays(np.float32, (4, 3), elements=st.floats(-20, 20, width=32)), st.floats(0.1, 10))
def test_probabilities_are_a_softmax_in_label_order(logits: np.ndarray, temperature: float) -> None:
    probabilities = TASK.probabilities(logits, Calibration(temperature=temperature))
    for row, answer in zip(logits, map(TASK.answer, probabilities), strict=True):
        exponentials = [math.exp(float(value) / temperature - float(row.max()) / temperature) for value in row]
        expected = [value / sum(exponentials) for value in exponentials]
        assert list(answer.probabilities) == list(TASK.labels)
        assert list(answer.probabilities.values()) == pytest.approx(expected, abs=1e-9)
        assert answer.probability == max(answer.probabilities.values())


def test_at_its_threshold_a_label_is_given_and_one_whose_own_is_0_always() -> None:
    probabilities = np.array([0.5, 0.25, 0.25])
    assert TASK.answer(probabilities, asked=Asked(0.5)).label == TASK.labels[0]
    assert TASK.answer(probabilities, asked=Asked(0.9, {TASK.labels[0]: 0.0})).label == TASK.labels[0]


def test_below_the_threshold_the_answer_is_uncertain() -> None:
    probabilities = TASK.probabilities(np.array([[2.0, 0.0, 0.0], [0.1, 0.0, 0.0]]), Calibration())
    assert [TASK.answer(row, asked=Asked(0.6)).label for row in probabilities] == ["负面", UNCERTAIN]
    assert TASK.answer(probabilities[0], asked=Asked(0.9, {"负面": 0.6})).label == "负面"
    assert TASK.answer(probabilities[0], asked=Asked(thresholds={"负面": 0.9})).label == UNCERTAIN


rows_of_labels = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)


@given(rows_of_labels)
def test_figures_are_those_of_the_metrics_to_the_last_digit(rows: list[tuple[int, int]]) -> None:
    true, predicted = (np.array(column) for column in zip(*rows, strict=True))
    found = {
        name: float(value) for name, value in TASK.figures_of(TASK.statistics(predicted, true).sum(axis=0)).items()
    }
    assert found == {
        "accuracy": accuracy_score(true, predicted),
        "macro_f1": pytest.approx(f1_score(true, predicted, average="macro", zero_division=0), abs=1e-15),
    }


def test_the_statistics_begin_with_the_counts_of_each_label() -> None:
    statistics = TASK.statistics(np.array([0, 0, 2, 1]), np.array([0, 1, 2, IGNORED]))
    right, predicted, true = label_counts(statistics.sum(axis=0), 3)
    assert (right.tolist(), predicted.tolist(), true.tolist()) == ([1, 0, 1], [2, 0, 1], [1, 1, 1])
    assert statistics[3].tolist() == [0] * 9


def test_calibration_is_the_temperature_of_dev() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(scale=3, size=(2000, 3))
    labels = (logits / 2 + random.gumbel(size=logits.shape)).argmax(axis=1)  # as a softmax at temperature 2 has them
    calibration = TASK.calibrate(logits, labels)
    assert calibration == Calibration(temperature=fit_temperature(logits, labels))
    assert calibration.temperature == pytest.approx(2, rel=0.1)
    with_filling = np.concatenate([labels, [IGNORED]])
    assert TASK.calibrate(np.concatenate([logits, [[9.0, 0.0, 0.0]]]), with_filling) == calibration
