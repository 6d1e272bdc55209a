"""The content hash of a row: of its one text, or of both."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lingyu.text import Hashes, content_hashes


def row_hashes(texts: Sequence[str], pairs: Sequence[str] | None = None) -> Hashes:
    """(rows,) the content hash of each row. Of two texts it is made from the hashes of both, so that ("ab", "c") and
    ("a", "bc") are not the same."""
    return content_hashes(texts) if pairs is None else of_both(content_hashes(texts), content_hashes(pairs))


def comparison_hashes(contexts: Sequence[str], chosen: Sequence[str], rejected: Sequence[str]) -> Hashes:
    """(rows,) the content hash of a context and two replies to it, whichever of the two is the better."""
    replies = np.sort(np.stack([content_hashes(chosen), content_hashes(rejected)]), axis=0)
    return of_both(content_hashes(contexts), of_both(replies[0], replies[1]))


def of_both(first: NDArray[np.int64], second: NDArray[np.int64]) -> Hashes:
    """(rows,) a hash made of two in their order."""
    both = zip(first.tolist(), second.tolist(), strict=True)
    return content_hashes(as_hexadecimal(one) + as_hexadecimal(other) for one, other in both)


def as_hexadecimal(hash: int) -> str:
    """16 digits, as a report shows a content hash."""
    return f"{hash & (1 << 64) - 1:016x}"
