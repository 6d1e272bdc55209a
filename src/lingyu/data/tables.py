"""Tables as they stand in a file: columns, and rows in order with the position of each. Every value is text.

'NA', 'null' and '007' stay what they are; nothing guesses a type. One parser a format; reading.py chooses it.
"""

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import BinaryIO

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from lingyu.errors import LingyuError, did_you_mean

from . import delimited
from .contents import Content, Whole
from .decoding import LONGEST_CHARACTERS, decode
from .workbooks import first_sheet

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_BATCH_ROWS = 1024
_COLUMNS_SHOWN = 12
_NAME_SHOWN = 24  # a file without a header has a text for a name: no more of it than this is shown


@dataclass(frozen=True, slots=True)
class TableRow:
    """where: 'data/hotel.csv:12'. fault: why the row can't be read (cells is empty then), to be raised or reported.

    misfits: the cells of a row that can't be read, such as too many of them; of jsonl the line that is no object.
    nested: the columns whose value is a list or a mapping, which stands in its cell as JSON. nulls: those with nothing,
    of formats that tell it from an empty text.
    """

    where: str
    cells: dict[str, str]
    fault: LingyuError | None = None
    misfits: tuple[str, ...] = ()
    nested: frozenset[str] = frozenset()
    nulls: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Table:
    """rows can be gone through once, and are read as they are asked for: a table is never held as a whole.

    For jsonl, columns are the keys of the first line; a row may have others.
    progress: (how much of it was read, of how much), in bytes or rows; None where nobody knows, as with a pipe.
    notes: what there is to say of it after its rows were read, such as that an xlsx file has other sheets.
    """

    source: str
    columns: tuple[str, ...]
    rows: Iterator[TableRow]
    progress: Callable[[], tuple[int, int]] | None = None
    notes: Callable[[], tuple[str, ...]] = lambda: ()

    def needs(self, column: str, key: str) -> None:
        """Raises LingyuError where the table has no such column. key: where it was named, e.g. data.text."""
        if column not in self.columns:
            raise no_column(column, key, self.columns, self.source)


def no_column(column: str, key: str, columns: Sequence[str], where: str) -> LingyuError:
    other = other_separator(columns)
    if other:
        return LingyuError(f"no column `{column}` ({key}); {other[0]}", where, other[1])
    near = did_you_mean(column, columns)
    shown = ", ".join(
        name if len(name) <= _NAME_SHOWN else name[:_NAME_SHOWN] + "…" for name in columns[:_COLUMNS_SHOWN]
    )
    if len(columns) > _COLUMNS_SHOWN:
        shown += f" and {len(columns) - _COLUMNS_SHOWN} more"
    hint = f"Did you mean `{near}`?" if near else f"Set {key}, and see that the first line names the columns"
    return LingyuError(f"no column `{column}` ({key}); it has {shown}", where, hint)


def other_separator(columns: Sequence[str]) -> tuple[str, str] | None:
    """(what, next) where the names of all columns are one cell, since another character stands between them."""
    if len(columns) == 1 and "\t" in columns[0]:
        return "the header is one cell with tabs in it", "Name the file .tsv"
    if len(columns) == 1 and ";" in columns[0]:
        return "the header is one cell with semicolons in it", "Save the table with commas"
    return None


def nested_fault(row: TableRow, column: str, key: str, *, takes_list: bool = False) -> LingyuError | None:
    """Why a row whose cell is a mapping, or a list where none belongs, can't be read: its JSON is no text of anyone's.

    key: where the column was named, e.g. data.text.
    """
    if column not in row.nested:
        return None
    kind = "list" if row.cells[column].startswith("[") else "mapping"
    if kind == "list" and takes_list:
        return None
    wanted = "a text or a list of texts" if takes_list else "a text"
    what = f"column `{column}` ({key}) holds a {kind}, where {wanted} belongs"
    return LingyuError(what, row.where, f"Write {wanted} there, or name another column by {key}")


