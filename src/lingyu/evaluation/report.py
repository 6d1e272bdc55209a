"""What metrics.json says of a version: the test with intervals, the baselines beside it, and alarms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from lingyu.store import TITLES, judging_figure, shown_figures
from lingyu.tasks import Calibration, Logits, Probabilities, Targets, Task, label_counts, metrics

from .baselines import Baseline, Baselines
from .intervals import (
    Interval,
    Judgement,
    Scores,
    judgement_of,
    mcnemar_p,
    paired_difference,
    scores_json,
    scores_of,
    seeds_mean_interval,
    told,
)

Bools = NDArray[np.bool_]

ONE_LABEL_A_ROW = frozenset({"single_label", "ordinal"})
RIGHT_OR_WRONG = ONE_LABEL_A_ROW | {"preference"}


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
        if self.task.name == "single_label":  # whose files are older than the other tasks
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
    def fair_difference(self) -> Scores:
        """To the baseline, without leaked rows where there are any."""
        return (self.baseline.without_leaks or self.baseline).difference


def evaluate_answers(task: Task, answers: Answers, baselines: Baselines, seed: int) -> Metrics:
    """Measure the answers and the baselines on the same test rows. seed: of the bootstrap's draws.

    Where test rows are leaked, model and baseline are measured again without them; the confusion and the figures of
    each label are of all rows.
    """
    probabilities = task.probabilities(answers.logits, answers.calibration)
    model = _Model(task, probabilities, task.predictions(probabilities, answers.calibration), answers.targets, seed)
    kept = ~answers.leaked
    clean = model.only(kept) if kept.any() and not kept.all() else None
    baseline = model.against(baselines.rival)
    if clean:
        baseline = _with(baseline, clean.against(_only(baselines.rival, kept)))
    trivial = model.against(baselines.trivial)
    return Metrics(
        task=task,
        test=model.measured(of_each_label=True),
        baseline=baseline,
        trivial=trivial,
        column_baseline=model.against(baselines.column) if baselines.column else None,
        alarms=tuple(_alarms(model, baselines.trivial, trivial, bool(answers.leaked.all()))),
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
        return Measured(
            rows=len(self.targets),
            scores=scores_of(task, self.targets, self.predictions, self.seed),
            ece=self._calibration_error() if task.name == "single_label" else None,
            per_class=self._per_class() if of_each_label and task.labels else None,
            confusion=self._confusion() if of_each_label and task.name in ONE_LABEL_A_ROW else None,
        )

    def against(self, baseline: Baseline) -> Compared:
        theirs = baseline.all_predictions
        p = None
        if self.task.name in RIGHT_OR_WRONG and not baseline.or_else:
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


def _with(all_rows: Compared, clean: Compared) -> Compared:
    return Compared(all_rows.name, all_rows.scores, all_rows.difference, all_rows.mcnemar_p, clean)


def _alarms(model: _Model, baseline: Baseline, trivial: Compared, all_leaked: bool) -> list[str]:
    """Signs that nothing was learnt, or that the test proves nothing: one line each."""
    task, alarms = model.task, []
    constant = _constant_answer(model)
    if constant:
        alarms.append(f"the model answers {constant} to every test text")
    figure = judging_figure(task)
    gain = trivial.difference[figure]
    if gain.low <= 0:
        is_label = task.name in ONE_LABEL_A_ROW
        rival = f"always answering {task.labels[int(baseline.predictions[0])]}" if is_label else trivial.name
        alarms.append(f"the model does not beat {rival}: {TITLES[figure]} {told(figure, gain)} against that")
    if all_leaked:
        alarms.append("every test text stands in train, so the test proves nothing")
    return alarms


def _constant_answer(model: _Model) -> str | None:
    """What every row is answered with, although the truth varies; None where answers vary too."""
    task = model.task
    if task.name in ("multi_label", "token"):
        sums = task.statistics(model.predictions, model.targets).sum(axis=0)
        answered = label_counts(sums, len(task.labels)).predicted.sum()
        return None if answered else "no entity" if task.name == "token" else "no label"
    if len(np.unique(model.predictions)) > 1 or len(np.unique(model.targets)) < 2:
        return None
    return task.labels[int(model.predictions[0])] if task.labels else "one number"


def judgement(found: Metrics) -> Judgement:
    """Whether the model beats the baseline, loses, or neither, by the figure that judges."""
    figure = judging_figure(found.task)
    return judgement_of(found.task, figure, found.fair_difference[figure])


_SENTENCES: Mapping[Judgement, str] = {
    "better": "Better than {name}",
    "worse": "Worse than {name}",
    "noise": "Neither better nor worse than {name}, the difference is noise",
}


def verdict(found: Metrics) -> str:
    """The comparison with the baseline as one sentence, by the figure that judges; the others are told beside it.

    Example: "Better than TF-IDF: accuracy +2.1 points [0.9, 3.4], macro-F1 +1.8 points [0.2, 3.3]."
    """
    judged = judgement(found)
    opening = _SENTENCES[judged].format(name=found.baseline.name)
    rows = " (test without leaks)" if found.test_without_leaks else ""
    figures = (_told_beside(found, figure, judged) for figure in shown_figures(found.task))
    return f"{opening}{rows}: {', '.join(figures)}."


def _told_beside(found: Metrics, figure: str, judged: Judgement) -> str:
    """A figure's difference, and what it says where that is not what the judging figure says."""
    difference: Interval = found.fair_difference[figure]
    own = judgement_of(found.task, figure, difference)
    differs = "" if own == judged else f" ({own})"
    return f"{TITLES[figure]} {told(figure, difference)}{differs}"
