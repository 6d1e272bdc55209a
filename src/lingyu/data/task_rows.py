"""What a row is, task by task: the columns that it is read from, and how its labels are told apart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lingyu.recipe import Data, TaskName
from lingyu.text import clean, content_hashes

from .counts import BOTH_ORDERS, EMPTY, EQUAL_REPLIES, NO_LABELS, TWO_LABELS, Tally
from .labelling import (
    Labelled,
    entity_labels,
    label_indices,
    label_sets,
    no_labels,
    numbers,
    of_each_row,
    tagged_texts,
)
from .parts import Part
from .pieces import one_text
from .reading import Cells
from .row_hashes import comparison_hashes, row_hashes

_TEXT, _PAIR, _LABEL = "data.text", "data.text_pair", "data.label"
_CHOSEN, _REJECTED = "data.chosen", "data.rejected"
_BASELINE, _GROUP = "data.baseline_column", "data.group"


@dataclass(frozen=True)
class TaskRows:
    """keys: of the recipe, those that name what a row is read from. lists: those of them whose cells may be lists.

    read: cells to a part; what it leaves out goes to the tally. teaches: whether a part has something to learn;
    taught_nothing: what is wrong where it has not, and what to do, by the names of the labels. present: the indices
    of the labels that any row has. conflict: why same inputs with different labels are left out. enough: to split, at
    the least.
    """

    keys: tuple[str, ...]
    lists: tuple[str, ...]
    read: Callable[[Cells, Data, Tally], Part]
    teaches: Callable[[Part], bool]
    taught_nothing: Callable[[Part, Sequence[str]], tuple[str, str]]
    present: Callable[[Part], set[int]]
    conflict: str = TWO_LABELS
    enough: str = "three distinct texts a label"

    def columns(self, data: Data) -> dict[str, str]:
        """Key -> the column that it names."""
        named = {key: getattr(data, key.removeprefix("data.")) for key in (*self.keys, _BASELINE, _GROUP)}
        return {key: column for key, column in named.items() if column is not None}


# ---- a text or two, and a label in a column of its own


def _with_label(read_labels: Callable[[Sequence[str], Sequence[str], Data], Labelled]) -> Callable[..., Part]:
    """What reads such rows. read_labels: of labelling, what a column of labels says."""

    def read(cells: Cells, data: Data, tally: Tally) -> Part:
        texts = _cleaned(cells.columns[_TEXT], data)
        pairs = _cleaned(cells.columns[_PAIR], data) if _PAIR in cells.columns else None
        filled = [at for at, text in enumerate(texts) if text and (pairs is None or pairs[at])]
        tally.drop(EMPTY, len(texts) - len(filled))
        kept, kept_pairs = _of_rows(texts, filled), _taken(pairs, filled)
        values, wheres = _of_rows(cells.columns[_LABEL], filled), _of_rows(cells.wheres, filled)
        labelled = read_labels(values, wheres, data)
        part = _part(kept, labelled, row_hashes(kept, kept_pairs), cells, filled, pairs=kept_pairs)
        return _beside_uncleaned(part, cells.columns[_TEXT], filled, data)

    return read


def _with_label_set(cells: Cells, data: Data, tally: Tally) -> Part:
    """Rows without labels are such where an empty list says so; where nothing stands, nobody knows theirs."""
    nothing = cells.nulls[_LABEL]
    tally.drop(NO_LABELS, len(nothing))
    tally.note(len(nothing), f"rows left out whose `{data.label}` is null ([] is a row without labels)")
    return _with_label(label_sets)(cells.without(nothing), data, tally)


def _differ(part: Part) -> bool:
    return len(np.unique(part.labelled.keys)) > 1


def _one_label(part: Part, names: Sequence[str]) -> tuple[str, str]:
    what = f"every row has the label {names[int(part.labels[0])]}, and a classifier needs two"
    return what, "Add rows of the other labels"


def _one_set(part: Part, names: Sequence[str]) -> tuple[str, str]:
    labels = ", ".join(names[label] for label in np.flatnonzero(part.labels[0]).tolist()) or "none"
    return f"every row has the same labels ({labels}), and there is nothing to tell apart", "Add rows with others"


def _one_number(part: Part, names: Sequence[str]) -> tuple[str, str]:
    what = f"every row has the number {part.labels[0]:g}, and there is nothing to learn from it"
    return what, "Add rows with other numbers"


# ---- a text with tags


def _with_tags(cells: Cells, data: Data, tally: Tally) -> Part:
    tagged = tagged_texts(cells.columns[_TEXT], cells.columns[_LABEL], cells.wheres, data)
    filled = [at for at, row in enumerate(tagged) if row.text]
    tally.drop(EMPTY, len(tagged) - len(filled))
    rows = [tagged[at] for at in filled]
    texts = tuple(row.text for row in rows)
    return _part(texts, entity_labels(rows), row_hashes(texts), cells, filled)


def _kinds_of_entities(part: Part) -> set[int]:
    return {label for entities in part.labels for _, _, label in entities}


def _has_entity(part: Part) -> bool:
    return bool(_kinds_of_entities(part))


def _no_entity(part: Part, names: Sequence[str]) -> tuple[str, str]:
    return "no row has an entity, and there is nothing to find", "Add rows with tags B-... and I-..."


# ---- a context and two replies


def _comparisons(cells: Cells, data: Data, tally: Tally) -> Part:
    """Which of the two replies is the better is what the label of such a row is."""
    keys = (_TEXT, _CHOSEN, _REJECTED)
    joined = [_joined(cells, key) for key in keys]
    columns = [_cleaned(column, data) for column in joined]
    whole = [at for at, row in enumerate(zip(*columns, strict=True)) if all(row)]
    tally.drop(EMPTY, len(cells.wheres) - len(whole))
    kept = [at for at in whole if columns[1][at] != columns[2][at]]
    tally.drop(EQUAL_REPLIES, len(whole) - len(kept))
    contexts, chosen, rejected = (_of_rows(column, kept) for column in columns)
    ours, theirs = ([*zip(content_hashes(replies), replies, strict=True)] for replies in (chosen, rejected))
    is_first = np.array([one < other for one, other in zip(ours, theirs, strict=True)], dtype=np.int64)
    hashes = comparison_hashes(contexts, chosen, rejected)
    part = _part(contexts, no_labels(is_first), hashes, cells, kept, pairs=chosen, rejected=rejected)
    return _beside_uncleaned(part, joined[0], kept, data)


def _joined(cells: Cells, key: str) -> list[str]:
    about = f"{key.removeprefix('data.')}: "
    return of_each_row(lambda cell: one_text(cell, "preference"), cells.wheres, cells.columns[key], about=about)


def _no_pair(part: Part, names: Sequence[str]) -> tuple[str, str]:
    return "no row is left", "Add rows with two replies that differ"


# ---- what they share


def _part(
    texts: tuple[str, ...],
    labelled: Labelled,
    hashes: NDArray[np.int64],
    cells: Cells,
    rows: Sequence[int],
    *,
    pairs: tuple[str, ...] | None = None,
    rejected: tuple[str, ...] | None = None,
) -> Part:
    """rows: of the cells, those that are in the part."""
    values = {key: _taken(cells.columns.get(key), rows) for key in (_BASELINE, _GROUP)}
    return Part(texts, labelled, hashes, pairs, rejected, values[_BASELINE], values[_GROUP])


def _beside_uncleaned(part: Part, texts: Sequence[str], rows: Sequence[int], data: Data) -> Part:
    """texts: first ones, as they stand in the source. rows: of them, those that are in the part."""
    return replace(part, uncleaned=_of_rows(texts, rows)) if data.clean else part


def _cleaned(texts: Sequence[str], data: Data) -> list[str]:
    return [clean(text, data.clean) for text in texts]


def _of_rows(column: Sequence[str], rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(column[row] for row in rows)


def _taken(column: Sequence[str] | None, rows: Sequence[int]) -> tuple[str, ...] | None:
    return None if column is None else _of_rows(column, rows)


def _indices(part: Part) -> set[int]:
    return set(part.labels.tolist())


_TEXTS = (_TEXT, _PAIR, _LABEL)
_ONE_LABEL = TaskRows(_TEXTS, (), _with_label(label_indices), _differ, _one_label, _indices)

TASK_ROWS: Final[Mapping[TaskName, TaskRows]] = {
    "single_label": _ONE_LABEL,
    "ordinal": _ONE_LABEL,
    "multi_label": TaskRows(
        _TEXTS,
        lists=(_LABEL,),
        read=_with_label_set,
        teaches=_differ,
        taught_nothing=_one_set,
        present=lambda part: set(np.flatnonzero(part.labels.any(axis=0)).tolist()),
    ),
    "regression": TaskRows(
        _TEXTS,
        lists=(),
        read=_with_label(numbers),
        teaches=_differ,
        taught_nothing=_one_number,
        present=lambda part: set(),
        enough="thirty distinct texts",  # three for each tenth of the numbers, by which they are dealt
    ),
    "token": TaskRows(
        (_TEXT, _LABEL),
        lists=(_TEXT, _LABEL),
        read=_with_tags,
        teaches=_has_entity,
        taught_nothing=_no_entity,
        present=_kinds_of_entities,
        enough="three distinct texts",
    ),
    "preference": TaskRows(
        (_TEXT, _CHOSEN, _REJECTED),
        lists=(_TEXT, _CHOSEN, _REJECTED),
        read=_comparisons,
        teaches=lambda part: part.rows > 0,  # each row says by itself which reply is the better
        taught_nothing=_no_pair,
        present=lambda part: set(),
        conflict=BOTH_ORDERS,
        enough="three distinct contexts",
    ),
}
