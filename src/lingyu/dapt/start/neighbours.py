"""Positions as sines and cosines in some dimensions of an encoder's width, and heads that find a neighbour by them.

A position is a point on each of several circles. Turned on by the angle of an offset, a token's position is that of
its neighbour: the query of a head turns, its key does not, and their product is largest where the key's token stands
`offset` further on.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OFFSETS = ((-1, 1, -2, 2), (-3, 3))
"""Where the first heads of the first layers look, a row a layer."""

_FASTEST = 2.5  # radians a position: below pi, so that +1 and -1 differ
_SHARPNESS = 10.0  # logit of the right position over those far away: nine tenths of a head's attention, free to learn

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Circles:
    """positions: how many there are. number: of circles; each takes two dimensions."""

    positions: int
    number: int

    @property
    def width(self) -> int:
        return 2 * self.number

    @property
    def speeds(self) -> NDArray[np.float64]:
        """(number,) radians a position: from one that tells neighbours apart to one turn over all positions."""
        slowest = min(2 * math.pi / self.positions, _FASTEST)
        return np.asarray(np.geomspace(_FASTEST, slowest, self.number))

    def points(self) -> Matrix:
        """(positions, width) cosine and sine on each circle in turn; each row has the length sqrt(number)."""
        angles = np.arange(self.positions)[:, None] * self.speeds
        return np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(self.positions, self.width).astype(np.float32)

    def query_and_key(self, offset: int, head_size: int, radius: float) -> tuple[Matrix, Matrix]:
        """(width, width) each: what a head of head_size multiplies the points with to look `offset` positions on.

        radius: of the circles as the head sees them. A fast circle counts for more than a slow one, by the root of its
        speed: all alike would see too little between neighbours, and fast ones alone would return to where they were.
        """
        weights = np.sqrt(self.speeds)
        gain = np.sqrt(_SHARPNESS * math.sqrt(head_size) / radius**2 * weights / weights.sum())
        turned = np.zeros((self.width, self.width))
        cosines, sines = np.cos(offset * self.speeds), np.sin(offset * self.speeds)
        even = np.arange(0, self.width, 2)
        turned[even, even] = turned[even + 1, even + 1] = gain * cosines
        turned[even, even + 1], turned[even + 1, even] = -gain * sines, gain * sines
        return turned.astype(np.float32), np.diag(np.repeat(gain, 2)).astype(np.float32)
