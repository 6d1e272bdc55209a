"""What is written appears as a whole or not at all, and a table holds the rows that were meant: it is read again first.

csv can't hold everything. A cell of several lines, each of which has as many commas as the header, reads as several
rows of a table that does not quote (see data.delimited): rare, and never to be left to chance.
"""

import csv
import errno
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from lingyu.errors import LingyuError
from lingyu.folders import HIDDEN, hidden_folder, sync
from lingyu.reporting import Report

from .contents import PACKED
from .reading import read_table
from .tables import TableRow

FORMATS = (".csv", ".jsonl", ".parquet")
REPORT_ROWS = 512
_BATCH_ROWS = 1024
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NUL_OR_LONE_SURROGATE = re.compile("[\0\ud800-\udfff]")
NULLS_IN_CSV = "rows with null, which csv can't tell from an empty text"
_CLEAN = "Take it out with lingyu data clean, step control"


# ---- a file that appears as a whole


@dataclass
class Staged:
    """A file that is being written at `path`, to become `out`. wanted: False where what stands at out is to stay."""

    out: Path
    path: Path
    wanted: bool = True


@contextmanager
def in_one_go(out: Path, *, makes_folders: bool = True) -> Iterator[Staged]:
    """A file, to be written in a hidden folder at a name of the same ending, that takes its place at the end.

    A failure leaves what was there before, and an OSError then names `out`. A link stays one, and a file that nobody
    else may read stays so.
    """
    target = Path(os.path.realpath(out))
    if not makes_folders and not target.parent.is_dir():
        number = errno.ENOTDIR if target.parent.exists() else errno.ENOENT
        raise OSError(number, os.strerror(number), str(out))
    staged = None
    try:
        with hidden_folder(target.parent) as hidden:
            with suppress(PermissionError):  # a file system that has no modes
                hidden.chmod(0o700 | (hidden.stat().st_mode & stat.S_ISGID))  # which keeps a shared folder's group
            staged = Staged(out, hidden / f"written{out.suffix}")
            yield staged
            if staged.wanted:
                if target.is_file() and staged.path.stat().st_mode != target.stat().st_mode:
                    staged.path.chmod(stat.S_IMODE(target.stat().st_mode))
                sync(staged.path)
                staged.path.replace(target)
    except OSError as error:
        hidden_name = str(staged.path.parent) if staged else HIDDEN
        if error.filename is None or hidden_name in str(error.filename):
            error.filename = str(out)  # the name that the user knows
        raise


def write_file(path: Path, write: Callable[[Path], object], *, force: bool) -> bool:
    """Have `write` write a file in one go; False where it stands there with the same content already.

    Raises LingyuError where something else stands there, unless it is a file and force.
    """
    if path.exists() and not path.is_file():
        raise LingyuError("stands there and is no file", path, "Name a file")
    with in_one_go(path) as staged:
        write(staged.path)
        staged.wanted = not path.exists() or staged.path.read_bytes() != path.read_bytes()
        if staged.wanted and path.exists() and not force:
            raise other_content(path)
    return staged.wanted


def nearest_name(out: Path, formats: Sequence[str] = FORMATS) -> Path:
    """What to name a file whose ending is none of the formats: d.csv for d.txt and, packed, d.csv.gz; rows.csv in a
    folder, and for what is an ending alone."""
    if out.name in ("", ".."):
        return out / "rows.csv"
    plain = out.with_name(out.stem) if out.suffix.lower() == PACKED else out
    if plain.name.startswith(".") and not plain.suffix:
        return plain.with_name("rows.csv")
    return plain if plain.suffix.lower() in formats else plain.with_suffix(".csv")


def other_content(path: Path) -> LingyuError:
    hint = "Replace it with --force, or write elsewhere with --out"
    return LingyuError("stands there with other content", path, hint)


# ---- the rows of a table


