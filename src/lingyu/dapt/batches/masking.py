"""Whole-word masking: which tokens of a batch are to be guessed, and what stands in their place.

Words are drawn, never tokens. A span of 1 to max_ngram consecutive words begins at each word; spans are taken in a
random order, and the words of a span from left to right, until the share of the text's tokens is reached. Span
lengths are drawn with weights max_ngram, ..., 2, 1: for four the 40, 30, 20 and 10 % of MacBERT (Cui et al. 2020,
arXiv 2004.13922). No span goes across a special token; but spans also begin at max_ngram - 1 places before the first
word after one, of which only what reaches into the words counts. Else the first words would lie in fewer spans than
all others, and be masked less.

The word that would go over the share is taken with the probability with which it fits: of a word of three tokens,
where one is missing, one time in three. Leaving it out always (as BERT's own code does) would favour short words, and
taking it always would mask too much. Only the first word of a text is always taken, so that each text has something
to guess.

Of the tokens taken 80 % become [MASK], 10 % a random ordinary token and 10 % stay as they are, each token by itself,
as in BERT's own whole-word masking.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .draws import Bits, Draws, Stream
from .layout import Flags, Ints, Layout

_MASKED, _MASKED_OR_RANDOM = 0.8, 0.9
_LAST = np.uint64(0xFFFFFFFFFFFFFFFF)
_UNUSED = re.compile(r"[\[<]unused_?\d+[\]>]")


@dataclass(frozen=True, eq=False)
class Masking:
    """share: of a text's tokens that is taken. ordinary: (k,) the token ids that may stand in for another."""

    share: float
    max_ngram: int
    mask_id: int
    ordinary: Ints

    def choose(self, layout: Layout, draws: Draws) -> Flags:
        """(T,) which tokens are to be guessed: whole words, about `share` of each text's tokens, at least one.

        A text of one token has none to guess where that is nearer to the share.
        """
        words = _words(layout)
        if not len(words.length):
            return np.zeros(len(layout.ids), dtype=np.bool_)
        turn = _turns(words, layout, self.max_ngram, draws)
        taken = _up_to_share(words, turn, layout, self.share, draws)
        chosen: Flags = taken[np.cumsum(layout.starts_word) - 1] & ~layout.special
        return chosen

    def corrupt(self, layout: Layout, chosen: Flags, draws: Draws) -> Ints:
        """(T,) the ids, with something else in the place of the chosen ones."""
        at = np.flatnonzero(chosen)
        keys, position = layout.token_keys[at], layout.position[at]
        fate = draws.uniform(Stream.CORRUPTION, keys, position)
        random = self.ordinary[draws.below(len(self.ordinary), Stream.REPLACEMENT, keys, position)]
        ids = layout.ids.copy()
        ids[at] = np.select(
            [fate < _MASKED, fate < _MASKED_OR_RANDOM], [np.full_like(random, self.mask_id), random], ids[at]
        )
        return ids


def ordinary_ids(vocabulary: Mapping[str, int], special_ids: set[int], vocab_size: int) -> Ints:
    """Sorted ids of the vocabulary that stand for text: no special token, no [unused7], none beyond vocab_size."""
    ids = (
        token_id
        for token, token_id in vocabulary.items()
        if token_id not in special_ids and token_id < vocab_size and not _UNUSED.fullmatch(token)
    )
    return np.array(sorted(ids), dtype=np.int64)


def span_weights(max_ngram: int) -> NDArray[np.float64]:
    """Probabilities of a span of 1, 2, ..., max_ngram words."""
    weights = np.arange(max_ngram, 0, -1, dtype=np.float64)
    weights /= weights.sum()
    return weights


@dataclass(frozen=True, eq=False)
class _Words:
    """W words of a batch, in its order. start: (W,) its first token. length: (W,) tokens. text: (W,).

    first: (n,) the first word of each text.
    """

    start: Ints
    length: Ints
    text: Ints
    first: Ints


def _words(layout: Layout) -> _Words:
    start = np.flatnonzero(layout.starts_word)
    length = np.add.reduceat((~layout.special).astype(np.int64), start) if len(start) else start
    text = layout.text[start]
    counts = np.bincount(text, minlength=len(layout.lengths))
    return _Words(start, length, text, np.cumsum(counts) - counts)


def _turns(words: _Words, layout: Layout, max_ngram: int, draws: Draws) -> Bits:
    """(W,) when a word's turn comes in its text: at that of the first drawn span which covers it.

    Taking spans in the order of their draws, and of each the words not yet taken, is the same as sorting words by this.
    """
    keys, position = layout.keys[words.text], layout.position[words.start]
    if max_ngram == 1:
        return draws.bits(Stream.WORD, keys, position)
    second = layout.second[words.start].astype(np.int64)
    stretch = 2 * words.text + second
    first = np.flatnonzero(np.diff(stretch, prepend=-1))  # words between two special tokens; the first of each
    before = max_ngram - 1
    at = np.repeat(first, before)
    drawn_by = -1 - np.tile(np.arange(before), len(first)) - before * second[at]  # where words have their position
    keys, stretch = (np.insert(values, at, values[at]) for values in (keys, stretch))
    position = np.insert(position, at, drawn_by)
    is_word = np.insert(np.ones(len(words.start), dtype=np.bool_), at, False)

    turn = draws.bits(Stream.WORD, keys, position)
    drawn = draws.uniform(Stream.SPAN, keys, position)
    span = 1 + np.searchsorted(np.cumsum(span_weights(max_ngram))[:-1], drawn, side="right")
    earliest = turn.copy()
    for back in range(1, max_ngram):
        covered = (span[:-back] > back) & (stretch[:-back] == stretch[back:])
        earliest[back:] = np.minimum(earliest[back:], np.where(covered, turn[:-back], _LAST))
    return earliest[is_word]


def _up_to_share(words: _Words, turn: Bits, layout: Layout, share: float, draws: Draws) -> Flags:
    """(W,) which words are taken: those whose turn comes first, up to the share of their text's tokens."""
    tokens = np.bincount(words.text, weights=words.length, minlength=len(layout.lengths))
    budget = np.maximum(np.floor(share * tokens + 0.5), tokens > 1)
    luck = draws.uniform(Stream.LAST_WORD, layout.keys, 0)

    order = np.lexsort((turn, words.text))  # stable: words of one span stay in their order
    length, text = words.length[order], words.text[order]
    before = np.cumsum(length) - length
    before -= before[words.first[text]]
    left = budget[text] - before
    fits = (left >= length) | (before == 0) | (luck[text] * length < left)
    taken = np.zeros(len(order), dtype=np.bool_)
    taken[order] = (left > 0) & fits
    return taken
