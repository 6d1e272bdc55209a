"""A batch of raw paragraphs to the clean ones that may stay, in this process or in workers beside it.

What happens here to a paragraph depends on it alone, so the number of workers and the size of batches change nothing.
"""

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np

from lingyu.errors import LingyuError
from lingyu.text import Hashes, clean

from .excluding import ExcludedSet, ExcludedTexts, saved_excluded
from .forms import form_hashes, same_text_forms
from .sources import LONGEST_CHARACTERS, TOO_LONG, Batch
from .tally import Tally

UNDECODABLE = "undecodable"
EMPTY = "empty"
TOO_SHORT = "too short"
TOUCHES = "touch an excluded set"

_BATCHES_AHEAD = 3  # a worker; what is read and not yet written is never more than that


@dataclass(frozen=True, eq=False)
class Sifted:
    """texts: the cleaned paragraphs that stay unless they repeat one. hashes: (texts,) their content hashes.

    tally: of the others, and of what was read. bytes_read: as its batch has it.
    """

    texts: list[str]
    hashes: Hashes
    tally: Tally
    bytes_read: int = 0


@dataclass(frozen=True)
class Rules:
    """steps: of cleaning. shortest: characters of a cleaned paragraph, at the least. encoding: of raw lines."""

    steps: tuple[str, ...]
    shortest: int
    encoding: str


class Sieve:
    """The rules, and the texts of the excluded sets."""

    def __init__(self, rules: Rules, excluded: Sequence[ExcludedSet]) -> None:
        self._rules = rules
        self._excluded = ExcludedTexts(excluded, rules.steps)

    def sift(self, batch: Batch) -> Sifted:
        texts, read = opened(batch, self._rules.encoding)
        sifted = self.sift_texts(texts)
        sifted.tally.add(read)
        return Sifted(sifted.texts, sifted.hashes, sifted.tally, batch.bytes_read)

    def sift_texts(self, raw: Sequence[str]) -> Sifted:
        """Raw paragraphs, which somebody else has counted as read."""
        tally = Tally()
        texts = self._cleaned(raw, tally)
        forms = same_text_forms(texts)
        hashes = form_hashes(forms)
        touches = self._excluded.touched_by(texts, forms, hashes)
        tally.count_touches(touches)
        stays = ~touches.any(axis=0)
        tally.removed[TOUCHES] += int((~stays).sum())
        kept = [texts[at] for at in np.flatnonzero(stays).tolist()]
        return Sifted(kept, hashes[stays], tally)

    def _cleaned(self, raw: Sequence[str], tally: Tally) -> list[str]:
        """The paragraphs after the steps, without those that are nothing, too little or too much."""
        texts = []
        for text in raw:
            if len(text) > LONGEST_CHARACTERS:
                tally.removed[TOO_LONG] += 1
            elif not (cleaned := clean(text, self._rules.steps)):
                tally.removed[EMPTY] += 1
            elif len(cleaned) < self._rules.shortest:
                tally.removed[TOO_SHORT] += 1
            else:
                texts.append(cleaned)
        return texts


def opened(batch: Batch, encoding: str) -> tuple[Sequence[str], Tally]:
    """The raw paragraphs of a batch, and the count of what was read, those included that are not among them."""
    texts, undecodable = _decoded(batch.lines, encoding) if batch.lines else (batch.texts, 0)
    tally = Tally(removed=Counter(batch.left_out))
    tally.read[batch.source] = len(texts) + undecodable + sum(batch.left_out.values())
    if undecodable:
        tally.undecodable[batch.source] = tally.removed[UNDECODABLE] = undecodable
    return texts, tally


def _decoded(lines: bytes, encoding: str) -> tuple[list[str], int]:
    """The lines, and how many were left out because they are not of the encoding."""
    try:
        return lines.decode(encoding).removesuffix("\n").split("\n"), 0
    except UnicodeDecodeError:
        pass
    good = []
    each = lines.removesuffix(b"\n").split(b"\n")
    for line in each:
        try:
            good.append(line.decode(encoding))
        except UnicodeDecodeError:
            continue
    return good, len(each) - len(good)


# ---- workers


def sifted_by_workers(
    batches: Iterable[Batch], rules: Rules, excluded: Path, workers: int
) -> Generator[Sifted, None, None]:
    """Each batch sifted by so many processes, in their order. excluded: the file that save_excluded() wrote.

    Raises LingyuError where a worker is killed.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the locks of this process's threads
    # what a process is given at its start is sent before it has imported anything: no more than a pipe holds, or the
    # workers start one after the other, and this process waits for ever for one that is killed meanwhile
    pool = ProcessPoolExecutor(workers, spawn, _begin, (rules, excluded))
    waiting: deque[Future[Sifted]] = deque()
    try:
        for batch in batches:
            with _without_interrupts():
                waiting.append(pool.submit(_sift, batch))
            if len(waiting) >= workers * _BATCHES_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise LingyuError(
            "a worker process was killed, as the system does when memory runs out",
            next="Try again with fewer --workers; nothing was written",
            status=1,
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that start meanwhile never see a Ctrl-C, which reaches the whole group: the parent ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_sieve: Sieve | None = None  # of a worker process, which is given it once


def _begin(rules: Rules, excluded: Path) -> None:
    global _sieve
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _sieve = Sieve(rules, saved_excluded(excluded))


def _end_with_parent() -> None:
    """A pool's workers wait for work for ever where the parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has one"
    wait([parent.sentinel])
    os._exit(1)


def _sift(batch: Batch) -> Sifted:
    assert _sieve is not None, "_begin comes first"
    return _sieve.sift(batch)
