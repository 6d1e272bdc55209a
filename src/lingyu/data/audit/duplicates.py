"""Within one part: rows whose text stood before in it, and rows that differ from another by a few characters."""

from dataclasses import replace

import numpy as np

from .found import Found, in_training
from .neighbours import Neighbours
from .report import Level
from .rows import NO_LABEL, Rows, stood_before


def repeats_in(rows: Rows, part: int) -> Level:
    """How many rows of a part repeat a text of it."""
    of_part = rows.part == part
    exact, same = (int(stood_before(texts[of_part]).sum()) for texts in (rows.exact, rows.same))
    return Level(exact=exact, same=same)


def find_repeats(rows: Rows, part: int) -> list[Found]:
    """Each row that repeats a text, with the first that has it: those with another label first, then those that are
    repeated most. All but the first may go: what stands there twice weighs double, and says nothing new.

    The first that has a label counts as the first: a row without one is no reason to drop it. And where labels differ
    between texts that are not exactly equal, all are kept: a person decides.
    """
    of_part = np.flatnonzero(rows.part == part)
    of_part = of_part[np.argsort(rows.labels[of_part] == NO_LABEL, kind="stable")]
    again_exactly = dict(zip(of_part.tolist(), stood_before(rows.exact[of_part]).tolist(), strict=True))
    times = np.bincount(rows.same[of_part], minlength=rows.distinct)
    first_same: dict[int, int] = {}
    first_exact: dict[int, int] = {}
    found = []
    for row in of_part.tolist():
        exactly = again_exactly[row]
        other = first_same.setdefault(int(rows.same[row]), row)
        first = first_exact.setdefault(int(rows.exact[row]), row)
        if other != row:
            repeat = Found("duplicates", row, "keep", "exact" if exactly else "same", first if exactly else other)
            found.append(replace(repeat, suggestion="drop") if _may_go(rows, repeat) else repeat)
    return sorted(found, key=lambda it: (_agree(rows, it), -times[rows.same[it.row]], it.row))


def _may_go(rows: Rows, repeat: Found) -> bool:
    settled = repeat.level == "exact" or rows.labels[repeat.row] == NO_LABEL or _agree(rows, repeat)
    return settled and in_training(rows, repeat.row)


def near_rows_in(rows: Rows, part: int, neighbours: Neighbours) -> list[Found]:
    """Each row with a near-duplicate in the part, and none of them a repeat; with another label first, then the
    nearest. All are kept: one character more can turn the sense of a text, and a person sees at once whether it does.
    """
    first = rows.firsts(part)
    found = [
        Found("near_duplicates", int(first[text]), "keep", "near", int(first[other]), round(similarity, 4))
        for text, (other, similarity) in neighbours.of(part, part).items()
    ]
    return sorted(found, key=lambda it: (_agree(rows, it), -(it.similarity or 0), it.row))


def _agree(rows: Rows, found: Found) -> bool:
    assert isinstance(found.other, int)
    return bool(rows.labels[found.row] == rows.labels[found.other])
