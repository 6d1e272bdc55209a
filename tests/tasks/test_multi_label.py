"""multi_label: loss against torch's own, figures against scikit-learn, thresholds against a plain search."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import accuracy_score, f1_score

from lingyu.tasks import IGNORED, Asked, Calibration, MultiLabel, label_counts

TASK = MultiLabel(labels=("动力", "油耗", "空间"))
quickly = settings(max_examples=60)
zeros_and_ones = arrays(np.int64, st.tuples(st.integers(1, 25), st.just(3)), elements=st.integers(0, 1))


def figures(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    return {name: float(v) for name, v in TASK.figures_of(TASK.statistics(predicted, true).sum(axis=0)).items()}


@given(zeros_and_ones, st.integers(0, 1000))
@quickly
def test_figures_are_those_of_scikit_learn(true: np.ndarray, seed: int) -> None:
    predicted = np.random.default_rng(seed).integers(0, 2, true.shape)
    occurring = [label for label in range(3) if true[:, label].any() or predicted[:, label].any()]
    macro = f1_score(true, predicted, labels=occurring, average="macro", zero_division=0) if occurring else 0.0
    assert figures(predicted, true) == pytest.approx(
        {
            "micro_f1": f1_score(true, predicted, average="micro", zero_division=0),
            "macro_f1": macro,
            "exact_match": accuracy_score(true, predicted),
        }
    )


def test_rows_without_any_label_answered_so_are_exactly_right_and_have_no_f1() -> None:
    none = np.zeros((4, 3), dtype=np.int64)
    assert figures(none, none) == {"micro_f1": 0.0, "macro_f1": 0.0, "exact_match": 1.0}


def test_the_statistics_begin_with_the_counts_of_each_label() -> None:
    true, predicted = np.array([[1, 0, 1], [0, 1, IGNORED]]), np.array([[1, 1, 0], [0, 1, 1]])
    statistics = TASK.statistics(predicted, true)
    right, answered, wanted = label_counts(statistics.sum(axis=0), 3)
    assert (right.tolist(), answered.tolist(), wanted.tolist()) == ([1, 1, 0], [1, 2, 0], [1, 1, 1])
    assert statistics[:, -2].tolist() == [0, 1]  # the second row is right in all that is known of it


def test_the_loss_is_torchs_own_with_a_weight_for_positive_rows() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(5, 3), torch.randint(0, 2, (5, 3))
    weights = (1.0, 4.0, 0.5)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, targets.float(), pos_weight=torch.tensor(weights)
    )
    assert torch.allclose(MultiLabel(TASK.labels, weights).loss(logits, targets, 15), expected)


def test_a_single_label_that_is_not_known_has_no_loss() -> None:
    logits = torch.randn(2, 3)
    known, unknown = torch.tensor([[1, 0, 1], [0, 1, 0]]), torch.tensor([[1, 0, 1], [0, IGNORED, 0]])
    without = torch.nn.functional.binary_cross_entropy_with_logits(logits[1, 1], torch.tensor(1.0))
    assert torch.allclose(TASK.loss(logits, known, 1) - without, TASK.loss(logits, unknown, 1), atol=1e-6)


def test_extreme_logits_are_certain_without_overflow() -> None:
    logits = np.array([[-1e4, 0.0, 1e4]], dtype=np.float32)
    assert TASK.probabilities(logits, Calibration()).tolist() == [[0.0, 0.5, 1.0]]


def f1_at(threshold: float, probabilities: np.ndarray, true: np.ndarray) -> float:
    answered = [probability >= threshold for probability in probabilities]
    right = sum(a and t for a, t in zip(answered, true, strict=True))
    return 2 * right / (sum(answered) + sum(true))


coarse = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=20)


@given(coarse)
@quickly
def test_no_other_threshold_has_a_higher_f1_on_dev(rows: list[tuple[int, bool]]) -> None:
    """On few distinct values every cut can be tried: below, between and at each of them."""
    probabilities = np.array([value / 8 for value, _ in rows])
    true = np.array([is_true for _, is_true in rows])
    logits = np.log(np.clip(probabilities, 1e-9, 1 - 1e-9) / (1 - np.clip(probabilities, 1e-9, 1 - 1e-9)))
    targets = np.stack([true, np.zeros_like(true), np.ones_like(true)], axis=1).astype(np.int64)
    thresholds = TASK.calibrate(np.stack([logits] * 3, axis=1), targets).thresholds
    assert thresholds[1] == 0.5  # no row has it
    assert all(0 <= threshold <= 1 for threshold in thresholds)
    if not true.any():
        assert thresholds[0] == 0.5
        return
    exact = TASK.probabilities(logits[:, np.newaxis], Calibration())[:, 0]
    best = max(f1_at(cut / 16, exact, true) for cut in range(17))
    assert f1_at(thresholds[0], exact, true) == pytest.approx(best)
    if f1_at(0.5, exact, true) == pytest.approx(best):
        assert thresholds[0] == 0.5


def test_of_equally_good_thresholds_the_nearest_to_a_half_is_taken() -> None:
    separated = np.array([-3.0, -2.0, 1.0, 2.0])[:, np.newaxis].repeat(3, axis=1)
    targets = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 1, 1]])
    thresholds = TASK.calibrate(separated, targets).thresholds
    low, high = 1 / (1 + np.exp(3)), 1 / (1 + np.exp(2))
    assert thresholds == (0.5, pytest.approx((low + high) / 2), pytest.approx(low / 2))


def test_calibration_is_the_same_for_any_order_of_rows() -> None:
    random = np.random.default_rng(0)
    logits, targets = random.normal(size=(300, 3)).round(1), random.integers(0, 2, (300, 3))
    order = random.permutation(300)
    assert TASK.calibrate(logits, targets) == TASK.calibrate(logits[order], targets[order])


def test_logits_that_are_not_finite_leave_the_thresholds_alone() -> None:
    logits = np.array([[np.nan, 1.0, -1.0], [0.0, 1.0, -1.0]])
    assert TASK.calibrate(logits, np.array([[1, 1, 0], [0, 1, 0]])).thresholds == (0.5, 0.5, 0.5)


def test_predictions_follow_the_threshold_of_each_label() -> None:
    probabilities = np.array([[0.4, 0.4, 0.4], [0.6, 0.6, 0.6]])
    assert TASK.predictions(probabilities, Calibration()).tolist() == [[0, 0, 0], [1, 1, 1]]
    strict_and_lax = Calibration(thresholds=(0.3, 0.5, 0.6))
    assert TASK.predictions(probabilities, strict_and_lax).tolist() == [[1, 0, 0], [1, 1, 1]]


def test_a_users_own_threshold_takes_the_place_of_the_one_from_dev() -> None:
    probabilities, calibration = np.array([0.4, 0.4, 0.7]), Calibration(thresholds=(0.3, 0.5, 0.6))
    assert TASK.answer(probabilities, calibration).labels == ("动力", "空间")
    assert TASK.answer(probabilities, calibration, Asked(0.35)).labels == ("动力", "油耗", "空间")
    assert TASK.answer(probabilities, calibration, Asked(thresholds={"空间": 0.9})).labels == ("动力",)
    assert TASK.answer(probabilities, Calibration()).labels == ("空间",)


def test_a_label_is_given_from_its_threshold_on_as_the_card_says() -> None:
    probabilities, calibration = np.array([0.25, 0.5, 0.75]), Calibration(thresholds=(0.25, 0.5, 0.75))
    assert TASK.predictions(probabilities[np.newaxis], calibration).tolist() == [[1, 1, 1]]
    assert TASK.answer(probabilities, calibration).labels == TASK.labels
    assert TASK.answer(probabilities, calibration, Asked(thresholds={TASK.labels[0]: 0.0})).labels == TASK.labels


def test_the_answer_agrees_with_the_prediction() -> None:
    random = np.random.default_rng(0)
    probabilities, calibration = random.random((50, 3)), Calibration(thresholds=(0.2, 0.5, 0.8))
    for row, predicted in zip(probabilities, TASK.predictions(probabilities, calibration), strict=True):
        named = TASK.answer(row, calibration).labels
        assert [label in named for label in TASK.labels] == predicted.astype(bool).tolist()
