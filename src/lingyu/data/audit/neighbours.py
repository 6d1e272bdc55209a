"""Near-duplicates of all parts, found once, and then looked at within a part and across two."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..near import NearIndex, Nearness
from .rows import Indices, Mask, Rows


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Pairs of near texts by their numbers (Rows.same), each pair in both directions, sorted by text.

    index: of the distinct texts, by the same numbers, for what other data sets are compared with.
    """

    index: NearIndex
    text: Indices
    other: Indices
    similarity: NDArray[np.float32]

    def of(self, texts: Mask, others: Mask) -> "Mapping[int, tuple[int, float]]":
        """Text -> the nearest of its neighbours, and how near: texts of the first set, neighbours of the second.

        texts, others: (distinct,)
        """
        at = np.flatnonzero(texts[self.text] & others[self.other])
        at = at[np.lexsort((self.other[at], -self.similarity[at], self.text[at]))]
        firsts = np.unique(self.text[at], return_index=True)[1]
        nearest = at[firsts]
        values = zip(self.other[nearest].tolist(), self.similarity[nearest].tolist(), strict=True)
        return dict(zip(self.text[nearest].tolist(), values, strict=True))


def neighbours_of(rows: Rows, near: Nearness) -> Neighbours:
    first_rows = np.unique(rows.same, return_index=True)[1]
    index = NearIndex([rows.texts[row] for row in first_rows.tolist()], near)
    pairs = index.among_themselves()
    text = np.concatenate([pairs.first, pairs.second])
    other = np.concatenate([pairs.second, pairs.first])
    order = np.lexsort((other, text))
    similarity = np.concatenate([pairs.similarity, pairs.similarity])
    return Neighbours(index, text[order], other[order], similarity[order])


def texts_in(rows: Rows, part: int) -> Mask:
    """(distinct,) whether a text stands in the part."""
    return rows.firsts(part) >= 0
