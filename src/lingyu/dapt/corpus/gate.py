"""The gate for test texts: what a base was pretrained on must not be what an adapter is later tested on.

Same texts decide (content hashes). Texts that are near a test text, or hold one inside, are for `lingyu data corpus
--exclude`, which removes them too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingyu.data import ExcludedSet, load_excluded
from lingyu.errors import LingyuError
from lingyu.text import Hashes, clean, content_hashes, in_sorted

from .sources import Source

_COLUMN: Final = "text"
_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Excluded:
    """A set of dapt.exclude. hashes: ascending, of its texts in every form in which a corpus may hold them. steps: see
    ExcludedSet; what texts of a corpus go through to be compared once more."""

    given: str
    name: str
    fingerprint: str
    texts: int
    steps: tuple[str, ...]
    hashes: Hashes

    def holds(self, hashes: Hashes) -> NDArray[np.bool_]:
        """(hashes,) which of these content hashes are of a text of the set."""
        return in_sorted(hashes, self.hashes)


def load_test_sets(given: Sequence[str], steps: Sequence[Sequence[str]]) -> tuple[Excluded, ...]:
    """The sets that a recipe names. steps: each list of text steps that texts of the corpus went through.

    Raises LingyuError for what can't be read or holds no text.
    """
    loaded = load_excluded(given, _COLUMN, "utf-8", named_by="dapt.exclude: ")
    return tuple(_test_set(name, excluded, steps) for name, excluded in zip(given, loaded, strict=True))


def _test_set(given: str, excluded: ExcludedSet, steps: Sequence[Sequence[str]]) -> Excluded:
    versions = {clean(part, names) for names in [(), *steps] for part in excluded.parts}
    texts = len(np.unique(content_hashes(excluded.texts)))
    hashes = np.unique(content_hashes(versions))
    return Excluded(given, excluded.name, excluded.fingerprint, texts, excluded.steps, hashes)


class Gate:
    """Takes the texts of a corpus as they come; `require_none` says at the end whether it may be trained on."""

    def __init__(self, sets: Sequence[Excluded], sources: Sequence[Source]) -> None:
        self._sets, self._sources = sets, sources
        self._steps = {test_set.steps for test_set in sets if test_set.steps}
        self._found = np.zeros((len(sources), len(sets)), dtype=np.int64)

    def removes(self, texts: Sequence[str], hashes: Hashes, source: int) -> NDArray[np.bool_]:
        """(texts,) which must not be trained on. hashes: theirs. source: their place among the sources. Counts them."""
        removed = np.zeros(len(hashes), dtype=np.bool_)
        cleaned = {steps: content_hashes(clean(text, steps) for text in texts) for steps in self._steps}
        for number, test_set in enumerate(self._sets):
            holds = test_set.holds(hashes)
            if test_set.steps:
                holds |= test_set.holds(cleaned[test_set.steps])
            of_set = holds & ~removed  # counted once, for the first set that has it
            self._found[source, number] += of_set.sum()
            removed |= of_set
        return removed

    @property
    def removed(self) -> tuple[int, ...]:
        """Texts for each set."""
        return tuple(self._found.sum(axis=0).tolist())

    def require_none(self) -> None:
        """Raises LingyuError with status 1, naming sets and counts, where a test text stands in the corpus."""
        leaks = [
            f"{source.given}: {count:,} {'text' if count == 1 else 'texts'} of the test set {test_set.given} "
            f"{'stands' if count == 1 else 'stand'} in the corpus"
            for source, counts in zip(self._sources, self._found.tolist(), strict=True)
            for test_set, count in zip(self._sets, counts, strict=True)
            if count
        ]
        if not leaks:
            return
        more = f"; {len(leaks) - _SHOWN} more like it" if len(leaks) > _SHOWN else ""
        names = " ".join(f"--exclude {test_set.given}" for test_set in self._sets)
        raise LingyuError(
            "; ".join(leaks[:_SHOWN]) + more,
            next="Set dapt.drop_test_texts=true to leave them out and count them, "
            f"or build the corpus with: lingyu data corpus {names}",
            status=1,
        )
