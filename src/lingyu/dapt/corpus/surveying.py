"""What a recipe's pretraining reads, and a first way through it: the gate, the counts, what is held out."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from lingyu.bases import Base
from lingyu.digests import json_sha256
from lingyu.errors import LingyuError
from lingyu.recipe import Dapt
from lingyu.reporting import Report
from lingyu.text import Hashes

from .gate import Excluded, load_test_sets
from .held_out import Division, distinct_of, divide
from .reading import ReadCounts, Reading
from .segmenters import Segmenter, segmenter_for
from .sources import Source, find_sources

_FORMAT: Final = 2  # raised when the same texts are read, divided or encoded differently


@dataclass(frozen=True, eq=False)
class CorpusInputs:
    """The sources, test sets and segmenter of a recipe, each found and whole.

    learnt: ascending, content hashes of the texts that the base was trained on, as far as it says.
    """

    sources: tuple[Source, ...]
    general: tuple[Source, ...]
    excluded: tuple[Excluded, ...]
    drops: bool
    held_out: float
    learnt: Hashes
    segmenter: Segmenter

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that says which texts are trained and measured on, and what is recorded of them.

        Not of the segmenter, which cuts them.
        """
        asked = {
            "format": _FORMAT,
            "corpus": [_identity(source) for source in self.sources],
            "general": [_identity(source) for source in self.general],
            "excluded": [
                (each.name, each.fingerprint, hashlib.sha256(each.hashes.tobytes()).hexdigest(), each.steps)
                for each in self.excluded
            ],
            "drops": self.drops,
            "held_out": self.held_out,
            "learnt": hashlib.sha256(self.learnt.tobytes()).hexdigest(),
        }
        return json_sha256(asked)

    @property
    def where(self) -> str:
        return ", ".join(source.given for source in self.sources)


@dataclass(frozen=True, eq=False)
class Survey:
    """counts: of the corpus. texts: that are left to train on and to hold out."""

    counts: ReadCounts
    division: Division
    texts: int


def find_inputs(dapt: Dapt, parent: Base | None) -> CorpusInputs:
    """parent: the base that goes on learning, or a student's teacher.

    Raises LingyuError for a source, test set or dictionary that is not there, damaged, or of no known form.
    """
    segmenter = segmenter_for(dapt.segmenter, dapt.user_dict)
    sources = find_sources(dapt.corpus, dapt.clean, "dapt.corpus")
    return CorpusInputs(
        sources=sources,
        general=find_sources(dapt.general, dapt.clean, "dapt.general"),
        excluded=_test_sets(dapt, sources),
        drops=dapt.drop_test_texts,
        held_out=dapt.held_out,
        learnt=parent.learnt_hashes if parent else np.zeros(0, dtype=np.int64),
        segmenter=segmenter,
    )


def vocabulary_inputs(dapt: Dapt, inputs: CorpusInputs) -> CorpusInputs:
    """What a vocabulary is counted on: dapt.vocabulary_from, else the corpus. inputs: the recipe's own.

    Raises LingyuError as find_inputs does.
    """
    if dapt.vocabulary_from in ((), dapt.corpus):
        return inputs
    sources = find_sources(dapt.vocabulary_from, dapt.clean, "dapt.vocabulary_from")
    return replace(inputs, sources=sources, general=(), excluded=_test_sets(dapt, sources))


def _test_sets(dapt: Dapt, sources: tuple[Source, ...]) -> tuple[Excluded, ...]:
    """With the forms in which these sources may hold their texts."""
    return load_test_sets(dapt.exclude, tuple(dict.fromkeys(source.steps for source in sources)))


def survey(inputs: CorpusInputs, report: Report) -> Survey:
    """Raises LingyuError where the corpus has no text, or hardly one, and with status 1 where test texts stand in it
    that are not to be dropped."""
    reading = Reading(inputs.sources, inputs.excluded)
    hashes = [batch.hashes for batch in reading.batches(report, "reading the corpus")]
    texts = sum(map(len, hashes))
    if not inputs.drops:
        reading.gate.require_none()
    counts = reading.counts
    if not texts:
        reasons = f"{counts.empty:,} empty, {sum(counts.removed):,} test texts"
        what = f"no text is left of {counts.read:,} ({reasons})" if counts.read else "an empty corpus"
        raise LingyuError(what, inputs.where, "Set dapt.corpus to files that hold text, a text a line")
    try:
        return Survey(counts, divide(distinct_of(hashes), inputs.held_out, inputs.learnt), texts)
    except LingyuError as error:
        raise LingyuError(error.what, inputs.where, error.next) from None


def _identity(source: Source) -> list[object]:
    return [source.name, source.kind, source.fingerprint, [part.model_dump() for part in source.parts], source.steps]
