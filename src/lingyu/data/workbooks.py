"""The first sheet of an xlsx workbook, row by row, and what of the workbook that leaves out."""

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO

from lingyu.errors import LingyuError, missing_extra

_MOST_BYTES = 1 << 30
_MOST_TIMES = 200  # what a sheet of text is packed to is a tenth or so of it
_ALWAYS_BYTES = 1 << 26  # a sheet of nothing but the same row is packed further than that, and does no harm
_MOST_ROWS = 1 << 20  # of any sheet that Excel writes (ECMA-376 sets no limit, and openpyxl fills in rows left out)
_MOST_CELLS = 1 << 26  # with those filled in that a row leaves out; so many of their own don't fit into _MOST_BYTES
_CHUNK_BYTES = 1 << 20
_FORMULA = re.compile(rb"<(?:[A-Za-z]\w*:)?f[\s>/]")
_MERGED = re.compile(rb"<(?:[A-Za-z]\w*:)?mergeCell[\s>/]")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_ERROR = "e"  # the type of a cell that shows #N/A, #REF! and the like (ECMA-376 part 1, 18.18.11)
_LONGEST_TAG = 64  # bytes of those above that may lie across two chunks

Values = tuple[object, ...]
Cells = tuple[Any, ...]


@dataclass(frozen=True)
class FirstSheet:
    """rows: (number in the sheet, values) of those that show one. others: names of further sheets that show one.

    valueless: how many cells of it are formulas that nobody has computed, and so have no value.
    merged: how many times cells of it were merged into one, of which only the first has a value.
    errors: how many cells of the rows that were read hold an error, such as #N/A, which is no value.
    """

    rows: Iterator[tuple[int, Values]]
    others: tuple[str, ...]
    valueless: Callable[[], int]
    merged: Callable[[], int]
    errors: Callable[[], int]


def first_sheet(open_book: Callable[[], BinaryIO], source: str) -> FirstSheet:
    """Raises LingyuError for what is no workbook, a damaged one (where its rows are read, too), or a bomb."""
    stream = open_book()
    try:
        _require_size(stream, source)
        sheets = _sheets(stream)
        others = tuple(sheet.title for sheet in sheets[1:] if next(_filled(_rows(sheet, source)), ()))
        filled = _filled(_rows(sheets[0], source))
    except Exception as error:  # openpyxl lets through whatever zipfile and its XML parser raise
        stream.close()
        raise _damaged(error, source) from error

    errors = 0

    def rows() -> Iterator[tuple[int, Values]]:
        nonlocal errors
        with stream:
            try:
                for number, row in filled:
                    errors += sum(cell.data_type == _ERROR for cell in row)
                    yield number, tuple(None if cell.data_type == _ERROR else _unescaped(cell.value) for cell in row)
            except Exception as error:
                raise _damaged(error, source) from error

    part = sheets[0]._worksheet_path  # a sheet that is read row by row does not say what is merged in it
    return FirstSheet(
        rows(),
        others,
        valueless=lambda: _valueless(open_book, source),
        merged=lambda: _merged(open_book, part, source),
        errors=lambda: errors,
    )


def _unescaped(value: object) -> object:
    """A text with the characters that XML has none of, a carriage return for one, in place of _x000D_ and the like
    (ECMA-376 part 1, 22.4.2.4), which openpyxl leaves as they stand."""
    if not isinstance(value, str):
        return value
    return _ESCAPED.sub(lambda escaped: chr(int(escaped[1], 16)), value)


def _damaged(error: Exception, source: str) -> LingyuError:
    if isinstance(error, LingyuError):
        return error
    return LingyuError("not an xlsx file, or a damaged one", source, "Save it again, or export it as csv")


def _sheets(stream: BinaryIO, *, values: bool = True) -> list[Any]:
    """values: what formulas gave when they were computed last, in place of the formulas."""
    try:
        import openpyxl  # of the extra `data`
    except ImportError as error:
        raise missing_extra("openpyxl", "data") from error
    sheets: list[Any] = openpyxl.load_workbook(stream, read_only=True, data_only=values).worksheets
    for sheet in sheets:
        sheet.reset_dimensions()  # which some programs write wrongly, and beyond which no row would be given
    return sheets


def _rows(sheet: Any, source: str) -> Iterator[Cells]:
    """From the first on, those filled in that are left out. Raises LingyuError where there is no end of them."""
    cells = 0
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells += len(row)
        if number > _MOST_ROWS or cells > _MOST_CELLS:
            most = f"{_MOST_ROWS:,} rows" if number > _MOST_ROWS else f"{_MOST_CELLS:,} cells, empty ones counted"
            what = f"the sheet {sheet.title} has more than {most}"
            raise LingyuError(what, source, "Export the sheet as csv")
        yield row


def _filled(rows: Iterable[Cells]) -> Iterator[tuple[int, Cells]]:
    """Those in which something is shown, be it an error: a row of a text alone that is one stays a row."""
    return ((number, row) for number, row in enumerate(rows, 1) if any(cell.value not in (None, "") for cell in row))


def _require_size(stream: BinaryIO, source: str) -> None:
    """Raises LingyuError for a workbook that would fill the memory: its texts are held, and a whole row is."""
    with zipfile.ZipFile(stream) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())
    packed = stream.seek(0, 2)
    stream.seek(0)
    most = min(_MOST_BYTES, max(_ALWAYS_BYTES, _MOST_TIMES * packed))
    if unpacked > most:
        what = f"the workbook unpacks to {unpacked:,} bytes, and at most {most:,} are read of one of its size"
        raise LingyuError(what, source, "Export the sheet as csv")


def _valueless(open_book: Callable[[], BinaryIO], source: str) -> int:
    """Formulas without a value: the cells that are empty in the workbook of values, and not in that of formulas."""
    with open_book() as stream, open_book() as again:
        try:
            if not _has_formula(stream):
                return 0
            computed = _rows(_sheets(stream)[0], source)
            written = _rows(_sheets(again, values=False)[0], source)
            pairs = (pair for rows in zip(computed, written, strict=True) for pair in zip(*rows, strict=True))
            return sum(computed.value is None and written.value is not None for computed, written in pairs)
        except Exception as error:
            raise _damaged(error, source) from error


def _has_formula(stream: BinaryIO) -> bool:
    with zipfile.ZipFile(stream) as parts:
        return any(
            _part_has_formula(parts, name) for name in parts.namelist() if "worksheets/" in name and "_rels" not in name
        )


def _part_has_formula(parts: zipfile.ZipFile, name: str) -> bool:
    return any(True for _ in _tags(parts, name, _FORMULA))


def _merged(open_book: Callable[[], BinaryIO], part: str, source: str) -> int:
    with open_book() as stream:
        try:
            with zipfile.ZipFile(stream) as parts:
                return sum(1 for _ in _tags(parts, part, _MERGED))
        except Exception as error:
            raise _damaged(error, source) from error


def _tags(parts: zipfile.ZipFile, name: str, tag: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Each tag of a part, once, also where it lies across two chunks."""
    before = b""
    with closing(parts.open(name)) as part:
        while chunk := part.read(_CHUNK_BYTES):
            yield from (found for found in tag.finditer(before + chunk) if found.end() > len(before))
            before = chunk[-_LONGEST_TAG:]
