"""single_label: one label out of several for a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

# torch and the metrics are imported by those who train and measure: a graph answers without them

UNCERTAIN = "uncertain"
_NONE: Mapping[str, float] = MappingProxyType({})
IGNORED = -100  # the label of a row that only fills up a piece of a batch: no loss, and not counted


@dataclass(frozen=True)
class Answer:
    """label: the most probable one, or `uncertain` where its probability is below the threshold asked for."""

    label: str
    probability: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class SingleLabel:
    """labels: names in the order of the logits.

    class_weights: a factor for each label's rows in the loss. label_smoothing_factor: share of the target that is
    spread evenly.
    """

    labels: tuple[str, ...]
    class_weights: tuple[float, ...] | None = None
    label_smoothing_factor: float = 0.0

    @property
    def num_outputs(self) -> int:
        return len(self.labels)

    def loss(self, logits: Tensor, labels: Tensor, num_items: Tensor | int) -> Tensor:
        """Cross entropy summed over the rows and divided by num_items, the rows of the whole optimiser step.

        So the pieces of a step's batch add up to its mean, however many processes and accumulation steps cut it.
        logits: (rows, labels), labels: (rows,) int64 with IGNORED for filling.
        """
        import torch
        from torch.nn import functional

        weight = None
        if self.class_weights is not None:
            weight = torch.tensor(self.class_weights, dtype=torch.float32, device=logits.device)
        total = functional.cross_entropy(
            logits.float(),
            labels,
            weight=weight,
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.label_smoothing_factor,
        )
        return total / num_items

    def choosing_metrics(self, logits: NDArray[np.floating], labels: NDArray[np.int64]) -> dict[str, float]:
        """What dev is chosen by."""
        from .metrics import Accuracy, MacroF1

        predictions = self.predictions(logits)
        return {
            **Accuracy().compute(predictions=predictions, references=labels),
            **MacroF1().compute(predictions=predictions, references=labels),
        }

    @staticmethod
    def predictions(logits: NDArray[np.floating]) -> NDArray[np.int64]:
        """(rows, labels) -> (rows,): the index of the largest logit."""
        return np.asarray(logits.argmax(axis=1), dtype=np.int64)

    @staticmethod
    def probabilities(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
        """(rows, labels) -> the same shape, each row sums to 1. temperature: the calibration stored with an adapter."""
        scaled = np.asarray(logits, dtype=np.float64) / temperature
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return probabilities

    def decode(
        self,
        logits: NDArray[np.floating],
        *,
        temperature: float = 1.0,
        threshold: float = 0.0,
        thresholds: Mapping[str, float] = _NONE,
    ) -> list[Answer]:
        """An answer a row of (rows, labels) logits. threshold: of every label that has none in thresholds."""
        probabilities = self.probabilities(logits, temperature)
        return [self.answer(row, threshold=threshold, thresholds=thresholds) for row in probabilities]

    def answer(
        self, probabilities: NDArray[np.float64], *, threshold: float = 0.0, thresholds: Mapping[str, float] = _NONE
    ) -> Answer:
        """The answer that (labels,) probabilities give."""
        best = int(probabilities.argmax())
        label, probability = self.labels[best], float(probabilities[best])
        return Answer(
            label=label if probability >= thresholds.get(label, threshold) else UNCERTAIN,
            probability=probability,
            probabilities=dict(zip(self.labels, map(float, probabilities), strict=True)),
        )


def balanced_class_weights(labels: NDArray[np.int64], num_labels: int) -> tuple[float, ...]:
    """rows / (labels * rows of the label), scikit-learn's `balanced`; 1 for a label without rows."""
    counts = np.bincount(labels, minlength=num_labels)
    return tuple(float(len(labels) / (num_labels * count)) if count else 1.0 for count in counts)


def class_weights_of(
    setting: str | dict[str, float] | None, labels: Sequence[str], train_labels: NDArray[np.int64]
) -> tuple[float, ...] | None:
    """train.class_weights of a recipe as a factor a label, in the order of the logits."""
    if setting is None:
        return None
    if isinstance(setting, dict):
        return tuple(setting.get(label, 1.0) for label in labels)
    return balanced_class_weights(train_labels, len(labels))
