"""A figure with its interval, and what a difference of figures says: the card and the terminal judge alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

from lingyu.recipe import FIGURES
from lingyu.tasks import Task

Judgement = Literal["better", "worse", "mixed", "noise"]


class IntervalJson(TypedDict):
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Interval:
    """A figure of the test and the percentile interval that holds it in 95 of 100 test sets like this one.

    Shares as such: 0.88 is 88 %.
    """

    value: float
    low: float
    high: float

    def as_json(self) -> IntervalJson:
        return {"value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def in_points(self) -> str:
        """Of a difference: in percentage points, `+2.1 points [0.9, 3.4]`."""
        value, low, high = (100 * part for part in (self.value, self.low, self.high))
        return f"{value:+.1f} points [{low:.1f}, {high:.1f}]"

    @property
    def judgement(self) -> Judgement:
        """Of a difference: better or worse where the interval leaves out 0, else noise."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "noise"


def judgement_of(figure: str, difference: Interval) -> Judgement:
    """What a difference of a figure says; of an error less is better."""
    if FIGURES[figure].lower_is_better:
        return Interval(-difference.value, -difference.high, -difference.low).judgement
    return difference.judgement


def judgement_by(task: Task, differences: Mapping[str, Interval]) -> Judgement:
    """What the task's primary figure says; mixed where the figure that lists show says the opposite."""
    judged, shown = (judgement_of(figure, differences[figure]) for figure in (task.primary, task.figures[0]))
    return "mixed" if {judged, shown} == {"better", "worse"} else judged
