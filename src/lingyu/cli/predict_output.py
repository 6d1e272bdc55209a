"""Where the answers to a table go: beside its own columns into a csv or jsonl file, or to the screen."""

import contextlib
import csv
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Protocol

from lingyu.data import TableRow, in_one_go, nearest_name
from lingyu.errors import LingyuError
from lingyu.tasks import JSON, Result

from .classifier import Classifier

Outcome = Result | LingyuError

CHUNK_ROWS = 512
"""So many rows of a table are read at a time; the first of them say which columns a file of answers has."""

_ADDED = ("version", "truncated", "error")  # behind what the answer itself adds
_OF_LABELS = ("predicted_label", "probability")  # where no row of the first is answered, and nobody knows better
_FORMATS = (".csv", ".jsonl")
_ITS_OWN = "Name --out .jsonl, where each row keeps its own columns"


class Output(Protocol):
    """What takes the outcome of each row, in order."""

    def fault(self, row: TableRow) -> LingyuError | None:
        """Why a row has no place there, before it is answered."""

    def late(self, row: TableRow, result: Result) -> LingyuError | None:
        """Why the answer to a row has none."""

    def write(self, row: TableRow, outcome: Outcome) -> None: ...


def check_out(out: str, source: str) -> None:
    """Raises LingyuError where the answers to source can't go to this file."""
    path = Path(out)
    if path.is_dir():
        raise LingyuError("--out is a folder", where=out, next="Name a file in it")
    if path.exists() and not path.is_file():
        # the rename would put a file in its place: in that of /dev/null, for everyone, where root does it
        raise LingyuError("--out is a device or a pipe", where=out, next="Leave it out: the answers go to the screen")
    if path.exists() and any(_is_stream(path, number) for number in (1, 2)):
        # /dev/stdout, redirected to a file: the rename would put another file in the place of that one
        raise LingyuError("--out is where the screen's lines go", where=out, next="Leave it out: the answers go there")
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise LingyuError("--out is the file itself", where=out, next="Name another file")
    if path.suffix.lower() not in _FORMATS:
        raise LingyuError("--out is written as csv or jsonl", out, f"Name it {nearest_name(path, _FORMATS)}")


def _is_stream(path: Path, number: int) -> bool:
    """Whether the file is what the process writes to under this number."""
    try:
        return os.path.samestat(path.stat(), os.fstat(number))
    except OSError:  # closed, by whoever started us
        return False


@contextlib.contextmanager
def file_of(
    out: str, columns: Sequence[str], classifier: Classifier, first: Sequence[tuple[TableRow, Outcome]]
) -> Iterator[Output]:
    """--out, there as a whole or not at all. columns: of the table. first: its first rows, which may have more."""
    theirs = tuple(dict.fromkeys(itertools.chain(columns, *(row.cells for row, _ in first))))
    answered = [outcome for _, outcome in first if isinstance(outcome, Result)]
    ours = _added_names(theirs, [*_columns_of_answers(classifier, answered), *_ADDED])
    is_jsonl = out.lower().endswith(".jsonl")
    encoding = "utf-8" if is_jsonl else "utf-8-sig"  # a person opens it; as open_rows has it with bom
    with (
        in_one_go(Path(out), makes_folders=False) as staged,
        staged.path.open("x", encoding=encoding, newline="") as stream,
    ):
        if is_jsonl:
            yield _Jsonl(stream, ours)
        else:
            csv.writer(stream).writerow([*theirs, *ours.values()])
            yield _Csv(stream, theirs, ours)


def _columns_of_answers(classifier: Classifier, answered: Sequence[Result]) -> list[str]:
    """What the answers add: those of the adapter's task, or where many adapters answer those of the first rows."""
    if classifier.columns:
        return list(classifier.columns)
    found = dict.fromkeys(name for result in answered for name in result.answer.cells)
    return list(found or _OF_LABELS)


def _added_names(theirs: Sequence[str], ours: Sequence[str]) -> dict[str, str]:
    """Our columns, each under a name that the file has none of: it may hold the answers of another adapter already."""
    names = {}
    for column in ours:
        name = column
        while name in theirs:
            name = f"lingyu_{name}"
        names[column] = name
    return names


@dataclass(frozen=True)
class _Csv:
    """The header stands there already. ours: our column -> the name that it has in the file."""

    stream: IO[str]
    theirs: tuple[str, ...]
    ours: Mapping[str, str]

    def fault(self, row: TableRow) -> LingyuError | None:
        # a cell that is dropped without a word would be worse
        late = next((name for name in row.cells if name not in self._known), None)
        return None if late is None else _comes_late(late, row, _ITS_OWN)

    def late(self, row: TableRow, result: Result) -> LingyuError | None:
        new = next((name for name in result.answer.cells if name not in self.ours), None)
        if new is None:
            return None
        what = f"the answer has a `{new}`, which those to the first {CHUNK_ROWS} rows have not"
        return LingyuError(what, row.where, _ITS_OWN)

    def write(self, row: TableRow, outcome: Outcome) -> None:
        values = _added_values(outcome)
        cells = [row.cells.get(name, "") for name in self.theirs]
        csv.writer(self.stream).writerow([*cells, *(_as_cell(values.get(name)) for name in self.ours)])

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.theirs)


@dataclass(frozen=True)
class _Jsonl:
    """Each row keeps its own columns, and has all of ours. ours: as _Csv."""

    stream: IO[str]
    ours: Mapping[str, str]

    def fault(self, row: TableRow) -> LingyuError | None:
        late = next((name for name in self.ours.values() if name in row.cells), None)
        return None if late is None else _comes_late(late, row, "Give it another name: ours is called so")

    def late(self, row: TableRow, result: Result) -> LingyuError | None:
        taken = next((name for name in result.answer.cells if name not in self.ours and name in row.cells), None)
        if taken is None:
            return None
        what = f"the row has a `{taken}`, as the answer to it has, and those to the first {CHUNK_ROWS} rows have not"
        return LingyuError(what, row.where, "Give it another name: ours is called so")

    def write(self, row: TableRow, outcome: Outcome) -> None:
        theirs = {name: _given(row, name) for name in row.cells}
        values = dict.fromkeys(self.ours) | _added_values(outcome)
        added = {self.ours.get(name, name): value for name, value in values.items()}
        kept = {name: value for name, value in added.items() if name not in theirs}  # see fault: what is theirs stays
        self.stream.write(json.dumps({**theirs, **kept}, ensure_ascii=False) + "\n")


def _comes_late(name: str, row: TableRow, next_step: str) -> LingyuError:
    return LingyuError(f"the row has a `{name}`, which none of the first {CHUNK_ROWS} rows has", row.where, next_step)


def _given(row: TableRow, column: str) -> JSON:
    """A value of the row as it came; numbers have become texts, with the digits they were written with. NaN and
    infinity, which a list in a parquet file may hold, are null: JSON has no word for them."""
    if column in row.nulls:
        return None
    cell = row.cells[column]
    given: JSON = json.loads(cell, parse_constant=lambda name: None) if column in row.nested else cell
    return given


def _added_values(outcome: Outcome) -> dict[str, JSON]:
    """By our own names for the columns, in their order."""
    if isinstance(outcome, LingyuError):
        return {"error": str(outcome)}
    return {**outcome.answer.cells, **dict(zip(_ADDED, (outcome.version, outcome.truncated, None), strict=True))}


def _as_cell(value: JSON) -> str:
    """A figure with six digits, so that a column of them lines up; a list as JSON."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
