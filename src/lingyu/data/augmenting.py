"""Changed copies of texts that keep their label: random deletion and random swap of EDA, on characters.

EDA (Wei and Zou 2019, arXiv 1901.11196) changes words; here a unit is a Chinese character or a run of letters or of
digits, so that no segmenter decides. Words of negation are neither deleted nor moved, which EDA does not see to: 不好
without its first character has another label. Marks and spaces stay where they are. EDA's other two operations need
synonyms.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lingyu.recipe import Augment
from lingyu.text import Hashes

from .row_hashes import row_hashes

_UNITS = re.compile(r"[A-Za-z]+|[0-9]+|.", re.DOTALL)
_NEGATION = frozenset("不没未无非莫勿别否毫")
_DRAWS = 4  # of a copy that comes out as a text of dev or test


def copies_of_rare(keys: NDArray[np.int64], max_copies: int) -> NDArray[np.int64]:
    """(copies,) the row that each is a copy of, sorted. keys: (rows,) the class of each row.

    A class with fewer rows than the median class gets as many copies as it lacks, its rows in turn, no row more than
    max_copies.
    """
    classes, counts = np.unique(keys, return_counts=True)
    median = int(np.median(counts))
    copied: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    for which, count in zip(classes, counts.tolist(), strict=True):
        wanted = min(median - count, max_copies * count)
        copied.append(np.resize(np.flatnonzero(keys == which), max(0, wanted)))
    return np.sort(np.concatenate(copied))


def augmented(text: str, augment: Augment, draw: np.random.Generator) -> str:
    """The text after one operation; the text itself where it has too few units to change.

    Of n units that may change, share * n do, one at least.
    """
    units = _UNITS.findall(text)
    free = [at for at, unit in enumerate(units) if unit[0].isalnum() and unit not in _NEGATION]
    changes = max(1, round(augment.share * len(free)))
    operation = augment.operations[int(draw.integers(len(augment.operations)))]
    return "".join(_OPERATIONS[operation](units, free, changes, draw))


def _delete(units: list[str], free: Sequence[int], changes: int, draw: np.random.Generator) -> list[str]:
    if len(free) <= changes + 1:
        return units
    gone = set(draw.choice(free, size=changes, replace=False).tolist())
    return [unit for at, unit in enumerate(units) if at not in gone]


def _swap(units: list[str], free: Sequence[int], changes: int, draw: np.random.Generator) -> list[str]:
    if len(free) < 2:
        return units
    swapped = list(units)
    for _ in range(changes):
        one, other = draw.choice(free, size=2, replace=False).tolist()
        swapped[one], swapped[other] = swapped[other], swapped[one]
    return swapped


_Operate = Callable[[list[str], Sequence[int], int, np.random.Generator], list[str]]
_OPERATIONS: Mapping[str, _Operate] = {"delete": _delete, "swap": _swap}


def augmented_copy(
    row: int, text: str, pair: str | None, augment: Augment, held_out: Hashes, *, seed: int, epoch: int
) -> str:
    """A copy's text in an epoch: a pure function of (seed, epoch, row).

    row: the number of the copy among all rows. pair: its second text, which stays as it is. held_out: sorted hashes of
    the inputs of dev and test; a copy that comes out as one of them is drawn anew, and is its row's own text in the
    end.
    """
    draw = np.random.Generator(np.random.PCG64([seed, epoch, row]))
    for _ in range(_DRAWS):
        changed = augmented(text, augment, draw)
        found = row_hashes((changed,), None if pair is None else (pair,))
        at = np.searchsorted(held_out, found[0])
        if at == len(held_out) or held_out[at] != found[0]:
            return changed
    return text
