"""Texts as token ids one after another, with the words and sentences that they are masked and cut by.

Token ids are exactly the tokenizer's own. Words come from a segmenter, which knows nothing of tokens; both are brought
together by the characters at which they begin, for a batch of texts at a time, without a loop over tokens.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.text import whole_characters

from .segmenters import Segmenter

_MOST_TEXTS = 1_000
_MOST_CHARACTERS = 200_000  # of the texts that are encoded at once, unless one alone is longer

# An ASCII mark ends a sentence where no letter or digit touches it: 3.5 and ?a=1 go on. Closing marks belong to it.
_SENTENCE_END: Final = re.compile(r"(?:[。！？…；]|[!?;.](?![0-9A-Za-z]))+[”’」』》】）)\"']*")

Counts = NDArray[np.int64]
_Marks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EncodedTexts:
    """Texts without special tokens; a text that was cut is several here, its pieces.

    ids: (tokens,) of all texts, one after another. starts_word: (tokens,) whether a word begins at the token; at the
    first token of a text it always does. offsets: (texts + 1,) where each text begins, and the end of the last.
    keys: (texts,) what random draws go by, a hash of the text's ids. middles: (texts,) the token at which a text's
    second half begins, at the sentence end nearest its middle; 0 where it is one sentence only. is_first: (texts,)
    whether it is the first piece of a text as it was read.
    """

    ids: NDArray[np.int32]
    starts_word: _Marks
    offsets: Counts
    keys: NDArray[np.uint64]
    middles: NDArray[np.int32]
    is_first: _Marks

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def lengths(self) -> Counts:
        """(texts,) tokens of each."""
        return np.diff(self.offsets)

    @property
    def came_from(self) -> Counts:
        """(texts,) the number of the text, as it was read, that each is a piece of: 0, 0, 1, ..."""
        return np.cumsum(self.is_first, dtype=np.int64) - 1


@dataclass(frozen=True, eq=False)
class EncodedBatch:
    """has_tokens: (texts of the batch,) those that are left out have none."""

    texts: EncodedTexts
    has_tokens: _Marks


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts, as many at a time as are encoded at once."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == _MOST_TEXTS or characters + len(text) > _MOST_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch


def encode_batch(texts: Sequence[str], tokenizer: Any, segmenter: Segmenter, max_tokens: int) -> EncodedBatch:
    """The texts in their order. Those of more than max_tokens tokens (special tokens not counted) become several, cut
    at the end of a sentence where there is one, else between words. Lone surrogates, which no tokenizer takes, are
    read as U+FFFD.
    """
    whole = [whole_characters(text) for text in texts]
    ids, begins, lengths = _tokenized(whole, tokenizer)
    offsets = _offsets(lengths)
    begins += np.repeat(_offsets([len(text) + 1 for text in whole])[:-1], lengths)  # in the lines of all texts
    starts_word = _changes(np.searchsorted(_word_begins(whole, segmenter), begins, side="right"))
    starts_word &= ~_continue_words(ids, tokenizer)
    starts_word[offsets[:-1][lengths > 0]] = True
    starts_sentence = _changes(np.searchsorted(_sentence_ends(whole), begins, side="right"))

    cuts = _cuts(offsets, starts_word, starts_sentence, max_tokens)
    offsets = np.unique(np.concatenate([offsets, cuts]))  # a text without a token begins where the next one does
    starts_word[offsets[:-1]] = True
    middles = _middles(offsets, starts_sentence)
    is_first = ~np.isin(offsets[:-1], cuts)
    return EncodedBatch(EncodedTexts(ids, starts_word, offsets, _keys(ids, offsets), middles, is_first), lengths > 0)


def _tokenized(texts: Sequence[str], tokenizer: Any) -> tuple[NDArray[np.int32], Counts, Counts]:
    """Ids and first characters of all tokens, (tokens,) each, and (texts,) how many tokens each text has."""
    if not tokenizer.is_fast:
        what = f"its tokenizer ({type(tokenizer).__name__}) does not say which characters a token stands for"
        raise LingyuError(what, tokenizer.name_or_path, "Save it as tokenizer.json, or take another base")
    if not texts:
        return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    found = tokenizer(
        list(texts),
        add_special_tokens=False,
        split_special_tokens=True,  # a literal [MASK] in a text is text
        return_offsets_mapping=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,  # texts of more tokens than the model reads are cut here
    )
    lengths = np.array([len(ids) for ids in found["input_ids"]], dtype=np.int64)
    ids = np.fromiter(chain.from_iterable(found["input_ids"]), np.int32, int(lengths.sum()))
    spans = chain.from_iterable(found["offset_mapping"])
    return ids, np.fromiter((begin for begin, _ in spans), np.int64, len(ids)), lengths


def _continue_words(ids: NDArray[np.int32], tokenizer: Any) -> _Marks:
    """(tokens,) which are pieces that go on with a word, such as ##ing."""
    prefix = getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None)
    if not prefix:
        return np.zeros(len(ids), dtype=np.bool_)
    present, places = np.unique(ids, return_inverse=True)
    tokens = tokenizer.convert_ids_to_tokens(present.tolist())
    continues = np.array([len(token) > len(prefix) and token.startswith(prefix) for token in tokens], dtype=np.bool_)
    return continues[places]


