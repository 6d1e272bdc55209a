"""A table that is held as a whole, since its rows are looked at together and written again with all their columns."""

from dataclasses import dataclass

from lingyu.errors import LingyuError

from .reading import find_file, read_table, sha256_of
from .tables import Table, TableRow


@dataclass(frozen=True)
class WholeTable:
    """sha256: of the file. columns: for jsonl, those of any row. rows: in order, all of them readable."""

    source: str
    sha256: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


def read_whole(source: str, encoding: str, needs: dict[str, str]) -> WholeTable:
    """All rows of a file. needs: column to where it was named, e.g. {"text": "--text"}.

    Raises LingyuError for a file that can't be read, a column that is not there, and for the first row that can't be
    read or lacks the column, with how many more there are.
    """
    sha256 = sha256_of(find_file(source))
    table = read_table(source, encoding)
    for column, key in needs.items():
        table.needs(column, key)
    rows, faults = [], []
    columns = dict.fromkeys(table.columns)
    for row in table.rows:
        lacking = next((column for column in needs if column not in row.cells), None)
        if row.fault:
            faults.append(row.fault)
        elif lacking:
            faults.append(LingyuError(f"the row has no `{lacking}`", row.where, "Give it one, or leave it out"))
        else:
            rows.append(row)
            columns.update(dict.fromkeys(row.cells))
    if faults:
        raise first_of(faults, _aside(table))
    return WholeTable(source, sha256, tuple(columns), tuple(rows))


def first_of(faults: list[LingyuError], hint: str | None = None) -> LingyuError:
    """The first fault, with how many more there are. hint: in place of its own."""
    first, more = faults[0], len(faults) - 1
    what = first.what + (
        f"; and {more:,} more {'rows have a fault' if more > 1 else 'row has a fault'}" if more else ""
    )
    return LingyuError(what, first.where, hint or first.next)


def _aside(table: Table) -> str:
    return f"lingyu data import {table.source} sets such rows aside and keeps the others"
