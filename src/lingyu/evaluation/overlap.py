"""Which texts of one collection stand in another, by content hash: the same text, whatever its file is called."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingyu.text import Hashes


@dataclass(frozen=True)
class OverlapNote:
    """rows of the test's rows_of_test have their text in the collection of that name."""

    name: str
    rows: int
    rows_of_test: int

    def __str__(self) -> str:
        share = self.rows / self.rows_of_test
        return f"{self.rows:,} of {self.rows_of_test:,} test texts ({share:.1%}) stand in {self.name}"


def rows_in(hashes: Hashes, others: Hashes) -> NDArray[np.bool_]:
    """(rows,) which of the hashes stand among the others, in any order, repeats allowed."""
    return np.isin(hashes, others)


def overlaps(test_hashes: Hashes, collections: Mapping[str, Hashes]) -> list[OverlapNote]:
    """A note for each collection that holds any test text, in the order of the collections.

    collections: for example {"base embedded": hashes, "adapter hotel@v3 (train)": hashes}
    """
    found = ((name, int(rows_in(test_hashes, hashes).sum())) for name, hashes in collections.items())
    return [OverlapNote(name, rows, len(test_hashes)) for name, rows in found if rows]
