"""What a column of labels says, by task: cells of a file to targets, each fault with its row.

Beside the targets each row gets a key, equal for two rows just where their labels are, and a stratum, by which rows are
dealt to parts.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.recipe import Data
from lingyu.text import clean, word_characters

from .pieces import listed

Entity = tuple[int, int, int]
"""An entity of a text: its characters, from and up to, and the index of its label."""

_VALUE_SHOWN = 40
_LABELS_SHOWN = 8
_VALUES_SHOWN = 3
_SEPARATORS = ("；", ";", "、", "，", ",", "|", "/", " ")
_TENTHS = 10
_LARGEST = float(np.finfo(np.float32).max)
_TAG = re.compile(r"(?P<place>[BI])-(?P<value>.+)", re.DOTALL)
_WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")
_AS_JSON = 'Write a list as JSON, each text in quotation marks: ["one", "another"]'

R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Labelled:
    """targets: (rows,) int64 the index of the label; of multi_label (rows, labels) int64 0 and 1; of regression (rows,)
    float32; of token (rows,) objects, the entities of each row; of preference (rows,) all 0.

    keys, strata: (rows,) int64.
    """

    targets: NDArray[Any]
    keys: NDArray[np.int64]
    strata: NDArray[np.int64]


# ---- one label a row: single_label, ordinal


def label_indices(values: Sequence[str], wheres: Sequence[str], data: Data) -> Labelled:
    """Raises LingyuError where values are outside data.labels, with how many rows have which."""
    order = {value: index for index, value in enumerate(data.labels)}
    found = [value_of_label(value, order) for value in values]
    _require_known(zip(found, wheres, strict=True), data)
    indices = np.array([order[value] for value in found], dtype=np.int64)
    return Labelled(indices, keys=indices, strata=indices)


def value_of_label(cell: str, known: Container[str]) -> str:
    """The value that a cell holds: without blanks around it; 4.0 is 4, where 4 is a label and 4.0 is none."""
    value = cell.strip()
    match = None if value in known else _WHOLE_NUMBER.fullmatch(value)
    return match[1] if match and match[1] in known else value


# ---- several labels a row: multi_label


def label_sets(values: Sequence[str], wheres: Sequence[str], data: Data) -> Labelled:
    """Of lists of labels, as JSON or cut at data.label_separator; an empty one is a row without labels.

    A row's stratum is its rarest label. Raises as label_indices does.
    """
    order = {value: index for index, value in enumerate(data.labels)}
    rows = of_each_row(lambda cell: _labels_of(cell, data), wheres, values)
    found = ((label, where) for labels, where in zip(rows, wheres, strict=True) for label in labels)
    _require_known(found, data, are_cut=not any(_list_in("label", cell) for cell in values))
    targets = np.zeros((len(rows), len(order)), dtype=np.int64)
    for row, labels in enumerate(rows):
        targets[row, [order[label] for label in labels]] = 1
    keys = _hashed(row.tobytes() for row in targets)
    return Labelled(targets, keys, _rarest_labels(targets))


def _labels_of(cell: str, data: Data) -> list[str]:
    pieces = _list_in("label", cell)
    labels = cell.split(data.label_separator or ",") if pieces is None else pieces
    found = [value_of_label(label, data.labels) for label in labels]
    return [label for label in found if label] if pieces is None else found


def _rarest_labels(targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """(rows,) of each row's labels the one that fewest rows have; of a row without labels their number."""
    by_rarity = np.argsort(targets.sum(axis=0), kind="stable")
    first = targets[:, by_rarity].argmax(axis=1)
    rarest: NDArray[np.int64] = np.where(targets.any(axis=1), by_rarity[first], targets.shape[1])
    return rarest


# ---- a number a row: regression


def numbers(values: Sequence[str], wheres: Sequence[str], data: Data) -> Labelled:
    """A row's stratum is its tenth by size. Raises LingyuError for the first value that is no finite number."""
    found = [_number(value) for value in values]
    faulty = [at for at, number in enumerate(found) if number is None]
    if faulty:
        more = _more(len(faulty) - 1)
        what = f"label: {_shown(values[faulty[0]].strip())} is no number{more}"
        raise LingyuError(what, wheres[faulty[0]], f"Correct the column `{data.label}`: digits such as 3.5 or 1e-2")
    targets = np.array(found, dtype=np.float32)
    ranks = np.searchsorted(np.sort(targets), targets)  # equal numbers are of one tenth
    tenths = ranks * _TENTHS // max(1, len(targets))
    return Labelled(targets, _hashed(number.tobytes() for number in targets), tenths.astype(np.int64))


