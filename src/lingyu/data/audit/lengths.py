"""How long the texts of each part are, in characters or in tokens, in bins that all parts share."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .report import Lengths

_BINS = 20


def lengths_of(
    lengths: Sequence[Sequence[int]], unit: Literal["characters", "tokens"], limit: int | None = None
) -> tuple[Lengths, ...]:
    """lengths: of the texts of each part, none of them without a text. limit: tokens that are read of a text."""
    parts = [np.asarray(of_part, dtype=np.int64) for of_part in lengths]
    edges = _edges(np.concatenate(parts))
    return tuple(_of_part(values, edges, unit, limit) for values in parts)


def _of_part(
    values: NDArray[np.int64], edges: list[int], unit: Literal["characters", "tokens"], limit: int | None
) -> Lengths:
    counts, _ = np.histogram(values, bins=edges)
    median, p90, p99 = np.percentile(values, (50, 90, 99), method="inverted_cdf").tolist()
    return Lengths(
        unit=unit,
        mean=round(float(values.mean()), 1),
        median=median,
        p90=p90,
        p99=p99,
        longest=int(values.max()),
        edges=tuple(edges),
        counts=tuple(counts.tolist()),
        limit=limit,
        over_limit=None if limit is None else int((values > limit).sum()),
    )


def _edges(values: NDArray[np.int64]) -> list[int]:
    """Of equal width up to where all but one in a hundred are; what is longer has a bin of its own."""
    most = int(np.percentile(values, 99, method="inverted_cdf"))
    width = max(1, math.ceil((most + 1) / _BINS))
    edges = list(range(0, most + width + 1, width))
    return edges if edges[-1] >= values.max() else [*edges, int(values.max())]
