"""A recipe as text: what is written reads back the same."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.recipe import (
    PretrainingRecipe,
    Recipe,
    differences,
    explain,
    json_schema,
    load_recipe,
    path_notes,
    resolved_yaml,
)
from lingyu.recipe.kinds import KINDS, TASK

AWKWARD = [
    *[
        "no",
        "1e-4",
        "007",
        "肯定(好的)",
        'a"b',
        "a: b",
        "it's",
        "# x",
        "- x",
        "~",
        "null",
        "true",
        "",
        "、",
        "😀",
        "\\",
    ],
    *["[a]", "{a}", "&a", "*a", "<<", "?", "|", ">", "%a", "@a", "`", "a #b", "a, b", ":", "---", "..."],
    *[" a ", "a\nb", "a\tb", "\x85", "\u2028", "\ufeff", "\u3000", "\x7f", "\x00"],
]
TEXT = st.one_of(st.sampled_from(AWKWARD), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
NAMED = TEXT.filter(bool)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    names = draw(st.lists(NAMED, min_size=2, max_size=6, unique=True))
    values = draw(st.lists(TEXT, min_size=len(names), max_size=len(names), unique=True))
    weights = st.dictionaries(st.sampled_from(names), st.floats(min_value=1e-300, max_value=1e9), max_size=3)
    train: dict[str, Any] = {
        "learning_rate": draw(st.floats(min_value=1e-12, max_value=10)),
        "num_train_epochs": draw(st.integers(1, 10)),
        "bf16": draw(st.sampled_from(["auto", True, False])),
        "class_weights": draw(st.one_of(st.none(), st.just("balanced"), weights)),
        "max_steps": draw(st.one_of(st.none(), st.integers(1, 10**9))),
        "seed": draw(st.integers(0, 2**32 - 2)),
    }
    lora = {
        "target_modules": draw(st.one_of(st.just("auto"), st.lists(TEXT, min_size=1, max_size=3))),
        "init_lora_weights": draw(st.sampled_from([True, False, "pissa"])),
    }
    data = {
        "train": draw(NAMED),
        "text": draw(NAMED.filter(lambda name: name != "label")),
        "labels": dict(zip(values, names, strict=True)),
    }
    return Recipe.model_validate(
        {
            "name": "a",
            "task": "single_label",
            "base": draw(NAMED.filter(lambda name: not name.startswith(("/", "~")))),
            "data": data,
            "train": train,
            "lora": lora,
            "report_to": draw(st.sampled_from(["none", ["wandb"], "wandb"])),
            "card": {"source": draw(st.one_of(st.none(), TEXT))},
        }
    )


@given(recipes())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_resolved_recipe_reads_back_equal(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "resolved.yaml"
    path.write_bytes(resolved_yaml(recipe).encode())
    again = load_recipe(path)
    assert again == recipe
    assert list(again.data.labels.items()) == list(recipe.data.labels.items())
    assert differences(recipe, again) == []


def a_recipe(**data: Any) -> Recipe:
    labels = {"0": "负面", "1": "正面"}
    return Recipe.model_validate(
        {"name": "hotel", "task": "single_label", "data": {"train": "data/hotel.csv", "labels": labels, **data}}
    )


def test_a_resolved_recipe_has_every_key() -> None:
    text = resolved_yaml(a_recipe())
    for key in TASK.keys:
        if key.startswith("data.augment."):
            continue  # a section that this recipe leaves out
        assert f"{key.rpartition('.')[2]}:" in text
    assert '  labels:\n    "0": 负面\n    "1": 正面\n' in text
    assert "  learning_rate: 0.0005\n" in text
    assert "report_to: []\n" in text


def test_words_that_yaml_1_1_takes_for_truth_values_are_quoted() -> None:
    text = resolved_yaml(a_recipe(labels={"no": "否", "yes": "on"}))
    assert '"no": 否' in text
    assert '"yes": "on"' in text


def test_differences_name_dotted_keys_and_the_order_of_labels_counts() -> None:
    one = a_recipe()
    other = a_recipe(labels={"1": "正面", "0": "负面"}, split={"seed": 7})
    assert differences(one, one) == []
    assert differences(one, other) == ["data.split.seed", "data.labels"]


def test_whole_paths_of_this_machine_are_named_by_their_keys() -> None:
    document = {"task": "multi_label", "data": {"train": "data/a.csv", "label_separator": "/", "labels": ["好", "差"]}}
    document["data"] |= {"text": "/评论/正文"}  # a column
    card = {"license": "/usr/share/licenses/MIT"}
    assert path_notes(Recipe.model_validate({"name": "a", **document, "card": card})) == []
    document["data"] |= {"train": "/home/me/a.csv", "test": "b.csv"}
    (note,) = path_notes(Recipe.model_validate({"name": "a", **document, "publish": {"to": "/mnt/adapters"}}))
    assert note.startswith(
        "what is trained keeps its recipe, and so the paths of this machine in data.train, publish.to; "
    )
    corpora = {"corpus": ["raw", "/home/me/pages.txt:text"]}
    (note,) = path_notes(PretrainingRecipe.model_validate({"name": "a", "dapt": corpora, "publish": {"to": "b"}}))
    assert "in dapt.corpus; " in note


@pytest.mark.parametrize("path", ["~/a.csv", "~me/a.csv", "C:\\data\\a.csv", "d:/data/a.csv", r"\\server\share\a.csv"])
def test_a_home_and_a_drive_are_of_this_machine_too(path: str) -> None:
    (note,) = path_notes(a_recipe(train=path))
    assert "in data.train; " in note


@pytest.mark.parametrize("path", ["data/a.csv", "../a.csv", "team/reviews:hotel", "C:a.csv"])
def test_what_is_found_from_the_folder_you_are_in_is_not(path: str) -> None:
    assert path_notes(a_recipe(train=path)) == []


def test_the_json_schema_describes_every_key() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    definitions = schema["$defs"]
    for kind in KINDS.values():
        assert set(definitions[kind.model.__name__]["properties"]) == {"extends", *kind.model.model_fields}
        for key, field in kind.keys.items():
            section, _, name = key.rpartition(".")
            described = definitions[kind.sections[section].__name__]["properties"][name]
            assert described["description"] == field.description
    for definition in definitions.values():
        assert definition["additionalProperties"] is False
    types = {
        kind.get("type", kind.get("enum") and "enum")
        for kind in schema["$defs"]["Data"]["properties"]["labels"]["anyOf"]
    }
    assert types == {"object", "array"}  # fmt: skip


def test_the_json_schema_takes_the_kind_from_the_key_that_tells() -> None:
    told = json_schema()
    for key, name in (("task", "Recipe"), ("dapt", "PretrainingRecipe"), ("stages", "ChainRecipe")):
        assert told["if"] == {"required": [key]}
        assert told["then"] == {"$ref": f"#/$defs/{name}"}
        told = told["else"]
    assert told == {"$ref": "#/$defs/Recipe"}


def test_the_json_schema_asks_of_a_parent_nothing_and_of_a_stage_all() -> None:
    definitions = json_schema()["$defs"]
    assert definitions["Recipe"]["then"] == {"required": ["name", "task", "data"]}
    assert definitions["PretrainingRecipe"]["then"] == {"required": ["name", "dapt", "publish"]}
    for section in ("Data", "Dapt", "PublishBase"):
        assert "required" not in definitions[section]
    assert definitions["Stage"]["required"] == ["name"]
    assert definitions["CorpusStage"]["required"] == ["sources", "to"]


def test_a_key_is_explained_with_type_default_and_description_for_each_kind() -> None:
    assert explain("train.learning_rate") == (
        "train.learning_rate: number more than 0, at most 1000000000; default 0.0005\n"
        "    Peak rate. LoRA wants about ten times that of full fine-tuning.\n"
        "In a recipe with dapt:\n"
        "train.learning_rate: number more than 0, at most 1000000000; default 0.0002\n"
        "    Peak rate. scratch wants about 1e-3, lora 5e-4."
    )
    assert explain("stages.corpus.to") == "stages.corpus.to: text; needed\n    The folder of the corpus."
    assert explain("train.warmup_ratio").count("train.warmup_ratio") == 1
    assert explain("data.augment").splitlines()[:2] == [
        "data.augment: Changed copies of rows whose label is rare, for training alone; null for none.",
        "    Example: augment: {share: 0.1, max_copies: 4}",
    ]
    assert explain("task").startswith("task: single_label or multi_label or token or")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("data.labels", "; needed, except for regression and preference, which have none\n"),
        ("data.clean", "; default [html, control, width], of token [width]\n"),
        ("train.metric_for_best_model", "; default the first of the task's\n"),
        ("train.metric_for_best_model", "; regression pearson, mae, rmse; preference accuracy)"),
    ],
)
def test_what_goes_by_the_task_is_explained_so(key: str, says: str) -> None:
    assert says in explain(key)


def test_a_section_is_explained_with_all_its_keys() -> None:
    text = explain("data")
    for name in TASK.keys_of("data"):
        assert f"data.{name}: " in text


def test_every_key_can_be_explained() -> None:
    for kind in KINDS.values():
        for key in kind.keys:
            assert explain(key).startswith(f"{key}: ")
    assert explain("extends").startswith("extends: text\n    A recipe, relative to this file")


def test_an_unknown_key_is_explained_with_the_one_that_was_meant() -> None:
    with pytest.raises(LingyuError, match=r"train.lr: no such key. Did you mean train.learning_rate\?"):
        explain("train.lr")
