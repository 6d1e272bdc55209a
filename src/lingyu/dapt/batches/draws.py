"""Random numbers that are a pure function of what they are for: no generator, so nothing to save or to get ahead.

A number is drawn by (seed, epoch, stream, key, index). The first four are mixed into the state of a SplitMix64
generator, of which `index` picks the number (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
OOPSLA 2014). So a text meets the same masks in whatever batch, process or restarted run it stands.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)

Bits = NDArray[np.uint64]


class Stream(IntEnum):
    """What a number decides. Numbers of two streams have nothing to do with each other."""

    WORD = 1
    SPAN = 2
    LAST_WORD = 3
    CORRUPTION = 4
    REPLACEMENT = 5
    TRIGRAM_COUNT = 6
    TRIGRAM_OFFSET = 7
    TRIGRAM = 8
    PERMUTATION = 9
    SENTENCE_ORDER = 10
    PARTNER = 11


@dataclass(frozen=True)
class Draws:
    """All random numbers of one epoch. seed and epoch: any integers, of which 64 bits count.

    Of each method keys and index are broadcast against each other, and the numbers have the shape that this gives.
    """

    seed: int
    epoch: int

    def bits(self, stream: Stream, keys: Bits, index: ArrayLike) -> Bits:
        """64 random bits each."""
        state = np.zeros(1, dtype=np.uint64)
        for word in (self.seed, self.epoch, stream):
            state = _absorb(state, np.uint64(word & 0xFFFFFFFFFFFFFFFF))
        states = _absorb(state, np.asarray(keys, dtype=np.uint64))
        steps = np.asarray(index, dtype=np.int64).astype(np.uint64) + np.ones(1, dtype=np.uint64)
        return _mix(states + steps * _GOLDEN)

    def uniform(self, stream: Stream, keys: Bits, index: ArrayLike) -> NDArray[np.float64]:
        """Numbers in [0, 1), of 53 bits."""
        return (self.bits(stream, keys, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def below(self, bound: ArrayLike, stream: Stream, keys: Bits, index: ArrayLike) -> NDArray[np.int64]:
        """Whole numbers from 0 to bound - 1; bound is broadcast too. Even to 2**-53 times the bound."""
        drawn: NDArray[np.int64] = (self.uniform(stream, keys, index) * np.asarray(bound)).astype(np.int64)
        return drawn


def _mix(x: Bits) -> Bits:
    """SplitMix64's finaliser: a bijection in which every bit of x changes half of the bits that come out."""
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


def _absorb(state: Bits, word: Bits | np.uint64) -> Bits:
    return _mix((state ^ word) + _GOLDEN)
