"""The table that an import writes, and the proof that it holds the rows that were meant: it is read again.

csv can't hold everything. A cell of several lines, each of which has as many commas as the header, reads as several
rows of a table that does not quote (see data.delimited): rare, and never to be left to chance.
"""

import csv
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from lingyu.errors import LingyuError
from lingyu.reporting import Report

from ..reading import read_table
from .lenient import REPLACEMENT

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NUL_OR_LONE_SURROGATE = re.compile("[\0\ud800-\udfff]")
_BATCH_ROWS = 1024
REPORT_ROWS = 512
_Cells = Sequence[str]


@contextmanager
def hidden_sibling(path: Path) -> Iterator[Path]:
    """A path beside this one, of the same ending, to write at; whatever is there at the end is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".writing-{secrets.token_hex(8)}{path.suffix}")
    try:
        yield temporary
    except OSError as error:
        if error.filename in (None, str(temporary)):
            error.filename = str(path)  # the name that the user knows
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


def put_in_place(written: Path, path: Path) -> None:
    """What was written becomes the file of that name at once, and on the disk."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)


@dataclass
class RowsWriter:
    """Rows on their way into a file. replaced: how many held a character that the format can't hold."""

    columns: tuple[str, ...]
    unheld: re.Pattern[str]
    put: Callable[[_Cells], None]
    rows: int = 0
    replaced: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    @property
    def holds_nul(self) -> bool:
        return self.unheld is _LONE_SURROGATE

    def write(self, cells: dict[str, str]) -> None:
        """U+FFFD stands for what can't be held; a cell that the row lacks is empty."""
        given = [cells.get(column, "") for column in self.columns]
        held = [self.unheld.sub(REPLACEMENT, cell) for cell in given]
        self.replaced += held != given
        self.put(held)
        _add(self.digest, held)
        self.rows += 1


@contextmanager
def writer(path: Path, columns: tuple[str, ...]) -> Iterator[RowsWriter]:
    """What writes rows of these columns as the ending says."""
    ending = path.suffix.lower()
    if ending == ".parquet":
        with _parquet(path, columns) as put:
            yield RowsWriter(columns, _LONE_SURROGATE, put)
        return
    with path.open("x", encoding="utf-8", newline="") as stream:
        if ending == ".jsonl":
            yield RowsWriter(columns, _LONE_SURROGATE, _jsonl(stream, columns))
        else:
            yield RowsWriter(columns, _NUL_OR_LONE_SURROGATE, _csv(stream, columns))


def require_same(path: Path, written: RowsWriter, out: Path, report: Report) -> None:
    """Raises LingyuError where the file, which is to become `out`, does not give the rows that were written into it."""
    digest, rows = hashlib.sha256(), 0
    try:
        table = read_table(str(path))
        for row in table.rows:
            _add(digest, [row.cells.get(column, "") for column in written.columns])
            if rows % REPORT_ROWS == 0:
                report(f"reading {out.name} again", rows, written.rows)
            rows += 1
        same = table.columns == written.columns and rows == written.rows and digest.digest() == written.digest.digest()
    except LingyuError:
        same = False
    if not same:
        what = "the rows would not be the same when they are read again: a text of several lines looks like rows"
        raise LingyuError(what, out, f"Name --out {out.with_suffix('.jsonl')}, which keeps them apart")


def _add(digest: "hashlib._Hash", cells: Iterable[str]) -> None:
    digest.update(json.dumps(list(cells)).encode("ascii") + b"\n")


def _csv(stream: IO[str], columns: tuple[str, ...]) -> Callable[[_Cells], None]:
    sparing = csv.writer(stream, lineterminator="\n")
    all_quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def put(cells: _Cells) -> None:
        # csv wraps what holds its own line end, and a reader takes \r for one too
        (all_quoted if any("\r" in cell for cell in cells) else sparing).writerow(cells)

    put(columns)
    return put


def _jsonl(stream: IO[str], columns: tuple[str, ...]) -> Callable[[_Cells], None]:
    def put(cells: _Cells) -> None:
        stream.write(json.dumps(dict(zip(columns, cells, strict=True)), ensure_ascii=False) + "\n")

    return put


@contextmanager
def _parquet(path: Path, columns: tuple[str, ...]) -> Iterator[Callable[[_Cells], None]]:
    schema = pa.schema([(column, pa.string()) for column in columns])
    batch: list[_Cells] = []

    def flush() -> None:
        arrays = [pa.array([cells[at] for cells in batch], pa.string()) for at in range(len(columns))]
        file.write_batch(pa.record_batch(arrays, schema=schema))
        batch.clear()

    def put(cells: _Cells) -> None:
        batch.append(cells)
        if len(batch) == _BATCH_ROWS:
            flush()

    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        yield put
        if batch:
            flush()
