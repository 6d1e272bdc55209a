"""single_label: one label out of several for a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from .answers import UNCERTAIN, Answer
from .arrays import IGNORED, Logits, Probabilities, Statistics, Targets
from .calibration import PLAIN, Calibration
from .counts import counts_of_one_label_a_row, label_counts, macro_f1, share, statistics_of
from .probabilities import softmax
from .task import NOTHING_ASKED, READS, Asked, Head
from .temperature import fit_temperature
from .traits import Traits

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SingleLabel:
    """labels: names in the order of the logits.

    class_weights: a factor for each label's rows in the loss. label_smoothing_factor: share of the target that is
    spread evenly.
    """

    labels: tuple[str, ...]
    class_weights: tuple[float, ...] | None = None
    label_smoothing_factor: float = 0.0

    name: ClassVar[str] = "single_label"
    head: ClassVar[Head] = "row"
    primary: ClassVar[str] = "macro_f1"
    figures: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    traits: ClassVar[Traits] = Traits(
        labels_a_row="one",
        columns=("predicted_label", "probability"),
        in_python="label",
        of_any_text="It always answers with one of its labels, for a text of another domain too; "
        "`--threshold` has it say `uncertain` instead.",
        problem_type="single_label_classification",
        has_temperature=True,
        takes_thresholds=True,
    )

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.labels

    @property
    def num_outputs(self) -> int:
        return len(self.labels)

    def loss(self, logits: Tensor, targets: Tensor, num_items: Tensor | int) -> Tensor:
        """Cross entropy. logits: (rows, labels), targets: (rows,) int64 with IGNORED for filling."""
        import torch
        from torch.nn import functional

        weight = None
        if self.class_weights is not None:
            weight = torch.tensor(self.class_weights, dtype=torch.float32, device=logits.device)
        total = functional.cross_entropy(
            logits.float(),
            targets,
            weight=weight,
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.label_smoothing_factor,
        )
        return total / num_items

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """The temperature; no answer changes by it."""
        counted = targets != IGNORED
        return Calibration(temperature=fit_temperature(logits[counted], targets[counted]))

    def probabilities(self, logits: Logits, calibration: Calibration) -> Probabilities:
        """(rows, labels) -> the same shape, each row sums to 1."""
        return softmax(logits, calibration.temperature)

    def predictions(self, probabilities: Probabilities, calibration: Calibration) -> NDArray[np.int64]:
        """(rows, labels) -> (rows,): the index of the largest."""
        return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)

    def statistics(self, predictions: Targets, targets: Targets) -> Statistics:
        """(rows, 3 * labels): the counts of each label."""
        return statistics_of(counts_of_one_label_a_row(predictions, targets, len(self.labels)))

    def figures_of(self, sums: Statistics) -> dict[str, NDArray[np.float64]]:
        counts = label_counts(sums, len(self.labels))
        return {
            "accuracy": share(counts.right.sum(axis=-1), counts.true.sum(axis=-1)),
            "macro_f1": macro_f1(counts),
        }

    def answer(
        self, probabilities: Probabilities, calibration: Calibration = PLAIN, asked: Asked = NOTHING_ASKED
    ) -> Answer:
        """The answer that (labels,) probabilities give; `uncertain` where the best one is below its threshold."""
        best = int(probabilities.argmax())
        label, probability = self.labels[best], float(probabilities[best])
        return Answer(
            label=label if probability >= asked.threshold_of(label) else UNCERTAIN,
            probability=probability,
            probabilities=dict(zip(self.labels, map(float, probabilities), strict=True)),
        )

    def gives(self, *, text_pair: bool) -> str:
        return f"gives {READS[text_pair]} one of {len(self.labels)} labels"

    def of_logits(self, calibration: Calibration) -> str:
        return f"Probabilities are the softmax of the logits divided by {calibration.temperature:.4f}."
