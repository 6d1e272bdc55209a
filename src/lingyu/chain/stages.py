"""The stages of a chain, resolved: what each reads, what it leaves, and the words of the process that does it."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Literal

from lingyu.data import shown_name
from lingyu.errors import Faults, LingyuError, did_you_mean
from lingyu.recipe import (
    RUNS,
    ChainRecipe,
    CorpusStage,
    EvaluateStage,
    PretrainingRecipe,
    Recipe,
    Stage,
    WholeChain,
    load_whole_chain,
)

from .sources import Reads, of_adapter, of_pretraining, of_rows, of_texts, of_training, settings_of, together
from .state import Inputs
from .targets import AdapterTarget, PlaceTarget, Target, base_target, corpus_target, file_target

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
    whole = load_whole_chain(path)
    jobs: list[Job] = []
    faults: list[LingyuError] = []
    for stage in whole.chain.stages:
        try:
            jobs.append(_job(stage, whole))
        except LingyuError as error:
            faults += error.faults if isinstance(error, Faults) else [error]
    faults += _one_place_left_at_twice(jobs, path)
    if faults:
        raise Faults(faults)
    return Chain(path, whole.chain, tuple(jobs))


def _one_place_left_at_twice(jobs: Sequence[Job], path: Path) -> Iterator[LingyuError]:
    """A store takes version after version; a folder or file has room for one output."""
    first: dict[Path, Job] = {}
    for job in jobs:
        if isinstance(job.target, PlaceTarget):
            place = Path(os.path.normpath(job.target.place))
            other = first.setdefault(place, job)
            if other is not job:
                what = f"stages {other.name} and {job.name} both leave at {place}"
                yield LingyuError(what, path, "Give one of them another place, in its publish.to or corpus.to")


def _job(stage: Stage, whole: WholeChain) -> Job:
    if stage.corpus is not None:
        return _corpus_job(stage.name, stage.corpus)
    read = whole.recipes[stage.name]
    words = (str(read.file), *read.overrides)
    if isinstance(read.recipe, PretrainingRecipe):
        return _dapt_job(stage.name, read.recipe, words)
    if stage.evaluate is not None:
        return _evaluate_job(stage.name, stage.evaluate, read.recipe, words, RUNS / whole.chain.name)
    return _train_job(stage.name, read.recipe, words)


def _train_job(name: str, recipe: Recipe, words: tuple[str, ...]) -> Job:
    target = AdapterTarget(Path(recipe.publish.to), recipe)
    return Job(name, "train", of_training(recipe), target, words, recipe=recipe)


def _dapt_job(name: str, recipe: PretrainingRecipe, words: tuple[str, ...]) -> Job:
    reads, target = of_pretraining(recipe), base_target(recipe)
    return Job(name, "dapt", reads, target, words, replacing=(_REPLACE,), recipe=recipe)


def _corpus_job(name: str, stage: CorpusStage) -> Job:
    words = [*map(_no_option, stage.sources), "--out", stage.to, "--text", stage.text, "--encoding", stage.encoding]
    for excluded in stage.exclude:
        words += ["--exclude", excluded]
    if stage.clean is not None:
        words += ["--steps", ",".join(stage.clean)]
    if stage.licence is not None:
        for source in stage.sources:
            words += ["--licence", f"{shown_name(Path(source))}={stage.licence}"]
    reads = together([Reads(settings_of(stage, "corpus.")), of_texts((*stage.sources, *stage.exclude))])
    return Job(name, "corpus", reads, corpus_target(Path(stage.to)), tuple(words), replacing=("--force",))


def _no_option(path: str) -> str:
    return f"./{path}" if path.startswith("-") else path


def _evaluate_job(name: str, stage: EvaluateStage, recipe: Recipe, words: tuple[str, ...], folder: Path) -> Job:
    target = folder / f"{name}.json"
    settings = settings_of(stage, "evaluate.") | settings_of(recipe.data, "data.")
    reads = together([Reads(settings), of_rows(recipe.data), of_adapter(stage.store, stage.adapter)])
    asked = (stage.adapter, *words, "--store", stage.store, "--to", str(target))
    return Job(name, "evaluate", reads, file_target(target), asked)


def require_stage(chain: Chain, name: str) -> int:
    """The place of a stage among the others. Raises LingyuError where there is none of that name."""
    names = [job.name for job in chain.jobs]
    if name in names:
        return names.index(name)
    near = did_you_mean(name, names)
    hint = f"Did you mean {near}?" if near else f"There are {', '.join(names)}"
    raise LingyuError(f"there is no stage {name!r:.80}", where=chain.path, next=hint)
