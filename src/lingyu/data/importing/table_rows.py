"""The rows of a table in a file, damaged ones among them."""

import json
from collections import Counter
from collections.abc import Callable, Iterator

from lingyu.errors import LingyuError

from ..contents import Whole
from ..tables import Table, TableRow, bytes_read, delimited_table, json_row, parquet_table, xlsx_table
from .encodings import Encoding, find_encoding, named_encoding
from .lenient import LenientText, Taken, what_is_bad
from .rows import UNDECODABLE, UNPARSABLE, EncodingUse, Opened, Quarantined, Read

_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def open_table(content: Whole, ending: str, encoding: str, *, repair: bool) -> Opened:
    """A table of the format of this ending. encoding: a name, or auto.

    Raises LingyuError for what is wrong with the table as such: its kind, its header, its quotation marks.
    """
    if ending == ".xlsx":
        return _of_cells(xlsx_table(content, ""))
    if ending == ".parquet":
        return _of_cells(parquet_table(content, "", bytes_errors="strict"))
    found = find_encoding(content) if encoding == "auto" else named_encoding(encoding, content.source)
    text = LenientText(content, found.name, found.codec)
    if ending == ".jsonl":
        return _of_jsonl(text, found, repair=repair)
    return _delimited(text, found, _DELIMITERS[ending], repair=repair)


def _of_cells(table: Table) -> Opened:
    """Of a format that is no text: what is set aside are the cells."""
    judged = (_without_bytes(row, table.source) for row in table.rows)
    progress = table.progress or (lambda: (0, 0))
    return Opened(table.source, table.columns, judged, lambda: (), table.notes, progress, {})


def _without_bytes(row: TableRow, name: str) -> Read | Quarantined:
    if row.fault is None:
        return Read(row.cells, nulls=row.nulls)
    raw = json.dumps(row.misfits, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Quarantined(name, UNPARSABLE, row.fault.what, raw, _line_of(row))


def _delimited(text: LenientText, found: Encoding, delimiter: str, *, repair: bool) -> Opened:
    table = delimited_table(text, delimiter)
    header = text.take()
    if header.bad and not repair:
        reason, at = what_is_bad(bytes(header.raw), text.line_codec, text.encoding)
        what = f"the line that names the columns is damaged: {reason} at byte {at}"
        raise LingyuError(what, f"{table.source}:1", "Mend that line, or add --repair")
    rows = (_judged(row, text.take(), text, repair=repair) for row in table.rows)
    return _of_text(text, table.columns, rows, found, table.notes)


def _of_jsonl(text: LenientText, found: Encoding, *, repair: bool) -> Opened:
    """The columns are the keys of all rows, in the order in which they come up: two readings of the file."""
    lacking: Counter[str] = Counter()
    sample = (line.text for line in text.sample("\n") if repair or not line.bad)
    columns = tuple(dict.fromkeys(key for row in _json_rows(sample, "") for key in row.cells))

    def rows() -> Iterator[Read | Quarantined]:
        for row in _json_rows(text.lines("\n"), text.content.source):
            judged = _judged(row, text.take(), text, repair=repair)
            if isinstance(judged, Read):
                lacking.update(column for column in columns if column not in judged.cells)
            yield judged

    def notes() -> tuple[str, ...]:
        return tuple(f"rows without `{column}`: {count:,}" for column, count in lacking.items())

    return _of_text(text, columns, rows(), found, notes)


def _json_rows(lines: Iterator[str], source: str) -> Iterator[TableRow]:
    """The rows of lines; blank lines are none."""
    return (json_row(line.removesuffix("\n"), f"{source}:{at}") for at, line in enumerate(lines, 1) if line.strip())


def _of_text(
    text: LenientText,
    columns: tuple[str, ...],
    rows: Iterator[Read | Quarantined],
    found: Encoding,
    notes: Callable[[], tuple[str, ...]],
) -> Opened:
    progress = bytes_read(text.content)
    assert progress is not None, "an import is of a file"
    return Opened(
        text.content.source, columns, rows, lambda: (EncodingUse(found.name, found.how),), notes, progress, {}
    )


def _judged(row: TableRow, taken: Taken, text: LenientText, *, repair: bool) -> Read | Quarantined:
    """taken: what the row was read from."""
    name, raw = text.content.source, bytes(taken.raw)
    if taken.bad and not repair:
        reason, at = what_is_bad(raw, text.line_codec, text.encoding)
        return Quarantined(name, UNDECODABLE, reason, raw, _line_of(row), at)
    if row.fault:
        return Quarantined(name, UNPARSABLE, row.fault.what, raw, _line_of(row))
    if not row.cells:
        return Quarantined(name, UNPARSABLE, "the line is an object without keys", raw, _line_of(row))
    return Read(row.cells, taken.bad, row.nulls)


def _line_of(row: TableRow) -> int:
    return int(row.where.rpartition(":")[2])
