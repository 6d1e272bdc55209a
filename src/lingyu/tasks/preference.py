"""preference: a score by which of two replies to one context the better one is higher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from .answers import ScoreAnswer
from .arrays import IGNORED, Logits, Probabilities, Statistics, Targets
from .calibration import PLAIN, Calibration
from .counts import share
from .task import NOTHING_ASKED, Asked, Head
from .traits import Traits

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Preference:
    """A row is a pair of replies. The head gives one score a reply; both replies of a pair are read alone."""

    labels: tuple[str, ...] = ()

    name: ClassVar[str] = "preference"
    head: ClassVar[Head] = "row"
    primary: ClassVar[str] = "accuracy"
    figures: ClassVar[tuple[str, ...]] = ("accuracy",)
    traits: ClassVar[Traits] = Traits(
        truncation_side="left",  # the last turns of a context are what a reply answers
        labels_a_row="none",
        columns=("score",),
        in_python="answer.score",
        of_any_text="A score says nothing alone: only scores of replies to one context can be compared.",
        problem_type="regression",
        compares_replies=True,
    )
    output_names: ClassVar[tuple[str, ...]] = ("score",)
    num_outputs: ClassVar[int] = 1

    def loss(self, logits: Tensor, targets: Tensor, num_items: Tensor | int) -> Tensor:
        """-log sigmoid(chosen - rejected), Bradley and Terry's likelihood of the choice.

        logits: (2 * pairs, 1), the chosen replies first, then in the same order the rejected. targets: (pairs,) of 0,
        and IGNORED for filling.
        """
        from torch.nn import functional

        chosen, rejected = logits.float().reshape(2, -1)
        counted = targets != IGNORED
        return -functional.logsigmoid(chosen - rejected)[counted].sum() / num_items

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """Nothing: only the order of two scores means something."""
        return PLAIN

    def probabilities(self, logits: Logits, calibration: Calibration) -> Probabilities:
        """The scores as they are: (rows, 1) of replies, or (pairs, 2) of chosen and rejected ones."""
        return np.asarray(logits, dtype=np.float64)

    def predictions(self, probabilities: Probabilities, calibration: Calibration) -> NDArray[np.int64]:
        """(pairs, 2) -> (pairs,): 0 where the first reply's score is the higher one. A tie is no preference: 1."""
        assert probabilities.shape[1] == 2, f"scores {probabilities.shape} are no pairs"
        return (probabilities[:, 0] <= probabilities[:, 1]).astype(np.int64)

    def statistics(self, predictions: Targets, targets: Targets) -> Statistics:
        """(pairs, 2): whether the pair is right, and 1 for the pair."""
        counted = targets != IGNORED
        return np.stack([(predictions == targets) & counted, counted], axis=1).astype(np.float64)

    def figures_of(self, sums: Statistics) -> dict[str, NDArray[np.float64]]:
        return {"accuracy": share(sums[..., 0], sums[..., 1])}

    def answer(
        self, probabilities: Probabilities, calibration: Calibration = PLAIN, asked: Asked = NOTHING_ASKED
    ) -> ScoreAnswer:
        """The answer that the (1,) score of one reply gives. Thresholds are not for it."""
        return ScoreAnswer(float(probabilities[0]))

    def gives(self, *, text_pair: bool) -> str:
        return "gives a reply to a context a score: of two replies the better one has more"

    def of_logits(self, calibration: Calibration) -> str:
        return f"The logit is the score. {self.traits.of_any_text}"
