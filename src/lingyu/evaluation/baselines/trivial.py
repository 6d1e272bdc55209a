"""Who reads no text at all."""

import numpy as np
from numpy.typing import NDArray

from lingyu.tasks import Targets

from .baseline import Baseline

Labels = NDArray[np.int64]


def majority_baseline(train_labels: Labels, test_rows: int, classes: int) -> Baseline:
    """Always the most frequent label of train, the first of them at a tie. train_labels: (rows,)"""
    counts = np.bincount(train_labels, minlength=classes)
    return Baseline("majority", np.full(test_rows, counts.argmax()))


def most_frequent_baseline(train_targets: Labels, test_rows: int) -> Baseline:
    """multi_label: always the one label that most rows of train have. train_targets: (rows, labels)"""
    counts = (train_targets == 1).sum(axis=0)
    predictions = np.zeros((test_rows, len(counts)), dtype=np.int64)
    predictions[:, counts.argmax()] = 1
    return Baseline("the most frequent label", predictions)


def mean_baseline(train_targets: Targets, test_rows: int) -> Baseline:
    """regression: always the mean of train. train_targets: (rows,)"""
    return Baseline("the mean", np.full(test_rows, train_targets.mean(dtype=np.float64), dtype=np.float32))
