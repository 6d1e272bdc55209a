"""What metrics.json says of a version: the test with intervals, the baselines beside it, and alarms."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from lingyu.recipe import FIGURES
from lingyu.store import Interval, Judgement, judgement_by, judgement_of
from lingyu.tasks import Calibration, Logits, Probabilities, SingleLabel, Targets, Task, label_counts, metrics

from .baselines import Baseline, Baselines
from .intervals import (
    Scores,
    mcnemar_p,
    paired_difference,
    scores_json,
    scores_of,
    seeds_mean_interval,
    told,
)

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model answered to the test rows.

    logits, targets: (rows, ...), as the task has them; of preference the logits are (pairs, 2). leaked: (rows,) whose
    text stands in train, or in a dev that was split off it.
    """

    logits: Logits
    targets: Targets
    leaked: Bools
    calibration: Calibration = field(default_factory=Calibration)

    def __post_init__(self) -> None:
        rows = len(self.targets)
        assert rows > 0, "no test rows"
        assert len(self.logits) == rows, f"logits {self.logits.shape} for {rows} rows"
        assert self.leaked.shape == (rows,), f"leaked {self.leaked.shape} for {rows} rows"


class LabelJson(TypedDict):
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Measured:
    """The model on some rows. ece: of single_label. per_class: of tasks with labels. confusion: of those where a row
    has one label; rows by true label, then by the answer."""

    rows: int
    scores: Scores
    ece: float | None = None
    per_class: Mapping[str, LabelJson] | None = None
    confusion: list[list[int]] | None = None

    def as_json(self) -> dict[str, object]:
        found = {"ece": self.ece, "per_class": self.per_class, "confusion": self.confusion}
        known = {key: value for key, value in found.items() if value is not None}
        return {"rows": self.rows, **scores_json(self.scores), **known}


@dataclass(frozen=True)
class Compared:
    """A baseline on the same rows, and the model less it. mcnemar_p: where a row is simply right or wrong."""

    name: str
    scores: Scores
    difference: Scores
    mcnemar_p: float | None = None
    without_leaks: "Compared | None" = None

    @property
    def fair_difference(self) -> Scores:
        """Without leaked rows where there are any."""
        return (self.without_leaks or self).difference

    def as_json(self) -> dict[str, object]:
        """The baseline's own figures."""
        clean = {"test_without_leaks": scores_json(self.without_leaks.scores)} if self.without_leaks else {}
        return {"name": self.name, **scores_json(self.scores), **clean}

    def difference_json(self) -> dict[str, object]:
        p = {} if self.mcnemar_p is None else {"mcnemar_p": self.mcnemar_p}
        clean = {"test_without_leaks": self.without_leaks.difference_json()} if self.without_leaks else {}
        return {**scores_json(self.difference), **p, **clean}


@dataclass(frozen=True)
class Metrics:
    """What as_json makes metrics.json of. test_without_leaks is there only where some, and not all, rows are leaked."""

    task: Task
    test: Measured
    baseline: Compared
    trivial: Compared
    column_baseline: Compared | None
    alarms: tuple[str, ...]
    test_without_leaks: Measured | None = None

    def as_json(self) -> dict[str, object]:
        trivial: dict[str, object] = {"trivial": self.trivial.as_json()}
        if self.task.name == SingleLabel.name:  # whose files are older than the other tasks
            trivial = {"majority": scores_json(self.trivial.scores)}
        column = self.column_baseline
        return {
            "test": self.test.as_json(),
            "baseline": self.baseline.as_json(),
            "versus_baseline": self.baseline.difference_json(),
            **trivial,
            **({"column_baseline": column.as_json()} if column else {}),
            **({"versus_column_baseline": column.difference_json()} if column else {}),
            "alarms": list(self.alarms),
            **({"test_without_leaks": self.test_without_leaks.as_json()} if self.test_without_leaks else {}),
        }

    @property
    def strongest_first(self) -> tuple[Compared, ...]:
        """The baselines, those of a column beside the text too, by how little the model gains on them."""
        rivals = [rival for rival in (self.baseline, self.column_baseline) if rival]
        sign = -1 if FIGURES[self.task.primary].lower_is_better else 1
        return tuple(sorted(rivals, key=lambda rival: sign * rival.fair_difference[self.task.primary].value))


def evaluate_answers(task: Task, answers: Answers, baselines: Baselines, seed: int) -> Metrics:
    """Measure the answers and the baselines on the same test rows. seed: of the bootstrap's draws.

    Where test rows are leaked, model and baseline are measured again without them; the confusion and the figures of
    each label are of all rows.
    """
    probabilities = task.probabilities(answers.logits, answers.calibration)
    model = _Model(task, probabilities, task.predictions(probabilities, answers.calibration), answers.targets, seed)
    kept = ~answers.leaked
    clean = model.only(kept) if kept.any() and not kept.all() else None

    def against(rival: Baseline) -> Compared:
        found = model.against(rival)
        return replace(found, without_leaks=clean.against(_only(rival, kept))) if clean else found

    trivial = against(baselines.trivial)
    column = against(baselines.column) if baselines.column else None
    return Metrics(
        task=task,
        test=model.measured(of_each_label=True),
        baseline=against(baselines.rival),
        trivial=trivial,
        column_baseline=column,
        alarms=tuple(_alarms(model, _trivially(task, baselines.trivial), trivial, column, bool(answers.leaked.all()))),
        test_without_leaks=clean.measured() if clean else None,
    )


