"""Ways to train that exclude each other are told before torch is waited for."""

import pytest

from lingyu.recipe import Lora, Recipe
from lingyu.recipe.section import RulesError

LABELS = {"0": "负面", "1": "正面"}


def recipe(task: str = "single_label", data: dict[str, object] | None = None, **sections: object) -> Recipe:
    rows = {"train": "train.csv", "labels": LABELS, **(data or {})}
    return Recipe.model_validate({"name": "hotel", "task": task, "data": rows, **sections})


@pytest.mark.parametrize(
    ("sections", "key", "says"),
    [
        (
            {"method": "head", "lora": {"r": 4}},
            "lora",
            "method: head trains no LoRA; leave lora out, or write lora: null",
        ),
        ({"method": "full", "lora": {"use_dora": True}}, "lora", "method: full trains no LoRA"),
        ({"train": {"layerwise_lr_decay": 0.9}}, "train.layerwise_lr_decay", "layerwise_lr_decay is for method: full"),
        ({"method": "full", "quantization": "nf4"}, "quantization", "leave one of them out"),
        (
            {"quantization": "nf4", "lora": {"init_lora_weights": "pissa"}},
            "lora.init_lora_weights",
            "init_lora_weights: pissa moves weights of the base, which quantization holds in 4 bits",
        ),
        (
            {"data": {"augment": {}}, "train": {"class_weights": "balanced"}},
            "train.class_weights",
            "twice as much; leave out augment, or set train.class_weights=null",
        ),
        ({"task": "multi_label", "data": {"augment": {}}}, "data.augment", "augment is for single_label and ordinal"),
    ],
)
def test_what_excludes_each_other_is_a_sentence_at_its_key(sections: dict[str, object], key: str, says: str) -> None:
    with pytest.raises(ValueError, match="1 validation error") as caught:
        recipe(**sections)  # type: ignore[arg-type]
    (fault,) = caught.value.errors()  # type: ignore[attr-defined]
    rules = fault["ctx"]["error"]
    assert isinstance(rules, RulesError)
    assert [where for where, _ in rules.rules] == [key]
    assert says in rules.rules[0][1]


def test_all_is_off_by_default() -> None:
    plain = recipe()
    assert (plain.method, plain.quantization, plain.data.augment) == ("lora", None, None)
    assert (plain.train.fgm_epsilon, plain.train.layerwise_lr_decay) == (None, None)


def test_lora_null_takes_back_what_a_parent_says() -> None:
    assert recipe(lora=None, method="full").lora == Lora()
