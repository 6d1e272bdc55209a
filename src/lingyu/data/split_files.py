"""From one file of labelled rows to train.csv, dev.csv and test.csv, and split.json that says how it was done.

On one side stay rows of the same text, of near texts, and of one value of a group column (a customer, a review of
several clauses): connected components of all three. The files hold all columns as they stand in the source.

By time, a text is as old as its first copy, same or near, and a component as young as the youngest of its texts. So
train knows no text that was first written after the cut, and no text or customer of the test. A row from after the cut
is in train only as a copy of a text from before it; a row from before the cut is in the test only with its customer.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.recipe import Data, Split
from lingyu.reporting import Report
from lingyu.text import Hashes, clean

from .audit.rows import whole_text
from .cleaning import require_steps
from .counts import EMPTY, TWO_LABELS, Counts, StoredCounts
from .csv_folder import write_folder
from .grouping import joined_groups
from .near import NEAR, near_groups, near_pairs
from .reading import sha256_of
from .row_hashes import row_hashes
from .row_times import time_ranks
from .split_manifest import (
    SPLIT,
    PartName,
    SplitManifest,
    SplitPart,
    SplitSettings,
    SplitSource,
    TimeCut,
    Together,
    read_split,
)
from .splitting import TRAIN, Indices, has_two_labels, split_by_time, split_groups
from .tables import TableRow
from .whole_tables import WholeTable, first_of, read_whole
from .writing import NULLS_IN_CSV, write_csv

_DEFAULTS = Split()
RECIPE_STEPS: tuple[str, ...] = Data.model_fields["clean"].default
_PARTS: tuple[PartName, ...] = ("train", "dev", "test")
_HOW_TO_KEEP_THEM = "--text-pair names a second text that tells them apart, --no-label keeps them"


@dataclass(frozen=True)
class SplitRequest:
    """source: a file. dev, test: shares of the rows; 0 for no such part. text, text_pair, label, group, time: columns.

    text_pair: of a second text; then rows are the same where both texts are.
    label: None where rows have none, or each one of its own; then the split is not stratified.
    clean: steps that texts go through before they are compared: those of the recipe that will train on the files.
    """

    source: str
    dev: float = _DEFAULTS.dev
    test: float = _DEFAULTS.test
    seed: int = _DEFAULTS.seed
    text: str = "text"
    text_pair: str | None = None
    label: str | None = "label"
    group: str | None = None
    time: str | None = None
    encoding: str = "utf-8"
    clean: tuple[str, ...] = RECIPE_STEPS

    @property
    def shares(self) -> dict[str, float]:
        """Of the parts that train leaves; test first, as where a recipe splits."""
        return {part: share for part, share in (("test", self.test), ("dev", self.dev)) if share}

    @property
    def columns(self) -> dict[str, str]:
        """Column -> the option that names it."""
        named = {"--text": self.text, "--text-pair": self.text_pair, "--label": self.label}
        named |= {"--group": self.group, "--time": self.time}
        return {column: option for option, column in named.items() if column is not None}


@dataclass(frozen=True)
class SplitDone:
    """already_there: the folder held the same files before."""

    folder: Path
    manifest: SplitManifest
    counts: Counts
    already_there: bool


def split_file(request: SplitRequest, out: Path, report: Report, *, force: bool = False) -> SplitDone:
    """Split a file into those of the folder `out`. The same source and request give the same bytes.

    Raises LingyuError for a source that can't be read, a step that is none, a row without a label or a time, too few
    rows, and for a folder that holds something else, or without force the files of another split.
    """
    _check_shares(request)
    require_steps(request.clean, "--clean")
    report("splitting", 0, 3)
    table = read_whole(request.source, request.encoding, request.columns)
    rows, dropped = _usable(table, request)
    report("splitting", 1, 3)
    sides = _sides(rows, request)
    indices, cut = _split(rows, sides, request)
    _check_parts(indices, sides, request)
    report("splitting", 2, 3)
    together = _together(sides)
    counts = Counts(
        {Path(table.source).name: len(table.rows)},
        dropped,
        {part: len(indices[part]) for part in _PARTS if part in indices},
        (*_notes(rows, together, cut, request), *_notes_of_labels(rows, indices, dropped)),
    )
    draft = _Draft(table, rows, indices, request, counts, together, cut)
    names = [*(f"{part}.csv" for part in indices), SPLIT]
    written = write_folder(out, names, draft.write, made_from=[request.source], force=force)
    manifest = read_split(out / SPLIT)
    assert manifest is not None, "it was written just now"
    report("splitting", 3, 3)
    return SplitDone(out, manifest, counts, already_there=not written)


def _check_shares(request: SplitRequest) -> None:
    for option, share in (("--dev", request.dev), ("--test", request.test)):
        if not 0 <= share < 1:
            raise LingyuError(f"{option} is {share:g}, no share of the rows", next="Give one like 0.1")
    if not 0 < request.dev + request.test < 1:
        what = "--dev and --test together leave no row to train on" if request.dev else "--dev and --test are both 0"
        raise LingyuError(what, next="Give shares like 0.1 and 0.1")


# ---- the rows that are split


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows with a text. texts: cleaned, both of a row that has two. hashes: as audit.row_hashes makes them.
    labels: (rows,), index into label_names."""

    rows: tuple[TableRow, ...]
    texts: tuple[str, ...]
    hashes: Hashes
    labels: NDArray[np.int64]
    label_names: tuple[str, ...]

    def take(self, kept: NDArray[np.bool_]) -> "_Rows":
        at = np.flatnonzero(kept).tolist()
        rows, texts = tuple(self.rows[i] for i in at), tuple(self.texts[i] for i in at)
        return _Rows(rows, texts, self.hashes[kept], self.labels[kept], self.label_names)

    def column(self, name: str) -> list[str]:
        return [row.cells[name] for row in self.rows]


