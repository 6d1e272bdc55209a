"""How far an adapter's answers on the base in 4 bits, which it was trained on, are from those on the base it is for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lingyu.tasks import IGNORED, Calibration, Task, changed_rows, measured_on_dev

from .encoding import EncodedPart
from .quantizing import QUANT_TYPE


@dataclass(frozen=True)
class QuantizationGap:
    """On the rows of dev. changed_rows: those that get another answer; None for a number, which always changes.

    in_4_bits, in_full_precision: figures of the same adapter on the two bases.
    """

    rows: int
    largest_logit_difference: float
    changed_rows: int | None
    in_4_bits: dict[str, float]
    in_full_precision: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """As metrics.json keeps it."""
        return {
            "type": QUANT_TYPE,
            "dev_rows": self.rows,
            "largest_logit_difference": self.largest_logit_difference,
            "changed_rows": self.changed_rows,
            "dev_in_4_bits": self.in_4_bits,
            "dev_in_full_precision": self.in_full_precision,
        }

    @property
    def line(self) -> str:
        """For the log and the card."""
        changed = "" if self.changed_rows is None else f", {self.changed_rows:,} of {self.rows:,} rows change"
        figures = "; ".join(
            f"{name} {self.in_4_bits[name]:.4f} and {figure:.4f}" for name, figure in self.in_full_precision.items()
        )
        return (
            f"trained on a base in 4 bits ({QUANT_TYPE}), measured on the full-precision one that it is for: on dev "
            f"the logits differ by {self.largest_logit_difference:.2g} at most{changed}; in 4 bits and in full "
            f"precision {figures}"
        )


def quantization_gap(
    task: Task, dev: EncodedPart, in_4_bits: np.ndarray, in_full_precision: np.ndarray, calibration: Calibration
) -> QuantizationGap:
    """in_4_bits, in_full_precision: logits of dev. calibration: of the adapter as it is published."""
    return QuantizationGap(
        rows=len(dev.rows),
        largest_logit_difference=float(np.abs(in_4_bits - in_full_precision).max()),
        changed_rows=changed_rows(task, in_4_bits, in_full_precision, calibration, dev.targets != IGNORED),
        in_4_bits=measured_on_dev(task, in_4_bits, dev.targets),
        in_full_precision=measured_on_dev(task, in_full_precision, dev.targets),
    )
