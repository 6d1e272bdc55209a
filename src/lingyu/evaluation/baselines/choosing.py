"""Which baselines a task has."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lingyu.data import Part
from lingyu.tasks import Calibration, Task

from .baseline import Baseline, Baselines
from .column import column_baseline
from .entities import lexicon_baseline, no_entity_baseline
from .linear import Inputs, multi_label_baseline, ordinal_baseline, ridge_baseline, tfidf_baseline
from .replies import coin_baseline, overlap_baseline
from .trivial import majority_baseline, mean_baseline, most_frequent_baseline

Spans = Sequence[NDArray[np.int64]]


def baselines_of(
    task: Task, train: Part, test: Part, spans: Spans | None = None, column: str | None = None
) -> Baselines:
    """Learnt from train, asked on test.

    spans: of token, the characters of each test row's tokens, as the model read them. column: what the column of
    baseline_values is called, where there is one.
    """
    with_column = None
    if train.baseline_values is not None and test.baseline_values is not None:
        with_column = column_baseline(
            f"{column or 'the column'} alone", train.baseline_values, train.labels, test.baseline_values
        )
    if task.name == "token":
        assert spans is not None, "entities are brought to the tokens that the test is measured by"
        rival = lexicon_baseline(train.texts, train.labels, test.texts, spans)
        return Baselines(rival, no_entity_baseline(spans), with_column)
    return Baselines(_RIVALS[task.name](task, train, test), _TRIVIAL[task.name](task, train, test), with_column)


def _tfidf(task: Task, train: Part, test: Part) -> Baseline:
    return tfidf_baseline(train.texts, train.labels, test.texts, len(task.labels), train.pairs, test.pairs)


def _multi_label(task: Task, train: Part, test: Part) -> Baseline:
    return multi_label_baseline(_inputs(train), train.labels, _inputs(test))


def _ordinal(task: Task, train: Part, test: Part) -> Baseline:
    def decide(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(task.predictions(probabilities, Calibration()), dtype=np.int64)

    return ordinal_baseline(_inputs(train), train.labels, _inputs(test), len(task.labels), decide)


def _ridge(task: Task, train: Part, test: Part) -> Baseline:
    return ridge_baseline(_inputs(train), train.labels, _inputs(test))


def _overlap(task: Task, train: Part, test: Part) -> Baseline:
    assert test.pairs is not None, "a row of preference has two replies"
    assert test.rejected is not None, "a row of preference has two replies"
    return overlap_baseline(train.all_texts, test.texts, test.pairs, test.rejected)


def _inputs(part: Part) -> Inputs:
    return Inputs(part.texts, part.pairs)


_Of = Callable[[Task, Part, Part], Baseline]

_RIVALS: Mapping[str, _Of] = {
    "single_label": _tfidf,
    "multi_label": _multi_label,
    "ordinal": _ordinal,
    "regression": _ridge,
    "preference": _overlap,
}
_TRIVIAL: Mapping[str, _Of] = {
    "single_label": lambda task, train, test: majority_baseline(train.labels, test.rows, len(task.labels)),
    "multi_label": lambda task, train, test: most_frequent_baseline(train.labels, test.rows),
    "ordinal": lambda task, train, test: majority_baseline(train.labels, test.rows, len(task.labels)),
    "regression": lambda task, train, test: mean_baseline(train.labels, test.rows),
    "preference": lambda task, train, test: coin_baseline(test.rows),
}
