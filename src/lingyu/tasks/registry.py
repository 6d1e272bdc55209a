"""Which task a name stands for."""

from collections.abc import Mapping, Sequence

from lingyu.errors import LingyuError

from .arrays import Targets
from .calibration import PLAIN, Calibration
from .class_weights import class_weights_of
from .multi_label import MultiLabel
from .ordinal import Ordinal
from .preference import Preference
from .regression import Regression
from .single_label import SingleLabel
from .task import Task
from .token import Token

TaskClass = type[SingleLabel | MultiLabel | Token | Ordinal | Regression | Preference]

TASKS: Mapping[str, TaskClass] = {
    task.name: task for task in (SingleLabel, MultiLabel, Token, Ordinal, Regression, Preference)
}

WITH_THRESHOLDS = tuple(name for name, task in TASKS.items() if task.traits.takes_thresholds)
"""Tasks of whose labels a user may ask for a probability."""


def task_named(name: str, labels: Sequence[str], calibration: Calibration = PLAIN) -> Task:
    """The task object that answers for a stored adapter, or with its calibration measures as its training did.

    Raises LingyuError for a task of a later lingyu, and for labels that leave it nothing to answer.
    """
    if name not in TASKS:
        raise LingyuError(f"this lingyu does not know the task {name!r}", next="Update it: pip install -U lingyu")
    if name == Regression.name:
        return Regression(offset=calibration.offset, scale=calibration.scale)
    task = TASKS[name](labels=tuple(labels))
    if task.num_outputs < 1:
        raise LingyuError(
            f"the task {name} with {len(labels)} labels answers nothing", next="Don't use it; train it anew"
        )
    return task


def task_to_train(
    name: str,
    labels: Sequence[str],
    train_targets: Targets,
    *,
    class_weights: str | Mapping[str, float] | None = None,
    label_smoothing_factor: float = 0.0,
) -> Task:
    """The task object that a recipe trains, fitted to its train rows: weights of classes, the scale of a number.

    A recipe's own rules refuse a setting that its task does not take.

    Raises LingyuError for a task of a later lingyu.
    """
    if name == SingleLabel.name:
        weights = class_weights_of(class_weights, labels, train_targets)
        return SingleLabel(tuple(labels), weights, label_smoothing_factor)
    if name == MultiLabel.name:
        return MultiLabel(tuple(labels), class_weights_of(class_weights, labels, train_targets))
    if name == Regression.name:
        return Regression.fitted(train_targets)
    return task_named(name, labels)
