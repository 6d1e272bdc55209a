"""A row that a check found, before it becomes a line of the report or a sample of the page."""

from dataclasses import dataclass
from typing import Literal

from ..row_hashes import as_hexadecimal
from .report import Check, Finding
from .rows import Rows
from .samples import Sample

Suggestion = Literal["keep", "drop", "relabel"]
Depth = Literal["exact", "same", "near"]

TRAIN = "train"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A row of another data set; text and label are None where only its hash is known."""

    where: str
    text: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """row, other: places in Rows. other: a row of another data set, where the check looks beyond the parts."""

    check: Check
    row: int
    suggestion: Suggestion
    level: Depth | None = None
    other: int | Elsewhere | None = None
    similarity: float | None = None
    confidence: float | None = None
    suggested_label: str | None = None


def in_training(rows: Rows, row: int) -> bool:
    """Whether a suggestion may change the row for what it is itself: what is measured on stays as it was given, and is
    only shown. (A row of dev may go where it stands in test; see crossings.)"""
    return rows.parts[int(rows.part[row])].name == TRAIN


def as_finding(rows: Rows, found: Found) -> Finding:
    other = _other(rows, found)
    return Finding(
        check=found.check,
        level=found.level,
        part=rows.parts[int(rows.part[found.row])].name,
        row=rows.wheres[found.row],
        text_hash=as_hexadecimal(int(rows.hashes[found.row])),
        label=rows.label(found.row),
        other=None if other is None else other.where,
        other_label=None if other is None else other.label,
        similarity=found.similarity,
        confidence=found.confidence,
        suggestion=found.suggestion,
        suggested_label=found.suggested_label,
    )


def as_sample(rows: Rows, found: Found) -> Sample:
    other = _other(rows, found)
    return Sample(
        part=rows.parts[int(rows.part[found.row])].name,
        row=rows.wheres[found.row],
        text=rows.texts[found.row],
        label=rows.label(found.row),
        other=None if other is None else other.where,
        other_text=None if other is None else other.text,
        other_label=None if other is None else other.label,
        similarity=found.similarity,
        confidence=found.confidence,
        suggested_label=found.suggested_label,
    )


def _other(rows: Rows, found: Found) -> Elsewhere | None:
    if isinstance(found.other, int):
        return Elsewhere(rows.wheres[found.other], rows.texts[found.other], rows.label(found.other))
    return found.other
