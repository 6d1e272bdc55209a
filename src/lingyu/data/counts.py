"""What became of the rows that were read: a sum that must add up, and notes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

Rows = Annotated[int, Field(ge=0)]

EMPTY: Final = "empty"
NO_LABELS: Final = "no labels"
EQUAL_REPLIES: Final = "equal replies"
TWO_LABELS: Final = "two labels"
BOTH_ORDERS: Final = "both orders"
LEAKED: Final = "test texts in train"
DEV_LEAKED: Final = "dev texts in train"
CHOSEN_BY: Final = "test texts in dev"
BEYOND: Final = "beyond max_train_samples"
"""Why rows are left out, as counts name it."""


@dataclass(frozen=True)
class Counts:
    """read: rows by what was read. dropped: rows by reason. kept: rows by part. read = dropped + kept, always.

    dropped_of: by what was read, those of dropped that went as it was read.
    """

    read: Mapping[str, int]
    dropped: Mapping[str, int]
    kept: Mapping[str, int]
    notes: tuple[str, ...] = field(default=())
    dropped_of: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.rows_read == sum(self.dropped.values()) + self.rows_kept, f"rows got lost: {self}"

    @property
    def rows_read(self) -> int:
        return sum(self.read.values())

    @property
    def rows_kept(self) -> int:
        return sum(self.kept.values())

    def lines(self) -> tuple[str, ...]:
        """For the terminal: `kept 9,260 of 9,600 rows    empty 12    two labels 34`, the parts, and the notes."""
        dropped = [f"{reason} {rows:,}" for reason, rows in self.dropped.items() if rows]
        first = "    ".join([f"kept {self.rows_kept:,} of {self.rows_read:,} rows", *dropped])
        parts = ["    ".join(f"{part} {rows:,}" for part, rows in self.kept.items())] if len(self.kept) > 1 else []
        return (first, *parts, *(f"note: {note}" for note in self.notes))

    def as_json(self) -> dict[str, object]:
        return {
            "read": dict(self.read),
            "dropped": dict(self.dropped),
            "kept": dict(self.kept),
            "notes": list(self.notes),
        }


class Tally:
    """Counts in the making."""

    def __init__(self, *reasons: str) -> None:
        """reasons: those that counts show first, and where no row was left out for them too."""
        self.read: dict[str, int] = {}
        self.dropped_of: dict[str, dict[str, int]] = {}
        self.dropped = dict.fromkeys(reasons, 0)
        self.notes: list[str] = []

    def drop(self, reason: str, rows: int) -> None:
        if rows:
            self.dropped[reason] = self.dropped.get(reason, 0) + rows

    def note(self, rows: int, what: str) -> None:
        if rows:
            self.notes.append(f"{what}: {rows:,}")

    def counts(self, kept: Mapping[str, int]) -> Counts:
        return Counts(self.read, self.dropped, kept, tuple(self.notes), self.dropped_of)


class StoredCounts(BaseModel):
    """Counts as a manifest holds them."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    read: dict[str, Rows]
    dropped: dict[str, Rows]
    kept: dict[str, Rows]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, counts: Counts) -> "StoredCounts":
        return cls(read=dict(counts.read), dropped=dict(counts.dropped), kept=dict(counts.kept), notes=counts.notes)
