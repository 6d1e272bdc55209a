"""From one file of labelled rows to train.csv, dev.csv and test.csv, and split.json that says how it was done.

On one side stay rows of the same text, of near texts, and of one value of a group column (a customer, a review of
several clauses): connected components of all three. The files hold all columns as they stand in the source.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lingyu.errors import LingyuError
from lingyu.recipe import Data, Split
from lingyu.reporting import Report
from lingyu.text import Hashes, clean, content_hashes

from .counts import Counts
from .csv_folder import write_folder
from .near import NEAR, near_groups, near_pairs
from .reading import sha256_of
from .row_times import time_ranks
from .split_manifest import (
    SPLIT,
    PartName,
    SplitCounts,
    SplitManifest,
    SplitPart,
    SplitSettings,
    SplitSource,
    TimeCut,
    Together,
    read_split,
)
from .splitting import Indices, has_two_labels, split_by_time, split_groups
from .tables import TableRow
from .whole_tables import WholeTable, first_of, read_whole
from .writing import write_csv

_DEFAULTS = Split()
RECIPE_STEPS: tuple[str, ...] = Data.model_fields["clean"].default
_PARTS: tuple[PartName, ...] = ("train", "dev", "test")


@dataclass(frozen=True)
class SplitRequest:
    """source: a file. dev, test: shares of the rows; 0 for no such part. text, label, group, time: columns.

    label: None where rows have none, or each one of its own; then the split is not stratified.
    clean: steps that texts go through before they are compared: those of the recipe that will train on the files.
    """

    source: str
    dev: float = _DEFAULTS.dev
    test: float = _DEFAULTS.test
    seed: int = _DEFAULTS.seed
    text: str = "text"
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
        named = {"--text": self.text, "--label": self.label, "--group": self.group, "--time": self.time}
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

    Raises LingyuError for a source that can't be read, a row without a label or a time, too few rows, and for a folder
    that holds something else, or without force the files of another split.
    """
    _check_shares(request)
    report("splitting", 0, 3)
    table = read_whole(request.source, request.encoding, request.columns)
    rows, dropped = _usable(table, request)
    report("splitting", 1, 3)
    together, pairs = _together(rows, request)
    indices, cut = _split(rows, together, request)
    _check_parts(indices, together, request)
    report("splitting", 2, 3)
    counts = Counts(
        {Path(table.source).name: len(table.rows)},
        dropped,
        {part: len(indices[part]) for part in _PARTS if part in indices},
        _notes(rows, together, pairs, indices, cut, request),
    )
    draft = _Draft(table, rows, indices, request, counts, _together_counts(together, pairs), cut)
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
    """Rows with a text. texts: cleaned. labels: (rows,), index into label_names."""

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
    cleaned = [clean(row.cells[request.text], request.clean) for row in table.rows]
    filled = [at for at, text in enumerate(cleaned) if text]
    if not filled:
        raise LingyuError(f"no row has a text in column `{request.text}`", table.source, "Name the column with --text")
    rows = tuple(table.rows[at] for at in filled)
    texts = tuple(cleaned[at] for at in filled)
    labels, names = _labels(rows, request.label)
    found = _Rows(rows, texts, content_hashes(texts), labels, names)
    conflicting = has_two_labels(found.hashes, found.labels)
    kept = found.take(~conflicting)
    if not kept.rows:
        raise LingyuError("no row is left: every text carries two labels", table.source, "Correct the labels")
    return kept, {"empty": len(cleaned) - len(filled), "two labels": int(conflicting.sum())}


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


def _together(rows: _Rows, request: SplitRequest) -> tuple[NDArray[np.int64], int]:
    """(rows,) the component of each row, and the number of near pairs."""
    pairs = near_pairs(rows.texts, rows.hashes)
    components = near_groups(rows.hashes, pairs)
    if request.group is None:
        return components, len(pairs)
    values = [value.strip() for value in rows.column(request.group)]
    named = np.array([at for at, value in enumerate(values) if value], dtype=np.int64)
    _, value_of = np.unique([values[at] for at in named.tolist()], return_inverse=True)
    nodes = len(values)  # a node each row, by which components are named, and one each value behind them
    ends = (components[named], nodes + value_of.astype(np.int64))
    graph = coo_array((np.ones(len(named), dtype=np.int8), ends), shape=(2 * nodes, 2 * nodes))
    _, joined = connected_components(graph, directed=False)
    return joined[components].astype(np.int64), len(pairs)


def _split(
    rows: _Rows, together: NDArray[np.int64], request: SplitRequest
) -> tuple[dict[str, Indices], TimeCut | None]:
    if request.time is None:
        return split_groups(together, rows.hashes, rows.labels, request.shares, request.seed), None
    values = rows.column(request.time)
    times = time_ranks(values, [row.where for row in rows.rows], request.time)
    indices = split_by_time(together, rows.hashes, times, request.shares, request.seed)
    return indices, _cut(indices, times, values)


def _cut(indices: Mapping[str, Indices], times: NDArray[np.int64], values: Sequence[str]) -> TimeCut:
    first = {part: int(rows[np.argmin(times[rows])]) for part, rows in indices.items() if len(rows)}
    starts = {part: values[at] for part, at in first.items()}
    late = 0
    for at, part in enumerate(_PARTS):
        later = [times[first[other]] for other in _PARTS[at + 1 :] if other in first]
        if later and part in indices:
            late += int((times[indices[part]] > min(later)).sum())
    return TimeCut(dev_from=starts.get("dev"), test_from=starts.get("test"), late_rows=late)


def _check_parts(indices: Mapping[str, Indices], together: NDArray[np.int64], request: SplitRequest) -> None:
    if all(len(rows) for rows in indices.values()):
        return
    groups = len(np.unique(together))
    what = f"{groups:,} groups of rows that stay together are too few to split off {' and '.join(request.shares)}"
    hint = "Add rows: three different texts a label at the least"
    raise LingyuError(what, request.source, hint + (", or leave out --group" if request.group else ""))


# ---- what is said of it


def _together_counts(together: NDArray[np.int64], pairs: int) -> Together:
    _, sizes = np.unique(together, return_counts=True)
    several = sizes[sizes > 1]
    return Together(near_pairs=pairs, groups=len(several), rows=int(several.sum()), largest=int(sizes.max()))


def _notes(
    rows: _Rows,
    together: NDArray[np.int64],
    pairs: int,
    indices: Mapping[str, Indices],
    cut: TimeCut | None,
    request: SplitRequest,
) -> tuple[str, ...]:
    kept = _together_counts(together, pairs)
    numbered = {
        "pairs of near-duplicates, each pair kept on one side": pairs,
        "rows that stay with others": kept.rows,
        "rows of the largest group that stays together": kept.largest if kept.largest > 1 else 0,
        "rows later than a later part's first, kept with an earlier copy": cut.late_rows if cut else 0,
    }
    if request.group is not None:
        empty = sum(not value.strip() for value in rows.column(request.group))
        numbered[f"rows without a {request.group}, each by itself"] = empty
    notes = [f"{what}: {count:,}" for what, count in numbered.items() if count]
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
            counts=SplitCounts(
                read=dict(self.counts.read),
                dropped=dict(self.counts.dropped),
                kept=dict(self.counts.kept),
                notes=self.counts.notes,
            ),
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
            label=asked.label,
            group=asked.group,
            time=asked.time,
            encoding=asked.encoding,
            clean=asked.clean,
            near_similarity=NEAR.similarity,
            near_shortest=NEAR.shortest,
            near_longest_other=NEAR.longest_other,
        )
