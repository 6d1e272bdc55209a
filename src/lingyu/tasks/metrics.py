"""Classification metrics as `evaluate.Metric` instances that need no hub, no network and no writable home.

    Accuracy().compute(predictions=[0, 1], references=[0, 0])  ->  {"accuracy": 0.5}

They are built directly, not by `evaluate.load`, which fetches its scripts from the hub. The values are
scikit-learn's; the calibration error, which it lacks, is ours.
"""

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]

CALIBRATION_BINS = 15

_LABEL_INPUTS = """
predictions: (rows,) integers, index of the predicted label
references: (rows,) integers, index of the true label
"""
_PROBABILITY_INPUTS = """
predictions: (rows, classes) floats, probabilities that sum to 1 in each row
references: (rows,) integers, index of the true label
"""


class _OfflineMetric(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """Rows are checked when they are added, kept in memory and nowhere else.

    Raises TypeError for values that evaluate would cast in silence (0.5 becomes label 0), ValueError for wrong shapes.
    """

    description: str
    inputs: str = _LABEL_INPUTS
    citation: str = ""
    prediction_feature: object = datasets.Value("int64")

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.description,
            citation=self.citation,
            inputs_description=self.inputs,
            features=datasets.Features({"predictions": self.prediction_feature, "references": datasets.Value("int64")}),
        )

    def _build_data_dir(self) -> str:
        # The parent makes folders in the user's cache even where everything stays in memory: litter, and a
        # failure where the home can't be written.
        return str(self._data_dir_root)

    def add_batch(self, *, predictions: ArrayLike, references: ArrayLike) -> None:
        """Check and add rows."""
        true = _label_indices(references, "references")
        predicted = self._checked_predictions(predictions)
        if len(predicted) != len(true):
            raise ValueError(f"{len(predicted)} predictions for {len(true)} references")
        if len(true) == 0:
            raise ValueError("no rows: a metric of nothing is not a number")
        self._check_rows(predicted, true)
        super().add_batch(predictions=predicted, references=true)

    def add(self, *, prediction: ArrayLike, reference: int) -> None:
        """Check and add one row."""
        self.add_batch(predictions=np.asarray([prediction]), references=[reference])

    def _checked_predictions(self, predictions: ArrayLike) -> Labels | Probabilities:
        return _label_indices(predictions, "predictions")

    def _check_rows(self, predicted: Labels | Probabilities, true: Labels) -> None:
        """What a metric asks of the rows beyond their types; raises ValueError."""


class Accuracy(_OfflineMetric):
    """Share of rows whose predicted label is the true one."""

    description = "Share of rows whose predicted label is the true one."

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
        return {"accuracy": float(accuracy_score(references, predictions))}


class MacroF1(_OfflineMetric):
    """Mean over the labels of F1 = 2 tp / (true + predicted).

    A label that is neither true nor predicted in any row has no F1 and is left out of the mean, as scikit-learn does by
    default; one that is only true, or only predicted, counts as 0.
    """

    description = "Unweighted mean of F1 over the labels that occur in predictions or references."

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
        return {"macro_f1": float(f1_score(references, predictions, average="macro", zero_division=0))}


class _MetricOfKnownLabels(_OfflineMetric):
    """A metric with an entry for each label, whether it occurs or not. labels: names, in logit order."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        super().__init__()

    def _check_rows(self, predicted: Labels | Probabilities, true: Labels) -> None:
        for what, indices in (("predictions", predicted), ("references", true)):
            if indices.min() < 0 or indices.max() >= len(self.labels):
                span = f"{indices.min()} to {indices.max()}"
                raise ValueError(f"{what} are {span}, but there are {len(self.labels)} labels")


class PerClass(_MetricOfKnownLabels):
    """Precision, recall, F1 and support of each label. Absent labels have 0 in all four."""

    description = "Precision, recall, F1 and support (true rows) of each label; what is undefined is 0."

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, dict[str, dict[str, float | int]]]:
        columns = precision_recall_fscore_support(
            references, predictions, labels=range(len(self.labels)), average=None, zero_division=0
        )
        return {
            "per_class": {
                label: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
                for label, p, r, f, s in zip(self.labels, *columns, strict=True)
            }
        }


class Confusion(_MetricOfKnownLabels):
    """Rows of the test by true label (first index) and predicted label (second index)."""

    description = "Count of rows by true label (first index) and predicted label (second index)."

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, list[list[int]]]:
        matrix = confusion_matrix(references, predictions, labels=range(len(self.labels)))
        return {"confusion": matrix.tolist()}


class ExpectedCalibrationError(_OfflineMetric):
    """Mean gap between confidence and accuracy, over 15 equal-width bins of the top probability.

    ECE = sum over bins of (rows in bin / rows) * |accuracy in bin - mean top probability in bin|, in [0, 1].
    Bin m holds (m - 1)/15 < p <= m/15; empty bins add nothing.
    Source: Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv 1706.04599), equation 3.
    """

    description = "Expected calibration error over 15 equal-width bins of the top probability."
    inputs = _PROBABILITY_INPUTS
    citation = "Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599"
    prediction_feature = datasets.List(datasets.Value("float64"))

    def _checked_predictions(self, predictions: ArrayLike) -> Probabilities:
        found = np.asarray(predictions)
        if found.dtype.kind != "f":
            raise TypeError(f"predictions must be probabilities, found {found.dtype}")
        if found.ndim != 2:
            raise ValueError(f"predictions must be (rows, classes), found shape {found.shape}")
        probabilities: Probabilities = found.astype(np.float64)
        return probabilities

    def _check_rows(self, predicted: Labels | Probabilities, true: Labels) -> None:
        # 1e-3: rows of a float32 softmax sum to 1 within 1e-6; those of a bfloat16 one only within 1e-2: refused.
        if not np.allclose(predicted.sum(axis=1), 1, atol=1e-3) or predicted.min() < 0:
            raise ValueError("predictions must be probabilities that sum to 1 in each row; logits need a softmax first")
        if true.min() < 0 or true.max() >= predicted.shape[1]:
            raise ValueError(f"references are {true.min()} to {true.max()}, but there are {predicted.shape[1]} classes")

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
        probabilities = np.asarray(predictions)
        confidence = probabilities.max(axis=1)
        correct = probabilities.argmax(axis=1) == np.asarray(references)
        inner_edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
        bins = np.digitize(confidence, inner_edges, right=True)
        gaps = np.bincount(bins, weights=correct - confidence, minlength=CALIBRATION_BINS)
        return {"ece": float(np.abs(gaps).sum() / len(probabilities))}


def _label_indices(values: ArrayLike, what: str) -> Labels:
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers, the index of a label, found {found.dtype}")
    if found.ndim != 1:
        raise ValueError(f"{what} must be (rows,), found shape {found.shape}")
    indices: Labels = found.astype(np.int64)
    return indices