def _word_begins(texts: Sequence[str], segmenter: Segmenter) -> Counts:
    """The characters at which words begin, ascending, where each text is a line and the lines follow one another.

    Blanks belong to the word after them, since some tokenizers count the blank before a token to the token.
    """
    words: list[str] = []
    for text in texts:
        words += segmenter.words(text)
        words.append("\n")
    ends = np.cumsum(np.fromiter(map(len, words), np.int64, len(words)))
    assert not words or ends[-1] == sum(map(len, texts)) + len(texts), f"{segmenter.fingerprint} lost characters"
    is_blank = np.fromiter(map(str.isspace, words), np.bool_, len(words))
    begins: Counts = ends[:-1][~is_blank[:-1]]
    return np.concatenate([[0], begins]).astype(np.int64)


def _sentence_ends(texts: Sequence[str]) -> Counts:
    """The characters behind the sentence ends, ascending, in the same lines."""
    lines = "".join(f"{text}\n" for text in texts)
    return np.array([found.end() for found in _SENTENCE_END.finditer(lines)], dtype=np.int64)


def _changes(numbers: NDArray[np.int64]) -> _Marks:
    """(n,) whether a number is another than the one before it."""
    changes = np.ones(len(numbers), dtype=np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=changes[1:])
    return changes


# ---- cutting


def _cuts(offsets: Counts, starts_word: _Marks, starts_sentence: _Marks, max_tokens: int) -> Counts:
    """The tokens at which texts that are too long are cut."""
    cuts: list[int] = []
    for text in np.flatnonzero(np.diff(offsets) > max_tokens).tolist():
        begin, end = int(offsets[text]), int(offsets[text + 1])
        while end - begin > max_tokens:
            window = slice(begin + 1, begin + max_tokens + 1)
            begin += _last(starts_sentence[window]) or _last(starts_word[window]) or max_tokens
            cuts.append(begin)
    return np.array(cuts, dtype=np.int64)


def _last(marks: _Marks) -> int:
    """How many tokens go up to the last mark, 0 where there is none. marks: from the second token on."""
    marked = np.flatnonzero(marks)
    return int(marked[-1]) + 1 if len(marked) else 0


def _middles(offsets: Counts, starts_sentence: _Marks) -> NDArray[np.int32]:
    starts = np.flatnonzero(starts_sentence)
    text = np.searchsorted(offsets, starts, side="right") - 1
    within = starts - offsets[text]
    inside = within > 0
    text, within = text[inside], within[inside]
    distance = np.abs(2 * within - np.diff(offsets)[text])
    best_first = np.lexsort((within, distance, text))
    texts, firsts = np.unique(text[best_first], return_index=True)
    middles = np.zeros(len(offsets) - 1, dtype=np.int32)
    middles[texts] = within[best_first][firsts]
    return middles


def _keys(ids: NDArray[np.int32], offsets: Counts) -> NDArray[np.uint64]:
    data = memoryview(np.ascontiguousarray(ids, dtype="<i4").tobytes())
    ends = (4 * offsets).tolist()
    digests = (hashlib.blake2b(data[begin:end], digest_size=8).digest() for begin, end in pairwise(ends))
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


# ---- small things


def _offsets(lengths: Sequence[int] | Counts) -> Counts:
    """(n + 1,) where each of n things begins that lie one after another, and the end of the last."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
