"""One way through the texts of a corpus: clean, without the empty ones and those of test sets, each one counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lingyu.errors import LingyuError
from lingyu.reporting import Report
from lingyu.text import Hashes, content_hashes

from .gate import Excluded, Gate
from .sources import Source


@dataclass(frozen=True, eq=False)
class ReadTexts:
    """A batch of texts. hashes: (texts,) content hashes."""

    texts: list[str]
    hashes: Hashes


@dataclass(frozen=True)
class ReadCounts:
    """texts: of each source. removed: for each test set."""

    texts: tuple[int, ...]
    empty: int
    removed: tuple[int, ...]

    @property
    def read(self) -> int:
        return sum(self.texts)


class Reading:
    """Goes through sources once, in their order. counts, gate: of what was read so far."""

    def __init__(self, sources: Sequence[Source], excluded: Sequence[Excluded] = ()) -> None:
        self._sources = sources
        self.gate = Gate(excluded, sources)
        self._texts = [0] * len(sources)
        self._empty = 0

    def batches(self, report: Report, what: str) -> Iterator[ReadTexts]:
        """report: told bytes or texts of each source, as they are counted there."""
        size = sum(source.size for source in self._sources)
        before = 0
        for number, source in enumerate(self._sources):
            for batch in source.batches():
                self._texts[number] += len(batch.texts)
                yield self._allowed([text for text in batch.texts if text], len(batch.texts), number)
                report(what, min(before + batch.done, size), size)
            before += source.size

    def _allowed(self, texts: list[str], read: int, source: int) -> ReadTexts:
        self._empty += read - len(texts)
        hashes = content_hashes(texts)
        kept = ~self.gate.removes(texts, hashes, source)
        if kept.all():
            return ReadTexts(texts, hashes)
        return ReadTexts([texts[at] for at in np.flatnonzero(kept).tolist()], hashes[kept])

    @property
    def counts(self) -> ReadCounts:
        return ReadCounts(tuple(self._texts), self._empty, self.gate.removed)

    def require_same(self, counts: ReadCounts) -> None:
        """Raises LingyuError where another way through the same sources gave other counts."""
        if self.counts != counts:
            where = ", ".join(source.given for source in self._sources)
            raise LingyuError("changed while it was read", where, "Start again when it is at rest")
