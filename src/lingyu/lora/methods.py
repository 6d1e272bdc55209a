"""The ways to train a classifier: LoRA and the head, the head alone, or everything."""

from torch import nn

from lingyu.bases import Base, Classifier
from lingyu.recipe import Recipe
from lingyu.training import Factor, layerwise, loraplus

from .attaching import attach_head, attach_lora


def trainable(classifier: Classifier, base: Base, recipe: Recipe) -> nn.Module:
    """The model as it is before the first step: what the recipe's method trains wants a gradient, nothing else does.

    An adapter on the classifier, or for method: full the classifier itself. Raises LingyuError as attach_lora.
    """
    if recipe.method == "full":
        return classifier.model
    attached: nn.Module = (
        attach_head(classifier, base) if recipe.method == "head" else attach_lora(classifier, base, recipe.lora)
    )
    return attached


def rate_factor(model: nn.Module, base: Base, recipe: Recipe) -> Factor:
    """What a parameter's learning rate is multiplied by, by its name."""
    if recipe.method != "full":
        return loraplus(recipe.lora.loraplus_lr_ratio)
    names = [name for name, _ in model.named_parameters()]
    head = {*base.family.leaves, *base.family.fixed}
    return layerwise(names, head, recipe.train.layerwise_lr_decay)