@dataclass
class RowsWriter:
    """Rows on their way into a file. columns: None where each row keeps its own. hint: what to do where it can't be.

    replaced: rows with a character that the format can't hold, where U+FFFD may stand for it. emptied: rows of which a
    cell held nothing at all, null, which csv can't tell from an empty text.
    has_lines, several_lines: whether there is a text of several lines, and the place of the first.
    """

    path: Path
    columns: tuple[str, ...] | None
    hint: str
    replaces: bool
    unheld: re.Pattern[str]
    put: Callable[[Sequence[str], Sequence[str | None]], None]
    rows: int = 0
    replaced: int = 0
    emptied: int = 0
    has_lines: bool = False
    several_lines: str | None = None
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    @property
    def holds_nul(self) -> bool:
        return self.unheld is _LONE_SURROGATE

    def write(self, cells: Mapping[str, str], where: str | None = None, nulls: frozenset[str] = frozenset()) -> None:
        """A cell that the row lacks is empty. nulls: of the cells, those that are null. Raises LingyuError, with the
        row's place, for one that can't be held."""
        names = tuple(cells) if self.columns is None else self.columns
        if len(cells) > len(names) or any(name not in cells for name in names):
            self._require_known(cells, names, where)
        given = [cells.get(name, "") for name in names]
        held = [self.unheld.sub("\ufffd", cell) for cell in given]
        if held != given and not self.replaces:
            cannot = "half a character" if self.holds_nul else "a NUL character, or half a character,"
            raise LingyuError(f"a cell holds {cannot} which no {self.path.suffix} file can", where, self.hint)
        self.replaced += held != given
        if not self.has_lines and any("\n" in cell or "\r" in cell for cell in held):
            self.has_lines, self.several_lines = True, where
        self.emptied += bool(nulls) and self.path.suffix.lower() == ".csv"
        with _naming(self.path):
            self.put(names, [None if name in nulls else cell for name, cell in zip(names, held, strict=True)])
        _add(self.digest, held)
        self.rows += 1

    def notes(self, out: Path) -> tuple[str, ...]:
        """What the file, which is to become `out`, can't hold of what was written."""
        cannot = "lone surrogates" if self.holds_nul else "lone surrogates or NUL characters"
        replaced = f"rows with {cannot}, which {out.suffix} can't hold, U+FFFD in place: {self.replaced:,}"
        kept = f"--out {out.with_suffix('.jsonl').name} keeps it"
        emptied = f"{NULLS_IN_CSV} ({kept}): {self.emptied:,}"
        return (*([replaced] if self.replaced else ()), *([emptied] if self.emptied else ()))

    def _require_known(self, cells: Mapping[str, str], names: Sequence[str], where: str | None) -> None:
        late = next((name for name in cells if name not in names), None)
        if late is not None:
            what = f"the row has a `{late:.40}`, which the first row has not, and so the header"
            raise LingyuError(what, where, self.hint)

    def require_same(self, out: Path, report: Report = lambda *_: None) -> None:
        """Raises LingyuError where the file, which is closed and is to become `out`, does not give the rows again."""
        if not self.rows:
            return
        try:
            if self._reads_same(f"reading {out.name} again", report):
                return
        except LingyuError as error:
            raise LingyuError(f"what was written would not be read again: {error.what}", out, self.hint) from None
        if not self.has_lines:
            raise LingyuError("what was written does not give the same rows again", out, self.hint)
        what = "a text of several lines looks like rows, and would not be read as it is"
        raise LingyuError(what, self.several_lines or out, self.hint)

    def _reads_same(self, what: str, report: Report) -> bool:
        """Raises LingyuError where it can't be read at all."""
        digest, rows = hashlib.sha256(), 0
        table = read_table(str(self.path))
        for row in table.rows:
            if row.fault and not self.has_lines:
                raise row.fault
            _add(digest, list(row.cells.values()))
            if rows % REPORT_ROWS == 0:
                report(what, rows, self.rows)
            rows += 1
        header = self.columns is None or table.columns == tuple(name.strip() for name in self.columns)
        return header and rows == self.rows and digest.digest() == self.digest.digest()


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """An OSError names the file: of several that are written, only who writes knows which one it was."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def _open_text(path: Path, encoding: str) -> Iterator[IO[str]]:
    stream = path.open("x", encoding=encoding, newline="")
    try:
        yield stream
    finally:
        with _naming(path):
            stream.close()


@contextmanager
def open_rows(
    path: Path, columns: tuple[str, ...] | None, hint: str, *, replaces: bool = False, bom: bool = False
) -> Iterator[RowsWriter]:
    """What writes rows as the ending says: csv, jsonl or parquet.

    bom: begin with a byte order mark, without which Excel takes UTF-8 for something else.
    """
    ending = path.suffix.lower()
    if ending == ".parquet":
        assert columns is not None, "the columns of parquet are known beforehand"
        with _parquet(path, columns) as put:
            yield RowsWriter(path, columns, hint, replaces, _LONE_SURROGATE, put)
        return
    with _open_text(path, "utf-8-sig" if bom else "utf-8") as stream:
        if ending == ".jsonl":
            yield RowsWriter(path, columns, hint, replaces, _LONE_SURROGATE, _jsonl(stream))
            return
        assert columns is not None, "a csv file has a header"
        line = csv_lines(stream)
        line(columns)
        yield RowsWriter(path, columns, hint, replaces, _NUL_OR_LONE_SURROGATE, lambda names, cells: line(cells))


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[TableRow], *, bom: bool = False) -> None:
    """The rows as a csv file, which is read again. Raises LingyuError, with its place, for a row that it can't hold."""
    with open_rows(path, tuple(columns), _CLEAN, bom=bom) as table:
        for row in rows:
            table.write(row.cells, row.where, row.nulls)
    table.require_same(path)


