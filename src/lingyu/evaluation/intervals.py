"""95 % intervals by the bootstrap over test rows: of a model, of several seeds' mean, of a difference of two models.

Rows with the same true label and the same answers of every model are exchangeable. So a draw of rows with replacement
is a multinomial draw over those few patterns, the same in distribution, and its cost hardly depends on the rows.
Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile interval).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

SAMPLES = 2000
_PERCENTILES = (2.5, 97.5)
_WEIGHTS_IN_MEMORY = 4_000_000  # of one block of bootstrap samples: 32 MB

Judgement = Literal["better", "worse", "noise"]


class IntervalJson(TypedDict):
    value: float
    low: float
    high: float


class ScoresJson(TypedDict):
    accuracy: IntervalJson
    macro_f1: IntervalJson


@dataclass(frozen=True)
class Interval:
    """A figure of the test and the percentile interval that holds it in 95 of 100 test sets like this one."""

    value: float
    low: float
    high: float

    def as_json(self) -> IntervalJson:
        return {"value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def in_points(self) -> str:
        """Of a difference: in percentage points, `+2.1 points [0.9, 3.4]`."""
        value, low, high = (100 * part for part in (self.value, self.low, self.high))
        return f"{value:+.1f} points [{low:.1f}, {high:.1f}]"

    @property
    def judgement(self) -> Judgement:
        """Of a difference: better or worse where the interval leaves out 0, else noise."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "noise"


@dataclass(frozen=True)
class Scores:
    """Accuracy and macro-F1 (MacroF1 of lingyu.tasks says over which labels), or differences of them."""

    accuracy: Interval
    macro_f1: Interval

    def as_json(self) -> ScoresJson:
        return {"accuracy": self.accuracy.as_json(), "macro_f1": self.macro_f1.as_json()}


def bootstrap_accuracy_and_macro_f1(
    labels: Labels, predictions: Labels, classes: int, seed: int, samples: int = SAMPLES
) -> Scores:
    """Accuracy and macro-F1 of one model. labels, predictions: (rows,), indices below classes."""
    return _bootstrap(labels, _models(predictions), np.ones(1), classes, seed, samples)


def seeds_mean_interval(labels: Labels, predictions: Labels, classes: int, seed: int, samples: int = SAMPLES) -> Scores:
    """The mean of several seeds' accuracy and macro-F1; all seeds are measured on the same drawn rows.

    labels: (rows,)    predictions: (seeds, rows)

    The interval is over test rows with these seeds given; how far seeds lie apart is not in it.
    """
    models = _models(predictions)
    return _bootstrap(labels, models, _mean_of(models), classes, seed, samples)


def paired_difference(
    labels: Labels, predictions_a: Labels, predictions_b: Labels, classes: int, seed: int, samples: int = SAMPLES
) -> Scores:
    """a minus b, both measured on the same drawn rows. Each is (rows,), or (seeds, rows) for the mean of its seeds."""
    a, b = _models(predictions_a), _models(predictions_b)
    return _bootstrap(labels, np.vstack([a, b]), np.concatenate([_mean_of(a), -_mean_of(b)]), classes, seed, samples)


def mcnemar_p(labels: Labels, predictions_a: Labels, predictions_b: Labels) -> float:
    """Exact two-sided p of McNemar's test that a and b are right equally often; 1.0 where they always are together."""
    right_a, right_b = predictions_a == labels, predictions_b == labels
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b, 0.5).pvalue)


@dataclass(frozen=True)
class _Patterns:
    """Distinct (true label, answer of each model) among the rows, and how many rows have each.

    labels: (patterns,)    predictions: (models, patterns)    counts: (patterns,), sums to the rows
    """

    labels: Labels
    predictions: Labels
    counts: Labels


def _patterns_of(labels: Labels, predictions: Labels) -> _Patterns:
    columns, counts = np.unique(np.vstack([labels, predictions]), axis=1, return_counts=True)
    return _Patterns(columns[0], columns[1:], counts)


def _bootstrap(
    labels: Labels, predictions: Labels, coefficients: Floats, classes: int, seed: int, samples: int
) -> Scores:
    """Scores of the sum over models of coefficient * score. predictions: (models, rows); coefficients: (models,)."""
    assert labels.ndim == 1, f"labels are {labels.shape}"
    assert predictions.shape[1:] == labels.shape, f"predictions {predictions.shape} for labels {labels.shape}"
    assert len(labels) > 0, "no rows to draw from"
    patterns = _patterns_of(labels, predictions)
    value = coefficients @ _scores(patterns, patterns.counts[np.newaxis], classes)[:, 0]
    drawn = np.concatenate(
        [coefficients @ np.moveaxis(_scores(patterns, w, classes), 1, 0) for w in _draws(patterns, seed, samples)]
    )
    low, high = np.percentile(drawn, _PERCENTILES, axis=0)
    accuracy, macro_f1 = (Interval(float(v), float(lo), float(hi)) for v, lo, hi in zip(value, low, high, strict=True))
    return Scores(accuracy, macro_f1)


def _draws(patterns: _Patterns, seed: int, samples: int) -> Iterator[Labels]:
    """How often each pattern was drawn: blocks of (samples, patterns), each row sums to the rows of the test."""
    random = np.random.default_rng(seed)
    rows = int(patterns.counts.sum())
    block = max(1, _WEIGHTS_IN_MEMORY // len(patterns.counts))
    for start in range(0, samples, block):
        yield random.multinomial(rows, patterns.counts / rows, size=min(block, samples - start))


def _scores(patterns: _Patterns, weights: NDArray[np.integer], classes: int) -> Floats:
    """(models, samples, 2): accuracy and macro-F1 of each model under the weights (samples, patterns)."""
    w = weights.astype(np.float64)
    one_hot = np.eye(classes)
    true = w @ one_hot[patterns.labels]
    scores = []
    for predicted in patterns.predictions:
        correct = predicted == patterns.labels
        right = w @ (one_hot[predicted] * correct[:, np.newaxis])
        accuracy = right.sum(axis=1) / true.sum(axis=1)
        scores.append(np.stack([accuracy, _macro_f1(right, true, w @ one_hot[predicted])], axis=1))
    return np.stack(scores)


def _macro_f1(right: Floats, true: Floats, predicted: Floats) -> Floats:
    """(samples,) from (samples, classes) counts; a label that is neither true nor predicted is left out of the mean."""
    either = true + predicted
    f1 = np.divide(2 * right, either, out=np.zeros_like(either), where=either > 0)
    mean: Floats = f1.sum(axis=1) / (either > 0).sum(axis=1)
    return mean


def _models(predictions: Labels) -> Labels:
    return np.atleast_2d(predictions)


def _mean_of(models: Labels) -> Floats:
    return np.full(len(models), 1 / len(models))
