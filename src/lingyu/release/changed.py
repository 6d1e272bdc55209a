"""Which rows two models answer differently, whatever the task. Needs numpy alone, where a graph checks itself."""

import numpy as np
from numpy.typing import NDArray

from lingyu.tasks import Calibration, Logits, Task


def changed_rows(ours: Logits, theirs: Logits, task: Task, calibration: Calibration) -> int:
    """How many rows get another label, or other ones; none where a task answers by a number.

    Both (rows, outputs), or (rows, tokens, outputs).
    """
    if not task.labels:
        return 0
    differs = _labels(ours, task, calibration) != _labels(theirs, task, calibration)
    return int(differs.reshape(len(differs), -1).any(axis=1).sum())


def _labels(logits: Logits, task: Task, calibration: Calibration) -> NDArray[np.int64]:
    labels: NDArray[np.int64] = task.predictions(task.probabilities(logits, calibration), calibration)
    return labels
