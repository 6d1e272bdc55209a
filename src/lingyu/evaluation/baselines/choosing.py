"""Which baselines a task has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingyu.data import Part, Splits
from lingyu.recipe import Recipe
from lingyu.tasks import (
    Calibration,
    MultiLabel,
    Ordinal,
    Preference,
    Regression,
    SingleLabel,
    Task,
    Token,
    class_weights_of,
)

from .baseline import Baseline, Baselines
from .column import column_baseline
from .entities import lexicon_baseline, no_entity_baseline
from .linear import Inputs, multi_label_baseline, ordinal_baseline, ridge_baseline, tfidf_baseline
from .replies import coin_baseline, overlap_baseline
from .trivial import majority_baseline, mean_baseline, most_frequent_baseline

Spans = Sequence[NDArray[np.int64]]
ClassWeights = str | Mapping[str, float] | None


def baselines_of(task: Task, splits: Splits, recipe: Recipe, spans: Spans | None = None) -> Baselines:
    """Learnt from train, asked on test; from dev come the thresholds of multi_label, as the adapter's do.

    spans: of token, the characters of each test row's tokens, as the model read them.
    """
    train, test = splits.train, splits.test
    with_column = None
    if train.baseline_values is not None and test.baseline_values is not None:
        name = f"{recipe.data.baseline_column} alone"
        with_column = column_baseline(name, train.baseline_values, train.labels, test.baseline_values)
    rival, trivial = _BASELINES[task.name]
    rows = _Rows(train, splits.dev, test, spans, recipe.train.class_weights)
    return Baselines(rival(task, rows), trivial(task, rows), with_column)


@dataclass(frozen=True)
class _Rows:
    train: Part
    dev: Part
    test: Part
    spans: Spans | None
    class_weights: ClassWeights

    @property
    def test_spans(self) -> Spans:
        assert self.spans is not None, "entities are brought to the tokens that the test is measured by"
        return self.spans


def _tfidf(task: Task, rows: _Rows) -> Baseline:
    weights = class_weights_of(rows.class_weights, task.labels, rows.train.labels)
    return tfidf_baseline(_inputs(rows.train), rows.train.labels, _inputs(rows.test), len(task.labels), weights)


def _multi_label(task: Task, rows: _Rows) -> Baseline:
    """Without class weights: what they would move, the thresholds move."""
    return multi_label_baseline(
        _inputs(rows.train), rows.train.labels, _inputs(rows.dev), rows.dev.labels, _inputs(rows.test)
    )


def _ordinal(task: Task, rows: _Rows) -> Baseline:
    def decide(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(task.predictions(probabilities, Calibration()), dtype=np.int64)

    return ordinal_baseline(_inputs(rows.train), rows.train.labels, _inputs(rows.test), len(task.labels), decide)


def _ridge(task: Task, rows: _Rows) -> Baseline:
    return ridge_baseline(_inputs(rows.train), rows.train.labels, _inputs(rows.test))


def _overlap(task: Task, rows: _Rows) -> Baseline:
    assert rows.test.pairs is not None, "a row of preference has two replies"
    assert rows.test.rejected is not None, "a row of preference has two replies"
    return overlap_baseline(rows.train.all_texts, rows.test.texts, rows.test.pairs, rows.test.rejected)


def _lexicon(task: Task, rows: _Rows) -> Baseline:
    return lexicon_baseline(rows.train.texts, rows.train.labels, rows.test.texts, rows.test_spans)


def _majority(task: Task, rows: _Rows) -> Baseline:
    return majority_baseline(rows.train.labels, rows.test.rows, len(task.labels))


def _inputs(part: Part) -> Inputs:
    return Inputs(part.texts, part.pairs)


_Of = Callable[[Task, _Rows], Baseline]

_BASELINES: Mapping[str, tuple[_Of, _Of]] = {
    SingleLabel.name: (_tfidf, _majority),
    MultiLabel.name: (
        _multi_label,
        lambda task, rows: most_frequent_baseline(rows.train.labels, rows.test.rows),
    ),
    Token.name: (_lexicon, lambda task, rows: no_entity_baseline(rows.test_spans)),
    Ordinal.name: (_ordinal, _majority),
    Regression.name: (_ridge, lambda task, rows: mean_baseline(rows.train.labels, rows.test.rows)),
    Preference.name: (_overlap, lambda task, rows: coin_baseline(rows.test.rows)),
}
"""By task: what the model has to beat, and what answers without reading a text."""
