"""What each task asks of the other keys, as sentences; and the defaults that go by the task."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from lingyu.errors import Faults
from lingyu.recipe import FIGURES, LOWER_IS_BETTER, load_recipe, resolved_yaml
from lingyu.tasks import TASKS

LABELS = {"0": "负面", "1": "正面"}
GOOD: dict[str, dict[str, Any]] = {
    "single_label": {"labels": LABELS, "text_pair": "aspect"},
    "multi_label": {"labels": LABELS, "label_separator": "、"},
    "token": {"labels": {"HP": "品牌"}, "text": "tokens", "label": "tags"},
    "ordinal": {"labels": LABELS, "baseline_column": "film", "group": "author"},
    "regression": {"text_pair": "other"},
    "preference": {"text": "context", "chosen": "good", "rejected": "bad"},
}


def write(folder: Path, task: str, data: dict[str, Any], train: dict[str, Any] | None = None) -> Path:
    file = folder / "r.yaml"
    content = {"name": "a", "task": task, "data": {"train": "x.csv", **data}, **({"train": train} if train else {})}
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
    return file


def faults(file: Path) -> list[str]:
    with pytest.raises(Faults) as caught:
        load_recipe(file)
    return [fault.what for fault in caught.value.faults]


def test_the_figures_of_the_recipe_are_those_of_the_tasks() -> None:
    assert set(FIGURES) == set(TASKS)
    for name, task in TASKS.items():
        assert set(FIGURES[name]) == set(task.figures)
        assert FIGURES[name][0] == task.primary
        assert LOWER_IS_BETTER & set(FIGURES[name]) == task.lower_is_better


@pytest.mark.parametrize("task", GOOD)
def test_each_task_has_a_recipe_that_is_read_back_from_its_resolved_form(task: str, tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, task, GOOD[task]))
    assert recipe.train.metric_for_best_model == FIGURES[task][0]
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(resolved_yaml(recipe), "utf-8")
    assert load_recipe(resolved) == recipe


def test_only_a_step_that_moves_no_character_cleans_a_text_with_tags(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, "token", GOOD["token"])).data.clean == ("width",)
    assert load_recipe(write(tmp_path, "token", {**GOOD["token"], "clean": []})).data.clean == ()
    assert faults(write(tmp_path, "token", {**GOOD["token"], "clean": ["html", "width"]})) == [
        "data.clean: html: moves the characters that tags stand at; keep width alone"
    ]


@pytest.mark.parametrize(
    ("task", "data", "train", "says"),
    [
        ("regression", {"labels": LABELS}, {}, "data.labels: regression has no labels; leave it out"),
        ("ordinal", {"labels": ["一"]}, {}, "data.labels: a scale needs at least two labels, in order"),
        (
            "token",
            {"labels": {}},
            {},
            "data.labels: name the kinds of entities: the value behind B- and I- in the file, and its name",
        ),
        (
            "single_label",
            {"label_separator": ";"},
            {},
            "data.label_separator: single_label reads one label a row; label_separator is for multi_label",
        ),
        (
            "token",
            {"text_pair": "b"},
            {},
            "data.text_pair: token reads one text, whose characters its tags stand at; leave text_pair out",
        ),
        (
            "preference",
            {"text_pair": "b"},
            {},
            "data.text_pair: the second texts of preference are the replies, chosen and rejected; leave text_pair out",
        ),
        (
            "preference",
            {"rejected": None},
            {},
            "data.rejected: preference needs the column of the rejected reply, rejected: rejected",
        ),
        (
            "ordinal",
            {"chosen": "b"},
            {},
            "data.chosen: ordinal has no replies to compare; chosen is for preference",
        ),
        (
            "multi_label",
            {"baseline_column": "b"},
            {},
            "data.baseline_column: a value does not stand for an answer of multi_label; "
            "baseline_column is for ordinal and single_label",
        ),
        (
            "token",
            {},
            {"metric_for_best_model": "macro_f1"},
            "train.metric_for_best_model: macro_f1 is no figure of token, which has span_f1, precision, recall, loss",
        ),
        (
            "ordinal",
            {},
            {"class_weights": "balanced"},
            "train.class_weights: ordinal weighs no labels; class_weights is for single_label and multi_label",
        ),
        (
            "multi_label",
            {},
            {"label_smoothing_factor": 0.1},
            "train.label_smoothing_factor: multi_label spreads no target; label_smoothing_factor is for single_label",
        ),
        (
            "preference",
            {},
            {"max_length": 128, "tokens_per_batch": 200},
            "train.tokens_per_batch: 200 tokens do not hold the two replies of a pair of max_length 128",
        ),
    ],
)
def test_what_does_not_go_with_a_task_is_one_sentence_at_its_key(
    task: str, data: dict[str, Any], train: dict[str, Any], says: str, tmp_path: Path
) -> None:
    assert faults(write(tmp_path, task, {**copy.deepcopy(GOOD[task]), **data}, train)) == [says]


def test_all_rules_that_a_recipe_breaks_are_told_at_once(tmp_path: Path) -> None:
    found = faults(write(tmp_path, "preference", {"text_pair": "b", "labels": LABELS}, {"class_weights": "balanced"}))
    assert {line.partition(":")[0] for line in found} == {
        "data.labels",
        "data.text_pair",
        "data.chosen",
        "data.rejected",
        "train.class_weights",
    }


@pytest.mark.parametrize("metric", ["loss", "mae", "rmse"])
def test_a_number_may_be_chosen_by_its_error(metric: str, tmp_path: Path) -> None:
    file = write(tmp_path, "regression", GOOD["regression"], {"metric_for_best_model": metric})
    assert load_recipe(file).train.metric_for_best_model == metric
