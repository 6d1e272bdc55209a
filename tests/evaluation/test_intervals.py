"""The bootstrap against slow loops, the normal approximation, figures that were drawn before there were other tasks,
and its properties."""

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from lingyu.evaluation import intervals, paired_difference, scores_json, scores_of, seeds_mean_interval
from lingyu.evaluation.intervals import bootstrap, mcnemar_p, told
from lingyu.store import Interval, judgement_of
from lingyu.tasks import IGNORED, MultiLabel, Ordinal, Preference, Regression, SingleLabel, Token

BEFORE = json.loads(Path(__file__).with_name("single_label.json").read_text("utf-8"))["intervals"]


def classes_of(count):
    return SingleLabel(tuple(map(str, range(count))))


def answers(rows, classes, accuracy, seed, models=1):
    """Labels (rows,) and predictions (models, rows) that are right in about the given share of rows."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    guesses = random.integers(0, classes, (models, rows))
    return labels, np.where(random.random((models, rows)) < accuracy, labels, guesses)


@pytest.mark.parametrize(("rows", "classes", "seed"), [(200, 2, 0), (150, 5, 1), (90, 11, 2)])
def test_intervals_of_single_label_are_those_from_before_there_were_other_tasks(rows, classes, seed):
    labels, predictions = answers(rows, classes, 0.7, seed, models=3)
    task, before = classes_of(classes), BEFORE[f"{rows} {classes} {seed}"]
    for name, found in (
        ("one", scores_of(task, labels, predictions[0], 42)),
        ("difference", paired_difference(task, labels, predictions[:1], predictions[1:], 7)),
        ("mean", seeds_mean_interval(task, labels, predictions, 3)),
    ):
        for figure, interval in scores_json(found).items():
            assert interval == pytest.approx(before[name][figure], abs=1e-12)
    right = predictions == labels
    assert mcnemar_p(right[0], right[1]) == before["mcnemar"]


MACRO = [1]  # its place among the figures


def slow_scores(labels, predictions):
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
        drawn.append(sum(c * np.array(slow_scores(rows[:, 0], rows[:, i])) for i, c in enumerate(coefficients, 1)))
    value = sum(c * np.array(slow_scores(labels, predictions[i])) for i, c in enumerate(coefficients))
    return interval_of(np.array(drawn), value, MACRO, sum(c for c in coefficients if c > 0))


def interval_of(drawn, value, moved, most=1.0):
    """drawn: (samples, figures). Percentiles; the second figure is macro-F1, whose are moved for its bias."""
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    bias = drawn[:, moved].mean(axis=0) - value[moved]
    low[moved], high[moved] = (end[moved] - 2 * bias for end in (low, high))
    return np.minimum(low, value), np.maximum(np.minimum(high, most), value)


def ends(scores):
    return [[interval.low for interval in scores.values()], [interval.high for interval in scores.values()]]


@pytest.mark.parametrize(("rows", "classes"), [(60, 2), (80, 5), (30, 12)])
def test_one_model_equals_a_slow_loop_over_the_same_draws(rows, classes):
    labels, predictions = answers(rows, classes, 0.6, seed=rows)
    fast = scores_of(classes_of(classes), labels, predictions[0], seed=7, samples=120)
    np.testing.assert_allclose(ends(fast), slow_bootstrap(labels, predictions, [1], seed=7, samples=120))


def test_differences_and_means_of_seeds_equal_slow_loops_over_the_same_draws():
    labels, predictions = answers(70, 4, 0.5, seed=1, models=3)
    difference = paired_difference(classes_of(4), labels, predictions[[0]], predictions[[1]], seed=3, samples=100)
    np.testing.assert_allclose(ends(difference), slow_bootstrap(labels, predictions[:2], [1, -1], 3, 100), atol=1e-12)
    mean = seeds_mean_interval(classes_of(4), labels, predictions, seed=3, samples=100)
    np.testing.assert_allclose(ends(mean), slow_bootstrap(labels, predictions, [1 / 3] * 3, 3, 100))
    of_seeds = paired_difference(classes_of(4), labels, predictions[:2], predictions[2:], seed=3, samples=100)
    np.testing.assert_allclose(ends(of_seeds), slow_bootstrap(labels, predictions, [0.5, 0.5, -1], 3, 100), atol=1e-12)


def test_interval_is_that_of_drawing_single_rows():
    labels, predictions = answers(400, 6, 0.7, seed=2)
    random = np.random.default_rng(99)
    drawn = []
    for _ in range(600):
        rows = random.integers(0, 400, 400)
        drawn.append(slow_scores(labels[rows], predictions[0][rows]))
    ours = scores_of(classes_of(6), labels, predictions[0], seed=0, samples=4000)
    value = np.array(slow_scores(labels, predictions[0]))
    np.testing.assert_allclose(ends(ours), interval_of(np.array(drawn), value, MACRO), atol=0.012)


@pytest.mark.parametrize(("classes", "rows"), [(60, 1200), (5, 600)])
def test_95_of_100_intervals_hold_the_true_figures_though_labels_are_many_and_rare(classes, rows):
    random = np.random.default_rng(8)
    shares = random.dirichlet(np.ones(classes)) * 0.9 + 0.1 / classes
    rights = random.uniform(0.6, 0.9, classes)
    confusion = (1 - rights)[:, None] * random.dirichlet(np.full(classes, 0.3), classes) + np.diag(rights)
    right, true, predicted = shares * confusion.diagonal(), shares, shares @ confusion
    truth = {"accuracy": right.sum(), "macro_f1": (2 * right / (true + predicted)).mean()}
    held = Counter()
    for seed in range(100):
        labels = random.choice(classes, rows, p=shares)
        predictions = (confusion.cumsum(axis=1)[labels] < random.random((rows, 1))).sum(axis=1).clip(max=classes - 1)
        found = scores_of(classes_of(classes), labels, predictions, seed, samples=400)
        held.update(figure for figure, interval in found.items() if interval.low <= truth[figure] <= interval.high)
    assert min(held[figure] for figure in truth) >= 90, dict(held)


def test_accuracy_agrees_with_the_normal_approximation():
    labels, predictions = answers(3000, 2, 0.6, seed=4)
    found = scores_of(classes_of(2), labels, predictions[0], seed=0)["accuracy"]
    half = 1.96 * math.sqrt(found.value * (1 - found.value) / 3000)
    assert found.low == pytest.approx(found.value - half, abs=0.002)
    assert found.high == pytest.approx(found.value + half, abs=0.002)


rows_of_labels = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


@given(rows_of_labels, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_value_is_that_of_scikit_learn_and_nothing_moves_when_rows_are_shuffled(rows, random):
    labels, predictions = np.array(rows).T
    found = scores_of(classes_of(5), labels, predictions, seed=0, samples=50)
    assert found["accuracy"].value == pytest.approx(accuracy_score(labels, predictions))
    assert found["macro_f1"].value == pytest.approx(f1_score(labels, predictions, average="macro", zero_division=0))
    for interval in found.values():
        assert 0 <= interval.low <= interval.high <= 1 + 1e-12
    shuffled = np.array(random.sample(rows, len(rows))).T
    assert scores_of(classes_of(5), *shuffled, seed=0, samples=50) == found


def test_seeds_that_agree_give_the_interval_of_one_of_them():
    labels, predictions = answers(200, 3, 0.7, seed=5)
    one = scores_of(classes_of(3), labels, predictions[0], seed=0, samples=200)
    three = seeds_mean_interval(classes_of(3), labels, np.repeat(predictions, 3, axis=0), seed=0, samples=200)
    np.testing.assert_allclose(ends(three), ends(one))


def test_cutting_the_draws_into_blocks_changes_nothing(monkeypatch):
    labels, predictions = answers(100, 3, 0.7, seed=6)
    whole = scores_of(classes_of(3), labels, predictions[0], seed=0, samples=100)
    monkeypatch.setattr(intervals, "_WEIGHTS_IN_MEMORY", 70)
    assert scores_of(classes_of(3), labels, predictions[0], seed=0, samples=100) == whole


def test_pairing_sees_what_two_overlapping_intervals_hide():
    labels, base = answers(1000, 2, 0.6, seed=7)
    better = base[0].copy()
    wrong = np.flatnonzero(better != labels)[:25]
    better[wrong] = labels[wrong]
    a = scores_of(classes_of(2), labels, better, seed=0)["accuracy"]
    b = scores_of(classes_of(2), labels, base[0], seed=0)["accuracy"]
    assert a.low < b.high
    difference = paired_difference(classes_of(2), labels, [better], base, seed=0)
    assert difference["accuracy"].value == pytest.approx(0.025)
    assert difference["accuracy"].judgement == "better"
    assert paired_difference(classes_of(2), labels, base, [better], seed=0)["accuracy"].judgement == "worse"


def test_a_model_against_itself_is_noise():
    labels, predictions = answers(100, 3, 0.7, seed=8)
    same = paired_difference(classes_of(3), labels, predictions[[0]], predictions[[0]], seed=0, samples=100)
    assert same["accuracy"] == Interval(0.0, 0.0, 0.0)
    assert same["macro_f1"].judgement == "noise"


def test_mcnemar_counts_only_rows_where_one_alone_is_right():
    labels = np.zeros(20, dtype=np.int64)
    a, b = labels.copy(), labels.copy()
    a[:2] = 1  # only b is right
    b[2:12] = 1  # only a is right
    both_tails = 2 * sum(math.comb(12, k) for k in range(3)) / 2**12
    assert mcnemar_p(a == labels, b == labels) == pytest.approx(both_tails)
    assert mcnemar_p(a == labels, a == labels) == 1.0


def test_interval_reads_as_value_and_brackets():
    assert str(Interval(0.89312, 0.875, 0.91)) == "0.893 [0.875, 0.910]"
    assert Interval(0.5, 0.4, 0.6).as_json() == {"value": 0.5, "low": 0.4, "high": 0.6}


# ---- every task


def made(task, rows=90, seed=0):
    """Targets of a task, and predictions that are right in about two of three places."""
    random = np.random.default_rng(seed)
    if task.name == "regression":
        targets = random.normal(3, 2, rows).astype(np.float32)
        return targets, (targets + random.normal(0, 1, rows)).astype(np.float32)
    shape = {"multi_label": (rows, 3), "token": (rows, 7)}.get(task.name, (rows,))
    kinds = {"multi_label": 2, "token": task.num_outputs, "preference": 1}.get(task.name, len(task.labels))
    targets = random.integers(0, kinds, shape)
    if task.name == "token":
        targets[:, -2:] = IGNORED
    guesses = random.integers(0, max(kinds, 2), shape)
    return targets, np.where(random.random(shape) < 0.67, np.maximum(targets, 0), guesses)


TASKS = [
    SingleLabel(("差", "中", "好")),
    MultiLabel(("动力", "油耗", "外观")),
    Token(("品牌", "产品")),
    Ordinal(("1", "2", "3", "4")),
    Regression(),
    Preference(),
]
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


@each_task
def test_interval_of_every_task_is_that_of_drawing_single_rows(task):
    targets, predictions = made(task)
    random = np.random.default_rng(5)
    drawn = []
    for _ in range(400):
        rows = random.integers(0, len(targets), len(targets))
        sums = task.statistics(predictions[rows], targets[rows]).sum(axis=0)
        drawn.append([task.figures_of(sums)[figure] for figure in task.figures])
    ours = scores_of(task, targets, predictions, seed=0)
    assert tuple(ours) == task.figures
    spread = np.std(drawn, axis=0)
    value = np.array([interval.value for interval in ours.values()])
    moved = [at for at, figure in enumerate(task.figures) if figure == "macro_f1"]
    assert (np.abs(np.array(ends(ours)) - interval_of(np.array(drawn), value, moved, np.inf)) < 0.45 * spread).all()
    whole = task.figures_of(task.statistics(predictions, targets).sum(axis=0))
    assert {figure: interval.value for figure, interval in ours.items()} == pytest.approx(
        {figure: float(value) for figure, value in whole.items()}
    )


@each_task
def test_a_difference_of_every_task_is_that_of_the_figures_and_turns_its_sign(task):
    targets, predictions = made(task)
    _, others = made(task, seed=0)
    others = np.where(np.arange(len(others)).reshape(-1, *[1] * (others.ndim - 1)) % 5 == 0, others[::-1], others)
    a, b = (scores_of(task, targets, each, seed=0, samples=10) for each in (predictions, others))
    one, back = (
        paired_difference(task, targets, [x], [y], seed=0) for x, y in ((predictions, others), (others, predictions))
    )
    for figure in task.figures:
        assert one[figure].value == pytest.approx(a[figure].value - b[figure].value, abs=1e-12)
        assert one[figure].low <= one[figure].value <= one[figure].high
        assert back[figure].value == pytest.approx(-one[figure].value, abs=1e-12)
        assert {judgement_of(figure, each[figure]) for each in (one, back)} in ({"better", "worse"}, {"noise"})


def test_equal_rows_are_drawn_as_one_pattern_with_the_weight_of_all():
    task = Token(("品牌",))
    targets = np.tile([[1, 2, 0], [0, 1, 0]], (500, 1))
    statistics = task.statistics(targets, targets)[np.newaxis]
    patterns = intervals._patterns_of(statistics)
    assert patterns.counts.tolist() == [1000], "both rows have one entity that is right"
    assert bootstrap(task, statistics, np.ones(1), 0)["span_f1"] == Interval(1.0, 1.0, 1.0)


def test_of_an_error_less_is_better_and_it_is_told_in_its_own_unit():
    assert judgement_of("mae", Interval(-0.2, -0.3, -0.1)) == "better"
    assert judgement_of("mae", Interval(0.2, 0.1, 0.3)) == "worse"
    assert judgement_of("pearson", Interval(0.2, 0.1, 0.3)) == "better"
    assert told("mae", Interval(-0.2, -0.3, -0.1)) == "-0.200 [-0.300, -0.100]"
    assert told("qwk", Interval(0.021, 0.009, 0.034)) == "+0.021 [0.009, 0.034]"
    assert told("span_f1", Interval(0.021, 0.009, 0.034)) == "+2.1 points [0.9, 3.4]"
