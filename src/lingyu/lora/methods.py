"""The ways to train a classifier, by the recipe's name for each: what learns, how fast, and what is left of it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from lingyu.bases import Base, Classifier
from lingyu.recipe import Recipe
from lingyu.training import Factor, layerwise, loraplus

from .attaching import attach_head, attach_lora
from .results import AdapterResult, Result, WholeModelResult


@dataclass(frozen=True)
class Method:
    """attach: the model as it is before the first step; what it trains wants a gradient, nothing else does. Raises
    LingyuError as attach_lora.

    rate_factor: what a parameter's learning rate is multiplied by, by its name. result: the form of what is left.
    short: for the name of a tracker's run, r8 or full.
    """

    attach: Callable[[Classifier, Base, Recipe], nn.Module]
    rate_factor: Callable[[nn.Module, Base, Recipe], Factor]
    result: Result
    short: Callable[[Recipe], str]


def _everything(classifier: Classifier, base: Base, recipe: Recipe) -> nn.Module:
    return classifier.model


def _of_lora(model: nn.Module, base: Base, recipe: Recipe) -> Factor:
    return loraplus(recipe.lora.loraplus_lr_ratio)


def _of_layers(model: nn.Module, base: Base, recipe: Recipe) -> Factor:
    names = [name for name, _ in model.named_parameters()]
    return layerwise(names, {*base.family.leaves, *base.family.fixed}, recipe.train.layerwise_lr_decay)


METHODS = {
    "lora": Method(
        attach=lambda classifier, base, recipe: attach_lora(classifier, base, recipe.lora),
        rate_factor=_of_lora,
        result=AdapterResult(),
        short=lambda recipe: f"r{recipe.lora.r}",
    ),
    "head": Method(
        attach=lambda classifier, base, recipe: attach_head(classifier, base),
        rate_factor=_of_lora,
        result=AdapterResult(),
        short=lambda recipe: "head",
    ),
    "full": Method(_everything, _of_layers, WholeModelResult(), short=lambda recipe: "full"),
}
"""By a recipe's `method`."""
