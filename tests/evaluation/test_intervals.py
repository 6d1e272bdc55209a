"""The bootstrap against slow loops, the normal approximation, and its properties."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from lingyu.evaluation import (
    Interval,
    bootstrap_accuracy_and_macro_f1,
    intervals,
    mcnemar_p,
    paired_difference,
    seeds_mean_interval,
)
from lingyu.tasks.metrics import Accuracy, MacroF1


def answers(rows, classes, accuracy, seed, models=1):
    """Labels (rows,) and predictions (models, rows) that are right in about the given share of rows."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    guesses = random.integers(0, classes, (models, rows))
    return labels, np.where(random.random((models, rows)) < accuracy, labels, guesses)


def scores_of(labels, predictions):
    return [(labels == predictions).mean(), f1_score(labels, predictions, average="macro", zero_division=0)]


def slow_bootstrap(labels, predictions, coefficients, seed, samples):
    """Draws patterns as the fast one does, but then writes the drawn rows out and scores them by scikit-learn."""
    patterns = Counter(zip(labels.tolist(), *predictions.tolist(), strict=True))
    ordered = sorted(patterns)
    shares = np.array([patterns[pattern] for pattern in ordered]) / len(labels)
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(samples):
        times = random.multinomial(len(labels), shares)
        rows = np.array([pattern for pattern, n in zip(ordered, times, strict=True) for _ in range(n)])
        drawn.append(sum(c * np.array(scores_of(rows[:, 0], rows[:, i])) for i, c in enumerate(coefficients, 1)))
    return np.percentile(drawn, (2.5, 97.5), axis=0)


def ends(scores):
    return [
        [scores.accuracy.low, scores.macro_f1.low],
        [scores.accuracy.high, scores.macro_f1.high],
    ]


@pytest.mark.parametrize(("rows", "classes"), [(60, 2), (80, 5), (30, 12)])
def test_one_model_equals_a_slow_loop_over_the_same_draws(rows, classes):
    labels, predictions = answers(rows, classes, 0.6, seed=rows)
    fast = bootstrap_accuracy_and_macro_f1(labels, predictions[0], classes, seed=7, samples=120)
    np.testing.assert_allclose(ends(fast), slow_bootstrap(labels, predictions, [1], seed=7, samples=120))


def test_differences_and_means_of_seeds_equal_slow_loops_over_the_same_draws():
    labels, predictions = answers(70, 4, 0.5, seed=1, models=3)
    difference = paired_difference(labels, predictions[0], predictions[1], 4, seed=3, samples=100)
    np.testing.assert_allclose(ends(difference), slow_bootstrap(labels, predictions[:2], [1, -1], 3, 100), atol=1e-12)
    mean = seeds_mean_interval(labels, predictions, 4, seed=3, samples=100)
    np.testing.assert_allclose(ends(mean), slow_bootstrap(labels, predictions, [1 / 3] * 3, 3, 100))
    of_seeds = paired_difference(labels, predictions[:2], predictions[2], 4, seed=3, samples=100)
    np.testing.assert_allclose(ends(of_seeds), slow_bootstrap(labels, predictions, [0.5, 0.5, -1], 3, 100), atol=1e-12)


def test_interval_is_that_of_drawing_single_rows():
    labels, predictions = answers(400, 6, 0.7, seed=2)
    random = np.random.default_rng(99)
    drawn = []
    for _ in range(600):
        rows = random.integers(0, 400, 400)
        drawn.append(scores_of(labels[rows], predictions[0][rows]))
    ours = bootstrap_accuracy_and_macro_f1(labels, predictions[0], 6, seed=0, samples=4000)
    np.testing.assert_allclose(ends(ours), np.percentile(drawn, (2.5, 97.5), axis=0), atol=0.012)


