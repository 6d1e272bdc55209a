"""What is audited: the rows of train, dev and test, cleaned, with their labels and where each stands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lingyu.digests import file_sha256
from lingyu.errors import LingyuError
from lingyu.recipe import TASK_RULES, Data, TaskName
from lingyu.reporting import Report
from lingyu.text import Hashes, clean

from ..counts import BEYOND, BOTH_ORDERS, CHOSEN_BY, DEV_LEAKED, EMPTY, LEAKED, TWO_LABELS
from ..labelling import value_of_label
from ..loading import load_splits
from ..parts import Splits
from ..reading import is_hub_set, read_table
from ..row_hashes import row_hashes
from ..splitting import has_two_labels
from ..tables import Table, TableRow, no_column
from .report import Source

_ROWS_PER_REPORT = 1_000
_MOST_LABELS = 1_000  # that nobody named
_LONGEST_LABEL = 100  # characters

_LEFT_OUT = {
    "train": (TWO_LABELS, BOTH_ORDERS, BEYOND),
    "dev": (DEV_LEAKED,),
    "test": (LEAKED, CHOSEN_BY),
}
"""Part -> why load_splits leaves rows of it out that it has read."""


@dataclass(frozen=True, eq=False)
class AuditPart:
    """texts: cleaned, none of them empty. pairs: the second text of each row, where rows have two.

    labels: '' where a row has none; None where no row has one, and none was asked for. wheres: 'data/hotel.csv:12'.
    empty: rows left out, since they have no text, or only one of two. left_out: {reason: rows} of the source that are
    in no part.
    """

    name: str
    source: Source
    texts: tuple[str, ...]
    labels: tuple[str, ...] | None
    wheres: tuple[str, ...]
    empty: int
    pairs: tuple[str, ...] | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditReading:
    """How a table is read. names: value in the file -> name of the label; a value without a name is its own.

    needs_label: whether a table without the column of labels is refused, or read without them. keys: what the user set
    text, text_pair and label by, for messages. unjudged: why no row has a label.
    """

    text: str = "text"
    text_pair: str | None = None
    label: str | None = None
    encoding: str = "utf-8"
    clean: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    needs_label: bool = True
    keys: tuple[str, str, str] = ("--text", "--text-pair", "--label")
    unjudged: str = "no labels were given"

    @classmethod
    def of_recipe(cls, data: Data, task: TaskName) -> "AuditReading":
        """Labels are audited where a row has one of several."""
        keys = ("data.text", "data.text_pair", "data.label")
        reading = cls(data.text, data.text_pair, data.label, data.encoding, data.clean, data.labels, keys=keys)
        if TASK_RULES[task].labels_a_row == "one":
            return reading
        return replace(reading, label=None, unjudged=f"not judged for the task {task}")

    @property
    def asks_label(self) -> bool:
        return self.label is not None and self.needs_label

    @property
    def columns(self) -> dict[str, str]:
        """Key -> the column that it names."""
        named = zip(self.keys, (self.text, self.text_pair, self.label), strict=True)
        return {key: column for key, column in named if column is not None}


def parts_of_files(files: Mapping[str, str], reading: AuditReading, report: Report) -> tuple[AuditPart, ...]:
    """files: name of the part -> its source. Raises LingyuError where one can't be read, has no row with a text, holds
    texts where labels should be, or is given twice."""
    if reading.label is not None and reading.needs_label and reading.label in (reading.text, reading.text_pair):
        what = f"{reading.keys[2]}: `{reading.label}` is the column of the text"
        raise LingyuError(what, next(iter(files.values())), "Name the column that holds the label")
    parts = tuple(_part_of_file(name, source, reading, report) for name, source in files.items())
    for part, other in combinations(parts, 2):
        if _is_same_file(part.source, other.source):
            what = f"{other.name} is the same file as {part.name}"
            raise LingyuError(what, other.source.path, "Give each part a file of its own")
    return parts


def _is_same_file(source: Source, other: Source) -> bool:
    return source.path == other.path or (source.sha256 is not None and source.sha256 == other.sha256)


def parts_of_recipe(data: Data, report: Report, task: TaskName) -> tuple[AuditPart, ...]:
    """The files of a recipe where it gives dev or test; else train, dev and test as they are split off.

    So the rows of a given dev or test that stand in train are audited, where load_splits would stop at them or leave
    them out. Of a task that gives a row other than one label, the parts as they are loaded, such rows among them.
    Raises LingyuError as parts_of_files and load_splits do.
    """
    if TASK_RULES[task].labels_a_row != "one":
        data = data.model_copy(update={"allow_leakage": True, "drop_leaked": False})
        return parts_of_splits(load_splits(data, task), data)
    given = {"train": data.train, "dev": data.dev, "test": data.test}
    files = {name: source for name, source in given.items() if source}
    parts = parts_of_files(files, AuditReading.of_recipe(data, task), report)
    return parts if len(parts) > 1 else _split_off(parts[0], load_splits(data, task))


def parts_of_splits(splits: Splits, data: Data) -> tuple[AuditPart, ...]:
    """The parts that a run trains on and is measured on. What was left out of them is but counted, and the place of a
    row in its file is gone: where is 'train:12', the twelfth row of the part. Labels are there where a row has one of
    several; of two replies to a context the better one is its second text."""
    read, dropped = splits.counts.read, splits.counts.dropped
    parts = []
    for name, part in (("train", splits.train), ("dev", splits.dev), ("test", splits.test)):
        path = getattr(data, name) or data.train
        source = Source(path=path, sha256=_sha256(path), rows=read.get(f"data.{name}", read["data.train"]))
        labels = None
        if TASK_RULES[splits.task].labels_a_row == "one":
            labels = tuple(splits.labels[label] for label in part.labels.tolist())
        wheres = tuple(f"{name}:{number}" for number in range(1, part.rows + 1))
        gone = {reason: dropped[reason] for reason in _LEFT_OUT[name] if dropped.get(reason)}
        gone |= splits.counts.dropped_of.get(f"data.{name}", {})
        empty = gone.pop(EMPTY, 0)
        parts.append(AuditPart(name, source, part.texts, labels, wheres, empty, part.pairs, gone))
    return tuple(parts)


def _split_off(whole: AuditPart, splits: Splits) -> tuple[AuditPart, ...]:
    """The rows of a file by the part that each was dealt to: a text with all its rows to one of them.

    A text with two labels was dealt to none, and load_splits left it out. It is audited as a row of train, as it is in
    a train file with a dev and a test file beside it.
    """
    hashes = row_hashes(whole.texts, whole.pairs)
    elsewhere = np.isin(hashes, np.concatenate([splits.dev.hashes, splits.test.hashes]))
    in_train = np.isin(hashes, splits.train.hashes) | (~elsewhere & _has_two_labels(whole, hashes))
    beyond = int((~elsewhere & ~in_train).sum())
    train = replace(_taken(whole, "train", in_train), empty=whole.empty, left_out={BEYOND: beyond} if beyond else {})
    measured = (("dev", splits.dev), ("test", splits.test))
    return train, *(_taken(whole, name, np.isin(hashes, part.hashes)) for name, part in measured)


def _has_two_labels(whole: AuditPart, hashes: Hashes) -> NDArray[np.bool_]:
    assert whole.labels is not None
    return has_two_labels(hashes, np.unique(whole.labels, return_inverse=True)[1])


def _taken(whole: AuditPart, name: str, rows: NDArray[np.bool_]) -> AuditPart:
    assert whole.labels is not None
    at = np.flatnonzero(rows).tolist()
    texts, labels, wheres = (tuple(values[row] for row in at) for values in (whole.texts, whole.labels, whole.wheres))
    pairs = None if whole.pairs is None else tuple(whole.pairs[row] for row in at)
    return AuditPart(name, whole.source, texts, labels, wheres, empty=0, pairs=pairs)


# ---- tables


@dataclass(frozen=True, slots=True)
class Read:
    """A row of a table: cleaned, its label by name ('' where none is asked for). pair: '' where rows have one text."""

    text: str
    pair: str
    label: str
    where: str
    is_empty: bool


def read_cleaned(source: str, reading: AuditReading, report: Report) -> Iterator[Read]:
    """The rows of a table, one after another. Raises LingyuError for a column that is not there, and at the end for
    the first row that can't be read."""
    table = read_table(source, reading.encoding)
    texts = (reading.text, reading.text_pair)
    if not reading.needs_label and (reading.label not in table.columns or reading.label in texts):
        reading = replace(reading, label=None)
    for key, column in reading.columns.items():
        table.needs(column, key)
    faults: list[LingyuError] = []
    named, unnamed = set(reading.names.values()), set[str]()
    for number, row in enumerate(table.rows):
        if number % _ROWS_PER_REPORT == 0:
            _report_progress(table, report)
        fault = row.fault or _lacking(row, reading)
        if fault:
            faults.append(fault)
        elif not faults:
            read = _read(row, reading)
            if read.label not in named:
                unnamed.add(read.label)
                if len(unnamed) > _MOST_LABELS or len(read.label) > _LONGEST_LABEL:
                    what = f"column `{reading.label}` ({reading.keys[2]}): these look like texts, not labels"
                    raise LingyuError(what, source, "Name the column that holds the label")
            yield read
    _report_progress(table, report)
    if faults:
        raise _unreadable(faults)


