"""ordinal: one label out of several that stand on a scale, such as stars.

CORN: for each label but the last, a logit of whether the truth lies above it, given that it lies not below. Learnt each
on the rows of which that is asked, so the probabilities of lying above fall along the scale by construction.
Source: Shi, Cao, Raschka 2021, Deep Neural Networks for Rank-Consistent Ordinal Regression Based on Conditional
Probabilities (arXiv 2111.08851), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from .answers import OrdinalAnswer
from .arrays import IGNORED, Logits, Probabilities, Statistics, Targets
from .calibration import PLAIN, Calibration
from .counts import counts_of_one_label_a_row, label_counts, macro_f1, share, statistics_of
from .probabilities import sigmoid
from .task import NOTHING_ASKED, READS, Asked, Head
from .traits import Traits

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Ordinal:
    """labels: the scale, from its lower to its upper end; two or more."""

    labels: tuple[str, ...]

    name: ClassVar[str] = "ordinal"
    head: ClassVar[Head] = "row"
    primary: ClassVar[str] = "qwk"
    figures: ClassVar[tuple[str, ...]] = ("qwk", "mae", "accuracy", "macro_f1")
    traits: ClassVar[Traits] = Traits(
        labels_a_row="one",
        columns=("predicted_label", "probability", "expected"),
        in_python="label",
        of_any_text="It always answers with a step of its scale, the median, for a text of another domain too.",
        problem_type="multi_label_classification",  # yes or no for each step of the scale
        order_matters=True,
    )

    @property
    def output_names(self) -> tuple[str, ...]:
        return tuple(f">{label}" for label in self.labels[:-1])

    @property
    def num_outputs(self) -> int:
        return len(self.labels) - 1

    def loss(self, logits: Tensor, targets: Tensor, num_items: Tensor | int) -> Tensor:
        """Binary cross entropy of "above label k" over the rows that are not below it.

        logits: (rows, labels - 1), targets: (rows,) int64 with IGNORED for filling. Divided by rows, where the paper
        divides by the questions asked of all rows together: so pieces of a batch add up.
        """
        import torch
        from torch.nn import functional

        steps = torch.arange(self.num_outputs, device=logits.device)
        is_asked = targets[:, None] >= steps  # IGNORED is below every label
        is_above = (targets[:, None] > steps).float()
        each = functional.binary_cross_entropy_with_logits(logits.float(), is_above, reduction="none")
        return each.masked_fill(~is_asked, 0.0).sum() / num_items

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """Nothing: a temperature would move the median, and so change answers."""
        return PLAIN

    def probabilities(self, logits: Logits, calibration: Calibration) -> Probabilities:
        """(rows, labels - 1) logits -> (rows, labels), each row sums to 1."""
        above = np.cumprod(sigmoid(logits), axis=1)
        # before the lower end lies nothing, beyond the upper end nothing
        probabilities: Probabilities = -np.diff(above, axis=1, prepend=1.0, append=0.0)
        return probabilities

    def predictions(self, probabilities: Probabilities, calibration: Calibration) -> NDArray[np.int64]:
        """(rows, labels) -> (rows,): the median, the number of labels that the truth rather lies above than not."""
        above = probabilities[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
        return np.asarray((above > 0.5).sum(axis=1), dtype=np.int64)

    def statistics(self, predictions: Targets, targets: Targets) -> Statistics:
        """(rows, 3 * labels + 2): the counts of each label, then the steps from the truth, and their square."""
        steps = np.where(targets == IGNORED, 0, predictions - targets).astype(np.float64)
        counts = counts_of_one_label_a_row(predictions, targets, len(self.labels))
        return statistics_of(counts, np.abs(steps), steps**2)

    def figures_of(self, sums: Statistics) -> dict[str, NDArray[np.float64]]:
        """qwk: 1 - squared steps / those of answers dealt to rows at random (Cohen 1968); 0 where these are none."""
        counts = label_counts(sums, len(self.labels))
        rows = counts.true.sum(axis=-1)
        places = np.arange(len(self.labels))
        distances = (places[:, np.newaxis] - places) ** 2
        by_chance = share(((counts.true @ distances) * counts.predicted).sum(axis=-1), rows)
        return {
            "qwk": share(by_chance - sums[..., -1], by_chance),
            "mae": share(sums[..., -2], rows),
            "accuracy": share(counts.right.sum(axis=-1), rows),
            "macro_f1": macro_f1(counts),
        }

    def answer(
        self, probabilities: Probabilities, calibration: Calibration = PLAIN, asked: Asked = NOTHING_ASKED
    ) -> OrdinalAnswer:
        """The answer that (labels,) probabilities give. Thresholds are not for it: a median is never uncertain."""
        median = int(self.predictions(probabilities[np.newaxis], calibration)[0])
        return OrdinalAnswer(
            label=self.labels[median],
            probability=float(probabilities[median]),
            probabilities=dict(zip(self.labels, map(float, probabilities), strict=True)),
            expected=float(probabilities @ np.arange(1, len(self.labels) + 1)),
        )

    def gives(self, *, text_pair: bool) -> str:
        return f"gives {READS[text_pair]} one of the {len(self.labels)} steps of a scale"

    def of_logits(self, calibration: Calibration) -> str:
        return (
            "The probability of lying above a label is the product of the sigmoids of the logits up to its own (CORN), "
            "and the answer is the label that lies above as many labels as have one of more than 0.5."
        )
