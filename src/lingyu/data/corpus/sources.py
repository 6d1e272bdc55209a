"""Raw text as it comes: files with a paragraph a line, tables with a column of texts, folders of both, gzipped or not.

They are read in batches of about a megabyte, which is all of them that is ever held. Lines of raw text stay bytes: a
worker decodes them, and a line that can't be decoded costs that line and not the file.
"""

import codecs
import gzip
import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, cast

from lingyu.data.reading import PIPED_FORMATS, read_table
from lingyu.data.tables import PARSERS, Table, nested_fault
from lingyu.errors import LingyuError, did_you_mean

BATCH_BYTES = 1 << 20
LONGEST_CHARACTERS = 1_000_000  # more is a file without line ends, and no paragraph
_LONGEST_LINE_BYTES = 4 * LONGEST_CHARACTERS
_RAW = (".txt", ".txt.gz")
_ENDINGS = (*_RAW, *PARSERS, *(f".{format}.gz" for format in PIPED_FORMATS))
_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

UNREADABLE = "unreadable"
TOO_LONG = "too long"


@dataclass(frozen=True)
class SourceFile:
    """name: for the manifest; no path of this machine."""

    name: str
    path: Path
    size_bytes: int


@dataclass(frozen=True)
class Batch:
    """Paragraphs of one source, in order. lines: raw bytes, each line with its end; texts: of a table.

    source: its place among the sources. left_out: rows by the reason for which they are not among the paragraphs.
    bytes_read: how far its file was read by then.
    """

    source: int
    lines: bytes
    texts: tuple[str, ...]
    left_out: dict[str, int]
    bytes_read: int


def find_sources(given: Sequence[Path], out: Path) -> tuple[SourceFile, ...]:
    """The files that are named, and those of the folders that are, by name. Links in folders are not followed.

    Raises LingyuError for what is not there or of no known format, and for a file below out, which is to be written.
    """
    files = [file for path in given for file in (_in_folder(path) if path.is_dir() else [_named(path)])]
    for file in files:
        if file.path.resolve().is_relative_to(out.resolve()):
            raise LingyuError("a source that lies in --out", where=file.path, next="Write the corpus elsewhere")
    found: dict[Path, SourceFile] = {}
    for file in files:
        first = found.setdefault(file.path.resolve(), file)
        if first is not file:
            what = "a source that is named twice" + (f", as {first.path} too" if first.path != file.path else "")
            raise LingyuError(what, where=file.path, next="Name it once")
    return tuple(files)


def shown_name(path: Path) -> str:
    """The path as it was given, or its last part where it leads out of the folder we are in."""
    return path.name if path.is_absolute() or ".." in path.parts else path.as_posix()


def file_and_column(name: str) -> tuple[Path, str | None]:
    """Of `data/test.csv:review`; without a column, or where a file has the whole name, (the path, None)."""
    path, sign, column = name.rpartition(":")
    return (Path(path), column) if sign and not Path(name).exists() else (Path(name), None)