def _number(value: str) -> float | None:
    if "_" in value:  # which float() reads over: 1_0 is no ten in a table
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) <= _LARGEST else None  # which no nan is


# ---- entities of a row: token


@dataclass(frozen=True)
class Tagged:
    """A text as it is read, and its entities."""

    text: str
    entities: tuple[Entity, ...]


def tagged_texts(texts: Sequence[str], tags: Sequence[str], wheres: Sequence[str], data: Data) -> list[Tagged]:
    """Texts and entities of cells that hold tokens and BIO tags, one a token.

    texts: a JSON list of tokens, which are joined with nothing between; or plain text, of which each character is a
    token. tags: a JSON list; of plain text also tags with blanks between. An I- that goes on with no entity of its
    label begins one. data.clean keeps each character in its place, as the recipe's rules have it.
    Raises LingyuError for the first row whose tags are not as many as its tokens, or with a tag that is none, with how
    many more rows there are.
    """
    return of_each_row(lambda text, of_text: _tagged(text, of_text, data), wheres, texts, tags)


def entity_labels(tagged: Sequence[Tagged]) -> Labelled:
    """All rows are of one stratum."""
    targets = np.empty(len(tagged), dtype=object)
    targets[:] = [row.entities for row in tagged]
    keys = _hashed(json.dumps(_places_in_words(row)).encode() for row in tagged)
    return Labelled(targets, keys, np.zeros(len(tagged), dtype=np.int64))


def _places_in_words(row: Tagged) -> list[Entity]:
    """Its entities, counted in word characters, so that two same texts which differ in marks can agree."""
    return [
        (len(word_characters(row.text[:start])), len(word_characters(row.text[:end])), label)
        for start, end, label in row.entities
    ]


def _tagged(cell: str, tag_cell: str, data: Data) -> Tagged:
    pieces, listed_tags = _list_in("text", cell), _list_in("label", tag_cell)
    if pieces and listed_tags is None:
        hint = f'Write the column `{data.label}` as a list too: ["O", "B-..."]'
        raise LingyuError("label: the tags are text, where the tokens are a list", next=hint)
    tokens = list(cell) if pieces is None else pieces
    tags = tag_cell.split() if listed_tags is None else listed_tags
    if len(tags) != len(tokens):
        kind = "characters" if pieces is None else "tokens"
        what = f"label: {len(tags):,} tags for {len(tokens):,} {kind}"
        raise LingyuError(what, next=f"Give each one a tag in the column `{data.label}`: O, B-... or I-...")
    whole = "".join(tokens)
    text = clean(whole, data.clean)
    entities = _entities(tokens, [tag.strip() for tag in tags], data)
    before = len(whole) - len(whole.lstrip())  # which cleaning strips
    return Tagged(text, tuple(_moved(entities, before, len(text))))


def _entities(tokens: Sequence[str], tags: Sequence[str], data: Data) -> list[Entity]:
    order = {value: index for index, value in enumerate(data.labels)}
    entities: list[Entity] = []
    going_on: int | None = None  # the label of the entity that an I- would go on with
    end = 0
    for token, tag in zip(tokens, tags, strict=True):
        start, end = end, end + len(token)
        label, begins = _read_tag(tag, order)
        if label is not None and not token:
            raise LingyuError(f"label: {_shown(tag)} is the tag of an empty token", next="Leave both out, or tag it O")
        if label is not None and (begins or label != going_on):
            entities.append((start, end, label))
        elif label is not None:
            entities[-1] = (entities[-1][0], end, label)
        going_on = label
    return entities


def _read_tag(tag: str, order: Mapping[str, int]) -> tuple[int | None, bool]:
    """(index of the label, whether it begins an entity); None for O."""
    if tag == "O":
        return None, False
    match = _TAG.fullmatch(tag)
    if match is None:
        hint = _AS_JSON if tag.startswith("[") else "A tag is O, B-... or I-..."
        raise LingyuError(f"label: {_shown(tag)} is no BIO tag", next=hint)
    if match["value"] not in order:
        what = f"label: {_shown(tag)} is a tag outside data.labels ({_listed(order)})"
        raise LingyuError(what, next="Add what follows B- and I- to data.labels, or correct the tags")
    return order[match["value"]], match["place"] == "B"


def _moved(entities: Iterable[Entity], back: int, length: int) -> Iterable[Entity]:
    """Entities of a text that lost so many characters at its start and now has a length; what is empty goes."""
    for start, end, label in entities:
        start, end = max(0, start - back), min(length, end - back)
        if start < end:
            yield start, end, label


