"""What the arrays are called that a task turns into one another."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.floating[Any]]
Probabilities = NDArray[np.float64]
Statistics = NDArray[np.float64]
Targets = NDArray[Any]
"""The truth, and in the same form a prediction. The first axis is the rows.

single_label, ordinal: (rows,) int64, index of the label. multi_label: (rows, labels) int64, 0 or 1. token:
(rows, tokens) int64, the tag of each token. regression: (rows,) float32. preference: (pairs,) int64, 0 where the
first reply is the better one, as it always is in truth.
"""
IGNORED: Final = -100
"""In any place of Targets: no loss, and not counted."""
