"""Text of no domain, on which forgetting is measured: a part by content hash, none of which stands in the corpus."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.reporting import Report
from lingyu.text import Hashes, in_sorted

from .held_out import FEWEST_TEXTS, MOST_TEXTS
from .reading import ReadCounts, Reading
from .surveying import CorpusInputs


@dataclass(frozen=True, eq=False)
class GeneralTexts:
    """texts: distinct, of the smallest content hashes, by hash. hashes: theirs. in_corpus: texts that were left out for
    the corpus."""

    texts: tuple[str, ...]
    hashes: Hashes
    counts: ReadCounts
    in_corpus: int


def draw_general(inputs: CorpusInputs, corpus: Hashes, report: Report) -> GeneralTexts:
    """corpus: ascending, the content hashes of what is trained on and held out. Holds a few thousand texts at a time.

    Texts that the base was trained on are drawn only where hardly another is there. Raises LingyuError where no text is
    left.
    """
    reading = Reading(inputs.general)
    new, any_text = _Smallest(), _Smallest()
    in_corpus = 0
    for batch in reading.batches(report, "reading general text"):
        outside = ~in_sorted(batch.hashes, corpus)
        in_corpus += int(np.count_nonzero(~outside))
        any_text.add(batch.texts, batch.hashes, outside)
        new.add(batch.texts, batch.hashes, outside & ~in_sorted(batch.hashes, inputs.learnt))
    drawn = (new if len(new.texts) >= FEWEST_TEXTS else any_text).texts
    if not drawn:
        where = ", ".join(source.given for source in inputs.general)
        read = reading.counts.read
        what = f"no text is left of {read:,}: {in_corpus:,} stand in the corpus, the others are empty"
        raise LingyuError(what, where, "Set dapt.general to other text, or leave it out")
    hashes = np.array(sorted(drawn), dtype=np.int64)
    return GeneralTexts(tuple(drawn[key] for key in hashes.tolist()), hashes, reading.counts, in_corpus)


class _Smallest:
    """texts: by content hash, of the smallest hashes, MOST_TEXTS at most."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self._bound = np.iinfo(np.int64).max

    def add(self, texts: Sequence[str], hashes: Hashes, may: NDArray[np.bool_]) -> None:
        for at in np.flatnonzero(may & (hashes <= self._bound)).tolist():
            self.texts.setdefault(int(hashes[at]), texts[at])
        if len(self.texts) > MOST_TEXTS:
            self.texts = dict(sorted(self.texts.items())[:MOST_TEXTS])
            self._bound = max(self.texts)