@dataclass(frozen=True, eq=False)
class _Model:
    """Answers in the form of targets, with what measures them."""

    task: Task
    probabilities: Probabilities
    predictions: Targets
    targets: Targets
    seed: int

    def only(self, rows: Bools) -> "_Model":
        return _Model(self.task, self.probabilities[rows], self.predictions[rows], self.targets[rows], self.seed)

    def measured(self, *, of_each_label: bool = False) -> Measured:
        task = self.task
        one_label = task.traits.labels_a_row == "one"
        return Measured(
            rows=len(self.targets),
            scores=scores_of(task, self.targets, self.predictions, self.seed),
            ece=self._calibration_error() if one_label and task.traits.has_temperature else None,
            per_class=self._per_class() if of_each_label and task.labels else None,
            confusion=self._confusion() if of_each_label and one_label else None,
        )

    def against(self, baseline: Baseline) -> Compared:
        theirs = baseline.all_predictions
        p = None
        if self.task.traits.right_or_wrong and not baseline.or_else:
            p = mcnemar_p(self.predictions == self.targets, baseline.predictions == self.targets)
        return Compared(
            name=baseline.name,
            scores=seeds_mean_interval(self.task, self.targets, theirs, self.seed),
            difference=paired_difference(self.task, self.targets, [self.predictions], theirs, self.seed),
            mcnemar_p=p,
        )

    def _calibration_error(self) -> float:
        found = metrics.ExpectedCalibrationError().compute(predictions=self.probabilities, references=self.targets)
        return float(found["ece"])

    def _per_class(self) -> dict[str, LabelJson]:
        """What is undefined is 0."""
        labels = self.task.labels
        sums = self.task.statistics(self.predictions, self.targets).sum(axis=0)
        return {
            label: {
                "precision": _share(right, predicted),
                "recall": _share(right, true),
                "f1": _share(2 * right, true + predicted),
                "support": int(true),
            }
            for label, right, predicted, true in zip(labels, *label_counts(sums, len(labels)), strict=True)
        }

    def _confusion(self) -> list[list[int]]:
        classes = len(self.task.labels)
        cells = np.bincount(self.targets * classes + self.predictions, minlength=classes**2)
        found: list[list[int]] = cells.reshape(classes, classes).tolist()
        return found


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def _only(baseline: Baseline, rows: Bools) -> Baseline:
    return Baseline(baseline.name, baseline.predictions[rows], tuple(others[rows] for others in baseline.or_else))


def _trivially(task: Task, trivial: Baseline) -> str:
    """What answers without reading a text, for a reader."""
    one_label = task.traits.labels_a_row == "one"
    return f"always answering {task.labels[int(trivial.predictions[0])]}" if one_label else trivial.name


def _alarms(model: _Model, always: str, trivial: Compared, column: Compared | None, all_leaked: bool) -> list[str]:
    """Signs that nothing was learnt of the text, or that the test proves nothing: one line each.

    always: what trivial is called.
    """
    task, alarms = model.task, []
    constant = _constant_answer(model)
    if constant:
        alarms.append(f"the model answers {constant} to every test text")
    figure = task.figures[0]  # not the primary one: macro-F1 of one label everywhere is beaten by chance
    for rival, compared in ((always, trivial), *([(column.name, column)] if column else [])):
        gain = compared.fair_difference[figure]
        if judgement_of(figure, gain) != "better":
            told_gain = f"{FIGURES[figure].title} {told(figure, gain)}"
            alarms.append(f"the model does not beat {rival}: {told_gain} against that")
    if all_leaked:
        alarms.append("every test text stands in train, so the test proves nothing")
    return alarms


def _constant_answer(model: _Model) -> str | None:
    """What every row is answered with, although the truth varies; None where answers vary too."""
    task = model.task
    if task.traits.labels_a_row == "any":
        sums = task.statistics(model.predictions, model.targets).sum(axis=0)
        answered = label_counts(sums, len(task.labels)).predicted.sum()
        return None if answered else "no entity" if task.head == "token" else "no label"
    if len(np.unique(model.predictions)) > 1 or len(np.unique(model.targets)) < 2:
        return None
    return task.labels[int(model.predictions[0])] if task.labels else "one number"


def judgement(found: Metrics) -> Judgement:
    """Whether the model beats the stronger baseline, by the figure that chose it, or which of its figures differ."""
    return judgement_by(found.task, found.strongest_first[0].fair_difference)


_SENTENCES: Mapping[Judgement, str] = {
    "better": "Better than {name}",
    "worse": "Worse than {name}",
    "mixed": "Mixed against {name}, better by one figure and worse by another",
    "noise": "Neither better nor worse than {name}, the difference is noise",
}


def verdict(found: Metrics) -> str:
    """The comparison with the stronger baseline as one sentence; how it stands to the other one behind it.

    Example: "Better than TF-IDF: accuracy +2.1 points [0.9, 3.4], macro-F1 +1.8 points [0.2, 3.3]."
    """
    judged, figures = judgement(found), found.task.figures
    rival, *others = found.strongest_first
    opening = _SENTENCES[judged].format(name=rival.name)
    rows = " (test without leaks)" if found.test_without_leaks else ""
    said = ", ".join(_told_beside(figure, rival.fair_difference[figure], judged) for figure in figures)
    beside = (
        f"; against {other.name} {_told_beside(found.task.primary, other.fair_difference[found.task.primary], judged)}"
        for other in others
    )
    return f"{opening}{rows}: {said}{''.join(beside)}."


def _told_beside(figure: str, difference: Interval, judged: Judgement) -> str:
    """A figure's difference, and what it says where that is not what is said of all."""
    own = judgement_of(figure, difference)
    differs = "" if own == judged else f" ({own})"
    return f"{FIGURES[figure].title} {told(figure, difference)}{differs}"
