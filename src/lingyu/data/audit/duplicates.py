"""Within one part: rows whose text stood before in it, and rows that differ from another by a few characters."""

import numpy as np

from .found import Found, in_training
from .neighbours import Neighbours, texts_in
from .report import Level
from .rows import Rows, stood_before


def repeats_in(rows: Rows, part: int) -> Level:
    """How many rows of a part repeat a text of it."""
    of_part = rows.part == part
    exact, same = (int(stood_before(texts[of_part]).sum()) for texts in (rows.exact, rows.same))
    return Level(exact=exact, same=same)


def find_repeats(rows: Rows, part: int) -> list[Found]:
    """Each row that repeats a text, with the first that has it: those with another label first, then those that are
    repeated most. All but the first may go: what stands there twice weighs double, and says nothing new."""
    of_part = np.flatnonzero(rows.part == part)
    again_exactly = dict(zip(of_part.tolist(), stood_before(rows.exact[of_part]).tolist(), strict=True))
    repeats = of_part[stood_before(rows.same[of_part])]
    times = np.bincount(rows.same[of_part], minlength=rows.distinct)
    first_same = rows.firsts(part)
    first_exact: dict[int, int] = {}
    for row in of_part.tolist():
        first_exact.setdefault(int(rows.exact[row]), row)

    found = []
    for row in repeats.tolist():
        exactly = again_exactly[row]
        other = first_exact[int(rows.exact[row])] if exactly else int(first_same[rows.same[row]])
        found.append(
            Found(
                "duplicates",
                row,
                "drop" if in_training(rows, row) else "keep",
                "exact" if exactly else "same",
                other,
            )
        )
    return sorted(found, key=lambda it: (_agree(rows, it), -times[rows.same[it.row]], it.row))


def near_rows_in(rows: Rows, part: int, neighbours: Neighbours) -> list[Found]:
    """Each row with a near-duplicate in the part, and none of them a repeat; with another label first, then the
    nearest. All are kept: one character more can turn the sense of a text, and a person sees at once whether it does.
    """
    there = texts_in(rows, part)
    first = rows.firsts(part)
    found = [
        Found("near_duplicates", int(first[text]), "keep", "near", int(first[other]), round(similarity, 4))
        for text, (other, similarity) in neighbours.of(there, there).items()
    ]
    return sorted(found, key=lambda it: (_agree(rows, it), -(it.similarity or 0), it.row))


def _agree(rows: Rows, found: Found) -> bool:
    assert isinstance(found.other, int)
    return bool(rows.labels[found.row] == rows.labels[found.other])