def _named(path: Path) -> SourceFile:
    if not path.exists():
        near = did_you_mean(path.name, [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else [])
        next = f"Did you mean {path.with_name(near)}?" if near else "Paths are taken from the folder you are in"
        raise LingyuError("no such file or folder", where=path, next=next)
    if not _is_known(path):
        raise LingyuError(
            f"the ending `{path.suffix}` is none of {', '.join(ending[1:] for ending in _ENDINGS)}",
            where=path,
            next="Name it .txt where each line is a paragraph",
        )
    if not path.is_file():
        raise LingyuError("a pipe or a device", where=path, next="Save the text as a file")
    return SourceFile(shown_name(path), path, path.stat().st_size)


def _in_folder(folder: Path) -> list[SourceFile]:
    name = PurePath(shown_name(folder))
    files = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if not hidden and _is_known(path) and path.is_file() and not _is_behind_link(folder, inside):
            files.append(SourceFile((name / inside).as_posix(), path, path.stat().st_size))
    if not files:
        endings = ", ".join(ending[1:] for ending in _ENDINGS)
        raise LingyuError("no file of a known format in this folder", where=folder, next=f"It reads {endings}")
    return files


def _is_known(path: Path) -> bool:
    return path.name.lower().endswith(_ENDINGS)


def _is_behind_link(folder: Path, inside: PurePath) -> bool:
    return any((folder / part).is_symlink() for part in (inside, *inside.parents))


def texts_of(path: Path, column: str, encoding: str) -> Iterator[str]:
    """All texts of a file, strictly: raises LingyuError for the first that can't be read."""
    file = _named(path)
    if not _is_raw(path):
        table = read_table(str(path), encoding)
        table.needs(column, "--text")
        for row in table.rows:
            if fault := row.fault or nested_fault(row, column, "--text"):
                raise fault
            yield row.cells.get(column, "")
        return
    for batch in batches_of(file, 0, column, encoding):
        try:
            yield from batch.lines.decode(encoding).split("\n")
        except UnicodeDecodeError:
            what = f"has a line that is not {encoding.upper()}"
            raise LingyuError(what, where=path, next=how_to_utf8(path)) from None


def how_to_utf8(path: Path, encoding: str = "GB18030") -> str:
    """What to do with a file of another encoding: tables are imported, raw text is none."""
    if _is_raw(path):
        return f"Save it as UTF-8, with iconv -f {encoding} -t UTF-8 for one"
    return "Bring it into UTF-8 with: lingyu data import"


def batches(files: Sequence[SourceFile], column: str, encoding: str) -> Iterator[Batch]:
    """The paragraphs of all files, in order. bytes_read is counted over all of them."""
    before = 0
    for number, file in enumerate(files):
        for batch in batches_of(file, number, column, encoding):
            yield Batch(number, batch.lines, batch.texts, batch.left_out, before + batch.bytes_read)
        before += file.size_bytes


def batches_of(file: SourceFile, number: int, column: str, encoding: str) -> Iterator[Batch]:
    """The paragraphs of one file. number: its place among the sources.

    Raises LingyuError for a damaged file, an unknown encoding or column, and where a table is not of the encoding.
    """
    if not file.size_bytes:
        return
    if not _is_raw(file.path):
        yield from _table_batches(file, number, read_table(str(file.path), encoding), column)
        return
    try:
        with file.path.open("rb") as stream, _unpacked(file, stream) as text:
            yield from _raw_batches(file, number, text, stream, encoding)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise LingyuError("a damaged gzip file", where=file.path, next="Fetch it again, or gunzip it") from None


def _is_raw(path: Path) -> bool:
    return path.name.lower().endswith(_RAW)


def _unpacked(file: SourceFile, stream: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, gzip.open(stream)) if file.path.suffix.lower() == ".gz" else stream


def _raw_batches(file: SourceFile, number: int, text: BinaryIO, stream: BinaryIO, encoding: str) -> Iterator[Batch]:
    _require_line_ends(encoding, file.path)
    for at, (lines, too_long) in enumerate(_whole_lines(text)):
        if not at and lines.startswith(_BOMS):
            raise LingyuError("UTF-16 text", where=file.path, next=how_to_utf8(file.path, "UTF-16"))
        whole = lines.removeprefix(codecs.BOM_UTF8) if not at else lines
        yield Batch(number, whole, (), {TOO_LONG: too_long} if too_long else {}, stream.tell())


def _require_line_ends(encoding: str, where: Path) -> None:
    """Raises LingyuError unless a line feed is the byte of it, and nothing else is: in UTF-16 it is not."""
    try:
        is_byte = "\n".encode(encoding) == b"\n"
    except LookupError:
        near = did_you_mean(encoding.lower(), ("utf-8", "gb18030", "gbk", "big5"))
        hint = f"Did you mean {near}?" if near else "Set --encoding to utf-8 or gb18030"
        raise LingyuError(f"--encoding: no encoding is called {encoding!r}", where, hint) from None
    if not is_byte:
        raise LingyuError(f"raw text in {encoding}", where, how_to_utf8(where, encoding.upper()))


def _whole_lines(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """(whole lines of about a batch together, how many lines were passed over: they are too long to be held)."""
    begun = b""
    passing_over = False
    while block := stream.read(BATCH_BYTES):
        if passing_over:
            end = block.find(b"\n") + 1
            if not end:
                continue
            block, passing_over = block[end:], False
        cut = block.rfind(b"\n") + 1
        if cut:
            yield begun + block[:cut], 0
            begun = b""
        begun += block[cut:]
        if len(begun) > _LONGEST_LINE_BYTES:
            yield b"", 1
            begun, passing_over = b"", True
    if begun:
        yield begun, 0


def _table_batches(file: SourceFile, number: int, table: Table, column: str) -> Iterator[Batch]:
    table.needs(column, "--text")
    rows = iter(table.rows)
    for first in rows:
        texts: list[str] = []
        unreadable = characters = 0
        for row in itertools.chain([first], rows):
            if row.fault or column not in row.cells or column in row.nested:
                unreadable += 1
            else:
                texts.append(row.cells[column])
                characters += len(texts[-1])
            if characters >= BATCH_BYTES // 3 or len(texts) + unreadable >= BATCH_BYTES // 64:
                break
        done, total = table.progress() if table.progress else (0, 1)
        left_out = {UNREADABLE: unreadable} if unreadable else {}
        yield Batch(number, b"", tuple(texts), left_out, file.size_bytes * done // max(total, 1))


def total_bytes(files: Iterable[SourceFile]) -> int:
    return sum(file.size_bytes for file in files)
