"""Which texts a gate compares two models on: those that were named, else the recipe's dev split, else our own."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lingyu.errors import LingyuError
from lingyu.store import Version
from lingyu.text import clean, content_hashes

from .dev_rows import dev_rows_of
from .sentences import SENTENCES


@dataclass(frozen=True)
class GateTexts:
    """texts: after the version's text steps. source: in words, without a path. note: why it is no better one."""

    source: str
    texts: tuple[str, ...]
    note: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the sorted content hashes: proves which texts they were, and tells none of them."""
        return hashlib.sha256(np.sort(content_hashes(self.texts)).astype("<i8").tobytes()).hexdigest()


def gate_texts(version: Version, given: Sequence[str] | None = None) -> GateTexts:
    """given: texts that the user named. Raises LingyuError where there are some, but none with a character."""
    steps = version.manifest.text_steps
    if given is not None:
        return GateTexts("texts that were given", _cleaned(given, steps))
    try:
        return GateTexts("dev split of the recipe", _cleaned(dev_rows_of(version).texts, steps))
    except LingyuError as error:
        return GateTexts("sentences of lingyu", _cleaned(SENTENCES, steps), f"the dev split is not at hand: {error}")


def _cleaned(texts: Sequence[str], steps: Sequence[str]) -> tuple[str, ...]:
    cleaned = tuple(text for text in (clean(text, steps) for text in texts) if text)
    if not cleaned:
        raise LingyuError("none of the texts has a character", next="Give texts like those that it will answer")
    return cleaned
