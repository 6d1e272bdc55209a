"""What became of the paragraphs: sums that are made batch by batch, in whatever process, and must add up."""

from collections import Counter
from dataclasses import dataclass, field

from .excluding import LEVELS, Touches

REPEATS = "repeats"
"""Why a paragraph is removed that was kept before."""


@dataclass
class Tally:
    """read, undecodable: paragraphs by the source's place. removed: by reason. characters: of those kept.

    touched: by the excluded set's place and the level, as in LEVELS; a paragraph that touches two sets counts in both.
    """

    read: Counter[int] = field(default_factory=Counter)
    undecodable: Counter[int] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    touched: dict[int, Counter[str]] = field(default_factory=dict)
    kept: int = 0
    characters: int = 0

    def add(self, other: "Tally") -> None:
        self.read.update(other.read)
        self.undecodable.update(other.undecodable)
        self.removed.update(other.removed)
        for number, levels in other.touched.items():
            self.touched.setdefault(number, Counter()).update(levels)
        self.kept += other.kept
        self.characters += other.characters

    def count_touches(self, touches: Touches) -> None:
        for number, levels in enumerate(touches):
            for level, name in enumerate(LEVELS, 1):
                if rows := int((levels == level).sum()):
                    self.touched.setdefault(number, Counter())[name] += rows
