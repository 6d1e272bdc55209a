"""Rows of a file as tests look at them: a text, a label, and where they stand."""

from typing import NamedTuple

from lingyu.data.reading import read_columns


class Row(NamedTuple):
    text: str
    label: str
    where: str


def read_rows(source: str, text: str, label: str | None = None, encoding: str = "utf-8") -> tuple[Row, ...]:
    """All rows of a source, in order; label is '' where none is asked for."""
    named = {"data.text": text} | ({} if label is None else {"data.label": label})
    cells = read_columns(source, named, encoding)
    labels = cells.columns.get("data.label", ("",) * len(cells.wheres))
    return tuple(map(Row, cells.columns["data.text"], labels, cells.wheres))
