"""What a recipe's pretraining reads, and a first way through it: the gate, the counts, what is held out."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from lingyu.errors import LingyuError
from lingyu.recipe import Dapt
from lingyu.reporting import Report

from .gate import Excluded, load_test_sets
from .held_out import Division, divide
from .reading import ReadCounts, Reading
from .sources import Source, find_sources

_FORMAT: Final = 1  # raised when the same texts are read, divided or encoded differently


@dataclass(frozen=True, eq=False)
class CorpusInputs:
    """The sources and test sets of a recipe, each found and whole."""

    sources: tuple[Source, ...]
    general: tuple[Source, ...]
    excluded: tuple[Excluded, ...]
    drops: bool
    held_out: float

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that says which texts are trained and measured on, and what is recorded of them."""
        asked = {
            "format": _FORMAT,
            "corpus": [_identity(source) for source in self.sources],
            "general": [_identity(source) for source in self.general],
            "excluded": [
                (excluded.name, excluded.fingerprint, hashlib.sha256(excluded.hashes.tobytes()).hexdigest())
                for excluded in self.excluded
            ],
            "drops": self.drops,
            "held_out": self.held_out,
        }
        return hashlib.sha256(json.dumps(asked).encode("ascii")).hexdigest()

    @property
    def where(self) -> str:
        return ", ".join(source.given for source in self.sources)


@dataclass(frozen=True, eq=False)
class Survey:
    """counts: of the corpus. texts: that are left to train on and to hold out."""

    counts: ReadCounts
    division: Division
    texts: int


def find_inputs(dapt: Dapt) -> CorpusInputs:
    """Raises LingyuError for a source or test set that is not there, damaged, or of no known form."""
    sources = find_sources(dapt.corpus, dapt.clean, "dapt.corpus")
    general = find_sources(dapt.general, dapt.clean, "dapt.general")
    steps = dict.fromkeys(source.steps for source in sources)
    excluded = load_test_sets(dapt.exclude, tuple(steps))
    return CorpusInputs(sources, general, excluded, dapt.drop_test_texts, dapt.held_out)


def survey(inputs: CorpusInputs, report: Report) -> Survey:
    """Raises LingyuError where the corpus has no text, or hardly one, and with status 1 where test texts stand in it
    that are not to be dropped."""
    reading = Reading(inputs.sources, inputs.excluded)
    hashes = [batch.hashes for batch in reading.batches(report, "reading the corpus")]
    if not inputs.drops:
        reading.gate.require_none()
    counts = reading.counts
    texts = sum(map(len, hashes))
    if not texts:
        reasons = f"{counts.empty:,} empty, {sum(counts.removed):,} test texts"
        what = f"no text is left of {counts.read:,} ({reasons})" if counts.read else "an empty corpus"
        raise LingyuError(what, inputs.where, "Set dapt.corpus to files that hold text, a text a line")
    try:
        return Survey(counts, divide(np.concatenate(hashes), inputs.held_out), texts)
    except LingyuError as error:
        raise LingyuError(error.what, inputs.where, error.next) from None


def _identity(source: Source) -> list[object]:
    return [source.name, source.kind, source.fingerprint, [part.model_dump() for part in source.parts], source.steps]
