"""What a recipe's keys may say for each task, and the defaults that go by the task.

lingyu.tasks, which knows no recipe, has the same names and figures; a test compares them.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from .schema import Data, Recipe, Rule, Train

TaskName = Literal["single_label", "multi_label", "token", "ordinal", "regression", "preference"]
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

FIGURES: Final[Mapping[str, tuple[Figure, ...]]] = {
    "single_label": ("macro_f1", "accuracy"),
    "multi_label": ("macro_f1", "micro_f1", "exact_match"),
    "token": ("span_f1", "precision", "recall"),
    "ordinal": ("qwk", "mae", "accuracy", "macro_f1"),
    "regression": ("pearson", "mae", "rmse"),
    "preference": ("accuracy",),
}
"""By task: what can choose on dev beside the loss, the one that does by default first."""

LOWER_IS_BETTER: Final = frozenset({"loss", "mae", "rmse"})

_WITHOUT_LABELS = ("regression", "preference")
_LEAST_LABELS = {
    "single_label": (2, "a classifier needs at least two labels"),
    "multi_label": (2, "a classifier needs at least two labels"),
    "ordinal": (2, "a scale needs at least two labels, in order"),
    "token": (1, "name the kinds of entities: the value behind B- and I- in the file, and its name"),
}
_KEEPS_PLACES = ("width",)  # one character for one, so that a tag still stands where it was put


def with_defaults_of_task(values: Any) -> Any:
    """A recipe's plain values with the defaults that go by its task, where the keys are left out.

    data.labels is empty for a task without labels; data.clean of a token recipe keeps every character in its place;
    train.metric_for_best_model is the task's own figure.
    """
    task = values.get("task") if isinstance(values, dict) else None
    if not isinstance(task, str) or task not in FIGURES:
        return values
    data, train = values.get("data"), values.get("train", {})
    of_data: dict[str, Any] = {"labels": {}} if task in _WITHOUT_LABELS else {}
    if task == "token":
        of_data["clean"] = list(_KEEPS_PLACES)
    filled = dict(values)
    if isinstance(data, dict):
        filled["data"] = of_data | data
    if isinstance(train, dict):
        filled["train"] = {"metric_for_best_model": FIGURES[task][0]} | train
    return filled


def rules_of_task(recipe: "Recipe") -> Iterator["Rule"]:
    """What has to hold between the task and the other keys."""
    task = recipe.task
    yield from _rules_of_labels(task, recipe.data)
    yield from _rules_of_columns(task, recipe.data)
    yield from _rules_of_training(task, recipe.train)


def _rules_of_labels(task: str, data: "Data") -> Iterator["Rule"]:
    if task in _WITHOUT_LABELS:
        yield not data.labels, "data.labels", f"{task} has no labels; leave it out"
        return
    least, otherwise = _LEAST_LABELS[task]
    yield len(data.labels) >= least, "data.labels", otherwise
    is_separated = task == "multi_label"
    what = f"{task} reads one label a row; label_separator is for multi_label"
    yield is_separated or data.label_separator is None, "data.label_separator", what


def _rules_of_columns(task: str, data: "Data") -> Iterator["Rule"]:
    no_pair = {
        "token": "token reads one text, whose characters its tags stand at; leave text_pair out",
        "preference": "the second texts of preference are the replies, chosen and rejected; leave text_pair out",
    }
    yield task not in no_pair or data.text_pair is None, "data.text_pair", no_pair.get(task, "")
    for key, column in (("chosen", data.chosen), ("rejected", data.rejected)):
        if task == "preference":
            yield column is not None, f"data.{key}", f"preference needs the column of the {key} reply, {key}: {key}"
        else:
            yield column is None, f"data.{key}", f"{task} has no replies to compare; {key} is for preference"
    moving = [step for step in data.clean if step not in _KEEPS_PLACES] if task == "token" else []
    what = f"{', '.join(moving)}: moves the characters that tags stand at; keep {', '.join(_KEEPS_PLACES)} alone"
    yield not moving, "data.clean", what
    has_baseline = task in ("single_label", "ordinal")
    what = f"a value does not stand for an answer of {task}; baseline_column is for ordinal and single_label"
    yield has_baseline or data.baseline_column is None, "data.baseline_column", what


def _rules_of_training(task: str, train: "Train") -> Iterator["Rule"]:
    choosing = (*FIGURES[task], "loss")
    what = f"{train.metric_for_best_model} is no figure of {task}, which has {', '.join(choosing)}"
    yield train.metric_for_best_model in choosing, "train.metric_for_best_model", what
    weighted = task in ("single_label", "multi_label")
    what = f"{task} weighs no labels; class_weights is for single_label and multi_label"
    yield weighted or train.class_weights is None, "train.class_weights", what
    what = f"{task} spreads no target; label_smoothing_factor is for single_label"
    yield task == "single_label" or not train.label_smoothing_factor, "train.label_smoothing_factor", what
    pair_tokens = 2 * train.max_length
    fits = task != "preference" or pair_tokens <= train.tokens_per_batch
    what = f"{train.tokens_per_batch} tokens do not hold the two replies of a pair of max_length {train.max_length}"
    yield fits, "train.tokens_per_batch", what
