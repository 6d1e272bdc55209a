"""The answer of each task to one row: as JSON, as a line for people, as the cells that a table gains."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]
_DIGITS = 6  # of a figure in a table's cell

UNCERTAIN = "uncertain"


class TaskAnswer(Protocol):
    """What every answer can do, whatever the task."""

    def as_json(self) -> dict[str, JSON]:
        """Its keys in the order that they are written in."""

    @property
    def line(self) -> str:
        """For a person, on one line, without the text."""

    @property
    def cells(self) -> dict[str, JSON]:
        """Column -> value: what a table of texts gains. A list stands as its JSON in a table that has none (csv)."""


@dataclass(frozen=True)
class Answer:
    """single_label's. label: the most probable one, or `uncertain` where its probability is below the threshold asked
    for. probabilities: in label order.
    """

    label: str
    probability: float
    probabilities: dict[str, float]

    def as_json(self) -> dict[str, JSON]:
        return {"label": self.label, "probability": self.probability, "probabilities": self.probabilities}

    @property
    def line(self) -> str:
        return f"{on_one_line(self.label)}\t{self.probability:.3f}"

    @property
    def cells(self) -> dict[str, JSON]:
        return {"predicted_label": self.label, "probability": round(self.probability, _DIGITS)}


@dataclass(frozen=True)
class MultiLabelAnswer:
    """labels: those whose probability reaches their threshold, in label order; perhaps none.

    probabilities: of every label, in label order; each is between 0 and 1, and they need not sum to 1.
    """

    labels: tuple[str, ...]
    probabilities: dict[str, float]

    def as_json(self) -> dict[str, JSON]:
        return {"labels": list(self.labels), "probabilities": self.probabilities}

    @property
    def line(self) -> str:
        return ", ".join(f"{on_one_line(label)} {self.probabilities[label]:.3f}" for label in self.labels) or "-"

    @property
    def cells(self) -> dict[str, JSON]:
        return {"predicted_labels": list(self.labels)}


@dataclass(frozen=True)
class OrdinalAnswer:
    """label: the median of the scale, so that the true place is as likely above as below. probability: of that label.

    expected: the mean place on the scale, counted from 1: for 1星 to 5星 the mean number of stars.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    expected: float

    def as_json(self) -> dict[str, JSON]:
        return {
            "label": self.label,
            "probability": self.probability,
            "probabilities": self.probabilities,
            "expected": self.expected,
        }

    @property
    def line(self) -> str:
        return f"{on_one_line(self.label)}\t{self.probability:.3f}\t{self.expected:.2f} of {len(self.probabilities)}"

    @property
    def cells(self) -> dict[str, JSON]:
        return {
            "predicted_label": self.label,
            "probability": round(self.probability, _DIGITS),
            "expected": round(self.expected, _DIGITS),
        }


@dataclass(frozen=True)
class Entity:
    """start, end: characters of the text, from and up to. probability: the mean of its tokens' probabilities."""

    start: int
    end: int
    label: str
    text: str
    probability: float

    @property
    def line(self) -> str:
        """品牌 兰蔻 3:5 0.987: the place as Python cuts the text by it."""
        return f"{on_one_line(self.label)} {on_one_line(self.text)} {self.start}:{self.end} {self.probability:.3f}"


@dataclass(frozen=True)
class EntitiesAnswer:
    """token's: the entities in the order of the text; they don't overlap."""

    entities: tuple[Entity, ...]

    def as_json(self) -> dict[str, JSON]:
        return {"entities": [asdict(entity) for entity in self.entities]}

    @property
    def line(self) -> str:
        return ", ".join(one.line for one in self.entities) or "-"

    @property
    def cells(self) -> dict[str, JSON]:
        return self.as_json()


@dataclass(frozen=True)
class ValueAnswer:
    """regression's, in the unit of the data."""

    value: float

    def as_json(self) -> dict[str, JSON]:
        return {"value": self.value}

    @property
    def line(self) -> str:
        return f"{self.value:.3f}"

    @property
    def cells(self) -> dict[str, JSON]:
        return {"value": round(self.value, _DIGITS)}


@dataclass(frozen=True)
class ScoreAnswer:
    """preference's: of two replies to one context the better one has the higher score. Alone it means nothing."""

    score: float

    def as_json(self) -> dict[str, JSON]:
        return {"score": self.score}

    @property
    def line(self) -> str:
        return f"{self.score:+.3f}"

    @property
    def cells(self) -> dict[str, JSON]:
        return {"score": round(self.score, _DIGITS)}


def on_one_line(text: str) -> str:
    """The text without line ends, and without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else " " for char in text)
