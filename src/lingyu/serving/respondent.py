"""Who answers a row: one adapter, or an ensemble whose members have to agree on what they answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError, did_you_mean
from lingyu.store import Version, require_alike
from lingyu.tasks import TASKS, Asked, Calibration, Read, Result, no_threshold

if TYPE_CHECKING:  # whoever brings a resident brings torch; a wrong name is told before it is waited for
    from .engine import Resident

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """What one adapter made of a row. probabilities: of that row, as Task.probabilities gives them.

    read: what the tokens stand for, where it answers token by token.
    """

    probabilities: Probabilities
    truncated: bool
    read: Read | None = None


@dataclass(frozen=True)
class Respondent:
    """One adapter, or several that answer alike, whose probabilities are averaged.

    thresholds: label -> the probability below which the answer is `uncertain`; threshold: of every other label. In
    multi_label they are those from which on a label is given. where: the line of tenants.yaml that says so.
    """

    residents: tuple["Resident", ...]
    threshold: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    where: str | None = None

    def __post_init__(self) -> None:
        """Raises LingyuError for adapters that don't answer alike, and for a threshold of a label that is none."""
        first, *others = (resident.version for resident in self.residents)
        self._require_thresholds_have_labels(first)
        for other in others:
            require_alike(first.manifest, other.manifest, self.where)

    def answer(self, text: str, text_pair: str | None, said: Sequence[Said]) -> Result:
        """said: by each of the residents."""
        answer = self.residents[0].task.answer(
            self._mean([one.probabilities for one in said]),
            self._calibration(),
            Asked(self.threshold, self.thresholds, said[0].read),
        )
        version = "+".join(resident.version.reference for resident in self.residents)
        return Result(text, answer, version, any(one.truncated for one in said), text_pair)

    def _mean(self, probabilities: Sequence[Probabilities]) -> Probabilities:
        """Each in its own resident's order of labels; the mean in that of the first."""
        if len(probabilities) == 1:
            return probabilities[0]
        names = [_names(resident) for resident in self.residents]
        ordered = [
            row[..., [own.index(name) for name in names[0]]] if own else row
            for own, row in zip(names, probabilities, strict=True)
        ]
        mean: Probabilities = np.mean(ordered, axis=0)
        return mean

    def _calibration(self) -> Calibration:
        """The first one's; thresholds are averaged, as what they are held against is."""
        first = self.residents[0]
        if len(self.residents) == 1 or not any(resident.calibration.thresholds for resident in self.residents):
            return first.calibration
        rows = [
            dict(zip(resident.task.labels, resident.calibration.thresholds, strict=False))
            for resident in self.residents
        ]
        means = (float(np.mean([row.get(label, 0.5) for row in rows])) for label in first.task.labels)
        return first.calibration.model_copy(update={"thresholds": tuple(means)})

    def _require_thresholds_have_labels(self, first: Version) -> None:
        if not self.thresholds:
            return
        manifest = first.manifest
        if not TASKS[manifest.task].traits.takes_thresholds:
            raise no_threshold(first.reference, manifest.task, self.where)
        unknown = sorted(set(self.thresholds) - set(manifest.labels))
        if unknown:
            near = did_you_mean(unknown[0], manifest.labels)
            next_step = f"Did you mean `{near}`?" if near else f"It has {', '.join(manifest.labels[:5])}"
            raise LingyuError(f"{first.reference} has no label {unknown[0]!r:.60}", self.where, next_step)


def _names(resident: "Resident") -> tuple[str, ...]:
    """Of the last axis of its probabilities; none where it is a value."""
    task = resident.task
    return task.output_names if task.head == "token" else task.labels
