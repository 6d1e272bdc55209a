"""fixes.csv: one line a row that something is the matter with, made to be edited in a spreadsheet.

UTF-8 with a byte order mark, by which Excel knows it. A cell that a spreadsheet would take for a formula has an
apostrophe before it, as OWASP advises against CSV injection; so has one that begins with an apostrophe itself, so that
each cell is read again as what it was. A content hash has a letter before it: 12e4567890123456 would become a number.
"""

from dataclasses import dataclass
from pathlib import Path

from lingyu.errors import LingyuError, printable

from ..contents import content_of_file
from ..decoding import decode
from ..reading import find_file, format_ending, read_table
from ..tables import Table, TableRow, delimited_table
from ..writing import write_csv

COLUMNS = (
    *("row", "action", "new_label", "label", "suggestion", "finding"),
    *("confidence", "text", "other_text", "other", "text_hash"),
)
_NEEDED = ("row", "action", "new_label", "text_hash")
_TEXT_SHOWN = 2_000  # characters; a spreadsheet's cell holds 32,767, and a reader sees a few hundred
_DELIMITED = (".csv", ".tsv")
_SEPARATORS = ",;\t"  # what Excel writes into a csv depends on the system's language; its "Unicode text" has tabs
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARK = "'"
_HASH_MARK = "h"


@dataclass(frozen=True)
class Fix:
    """A line of the list. row, other: FILE:LINE. action, new_label: what a person edits. where: the line itself."""

    row: str
    action: str
    new_label: str
    label: str
    suggestion: str
    finding: str
    text_hash: str
    confidence: str = ""
    text: str = ""
    other_text: str = ""
    other: str = ""
    where: str = ""


def write_list(path: Path, fixes: tuple[Fix, ...]) -> None:
    """Texts stand on one line each and are cut: they are there to be looked at, and are never read again."""
    rows = [TableRow(fix.row, {column: _guarded(_cell(fix, column)) for column in COLUMNS}) for fix in fixes]
    write_csv(path, COLUMNS, rows, bom=True)


def read_list(path: Path, encoding: str | None = None) -> tuple[Fix, ...]:
    """The lines of a list that a person has edited, in any program: with commas, semicolons or tabs between the cells.

    encoding: None to find it.

    Raises LingyuError for a file that can't be read, or lacks a column that was there.
    """
    table = _table(str(path), encoding)
    for column in _NEEDED:
        if column not in table.columns:
            hint = "Save the list with all its columns"
            raise LingyuError(f"no column `{column}`; it has {', '.join(table.columns[:12])}", path, hint)
    fixes = []
    for row in table.rows:
        if row.fault:
            raise row.fault
        cells = {column: _bare(row.cells.get(column, "")) for column in COLUMNS}
        if any(cells.values()):  # a spreadsheet may leave empty rows at the end
            cells["text_hash"] = cells["text_hash"].removeprefix(_HASH_MARK)
            fixes.append(Fix(**cells, where=row.where))
    return tuple(fixes)


def _table(source: str, encoding: str | None) -> Table:
    if encoding is not None:
        return _read(source, encoding)
    try:
        return _read(source, "utf-8")
    except LingyuError as error:
        for other in ("utf-16", "gb18030"):  # as Excel saves it where Chinese is the system's language
            if error.next and other in error.next:
                return _read(source, other)
        raise


def _read(source: str, encoding: str) -> Table:
    path = find_file(source)
    if format_ending(path) not in _DELIMITED:
        return read_table(source, encoding)
    text = decode(content_of_file(path, source), encoding)
    header = next(text.lines(""), "")  # names that hold no separator of any kind
    return delimited_table(text, max(_SEPARATORS, key=header.count))


def _cell(fix: Fix, column: str) -> str:
    value = str(getattr(fix, column))
    if column == "text_hash":
        return _HASH_MARK + value
    if column in ("text", "other_text"):
        line = printable(value[:_TEXT_SHOWN])
        return line + "…" if len(value) > _TEXT_SHOWN else line
    return value


def _guarded(cell: str) -> str:
    return _MARK + cell if cell.startswith((*_FORMULA, _MARK)) else cell


def _bare(cell: str) -> str:
    return cell.removeprefix(_MARK).strip()
