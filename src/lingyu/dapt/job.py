"""Everything that a pretraining knows before its first step: recipe, bases, corpus, how many steps it takes."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Protocol

from accelerate import PartialState

from lingyu.bases import Base, find_base
from lingyu.recipe import RUNS, PretrainingRecipe, path_notes
from lingyu.reporting import Report
from lingyu.training import Inputs, Precision, begin_process, chosen_precision, require_tracker

from .batches.batches import TextBatches
from .batches.composing import Composer
from .corpus.prepared import Corpus, prepare_corpus
from .corpus.surveying import CorpusInputs, find_inputs
from .lineage import stages_of
from .measuring import measuring_composer
from .publishing import holds_result_of, require_free
from .start.starts import scratch_start, student_base

ENCODED = RUNS / ".encoded"
STARTS = RUNS / ".starts"


class Progress(Protocol):
    """Opens a bar, or nothing, for work that says how far it is."""

    def __call__(self) -> AbstractContextManager[Report]: ...


@contextmanager
def no_progress() -> Iterator[Report]:
    yield lambda what, done, total: None


@dataclass(frozen=True)
class Job:
    """start: what is trained from. parent: the base that it came from, a student's teacher; None of mode scratch."""

    recipe: PretrainingRecipe
    start: Base
    parent: Base | None
    corpus: Corpus
    precision: Precision

    @property
    def inputs(self) -> Inputs:
        return Inputs(
            base_weights=self.start.weights_fingerprint,
            base_tokenizer=self.start.tokenizer_fingerprint,
            train=self.corpus.fingerprint,
            dev=None,
            num_processes=PartialState().num_processes,
            precision=self.precision.name,
        )

    @cached_property
    def composer(self) -> Composer:
        """Of what is learnt."""
        recipe = self.recipe
        return Composer.from_recipe(recipe.dapt, self.start.tokenizer, self.start.config.vocab_size, recipe.train.seed)

    @cached_property
    def measuring(self) -> Composer:
        return measuring_composer(self.recipe.dapt, self.start.tokenizer, self.start.config.vocab_size)

    @cached_property
    def batches(self) -> TextBatches:
        """Of one process without accumulation: whole optimiser steps."""
        train = self.recipe.train
        return TextBatches(self.corpus.train, train.tokens_per_batch, train.seed, specials=self.composer.specials)

    @property
    def steps_per_epoch(self) -> int:
        return len(self.batches)

    @property
    def tokens_per_step(self) -> float:
        return self.batches.plan.tokens / self.steps_per_epoch

    def tokens_of(self, steps: int) -> int:
        """Of the first so many steps, counted batch by batch where they end within an epoch."""
        epochs, left = divmod(steps, self.steps_per_epoch)
        self.batches.set_epoch(epochs)
        return epochs * self.batches.plan.tokens + sum(piece.batch_tokens for (piece,) in islice(self.batches, left))

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run, unless it stops early."""
        train = self.recipe.train
        return train.max_steps or math.ceil(train.num_train_epochs * self.steps_per_epoch)

    def lines(self) -> list[str]:
        """What a person wants to see before the wait."""
        return [
            *self.corpus.record.lines(),
            *path_notes(self.recipe),
            f"{self._start_in_words()}  weights {self.start.weights_fingerprint[:12]}  "
            f"tokenizer {self.start.tokenizer_fingerprint[:12]}",
            f"precision {self.precision.name} ({self.precision.why})  processes {PartialState().num_processes}",
            f"a step: {len(self.corpus.train) / self.steps_per_epoch:,.0f} texts, {self.tokens_per_step:,.0f} tokens "
            f"without padding; {self.steps_per_epoch:,} {'step' if self.steps_per_epoch == 1 else 'steps'} an epoch, "
            f"{self.steps:,} in all",
        ]

    def _start_in_words(self) -> str:
        """An encoder that was made for this run lies in the cache, under a name that says nothing."""
        start, parent = self.start, self.parent
        if parent is not None and parent.id == start.id:
            return f"base {start.id}"
        config = start.config
        kind = f"a student of {parent.id}" if parent else "a new encoder"
        return f"{kind}: {config.num_hidden_layers} layers, {config.hidden_size:,} wide, {config.vocab_size:,} entries"


def prepare(recipe: PretrainingRecipe, progress: Progress, *, resume: bool = False) -> Job:
    """Read, check and encode everything that training needs; the gates stand here, before any waiting.

    resume: what lies where the result is to go may be the result, of a run that only has to be finished.
    """
    begin_process()
    precision = chosen_precision(recipe.train)
    require_tracker(recipe.report_to)
    if not (resume and holds_result_of(recipe)):
        require_free(recipe.publish)
    parent = None if recipe.dapt.mode == "scratch" else find_base(recipe.base, recipe.revision)
    _require_history(parent)
    with progress() if PartialState().is_main_process else no_progress() as report:
        inputs = find_inputs(recipe.dapt, parent)
        start = _start(recipe, parent, inputs, report)
        start.require_length(recipe.train.max_length)
        corpus = prepare_corpus(inputs, start, _max_tokens(recipe), ENCODED, report)
    return Job(recipe, start, parent, corpus, precision)


def _require_history(parent: Base | None) -> None:
    """Raises LingyuError, before hours of training, where publishing could not say what the parent has behind it."""
    stages_of(parent)
    if parent is not None:
        _ = parent.lineage, parent.corpus_hashes


def _start(recipe: PretrainingRecipe, parent: Base | None, inputs: CorpusInputs, report: Report) -> Base:
    """The base folder whose weights the first step sees. The same for a resumed run: it is kept."""
    if parent is None:
        return scratch_start(recipe, inputs, STARTS, report)
    if recipe.dapt.mode == "distil":
        return student_base(recipe, parent, inputs, ENCODED, STARTS, report)
    return parent


def _max_tokens(recipe: PretrainingRecipe) -> int:
    """Of a text, special tokens left out: [CLS] and a [SEP] behind each half where two halves are told apart."""
    return recipe.train.max_length - (3 if "sentence_order" in recipe.dapt.objective else 2)
