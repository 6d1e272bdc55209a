"""A chain with the recipes that its stages name: what is wrong with any of them is told before the first stage runs."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lingyu.errors import Faults, LingyuError

from .chaining import ChainRecipe, EvaluateStage, Stage
from .document import COMMAND_LINE
from .pretraining import PretrainingRecipe
from .reading import Loaded, load_any, load_chain_with_origins, load_recipe
from .training import Recipe
from .writing import overrides_of


@dataclass(frozen=True)
class StageRecipe:
    """The recipe that a stage runs or, where it measures, that says which rows.

    file: as a command that is started from the same folder finds it. overrides: what a stage sets, as such a command's
    words.
    """

    file: Path
    overrides: tuple[str, ...]
    recipe: Recipe | PretrainingRecipe


@dataclass(frozen=True)
class WholeChain:
    """recipes: by the name of the stage that has one."""

    chain: ChainRecipe
    recipes: Mapping[str, StageRecipe]


def load_whole_chain(path: Path | str) -> WholeChain:
    """A chain and the recipes of its stages, which are looked for from the chain's own folder.

    Raises Faults with everything that is wrong: with the chain, as load_recipe does; or else with the recipes, each
    fault at the line of the stage that names it.
    """
    loaded = load_chain_with_origins(path)
    folder = Path(path).parent
    recipes: dict[str, StageRecipe] = {}
    faults: list[LingyuError] = []
    for index, stage in enumerate(loaded.recipe.stages):
        try:
            if stage.recipe is not None:
                recipes[stage.name] = _run_by(stage, folder / stage.recipe)
            elif stage.evaluate is not None:
                before = loaded.recipe.stages[:index]
                recipes[stage.name] = _measured_by(stage.evaluate, folder, before, recipes)
        except LingyuError as error:
            faults += _at_the_stage(error, loaded, index)
    if faults:
        raise Faults(faults)
    return WholeChain(loaded.recipe, recipes)


def _run_by(stage: Stage, named: Path) -> StageRecipe:
    file, overrides = _plain(named), tuple(overrides_of(stage))
    recipe = load_any(file, overrides)
    if isinstance(recipe, ChainRecipe):
        what = f"{stage.recipe} is a chain itself, and chains are not nested"
        raise LingyuError(what, next="Name its stages here")
    if isinstance(recipe, Recipe) and not recipe.makes_adapter:
        what = f"{stage.recipe} has method: {recipe.method}: its model stays in its run, where no stage finds it"
        raise LingyuError(what, next=f"Train it alone: python train_lora.py {file}; or take method: lora, or head")
    return StageRecipe(file, overrides, recipe)


def _measured_by(
    measures: EvaluateStage, folder: Path, before: Sequence[Stage], recipes: Mapping[str, StageRecipe]
) -> StageRecipe:
    """With what the stage before it sets that trains this adapter by this recipe, or else the last one of this recipe:
    rows are measured on as they were trained on. recipes: of the stages before it that have a sound one."""
    file = _plain(folder / measures.recipe)
    trained = [stage for stage in before if stage.recipe is not None and _plain(folder / stage.recipe) == file]
    of_adapter = [stage for stage in trained if stage.name in recipes and _makes(recipes[stage.name].recipe, measures)]
    overrides = tuple(overrides_of((of_adapter or trained)[-1])) if trained else ()
    return StageRecipe(file, overrides, load_recipe(file, overrides))


def _makes(recipe: Recipe | PretrainingRecipe, measured: EvaluateStage) -> bool:
    """Whether it publishes the adapter that is measured, into that store."""
    is_store = _plain(Path(recipe.publish.to)) == _plain(Path(measured.store))
    return is_store and recipe.name == measured.adapter.partition("@")[0]


def _plain(path: Path) -> Path:
    return Path(os.path.normpath(path))


def _at_the_stage(error: LingyuError, loaded: Loaded[ChainRecipe], index: int) -> Iterator[LingyuError]:
    """The faults of a stage's recipe at the line that names it, or that sets what is wrong."""
    measures = loaded.recipe.stages[index].evaluate is not None
    for fault in error.faults if isinstance(error, Faults) else [error]:
        is_set = fault.where == COMMAND_LINE
        if is_set and measures:
            continue  # it is told at the stage that sets it
        key = "set" if is_set else "evaluate.recipe" if measures else "recipe"
        elsewhere = f"{fault.where}: " if fault.where and not is_set else ""
        where = loaded.origins[f"stages.{index}.{key}"]
        yield LingyuError(f"stages.{key}: {elsewhere}{fault.what}", where, fault.next)
