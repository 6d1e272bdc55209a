"""Text of no domain, on which forgetting is measured: a part by content hash, none of which stands in the corpus."""

from dataclasses import dataclass

import numpy as np

from lingyu.errors import LingyuError
from lingyu.reporting import Report
from lingyu.text import Hashes

from .held_out import MOST_TEXTS, in_sorted
from .reading import ReadCounts, Reading
from .surveying import CorpusInputs


@dataclass(frozen=True)
class GeneralTexts:
    """texts: distinct, of the smallest content hashes, by hash. in_corpus: texts that were left out for the corpus."""

    texts: tuple[str, ...]
    counts: ReadCounts
    in_corpus: int


def draw_general(inputs: CorpusInputs, corpus: Hashes, report: Report) -> GeneralTexts:
    """corpus: ascending, the content hashes of what is trained on and held out. Holds a few thousand texts at a time.

    Raises LingyuError where no text is left.
    """
    reading = Reading(inputs.general)
    drawn: dict[int, str] = {}
    bound = np.iinfo(np.int64).max
    in_corpus = 0
    for batch in reading.batches(report, "reading general text"):
        known = in_sorted(batch.hashes, corpus)
        in_corpus += int(known.sum())
        for at in np.flatnonzero(~known & (batch.hashes <= bound)).tolist():
            drawn.setdefault(int(batch.hashes[at]), batch.texts[at])
        if len(drawn) > MOST_TEXTS:
            drawn = dict(sorted(drawn.items())[:MOST_TEXTS])
            bound = max(drawn)
    if not drawn:
        where = ", ".join(source.given for source in inputs.general)
        read = reading.counts.read
        what = f"no text is left of {read:,}: {in_corpus:,} stand in the corpus, the others are empty"
        raise LingyuError(what, where, "Set dapt.general to other text, or leave it out")
    return GeneralTexts(tuple(drawn[key] for key in sorted(drawn)), reading.counts, in_corpus)
