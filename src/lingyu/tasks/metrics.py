"""The calibration error as an `evaluate.Metric` that needs no hub, no network and no writable home.

    ExpectedCalibrationError().compute(predictions=[[0.9, 0.1]], references=[0])  ->  {"ece": 0.1}

It is built directly, not by `evaluate.load`, which fetches its scripts from the hub.
"""

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]

CALIBRATION_BINS = 15

_INPUTS = """
predictions: (rows, classes) floats, probabilities that sum to 1 in each row
references: (rows,) integers, index of the true label
"""


class ExpectedCalibrationError(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
    """Mean gap between confidence and accuracy, over 15 equal-width bins of the top probability.

    ECE = sum over bins of (rows in bin / rows) * |accuracy in bin - mean top probability in bin|, in [0, 1].
    Bin m holds (m - 1)/15 < p <= m/15; empty bins add nothing.
    Source: Guo et al. 2017, On Calibration of Modern Neural Networks (arXiv 1706.04599), equation 3.

    Rows are checked when they are added, kept in memory and nowhere else. Raises TypeError for values that evaluate
    would cast in silence (0.5 becomes label 0), ValueError for wrong shapes.
    """

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True)

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Expected calibration error over 15 equal-width bins of the top probability.",
            citation="Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599",
            inputs_description=_INPUTS,
            features=datasets.Features(
                {"predictions": datasets.List(datasets.Value("float64")), "references": datasets.Value("int64")}
            ),
        )

    def _build_data_dir(self) -> str:
        # The parent makes folders in the user's cache even where everything stays in memory: litter, and a
        # failure where the home can't be written.
        return str(self._data_dir_root)

    def add_batch(self, *, predictions: ArrayLike, references: ArrayLike) -> None:
        """Check and add rows."""
        true, predicted = _label_indices(references), _probabilities(predictions)
        if len(predicted) != len(true):
            raise ValueError(f"{len(predicted)} predictions for {len(true)} references")
        if len(true) == 0:
            raise ValueError("no rows: a metric of nothing is not a number")
        if true.min() < 0 or true.max() >= predicted.shape[1]:
            raise ValueError(f"references are {true.min()} to {true.max()}, but there are {predicted.shape[1]} classes")
        super().add_batch(predictions=predicted, references=true)

    def add(self, *, prediction: ArrayLike, reference: int) -> None:
        """Check and add one row."""
        self.add_batch(predictions=np.asarray([prediction]), references=[reference])

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
        probabilities = np.asarray(predictions)
        confidence = probabilities.max(axis=1)
        correct = probabilities.argmax(axis=1) == np.asarray(references)
        inner_edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
        bins = np.digitize(confidence, inner_edges, right=True)
        gaps = np.bincount(bins, weights=correct - confidence, minlength=CALIBRATION_BINS)
        return {"ece": float(np.abs(gaps).sum() / len(probabilities))}


def _probabilities(values: ArrayLike) -> Probabilities:
    found = np.asarray(values)
    if found.size and found.dtype.kind != "f":
        raise TypeError(f"predictions must be probabilities, found {found.dtype}")
    if found.size and found.ndim != 2:
        raise ValueError(f"predictions must be (rows, classes), found shape {found.shape}")
    probabilities: Probabilities = found.astype(np.float64)
    # 1e-3: rows of a float32 softmax sum to 1 within 1e-6; those of a bfloat16 one only within 1e-2: refused.
    if found.size and (not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3) or probabilities.min() < 0):
        raise ValueError("predictions must be probabilities that sum to 1 in each row; logits need a softmax first")
    return probabilities


def _label_indices(values: ArrayLike) -> Labels:
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "iu":
        raise TypeError(f"references must be integers, the index of a label, found {found.dtype}")
    if found.ndim != 1:
        raise ValueError(f"references must be (rows,), found shape {found.shape}")
    indices: Labels = found.astype(np.int64)
    return indices
