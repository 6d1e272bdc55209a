"""Which task object answers for a stored adapter, and which one a recipe trains."""

import numpy as np
import pytest

from lingyu.errors import LingyuError
from lingyu.recipe import FIGURES
from lingyu.tasks import TASKS, MultiLabel, Ordinal, Regression, SingleLabel, task_named, task_to_train


def test_a_stored_task_is_found_by_its_name() -> None:
    assert task_named("single_label", ["负面", "正面"]) == SingleLabel(labels=("负面", "正面"))
    assert task_named("ordinal", ["差", "中", "好"]) == Ordinal(labels=("差", "中", "好"))
    assert [task_named(name, ("差", "好")).name for name in TASKS] == list(TASKS)


def test_a_task_of_a_later_lingyu_is_one_line() -> None:
    with pytest.raises(LingyuError, match=r"does not know the task 'extraction'\. Update it: pip install -U lingyu"):
        task_named("extraction", ["负面", "正面"])


@pytest.mark.parametrize(("name", "labels"), [("single_label", ()), ("multi_label", ()), ("ordinal", ("差",))])
def test_labels_that_leave_nothing_to_answer_are_one_line(name: str, labels: tuple[str, ...]) -> None:
    with pytest.raises(LingyuError, match=f"the task {name} .*answers nothing"):
        task_named(name, labels)


def test_the_task_to_train_has_its_weights_from_train_and_the_stored_one_none() -> None:
    trained = task_to_train("single_label", ["负面", "正面"], np.array([0, 0, 0, 1]), class_weights="balanced")
    assert trained == SingleLabel(("负面", "正面"), class_weights=(4 / 6, 2.0))
    smooth = task_to_train("single_label", ["负面", "正面"], np.array([0, 1]), label_smoothing_factor=0.1)
    assert smooth == SingleLabel(("负面", "正面"), label_smoothing_factor=0.1)
    many = task_to_train(
        "multi_label", ["动力", "油耗"], np.array([[1, 0], [0, 0], [0, 1], [0, 1]]), class_weights="balanced"
    )
    assert many == MultiLabel(("动力", "油耗"), class_weights=(3.0, 1.0))
    number = task_to_train("regression", (), np.array([1.0, 3.0], dtype=np.float32))
    assert number == Regression(offset=2.0, scale=1.0)
    assert task_to_train("ordinal", ["差", "好"], np.array([0])) == Ordinal(("差", "好"))


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_says_of_itself_fits_together(name: str) -> None:
    task = task_named(name, () if name in ("regression", "preference") else ("差", "中", "好"))
    assert task.num_outputs == len(task.output_names) == len(set(task.output_names))
    assert task.primary in task.figures
    assert not {FIGURES[task.primary].lower_is_better, FIGURES[task.figures[0]].lower_is_better} - {False}
    assert task.head == ("token" if name == "token" else "row")


def test_outputs_are_named_for_whoever_reads_a_models_config() -> None:
    named = {name: task_named(name, ("差", "好")).output_names for name in ("single_label", "token", "ordinal")}
    assert named == {
        "single_label": ("差", "好"),
        "token": ("O", "B-差", "I-差", "B-好", "I-好"),
        "ordinal": (">差",),
    }
    assert (TASKS["regression"]().output_names, TASKS["preference"]().output_names) == (("value",), ("score",))
