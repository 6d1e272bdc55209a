"""A batch of raw paragraphs to the clean ones that may stay, in this process or in workers beside it.

What happens here to a paragraph depends on it alone, so the number of workers and the size of batches change nothing.
"""

import multiprocessing
import signal
import traceback
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from lingyu.errors import LingyuError
from lingyu.text import Hashes, clean, form_hashes, same_text_form

from .excluding import ExcludedSet, ExcludedTexts, saved_excluded
from .sources import LONGEST_CHARACTERS, TOO_LONG, Batch
from .tally import Tally

UNDECODABLE = "undecodable"
EMPTY = "empty"
TOO_SHORT = "too short"
TOUCHES = "touch an excluded set"


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
        forms = [same_text_form(text) for text in texts]
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
    with without_interrupts():
        idle = deque(_Worker(rules, excluded) for _ in range(workers))
    crew, busy = tuple(idle), deque[_Worker]()
    try:
        for batch in batches:
            # a worker that is sending its result does not listen: take that first, and it is at work when it is used
            done = None if idle else busy[0].result()
            busy.append(idle.popleft() if idle else busy.popleft())
            busy[-1].sift(batch)
            if done is not None:
                yield done
        while busy:
            yield busy.popleft().result()
    finally:
        for worker in crew:
            worker.end()


class _Worker:
    """A process with a pipe of its own, whose end both sides notice. (ProcessPoolExecutor waits for ever where a worker
    is killed in the middle of a result: all of them share one pipe.)"""

    def __init__(self, rules: Rules, excluded: Path) -> None:
        spawn = multiprocessing.get_context("spawn")  # a fork would copy the locks of this process's threads
        self._pipe, theirs = spawn.Pipe()
        # what a process is given at its start is sent before it has imported anything: the excluded texts would not
        # go into the pipe, and the workers start one after the other
        self._process = spawn.Process(target=_work, args=(theirs, rules, excluded), daemon=True)
        self._process.start()
        theirs.close()

    def sift(self, batch: Batch) -> None:
        try:
            self._pipe.send(batch)
        except OSError:
            raise _killed() from None

    def result(self) -> Sifted:
        try:
            result = self._pipe.recv()
        except (EOFError, OSError):
            raise _killed() from None
        if isinstance(result, Exception):
            raise result
        assert isinstance(result, Sifted)
        return result

    def end(self) -> None:
        self._pipe.close()
        self._process.terminate()
        self._process.join()


def _killed() -> LingyuError:
    return LingyuError(
        "a worker process was killed, as the system does when memory runs out",
        next="Try again with fewer --workers; nothing was written",
        status=1,
    )


def _work(pipe: Connection, rules: Rules, excluded: Path) -> None:
    sieve = Sieve(rules, saved_excluded(excluded))
    with suppress(EOFError, OSError):  # the other side has gone
        while True:
            batch = pipe.recv()
            try:
                result: Sifted | Exception = sieve.sift(batch)
            except Exception as error:
                error.add_note(traceback.format_exc())
                result = error
            pipe.send(result)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Processes that start meanwhile never see a Ctrl-C, which reaches the whole group: the parent ends them."""
    resource_tracker.ensure_running()  # which a first process would start, and let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
