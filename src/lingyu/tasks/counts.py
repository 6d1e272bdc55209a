"""Counts of labels over rows: they add up, and F1 is computed from their sums.

The statistics of every task with labels begin with three blocks of a column a label: right answers, answers, truths.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class LabelCounts(NamedTuple):
    """Of each label, (..., labels): how often it was answered rightly, was answered at all, was true."""

    right: Floats
    predicted: Floats
    true: Floats


def statistics_of(counts: LabelCounts, *more: Floats) -> Floats:
    """(rows, 3 * labels + further columns). counts: (rows, labels) each; more: (rows,) each."""
    return np.concatenate([*counts, *(column[:, np.newaxis] for column in more)], axis=1)


def label_counts(sums: Floats, num_labels: int) -> LabelCounts:
    """The counts at the head of (..., s) statistics or sums of them."""
    right, predicted, true = (sums[..., n * num_labels : (n + 1) * num_labels] for n in range(3))
    return LabelCounts(right, predicted, true)


def counts_of_one_label_a_row(
    predictions: NDArray[np.int64], targets: NDArray[np.int64], num_labels: int
) -> LabelCounts:
    """(rows, labels) each. A row whose target is no label, IGNORED, has zeros throughout."""
    labels = np.arange(num_labels)
    true = targets[:, np.newaxis] == labels
    predicted = (predictions[:, np.newaxis] == labels) & true.any(axis=1, keepdims=True)
    return LabelCounts((predicted & true).astype(np.float64), predicted.astype(np.float64), true.astype(np.float64))


def share(part: Floats, whole: Floats) -> Floats:
    """part / whole, 0 where whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


def macro_f1(counts: LabelCounts) -> Floats:
    """(..., labels) -> (...): the mean of F1 = 2 right / (true + predicted).

    A label that is neither true nor predicted has no F1 and is left out of the mean, as scikit-learn does by default.
    """
    either = counts.true + counts.predicted
    return share(share(2 * counts.right, either).sum(axis=-1), (either > 0).sum(axis=-1).astype(np.float64))


def micro_f1(counts: LabelCounts) -> Floats:
    """(..., labels) -> (...): F1 over all labels together; 0 where no label is true and none predicted."""
    return share(2 * counts.right.sum(axis=-1), (counts.true + counts.predicted).sum(axis=-1))
