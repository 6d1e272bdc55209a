"""Which texts of a corpus measure the gain, by content hash alone: the smallest, so that equal texts are together."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.text import Hashes

MOST_TEXTS: Final = 2_000


@dataclass(frozen=True, eq=False)
class Division:
    """all: ascending, the distinct content hashes of a corpus. held_out: ascending, those that are not trained on."""

    all: Hashes
    held_out: Hashes

    def is_held_out(self, hashes: Hashes) -> NDArray[np.bool_]:
        return in_sorted(hashes, self.held_out)


def divide(hashes: Hashes, share: float) -> Division:
    """hashes: (texts,) of all texts. Held out is about the share of them, MOST_TEXTS at most, copies counted.

    Raises LingyuError where fewer than two distinct texts are there.
    """
    distinct, copies = np.unique(hashes, return_counts=True)
    if len(distinct) < 2:
        raise LingyuError("one distinct text, and none to measure the gain on", next="Add text to dapt.corpus")
    most = min(MOST_TEXTS, max(1, round(share * len(hashes))))
    # at least one, even if it is repeated more often; never all
    count = int(np.searchsorted(np.cumsum(copies), most, side="right"))
    return Division(distinct, distinct[: min(max(count, 1), len(distinct) - 1)])


def in_sorted(hashes: Hashes, ascending: Hashes) -> NDArray[np.bool_]:
    """(hashes,) which of them are among the others."""
    if not len(ascending):
        return np.zeros(len(hashes), dtype=np.bool_)
    at = np.minimum(np.searchsorted(ascending, hashes), len(ascending) - 1)
    found: NDArray[np.bool_] = ascending[at] == hashes
    return found
