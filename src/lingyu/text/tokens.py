"""Texts as token ids, by the tokenizers library alone and without a state, so that threads share one tokenizer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 256  # what the library keeps of a token takes 200 bytes, its id some 36
_LONG = 10_000  # characters, some ten milliseconds
_CHARACTERS_PER_TOKEN = 16
_MORE = 8  # times as much is read of a text whose beginning has too few tokens
_BEGINS_A_PIECE = re.compile(
    r"[ \t\n!-/:-@\[-`{-~\u2010-\u2027\u3000-\u3003\u3008-\u3011\u3400-\u4dbf\u4e00-\u9fff"
    r"\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\U00020000-\U0002a6df]"
)

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Encoded:
    """input_ids: a list of token ids a row, special tokens included. truncated: whether a row was cut.

    token_type_ids: like input_ids, 0 for the first text and 1 for the second; None without second texts, and for a base
    that does not tell the two apart by it. spans: where it was asked for, (tokens, 2) a row: the characters that each
    token stands for, from and up to; 0, 0 for special tokens.
    """

    input_ids: list[list[int]]
    truncated: list[bool]
    token_type_ids: list[list[int]] | None = None
    spans: list[NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def lengths(self) -> list[int]:
        return [len(ids) for ids in self.input_ids]

    def joined(self, other: "Encoded") -> "Encoded":
        """These rows, then those of the other, which has second texts and spans just where this has."""
        return Encoded(
            self.input_ids + other.input_ids,
            self.truncated + other.truncated,
            None if self.token_type_ids is None else self.token_type_ids + (other.token_type_ids or []),
            None if self.spans is None else self.spans + (other.spans or []),
        )

    def take(self, rows: Sequence[int]) -> "Encoded":
        return Encoded(
            [self.input_ids[row] for row in rows],
            [self.truncated[row] for row in rows],
            None if self.token_type_ids is None else [self.token_type_ids[row] for row in rows],
            None if self.spans is None else [self.spans[row] for row in rows],
        )


class TextTokenizer:
    """A tokenizer that cuts texts as the tokenizers library does by the strategy longest_first, token for token.

    The library's own truncation is a state, which threads would change under one another. And it keeps what it cuts
    away, of two long texts every part of one beside every part of the other: 4.5 GB for 20,000 characters beside 20,000
    (tokenizers 0.23).
    """

    def __init__(self, backend: Any) -> None:
        """backend: a tokenizers.Tokenizer that nobody else uses."""
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = True  # a literal '[MASK]' in a text is text, never the special token
        self._backend = backend
        self._cuts_where_bert_does = _cuts_where_bert_does(backend)

    def encode(
        self,
        texts: Sequence[str],
        max_length: int,
        pairs: Sequence[str] | None = None,
        *,
        types: bool = False,
        spans: bool = False,
        truncation_side: Literal["right", "left"] = "right",
    ) -> Encoded:
        """Token ids, cut at max_length. pairs: a second text for each; of the two the longer one is cut.

        types: whether there are token_type_ids. spans: of which characters the tokens are. Raises ValueError where
        there are not as many second texts.
        """
        if pairs is not None and len(pairs) != len(texts):
            raise ValueError(f"{len(texts)} texts, and {len(pairs)} second texts")
        encoded = Encoded([], [], [] if types else None, [] if spans else None)
        for start in range(0, len(texts), _ROWS_AT_ONCE):
            at = slice(start, start + _ROWS_AT_ONCE)
            for row in self._rows(texts[at], None if pairs is None else pairs[at], max_length, truncation_side):
                encoded.input_ids.append(row.of_kept(row.encoding.ids))
                encoded.truncated.append(row.kept is not None)
                if encoded.token_type_ids is not None:
                    encoded.token_type_ids.append(row.of_kept(row.encoding.type_ids))
                if encoded.spans is not None:
                    of_each = row.of_kept(row.encoding.offsets)
                    encoded.spans.append(np.asarray(of_each, dtype=np.int64).reshape(-1, 2))
        return encoded

    def _rows(
        self, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int, side: Literal["right", "left"]
    ) -> "list[_Row]":
        if pairs is None and side == "right" and self._cuts_where_bert_does:
            return self._beginnings(texts, max_length, _CHARACTERS_PER_TOKEN * max_length)
        read = list(texts) if pairs is None else list(zip(texts, pairs, strict=True))
        return [_Row.of(encoding, max_length, side) for encoding in self._encoded(read)]

    def _encoded(self, read: Sequence[str] | Sequence[tuple[str, str]]) -> Iterator[Any]:
        """Long texts go to the library one by one: its threads are everybody's, and a batch of them takes them all."""
        for is_long, group in groupby(read, key=_is_long):
            if is_long:
                for one in group:
                    yield from self._backend.encode_batch([one])
            else:
                yield from self._backend.encode_batch(list(group))

    def _beginnings(self, texts: Sequence[str], max_length: int, most: int) -> "list[_Row]":
        """Of a long text no more than its tokens need, about `most` characters or a multiple of them."""
        read = [_beginning(text, most) for text in texts]
        rows = [_Row.of(encoding, max_length, "right") for encoding in self._encoded(read)]
        begun = zip(read, texts, rows, strict=True)
        lacking = [at for at, (part, text, row) in enumerate(begun) if len(part) < len(text) and row.kept is None]
        if lacking:  # of few tokens for its length: a word of a thousand letters is one, a blank none
            more = self._beginnings([texts[at] for at in lacking], max_length, _MORE * most)
            for at, row in zip(lacking, more, strict=True):
                rows[at] = row
        return rows


