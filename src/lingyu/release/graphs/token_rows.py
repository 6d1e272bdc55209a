"""Texts as a graph reads them: token ids by the tokenizer's file alone, and batches by a budget of tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lingyu.errors import LingyuError, missing_extra

from .runtimes import Ids


@dataclass(frozen=True)
class TokenRows:
    """input_ids: a list of token ids a text, special tokens included. truncated: whether a text was cut."""

    input_ids: list[list[int]]
    truncated: list[bool]


class TokenFile:
    """A tokenizer.json, which holds where texts are cut too."""

    def __init__(self, file: Path) -> None:
        """Raises LingyuError for a file that can't be read."""
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise missing_extra("tokenizers", "export") from None
        try:
            self._tokenizer: Any = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises nothing narrower
            reason = " ".join(str(error).split())[:160]
            raise LingyuError(f"is no tokenizer ({reason})", where=file, next="Export the adapter again") from error
        # a literal '[MASK]' in a text is text, never the special token
        self._tokenizer.encode_special_tokens = True

    def encode(self, texts: Sequence[str]) -> TokenRows:
        encodings = self._tokenizer.encode_batch(list(texts))
        return TokenRows([e.ids for e in encodings], [bool(e.overflowing) for e in encodings])


@dataclass(frozen=True)
class Batch:
    """rows: which of the texts these are. input_ids, attention_mask: (rows, longest of them)."""

    rows: list[int]
    input_ids: Ids
    attention_mask: Ids


def batches_of(input_ids: Sequence[Sequence[int]], pad_token_id: int, tokens_per_batch: int) -> Iterator[Batch]:
    """Every row once, rows of like length together; rows times the longest stay within the budget where they can."""
    order = sorted(range(len(input_ids)), key=lambda row: len(input_ids[row]))
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end - start + 1) * len(input_ids[order[end]]) <= tokens_per_batch:
            end += 1
        yield _padded(order[start:end], input_ids, pad_token_id)
        start = end


def _padded(rows: list[int], input_ids: Sequence[Sequence[int]], pad_token_id: int) -> Batch:
    width = max(len(input_ids[row]) for row in rows)
    ids = np.full((len(rows), width), pad_token_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for at, row in enumerate(rows):
        ids[at, : len(input_ids[row])] = input_ids[row]
        mask[at, : len(input_ids[row])] = 1
    return Batch(rows, ids, mask)