def jsonl_instead(out: Path) -> str:
    """What to do where the format of `out` can't hold the rows."""
    return f"Name --out {out.with_suffix('.jsonl')}, which keeps them apart"


def csv_lines(stream: IO[str]) -> Callable[[Sequence[str | None]], None]:
    """What writes a line of csv: line feeds, and quotation marks only where they are needed."""
    sparing = csv.writer(stream, lineterminator="\n")
    wrapping = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def line(cells: Sequence[str | None]) -> None:
        # the module wraps what holds its own line end, and a reader takes a carriage return for one too
        (wrapping if any(cell and "\r" in cell for cell in cells) else sparing).writerow(cells)

    return line


def _jsonl(stream: IO[str]) -> Callable[[Sequence[str], Sequence[str | None]], None]:
    def put(names: Sequence[str], cells: Sequence[str | None]) -> None:
        stream.write(json.dumps(dict(zip(names, cells, strict=True)), ensure_ascii=False) + "\n")

    return put


@contextmanager
def _parquet(path: Path, columns: tuple[str, ...]) -> Iterator[Callable[[Sequence[str], Sequence[str | None]], None]]:
    schema = pa.schema([(column, pa.string()) for column in columns])
    batch: list[Sequence[str | None]] = []

    def flush() -> None:
        arrays = [pa.array([cells[at] for cells in batch], pa.string()) for at in range(len(columns))]
        file.write_batch(pa.record_batch(arrays, schema=schema))
        batch.clear()

    def put(names: Sequence[str], cells: Sequence[str | None]) -> None:
        batch.append(cells)
        if len(batch) == _BATCH_ROWS:
            flush()

    file = pq.ParquetWriter(path, schema, compression="zstd")
    try:
        yield put
        with _naming(path):
            if batch:
                flush()
    finally:
        with _naming(path):
            file.close()


def _add(digest: "hashlib._Hash", cells: list[str]) -> None:
    digest.update(json.dumps(cells).encode("ascii") + b"\n")
