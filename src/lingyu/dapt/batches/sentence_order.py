"""StructBERT's sentence objective: is the second half the next, the previous or a random one (arXiv 1908.04577).

A text is cut at the sentence end nearest its middle into A and B. One time in three each it becomes
[CLS] A [SEP] B [SEP] (NEXT), [CLS] B [SEP] A [SEP] (PREVIOUS) or [CLS] A [SEP] C [SEP] (RANDOM), where C is the second
half of another text.
"""

import numpy as np

from ..corpus.encoded import EncodedTexts
from .draws import Bits, Draws, Stream
from .layout import NO_ORDER, Flags, Ints, Parts, places, whole_texts

NEXT, PREVIOUS, RANDOM = 0, 1, 2
_TRIES = 16


def arrange_halves(texts: EncodedTexts, rows: Ints, draws: Draws) -> Parts:
    """Each text as two halves in one of the three orders; as one range where it is a single sentence.

    No text becomes longer by it than its tokens and three special ones.
    """
    whole = whole_texts(texts, rows)
    middle = np.asarray(texts.middles[rows], dtype=np.int64)
    has_halves = middle > 0
    labels = np.where(has_halves, draws.below(3, Stream.SENTENCE_ORDER, whole.keys, 0), NO_ORDER)
    a, a_length = whole.first, np.where(has_halves, middle, whole.first_length)
    b, b_length = whole.first + a_length, whole.first_length - a_length

    swapped = labels == PREVIOUS
    first, first_length = np.where(swapped, b, a), np.where(swapped, b_length, a_length)
    second, second_length = np.where(swapped, a, b), np.where(swapped, a_length, b_length)

    at = np.flatnonzero(labels == RANDOM)
    found, second[at], second_length[at] = _other_halves(texts, whole.keys[at], b[at], b_length[at], draws)
    labels[at[~found]] = NEXT
    return Parts(whole.keys, first, first_length, second, second_length, labels)


def _other_halves(
    texts: EncodedTexts, keys: Bits, own: Ints, own_length: Ints, draws: Draws
) -> tuple[Flags, Ints, Ints]:
    """For each text whether another's second half was found, where that begins and its tokens; else its own.

    Of a few texts drawn from all, the half that comes nearest to the own one in length without being longer: so it
    ends as its text does, and neither a missing full stop nor the lengths give it away. Where all are longer, the
    shortest is cut between words.
    """
    candidates = draws.below(len(texts), Stream.PARTNER, keys[:, None], np.arange(_TRIES))
    middles = np.asarray(texts.middles[candidates], dtype=np.int64)
    starts = np.asarray(texts.offsets[candidates], dtype=np.int64) + middles
    lengths = np.asarray(texts.offsets[candidates + 1], dtype=np.int64) - starts
    valid = (middles > 0) & (texts.keys[candidates] != keys[:, None])
    fitness = np.where(lengths <= own_length[:, None], lengths, -lengths)
    fitness = np.where(valid, fitness, np.iinfo(np.int64).min)
    best = (np.arange(len(keys)), np.argmax(fitness, axis=1))
    found = valid[best]
    start, length = np.where(found, starts[best], own), np.where(found, lengths[best], own_length)
    return found, start, _cut_between_words(texts, start, length, own_length)


def _cut_between_words(texts: EncodedTexts, starts: Ints, lengths: Ints, limits: Ints) -> Ints:
    """The lengths of ranges, each cut to the last word that ends within its limit; inside a word longer than that."""
    cut = np.flatnonzero(lengths > limits)
    if not len(cut):
        return lengths
    reach = limits[cut] + 1  # a word that begins just behind the limit is a good place to cut
    within = places(np.zeros_like(reach), reach)
    begins = np.asarray(texts.starts_word[places(starts[cut], reach)])
    last = np.maximum.reduceat(np.where(begins, within, 0), np.cumsum(reach) - reach)
    result = lengths.copy()
    result[cut] = np.where(last > 0, last, limits[cut])
    return result
