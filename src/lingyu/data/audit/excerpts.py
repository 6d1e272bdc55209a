"""A text of the data as the page shows it: personal data masked, every character visible, the long middle left out.

Of two texts the differences are marked, and what is left out is what they share.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rapidfuzz.distance import Levenshtein

from lingyu.text import clean

_LONGEST_COMPARED = 5_000  # characters: aligning takes time by the square, and a page has a hundred pairs
_LONGEST_SHOWN = 400  # characters of a text, but for the words that say what was left out
_AROUND = 24  # characters kept on either side of a difference
_LEAST_LEFT_OUT = 16  # shorter ones are shown: the note that they are left out is no shorter
_MOST_PIECES = 60


@dataclass(frozen=True)
class Piece:
    """left_out: text is empty, and count characters stand there that are not shown."""

    kind: Literal["same", "differs", "left_out"]
    text: str
    count: int = 0


Excerpt = tuple[Piece, ...]
_Spans = Sequence[tuple[bool, str]]  # (differs, text)


def excerpt(text: str) -> Excerpt:
    """The beginning and the end of a text."""
    shown = legible(masked(text))
    if len(shown) <= _LONGEST_SHOWN:
        return (Piece("same", shown),)
    end = _LONGEST_SHOWN // 4
    start = _LONGEST_SHOWN - end
    left_out = Piece("left_out", "", len(shown) - _LONGEST_SHOWN)
    return (Piece("same", shown[:start]), left_out, Piece("same", shown[-end:]))


def excerpts(text: str, other: str) -> tuple[Excerpt, Excerpt]:
    """Two texts with what each has and the other has not."""
    shown, beside = legible(masked(text)), legible(masked(other))
    if shown == beside:
        return excerpt(text), excerpt(other)
    ours, theirs = _differences(shown[:_LONGEST_COMPARED], beside[:_LONGEST_COMPARED])
    return _shortened(ours, len(shown)), _shortened(theirs, len(beside))


def masked(text: str) -> str:
    return clean(text, ("personal",))


def legible(text: str) -> str:
    """Every character visible: an escape stands for what can't be seen or encoded (control and private-use
    characters, zero-width and direction marks, lone surrogates). Blanks of any width stay."""
    unseen = [char for char in set(text) if not _is_visible(char)]
    return text.translate({ord(char): char.encode("unicode_escape").decode() for char in unseen}) if unseen else text


def _is_visible(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _differences(text: str, other: str) -> tuple[_Spans, _Spans]:
    ours, theirs = [], []
    for step in Levenshtein.opcodes(text, other):
        differs = step.tag != "equal"
        ours.append((differs, text[step.src_start : step.src_end]))
        theirs.append((differs, other[step.dest_start : step.dest_end]))
    return ours, theirs


def _shortened(spans: _Spans, length: int) -> Excerpt:
    """What is shown of the spans of a text of so many characters: all of a short one, else what is around the
    differences."""
    around = _AROUND if length > _LONGEST_SHOWN else length
    last = len(spans) - 1
    pieces = [
        piece
        for place, (differs, text) in enumerate(spans)
        for piece in _pieces(text, differs, 0 if place == 0 else around, 0 if place == last else around)
    ]
    beyond = length - sum(len(text) for _, text in spans)
    return _at_most([*pieces, Piece("left_out", "", beyond)] if beyond else pieces)


def _pieces(text: str, differs: bool, before: int, after: int) -> list[Piece]:
    """A span: whole where it differs; else so much of its start and its end."""
    left_out = len(text) - before - after
    if differs or left_out < _LEAST_LEFT_OUT:
        return [Piece("differs" if differs else "same", text)]
    end = Piece("same", text[before + left_out :])
    return [Piece("same", text[:before]), Piece("left_out", "", left_out), end]


def _at_most(pieces: Sequence[Piece]) -> Excerpt:
    """The first pieces, as many as there is room for, and the count of what is behind them."""
    kept: list[Piece] = []
    room = _LONGEST_SHOWN
    for place, piece in enumerate(pieces):
        if len(piece.text) > room or len(kept) == _MOST_PIECES:
            start = replace(piece, text=piece.text[:room])
            rest = sum(len(piece.text) + piece.count for piece in pieces[place:]) - len(start.text) - start.count
            kept += [start, Piece("left_out", "", rest)]
            break
        kept.append(piece)
        room -= len(piece.text)
    return tuple(piece for piece in kept if piece.text or piece.count)
