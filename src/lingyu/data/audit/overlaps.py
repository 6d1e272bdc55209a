"""What of the parts stands in other data sets and corpora: what was trained on those has seen it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from lingyu.reporting import Report
from lingyu.text import Hashes

from ..row_hashes import row_hashes
from .found import TRAIN, Depth, Elsewhere, Found
from .neighbours import Neighbours
from .parts import AuditReading, Read, read_cleaned
from .report import Overlap
from .rows import Mask, Rows, exact_key, whole_text

_ROWS_PER_CHUNK = 4_096


@dataclass
class _Met:
    """The first row of another set for each text of ours: exactly (Rows.exact), the same or near (Rows.same)."""

    exact: dict[int, Elsewhere] = field(default_factory=dict)
    same: dict[int, Elsewhere] = field(default_factory=dict)
    near: dict[int, tuple[Elsewhere, float]] = field(default_factory=dict)


def overlaps_with_table(
    rows: Rows, neighbours: Neighbours, source: str, reading: AuditReading, report: Report
) -> tuple[list[Overlap], list[Found]]:
    """With another data set, of which a few thousand rows are in memory at a time."""
    met = _Met()
    theirs = read_cleaned(source, reading, report)
    while chunk := list(islice(theirs, _ROWS_PER_CHUNK)):
        _meet(rows, neighbours, [row for row in chunk if not row.is_empty], reading, met)
    exact = np.isin(rows.exact, _keys(met.exact))
    same = np.isin(rows.same, _keys(met.same))
    near = np.isin(rows.same, _keys(met.near)) & ~same
    overlaps = [
        Overlap(
            part=rows.parts[part].name,
            other=source,
            rows_of_part=int(of_part.sum()),
            exact=int((of_part & exact).sum()),
            same=int((of_part & same).sum()),
            near_rows=int((of_part & near).sum()),
        )
        for part, of_part in _parts(rows)
    ]
    return overlaps, _found_in_table(rows, same | near, met)


def overlaps_with_hashes(rows: Rows, hashes: Hashes, name: str) -> tuple[list[Overlap], list[Found]]:
    """With a corpus of which nothing but the content hashes is known. name: what it is called."""
    same = np.isin(rows.hashes, hashes)
    overlaps = [
        Overlap(
            part=rows.parts[part].name,
            other=name,
            rows_of_part=int(of_part.sum()),
            exact=None,
            same=int((of_part & same).sum()),
            near_rows=None,
        )
        for part, of_part in _parts(rows)
    ]
    found = [Found("overlap", row, "keep", "same", Elsewhere(name)) for row in np.flatnonzero(same).tolist()]
    return overlaps, sorted(found, key=lambda it: (_is_train(rows, it.row), it.row))


def hashes_of_corpus(folder: str) -> Hashes:
    """The content hashes of a corpus that `lingyu data corpus` built. Raises LingyuError for any other folder."""
    from ..corpus import corpus_hashes  # with what builds one

    return corpus_hashes(folder)


def _meet(rows: Rows, neighbours: Neighbours, chunk: list[Read], reading: AuditReading, met: _Met) -> None:
    if not chunk:
        return
    has_pairs = reading.text_pair is not None
    pairs = [row.pair for row in chunk] if has_pairs else None
    texts = [whole_text(row.text, row.pair if has_pairs else None) for row in chunk]
    elsewhere = [Elsewhere(row.where, text, row.label or None) for row, text in zip(chunk, texts, strict=True)]
    for row, other in zip(chunk, elsewhere, strict=True):
        exact = rows.exact_keys.get(exact_key(row.text, row.pair if has_pairs else None))
        if exact is not None:
            met.exact.setdefault(exact, other)
    for at, same in _same_texts(rows, row_hashes([row.text for row in chunk], pairs)):
        met.same.setdefault(same, elsewhere[at])
    near = neighbours.index.near(texts)
    for at, same, similarity in zip(near.first.tolist(), near.second.tolist(), near.similarity.tolist(), strict=True):
        if similarity > met.near.get(same, (None, 0.0))[1]:
            met.near[same] = (elsewhere[at], similarity)


def _same_texts(rows: Rows, hashes: Hashes) -> Iterator[tuple[int, int]]:
    """(place among the hashes, number of our text) for each of them that is ours."""
    ours, firsts = rows.distinct_hashes
    at = np.minimum(np.searchsorted(ours, hashes), len(ours) - 1)
    hit = np.flatnonzero(ours[at] == hashes)
    return zip(hit.tolist(), rows.same[firsts[at[hit]]].tolist(), strict=True)


def _found_in_table(rows: Rows, touched: Mask, met: _Met) -> list[Found]:
    """Kept, all of them: that another set has the same text is no fault of this one, but of who measures on both."""
    found = []
    for row in np.flatnonzero(touched).tolist():
        level, other, similarity = _deepest(rows, row, met)
        found.append(Found("overlap", row, "keep", level, other, similarity=similarity))
    order = ("exact", "same", "near")
    return sorted(found, key=lambda it: (_is_train(rows, it.row), order.index(it.level or "near"), it.row))


def _deepest(rows: Rows, row: int, met: _Met) -> tuple[Depth, Elsewhere, float | None]:
    exact, same = int(rows.exact[row]), int(rows.same[row])
    if exact in met.exact:
        return "exact", met.exact[exact], None
    if same in met.same:
        return "same", met.same[same], None
    other, similarity = met.near[same]
    return "near", other, round(similarity, 4)


def _parts(rows: Rows) -> Iterator[tuple[int, Mask]]:
    return ((part, rows.part == part) for part in range(len(rows.parts)))


def _is_train(rows: Rows, row: int) -> bool:
    return rows.parts[int(rows.part[row])].name == TRAIN


def _keys(met: dict[int, Elsewhere] | dict[int, tuple[Elsewhere, float]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.fromiter(met, dtype=np.int64, count=len(met))