# ---- what they share


def of_each_row(read: Callable[..., R], wheres: Sequence[str], *columns: Sequence[str], about: str = "") -> list[R]:
    """What read(cell, ...) makes of each row. Raises LingyuError for the first that it refuses, with the row's place
    and how many more there are. about: what stands before its words."""
    found, faults = [], []
    for where, *cells in zip(wheres, *columns, strict=True):
        try:
            found.append(read(*cells))
        except LingyuError as error:
            faults.append(LingyuError(error.what, where, error.next))
    if faults:
        raise LingyuError(f"{about}{faults[0].what}{_more(len(faults) - 1, 'row')}", faults[0].where, faults[0].next)
    return found


def no_labels(keys: NDArray[np.int64]) -> Labelled:
    """Of rows that say by themselves which reply is the better. keys: (rows,)."""
    zeros = np.zeros(len(keys), dtype=np.int64)
    return Labelled(zeros, keys, zeros)


def _require_known(found: Iterable[tuple[str, str]], data: Data, *, are_cut: bool = False) -> None:
    """found: (value, where). are_cut: whether the values were cut out of their cells at data.label_separator.

    Raises LingyuError at the first that is outside data.labels, with how many rows have which others.
    """
    outside = [(value, where) for value, where in found if value not in data.labels]
    if not outside:
        return
    value, where = outside[0]
    times = Counter(value for value, _ in outside)
    rows = len({where for _, where in outside})
    separator = next((mark for mark in _SEPARATORS if _is_cut_at(mark, value, data)), None) if are_cut else None
    hint = f'Set data.label_separator: "{separator}"' if separator else _hint_outside(value, times, data)
    raise LingyuError(f"label: {_outside(value, times, rows, data)}", where, hint)


def _is_cut_at(separator: str, value: str, data: Data) -> bool:
    """Whether a value outside data.labels is several of them with this separator between."""
    pieces = [value_of_label(piece, data.labels) for piece in value.split(separator) if piece.strip()]
    return separator in value and bool(pieces) and all(piece in data.labels for piece in pieces)


def _outside(first: str, times: Counter[str], rows: int, data: Data) -> str:
    """times: value outside data.labels -> how often it was found. rows: in how many."""
    known = f"outside data.labels ({_listed(data.labels)})"
    if _is_of_a_list(first) or len(times) == 1:
        return f"{_shown(first)} is {known}" + (f"; {rows:,} rows have such a value" if rows > 1 else "")
    have = "1 row has" if rows == 1 else f"{rows:,} rows have one of"
    named = ", ".join(f"{_shown(value)} ({count:,})" for value, count in times.most_common(_VALUES_SHOWN))
    more = len(times) - _VALUES_SHOWN
    return f"{have} {len(times):,} values {known}: {named}" + (f" and {more:,} more" if more > 0 else "")


def _hint_outside(first: str, times: Counter[str], data: Data) -> str:
    if _is_of_a_list(first):
        return _AS_JSON
    if set(times) == {""}:
        return "Label the row, or take it out" if times.total() == 1 else "Label these rows, or take them out"
    named = len(times) - ("" in times)
    add = "Label the empty rows, and add" if "" in times else "Add"
    return f"{add} the value{'s' if named > 1 else ''} to data.labels, or correct the column `{data.label}`"


def _is_of_a_list(value: str) -> bool:
    return value.startswith("[") or value.endswith("]")


def _list_in(column: str, cell: str) -> list[str] | None:
    """As listed, with what is wrong said of the column."""
    try:
        return listed(cell)
    except LingyuError as error:
        raise LingyuError(f"{column}: {error.what}", next=error.next) from None


def _shown(value: str) -> str:
    return f'"{value[:_VALUE_SHOWN]}"' if value else "an empty value"


def _listed(labels: Iterable[str]) -> str:
    names = list(labels)
    return ", ".join(names[:_LABELS_SHOWN]) + (", ..." if len(names) > _LABELS_SHOWN else "")


def _more(count: int, what: str = "value") -> str:
    return f"; so are {count:,} more {what}s" if count > 1 else f"; so is 1 more {what}" if count else ""


def _hashed(contents: Iterable[bytes]) -> NDArray[np.int64]:
    digests = b"".join(hashlib.sha256(content).digest()[:8] for content in contents)
    return np.frombuffer(digests, dtype="<i8").astype(np.int64)
