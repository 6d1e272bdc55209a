"""The texts of a batch one after another, with special tokens and without padding, before anything is masked."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ..corpus.encoded import EncodedTexts
from .draws import Bits

NO_ORDER = -100  # the sentence-order label of a text without a second half; no loss counts it

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Parts:
    """What each of n texts is laid out from: one or two ranges of the corpus's tokens.

    keys: (n,) what its draws go by. first, second: (n,) token of the corpus at which the range begins.
    first_length, second_length: (n,) its tokens; second_length is 0 where there is one range only.
    sentence_labels: (n,) how the second follows the first, see sentence_order.py; NO_ORDER.
    """

    keys: Bits
    first: Ints
    first_length: Ints
    second: Ints
    second_length: Ints
    sentence_labels: Ints

    @property
    def lengths(self) -> Ints:
        """(n,) tokens with [CLS] and a [SEP] a range."""
        return self.first_length + 2 + self.second_length + (self.second_length > 0)

    def by_length(self) -> "Parts":
        """The same, the shortest first; texts of one length stay in their order."""
        order = np.argsort(self.lengths, kind="stable")
        return Parts(*(getattr(self, field.name)[order] for field in fields(self)))


_ZERO = np.zeros(1, dtype=np.int64)
NOTHING = Parts(
    np.zeros(1, dtype=np.uint64), _ZERO, _ZERO, _ZERO, _ZERO, np.full(1, NO_ORDER)
)  # one text without a token


def whole_texts(texts: EncodedTexts, rows: Ints) -> Parts:
    """Each text as one range."""
    start = np.asarray(texts.offsets[rows], dtype=np.int64)
    length = np.asarray(texts.offsets[rows + 1], dtype=np.int64) - start
    none = np.zeros_like(start)
    return Parts(np.asarray(texts.keys[rows]), start, length, none, none, np.full_like(start, NO_ORDER))


@dataclass(frozen=True, eq=False)
class Layout:
    """T tokens of n texts.

    ids: (T,). text: (T,) which of the n a token belongs to. position: (T,) from 0 in each text.
    second: (T,) whether the token is of the second range; its [SEP] is. special: (T,) whether it is [CLS] or [SEP].
    starts_word: (T,) never of a special token; a range begins with a word. lengths: (n,). keys: (n,).
    """

    ids: Ints
    text: Ints
    position: Ints
    second: Flags
    special: Flags
    starts_word: Flags
    lengths: Ints
    keys: Bits

    @property
    def token_keys(self) -> Bits:
        """(T,) the key of each token's text."""
        return self.keys[self.text]


def lay_out(texts: EncodedTexts, parts: Parts, cls_id: int, sep_id: int) -> Layout:
    """[CLS] first [SEP] of each text, then second [SEP] where there is one, in the order of parts."""
    lengths = parts.lengths
    text = np.repeat(np.arange(len(lengths)), lengths)
    position = places(np.zeros_like(lengths), lengths)
    separator = (parts.first_length + 1)[text]
    second = position > separator
    special = (position == 0) | (position == separator) | (position == (lengths - 1)[text])
    source = np.where(second, (parts.second - parts.first_length - 2)[text], (parts.first - 1)[text]) + position
    source = source[~special]

    ids = np.where(position == 0, cls_id, sep_id)
    ids[~special] = texts.ids[source]
    starts_word = np.zeros(len(ids), dtype=np.bool_)
    starts_word[~special] = texts.starts_word[source]
    starts_word[1:] |= special[:-1] & ~special[1:]
    return Layout(ids, text, position, second, special, starts_word, lengths, parts.keys)


def places(starts: Ints, lengths: Ints) -> Ints:
    """start, start + 1, ... of each range, one range after another: (sum of lengths,)."""
    before = np.cumsum(lengths) - lengths
    found: Ints = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
    return found
