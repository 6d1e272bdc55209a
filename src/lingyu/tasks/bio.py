"""Entities as tags of tokens: O, and for each label one tag that begins an entity and one that goes on with it.

Tag 0 is O, 2k + 1 is B- and 2k + 2 is I- of label k (Ramshaw and Marcus 1995, in the form that begins every entity
with a B-).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arrays import IGNORED

Ints = NDArray[np.int64]

OUTSIDE = 0


class Span(NamedTuple):
    """From start up to end, of label (its index): in tokens or in characters, as whoever makes it says."""

    start: int
    end: int
    label: int


def tag_names(labels: Sequence[str]) -> tuple[str, ...]:
    """O, B-品牌, I-品牌, ...: a name for each tag."""
    return ("O", *(f"{part}-{label}" for label in labels for part in "BI"))


def spans_in(tags: Iterable[int]) -> list[Span]:
    """The entities of a sequence of tags, in its own places.

    An I- that follows neither B- nor I- of its label begins an entity, as conlleval and seqeval read it: a model that
    finds an entity but not its beginning has found something.
    """
    spans: list[Span] = []
    open_label, start, end = -1, 0, 0
    for end, tag in enumerate(tags):
        label, is_inside = (tag - 1) // 2, tag > OUTSIDE and tag % 2 == 0
        if is_inside and label == open_label:
            continue
        if open_label >= 0:
            spans.append(Span(start, end, open_label))
        open_label, start = label, end  # O is of label -1
    if open_label >= 0:
        spans.append(Span(start, end + 1, open_label))
    return spans


def tags_of(spans: Iterable[Span], length: int) -> Ints:
    """(length,): the tags of entities that don't overlap, what spans_in reads back."""
    tags = np.full(length, OUTSIDE, dtype=np.int64)
    for start, end, label in spans:
        tags[start:end] = 2 * label + 2
        tags[start] = 2 * label + 1
    return tags


def own_characters(spans: Ints) -> Ints:
    """(tokens, 2) -> the same shape: of each token the characters that no token before it stands for; 0, 0 for none.

    So none is left to a special token, and to the second and later pieces of one character, which byte-level
    vocabularies have; they bear no tag.
    """
    starts, ends = spans[:, 0], spans[:, 1]
    reached = np.concatenate([[0], np.maximum.accumulate(ends)[:-1]]) if len(ends) else ends
    starts = np.maximum(starts, reached)
    return np.where((starts < ends)[:, np.newaxis], np.stack([starts, ends], axis=1), 0)


def bears_tag(spans: Ints) -> NDArray[np.bool_]:
    """(tokens,): whether a token has characters of its own."""
    own = own_characters(spans)
    return own[:, 1] > own[:, 0]


def tag_ids(entities: Sequence[tuple[int, int, int]], spans: Ints) -> Ints:
    """(tokens,): the tag of each token, IGNORED where it has no character of its own.

    entities: (start, end, label) in characters, from and up to, in the order of the text, none overlapping. spans:
    (tokens, 2) of the text. The first character of a token's own decides whose it is, and the first token of an entity
    begins it: so where a token reaches over an entity's border, the entity is longer or shorter by a piece. One that
    truncation has cut ends with the text; of one that no token is left of, nothing is told (see lost_entities).
    """
    bearing = bears_tag(spans)
    starts = own_characters(spans)[bearing, 0]  # rising, since no character is two tokens' own
    borders = np.searchsorted(starts, [entity[:2] for entity in entities]) if entities else ()
    places = (Span(int(first), int(end), entity[2]) for (first, end), entity in zip(borders, entities, strict=True))
    tags = np.full(len(spans), IGNORED, dtype=np.int64)
    tags[bearing] = tags_of((place for place in places if place.start < place.end), len(starts))
    return tags


def lost_entities(entities: Sequence[tuple[int, int, int]], spans: Ints) -> int:
    """How many entities the tokens can't tell from one a piece longer or shorter, or that were cut off."""
    own = own_characters(spans)[bears_tag(spans)]
    starts, ends = set(own[:, 0].tolist()), set(own[:, 1].tolist())
    return sum(start not in starts or end not in ends for start, end, _ in entities)


def padded_tags(rows: Sequence[Ints]) -> Ints:
    """(rows, longest): the tags of each row, filled up with IGNORED."""
    padded = np.full((len(rows), max(map(len, rows), default=0)), IGNORED, dtype=np.int64)
    for row, tags in zip(padded, rows, strict=True):
        row[: len(tags)] = tags
    return padded
