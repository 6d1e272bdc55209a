"""regression: a number for a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from .answers import ValueAnswer
from .arrays import IGNORED, Logits, Probabilities, Statistics, Targets
from .calibration import PLAIN, Calibration
from .counts import share
from .task import NOTHING_ASKED, READS, Asked, Head
from .traits import Traits

if TYPE_CHECKING:
    from torch import Tensor

# A variance below this share of the mean square is rounding: of a constant
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Regression:
    """offset, scale: mean and standard deviation of train's targets; the head learns (target - offset) / scale.

    Figures are measured about the offset too. Any will do that is near the mean and the same for all that is compared.
    """

    labels: tuple[str, ...] = ()
    offset: float = 0.0
    scale: float = 1.0

    name: ClassVar[str] = "regression"
    head: ClassVar[Head] = "row"
    primary: ClassVar[str] = "pearson"
    figures: ClassVar[tuple[str, ...]] = ("pearson", "mae", "rmse")
    traits: ClassVar[Traits] = Traits(
        labels_a_row="none",
        columns=("value",),
        in_python="answer.value",
        of_any_text="It always answers with a number, for a text of another domain too.",
        problem_type="regression",
        answers_number=True,
    )
    output_names: ClassVar[tuple[str, ...]] = ("value",)
    num_outputs: ClassVar[int] = 1

    @classmethod
    def fitted(cls, train_targets: Targets) -> Regression:
        """For targets like these (rows,). A single value that all rows share is learnt as it stands."""
        values = np.asarray(train_targets, dtype=np.float64)
        varies = values.min() < values.max()
        return cls(offset=float(values.mean()), scale=float(values.std()) if varies else 1.0)

    def loss(self, logits: Tensor, targets: Tensor, num_items: Tensor | int) -> Tensor:
        """Smooth L1 (Huber's) on standardised targets. logits: (rows, 1), targets: (rows,) with IGNORED for filling.

        Not the squared error: a mistyped target, 45 for 4.5, lies many deviations out, and its square would rule the
        step. Within one deviation it is the squared error, halved.
        """
        from torch.nn import functional

        counted = targets != IGNORED
        standardised = (targets[counted].float() - self.offset) / self.scale
        return functional.smooth_l1_loss(logits[counted, 0].float(), standardised, reduction="sum") / num_items

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """What the head learnt by, of train: dev has no say in it."""
        return Calibration(offset=self.offset, scale=self.scale)

    def probabilities(self, logits: Logits, calibration: Calibration) -> Probabilities:
        """(rows, 1): the values, in the unit of the data."""
        return calibration.offset + calibration.scale * np.asarray(logits, dtype=np.float64)

    def predictions(self, probabilities: Probabilities, calibration: Calibration) -> NDArray[np.float32]:
        """(rows, 1) -> (rows,)"""
        return np.asarray(probabilities[:, 0], dtype=np.float32)

    def statistics(self, predictions: Targets, targets: Targets) -> Statistics:
        """(rows, 8): 1, |error|, error², and the moments p, t, p², t², p * t about the offset.

        About 0 the squares of values far from it would leave no digits for their variance.
        """
        p, t = (np.asarray(values, dtype=np.float64) - self.offset for values in (predictions, targets))
        columns = np.stack([np.ones_like(t), np.abs(p - t), (p - t) ** 2, p, t, p**2, t**2, p * t], axis=1)
        return np.where((targets != IGNORED)[:, np.newaxis], columns, 0.0)

    def figures_of(self, sums: Statistics) -> dict[str, NDArray[np.float64]]:
        """pearson is 0 where the truth or the answers do not vary."""
        absolute, squared, *moments = (share(sums[..., n], sums[..., 0]) for n in range(1, 8))
        return {"pearson": _pearson(*moments), "mae": absolute, "rmse": np.sqrt(squared)}

    def answer(
        self, probabilities: Probabilities, calibration: Calibration = PLAIN, asked: Asked = NOTHING_ASKED
    ) -> ValueAnswer:
        """The answer that the (1,) value gives. Thresholds are not for it."""
        return ValueAnswer(float(probabilities[0]))

    def gives(self, *, text_pair: bool) -> str:
        return f"gives {READS[text_pair]} a number"

    def of_logits(self, calibration: Calibration) -> str:
        return f"The number is {calibration.offset:.6g} + {calibration.scale:.6g} times the logit."


def _pearson(
    p: NDArray[np.float64],
    t: NDArray[np.float64],
    pp: NDArray[np.float64],
    tt: NDArray[np.float64],
    pt: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The correlation, from the means of p, t, their squares and their product."""
    variance_p, variance_t = pp - p**2, tt - t**2
    varies = (variance_p > _ROUNDING * pp) & (variance_t > _ROUNDING * tt)
    deviations = np.sqrt(np.where(varies, variance_p * variance_t, 0.0))
    return np.clip(share(pt - p * t, deviations), -1.0, 1.0)


def regression_targets(values: Targets) -> NDArray[np.float32]:
    """Values as targets. One of exactly -100, which would read as IGNORED, becomes the float next to it."""
    targets = np.asarray(values, dtype=np.float32)
    beside = np.nextafter(np.float32(IGNORED), np.float32(0))
    return np.where(targets == IGNORED, beside, targets)
