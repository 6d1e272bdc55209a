"""All rows of an audit, one part after another, with numbers in place of what is compared: texts and labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lingyu.text import Hashes

from ..row_hashes import row_hashes
from .parts import AuditPart

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class Rows:
    """exact, same: (rows,) the number of each row's text at that level, from 0 in the order in which they appear.

    texts: both of a row that has two. labels: (rows,) index into names, NO_LABEL where a row has none. part: (rows,)
    index into parts. hashes: (rows,) content hashes.
    """

    parts: tuple[AuditPart, ...]
    part: Indices
    texts: tuple[str, ...]
    wheres: tuple[str, ...]
    exact_keys: dict[str, int]
    exact: Indices
    hashes: Hashes
    same: Indices
    labels: Indices
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.part)

    @property
    def has_labels(self) -> bool:
        return bool((self.labels != NO_LABEL).any())

    @cached_property
    def distinct(self) -> int:
        """Texts at the level same."""
        return int(self.same.max()) + 1

    @cached_property
    def distinct_hashes(self) -> tuple[Hashes, Indices]:
        """(distinct,) each: the content hashes of the texts, sorted, and the first row of each."""
        return np.unique(self.hashes, return_index=True)

    @cached_property
    def first_rows(self) -> Indices:
        """(distinct,) the first row of all parts with each same text."""
        return np.unique(self.same, return_index=True)[1]

    def text(self, number: int) -> str:
        """A text by its number at the level same, as its first row has it."""
        return self.texts[int(self.first_rows[number])]

    def texts_of(self, part: int) -> Indices:
        """The numbers of the texts of a part, at the level same, ascending."""
        return np.unique(self.same[self.part == part])

    def label(self, row: int) -> str:
        at = int(self.labels[row])
        return "" if at == NO_LABEL else self.names[at]

    def firsts(self, part: int) -> Indices:
        """(distinct,) the first row of a part with each same text, -1 where it has none."""
        rows = np.flatnonzero(self.part == part)
        found = np.full(self.distinct, -1, dtype=np.int64)
        texts, firsts = np.unique(self.same[rows], return_index=True)
        found[texts] = rows[firsts]
        return found


def rows_of(parts: Sequence[AuditPart]) -> Rows:
    sizes = [len(part.texts) for part in parts]
    hashes = np.concatenate([row_hashes(part.texts, part.pairs) for part in parts])
    exact_keys: dict[str, int] = {}
    exact = [exact_keys.setdefault(key, len(exact_keys)) for part in parts for key in _exact_keys(part)]
    names: dict[str, int] = {}
    values = [label for part in parts for label in (part.labels or ("",) * len(part.texts))]
    labels = [names.setdefault(value, len(names)) if value else NO_LABEL for value in values]
    return Rows(
        tuple(parts),
        np.repeat(np.arange(len(parts)), sizes),
        tuple(text for part in parts for text in _whole_texts(part)),
        tuple(where for part in parts for where in part.wheres),
        exact_keys,
        np.array(exact, dtype=np.int64),
        hashes,
        _numbered(hashes),
        np.array(labels, dtype=np.int64),
        tuple(names),
    )


def exact_key(text: str, pair: str | None) -> str:
    """What two rows share that are exactly equal; ("ab", "c") and ("a", "bc") do not."""
    return text if pair is None else f"{len(text)}:{text}{pair}"


def whole_text(text: str, pair: str | None) -> str:
    return text if pair is None else f"{text}\n{pair}"


def stood_before(texts: Indices) -> Mask:
    """(rows,) whether the text of a row stood before among them."""
    before = np.ones(len(texts), dtype=np.bool_)
    before[np.unique(texts, return_index=True)[1]] = False
    return before


def with_two_labels(texts: Indices, labels: Indices) -> Indices:
    """Those texts that carry two labels, or more."""
    known = labels != NO_LABEL
    if not known.any():
        return np.zeros(0, dtype=np.int64)
    pairs = np.unique(np.stack([texts[known], labels[known]], axis=1), axis=0)
    found, labels_each = np.unique(pairs[:, 0], return_counts=True)
    return found[labels_each > 1]


def _both(part: AuditPart) -> Iterable[tuple[str, str | None]]:
    return zip(part.texts, part.pairs or (None,) * len(part.texts), strict=True)


def _exact_keys(part: AuditPart) -> Iterable[str]:
    return (exact_key(text, pair) for text, pair in _both(part))


def _whole_texts(part: AuditPart) -> Iterable[str]:
    return (whole_text(text, pair) for text, pair in _both(part))


def _numbered(hashes: Hashes) -> Indices:
    """Each hash by its place among the distinct ones, in the order in which they appear."""
    _, firsts, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    place = np.empty(len(firsts), dtype=np.int64)
    place[np.argsort(firsts)] = np.arange(len(firsts))
    return place[inverse]
