"""The stages of a chain, resolved: what each reads, what it leaves, and the words of the process that does it."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Literal

from lingyu.errors import Faults, LingyuError, did_you_mean
from lingyu.recipe import (
    ChainRecipe,
    CorpusStage,
    EvaluateStage,
    PretrainingRecipe,
    Recipe,
    Stage,
    kind_of,
    load_chain,
    load_pretraining,
    load_recipe,
    overrides_of,
)

from .sources import Reads, of_adapter, of_pretraining, of_rows, of_texts, of_training, settings_of, together
from .state import STATE, Inputs
from .targets import AdapterTarget, Target, base_target, corpus_target, file_target

RUNS = Path("runs")
Kind = Literal["corpus", "dapt", "train", "evaluate"]
_REPLACE = "publish.replace=true"


@dataclass(frozen=True)
class Job:
    """One stage, ready to be done.

    words: of its command line, after the program. replacing: words added where the chain's own output lies in the way.
    recipe: the one that it runs, of which it makes runs.
    """

    name: str
    kind: Kind
    reads: Reads
    target: Target
    words: tuple[str, ...]
    replacing: tuple[str, ...] = ()
    recipe: Recipe | PretrainingRecipe | None = None

    def recipe_when(self, *, replacing: bool) -> Recipe | PretrainingRecipe | None:
        """The recipe as its process reads it, with the words of replacing or without."""
        if replacing and isinstance(self.recipe, PretrainingRecipe):
            publish = self.recipe.publish.model_copy(update={"replace": True})
            return self.recipe.model_copy(update={"publish": publish})
        return self.recipe

    def inputs(self) -> Inputs:
        """Everything that it reads, as that is now. A base of a hub may be fetched for it."""
        settings = {**self.reads.settings, "lingyu": json.dumps(installed_version("lingyu"))}
        return Inputs(settings=settings, contents={source.label: source.fingerprint() for source in self.reads.sources})

    def reads_of(self, other: "Job") -> bool:
        """Whether it reads what another leaves."""
        return any(source.is_in(other.target.place) for source in self.reads.sources)


@dataclass(frozen=True)
class Chain:
    """A chain's file, read with every recipe that it names. folder: of its state and measurements."""

    path: Path
    recipe: ChainRecipe
    jobs: tuple[Job, ...]

    @property
    def folder(self) -> Path:
        return RUNS / self.recipe.name


def read_chain(path: Path) -> Chain:
    """Raises LingyuError for everything that is wrong with the file and the recipes that it names, all at once."""
    recipe = load_chain(path)
    jobs: list[Job] = []
    faults: list[LingyuError] = []
    for stage in recipe.stages:
        try:
            jobs.append(_job(stage, path.parent, recipe))
        except LingyuError as error:
            faults += error.faults if isinstance(error, Faults) else [error]
    if faults:
        raise Faults(faults) if len(faults) > 1 else faults[0]
    return Chain(path, recipe, tuple(jobs))


def _job(stage: Stage, beside: Path, chain: ChainRecipe) -> Job:
    if stage.corpus is not None:
        return _corpus_job(stage.name, stage.corpus)
    if stage.evaluate is not None:
        return _evaluate_job(stage.name, stage.evaluate, beside, chain)
    assert stage.recipe is not None, "the schema asks for one of the three"
    file, overrides = _beside(beside, stage.recipe), tuple(overrides_of(stage))
    kind = kind_of(file)
    if kind == "stages":
        what = "a chain, which can't be a stage of one"
        raise LingyuError(f"stage {stage.name}: {what}", where=file, next="Write its stages into this one")
    return (_dapt_job if kind == "dapt" else _train_job)(stage.name, file, overrides)


def _beside(folder: Path, name: str) -> Path:
    return Path(os.path.normpath(folder / name))


def _train_job(name: str, file: Path, overrides: Sequence[str]) -> Job:
    recipe = load_recipe(file, overrides)
    target = AdapterTarget(Path(recipe.publish.to), recipe)
    return Job(name, "train", of_training(recipe), target, (str(file), *overrides), recipe=recipe)


def _dapt_job(name: str, file: Path, overrides: Sequence[str]) -> Job:
    recipe = load_pretraining(file, overrides)
    return Job(
        name,
        "dapt",
        of_pretraining(recipe),
        base_target(recipe),
        (str(file), *overrides),
        replacing=(_REPLACE,),
        recipe=recipe,
    )


def _corpus_job(name: str, stage: CorpusStage) -> Job:
    words = [*map(_no_option, stage.sources), "--out", stage.to, "--text", stage.text, "--encoding", stage.encoding]
    for excluded in stage.exclude:
        words += ["--exclude", excluded]
    if stage.clean is not None:
        words += ["--steps", ",".join(stage.clean)]
    if stage.licence is not None:
        for source in stage.sources:
            words += ["--licence", f"{_name_in_manifest(Path(source))}={stage.licence}"]
    reads = together([Reads(settings_of(stage, "corpus.")), of_texts((*stage.sources, *stage.exclude))])
    return Job(name, "corpus", reads, corpus_target(Path(stage.to)), tuple(words), replacing=("--force",))


def _no_option(path: str) -> str:
    return f"./{path}" if path.startswith("-") else path


def _name_in_manifest(source: Path) -> str:
    """As a corpus's manifest calls a source: no path that leads out of the folder we are in."""
    return source.name if source.is_absolute() or ".." in source.parts else source.as_posix()


def _evaluate_job(name: str, stage: EvaluateStage, beside: Path, chain: ChainRecipe) -> Job:
    target = RUNS / chain.name / f"{name}.json"
    if target.name == STATE:
        raise LingyuError(f"stage {name}: its measurement would be {STATE}", next="Give the stage another name")
    file, overrides = _beside(beside, stage.recipe), _overrides_of_training(chain, stage.recipe)
    data = load_recipe(file, overrides).data
    settings = settings_of(stage, "evaluate.") | settings_of(data, "data.")
    reads = together([Reads(settings), of_rows(data), of_adapter(stage.store, stage.adapter)])
    words = (stage.adapter, str(file), *overrides, "--store", stage.store, "--to", str(target))
    return Job(name, "evaluate", reads, file_target(target), words)


def _overrides_of_training(chain: ChainRecipe, recipe: str) -> tuple[str, ...]:
    """What the chain's last stage with a recipe sets, so that its rows are measured on as they were trained on."""
    stages = [stage for stage in chain.stages if stage.recipe == recipe]
    return tuple(overrides_of(stages[-1])) if stages else ()


def require_stage(chain: Chain, name: str) -> int:
    """The place of a stage among the others. Raises LingyuError where there is none of that name."""
    names = [job.name for job in chain.jobs]
    if name in names:
        return names.index(name)
    near = did_you_mean(name, names)
    hint = f"Did you mean {near}?" if near else f"There are {', '.join(names)}"
    raise LingyuError(f"there is no stage {name!r:.80}", where=chain.path, next=hint)
