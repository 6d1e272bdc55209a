"""A chain with the recipes that its stages name: what is wrong with any of them is told before the first stage runs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lingyu.errors import Faults, LingyuError

from .chaining import ChainRecipe, Stage
from .document import COMMAND_LINE
from .pretraining import PretrainingRecipe
from .reading import Loaded, load_any, load_chain_with_origins, load_recipe
from .schema import Recipe
from .writing import overrides_of


@dataclass(frozen=True)
class WholeChain:
    """recipes: by the name of the stage that runs them, with what the stage sets."""

    chain: ChainRecipe
    recipes: Mapping[str, Recipe | PretrainingRecipe]


def load_whole_chain(path: Path | str) -> WholeChain:
    """A chain and the recipes of its stages, which are looked for from the chain's own folder.

    Raises Faults with everything that is wrong: with the chain, as load_chain does; or else with the recipes, each
    fault at the line of the stage that names it.
    """
    loaded = load_chain_with_origins(path)
    recipes: dict[str, Recipe | PretrainingRecipe] = {}
    faults: list[LingyuError] = []
    for index, stage in enumerate(loaded.recipe.stages):
        try:
            recipe = _recipe_of(stage, Path(path).parent)
        except LingyuError as error:
            faults += _at_the_stage(error, loaded, index)
        else:
            if recipe is not None:
                recipes[stage.name] = recipe
    if faults:
        raise Faults(faults)
    return WholeChain(loaded.recipe, recipes)


def _recipe_of(stage: Stage, folder: Path) -> Recipe | PretrainingRecipe | None:
    """What a stage runs; None where it runs no recipe. That of an evaluation is read, as it will be."""
    if stage.evaluate is not None:
        load_recipe(_beside(folder, stage.evaluate.recipe))
    if stage.recipe is None:
        return None
    recipe = load_any(_beside(folder, stage.recipe), overrides_of(stage))
    if isinstance(recipe, ChainRecipe):
        what = f"{stage.recipe} is a chain itself, and chains are not nested"
        raise LingyuError(what, next="Name its stages here")
    return recipe


def _beside(folder: Path, name: str) -> Path:
    return Path(os.path.normpath(folder / name))


def _at_the_stage(error: LingyuError, loaded: Loaded[ChainRecipe], index: int) -> list[LingyuError]:
    """The faults of a stage's recipe at the line that names it, or that sets what is wrong."""
    told = []
    for fault in error.faults if isinstance(error, Faults) else [error]:
        key = "set" if fault.where == COMMAND_LINE else "recipe"
        if loaded.recipe.stages[index].evaluate is not None:
            key = "evaluate.recipe"
        elsewhere = f"{fault.where}: " if key != "set" and fault.where else ""
        told.append(
            LingyuError(f"stages.{key}: {elsewhere}{fault.what}", loaded.origins[f"stages.{index}.{key}"], fault.next)
        )
    return told
