"""Near-duplicates of each part and between any two, found once, and then looked at from either side."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..near import NearIndex, Nearness
from .rows import Indices, Rows


@dataclass(frozen=True, eq=False)
class NearTexts:
    """(pairs,) each: a text of one part, a near one of another or of the same part, by their numbers (Rows.same)."""

    text: Indices
    other: Indices
    similarity: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """between: (part, other part) -> the near texts of both, in either direction; (part, part): those within it."""

    rows: Rows
    near: Nearness
    between: Mapping[tuple[int, int], NearTexts]

    def of(self, part: int, other: int) -> Mapping[int, tuple[int, float]]:
        """Text of a part -> the nearest of another part (or of this one), and how near. Texts that stand in both are
        none of them."""
        found = self.between[part, other]
        is_same = np.isin(found.text, self.rows.texts_of(other)) if part != other else np.zeros(len(found.text), bool)
        at = np.flatnonzero(~is_same)
        at = at[np.lexsort((found.other[at], -found.similarity[at], found.text[at]))]
        nearest = at[np.unique(found.text[at], return_index=True)[1]]
        values = zip(found.other[nearest].tolist(), found.similarity[nearest].tolist(), strict=True)
        return dict(zip(found.text[nearest].tolist(), values, strict=True))

    @cached_property
    def index(self) -> NearIndex:
        """Of the distinct texts of all parts, by their numbers: for what other data sets are compared with."""
        return _index(self.rows, np.arange(self.rows.distinct), self.near)


def neighbours_of(rows: Rows, near: Nearness) -> Neighbours:
    """Each part is looked up in each before it: so one template in a thousand rows of train, and once in test, gives
    a thousand pairs, where among all texts a text meets only the next few of its like."""
    texts = [rows.texts_of(part) for part in range(len(rows.parts))]
    indices = [_index(rows, numbers, near) for numbers in texts]
    between: dict[tuple[int, int], NearTexts] = {}
    for part, numbers in enumerate(texts):
        pairs = indices[part].among_themselves()
        first, second = numbers[pairs.first], numbers[pairs.second]
        similarity = np.concatenate([pairs.similarity, pairs.similarity])
        between[part, part] = NearTexts(np.concatenate([first, second]), np.concatenate([second, first]), similarity)
    for earlier, later in combinations(range(len(texts)), 2):
        pairs = indices[earlier].near([rows.text(number) for number in texts[later].tolist()])
        first, second = texts[later][pairs.first], texts[earlier][pairs.second]
        between[later, earlier] = NearTexts(first, second, pairs.similarity)
        between[earlier, later] = NearTexts(second, first, pairs.similarity)
    return Neighbours(rows, near, between)


def _index(rows: Rows, texts: Indices, near: Nearness) -> NearIndex:
    return NearIndex([rows.text(number) for number in texts.tolist()], near)
