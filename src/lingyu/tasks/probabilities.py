"""From logits to probabilities, in float64 and without overflow."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def softmax(logits: NDArray[np.floating[Any]], temperature: float) -> Floats:
    """(..., outputs) -> the same shape; the last axis sums to 1."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities


def sigmoid(logits: NDArray[np.floating[Any]]) -> Floats:
    """Each by itself between 0 and 1."""
    x = np.asarray(logits, dtype=np.float64)
    powers = np.exp(-np.abs(x))
    probabilities: Floats = np.where(x >= 0, 1.0, powers) / (1.0 + powers)
    return probabilities
