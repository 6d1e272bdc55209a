"""Between two parts: texts of dev and test that stand in what is trained on, exactly, as the same text, or nearly."""

from collections.abc import Sequence

import numpy as np

from .found import Found
from .neighbours import Neighbours
from .report import Crossing, Level
from .rows import NO_LABEL, Indices, Mask, Rows


def crossing(rows: Rows, part: int, other: int, neighbours: Neighbours) -> Crossing:
    """What of a part stands in another one."""
    leaked = [_standing_in(rows, part, other, level) for level in (rows.exact, rows.same)]
    foreign = [
        leak & _with_other_label(rows, part, other, level)
        for leak, level in zip(leaked, (rows.exact, rows.same), strict=True)
    ]
    near = len(near_rows_across(rows, part, other, neighbours))
    return Crossing(
        part=rows.parts[part].name,
        other=rows.parts[other].name,
        rows_of_part=int((rows.part == part).sum()),
        rows=Level(exact=int(leaked[0].sum()), same=int(leaked[1].sum())),
        other_label=Level(exact=int(foreign[0].sum()), same=int(foreign[1].sum())),
        near_rows=near,
    )


def leaked_rows(rows: Rows, crossed: Sequence[tuple[int, int]]) -> int:
    """Rows of the first part of any pair whose text stands in the second, each counted once."""
    leaks = [_standing_in(rows, part, other, rows.same) for part, other in crossed]
    return int(np.logical_or.reduce(leaks).sum()) if leaks else 0


def near_rows_across(rows: Rows, part: int, other: int, neighbours: Neighbours) -> Indices:
    """Rows of a part with a near-duplicate in another one, and no same text there."""
    near = np.fromiter(neighbours.of(part, other), dtype=np.int64)
    return np.flatnonzero((rows.part == part) & np.isin(rows.same, near))


def find_leaks(rows: Rows, part: int, other: int) -> list[Found]:
    """Each row of `other` whose text stands in `part`, with the first row that it leaks into: those with another
    label first, then the exact ones.

    It is the row that is trained on that may go: a test set that was given is what others measure on too.
    """
    exact_there: dict[int, int] = {}
    for row in np.flatnonzero(rows.part == part).tolist():
        exact_there.setdefault(int(rows.exact[row]), row)
    same_there = rows.firsts(part)
    found = []
    for row in np.flatnonzero(_standing_in(rows, other, part, rows.same)).tolist():
        exactly = exact_there.get(int(rows.exact[row]))
        into = int(same_there[rows.same[row]]) if exactly is None else exactly
        found.append(Found("leakage", row, "drop", "same" if exactly is None else "exact", into))
    return sorted(found, key=lambda it: (*_agreement(rows, it), it.level != "exact", it.row))


def find_near_leaks(rows: Rows, part: int, other: int, neighbours: Neighbours) -> list[Found]:
    """Each row of `other` that is near a text of `part` and the same as none of them; the nearest first.

    It may go as well: training loses one row by it, and the score would be too good by as much as it is alike.
    """
    firsts = rows.firsts(part)
    nearest = neighbours.of(other, part)
    found = []
    for row in np.flatnonzero(rows.part == other).tolist():
        if int(rows.same[row]) in nearest:
            text, similarity = nearest[int(rows.same[row])]
            found.append(Found("near_leakage", row, "drop", "near", int(firsts[text]), round(similarity, 4)))
    return sorted(found, key=lambda it: (-(it.similarity or 0), *_agreement(rows, it), it.row))


def _standing_in(rows: Rows, part: int, other: int, texts: Indices) -> Mask:
    """(rows,) True for rows of a part whose text stands in another one."""
    there = np.zeros(int(texts.max()) + 1, dtype=np.bool_)
    there[texts[rows.part == other]] = True
    standing: Mask = (rows.part == part) & there[texts]
    return standing


def _with_other_label(rows: Rows, part: int, other: int, texts: Indices) -> Mask:
    """(rows,) True for rows of a part that have a label, and none of those that their text has in another one."""
    labels = len(rows.names) + 1  # one more for NO_LABEL
    pairs = texts * labels + rows.labels + 1
    known = rows.labels != NO_LABEL
    in_other = known & (rows.part == other)
    stands_there = np.isin(texts, texts[in_other])
    foreign: Mask = (rows.part == part) & known & stands_there & ~np.isin(pairs, pairs[in_other])
    return foreign


def _agreement(rows: Rows, found: Found) -> tuple[bool]:
    assert isinstance(found.other, int)
    return (bool(rows.labels[found.row] == rows.labels[found.other]),)
