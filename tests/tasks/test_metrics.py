"""The calibration error against a plain loop, and what it refuses."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.tasks.metrics import ExpectedCalibrationError

quickly = settings(max_examples=40)


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


SURE = [0.9, 0.1]


@pytest.mark.parametrize(
    ("predictions", "references", "error", "words"),
    [
        ([SURE, SURE], [0.5, 1.0], TypeError, "references must be integers"),
        ([SURE, SURE], [True, False], TypeError, "found bool"),
        ([SURE, SURE], ["0", "1"], TypeError, "references must be integers"),
        ([SURE, SURE], [[0, 1]], ValueError, r"shape \(1, 2\)"),
        ([SURE, SURE, SURE], [0, 1], ValueError, "3 predictions for 2 references"),
        ([], [], ValueError, "no rows"),
        ([SURE], [-1], ValueError, "references are -1"),
        ([[2.0, -1.0]], [0], ValueError, "softmax"),
        ([[0.9, 0.9]], [0], ValueError, "sum to 1"),
        ([[math.nan, 1.0]], [0], ValueError, "sum to 1"),
        ([0, 1], [0, 1], TypeError, "probabilities"),
        ([0.5, 0.5], [0, 1], ValueError, r"\(rows, classes\)"),
        ([[0.5, 0.5]], [2], ValueError, "2 classes"),
    ],
)
def test_what_evaluate_would_cast_in_silence_is_refused(predictions, references, error, words):
    with pytest.raises(error, match=words):
        ExpectedCalibrationError().compute(predictions=predictions, references=references)


def test_batches_add_up_and_a_computed_metric_starts_afresh():
    one, other = ExpectedCalibrationError(), ExpectedCalibrationError()
    one.add_batch(predictions=[SURE, SURE], references=[0, 1])
    other.add_batch(predictions=[SURE], references=[0])
    one.add(prediction=SURE, reference=1)
    with pytest.raises(TypeError):
        one.add_batch(predictions=[SURE], references=[0.5])
    assert one.compute() == {"ece": pytest.approx(0.9 - 1 / 3)}
    assert other.compute() == {"ece": pytest.approx(0.1)}
    assert one.compute(predictions=[SURE], references=[0]) == {"ece": pytest.approx(0.1)}


ALONE = """
import socket
def refuse(*_, **__):
    raise OSError("no network in this test")
socket.socket.connect = refuse
from lingyu.tasks.metrics import ExpectedCalibrationError
print(ExpectedCalibrationError().compute(predictions=[[0.5, 0.5]], references=[0])["ece"])
"""


def test_without_network_and_with_an_empty_home_they_compute_and_leave_no_files(tmp_path):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "XDG_"))}
    environment = kept | {"HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "HF_EVALUATE_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", ALONE], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0.5"]
    assert not list(tmp_path.rglob("metrics"))
    assert not list(tmp_path.rglob("*.lock"))
