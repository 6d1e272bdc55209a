"""The texts that an audit shows on its page, and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass

from .report import Check


@dataclass(frozen=True)
class Sample:
    """A finding with its texts. similarity and confidence: 0 to 1, None where the check has none."""

    part: str
    row: str
    text: str
    label: str
    other: str | None = None
    other_text: str | None = None
    other_label: str | None = None
    similarity: float | None = None
    confidence: float | None = None
    suggested_label: str | None = None


Samples = Mapping[Check, tuple[Sample, ...]]
"""The worst of each check first, a few dozen at the most."""