@dataclass(frozen=True)
class _Row:
    """encoding: tokenizers.Encoding, uncut. kept: the places of the tokens that stay; None where all do."""

    encoding: Any
    kept: list[int] | None

    @classmethod
    def of(cls, encoding: Any, max_length: int, side: Literal["right", "left"]) -> "_Row":
        if len(encoding) <= max_length:
            return cls(encoding, None)
        texts = np.array([-1 if text is None else text for text in encoding.sequence_ids])
        special, first, second = (np.flatnonzero(texts == number) for number in (-1, 0, 1))
        of_first, of_second = _longest_first(len(first), len(second), max(max_length - len(special), 0))
        if side == "left":
            parts = first[len(first) - of_first :], second[len(second) - of_second :]
        else:
            parts = first[:of_first], second[:of_second]
        kept: list[int] = np.sort(np.concatenate([special, *parts])).tolist()
        return cls(encoding, kept)

    def of_kept(self, values: list[_Value]) -> list[_Value]:
        return values if self.kept is None else [values[place] for place in self.kept]


def _is_long(read: str | tuple[str, str]) -> bool:
    return sum(map(len, [read] if isinstance(read, str) else read)) > _LONG


def _longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many tokens stay of two texts that have so many, more than there is room for."""
    shorter = min(first, second, room // 2)
    return (room - shorter, shorter) if first > second else (shorter, room - shorter)


def _beginning(text: str, most: int) -> str:
    """So many characters of a long text, and those to where a piece begins: a million take seconds and gigabytes to be
    tokenized, of which all but a page is cut away."""
    if len(text) <= 2 * most:
        return text
    cut = _BEGINS_A_PIECE.search(text, most)
    return text[: cut.start()] if cut else text


def _cuts_where_bert_does(backend: Any) -> bool:
    """Whether blanks, marks and Chinese characters each begin a piece, whatever stands behind them."""
    kinds = [type(part).__name__ for part in (backend.normalizer, backend.pre_tokenizer, backend.model)]
    has_own_words = any(not token.special for token in backend.get_added_tokens_decoder().values())
    is_bert = kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"] and backend.normalizer.handle_chinese_chars
    return bool(is_bert) and not has_own_words
