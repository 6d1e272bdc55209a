"""What metrics.json says of a version: the test with intervals, the baselines beside it, and alarms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from lingyu.tasks import SingleLabel, metrics

from .baselines import Baseline
from .intervals import (
    Interval,
    Judgement,
    ScoresJson,
    bootstrap_accuracy_and_macro_f1,
    mcnemar_p,
    paired_difference,
)

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """What a model answered to the test rows.

    names: of the labels, in logit order    logits: (rows, classes)    labels: (rows,) true
    leaked: (rows,) whose text stands in train    temperature: divides the logits before the softmax
    """

    names: tuple[str, ...]
    logits: NDArray[np.floating]
    labels: Labels
    leaked: NDArray[np.bool_]
    temperature: float = 1.0

    def __post_init__(self) -> None:
        rows = len(self.labels)
        assert rows > 0, "no test rows"
        assert self.logits.shape == (rows, len(self.names)), f"logits {self.logits.shape} for {rows} rows"
        assert self.leaked.shape == (rows,), f"leaked {self.leaked.shape} for {rows} rows"

    @property
    def predictions(self) -> Labels:
        """(rows,)"""
        predictions: Labels = self.logits.argmax(axis=1)
        return predictions

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(rows, classes), each row sums to 1"""
        return SingleLabel.probabilities(self.logits, self.temperature)

    def only(self, rows: NDArray[np.bool_]) -> "Answers":
        """The answers to some of the rows."""
        return Answers(self.names, self.logits[rows], self.labels[rows], self.leaked[rows], self.temperature)


class ClassJson(TypedDict):
    precision: float
    recall: float
    f1: float
    support: int


class ModelJson(ScoresJson):
    rows: int
    ece: float
    per_class: NotRequired[dict[str, ClassJson]]
    confusion: NotRequired[list[list[int]]]  # true label, predicted label


class BaselineJson(ScoresJson):
    name: str
    test_without_leaks: NotRequired[ScoresJson]


class DifferenceJson(ScoresJson):
    """Model minus baseline."""

    mcnemar_p: float
    test_without_leaks: NotRequired["DifferenceJson"]


class Metrics(TypedDict):
    """metrics.json. test_without_leaks stands there only where some, and not all, test rows are leaked."""

    test: ModelJson
    test_without_leaks: NotRequired[ModelJson]
    baseline: BaselineJson
    versus_baseline: DifferenceJson
    majority: ScoresJson
    alarms: list[str]


def evaluate_answers(answers: Answers, baseline: Baseline, majority: Baseline, seed: int) -> Metrics:
    """Measure the answers and both baselines on the same test rows. seed: of the bootstrap's draws.

    Where test rows are leaked, model and baseline are measured again without them; the confusion and the
    per-class figures are of all rows.
    """
    counted = {"predictions": answers.predictions, "references": answers.labels}
    found: Metrics = {
        "test": {
            **_measure(answers, seed),
            "per_class": metrics.PerClass(answers.names).compute(**counted)["per_class"],
            "confusion": metrics.Confusion(answers.names).compute(**counted)["confusion"],
        },
        "baseline": _measure_baseline(baseline, answers, seed),
        "versus_baseline": _compare(answers, baseline.predictions, seed),
        "majority": _scores(answers, majority.predictions, seed),
        "alarms": _alarms(answers, majority, seed),
    }
    kept = ~answers.leaked
    if kept.any() and not kept.all():
        fair, theirs = answers.only(kept), baseline.predictions[kept]
        found["test_without_leaks"] = _measure(fair, seed)
        found["baseline"]["test_without_leaks"] = _scores(fair, theirs, seed)
        found["versus_baseline"]["test_without_leaks"] = _compare(fair, theirs, seed)
    return found


def _scores(answers: Answers, predictions: Labels, seed: int) -> ScoresJson:
    return bootstrap_accuracy_and_macro_f1(answers.labels, predictions, len(answers.names), seed).as_json()


def _measure(answers: Answers, seed: int) -> ModelJson:
    scores = _scores(answers, answers.predictions, seed)
    calibration = metrics.ExpectedCalibrationError().compute(
        predictions=answers.probabilities, references=answers.labels
    )
    return {
        "rows": len(answers.labels),
        "accuracy": scores["accuracy"],
        "macro_f1": scores["macro_f1"],
        "ece": calibration["ece"],
    }


