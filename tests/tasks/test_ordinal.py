"""ordinal: CORN's loss against a plain loop over the paper's equations, figures against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, mean_absolute_error

from lingyu.tasks import Calibration, Ordinal

TASK = Ordinal(labels=("1星", "2星", "3星", "4星", "5星"))
PLAIN = Calibration()
quickly = settings(max_examples=60)


def slow_corn(logits: list[list[float]], targets: list[int]) -> float:
    """Equation 8 of the paper, with the sum not yet divided: for each task j the rows that are above rank j - 1."""
    total = 0.0
    for j in range(4):
        for row, y in zip(logits, targets, strict=True):
            if y > j - 1:
                f = 1 / (1 + math.exp(-row[j]))
                total -= math.log(f) if y > j else math.log(1 - f)
    return total


@given(
    arrays(np.float32, (6, 4), elements=st.floats(-8, 8, width=32)), st.lists(st.integers(0, 4), min_size=6, max_size=6)
)
@quickly
def test_the_loss_is_the_papers(logits: np.ndarray, targets: list[int]) -> None:
    found = TASK.loss(torch.from_numpy(logits), torch.tensor(targets), 6)
    assert float(found) == pytest.approx(slow_corn(logits.tolist(), targets) / 6, rel=1e-4, abs=4e-6)


def test_a_row_teaches_no_question_that_is_not_asked_of_it() -> None:
    logits = torch.zeros(1, 4, requires_grad=True)
    TASK.loss(logits, torch.tensor([1]), 1).backward()
    assert logits.grad is not None
    assert [bool(step) for step in logits.grad[0]] == [True, True, False, False]


@given(arrays(np.float32, (5, 4), elements=st.floats(-30, 30, width=32)))
@quickly
def test_probabilities_are_the_differences_of_the_chain_of_conditions(logits: np.ndarray) -> None:
    probabilities = TASK.probabilities(logits, PLAIN)
    for row, found in zip(logits.tolist(), probabilities, strict=True):
        above = [1.0]
        for logit in row:
            above.append(above[-1] / (1 + math.exp(-logit)))
        expected = [above[k] - above[k + 1] for k in range(4)] + [above[4]]
        assert found.tolist() == pytest.approx(expected, abs=1e-12)
    assert (probabilities >= 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(1.0)


@given(arrays(np.float64, (8, 4), elements=st.floats(-5, 5)))
@quickly
def test_the_prediction_is_the_median(logits: np.ndarray) -> None:
    probabilities = TASK.probabilities(logits, PLAIN)
    for row, place in zip(probabilities, TASK.predictions(probabilities, PLAIN), strict=True):
        assert row[:place].sum() <= 0.5 + 1e-9
        assert row[place + 1 :].sum() <= 0.5 + 1e-9


def test_a_label_that_the_truth_lies_above_and_not_above_alike_is_the_median() -> None:
    """`of more than 0.5`, as the card says of it: the lower one of two medians."""
    even = np.array([[0.5, 0.5, 0, 0, 0], [0.25, 0.25, 0.25, 0.25, 0], [0, 0, 0, 0.5, 0.5]])
    assert TASK.predictions(even, PLAIN).tolist() == [0, 1, 3]


def test_certain_logits_answer_every_place_of_the_scale() -> None:
    sure = np.array([[-9, 0, 0, 0], [9, -9, 0, 0], [9, 9, -9, 0], [9, 9, 9, -9], [9, 9, 9, 9]], dtype=np.float32)
    assert TASK.predictions(TASK.probabilities(sure, PLAIN), PLAIN).tolist() == [0, 1, 2, 3, 4]


rows_of_places = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


def figures(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    return {name: float(v) for name, v in TASK.figures_of(TASK.statistics(predicted, true).sum(axis=0)).items()}


@given(rows_of_places)
@quickly
def test_figures_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    true, predicted = (np.array(column) for column in zip(*rows, strict=True))
    found = figures(predicted, true)
    assert found["mae"] == pytest.approx(mean_absolute_error(true, predicted))
    assert found["accuracy"] == pytest.approx(accuracy_score(true, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(true, predicted, average="macro", zero_division=0))
    if len(set(true) | set(predicted)) > 1:
        kappa = cohen_kappa_score(true, predicted, weights="quadratic", labels=range(5))
        assert found["qwk"] == pytest.approx(kappa)


def test_where_all_rows_are_of_one_place_agreement_shows_nothing() -> None:
    assert figures(np.full(5, 2), np.full(5, 2)) == {"qwk": 0.0, "mae": 0.0, "accuracy": 1.0, "macro_f1": 1.0}
    assert figures(np.full(3, 1), np.array([0, 1, 2]))["qwk"] == 0.0


def test_the_answer_names_the_median_and_the_mean_place() -> None:
    probabilities = np.array([0.1, 0.2, 0.15, 0.15, 0.4])
    answer = TASK.answer(probabilities, PLAIN)
    assert (answer.label, answer.probability) == ("4星", 0.15)
    assert answer.expected == pytest.approx(0.1 + 0.4 + 0.45 + 0.6 + 2.0)
    assert list(answer.probabilities) == list(TASK.labels)


def test_a_scale_of_two_places_is_a_plain_yes_or_no() -> None:
    task = Ordinal(("差", "好"))
    probabilities = task.probabilities(np.array([[0.3]]), PLAIN)
    assert probabilities[0].tolist() == pytest.approx([1 - 1 / (1 + math.exp(-0.3)), 1 / (1 + math.exp(-0.3))])
    assert task.answer(probabilities[0]).label == "好"
