"""Encoded texts made by hand, of which every token id is known."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from lingyu.dapt.batches.layout import Layout, lay_out, whole_texts
from lingyu.dapt.batches.masking import Masking
from lingyu.dapt.corpus.encoded import EncodedTexts

CLS, SEP, MASK = 2, 3, 4
FIRST_ID = 5  # of ordinary tokens

# a text is the lengths of its words
TEXT = st.lists(st.integers(1, 4), min_size=1, max_size=30)
TEXTS = st.lists(TEXT, min_size=1, max_size=12)


def hand_made(words: Sequence[Sequence[int]], middles: Sequence[int] | None = None) -> EncodedTexts:
    """Texts by the lengths of their words. No token id stands twice, so a token says where it comes from."""
    lengths = [sum(text) for text in words]
    starts_word = np.array([place == 0 for text in words for word in text for place in range(word)], dtype=np.bool_)
    return EncodedTexts(
        ids=np.arange(FIRST_ID, FIRST_ID + sum(lengths), dtype=np.int32),
        starts_word=starts_word,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        keys=np.arange(1, len(words) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15),
        middles=np.array(middles or [0] * len(words), dtype=np.int32),
        is_first=np.ones(len(words), dtype=np.bool_),
    )


def laid_out(texts: EncodedTexts, rows: Sequence[int] | None = None) -> Layout:
    """Each text as one range."""
    chosen = np.arange(len(texts)) if rows is None else np.array(rows, dtype=np.int64)
    return lay_out(texts, whole_texts(texts, chosen), CLS, SEP)


def masking(share: float = 0.2, max_ngram: int = 1) -> Masking:
    """Random tokens are 1,000,000 and more, so they are never by chance the token that they replace."""
    return Masking(share, max_ngram, MASK, ordinary=np.arange(1_000_000, 1_000_100))


def pieces_of(values: np.ndarray, lengths: np.ndarray) -> list[list[int]]:
    """Values of tokens, text by text."""
    return [part.tolist() for part in np.split(np.asarray(values), np.cumsum(np.asarray(lengths))[:-1])]
