"""train.class_weights of a recipe as factors of the loss."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def class_weights_of(
    setting: str | Mapping[str, float] | None, labels: Sequence[str], train_targets: NDArray[np.int64]
) -> tuple[float, ...] | None:
    """A factor a label, in the order of the labels. train_targets: (rows,) labels or (rows, labels) of 0 and 1."""
    if setting is None:
        return None
    if not isinstance(setting, str):
        return tuple(setting.get(label, 1.0) for label in labels)
    if train_targets.ndim == 2:
        return balanced_positive_weights(train_targets)
    return balanced_class_weights(train_targets, len(labels))


def balanced_class_weights(labels: NDArray[np.int64], num_labels: int) -> tuple[float, ...]:
    """rows / (labels * rows of the label), scikit-learn's `balanced`; 1 for a label without rows."""
    counts = np.bincount(labels, minlength=num_labels)
    return tuple(float(len(labels) / (num_labels * count)) if count else 1.0 for count in counts)


def balanced_positive_weights(targets: NDArray[np.int64]) -> tuple[float, ...]:
    """Of each label rows without it / rows with it, so that both weigh the same; 1 for a label without either.

    targets: (rows, labels) of 0 and 1
    """
    counts = targets.sum(axis=0)
    return tuple(float((len(targets) - count) / count) if 0 < count < len(targets) else 1.0 for count in counts)
