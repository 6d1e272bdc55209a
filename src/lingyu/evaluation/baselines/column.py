"""What a column beside the text says alone: the film of a review, the shop of a complaint."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from lingyu.tasks import Targets

from .baseline import Baseline


def column_baseline(
    name: str, train_values: Sequence[str], train_targets: Targets, test_values: Sequence[str]
) -> Baseline:
    """Of each value the answer of its train rows, of a value that train lacks that of all rows.

    The answer is the most frequent label, the first of them at a tie. targets: (rows,)
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, value in enumerate(train_values):
        rows_of[value].append(row)
    answers = {value: _answer(train_targets[rows]) for value, rows in rows_of.items()}
    of_all = _answer(train_targets)
    predictions = np.array([answers.get(value, of_all) for value in test_values], dtype=train_targets.dtype)
    return Baseline(name, predictions)


def _answer(targets: Targets) -> int:
    return int(np.bincount(targets).argmax())
