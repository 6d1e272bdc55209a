"""Labelled rows: reading them from any source, splitting them without leaks, preparing known public sets."""

from .catalog import KNOWN, KnownSet
from .counts import Counts
from .getting import Prepared, get, known_set
from .loading import Part, Splits, load_splits
from .reading import PIPED_FORMATS, Row, find_file, is_hub_set, read_pipe, read_rows, read_table
from .tables import Table, TableRow

__all__ = [
    "KNOWN",
    "PIPED_FORMATS",
    "Counts",
    "KnownSet",
    "Part",
    "Prepared",
    "Row",
    "Splits",
    "Table",
    "TableRow",
    "find_file",
    "get",
    "is_hub_set",
    "known_set",
    "load_splits",
    "read_pipe",
    "read_rows",
    "read_table",
]
