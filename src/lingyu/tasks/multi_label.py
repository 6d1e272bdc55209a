"""multi_label: any number of labels for a text, none among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from .answers import MultiLabelAnswer
from .arrays import IGNORED, Logits, Probabilities, Statistics, Targets
from .calibration import PLAIN, Calibration
from .counts import LabelCounts, label_counts, macro_f1, micro_f1, share, statistics_of
from .probabilities import sigmoid
from .task import NOTHING_ASKED, READS, Asked, Head
from .traits import Traits

if TYPE_CHECKING:
    from torch import Tensor

_EVEN = 0.5


@dataclass(frozen=True)
class MultiLabel:
    """labels: names in the order of the logits. class_weights: a factor for each label's positive rows in the loss."""

    labels: tuple[str, ...]
    class_weights: tuple[float, ...] | None = None

    name: ClassVar[str] = "multi_label"
    head: ClassVar[Head] = "row"
    primary: ClassVar[str] = "macro_f1"
    figures: ClassVar[tuple[str, ...]] = ("macro_f1", "micro_f1", "exact_match")
    traits: ClassVar[Traits] = Traits(
        labels_a_row="any",
        columns=("predicted_labels",),
        in_python="answer.labels",
        of_any_text="It answers a text of another domain too; that a text has none of its labels is an answer as well.",
        problem_type="multi_label_classification",
        takes_thresholds=True,
    )

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.labels

    @property
    def num_outputs(self) -> int:
        return len(self.labels)

    def loss(self, logits: Tensor, targets: Tensor, num_items: Tensor | int) -> Tensor:
        """Binary cross entropy of each label. logits: (rows, labels), targets: (rows, labels) of 0, 1 and IGNORED.

        num_items counts pairs of a row and a label.
        """
        import torch
        from torch.nn import functional

        weight = None
        if self.class_weights is not None:
            weight = torch.tensor(self.class_weights, dtype=torch.float32, device=logits.device)
        counted = targets != IGNORED
        each = functional.binary_cross_entropy_with_logits(
            logits.float(), (targets == 1).float(), pos_weight=weight, reduction="none"
        )
        return each.masked_fill(~counted, 0.0).sum() / num_items

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """For each label the threshold of the best F1 on dev; 0.5 for a label that no row of dev has."""
        probabilities = self.probabilities(logits, PLAIN)
        return Calibration(
            thresholds=tuple(
                best_threshold(column[true != IGNORED], true[true != IGNORED] == 1)
                for column, true in zip(probabilities.T, targets.T, strict=True)
            )
        )

    def probabilities(self, logits: Logits, calibration: Calibration) -> Probabilities:
        """(rows, labels) -> the same shape, each between 0 and 1."""
        return sigmoid(logits)

    def predictions(self, probabilities: Probabilities, calibration: Calibration) -> NDArray[np.int64]:
        """(rows, labels) of 0 and 1: which labels reach their threshold."""
        return (probabilities >= self._thresholds(calibration)).astype(np.int64)

    def statistics(self, predictions: Targets, targets: Targets) -> Statistics:
        """(rows, 3 * labels + 2): the counts of each label, whether the row is right as a whole, and 1 for the row.

        A row with nothing but IGNORED has zeros throughout.
        """
        counted = targets != IGNORED
        true, predicted = (targets == 1) & counted, (predictions == 1) & counted
        is_row = counted.any(axis=1)
        is_exact = ((true == predicted) | ~counted).all(axis=1) & is_row
        counts = LabelCounts(*(each.astype(np.float64) for each in (true & predicted, predicted, true)))
        return statistics_of(counts, is_exact.astype(np.float64), is_row.astype(np.float64))

    def figures_of(self, sums: Statistics) -> dict[str, NDArray[np.float64]]:
        counts = label_counts(sums, len(self.labels))
        return {
            "macro_f1": macro_f1(counts),
            "micro_f1": micro_f1(counts),
            "exact_match": share(sums[..., -2], sums[..., -1]),
        }

    def answer(
        self, probabilities: Probabilities, calibration: Calibration = PLAIN, asked: Asked = NOTHING_ASKED
    ) -> MultiLabelAnswer:
        """The answer that (labels,) probabilities give. A user's own threshold stands in place of the one from dev."""
        named = dict(zip(self.labels, map(float, probabilities), strict=True))
        given = (
            label
            for label, found in zip(self.labels, self._thresholds(calibration), strict=True)
            if named[label] >= asked.threshold_of(label, found)
        )
        return MultiLabelAnswer(tuple(given), named)

    def gives(self, *, text_pair: bool) -> str:
        return f"gives {READS[text_pair]} any number of {len(self.labels)} labels, none among them"

    def of_logits(self, calibration: Calibration) -> str:
        limits = ", ".join(f"{limit:.4f}" for limit in self._thresholds(calibration))
        return (
            "Probabilities are the sigmoid of each logit. A label is given from its own probability on, in their "
            f"order: {limits}."
        )

    def _thresholds(self, calibration: Calibration) -> tuple[float, ...]:
        return calibration.thresholds or (_EVEN,) * len(self.labels)


def best_threshold(probabilities: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """The threshold t by which `probability >= t` has the highest F1, and of those the nearest to 0.5.

    probabilities, true: (rows,). Tried are 0.5 and what lies midway between neighbouring probabilities, so that dev's
    own rows stand at none of them. 0.5 where no row is true, or a probability is not finite.
    """
    if not true.any() or not np.isfinite(probabilities).all():
        return _EVEN
    values = np.unique(probabilities)
    below = np.concatenate([[0.0], values[:-1]])
    tried = np.unique(np.append((below + values) / 2, _EVEN))
    order = np.argsort(probabilities)
    first = np.searchsorted(probabilities[order], tried)  # of the sorted rows, the first that reaches the threshold
    right = np.append(np.cumsum(true[order][::-1])[::-1], 0)[first]
    f1 = 2 * right / (len(true) - first + true.sum())
    best = tried[f1 == f1.max()]
    return float(best[np.argmin(np.abs(best - _EVEN))])
