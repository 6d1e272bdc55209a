"""Labelled rows: importing, cleaning, auditing and splitting them; corpora of raw text; known public sets.

What only the tools need is imported when it is asked for: training and answering do not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .catalog import KNOWN, KnownSet
from .counts import Counts
from .getting import Prepared, get, known_set
from .loading import Part, Splits, load_splits
from .reading import PIPED_FORMATS, Row, find_file, is_hub_set, read_pipe, read_rows, read_table
from .tables import Table, TableRow

if TYPE_CHECKING:
    from .near import NEAR as NEAR
    from .near import NearIndex as NearIndex
    from .near import Nearness as Nearness
    from .near import NearPairs as NearPairs
    from .near import near_groups as near_groups
    from .near import near_pairs as near_pairs

_PLACES = {
    "near": ("NEAR", "NearIndex", "NearPairs", "Nearness", "near_groups", "near_pairs"),
}
"""Module -> what it gives when it is asked for."""

__all__ = [
    "KNOWN",
    "NEAR",
    "PIPED_FORMATS",
    "Counts",
    "KnownSet",
    "NearIndex",
    "NearPairs",
    "Nearness",
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
    "near_groups",
    "near_pairs",
    "read_pipe",
    "read_rows",
    "read_table",
]


def __getattr__(name: str) -> object:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
