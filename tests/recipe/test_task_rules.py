"""What each task asks of the other keys, as sentences; and the defaults that go by the task."""

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from lingyu.errors import Faults
from lingyu.recipe import FIGURES, KEEPS_PLACES, TASK_RULES, load_recipe, resolved_yaml
from lingyu.recipe.figures import Figure
from lingyu.tasks import TASKS
from lingyu.text import clean

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


def test_the_rules_of_the_recipe_are_those_of_the_tasks() -> None:
    assert set(TASK_RULES) == set(TASKS)
    assert set(FIGURES) == set(get_args(Figure))
    for name, task in TASKS.items():
        rules, fields = TASK_RULES[name], {field.name for field in dataclasses.fields(task)}
        assert set(rules.figures) == set(task.figures)
        assert rules.figures[0] == task.primary
        assert rules.labels_a_row == task.traits.labels_a_row
        assert rules.compares_replies == task.traits.compares_replies
        assert rules.tags_characters == (task.head == "token")
        assert (rules.weighs_labels, rules.smooths_targets) == (
            "class_weights" in fields,
            "label_smoothing_factor" in fields,
        )


def test_a_step_that_keeps_places_makes_one_character_of_one() -> None:
    every = "".join(map(chr, [*range(0x3000, 0x3100), *range(0xFF00, 0xFFF0)]))
    assert len(clean(f"好{every}好", KEEPS_PLACES)) == len(every) + 2


@pytest.mark.parametrize("task", GOOD)
def test_each_task_has_a_recipe_that_is_read_back_from_its_resolved_form(task: str, tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, task, GOOD[task]))
    assert recipe.train.metric_for_best_model == TASK_RULES[task].figures[0]
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


@pytest.mark.parametrize(
    ("task", "data", "says"),
    [
        ("single_label", {"text_pair": "text"}, "data.text_pair: `text` is the column of data.text already"),
        ("regression", {"label": "text"}, "data.label: `text` is the column of data.text already"),
        ("single_label", {"baseline_column": "label"}, "data.baseline_column: `label` is the column of data.label"),
        ("preference", {"rejected": "good"}, "data.rejected: `good` is the column of data.chosen already"),
        ("preference", {"chosen": "context"}, "data.chosen: `context` is the column of data.text already"),
        ("preference", {"label": "foo"}, "data.label: `foo` is not read: which reply is the better is the label"),
        ("single_label", {"group": ""}, "data.group: nothing stands between the quotation marks"),
        ("single_label", {"dev": ""}, "data.dev: nothing stands between the quotation marks"),
        ("single_label", {"labels": None}, "data.labels: missing"),
    ],
)
def test_a_column_is_one_thing_and_nothing_is_none(task: str, data: dict[str, Any], says: str, tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, task, {**copy.deepcopy(GOOD[task]), **data}))
    assert fault.startswith(says)


def test_labels_of_a_parent_are_taken_back_by_null_where_the_task_has_none(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, "regression", {"labels": None})).data.labels == {}


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
