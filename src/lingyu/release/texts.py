"""Which texts a gate compares two models on: those that were named, else the recipe's dev rows, else our own.

Only the recipe's rows have second texts of their own. Any other text is read beside the one that follows it, where the
adapter reads two: what two models make of it says as much.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lingyu.errors import LingyuError
from lingyu.store import Version
from lingyu.text import clean, content_hashes

from .dev_rows import dev_rows_now
from .sentences import SENTENCES, beside_the_next

_SOME = 1000
"""Of rows that prove nothing by being those, so many at most, from all over the file."""


@dataclass(frozen=True)
class GateTexts:
    """texts: after the version's text steps. source: in words, without a path. note: why it is no better one.

    pairs: a second text for each, where the version reads two.
    """

    source: str
    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None = None
    note: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the sorted content hashes: proves which texts they were, and tells none of them."""
        hashes = np.sort(content_hashes((*self.texts, *(self.pairs or ()))))
        return hashlib.sha256(hashes.astype("<i8").tobytes()).hexdigest()


def gate_texts(version: Version, given: Sequence[str] | None = None) -> GateTexts:
    """given: texts that the user named. Raises LingyuError where there are some, but none with a character."""
    steps = version.manifest.text_steps
    if given is not None:
        return _with_pairs(version, GateTexts("texts that were given", _cleaned(given, steps)))
    try:
        dev = dev_rows_now(version)
    except LingyuError as error:
        note = f"the dev split is not at hand: {error}"
        return _with_pairs(version, GateTexts("sentences of lingyu", _cleaned(SENTENCES, steps), note=note))
    # the rows were cleaned as they were read, and none is without a character
    if dev.are_those:
        return GateTexts("dev split of the recipe", dev.part.texts, dev.part.pairs)
    some = dev.part.take(np.arange(0, dev.part.rows, -(-dev.part.rows // _SOME)))
    note = f"{dev.source}: the rows have changed since the training; here they are texts like any other"
    return GateTexts("dev rows of the recipe, changed since the training", some.texts, some.pairs, note)


def _with_pairs(version: Version, texts: GateTexts) -> GateTexts:
    return replace(texts, pairs=beside_the_next(texts.texts)) if version.manifest.text_pair else texts


def _cleaned(texts: Sequence[str], steps: Sequence[str]) -> tuple[str, ...]:
    cleaned = tuple(text for text in (clean(text, steps) for text in texts) if text)
    if not cleaned:
        raise LingyuError("none of the texts has a character", next="Give texts like those that it will answer")
    return cleaned
