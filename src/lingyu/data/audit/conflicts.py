"""One text with two labels: at least one of them is wrong."""

from collections import Counter

import numpy as np

from .found import Depth, Found, Suggestion, in_training
from .noise import Judged
from .report import Level
from .rows import NO_LABEL, Rows, with_two_labels


def conflicts_in(rows: Rows, part: int) -> tuple[Level, Level]:
    """(texts with two labels in the part, rows that carry them)"""
    of_part = rows.part == part
    labels = rows.labels[of_part]
    texts, carrying = [], []
    for level in (rows.exact[of_part], rows.same[of_part]):
        found = with_two_labels(level, labels)
        texts.append(len(found))
        carrying.append(int((np.isin(level, found) & (labels != NO_LABEL)).sum()))
    return Level(exact=texts[0], same=texts[1]), Level(exact=carrying[0], same=carrying[1])


def find_conflicts(rows: Rows, part: int, judged: Judged | None) -> list[Found]:
    """Each row of a text with two labels, those of one text together, the texts with most rows first.

    Where more than half of the rows agree, and the cross-validated model with them, the others get that label;
    else all of them may go, as training leaves them out. But only where it is exactly the same text that has two
    labels: where texts differ in what the same-text form leaves out, 好？ and 好！, all are kept, and a person decides.
    """
    of_part = np.flatnonzero((rows.part == part) & (rows.labels != NO_LABEL))
    exactly = set(with_two_labels(rows.exact[of_part], rows.labels[of_part]).tolist())
    groups: dict[int, list[int]] = {}
    texts = rows.same[of_part]
    conflicting = np.isin(texts, with_two_labels(texts, rows.labels[of_part]))
    for row in of_part[conflicting].tolist():
        groups.setdefault(int(rows.same[row]), []).append(row)
    found = []
    for group in sorted(groups.values(), key=lambda group: (-len(group), group[0])):
        right = _clear_label(rows, group, judged)
        for row in group:
            level: Depth = "exact" if int(rows.exact[row]) in exactly else "same"
            suggestion, label = _suggested(rows, row, right, may_change=level == "exact" and in_training(rows, row))
            other = next(other for other in group if rows.labels[other] != rows.labels[row])
            found.append(Found("conflicts", row, suggestion, level, other, suggested_label=label))
    return found


def _clear_label(rows: Rows, group: list[int], judged: Judged | None) -> int | None:
    label, count = Counter(rows.labels[group].tolist()).most_common(1)[0]
    if 2 * count <= len(group):
        return None
    opinion = NO_LABEL if judged is None else judged.opinion(group[0])
    return int(label) if opinion in (NO_LABEL, label) else None


def _suggested(rows: Rows, row: int, right: int | None, *, may_change: bool) -> tuple[Suggestion, str | None]:
    if right is None:
        return "drop" if may_change else "keep", None
    if not may_change:
        return "keep", rows.names[right]
    return ("keep", None) if rows.labels[row] == right else ("relabel", rows.names[right])