def _read(row: TableRow, reading: AuditReading) -> Read:
    text = clean(row.cells[reading.text], reading.clean)
    pair = "" if reading.text_pair is None else clean(row.cells[reading.text_pair], reading.clean)
    value = "" if reading.label is None else value_of_label(row.cells[reading.label], reading.names)
    is_empty = not text or (reading.text_pair is not None and not pair)
    return Read(text, pair, reading.names.get(value, value), row.where, is_empty)


def _part_of_file(name: str, source: str, reading: AuditReading, report: Report) -> AuditPart:
    rows: list[Read] = []
    empty = 0
    for row in read_cleaned(source, reading, report):
        if row.is_empty:
            empty += 1
        else:
            rows.append(row)
    if not rows:
        raise LingyuError(f"no row has a text in column `{reading.text}`", source, f"Set {reading.keys[0]}")
    return AuditPart(
        name,
        Source(path=source, sha256=_sha256(source), rows=len(rows) + empty),
        tuple(row.text for row in rows),
        tuple(row.label for row in rows) if reading.asks_label or any(row.label for row in rows) else None,
        tuple(row.where for row in rows),
        empty,
        tuple(row.pair for row in rows) if reading.text_pair is not None else None,
    )


def _lacking(row: TableRow, reading: AuditReading) -> LingyuError | None:
    """Why a row of jsonl, where each has keys of its own, can't be read."""
    for key, column in reading.columns.items():
        if column not in row.cells:
            return no_column(column, key, tuple(row.cells), row.where)
    return None


def _unreadable(faults: Sequence[LingyuError]) -> LingyuError:
    first, more = faults[0], len(faults) - 1
    rows = f"; {more:,} more {'row' if more == 1 else 'rows'} can't be read either" if more else ""
    hint = f"{first.next}; or set such rows apart with: lingyu data import" if first.next else None
    return LingyuError(first.what + rows, first.where, hint)


def _report_progress(table: Table, report: Report) -> None:
    if table.progress:
        report(f"reading {table.source}", *table.progress())


def _sha256(source: str) -> str | None:
    if is_hub_set(source) or not Path(source).is_file():
        return None
    return file_sha256(Path(source))
