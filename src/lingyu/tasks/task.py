"""What every task answers to: training, evaluation and serving know a task by this alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError

from .arrays import Logits, Probabilities, Statistics, Targets
from .calibration import PLAIN, Calibration
from .traits import Traits

if TYPE_CHECKING:
    from torch import Tensor

    from .answers import TaskAnswer

Head = Literal["row", "token"]

READS = {False: "a text", True: "two texts, read together,"}
"""By whether it reads two."""


@dataclass(frozen=True)
class Read:
    """A text as the model read it. spans: (tokens, 2), the characters of each token, from and up to; 0, 0 for none."""

    text: str
    spans: NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """How a user wants a row answered. thresholds: of labels, a probability each; threshold: of all others, 0 for none.

    read: what was read, for a task that answers tokens.
    """

    threshold: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    read: Read | None = None

    def threshold_of(self, label: str, otherwise: float = 0.0) -> float:
        """The label's own, or that of all, or where none was asked for the one found by training."""
        return self.thresholds.get(label, self.threshold or otherwise)


NOTHING_ASKED = Asked()


class Task(Protocol):
    """What a head answers, from its loss to the answer. One object trains, measures and serves.

    name: as a recipe calls it. labels: as the recipe names them, empty for regression and preference. head: whether it
    answers once a row or once a token. output_names: of the logits. primary: the figure that chooses on dev, and that
    judges. figures: all of them, in the order in which tables show them; a list shows the first.
    """

    @property
    def name(self) -> str: ...
    @property
    def traits(self) -> Traits: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def head(self) -> Head: ...
    @property
    def output_names(self) -> tuple[str, ...]: ...
    @property
    def num_outputs(self) -> int: ...
    @property
    def primary(self) -> str: ...
    @property
    def figures(self) -> tuple[str, ...]: ...

    def loss(self, logits: Tensor, targets: Tensor, num_items: Tensor | int) -> Tensor:
        """Summed over the targets that are not IGNORED and divided by num_items, those of the whole optimiser step.

        So the pieces of a step's batch add up to its mean, however many processes and accumulation steps cut it.
        """

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """What dev decides beside the weights."""

    def probabilities(self, logits: Logits, calibration: Calibration) -> Probabilities:
        """What an ensemble averages; the first axis is the rows."""

    def predictions(self, probabilities: Probabilities, calibration: Calibration) -> Targets:
        """The answers in the form of Targets."""

    def statistics(self, predictions: Targets, targets: Targets) -> Statistics:
        """(rows, s): what the figures are computed from, once it is added up over rows."""

    def figures_of(self, sums: Statistics) -> dict[str, NDArray[np.float64]]:
        """(..., s) sums of statistics over rows, each as often as it was drawn -> each figure (...)."""

    def answer(
        self,
        probabilities: Probabilities,
        calibration: Calibration = PLAIN,
        asked: Asked = NOTHING_ASKED,
    ) -> TaskAnswer:
        """The answer to one row, from that row of probabilities."""

    def gives(self, *, text_pair: bool) -> str:
        """What it does, without a subject: `gives a text one of 3 labels`. text_pair: whether it reads two texts."""

    def of_logits(self, calibration: Calibration) -> str:
        """What becomes of the logits, in a sentence or two."""


def checked_probabilities(
    task: Task, logits: Logits, calibration: Calibration, reference: str
) -> Iterator[Probabilities | LingyuError]:
    """Each row's, or an error where finite weights gave it no finite numbers. reference: of the version."""
    with np.errstate(all="ignore"):  # said below
        probabilities = task.probabilities(logits, calibration)
    for row, answer in zip(logits, probabilities, strict=True):
        if np.isfinite(row).all() and np.isfinite(answer).all():
            yield answer
        else:
            what = "gives logits that are no finite numbers"
            yield LingyuError(what, reference, "Name another version, or train it again")


def measured(task: Task, probabilities: Probabilities, calibration: Calibration, targets: Targets) -> dict[str, float]:
    """Each figure of the task on these rows."""
    statistics = task.statistics(task.predictions(probabilities, calibration), targets)
    return {name: float(value) for name, value in task.figures_of(statistics.sum(axis=0)).items()}


def measured_on_dev(task: Task, logits: Logits, targets: Targets) -> dict[str, float]:
    """What dev is chosen by: the figures under the calibration that dev itself decides."""
    calibration = task.calibrate(logits, targets)
    return measured(task, task.probabilities(logits, calibration), calibration, targets)


def changed_rows(
    task: Task, ours: Logits, theirs: Logits, calibration: Calibration, counted: NDArray[np.bool_] | None = None
) -> int | None:
    """How many rows two models answer differently; None where an answer is a number, which always differs by a little.

    ours, theirs: as Task.probabilities takes them. counted: in the form of Targets, where a prediction matters.
    """
    if not task.labels and ours.shape[1] == 1:  # values, and scores of single replies
        return None
    mine, other = (task.predictions(task.probabilities(logits, calibration), calibration) for logits in (ours, theirs))
    differs = mine != other
    if counted is not None:
        differs &= counted
    return int(differs.reshape(len(differs), -1).any(axis=1).sum())