def test_accuracy_agrees_with_the_normal_approximation():
    labels, predictions = answers(3000, 2, 0.6, seed=4)
    found = bootstrap_accuracy_and_macro_f1(labels, predictions[0], 2, seed=0).accuracy
    half = 1.96 * math.sqrt(found.value * (1 - found.value) / 3000)
    assert found.low == pytest.approx(found.value - half, abs=0.002)
    assert found.high == pytest.approx(found.value + half, abs=0.002)


rows_of_labels = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


@given(rows_of_labels, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_value_is_that_of_the_metrics_and_nothing_moves_when_rows_are_shuffled(rows, random):
    labels, predictions = np.array(rows).T
    found = bootstrap_accuracy_and_macro_f1(labels, predictions, 5, seed=0, samples=50)
    compared = {"predictions": predictions, "references": labels}
    assert found.accuracy.value == pytest.approx(Accuracy().compute(**compared)["accuracy"])
    assert found.macro_f1.value == pytest.approx(MacroF1().compute(**compared)["macro_f1"])
    for interval in (found.accuracy, found.macro_f1):
        assert 0 <= interval.low <= interval.high <= 1 + 1e-12
    shuffled = np.array(random.sample(rows, len(rows))).T
    assert bootstrap_accuracy_and_macro_f1(*shuffled, 5, seed=0, samples=50) == found


def test_seeds_that_agree_give_the_interval_of_one_of_them():
    labels, predictions = answers(200, 3, 0.7, seed=5)
    one = bootstrap_accuracy_and_macro_f1(labels, predictions[0], 3, seed=0, samples=200)
    three = seeds_mean_interval(labels, np.repeat(predictions, 3, axis=0), 3, seed=0, samples=200)
    np.testing.assert_allclose(ends(three), ends(one))


def test_cutting_the_draws_into_blocks_changes_nothing(monkeypatch):
    labels, predictions = answers(100, 3, 0.7, seed=6)
    whole = bootstrap_accuracy_and_macro_f1(labels, predictions[0], 3, seed=0, samples=100)
    monkeypatch.setattr(intervals, "_WEIGHTS_IN_MEMORY", 70)
    assert bootstrap_accuracy_and_macro_f1(labels, predictions[0], 3, seed=0, samples=100) == whole


def test_pairing_sees_what_two_overlapping_intervals_hide():
    labels, base = answers(1000, 2, 0.6, seed=7)
    better = base[0].copy()
    wrong = np.flatnonzero(better != labels)[:25]
    better[wrong] = labels[wrong]
    a = bootstrap_accuracy_and_macro_f1(labels, better, 2, seed=0).accuracy
    b = bootstrap_accuracy_and_macro_f1(labels, base[0], 2, seed=0).accuracy
    assert a.low < b.high
    difference = paired_difference(labels, better, base[0], 2, seed=0)
    assert difference.accuracy.value == pytest.approx(0.025)
    assert difference.accuracy.judgement == "better"
    assert paired_difference(labels, base[0], better, 2, seed=0).accuracy.judgement == "worse"


def test_a_model_against_itself_is_noise():
    labels, predictions = answers(100, 3, 0.7, seed=8)
    same = paired_difference(labels, predictions[0], predictions[0], 3, seed=0, samples=100)
    assert same.accuracy == Interval(0.0, 0.0, 0.0)
    assert same.macro_f1.judgement == "noise"


def test_mcnemar_counts_only_rows_where_one_alone_is_right():
    labels = np.zeros(20, dtype=np.int64)
    a, b = labels.copy(), labels.copy()
    a[:2] = 1  # only b is right
    b[2:12] = 1  # only a is right
    both_tails = 2 * sum(math.comb(12, k) for k in range(3)) / 2**12
    assert mcnemar_p(labels, a, b) == pytest.approx(both_tails)
    assert mcnemar_p(labels, a, a) == 1.0


def test_interval_reads_as_value_and_brackets():
    assert str(Interval(0.89312, 0.875, 0.91)) == "0.893 [0.875, 0.910]"
    assert Interval(0.5, 0.4, 0.6).as_json() == {"value": 0.5, "low": 0.4, "high": 0.6}
