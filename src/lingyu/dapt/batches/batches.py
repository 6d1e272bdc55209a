"""Batches of whole texts by a budget of tokens, without padding, for corpora larger than memory.

A batch is what one optimiser step sees. It is formed once, as a pure function of (seed, epoch), and only then cut into
pieces for the processes and accumulation steps: so a resumed run sees the texts of an uninterrupted one, and two
processes, or two accumulation steps, train what one does. Only dropout, where there is any, falls otherwise on other
pieces.

The epoch's texts in a random order are one line of tokens. It is cut into a fixed number of batches at equal
distances, each cut moved to the next text's beginning: so the number of batches is the same in every epoch, which
Trainer needs to find its place again, and none is a small rest. What a batch can be off by is a text's length. To keep
that small, long texts and short ones are two lines: the long ones are cut as said, and short ones fill up to the mark.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Sampler

from ..corpus.encoded import EncodedTexts
from .composing import Composer
from .layout import Ints

# Whole blocks are shuffled, then the texts of those that are held at once: 262,144 of 64 places in a file, 2 MB.
BLOCK_TEXTS = 4096
BLOCKS_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class BatchPiece:
    """What one process sees in one accumulation step. rows: its texts, maybe none.

    batch_tokens: of the whole batch, special tokens included. batch_pairs: the batch's texts of two halves.
    """

    epoch: int
    rows: Ints
    batch_tokens: int
    batch_pairs: int


@dataclass(frozen=True)
class Plan:
    """How an epoch is cut, which depends on the lengths of the texts alone. Tokens include special ones.

    batches: how many. tokens: of all texts. short, longest: short texts have at most so many tokens, long ones more.
    long_tokens: of all long texts; 0 where all count as short.
    """

    batches: int
    tokens: int
    short: int
    longest: int
    long_tokens: int


def plan(lengths: Ints, tokens_per_batch: int) -> Plan:
    """lengths: (longest + 1,) how many texts have 0, 1, 2, ... tokens; none more than half of tokens_per_batch.

    A batch ends less than a short text behind its mark. So it has at most ceil(tokens / batches) + short - 1 tokens,
    and by that the number of batches is chosen. There must be enough of the short texts for it: the mark up to which
    they fill a batch must not lie before the last one, however the long ones fall.
    """
    longest = len(lengths) - 1
    assert 2 * longest <= tokens_per_batch, "two of the longest texts do not fit the budget"
    volume = np.cumsum(lengths * np.arange(len(lengths)))
    tokens = int(volume[-1])
    assert tokens, "no texts"
    if tokens <= tokens_per_batch:
        return Plan(1, tokens, longest, longest, 0)
    for short in range(1, longest):
        batches = math.ceil(tokens / (tokens_per_batch - short + 1))
        long_tokens = tokens - int(volume[short])
        a_batch = tokens // batches
        if a_batch - math.ceil(long_tokens / batches) >= longest - 1 and a_batch >= longest:
            return Plan(batches, tokens, short, longest, long_tokens)
    return Plan(math.ceil(tokens / (tokens_per_batch - longest + 1)), tokens, longest, longest, 0)


class TextBatches(Sampler[list[BatchPiece]]):
    """What one process sees of the batches: for each, its piece for every accumulation step."""

    def __init__(
        self,
        texts: EncodedTexts,
        tokens_per_batch: int,
        seed: int,
        *,
        process_index: int = 0,
        num_processes: int = 1,
        gradient_accumulation_steps: int = 1,
        specials: int = 2,
    ) -> None:
        """specials: 3 where a text of two halves is laid out as two (Composer.specials)."""
        self.texts = texts
        self.seed = seed
        self.process_index = process_index
        self.num_processes = num_processes
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.specials = specials
        self.epoch = 0
        self.plan = plan(self._count_lengths(), tokens_per_batch)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.plan.batches * self.gradient_accumulation_steps

    def __iter__(self) -> Iterator[list[BatchPiece]]:
        pieces = self.num_processes * self.gradient_accumulation_steps
        for rows in self.batches():
            lengths, pairs = self._lengths(rows), self._pairs(rows)
            parts = deal(rows, lengths, pieces)
            for step in range(self.gradient_accumulation_steps):
                part = parts[step * self.num_processes + self.process_index]
                yield [BatchPiece(self.epoch, part, int(lengths.sum()), int(pairs.sum()))]

    def batches(self) -> Iterator[Ints]:
        """The rows of each batch of the epoch, of all processes together."""
        cut, left = self.plan, len(self.texts)
        long = _Queue(self._windows(cut.short + 1, cut.longest))
        short = _Queue(self._windows(0, cut.short))
        for batch in range(1, cut.batches + 1):
            of_long = long.take_before(batch * cut.long_tokens // cut.batches)
            mark = batch * cut.tokens // cut.batches - long.taken
            if cut.long_tokens:
                rows = np.concatenate([of_long, short.take_before(mark)])
            else:  # where batches are of a few texts, none may go without
                rows = short.take_before(mark, least=1, most=left - (cut.batches - batch))
            left -= len(rows)
            yield rows

    def _windows(self, shortest: int, longest: int) -> "Iterator[_Window]":
        """The texts of such a length in the epoch's order."""
        for rows in shuffled_rows(len(self.texts), self.seed, self.epoch):
            lengths = self._lengths(rows)
            wanted = (lengths >= shortest) & (lengths <= longest)
            yield rows[wanted], lengths[wanted]

    def _lengths(self, rows: Ints) -> Ints:
        """(rows,) tokens with special ones."""
        offsets = self.texts.offsets
        return np.asarray(offsets[rows + 1] - offsets[rows] + 2 + self._pairs(rows), dtype=np.int64)

    def _pairs(self, rows: Ints) -> Ints:
        """(rows,) 1 for a text that is laid out as two halves, 0 for another."""
        return (self.specials - 2) * np.asarray(self.texts.middles[rows] > 0, dtype=np.int64)

    def _count_lengths(self) -> Ints:
        """(longest + 1,) how many texts have so many tokens; read a block at a time."""
        counts = np.zeros(1, dtype=np.int64)
        for rows in _blocks(len(self.texts), np.arange(-(-len(self.texts) // BLOCK_TEXTS))):
            more = np.bincount(self._lengths(rows), minlength=len(counts))
            more[: len(counts)] += counts
            counts = more
        return counts


def shuffled_rows(texts: int, seed: int, epoch: int) -> Iterator[Ints]:
    """All rows in a random order, window by window: a pure function of its arguments."""
    generator = np.random.Generator(np.random.PCG64([seed & 0xFFFFFFFFFFFFFFFF, epoch]))
    blocks = generator.permutation(-(-texts // BLOCK_TEXTS))
    for first in range(0, len(blocks), BLOCKS_AT_ONCE):
        rows = np.concatenate(list(_blocks(texts, blocks[first : first + BLOCKS_AT_ONCE])))
        yield generator.permutation(rows)


def _blocks(texts: int, blocks: Ints) -> Iterator[Ints]:
    for block in blocks.tolist():
        yield np.arange(block * BLOCK_TEXTS, min(texts, (block + 1) * BLOCK_TEXTS))


def deal(rows: Ints, lengths: Ints, pieces: int) -> list[Ints]:
    """The rows as so many pieces of nearly equal tokens: the longest first, to and fro.

    No two pieces differ by more than the longest text. Where there are fewer rows than pieces, some are empty.
    """
    turn, piece = np.divmod(np.arange(len(rows)), pieces)
    piece = np.where(turn % 2, pieces - 1 - piece, piece)
    longest_first = rows[np.argsort(-lengths, kind="stable")]
    return [longest_first[piece == number] for number in range(pieces)]


_Window = tuple[Ints, Ints]  # rows, and the tokens of each


class _Queue:
    """Texts in their order, taken by how many tokens lie before them. Holds a window, not the epoch."""

    def __init__(self, windows: Iterator[_Window]) -> None:
        self._coming = windows
        self._rows = self._starts = np.zeros(0, dtype=np.int64)
        self._end = 0  # tokens of all texts that have been read

    @property
    def taken(self) -> int:
        """Tokens of all texts that have been taken."""
        return int(self._starts[0]) if len(self._starts) else self._end

    def take_before(self, mark: int, least: int = 0, most: int | None = None) -> Ints:
        """The rows of the coming texts that begin before token `mark`; so many at least and at most."""
        while self._end < mark or len(self._rows) < least:
            self._read()
        count = max(int(np.searchsorted(self._starts, mark)), least)
        count = count if most is None else min(count, most)
        rows, self._rows, self._starts = self._rows[:count], self._rows[count:], self._starts[count:]
        return rows

    def _read(self) -> None:
        rows, lengths = next(self._coming)
        ends = self._end + np.cumsum(lengths)
        self._rows = np.concatenate([self._rows, rows])
        self._starts = np.concatenate([self._starts, ends - lengths])
        self._end = int(ends[-1]) if len(ends) else self._end


class PackedTexts(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """What Trainer takes as its data set. An item is a piece of a batch, ready for the model's forward."""

    def __init__(self, texts: EncodedTexts, composer: Composer) -> None:
        self.texts = texts
        self.composer = composer

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, piece: BatchPiece) -> dict[str, torch.Tensor]:
        """Composer.compose's, with batch_tokens and batch_pairs as numbers of no dimension."""
        return {
            **self.composer.compose(self.texts, piece.rows, piece.epoch),
            "batch_tokens": torch.tensor(piece.batch_tokens),
            "batch_pairs": torch.tensor(piece.batch_pairs),
        }
