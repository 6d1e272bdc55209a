"""Which texts of a corpus measure the gain, by content hash alone: the smallest, so that equal texts are together.

Texts that the base was trained on are no measure of it, and are held out only where hardly another is there.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.text import Hashes, in_sorted

MOST_TEXTS: Final = 2_000
FEWEST_TEXTS: Final = 2  # fewer measure nothing: rather text that the base was trained on
_AT_ONCE = 1 << 16


@dataclass(frozen=True, eq=False)
class Division:
    """all: ascending, the distinct content hashes of a corpus. held_out: ascending, those that this run measures on and
    does not train on."""

    all: Hashes
    held_out: Hashes

    def is_held_out(self, hashes: Hashes) -> NDArray[np.bool_]:
        return in_sorted(hashes, self.held_out)


def divide(distinct: Hashes, share: float, learnt: Hashes) -> Division:
    """distinct: ascending, of all texts. learnt: ascending, of the texts that the base was trained on.

    Held out is the share of the distinct texts, MOST_TEXTS at most, and fewer where the base was trained on more. Where
    it was trained on all but one, they count too. Raises LingyuError where fewer than two distinct texts are there.
    """
    if len(distinct) < 2:
        raise LingyuError("one distinct text, and none to measure the gain on", next="Add text to dapt.corpus")
    most = min(MOST_TEXTS, max(1, round(share * len(distinct))), len(distinct) - 1)
    new = _smallest_not_in(learnt, distinct, max(most, FEWEST_TEXTS))
    return Division(distinct, (new if len(new) >= FEWEST_TEXTS else distinct)[:most])


def distinct_of(parts: list[Hashes]) -> Hashes:
    """Ascending, each once. The list is emptied, so that 17 bytes a hash are held at most."""
    if not parts:
        return np.zeros(0, dtype=np.int64)
    hashes = np.concatenate(parts)
    parts.clear()
    hashes.sort()
    is_new = np.ones(len(hashes), dtype=np.bool_)
    np.not_equal(hashes[1:], hashes[:-1], out=is_new[1:])
    distinct: Hashes = hashes[is_new]
    return distinct


def _smallest_not_in(others: Hashes, distinct: Hashes, most: int) -> Hashes:
    """Up to `most` of the distinct hashes, ascending. others: ascending."""
    found: list[Hashes] = []
    for begin in range(0, len(distinct), _AT_ONCE):
        part = distinct[begin : begin + _AT_ONCE]
        found.append(part[~in_sorted(part, others)])
        if sum(map(len, found)) >= most:
            break
    return np.concatenate(found)[:most]