def _usable(table: WholeTable, request: SplitRequest) -> tuple[_Rows, dict[str, int]]:
    """The rows with a text of one label, and how many were dropped and why."""
    columns = [column for column in (request.text, request.text_pair) if column is not None]
    cleaned = [[clean(row.cells[column], request.clean) for column in columns] for row in table.rows]
    filled = [at for at, texts in enumerate(cleaned) if all(texts)]
    if not filled:
        what = f"no row has a text in column {' and '.join(f'`{column}`' for column in columns)}"
        raise LingyuError(what, table.source, "Name the column with --text")
    rows = tuple(table.rows[at] for at in filled)
    texts = [cleaned[at][0] for at in filled]
    pairs = [cleaned[at][1] for at in filled] if request.text_pair is not None else None
    wholes = texts if pairs is None else map(whole_text, texts, pairs)
    labels, names = _labels(rows, request.label)
    found = _Rows(rows, tuple(wholes), row_hashes(texts, pairs), labels, names)
    conflicting = has_two_labels(found.hashes, found.labels)
    kept = found.take(~conflicting)
    if not kept.rows:
        what = "no row is left: every text carries two labels"
        raise LingyuError(what, table.source, f"Correct them; {_HOW_TO_KEEP_THEM}")
    return kept, {EMPTY: len(cleaned) - len(filled), TWO_LABELS: int(conflicting.sum())}


def _labels(rows: Sequence[TableRow], column: str | None) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(rows,) the index of each row's label, and the labels."""
    if column is None:
        return np.zeros(len(rows), dtype=np.int64), ("",)
    values = [row.cells[column].strip() for row in rows]
    faults = [
        LingyuError(f"the row has no label in column `{column}`", row.where, "Label it, or take it out")
        for row, value in zip(rows, values, strict=True)
        if not value
    ]
    if faults:
        raise first_of(faults)
    names = tuple(sorted(set(values)))
    index = {name: at for at, name in enumerate(names)}
    return np.array([index[value] for value in values], dtype=np.int64), names


# ---- what stays together, and what goes where


@dataclass(frozen=True, eq=False)
class _Sides:
    """(rows,) each. texts: the component of a row by same and near texts. groups: by those and the group column; what
    is dealt out. near: whether it has a near-duplicate."""

    texts: NDArray[np.int64]
    groups: NDArray[np.int64]
    near: NDArray[np.bool_]


def _sides(rows: _Rows, request: SplitRequest) -> _Sides:
    pairs = near_pairs(rows.texts, rows.hashes)
    texts = near_groups(rows.hashes, pairs)
    near = np.isin(rows.hashes, rows.hashes[np.concatenate([pairs.first, pairs.second])])
    groups = texts if request.group is None else joined_groups(texts, rows.column(request.group))
    return _Sides(texts, groups, near)


def _split(rows: _Rows, sides: _Sides, request: SplitRequest) -> tuple[dict[str, Indices], TimeCut | None]:
    if request.time is None:
        return split_groups(sides.groups, rows.hashes, rows.labels, request.shares, request.seed), None
    values = rows.column(request.time)
    written = time_ranks(values, [row.where for row in rows.rows], request.time)
    first_written = _of_group(np.minimum, written, sides.texts)
    times = _of_group(np.maximum, first_written, sides.groups)
    indices = split_by_time(sides.groups, rows.hashes, times, request.shares, request.seed)
    return indices, _cut(indices, times, written, values)


