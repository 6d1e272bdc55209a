"""Rows of a source: a file (csv, tsv, jsonl, parquet, xlsx) or a data set of the hub."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lingyu.digests import file_sha256
from lingyu.errors import LingyuError, did_you_mean

from .catalog import KNOWN
from .contents import PACKED, content_of_bytes, content_of_file, content_of_stream
from .tables import PARSERS, Table, TableRow, nested_fault, no_column

_WHERE = "where"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")
FORMATS = ", ".join(ending.removeprefix(".") for ending in PARSERS)
_INSTEAD = {
    ".txt": "Name it .tsv if tabs stand between columns",  # as Excel saves Unicode text
    ".xls": "Save it as .xlsx",
    ".et": "Save it as .xlsx",
}
"""Ending -> what to do with a file that is nearly one of ours."""
PIPED_FORMATS = ("csv", "tsv", "jsonl")
"""What can be read without going back, and so from a pipe or a gzip file (.csv.gz ...) too."""


@dataclass(frozen=True)
class Cells:
    """Some columns of a source, (rows,) each, by the key of the recipe that names them: data.text.

    wheres: (rows,) 'data/hotel.csv:12'. nulls: key -> the rows where nothing stands, which no empty text is; none of a
    csv, tsv or xlsx file, which can't tell the two apart.
    """

    columns: Mapping[str, tuple[str, ...]]
    wheres: tuple[str, ...]
    nulls: Mapping[str, frozenset[int]]

    def without(self, rows: Collection[int]) -> "Cells":
        kept = [at for at in range(len(self.wheres)) if at not in rows]
        columns = {key: tuple(column[at] for at in kept) for key, column in self.columns.items()}
        nulls = {key: frozenset(now for now, at in enumerate(kept) if at in found) for key, found in self.nulls.items()}
        return Cells(columns, tuple(self.wheres[at] for at in kept), nulls)


def read_columns(source: str, named: Mapping[str, str], encoding: str = "utf-8", lists: Collection[str] = ()) -> Cells:
    """Columns of a source, all rows, in order. named: key of the recipe -> the column's name. lists: the keys whose
    cells may be lists, which come as JSON.

    Raises LingyuError for a source that can't be read and for its first row that can't, with how many more there are.
    """
    # datasets takes more than a second to import: only here, where rows are really read.
    from .caching import cached_rows

    pairs, listed = tuple(named.items()), tuple(sorted(lists))
    if is_hub_set(source):
        found: list[dict[str, Any]] = list(_cells(source, pairs, encoding, listed))
        stored = {field: [row[field] for row in found] for field in (*named, _WHERE)}
    else:
        asked = {"source": source, "named": pairs, "encoding": encoding, "lists": listed}
        rows = cached_rows(_cells, sha256_of(find_file(source)), (*named, _WHERE), **asked)
        stored = rows.with_format("arrow")[:].to_pydict()
    columns = {key: tuple(value or "" for value in stored[key]) for key in named}
    nulls = {key: frozenset(at for at, value in enumerate(stored[key]) if value is None) for key in named}
    return Cells(columns, tuple(stored[_WHERE]), nulls)


def read_table(source: str, encoding: str = "utf-8") -> Table:
    """The table of a source, with all its columns; rows that can't be read come with a fault in place of cells."""
    if is_hub_set(source):
        from .hub import hub_table  # imports datasets

        return hub_table(source)
    path = find_file(source)
    return PARSERS[format_ending(path)](content_of_file(path, source), encoding)


def read_pipe(stream: BinaryIO, format: str, encoding: str = "utf-8", source: str = "stdin") -> Table:
    """The table that comes from a pipe; its rows are there as they come. format: one of PIPED_FORMATS."""
    return PARSERS[f".{format}"](content_of_stream(stream, source), encoding)


def parse_table(content: bytes, source: str, encoding: str = "utf-8") -> Table:
    """The table that a file of this content and name holds."""
    return PARSERS[Path(source).suffix.lower()](content_of_bytes(content, source), encoding)


def _cells(
    source: str, named: Sequence[tuple[str, str]], encoding: str, lists: Collection[str]
) -> Iterator[dict[str, str | None]]:
    """The columns of each row by their keys, and where it stands."""
    table = read_table(source, encoding)
    for key, column in named:
        table.needs(column, key)
    faults: list[LingyuError] = []
    for row in table.rows:
        fault = row.fault or _lacking(row, named) or _nested(row, named, lists)
        if fault:
            faults.append(fault)
        elif not faults:
            cells = {key: None if column in row.nulls else row.cells[column] for key, column in named}
            yield {**cells, _WHERE: row.where}
    if faults:
        raise _with_more(faults)


def _lacking(row: TableRow, named: Iterable[tuple[str, str]]) -> LingyuError | None:
    """Why a row of jsonl, where each has keys of its own, can't be read."""
    lacking = next(((key, column) for key, column in named if column not in row.cells), None)
    return lacking and no_column(lacking[1], lacking[0], tuple(row.cells), row.where)


def _nested(row: TableRow, named: Sequence[tuple[str, str]], lists: Collection[str]) -> LingyuError | None:
    """Why a row with a mapping, or with a list where none belongs, can't be read."""
    faults = (nested_fault(row, column, key, takes_list=key in lists) for key, column in named)
    return next(filter(None, faults), None)


def _with_more(faults: list[LingyuError]) -> LingyuError:
    first, more = faults[0], len(faults) - 1
    if not more:
        return first
    rows = "1 more row" if more == 1 else f"{more:,} more rows"
    return LingyuError(f"{first.what}; {rows} can't be read either", first.where, first.next)


def is_hub_set(source: str) -> bool:
    """Whether a source of this name is looked for on the hub: org/name or org/name:part, and no such file is here."""
    return not is_table_name(source) and not Path(source).exists() and _HUB_ID.fullmatch(source) is not None


def is_table_name(source: str) -> bool:
    """Whether it ends as a file that is read here does."""
    return format_ending(Path(source)) in PARSERS


def find_file(source: str) -> Path:
    """The file of a known format that a source names. Raises LingyuError where there is none."""
    path = Path(source)
    if path.is_dir():
        raise LingyuError("this is a folder, not a file", source, f"Name a file in it: {FORMATS}")
    if not path.exists():
        raise LingyuError("no such file", source, _what_next(path))
    if format_ending(path) not in PARSERS:
        packed = f", and {PACKED} of {', '.join(PIPED_FORMATS)}" if path.suffix.lower() == PACKED else ""
        what = f"the ending `{''.join(path.suffixes[-2:]) if packed else path.suffix}` is none of {FORMATS}{packed}"
        raise LingyuError(what, source, _INSTEAD.get(path.suffix.lower(), "Export the rows as csv or jsonl"))
    return path


def format_ending(path: Path) -> str:
    """The ending that says the format: .csv of a.csv and of a.csv.gz; that of the name where it says none of ours."""
    ending = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    return inner if ending == PACKED and inner.removeprefix(".") in PIPED_FORMATS else ending


def sha256_of(path: Path) -> str:
    """Raises LingyuError for what is no file, and so can't be read again."""
    if not path.is_file():
        raise LingyuError("a pipe or a device, which can't be read again", path, "Save the rows as a file")
    return file_sha256(path)


def _what_next(path: Path) -> str:
    name = next((name for name in (path.stem, path.parent.name) if name in KNOWN), None)
    if name:
        return f"Prepare it with: lingyu data get {name}"
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = did_you_mean(path.name, beside)
    return f"Did you mean {path.with_name(near)}?" if near else "Paths are taken from the folder you are in"
