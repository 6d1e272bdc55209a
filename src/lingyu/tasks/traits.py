"""In what a task differs from the others, as far as whoever handles all of them has to know it."""

from dataclasses import dataclass
from typing import Literal

LabelsARow = Literal["one", "any", "none"]
TruncationSide = Literal["right", "left"]
ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]


@dataclass(frozen=True)
class Traits:
    """labels_a_row: how many of its labels a row has; none: the task has no labels. order_matters: of the labels.

    answers_number: in the unit of the data. compares_replies: a row of the data is a pair of replies to one context.
    has_temperature: its probabilities are calibrated by one. takes_thresholds: a user may ask a probability of a label.
    truncation_side: where a text that is too long is cut. problem_type: what transformers makes of the logits; None
    where it asks for none.

    columns: that an answer adds to a table, the keys of its cells. in_python: what a reader takes of a Result first.
    of_any_text: a sentence on what an answer is worth.
    """

    labels_a_row: LabelsARow
    columns: tuple[str, ...]
    in_python: str
    of_any_text: str
    problem_type: ProblemType | None
    order_matters: bool = False
    answers_number: bool = False
    compares_replies: bool = False
    has_temperature: bool = False
    takes_thresholds: bool = False
    truncation_side: TruncationSide = "right"

    @property
    def right_or_wrong(self) -> bool:
        """Whether a row is simply one or the other, so that McNemar's test applies."""
        return self.labels_a_row == "one" or self.compares_replies
