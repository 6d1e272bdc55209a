"""A table written row by row, be it ever so long; its file appears as a whole, or not at all."""

import contextlib
import csv
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lingyu.errors import LingyuError

from .reading import read_table
from .tables import TableRow

OUT_FORMATS = (".csv", ".jsonl")


@dataclass
class Staged:
    """A file that is being written under a hidden name. wanted: whether there is to be such a file at the end."""

    out: Path
    hidden: Path
    stream: IO[str]
    wanted: bool = True


@contextlib.contextmanager
def in_one_go(out: Path) -> Iterator[Staged]:
    """A file that takes its place at the end: a failure leaves what was there before. One not wanted any more goes."""
    target = Path(os.path.realpath(out))  # a link stays one
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.with_name(f".writing-{secrets.token_hex(8)}{target.suffix}")
    try:
        with hidden.open("x", encoding="utf-8", newline="") as stream:
            staged = Staged(out, hidden, stream)
            yield staged
            stream.flush()
            os.fsync(stream.fileno())
        if staged.wanted:
            hidden.replace(target)
        else:
            target.unlink(missing_ok=True)
    except OSError as error:
        if error.filename in (None, str(hidden)):
            error.filename = str(out)  # the name that the user knows
        raise
    finally:
        with contextlib.suppress(OSError):
            hidden.unlink()


@dataclass(frozen=True)
class RowWriter:
    """check: to be called after the last row; raises LingyuError where what was written does not read as it was."""

    row: Callable[[TableRow], None]
    check: Callable[[], None]


def row_writer(staged: Staged, columns: tuple[str, ...]) -> RowWriter:
    """One for the ending of the file. columns: the header of a csv; in jsonl each row keeps its own."""
    return _as_jsonl(staged) if staged.out.suffix.lower() == ".jsonl" else _as_csv(staged, columns)


def _as_jsonl(staged: Staged) -> RowWriter:
    def row(row: TableRow) -> None:
        staged.stream.write(json.dumps(row.cells, ensure_ascii=False) + "\n")

    return RowWriter(row, lambda: None)


def _as_csv(staged: Staged, columns: tuple[str, ...]) -> RowWriter:
    sparing = csv.writer(staged.stream, lineterminator="\n")
    # the module wraps a cell with a line feed but not one with a carriage return, which ends a line for a reader
    wrapping = csv.writer(staged.stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    known, written = frozenset(columns), hashlib.sha256()
    sparing.writerow(columns)

    def row(row: TableRow) -> None:
        late = next((name for name in row.cells if name not in known), None)
        if late is not None:
            what = f"the row has a `{late:.40}`, which the first row has not, and so the header"
            raise LingyuError(what, row.where, "Name --out .jsonl, where each row keeps its own columns")
        cells = [row.cells.get(name, "") for name in columns]
        if any("\0" in cell for cell in cells):
            raise LingyuError("a cell holds a NUL character, which no csv file can", row.where, "Name --out .jsonl")
        (wrapping if any("\r" in cell for cell in cells) else sparing).writerow(cells)
        _add(written, cells)

    return RowWriter(row, lambda: _require_same(staged, written.digest()))


def _require_same(staged: Staged, written: bytes) -> None:
    """Reads the csv file: texts of lines that each look like a row may read otherwise than they were written."""
    staged.stream.flush()
    if _digest(staged.hidden) != written:
        what = "texts of several lines would not read from a csv file as they are"
        raise LingyuError(what, staged.out, "Name --out .jsonl, or add the step control. Nothing was written")


def _digest(path: Path) -> bytes | None:
    """Of all cells of a table; None where it can't be read."""
    found = hashlib.sha256()
    try:
        for row in read_table(str(path)).rows:
            _add(found, tuple(row.cells.values()))
    except LingyuError:
        return None
    return found.digest()


def _add(digest: "hashlib._Hash", cells: Sequence[str]) -> None:
    digest.update(json.dumps(cells).encode())
