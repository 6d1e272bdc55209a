"""What a recipe's keys may say for each way to train."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .task_rules import TASK_RULES

if TYPE_CHECKING:
    from .schema import Recipe, Rule

_CLASSES = tuple(task for task, rules in TASK_RULES.items() if rules.labels_a_row == "one")


def rules_of_method(recipe: "Recipe") -> Iterator["Rule"]:
    """What has to hold between method, quantization, augment and the other keys."""
    method, lora, train = recipe.method, recipe.lora, recipe.train
    what = f"method: {method} trains no LoRA; leave lora out, or write lora: null where a parent has it"
    yield method == "lora" or lora == type(lora)(), "lora", what
    what = f"the layers of method: {method} share one rate; layerwise_lr_decay is for method: full"
    yield method == "full" or train.layerwise_lr_decay is None, "train.layerwise_lr_decay", what
    four_bit = recipe.quantization is not None
    what = "method: full trains the weights that quantization freezes in 4 bits; leave one of them out"
    yield not (four_bit and method == "full"), "quantization", what
    what = f"init_lora_weights: {lora.init_lora_weights} moves weights of the base, which quantization holds in 4 bits"
    yield not (four_bit and lora.changes_base), "lora.init_lora_weights", what
    what = f"the rows of {recipe.task} have no one label that could be rare; augment is for {' and '.join(_CLASSES)}"
    yield recipe.task in _CLASSES or recipe.data.augment is None, "data.augment", what
    both = recipe.data.augment is not None and train.class_weights == "balanced"
    what = (
        "augment and class_weights: balanced would both make up for what is rare, twice as much; "
        "leave out augment, or set train.class_weights=null"
    )
    yield not both, "train.class_weights", what