def as_text(value: object, bytes_errors: str = "replace") -> str:
    """A cell as text: nothing is '', True is 'true', 3.0 is '3', a list or mapping its JSON, bytes are UTF-8.

    Some programs write texts into parquet as bytes, without a word on what they are. bytes_errors: what becomes of
    those that are no UTF-8, as bytes.decode has it; with "strict", a UnicodeDecodeError.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", bytes_errors)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def csv_table(content: Content, encoding: str) -> Table:
    return delimited_table(decode(content, encoding), ",")


def tsv_table(content: Content, encoding: str) -> Table:
    return delimited_table(decode(content, encoding), "\t")


def delimited_table(text: delimited.Lines, delimiter: str) -> Table:
    """The table of a csv (`,`) or tsv (a tab) text."""
    source = text.content.source
    records = delimited.records(text, delimiter)
    header = next(records, None)
    columns = _columns(header.cells if header else [], source)
    rows = _Widths(columns, (_delimited_row(columns, record, f"{source}:{record.line}") for record in records))
    return Table(source, columns, _some(rows, source), bytes_read(text.content), rows.notes)


def _delimited_row(columns: tuple[str, ...], record: delimited.Record, where: str) -> TableRow:
    if record.swallowed:
        what = "a quotation mark that opens here closes lines further on, and each of these lines is a row by itself"
        hint = 'Double the quotation marks inside a text (""), or save it as a file, of which all is looked at'
        return TableRow(where, {}, LingyuError(what, where, hint), tuple(record.cells))
    return _row(columns, record.cells, where)


def bytes_read(content: Content) -> Callable[[], tuple[int, int]] | None:
    if not isinstance(content, Whole):
        return None
    meter, size_bytes = content.meter, content.size_bytes
    return lambda: (meter.bytes_read, size_bytes)


def _columns(header: Sequence[str], source: str) -> tuple[str, ...]:
    columns = tuple(name.strip() for name in header)
    if not columns:
        raise LingyuError("the file is empty", source, "It needs a first line that names the columns, and rows")
    if len(columns) > 2 and columns[0] and not any(columns[1:]):  # as a spreadsheet exports a row with one value
        what = f"the first line names 1 of {len(columns):,} columns"
        raise LingyuError(what, f"{source}:1", "Is it a title? Delete it")
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise LingyuError(
            f"two columns are called `{twice[:_NAME_SHOWN]}`", f"{source}:1", "Rename or remove one of them"
        )
    return columns


def _row(columns: tuple[str, ...], cells: Sequence[str], where: str) -> TableRow:
    if len(cells) != len(columns):
        what = f"the row has {_columns_of(len(cells))}, the header {_columns_of(len(columns))}"
        hint = "Wrap a text that holds the separator in quotation marks, or save the file as jsonl"
        return TableRow(where, {}, LingyuError(what, where, hint), tuple(cells))
    if any(len(cell) > LONGEST_CHARACTERS for cell in cells):
        return _too_long(where, cells)
    return TableRow(where, dict(zip(columns, cells, strict=True)))


class _Widths:
    """Rows that are counted by their cells as they go by. What stands above the header as a title, or is not cut into
    the names of columns, shows by them."""

    def __init__(self, columns: tuple[str, ...], rows: Iterable[TableRow]) -> None:
        self._columns = columns
        self._rows = rows
        self._widths: Counter[int] = Counter()

    def __iter__(self) -> Iterator[TableRow]:
        for row in self._rows:
            self._widths[len(row.misfits or self._columns)] += 1
            yield row

    def notes(self) -> tuple[str, ...]:
        if other := other_separator(self._columns):
            return (f"{other[0]}: {other[1].lower()}",)
        names = len(self._columns)
        width, rows = self._widths.most_common(1)[0] if self._widths else (names, 0)
        if width <= names or 2 * rows <= self._widths.total():
            return ()
        asked = ": is it a title? Delete it" if names == 1 else ""  # of more, their texts may hold the separator
        return (f"the first line has {_columns_of(names)}, {rows:,} others {width:,}{asked}",)


def _too_long(where: str, cells: Sequence[str]) -> TableRow:
    what = f"a cell of more than {LONGEST_CHARACTERS:,} characters"
    return TableRow(where, {}, LingyuError(what, where, "Is it a table, one text a cell?"), tuple(cells))


def _columns_of(count: int) -> str:
    return f"{count} column" if count == 1 else f"{count} columns"


def _some(rows: Iterable[TableRow], source: str) -> Iterator[TableRow]:
    """The rows; raises LingyuError where there is none."""
    none = True
    for row in rows:
        none = False
        yield row
    if none:
        raise LingyuError("the file has no rows", source, "It needs at least one row below the names of the columns")


def jsonl_table(content: Content, encoding: str) -> Table:
    """One JSON object a line; numbers keep the digits they are written with, lone surrogates become U+FFFD."""
    # Only line feeds end a line: U+2028, for one, is allowed inside a string.
    lines = enumerate(decode(content, encoding).lines("\n"), 1)
    rows = (_json_row(line.removesuffix("\n"), f"{content.source}:{at}") for at, line in lines if line.strip())
    first = next(rows, None)
    if first is None:
        raise LingyuError("the file is empty", content.source, "It needs one JSON object a line")
    if first.fault:
        raise first.fault
    return Table(content.source, tuple(first.cells), itertools.chain([first], rows), bytes_read(content))


def _json_row(line: str, where: str) -> TableRow:
    row = json_row(line, where)
    cells = {_whole(key): _whole(value) for key, value in row.cells.items()}
    nested, nulls = (frozenset(map(_whole, columns)) for columns in (row.nested, row.nulls))
    return TableRow(where, cells, row.fault, row.misfits, nested, nulls)


def json_row(line: str, where: str) -> TableRow:
    """The row of a line of jsonl, lone surrogates (`\\ud800`) as they are."""
    try:
        found = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        column = f" at character {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        fault = LingyuError(f"the line is no JSON{column}", where, "Write one JSON object a line")
        return TableRow(where, {}, fault, (line,))
    if not isinstance(found, dict):
        what = f"the line is a JSON {_JSON_KINDS.get(type(found), 'number')}, not an object"
        return TableRow(where, {}, LingyuError(what, where, 'Write rows as {"text": ..., "label": ...}'), (line,))
    return row_of(found, where)


def row_of(values: Mapping[str, object], where: str, bytes_errors: str = "replace") -> TableRow:
    """A row of values that have types. bytes_errors: see as_text."""
    cells = {name: as_text(value, bytes_errors) for name, value in values.items()}
    nested = frozenset(name for name, value in values.items() if isinstance(value, list | dict))
    return TableRow(where, cells, nested=nested, nulls=frozenset(name for name in values if values[name] is None))


_JSON_KINDS: dict[type, str] = {list: "array", str: "string or number", bool: "true or false", type(None): "null"}


def _whole(text: str) -> str:
    return _LONE_SURROGATES.sub("\ufffd", text)


def parquet_table(content: Content, encoding: str, *, bytes_errors: str = "replace") -> Table:
    """bytes_errors: see as_text; with "strict", a row with bytes that are no UTF-8 has a fault."""
    stream = _seekable(content)
    try:
        file = pq.ParquetFile(stream)
        columns = _columns(file.schema_arrow.names, content.source)
    except (pa.ArrowException, OSError, ValueError) as error:
        stream.close()
        raise LingyuError("not a parquet file, or a damaged one", content.source, "Write it again") from error
    done = 0

    def rows() -> Iterator[TableRow]:
        nonlocal done
        for values in _parquet_values(file, stream, content.source):
            done += 1
            yield _parquet_row(values, f"{content.source}:{done}", bytes_errors)

    return Table(content.source, columns, _some(rows(), content.source), lambda: (done, file.metadata.num_rows))


def _parquet_row(values: dict[str, object], where: str, bytes_errors: str) -> TableRow:
    try:
        row = row_of({name.strip(): value for name, value in values.items()}, where, bytes_errors)
    except UnicodeDecodeError:
        fault = LingyuError("a cell holds bytes that are no UTF-8", where, "Write its texts as strings")
        return TableRow(where, {}, fault, tuple(as_text(value, "backslashreplace") for value in values.values()))
    if any(len(cell) > LONGEST_CHARACTERS for cell in row.cells.values()):
        return _too_long(where, tuple(row.cells.values()))
    return row


def _parquet_values(file: pq.ParquetFile, stream: BinaryIO, source: str) -> Iterator[dict[str, object]]:
    """Each row by its columns. What is damaged in the middle shows when it is reached."""
    with stream:
        try:
            # with threads, the memory that each keeps grows with the number of row groups
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: a string column that is no UTF-8
            raise LingyuError("a damaged parquet file", source, "Write it again") from error
        except (ValueError, OverflowError) as error:  # a time that Python has none of
            what = "a parquet file with a value that can't be read, such as a date beyond the year 9999"
            raise LingyuError(what, source, "Write it again without it, or as text") from error


def xlsx_table(content: Content, encoding: str) -> Table:
    """The first sheet. Rows without any value are none; cells right of the last named column must be empty."""
    source = content.source
    sheet = first_sheet(lambda: _seekable(content), source)
    header = next(sheet.rows, None)
    if header is None and sheet.others:
        what = f"the first sheet is empty, and it alone is read; there is {', '.join(sheet.others)}"
        raise LingyuError(what, source, "Put the one to be read first, or save it as csv")
    columns = _columns(_without_empty_end([as_text(value) for value in header[1]]) if header else [], source)

    def rows() -> Iterator[TableRow]:
        for number, values in sheet.rows:
            texts = _without_empty_end([as_text(value) for value in values])
            yield _row(columns, texts + [""] * (len(columns) - len(texts)), f"{source}:{number}")

    counted = _Widths(columns, rows())

    def notes() -> tuple[str, ...]:
        unread = (f"sheets not read: {', '.join(sheet.others)}",) if sheet.others else ()
        counts = {
            "cells with an error such as #N/A, read as empty ones": sheet.errors(),
            "formulas without a value, read as empty cells": sheet.valueless(),
            "merged cells, of which only the first keeps its value": sheet.merged(),
        }
        return (*unread, *counted.notes(), *(f"{what}: {count:,}" for what, count in counts.items() if count))

    return Table(source, columns, _some(counted, source), notes=notes)


def _seekable(content: Content) -> BinaryIO:
    """The stream of a format that is read from its end."""
    if not isinstance(content, Whole):
        raise LingyuError("this format can't come from a pipe", content.source, "Save it as a file, or send csv")
    return content.open()


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells = cells[:-1]
    return cells


PARSERS: dict[str, Callable[[Content, str], Table]] = {
    ".csv": csv_table,
    ".tsv": tsv_table,
    ".jsonl": jsonl_table,
    ".parquet": parquet_table,
    ".xlsx": xlsx_table,
}
