"""Tables as they stand in a file: columns, and rows in order with the position of each. Every value is text.

'NA', 'null' and '007' stay what they are; nothing guesses a type. One parser a format; reading.py chooses it.
"""

import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from lingyu.errors import LingyuError, did_you_mean, missing_extra

from . import delimited
from .decoding import decode

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_COLUMNS_SHOWN = 12
_NAME_SHOWN = 24  # a file without a header has a text for a name: no more of it than this is shown


@dataclass(frozen=True, slots=True)
class TableRow:
    """where: 'data/hotel.csv:12'. fault: why the row can't be read (cells is empty then), to be raised or reported."""

    where: str
    cells: dict[str, str]
    fault: LingyuError | None = None


@dataclass(frozen=True)
class Table:
    """rows can be gone through once. For jsonl, columns are the keys of the first line; a row may have others."""

    source: str
    columns: tuple[str, ...]
    rows: Iterator[TableRow]

    def needs(self, column: str, key: str) -> None:
        """Raises LingyuError where the table has no such column. key: where it was named, e.g. data.text."""
        if column not in self.columns:
            raise no_column(column, key, self.columns, self.source)


def no_column(column: str, key: str, columns: Sequence[str], where: str) -> LingyuError:
    near = did_you_mean(column, columns)
    shown = ", ".join(
        name if len(name) <= _NAME_SHOWN else name[:_NAME_SHOWN] + "…" for name in columns[:_COLUMNS_SHOWN]
    )
    if len(columns) > _COLUMNS_SHOWN:
        shown += f" and {len(columns) - _COLUMNS_SHOWN} more"
    hint = f"Did you mean `{near}`?" if near else f"Set {key}, and see that the first line names the columns"
    return LingyuError(f"no column `{column}` ({key}); it has {shown}", where, hint)


def as_text(value: object) -> str:
    """A cell as text: nothing is '', True is 'true', 3.0 is '3', a list or mapping its JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def csv_table(content: bytes, source: str, encoding: str) -> Table:
    return _delimited_table(content, source, encoding, ",")


def tsv_table(content: bytes, source: str, encoding: str) -> Table:
    return _delimited_table(content, source, encoding, "\t")


def _delimited_table(content: bytes, source: str, encoding: str, delimiter: str) -> Table:
    text = decode(content, encoding, source)
    records = delimited.records(text, delimiter, source)
    _, header = next(records, (0, []))
    columns = _columns(header, source)

    def rows() -> Iterator[TableRow]:
        for line, cells in records:
            yield _row(columns, cells, f"{source}:{line}")

    return Table(source, columns, _some(rows(), source))


def _columns(header: Sequence[str], source: str) -> tuple[str, ...]:
    columns = tuple(name.strip() for name in header)
    if not columns:
        raise LingyuError("the file is empty", source, "It needs a first line that names the columns, and rows")
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
        return TableRow(where, {}, LingyuError(what, where, hint))
    return TableRow(where, dict(zip(columns, cells, strict=True)))


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


def jsonl_table(content: bytes, source: str, encoding: str) -> Table:
    """One JSON object a line; numbers keep the digits they are written with, lone surrogates become U+FFFD."""
    text = decode(content, encoding, source)
    # Only line feeds end a line: splitlines() would cut at U+2028, which JSON allows inside a string.
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise LingyuError("the file is empty", source, "It needs one JSON object a line")
    rows = (_json_row(line, f"{source}:{number}") for number, line in lines)
    first = _json_row(lines[0][1], f"{source}:{lines[0][0]}")
    if first.fault:
        raise first.fault
    return Table(source, tuple(first.cells), rows)


def _json_row(line: str, where: str) -> TableRow:
    try:
        found = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        column = f" at character {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        return TableRow(where, {}, LingyuError(f"the line is no JSON{column}", where, "Write one JSON object a line"))
    if not isinstance(found, dict):
        what = f"the line is a JSON {_JSON_KINDS.get(type(found), 'number')}, not an object"
        return TableRow(where, {}, LingyuError(what, where, 'Write rows as {"text": ..., "label": ...}'))
    return TableRow(where, {_whole(key): _whole(as_text(value)) for key, value in found.items()})


_JSON_KINDS: dict[type, str] = {list: "array", str: "string or number", bool: "true or false", type(None): "null"}


def _whole(text: str) -> str:
    return _LONE_SURROGATES.sub("\ufffd", text)


def parquet_table(content: bytes, source: str, encoding: str) -> Table:
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        columns = _columns(file.schema_arrow.names, source)
    except pa.ArrowException as error:
        raise LingyuError("not a parquet file, or a damaged one", source, "Write it again") from error

    def rows() -> Iterator[TableRow]:
        number = 0
        for batch in file.iter_batches(batch_size=4096):
            for values in batch.to_pylist():
                number += 1
                yield TableRow(f"{source}:{number}", {name.strip(): as_text(value) for name, value in values.items()})

    return Table(source, columns, _some(rows(), source))


def xlsx_table(content: bytes, source: str, encoding: str) -> Table:
    """The first sheet. Rows without any value are none; cells right of the last named column must be empty."""
    try:
        import openpyxl  # of the extra `data`
    except ImportError as error:
        raise missing_extra("openpyxl", "data") from error
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        values = book.worksheets[0].iter_rows(values_only=True)
        header = [as_text(value) for value in next(values, ())]
    except Exception as error:  # openpyxl lets through whatever zipfile and its XML parser raise
        raise LingyuError("not an xlsx file, or a damaged one", source, "Save it again, or export it as csv") from error
    columns = _columns(_without_empty_end(header), source)

    def rows() -> Iterator[TableRow]:
        for number, cells in enumerate(values, 2):
            texts = _without_empty_end([as_text(value) for value in cells])
            if texts:
                padded = texts + [""] * (len(columns) - len(texts))
                yield _row(columns, padded, f"{source}:{number}")

    return Table(source, columns, _some(rows(), source))


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells = cells[:-1]
    return cells


PARSERS: dict[str, Callable[[bytes, str, str], Table]] = {
    ".csv": csv_table,
    ".tsv": tsv_table,
    ".jsonl": jsonl_table,
    ".parquet": parquet_table,
    ".xlsx": xlsx_table,
}
