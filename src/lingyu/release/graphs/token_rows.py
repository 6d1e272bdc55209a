"""Texts as a graph reads them: token ids by the tokenizer's file alone, and batches by a budget of tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lingyu.errors import LingyuError, missing_extra
from lingyu.text import Encoded, TextTokenizer, cut_by_jieba

from .folder import WordFinder
from .runtimes import Ids


class TokenFile:
    """A tokenizer.json, which holds where texts are cut too."""

    def __init__(self, file: Path, *, words: WordFinder | None = None) -> None:
        """words: what cuts a text first. Raises LingyuError for a file that can't be read, or without rjieba."""
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise missing_extra("tokenizers", "export") from None
        try:
            tokenizer: Any = Tokenizer.from_file(str(file))
            cut_at = tokenizer.truncation
            self._max_length: int = cut_at["max_length"]
            self._truncation_side: Literal["right", "left"] = cut_at["direction"]
        except Exception as error:  # the library raises nothing narrower
            reason = " ".join(str(error).split())[:160]
            raise LingyuError(f"is no tokenizer ({reason})", where=file, next="Export the adapter again") from error
        if words == "jieba":
            cut_by_jieba(tokenizer)
        self._tokenizer = TextTokenizer(tokenizer)

    def encode(self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, has_types: bool = False) -> Encoded:
        """pairs: a second text for each. has_types: whether the graph is to be told which of the two a token is of."""
        return self._tokenizer.encode(
            texts, self._max_length, pairs, types=has_types, truncation_side=self._truncation_side
        )


@dataclass(frozen=True)
class Batch:
    """rows: which of the texts these are. input_ids, attention_mask, token_type_ids: (rows, longest of them)."""

    rows: list[int]
    input_ids: Ids
    attention_mask: Ids
    token_type_ids: Ids | None = None

    @property
    def inputs(self) -> tuple[Ids, ...]:
        """What the graph takes, in its order."""
        ids = (self.input_ids, self.attention_mask)
        return ids if self.token_type_ids is None else (*ids, self.token_type_ids)


def batches_of(texts: Encoded, pad_token_id: int, tokens_per_batch: int) -> Iterator[Batch]:
    """Every row once, rows of like length together; rows times the longest stay within the budget where they can."""
    input_ids = texts.input_ids
    order = sorted(range(len(input_ids)), key=lambda row: len(input_ids[row]))
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end - start + 1) * len(input_ids[order[end]]) <= tokens_per_batch:
            end += 1
        yield _padded(order[start:end], texts, pad_token_id)
        start = end


def _padded(rows: list[int], texts: Encoded, pad_token_id: int) -> Batch:
    input_ids, token_type_ids = texts.input_ids, texts.token_type_ids
    width = max(len(input_ids[row]) for row in rows)
    ids = np.full((len(rows), width), pad_token_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for at, row in enumerate(rows):
        ids[at, : len(input_ids[row])] = input_ids[row]
        mask[at, : len(input_ids[row])] = 1
    if token_type_ids is None:
        return Batch(rows, ids, mask)
    types = np.zeros_like(ids)
    for at, row in enumerate(rows):
        types[at, : len(token_type_ids[row])] = token_type_ids[row]
    return Batch(rows, ids, mask, types)
