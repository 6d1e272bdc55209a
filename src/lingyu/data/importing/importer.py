"""Bringing rows from wherever they are into one clean table: UTF-8, every row in the table or in quarantine.

The table is written and read again before it appears; what could not be read lies beside it with name, position and
reason, and loses nothing. Rows read = rows written + rows in quarantine, always.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, BinaryIO

from lingyu.errors import LingyuError, did_you_mean
from lingyu.reporting import Report

from ..contents import Whole, content_of_file
from ..counts import Counts
from ..reading import find_file, format_ending
from ..tables import other_separator
from ..writing import FORMATS, REPORT_ROWS, RowsWriter, in_one_go, jsonl_instead, nearest_name, open_rows
from .folder_rows import open_folder
from .rows import UNDECODABLE, UNPARSABLE, EncodingUse, Opened, Quarantined, Read
from .table_rows import open_table

STDIN = "-"


@dataclass(frozen=True)
class ImportRequest:
    """source: a file, a folder of texts, or `-` for stdin, which is of `format`.

    encoding: a name, or auto. quarantine: by default beside `out`. repair: U+FFFD for bytes of no character, in place
    of setting their row aside. renamed: old name -> new name of columns.
    """

    source: str
    out: Path
    encoding: str = "auto"
    format: str = "csv"
    quarantine: Path | None = None
    repair: bool = False
    force: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def quarantine_path(self) -> Path:
        return self.quarantine or self.out.with_name(f"{self.out.stem}.quarantine.jsonl")


@dataclass(frozen=True)
class Repaired:
    """rows: in how many of them U+FFFD stands for bytes that were of no character, and how many bytes that were."""

    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Imported:
    """quarantine: None where nothing had to be set aside. encodings: of xlsx and parquet, none."""

    source: str
    out: Path
    quarantine: Path | None
    columns: tuple[str, ...]
    encodings: tuple[EncodingUse, ...]
    repaired: Repaired
    skipped: Mapping[str, int]
    counts: Counts

    def as_json(self) -> dict[str, object]:
        return {
            "source": self.source,
            "out": str(self.out),
            "quarantine": str(self.quarantine) if self.quarantine else None,
            "columns": list(self.columns),
            "encodings": [{"name": used.name, "how": used.how, "files": used.files} for used in self.encodings],
            "repaired": {"rows": self.repaired.rows, "bytes": self.repaired.bytes},
            "skipped_files": dict(self.skipped),
            "counts": self.counts.as_json(),
        }


def import_rows(request: ImportRequest, report: Report, stdin: BinaryIO | None = None) -> Imported:
    """Write the rows of a source to request.out, and to the quarantine what can't be read.

    Raises LingyuError where the source as such can't be read, where something stands at the destination, and (status
    1) where no row at all could be read; then the quarantine says why, and there is no table.
    """
    _check_destination(request)
    with ExitStack() as stack:
        opened = _renamed(_open(request, stack, stdin), request)
        staged = stack.enter_context(in_one_go(request.out))
        aside = stack.enter_context(in_one_go(request.quarantine_path))  # and so in its place before the table is
        tally = _Tally()
        with (
            open_rows(staged.path, opened.columns, jsonl_instead(request.out), replaces=True) as table,
            _open_quarantine(aside.path) as quarantine,
        ):
            _write(_reported(opened, report), table, quarantine, tally)
        table.require_same(request.out, report)
        staged.wanted, aside.wanted = table.rows > 0, tally.first is not None
    if not table.rows:
        raise _nothing_read(opened, tally, request)
    if request.force and not aside.wanted:
        request.quarantine_path.unlink(missing_ok=True)  # of an earlier import to the same place
    return _imported(request, opened, table, tally)


# ---- what is read


def _open(request: ImportRequest, stack: ExitStack, stdin: BinaryIO | None) -> Opened:
    path = Path(request.source)
    if request.source == STDIN:
        assert stdin is not None, "stdin is to be read"
        content = _spooled(stdin, "stdin", stack)
        return open_table(content, f".{request.format}", request.encoding, repair=request.repair)
    if path.is_dir():
        return open_folder(path, request.encoding, repair=request.repair)
    ending = format_ending(find_file(request.source))
    if path.is_file():
        return open_table(_whole(path, request.source), ending, request.encoding, repair=request.repair)
    content = _spooled(stack.enter_context(path.open("rb")), request.source, stack)
    return open_table(content, ending, request.encoding, repair=request.repair)


def _whole(path: Path, source: str) -> Whole:
    content = content_of_file(path, source)
    assert isinstance(content, Whole), "a regular file is a content that can be gone through again"
    return content


def _spooled(stream: BinaryIO, source: str, stack: ExitStack) -> Whole:
    """What comes once, as a file that can be looked at first: for its encoding, and for the way it quotes."""
    file = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lingyu-"))) / "spooled"
    with file.open("xb") as spool:
        shutil.copyfileobj(stream, spool)
    return _whole(file, source)


def _renamed(opened: Opened, request: ImportRequest) -> Opened:
    """The source with its columns under the names that were asked for, and without blanks around them."""
    for old in request.renamed:
        if old not in opened.columns:
            if other := other_separator(opened.columns):
                raise LingyuError(f"no column `{old}` to rename; {other[0]}", opened.name, other[1])
            near = did_you_mean(old, opened.columns)
            hint = f"Did you mean `{near}`?" if near else f"It has {', '.join(opened.columns)}"
            raise LingyuError(f"no column `{old}` to rename", opened.name, hint)
    names = {column: request.renamed.get(column, _clean_name(column)) for column in opened.columns}
    twice = next((name for name, count in Counter(names.values()).items() if count > 1), None)
    if twice is not None:
        hint = "Rename one of them with --text or --label"
        raise LingyuError(f"two columns would be called `{twice}`", opened.name, hint)
    if all(old == new for old, new in names.items()):
        return opened
    rows = (
        Read(
            {names[old]: cell for old, cell in row.cells.items()},
            row.repaired,
            frozenset(names[old] for old in row.nulls),
        )
        if isinstance(row, Read)
        else row
        for row in opened.rows
    )
    return replace(opened, columns=tuple(names.values()), rows=rows)


def _clean_name(column: str) -> str:
    return "".join(char for char in column if char not in "\0\ufeff" and not "\ud800" <= char <= "\udfff").strip()


# ---- what is written


@dataclass
class _Tally:
    """What there is to say at the end. first: the first row that was set aside."""

    dropped: Counter[str] = field(default_factory=Counter)
    repaired_rows: int = 0
    repaired_bytes: int = 0
    first: Quarantined | None = None


def _open_quarantine(path: Path) -> IO[str]:
    return path.open("x", encoding="utf-8", errors="backslashreplace")  # a file's name may be of no encoding


def _write(rows: Iterator[Read | Quarantined], table: RowsWriter, quarantine: IO[str], tally: _Tally) -> None:
    for row in rows:
        if isinstance(row, Read):
            table.write(row.cells, nulls=row.nulls)
            tally.repaired_rows += row.repaired > 0
            tally.repaired_bytes += row.repaired
        else:
            quarantine.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")
            tally.dropped[row.kind] += 1
            tally.first = tally.first or row


def _reported(opened: Opened, report: Report) -> Iterator[Read | Quarantined]:
    for number, row in enumerate(opened.rows):
        if number % REPORT_ROWS == 0:
            report(opened.name, *opened.progress())
        yield row
    report(opened.name, *opened.progress())


def _imported(request: ImportRequest, opened: Opened, table: RowsWriter, tally: _Tally) -> Imported:
    dropped = {kind: tally.dropped[kind] for kind in (UNDECODABLE, UNPARSABLE)}
    notes = [*opened.notes(), *table.notes(request.out)]
    if tally.repaired_rows:
        repaired = f"{tally.repaired_rows:,}, with {tally.repaired_bytes:,} bytes of no character, U+FFFD in place"
        notes.append(f"rows repaired: {repaired}")
    return Imported(
        source=opened.name,
        out=request.out,
        quarantine=request.quarantine_path if tally.first else None,
        columns=opened.columns,
        encodings=opened.encodings(),
        repaired=Repaired(tally.repaired_rows, tally.repaired_bytes),
        skipped=opened.skipped,
        counts=Counts(
            {opened.name: table.rows + tally.dropped.total()}, dropped, {"imported": table.rows}, tuple(notes)
        ),
    )


def _nothing_read(opened: Opened, tally: _Tally, request: ImportRequest) -> LingyuError:
    if tally.first is None:
        return LingyuError("the file has no rows", opened.name, "It needs at least one")
    first = tally.first
    why = "; ".join((first.reason, *opened.notes()))
    what = f"none of {tally.dropped.total():,} rows could be read: {why}"
    where = first.name if first.line is None else f"{first.name}:{first.line}"
    return LingyuError(what, where, f"They are in {request.quarantine_path}", status=1)


# ---- where it goes


def _check_destination(request: ImportRequest) -> None:
    out = request.out
    if out.suffix.lower() not in FORMATS:
        raise LingyuError("is written as csv, jsonl or parquet", out, f"Name --out {nearest_name(out)}")
    aside = request.quarantine_path
    source = Path(request.source)
    for path in (out, aside):
        if path.is_dir() or (path.exists() and not path.is_file()):
            raise LingyuError("stands there and is no file", path, "Name a file")
        if request.source != STDIN and path.exists() and source.exists() and path.samefile(source):
            raise LingyuError("is the source itself", path, "Name another file with --out")
        if path.exists() and not request.force:
            raise LingyuError("stands there already", path, "Replace it with --force, or write elsewhere with --out")
    if out.resolve() == aside.resolve():
        raise LingyuError("is the file of the rows too", aside, "Name another file with --quarantine")
    if request.source != STDIN and source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise LingyuError("lies in the folder that is imported", out, "Name a file elsewhere with --out")
