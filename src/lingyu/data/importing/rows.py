"""What an import reads, whatever it reads from: rows, and in their places what could not be read."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

UNDECODABLE = "does not decode"
UNPARSABLE = "does not parse"


@dataclass(frozen=True, slots=True)
class Read:
    """A row. repaired: how many of its bytes were of no character; U+FFFD stands for each. nulls: columns with nothing,
    which no empty text is."""

    cells: dict[str, str]
    repaired: int = 0
    nulls: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row or file that is set aside with all that stands there.

    kind: UNDECODABLE or UNPARSABLE. line: on which it begins; None of a file of its own. byte: the first bad one, from
    the beginning of the row or file; None where none is. raw: its bytes; of xlsx and parquet, its cells as JSON.
    """

    name: str
    kind: str
    reason: str
    raw: bytes
    line: int | None = None
    byte: int | None = None

    def as_json(self) -> dict[str, object]:
        """raw as base64, and for reading as text, with escapes for what is none."""
        return {
            "name": self.name,
            "line": self.line,
            "byte": self.byte,
            "reason": self.reason,
            "raw": base64.b64encode(self.raw).decode("ascii"),
            "shown": self.raw.decode("utf-8", "backslashreplace"),
        }


@dataclass(frozen=True)
class EncodingUse:
    """An encoding that something was read in. files: how many texts of a folder; 1 for a table."""

    name: str
    how: str
    files: int = 1


@dataclass(frozen=True)
class Opened:
    """A source whose rows are read as they are asked for, once.

    encodings, notes: what there is to say of it, after its rows were read.
    progress: (how much of it was read, of how much).
    """

    name: str
    columns: tuple[str, ...]
    rows: Iterator[Read | Quarantined]
    encodings: Callable[[], tuple[EncodingUse, ...]]
    notes: Callable[[], tuple[str, ...]]
    progress: Callable[[], tuple[int, int]]
    skipped: Mapping[str, int]
