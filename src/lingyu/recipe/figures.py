"""The figures that answers are measured by: one table, for the recipe that chooses by one and for whoever shows one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Figure = Literal[
    "macro_f1",
    "accuracy",
    "loss",
    "micro_f1",
    "exact_match",
    "span_f1",
    "precision",
    "recall",
    "qwk",
    "mae",
    "rmse",
    "pearson",
]


@dataclass(frozen=True)
class FigureFacts:
    """title: for a reader. meaning: of one that not everybody knows. lower_is_better: it is an error.

    is_share: its differences are told in percentage points. hub: what the hub calls it, where it has a name for it.
    weighs_labels: each label counts alike, however few rows it has. In a sample such a figure comes out lower than in
    all rows there could be, and the lower the fewer rows the labels have.
    """

    title: str
    meaning: str | None = None
    lower_is_better: bool = False
    is_share: bool = True
    hub: str | None = None
    weighs_labels: bool = False


_EXACT_MATCH = "exact match: the share of texts all of whose labels are right"
_SPAN_F1 = "span F1: an entity is right where both its ends and its label are"
_QWK = "QWK: quadratic weighted kappa, 1 where every answer is right and 0 where they are no better than chance"
_MAE = "MAE: the mean error, in the unit of the data or in steps of the scale"
_RMSE = "RMSE: the root of the mean squared error"

FIGURES: Final[Mapping[str, FigureFacts]] = {
    "macro_f1": FigureFacts("macro-F1", hub="f1", weighs_labels=True),
    "accuracy": FigureFacts("accuracy", hub="accuracy"),
    "loss": FigureFacts("loss", lower_is_better=True, is_share=False),
    "micro_f1": FigureFacts("micro-F1", hub="f1"),
    "exact_match": FigureFacts("exact match", _EXACT_MATCH, hub="exact_match"),
    "span_f1": FigureFacts("span F1", _SPAN_F1, hub="f1"),
    "precision": FigureFacts("precision", hub="precision"),
    "recall": FigureFacts("recall", hub="recall"),
    "qwk": FigureFacts("QWK", _QWK, is_share=False),
    "mae": FigureFacts("MAE", _MAE, lower_is_better=True, is_share=False, hub="mae"),
    "rmse": FigureFacts("RMSE", _RMSE, lower_is_better=True, is_share=False),
    "pearson": FigureFacts("Pearson r", is_share=False, hub="pearsonr"),
}