def _of_group(least_or_most: np.ufunc, times: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """(rows,) the least (np.minimum) or most (np.maximum) of the times in a row's group."""
    _, firsts, group = np.unique(groups, return_index=True, return_inverse=True)
    found = times[firsts]
    least_or_most.at(found, group, times)
    of_rows: NDArray[np.int64] = found[group]
    return of_rows


def _cut(
    indices: Mapping[str, Indices], times: NDArray[np.int64], written: NDArray[np.int64], values: Sequence[str]
) -> TimeCut:
    """times: (rows,) of each row's group. written: (rows,) its own."""
    starts = {part: int(times[rows].min()) for part, rows in indices.items() if part != TRAIN and len(rows)}
    late = early = 0
    for at, part in enumerate(_PARTS):
        rows = written[indices[part]] if part in indices else written[:0]
        later = [starts[other] for other in _PARTS[at + 1 :] if other in starts]
        late += int((rows > min(later)).sum()) if later else 0
        early += int((rows < starts[part]).sum()) if part in starts else 0
    shown = {part: values[int(np.argmax(written == start))] for part, start in starts.items()}
    return TimeCut(dev_from=shown.get("dev"), test_from=shown.get("test"), late_rows=late, early_rows=early)


def _check_parts(indices: Mapping[str, Indices], sides: _Sides, request: SplitRequest) -> None:
    if all(len(rows) for rows in indices.values()):
        return
    found = len(np.unique(sides.groups))
    groups = f"{found:,} group{'' if found == 1 else 's'} of rows that stay together {'is' if found == 1 else 'are'}"
    hint = f"Add rows: {len(indices)} different texts a label at the least"
    if request.group:
        hint = f"It takes {len(indices)} groups, or leave out --group"
    raise LingyuError(f"{groups} too few to split off {' and '.join(request.shares)}", request.source, hint)


# ---- what is said of it


def _together(sides: _Sides) -> Together:
    _, sizes = np.unique(sides.groups, return_counts=True)
    several = sizes[sizes > 1]
    near = int(sides.near.sum())
    return Together(near_rows=near, groups=len(several), rows=int(several.sum()), largest=int(sizes.max()))


def _notes(rows: _Rows, together: Together, cut: TimeCut | None, request: SplitRequest) -> tuple[str, ...]:
    """What is kept on one side, and what csv can't hold of it."""
    numbered = {
        "rows with a near-duplicate, kept on its side": together.near_rows,
        "rows that stay with others": together.rows,
        "rows of the largest group that stays together": together.largest if together.largest > 1 else 0,
        NULLS_IN_CSV: sum(bool(row.nulls) for row in rows.rows),
    }
    if cut is not None:
        late = "copies of an earlier text that stay with it, though from after the first row of a later part"
        early = f"rows of dev and test from before its first group, kept there by {request.group}"
        numbered |= {late: cut.late_rows, early: cut.early_rows}
    if request.group is not None:
        empty = sum(not value.strip() for value in rows.column(request.group))
        numbered[f"rows without a {request.group}, each by itself"] = empty
    return tuple(f"{what}: {count:,}" for what, count in numbered.items() if count)


def _notes_of_labels(rows: _Rows, indices: Mapping[str, Indices], dropped: Mapping[str, int]) -> tuple[str, ...]:
    notes = []
    if dropped[TWO_LABELS]:
        notes.append(f"rows whose text has another label elsewhere were dropped; {_HOW_TO_KEEP_THEM}")
    for part, found in indices.items():
        present = set(rows.labels[found].tolist())
        absent = [name for at, name in enumerate(rows.label_names) if at not in present]
        if absent:
            shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
            notes.append(f"no row of {part} has the label {shown}")
    return tuple(notes)


@dataclass(frozen=True, eq=False)
class _Draft:
    """All that is written."""

    table: WholeTable
    rows: _Rows
    indices: Mapping[str, Indices]
    request: SplitRequest
    counts: Counts
    together: Together
    cut: TimeCut | None

    def write(self, folder: Path) -> None:
        """The csv file of each part and split.json."""
        parts = {part: self._write_part(folder, part) for part in _PARTS if part in self.indices}
        manifest = SplitManifest(
            source=SplitSource(name=Path(self.table.source).name, sha256=self.table.sha256, rows=len(self.table.rows)),
            settings=self._settings(),
            counts=StoredCounts.of(self.counts),
            together=self.together,
            time=self.cut,
            parts=parts,
        )
        (folder / SPLIT).write_text(manifest.as_json(), encoding="utf-8")

    def _write_part(self, folder: Path, part: PartName) -> SplitPart:
        name = f"{part}.csv"
        at = self.indices[part].tolist()
        write_csv(folder / name, self.table.columns, [self.rows.rows[i] for i in at])
        labels = Counter(self.rows.label_names[label] for label in self.rows.labels[at].tolist())
        counted = {} if self.request.label is None else dict(sorted(labels.items()))
        return SplitPart(file=name, sha256=sha256_of(folder / name), rows=len(at), labels=counted)

    def _settings(self) -> SplitSettings:
        asked = self.request
        return SplitSettings(
            dev=asked.dev,
            test=asked.test,
            seed=asked.seed,
            text=asked.text,
            text_pair=asked.text_pair,
            label=asked.label,
            group=asked.group,
            time=asked.time,
            encoding=asked.encoding,
            clean=asked.clean,
            near_similarity=NEAR.similarity,
            near_shortest=NEAR.shortest,
            near_longest_other=NEAR.longest_other,
        )