def _measure_baseline(baseline: Baseline, answers: Answers, seed: int) -> BaselineJson:
    scores = _scores(answers, baseline.predictions, seed)
    return {"name": baseline.name, "accuracy": scores["accuracy"], "macro_f1": scores["macro_f1"]}


def _compare(answers: Answers, theirs: Labels, seed: int) -> DifferenceJson:
    difference = paired_difference(answers.labels, answers.predictions, theirs, len(answers.names), seed)
    return {
        "accuracy": difference.accuracy.as_json(),
        "macro_f1": difference.macro_f1.as_json(),
        "mcnemar_p": mcnemar_p(answers.labels, answers.predictions, theirs),
    }


def _alarms(answers: Answers, majority: Baseline, seed: int) -> list[str]:
    """Signs that nothing was learnt, or that the test proves nothing: one line each."""
    alarms = []
    answered = np.unique(answers.predictions)
    if len(answered) == 1 and len(np.unique(answers.labels)) > 1:
        alarms.append(f"the model answers {answers.names[int(answered[0])]} to every test text")
    gain = Interval(**_compare(answers, majority.predictions, seed)["accuracy"])
    if gain.low <= 0:
        always = answers.names[int(majority.predictions[0])]
        alarms.append(f"the model does not beat always answering {always}: accuracy {gain.in_points} against that")
    if answers.leaked.all():
        alarms.append("every test text stands in train, so the test proves nothing")
    return alarms


def judgement(found: Metrics) -> Judgement:
    """Whether the model beats the baseline in accuracy, loses, or neither; without leaks where there are any."""
    return Interval(**_fair_difference(found)["accuracy"]).judgement


_SENTENCES: Mapping[Judgement, str] = {
    "better": "Better than {name}",
    "worse": "Worse than {name}",
    "noise": "Neither better nor worse than {name}, the difference is noise",
}


def verdict(found: Metrics) -> str:
    """The comparison with the baseline as one sentence, by accuracy; macro-F1 is told beside it.

    Example: "Better than TF-IDF: accuracy +2.1 points [0.9, 3.4], macro-F1 +1.8 points [0.2, 3.3]."
    """
    difference = _fair_difference(found)
    accuracy, macro_f1 = Interval(**difference["accuracy"]), Interval(**difference["macro_f1"])
    opening = _SENTENCES[accuracy.judgement].format(name=found["baseline"]["name"])
    rows = " (test without leaks)" if "test_without_leaks" in found else ""
    differs = "" if macro_f1.judgement == accuracy.judgement else f" ({macro_f1.judgement})"
    return f"{opening}{rows}: accuracy {accuracy.in_points}, macro-F1 {macro_f1.in_points}{differs}."


def table_of(found: Metrics) -> Table:
    """The test for a terminal of 80 columns: model, baseline, majority; the leak-free test below, if there is one."""
    table = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        caption="test set; in brackets 95 % bootstrap intervals over its rows",
    )
    for heading in ("", "rows", "accuracy", "macro-F1", "ECE"):
        table.add_column(heading, justify="left" if heading == "" else "right", no_wrap=True)
    baseline, test = found["baseline"], found["test"]
    _add_row(table, "adapter", test, test["rows"], test["ece"])
    _add_row(table, baseline["name"], baseline, test["rows"])
    _add_row(table, "majority", found["majority"], test["rows"])
    if "test_without_leaks" in found:
        table.add_section()
        without = found["test_without_leaks"]
        _add_row(table, "adapter, no leaks", without, without["rows"], without["ece"])
        _add_row(table, f"{baseline['name']}, no leaks", baseline["test_without_leaks"], without["rows"])
    return table


def _add_row(table: Table, name: str, scores: ScoresJson, rows: int, ece: float | None = None) -> None:
    accuracy, macro_f1 = (str(Interval(**measured)) for measured in (scores["accuracy"], scores["macro_f1"]))
    # rich reads [...] as markup
    cells = (cell.replace("[", r"\[") for cell in (name, f"{rows:,}", accuracy, macro_f1))
    table.add_row(*cells, "" if ece is None else f"{ece:.3f}")


def _fair_difference(found: Metrics) -> DifferenceJson:
    versus = found["versus_baseline"]
    return versus.get("test_without_leaks", versus)
