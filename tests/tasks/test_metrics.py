"""The metrics against plain loops, and what they refuse."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.tasks.metrics import Accuracy, Confusion, ExpectedCalibrationError, MacroF1, PerClass

NAMES = ("负面", "正面", "中性", "其他")
CLASSES = range(len(NAMES))

rows_of_labels = st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=40)
quickly = settings(max_examples=40, deadline=None)


def split(rows):
    """(true, predicted) pairs as the two arguments of compute."""
    return {"references": [true for true, _ in rows], "predictions": [predicted for _, predicted in rows]}


def count(rows, true, predicted):
    return sum(1 for row in rows if row == (true, predicted))


def slow_class_scores(rows, label):
    right = count(rows, label, label)
    true = sum(1 for t, _ in rows if t == label)
    predicted = sum(1 for _, p in rows if p == label)
    precision = right / predicted if predicted else 0.0
    recall = right / true if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": true}


def slow_ece(probabilities, true):
    bins = [[] for _ in range(15)]
    for row, label in zip(probabilities, true, strict=True):
        confidence = max(row)
        bin_number = next(m for m in range(15) if confidence <= np.linspace(0, 1, 16)[m + 1])
        bins[bin_number].append((confidence, row.tolist().index(confidence) == label))
    total = 0.0
    for members in bins:
        if members:
            confidence = sum(c for c, _ in members) / len(members)
            accuracy = sum(right for _, right in members) / len(members)
            total += len(members) / len(true) * abs(accuracy - confidence)
    return total


@given(rows_of_labels)
@quickly
def test_values_equal_plain_loops(rows):
    present = {label for row in rows for label in row}
    classes = {label: slow_class_scores(rows, label) for label in CLASSES}
    assert Accuracy().compute(**split(rows))["accuracy"] == pytest.approx(sum(t == p for t, p in rows) / len(rows))
    expected_f1 = sum(classes[label]["f1"] for label in present) / len(present)
    assert MacroF1().compute(**split(rows))["macro_f1"] == pytest.approx(expected_f1)
    per_class = PerClass(NAMES).compute(**split(rows))["per_class"]
    assert list(per_class) == list(NAMES)
    for label, name in enumerate(NAMES):
        assert per_class[name] == pytest.approx(classes[label])
    matrix = Confusion(NAMES).compute(**split(rows))["confusion"]
    assert matrix == [[count(rows, true, predicted) for predicted in CLASSES] for true in CLASSES]


@given(rows_of_labels, st.randoms(use_true_random=False))
@quickly
def test_values_stay_in_range_and_do_not_move_when_rows_are_shuffled(rows, random):
    shuffled = random.sample(rows, len(rows))
    for metric, key in ((Accuracy(), "accuracy"), (MacroF1(), "macro_f1")):
        value = metric.compute(**split(rows))[key]
        assert 0 <= value <= 1
        assert metric.compute(**split(shuffled))[key] == pytest.approx(value)


def random_probabilities(rows, classes, seed):
    logits = np.random.default_rng(seed).normal(scale=2, size=(rows, classes))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@given(st.integers(1, 200), st.integers(2, 6), st.integers(0, 1000))
@quickly
def test_calibration_error_equals_a_plain_loop_and_ignores_the_order_of_rows(rows, classes, seed):
    probabilities = random_probabilities(rows, classes, seed)
    random = np.random.default_rng(seed)
    true = random.integers(0, classes, rows)
    ece = ExpectedCalibrationError().compute(predictions=probabilities, references=true)["ece"]
    assert 0 <= ece <= 1
    assert ece == pytest.approx(slow_ece(probabilities, true))
    order = random.permutation(rows)
    shuffled = ExpectedCalibrationError().compute(predictions=probabilities[order], references=true[order])
    assert shuffled["ece"] == pytest.approx(ece)


def test_calibration_error_is_small_where_labels_are_drawn_from_the_probabilities():
    probabilities = random_probabilities(20_000, 3, seed=0)
    drawn = (probabilities.cumsum(axis=1) > np.random.default_rng(1).random((20_000, 1))).argmax(axis=1)
    assert ExpectedCalibrationError().compute(predictions=probabilities, references=drawn)["ece"] < 0.015


def test_calibration_error_of_a_boaster_is_the_gap_between_confidence_and_accuracy():
    sure = np.tile([0.9, 0.1], (10, 1))
    half_right = [0, 1] * 5
    assert ExpectedCalibrationError().compute(predictions=sure, references=half_right)["ece"] == pytest.approx(0.4)


def test_calibration_error_takes_float32_and_a_confidence_on_the_edge_of_a_bin():
    probabilities = np.array([[0.2, 0.2, 0.2, 0.2, 0.2], [1, 0, 0, 0, 0]], dtype=np.float32)
    ece = ExpectedCalibrationError().compute(predictions=probabilities, references=[0, 0])["ece"]
    assert ece == pytest.approx(0.4)


def test_a_label_in_no_row_is_left_out_of_macro_f1_and_listed_with_zeros():
    rows = {"references": [0, 0, 1], "predictions": [0, 0, 1]}
    assert MacroF1().compute(**rows)["macro_f1"] == 1.0
    assert PerClass(NAMES).compute(**rows)["per_class"]["其他"] == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "support": 0,
    }


@pytest.mark.parametrize(
    ("metric", "predictions", "references", "error", "words"),
    [
        (Accuracy, [0.5, 1.0], [0, 1], TypeError, "predictions must be integers"),
        (Accuracy, [True, False], [0, 1], TypeError, "found bool"),
        (Accuracy, [0, 1], ["0", "1"], TypeError, "references must be integers"),
        (Accuracy, [[0, 1]], [0, 1], ValueError, r"shape \(1, 2\)"),
        (Accuracy, [0, 1, 1], [0, 1], ValueError, "3 predictions for 2 references"),
        (MacroF1, [], [], ValueError, "no rows"),
        (lambda: PerClass(NAMES), [4], [0], ValueError, "predictions are 4 to 4, but there are 4 labels"),
        (lambda: Confusion(NAMES), [0], [-1], ValueError, "references are -1"),
        (ExpectedCalibrationError, [[2.0, -1.0]], [0], ValueError, "softmax"),
        (ExpectedCalibrationError, [[0.9, 0.9]], [0], ValueError, "sum to 1"),
        (ExpectedCalibrationError, [[math.nan, 1.0]], [0], ValueError, "sum to 1"),
        (ExpectedCalibrationError, [0, 1], [0, 1], TypeError, "probabilities"),
        (ExpectedCalibrationError, [0.5, 0.5], [0, 1], ValueError, r"\(rows, classes\)"),
        (ExpectedCalibrationError, [[0.5, 0.5]], [2], ValueError, "2 classes"),
    ],
)
def test_what_evaluate_would_cast_in_silence_is_refused(metric, predictions, references, error, words):
    with pytest.raises(error, match=words):
        metric().compute(predictions=predictions, references=references)


def test_batches_add_up_and_a_computed_metric_starts_afresh():
    accuracy = Accuracy()
    other = Accuracy()
    accuracy.add_batch(predictions=[0, 1], references=[0, 0])
    other.add_batch(predictions=[1], references=[1])
    accuracy.add(prediction=1, reference=1)
    with pytest.raises(TypeError):
        accuracy.add_batch(predictions=[0.5], references=[0])
    assert accuracy.compute() == {"accuracy": pytest.approx(2 / 3)}
    assert other.compute() == {"accuracy": 1.0}
    assert accuracy.compute(predictions=[1], references=[0]) == {"accuracy": 0.0}


ALONE = """
import socket
def refuse(*_, **__):
    raise OSError("no network in this test")
socket.socket.connect = refuse
from lingyu.tasks.metrics import Accuracy, ExpectedCalibrationError
print(Accuracy().compute(predictions=[0, 1], references=[0, 0])["accuracy"])
print(ExpectedCalibrationError().compute(predictions=[[0.5, 0.5]], references=[0])["ece"])
"""


def test_without_network_and_with_an_empty_home_they_compute_and_leave_no_files(tmp_path):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "XDG_"))}
    environment = kept | {"HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "HF_EVALUATE_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", ALONE], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0.5", "0.5"]
    assert not list(tmp_path.rglob("metrics"))
    assert not list(tmp_path.rglob("*.lock"))
