"""A folder of csv files, and what is said of them in a JSON document, that appears as a whole or not at all.

A csv file is read again as soon as it is written: it holds the rows that were meant, or nothing is kept.
"""

import csv
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from lingyu.errors import LingyuError, from_os_error

from .reading import read_table
from .tables import TableRow

HIDDEN = ".writing-"


def write_folder(
    out: Path, names: Sequence[str], fill: Callable[[Path], None], *, made_from: Sequence[str], force: bool
) -> bool:
    """Have `fill` write files of these names into a hidden folder, which then takes its place as `out`.

    made_from: the files that they are made from, which must not stand there: nothing replaces them.

    False where `out` holds the same files with the same content already. A folder with other files than these is never
    replaced; one with these and other content only with force.

    Raises LingyuError where `out` can't be replaced, and where the disk is full; then nothing was changed.
    """
    _require_ours(out, names)
    for source in made_from:
        if Path(source).resolve().parent == out.resolve():
            what = f"the folder holds {Path(source).name}, which this is made from"
            raise LingyuError(what, out, "Name another with --out")
    staged = out.parent / f"{HIDDEN}{secrets.token_hex(8)}"
    made = _make(out.parent)
    try:
        staged.mkdir()
        fill(staged)
        assert sorted(file.name for file in staged.iterdir()) == sorted(names), "what is written is what was announced"
        return _put_in_place(staged, out, names, force=force)
    except OSError as error:
        raise _nothing_kept(error, out) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        for folder in reversed(made):
            with suppress(OSError):  # it holds what was written
                folder.rmdir()


def write_file(path: Path, write: Callable[[Path], None], *, force: bool) -> bool:
    """Have `write` write one file under a hidden name with the same ending; the rest as with write_folder."""
    if path.exists() and not path.is_file():
        raise LingyuError("stands there and is no file", path, "Name a file")
    staged = path.with_name(f"{HIDDEN}{secrets.token_hex(8)}{path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write(staged)
        if path.exists() and staged.read_bytes() == path.read_bytes():
            return False
        if path.exists() and not force:
            raise _other_content(path)
        sync(staged)
        staged.replace(path)
        sync(path.parent)
        return True
    except OSError as error:
        raise _nothing_kept(error, path) from error
    finally:
        with suppress(OSError):
            staged.unlink()


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[TableRow], *, bom: bool = False) -> None:
    """The rows as a csv file: UTF-8, a header, line feeds. A cell that a row lacks is empty.

    rows: gone through twice. bom: begin with a byte order mark, without which Excel takes UTF-8 for something else.

    Raises LingyuError for a row that would not be read again as it is, with the row's own place.
    """
    with path.open("x", encoding="utf-8-sig" if bom else "utf-8", newline="") as stream:
        writer = _Writer(stream)
        writer.write(columns)
        for row in rows:
            cells = [row.cells.get(column, "") for column in columns]
            if any("\0" in cell for cell in cells):
                raise LingyuError("a cell holds a NUL character, which no csv file can", row.where, _CLEAN)
            writer.write(cells)
    _require_same(path, columns, rows)


def sha256_of(path: Path) -> str:
    """Raises LingyuError for a pipe or a device, which can't be read again."""
    if not path.is_file():
        raise LingyuError("no file, or one that can't be read again", path, "Save the rows as a file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Have the system put a file or a folder's list of names on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_CLEAN = "Take it out with lingyu data clean, step control"


class _Writer:
    def __init__(self, stream: IO[str]) -> None:
        self._sparing = csv.writer(stream, lineterminator="\n")
        self._all = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(self, cells: Sequence[str]) -> None:
        # the module puts marks around a line feed but not around a carriage return, which a reader takes for a line end
        (self._all if any("\r" in cell for cell in cells) else self._sparing).writerow(cells)


def _require_same(path: Path, columns: Sequence[str], rows: Iterable[TableRow]) -> None:
    """Raises LingyuError where the file reads otherwise, as text of several lines that each look like a row may."""
    written = iter(rows)
    for read in _read(path):
        row = next(written, None)
        if row is None or read.fault or list(read.cells.values()) != [row.cells.get(name, "") for name in columns]:
            where = row.where if row else path.name
            raise LingyuError("the row would not read as it is from a csv file, line breaks and all", where, _CLEAN)
    assert next(written, None) is None, "a row was written that is not read"


def _read(path: Path) -> Iterator[TableRow]:
    with path.open("rb") as file:
        file.readline()
        if not file.read(1):  # a header alone, which read_table refuses
            return
    yield from read_table(str(path)).rows


def _require_ours(out: Path, names: Sequence[str]) -> None:
    """Raises LingyuError where something stands at the place that a folder of these files can't replace."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise LingyuError("stands there and is no folder", out, "Name another with --out")
    if not out.name or out.name.startswith("."):
        raise LingyuError("can't be the name of the folder", out, "Name it like data/hotel")
    others = sorted(file.name for file in out.iterdir() if file.name not in names) if out.exists() else []
    if others:
        what = f"the folder holds {others[0]}" + (f" and {len(others) - 1} more files" if others[1:] else "")
        raise LingyuError(f"{what}, which would be lost", out, "Name a folder of its own with --out")


def _put_in_place(staged: Path, out: Path, names: Sequence[str], *, force: bool) -> bool:
    _require_ours(out, names)  # a file may have come meanwhile
    if out.exists() and any(out.iterdir()):
        if all((out / name).is_file() and (out / name).read_bytes() == (staged / name).read_bytes() for name in names):
            return False
        if not force:
            raise _other_content(out)
    for file in (*staged.iterdir(), staged):
        sync(file)
    former = out.parent / f"{HIDDEN}{secrets.token_hex(8)}"
    if out.exists():
        out.rename(former)
    staged.rename(out)
    sync(out.parent)
    shutil.rmtree(former, ignore_errors=True)
    return True


def _other_content(path: Path) -> LingyuError:
    return LingyuError(
        "stands there with other content", path, "Replace it with --force, or write elsewhere with --out"
    )


def _nothing_kept(error: OSError, out: Path) -> LingyuError:
    known = from_os_error(error)
    hidden = known.where is None or HIDDEN in known.where
    return LingyuError(known.what, out if hidden else known.where, f"{known.next}. Nothing half-written was kept")


def _make(folder: Path) -> list[Path]:
    """The folders that had to be made, the outermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()][::-1]
    folder.mkdir(parents=True, exist_ok=True)
    return missing
