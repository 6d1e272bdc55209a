"""What a recipe's keys may say for each task, and the defaults that go by the task.

lingyu.tasks, which knows no recipe's keys, says of each task the same names, figures and labels; a test compares them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from .figures import Figure
from .schema import Data, Train
from .section import Rule

TaskName = Literal["single_label", "multi_label", "token", "ordinal", "regression", "preference"]
LabelsARow = Literal["one", "any", "none"]

KEEPS_PLACES: Final = ("width",)
"""Text steps that put one character in the place of one, so that a tag still stands where it was put."""


@dataclass(frozen=True)
class TaskRules:
    """figures: what can choose on dev beside the loss, the one that does by default first.

    labels_a_row: how many of its labels a row has; none: the task has no labels. least_labels, too_few: how many the
    recipe names at least, and what is said of fewer. no_text_pair: why data.text_pair is refused, if it is.
    """

    figures: tuple[Figure, ...]
    labels_a_row: LabelsARow
    least_labels: int = 0
    too_few: str = ""
    no_text_pair: str | None = None
    label_is_cut: bool = False  # at data.label_separator
    tags_characters: bool = False
    compares_replies: bool = False
    weighs_labels: bool = False
    smooths_targets: bool = False


TASK_RULES: Final[Mapping[str, TaskRules]] = {
    "single_label": TaskRules(
        figures=("macro_f1", "accuracy"),
        labels_a_row="one",
        least_labels=2,
        too_few="a classifier needs at least two labels",
        weighs_labels=True,
        smooths_targets=True,
    ),
    "multi_label": TaskRules(
        figures=("macro_f1", "micro_f1", "exact_match"),
        labels_a_row="any",
        least_labels=2,
        too_few="a classifier needs at least two labels",
        label_is_cut=True,
        weighs_labels=True,
    ),
    "token": TaskRules(
        figures=("span_f1", "precision", "recall"),
        labels_a_row="any",
        least_labels=1,
        too_few="name the kinds of entities: the value behind B- and I- in the file, and its name",
        no_text_pair="token reads one text, whose characters its tags stand at; leave text_pair out",
        tags_characters=True,
    ),
    "ordinal": TaskRules(
        figures=("qwk", "mae", "accuracy", "macro_f1"),
        labels_a_row="one",
        least_labels=2,
        too_few="a scale needs at least two labels, in order",
    ),
    "regression": TaskRules(figures=("pearson", "mae", "rmse"), labels_a_row="none"),
    "preference": TaskRules(
        figures=("accuracy",),
        labels_a_row="none",
        no_text_pair="the second texts of preference are the replies, chosen and rejected; leave text_pair out",
        compares_replies=True,
    ),
}


def with_defaults_of_task(values: Any) -> Any:
    """A recipe's plain values with the defaults that go by its task, where the keys are left out.

    data.labels is empty for a task without labels, and null is as if it were left out; data.clean of a token recipe
    keeps every character in its place; train.metric_for_best_model is the task's own figure.
    """
    task = values.get("task") if isinstance(values, dict) else None
    if not isinstance(task, str) or task not in TASK_RULES:
        return values
    rules, data, train = TASK_RULES[task], values.get("data"), values.get("train", {})
    of_data: dict[str, Any] = {"labels": {}} if rules.labels_a_row == "none" else {}
    if rules.tags_characters:
        of_data["clean"] = list(KEEPS_PLACES)
    filled = dict(values)
    if isinstance(data, dict):
        given = {key: value for key, value in data.items() if key != "labels" or value is not None}
        filled["data"] = of_data | given
    if isinstance(train, dict):
        filled["train"] = {"metric_for_best_model": rules.figures[0]} | train
    return filled


def type_by_task() -> dict[str, str]:
    """What a key may say, of those where that goes by the task, in words."""
    figures = "; ".join(f"{task} {', '.join(rules.figures)}" for task, rules in TASK_RULES.items())
    return {"train.metric_for_best_model": f"loss or a figure of the task ({figures})"}


def default_by_task(key: str, default: str) -> str:
    """What a key is where it is left out, in words, as with_defaults_of_task has it. default: for most tasks."""
    without = [task for task, rules in TASK_RULES.items() if rules.labels_a_row == "none"]
    tagging = [task for task, rules in TASK_RULES.items() if rules.tags_characters]
    return {
        "data.labels": f"{default}, except for {' and '.join(without)}, which have none",
        "data.clean": f"{default}, of {' and '.join(tagging)} [{', '.join(KEEPS_PLACES)}]",
        "train.metric_for_best_model": "default the first of the task's",
    }.get(key, default)


def rules_of_task(task: TaskName, data: Data, train: Train) -> Iterator[Rule]:
    """What has to hold between the task and the other keys."""
    rules = TASK_RULES[task]
    yield from _rules_of_labels(task, rules, data)
    yield from _rules_of_columns(task, rules, data)
    yield from _rules_of_training(task, rules, train)


def _rules_of_labels(task: str, rules: TaskRules, data: Data) -> Iterator[Rule]:
    if rules.labels_a_row == "none":
        yield not data.labels, "data.labels", f"{task} has no labels; leave it out"
        return
    what = f"{rules.too_few}{_comma_that_is_none(data.labels)}"
    yield len(data.labels) >= rules.least_labels, "data.labels", what
    what = f"{task} reads one label a row; label_separator is for multi_label"
    yield rules.label_is_cut or data.label_separator is None, "data.label_separator", what


def _comma_that_is_none(labels: Mapping[str, str]) -> str:
    """What to say of a list that YAML reads as one entry: [好，差]."""
    marks = [mark for mark in "，、" if len(labels) == 1 and mark in "".join(labels)]
    return f"; write an ASCII comma in place of {marks[0]}" if marks else ""


def _rules_of_columns(task: str, rules: TaskRules, data: Data) -> Iterator[Rule]:
    yield rules.no_text_pair is None or data.text_pair is None, "data.text_pair", rules.no_text_pair or ""
    yield from _rules_of_one_column_each(rules, data)
    for key, column in (("chosen", data.chosen), ("rejected", data.rejected)):
        if rules.compares_replies:
            yield column is not None, f"data.{key}", f"preference needs the column of the {key} reply, {key}: {key}"
        else:
            yield column is None, f"data.{key}", f"{task} has no replies to compare; {key} is for preference"
    moving = [step for step in data.clean if step not in KEEPS_PLACES] if rules.tags_characters else []
    what = f"{', '.join(moving)}: moves the characters that tags stand at; keep {', '.join(KEEPS_PLACES)} alone"
    yield not moving, "data.clean", what
    what = f"a value does not stand for an answer of {task}; baseline_column is for ordinal and single_label"
    yield rules.labels_a_row == "one" or data.baseline_column is None, "data.baseline_column", what
    what = f"`{data.label}` is the column of data.label: it would be told the answers; name another one"
    yield data.baseline_column != data.label, "data.baseline_column", what


def _rules_of_one_column_each(rules: TaskRules, data: Data) -> Iterator[Rule]:
    """No column is read as two things, and none is named that is not read."""
    named = {key: getattr(data, key) for key in ("text", "text_pair", "label", "chosen", "rejected")}
    if rules.compares_replies:
        what = f"`{data.label}` is not read: which reply is the better is the label of preference; leave label out"
        yield named.pop("label") == Data.model_fields["label"].default, "data.label", what
    keys = [key for key, column in named.items() if column is not None]
    for at, key in enumerate(keys):
        other = next((before for before in keys[:at] if named[before] == named[key]), None)
        yield other is None, f"data.{key}", f"`{named[key]}` is the column of data.{other} already; name another one"


def _rules_of_training(task: str, rules: TaskRules, train: Train) -> Iterator[Rule]:
    choosing = (*rules.figures, "loss")
    what = f"{train.metric_for_best_model} is no figure of {task}, which has {', '.join(choosing)}"
    yield train.metric_for_best_model in choosing, "train.metric_for_best_model", what
    what = f"{task} weighs no labels; class_weights is for single_label and multi_label"
    yield rules.weighs_labels or train.class_weights is None, "train.class_weights", what
    what = f"{task} spreads no target; label_smoothing_factor is for single_label"
    yield rules.smooths_targets or not train.label_smoothing_factor, "train.label_smoothing_factor", what
    pair_tokens = 2 * train.max_length
    fits = not rules.compares_replies or pair_tokens <= train.tokens_per_batch
    what = f"{train.tokens_per_batch} tokens do not hold the two replies of a pair of max_length {train.max_length}"
    yield fits, "train.tokens_per_batch", what
