"""The content hashes of the paragraphs seen so far: a log-structured merge tree (O'Neil et al. 1996) in memory."""

import numpy as np
from numpy.typing import NDArray

from lingyu.text import Hashes, in_sorted


class SeenHashes:
    """A set of hashes that grows by batches: 8 bytes each, and 16 at the most while two runs become one.

    They lie in sorted runs, each at least twice as long as the next, so that there are few of them to look into and a
    hash is moved a few times only.
    """

    def __init__(self) -> None:
        self._runs: list[Hashes] = []

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, hashes: Hashes) -> NDArray[np.bool_]:
        """(hashes,) True for each that is new: not there yet, and the first of its kind among these."""
        distinct, firsts = np.unique(hashes, return_index=True)
        unseen = ~self._hold(distinct)
        new = np.zeros(len(hashes), dtype=np.bool_)
        new[firsts[unseen]] = True
        if unseen.any():
            self._runs.append(distinct[unseen])
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            self._merge_last_two()
        return new

    def all_sorted(self) -> Hashes:
        """Every hash, ascending. It is the set's own: not to be changed."""
        while len(self._runs) > 1:
            self._merge_last_two()
        return self._runs[0] if self._runs else np.zeros(0, dtype=np.int64)

    def _hold(self, hashes: Hashes) -> NDArray[np.bool_]:
        """hashes: sorted, so that neighbours are looked up in the same part of memory."""
        held = np.zeros(len(hashes), dtype=np.bool_)
        for run in self._runs:
            held |= in_sorted(hashes, run)
        return held

    def _merge_last_two(self) -> None:
        shorter, longer = sorted((self._runs.pop(), self._runs.pop()), key=len)
        length = len(longer)
        longer.resize(length + len(shorter), refcheck=False)  # in place: a third array would hold all of both again
        longer[length:] = shorter
        longer.sort()
        self._runs.append(longer)
