"""What a base's tokenizer makes of the texts: how long they are for it, and what it does not know."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lingyu.reporting import Report

from .parts import AuditPart
from .report import Unknown

if TYPE_CHECKING:
    from lingyu.bases import Base

_TEXTS_PER_CHUNK = 1_000
_MOST_CHARACTERS = 30
_LONGEST_TEXT = 1_000_000  # as much as is read of a text anywhere


@dataclass
class Tokens:
    """lengths: tokens of each text, with the special ones, uncut."""

    lengths: list[int] = field(default_factory=list)
    unknown: int = 0
    rows: int = 0
    characters: Counter[str] = field(default_factory=Counter)

    def as_unknown(self) -> Unknown:
        ordered = sorted(self.characters.items(), key=lambda item: (-item[1], item[0]))
        return Unknown(
            tokens=sum(self.lengths), unknown=self.unknown, rows=self.rows, characters=tuple(ordered[:_MOST_CHARACTERS])
        )


def tokens_of(part: AuditPart, base: "Base", report: Report) -> Tokens:
    """Goes through a part's texts, a thousand at a time."""
    tokens = Tokens()
    known = _KnownCharacters(base.tokenizer)
    total = len(part.texts)
    for begin in range(0, total, _TEXTS_PER_CHUNK):
        report(f"tokens of {part.name}", begin, total)
        for encoding, texts in _encoded(part, base.tokenizer, slice(begin, begin + _TEXTS_PER_CHUNK)):
            _count(tokens, encoding, texts, known)
    report(f"tokens of {part.name}", total, total)
    return tokens


def _encoded(part: AuditPart, tokenizer: Any, at: slice) -> Iterator[tuple[Any, tuple[str, str]]]:
    texts = [text[:_LONGEST_TEXT] for text in part.texts[at]]
    pairs = None if part.pairs is None else [text[:_LONGEST_TEXT] for text in part.pairs[at]]
    batch = tokenizer(texts, pairs, split_special_tokens=True, return_attention_mask=False, verbose=False)
    return zip(batch.encodings, zip(texts, pairs or [""] * len(texts), strict=True), strict=True)


def _count(tokens: Tokens, encoding: Any, texts: tuple[str, str], known: "_KnownCharacters") -> None:
    ids = encoding.ids
    tokens.lengths.append(len(ids))
    unknown = ids.count(known.unknown_id)
    if not unknown:
        return
    tokens.unknown += unknown
    tokens.rows += 1
    places = zip(ids, encoding.offsets, encoding.sequence_ids, strict=True)
    for token, (begin, end), sequence in places:
        if token == known.unknown_id and sequence is not None:
            tokens.characters.update(known.behind(texts[sequence][begin:end]))


class _KnownCharacters:
    """Which characters of a word are why it is unknown: those that are so alone, or all of it where none is."""

    def __init__(self, tokenizer: Any) -> None:
        self.unknown_id: int = tokenizer.unk_token_id
        self._tokenizer = tokenizer
        self._unknown: dict[str, bool] = {}

    def behind(self, word: str) -> set[str]:
        return {character for character in word if self._is_unknown(character)} or set(word)

    def _is_unknown(self, character: str) -> bool:
        if character not in self._unknown:
            ids = self._tokenizer(character, add_special_tokens=False, split_special_tokens=True)["input_ids"]
            self._unknown[character] = self.unknown_id in ids
        return self._unknown[character]
