"""What a run trains on and is measured by: train, dev and test in memory."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingyu.recipe import TaskName
from lingyu.text import Hashes, content_hashes

from .counts import Counts
from .labelling import Labelled


@dataclass(frozen=True, eq=False)
class Part:
    """texts: cleaned; of preference the contexts. labelled: see there. hashes: (rows,), content hash of each row's
    whole input.

    pairs: the second text of each row, of preference the better reply; None where rows have one text. rejected: the
    worse reply. baseline_values: of data.baseline_column. group_values: of data.group. uncleaned: the first texts as
    they stand in the source, where steps of data.clean may have changed them.
    """

    texts: tuple[str, ...]
    labelled: Labelled
    hashes: Hashes
    pairs: tuple[str, ...] | None = None
    rejected: tuple[str, ...] | None = None
    baseline_values: tuple[str, ...] | None = None
    group_values: tuple[str, ...] | None = None
    uncleaned: tuple[str, ...] | None = None

    @property
    def rows(self) -> int:
        return len(self.texts)

    @property
    def labels(self) -> NDArray[Any]:
        """The targets; of token, the entities of each row."""
        return self.labelled.targets

    @property
    def fingerprint(self) -> str:
        """SHA-256 over (content hash, key of the label) of the rows, in their order."""
        pairs = np.stack([self.hashes, self.labelled.keys], axis=1).astype("<i8")
        return hashlib.sha256(pairs.tobytes()).hexdigest()

    @property
    def first_hashes(self) -> Hashes:
        """(rows,), content hash of each first text."""
        return self.hashes if self.pairs is None else content_hashes(self.texts)

    @property
    def all_texts(self) -> tuple[str, ...]:
        """First texts, then second ones, then the worse replies."""
        return self.texts + (self.pairs or ()) + (self.rejected or ())

    @property
    def telling_texts(self) -> tuple[str, ...]:
        """All texts, but the first alone where each holds its second, as reviews do the aspects they are judged by."""
        if self.pairs is None or self.rejected is not None:
            return self.all_texts
        holds_its_own = all(pair in text for text, pair in zip(self.texts, self.pairs, strict=True))
        return self.texts if holds_its_own else self.all_texts

    @property
    def whole_texts(self) -> tuple[str, ...]:
        """(rows,) every text of a row in one, a line each."""
        columns = [column for column in (self.texts, self.pairs, self.rejected) if column is not None]
        return tuple(map("\n".join, zip(*columns, strict=True)))

    def take(self, indices: NDArray[np.int64] | NDArray[np.bool_]) -> "Part":
        at = np.flatnonzero(indices) if indices.dtype == np.bool_ else indices

        def taken(column: tuple[str, ...] | None) -> tuple[str, ...] | None:
            return None if column is None else tuple(column[i] for i in at.tolist())

        found = self.labelled
        return replace(
            self,
            texts=tuple(self.texts[i] for i in at.tolist()),
            labelled=Labelled(found.targets[at], found.keys[at], found.strata[at]),
            hashes=self.hashes[at],
            pairs=taken(self.pairs),
            rejected=taken(self.rejected),
            baseline_values=taken(self.baseline_values),
            group_values=taken(self.group_values),
            uncleaned=taken(self.uncleaned),
        )


@dataclass(frozen=True, eq=False)
class Splits:
    """labels: names in the order of the recipe; () for a task without. leaked: (test rows,), True where the same input
    stands in train, or in a dev that was split off it.

    leaked is all False unless data.allow_leakage: otherwise such rows stopped the loading or were dropped.
    """

    labels: tuple[str, ...]
    train: Part
    dev: Part
    test: Part
    leaked: NDArray[np.bool_]
    counts: Counts
    task: TaskName
