"""From a recipe's data section to train, dev and test: read, clean, map labels, drop, split, and stop at a leak."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.recipe import Data, TaskName
from lingyu.text import Hashes, clean, content_hashes

from .counts import Counts
from .labelling import (
    Labelled,
    entity_labels,
    label_indices,
    label_sets,
    no_labels,
    numbers,
    tagged_texts,
    text_or_turns,
)
from .parts import Part, Splits
from .reading import Cells, read_columns
from .row_hashes import comparison_hashes, row_hashes
from .splitting import TRAIN, has_two_labels, sample_rows, split_groups

TURN_MARK = "|"
"""Stands between the turns of a dialogue that is a list: a character that vocabularies know and cleaning keeps."""

_EMPTY = "empty"
_EQUAL_REPLIES = "equal replies"
_TWO_LABELS = "two labels"
_LEAKED = "test texts in train"
_DEV_LEAKED = "dev texts in train"
_CHOSEN_BY = "test texts in dev"
_BEYOND = "beyond max_train_samples"

_READERS = {
    "single_label": label_indices,
    "ordinal": label_indices,
    "multi_label": label_sets,
    "regression": numbers,
}
"""Task -> what reads its column of labels, where that is all that a label is."""


class _Tally:
    """Counts in the making."""

    def __init__(self) -> None:
        self.read: dict[str, int] = {}
        self.dropped: dict[str, int] = dict.fromkeys((_EMPTY, _TWO_LABELS, _LEAKED, _BEYOND), 0)
        self.notes: list[str] = []

    def drop(self, reason: str, rows: int) -> None:
        if rows:
            self.dropped[reason] = self.dropped.get(reason, 0) + rows

    def note(self, rows: int, what: str) -> None:
        if rows:
            self.notes.append(f"{what}: {rows:,}")

    def counts(self, kept: dict[str, int]) -> Counts:
        return Counts(self.read, self.dropped, kept, tuple(self.notes))


def load_splits(data: Data, task: TaskName = "single_label") -> Splits:
    """Train, dev and test as the recipe asks for them.

    Raises LingyuError: whatever read_columns raises; a label that the task can't read; one class only; too few rows to
    split; and with status 1 a test text that stands in data.train, unless data.allow_leakage or data.drop_leaked.
    """
    tally = _Tally()
    given = {name: source for name, source in (("test", data.test), ("dev", data.dev)) if source}
    parts = {name: _read_part(source, data, task, tally, f"data.{name}") for name, source in given.items()}
    labelled = _without_conflicts(_read_part(data.train, data, task, tally, "data.train"), tally)
    _check_labels(labelled, data, task, tally)
    parts |= _split_off(labelled, data, task, given)

    dev, test, leaked = _gate(parts, given, data, tally)
    _note_overlaps(parts[TRAIN], dev, test, tally)
    train = _sample(parts[TRAIN], data, task, tally)
    kept = {"train": train.rows, "dev": dev.rows, "test": test.rows}
    return Splits(tuple(data.labels.values()), train, dev, test, leaked, tally.counts(kept), task)


# ---- reading a source


def _read_part(source: str, data: Data, task: TaskName, tally: _Tally, key: str) -> Part:
    """The rows of a source with all their texts, cleaned, with what their labels say."""
    cells = read_columns(source, _columns(data, task), data.encoding)
    tally.read[key] = len(cells.wheres)
    if task == "preference":
        part = _comparisons(cells, data, tally)
    elif task == "token":
        part = _tagged_rows(cells, data, tally)
    else:
        part = _labelled_rows(cells, data, task, tally)
    if not part.rows:
        raise LingyuError(f"no row has a text in column `{data.text}`", source, f"Set {key} to a file with texts")
    return part


def _columns(data: Data, task: TaskName) -> dict[str, str]:
    """Key -> the column that it names, of those that the task reads."""
    label = None if task == "preference" else data.label
    named = {
        "data.text": data.text,
        "data.text_pair": data.text_pair,
        "data.chosen": data.chosen,
        "data.rejected": data.rejected,
        "data.label": label,
        "data.baseline_column": data.baseline_column,
        "data.group": data.group,
    }
    return {key: column for key, column in named.items() if column is not None}


def _labelled_rows(cells: Cells, data: Data, task: TaskName, tally: _Tally) -> Part:
    """Of a text or two and a label that stands in a column of its own."""
    texts = _cleaned(cells.columns["data.text"], data)
    pairs = _cleaned(cells.columns["data.text_pair"], data) if data.text_pair is not None else None
    filled = [at for at, text in enumerate(texts) if text and (pairs is None or pairs[at])]
    tally.drop(_EMPTY, len(texts) - len(filled))
    kept, kept_pairs = tuple(texts[at] for at in filled), _taken(pairs, filled)
    values, wheres = _of_rows(cells.columns["data.label"], filled), _of_rows(cells.wheres, filled)
    labelled = _READERS[task](values, wheres, data)
    return _part(kept, labelled, row_hashes(kept, kept_pairs), cells, filled, pairs=kept_pairs)


def _tagged_rows(cells: Cells, data: Data, tally: _Tally) -> Part:
    tagged = tagged_texts(cells.columns["data.text"], cells.columns["data.label"], cells.wheres, data)
    filled = [at for at, row in enumerate(tagged) if row.text]
    tally.drop(_EMPTY, len(tagged) - len(filled))
    rows = [tagged[at] for at in filled]
    texts = tuple(row.text for row in rows)
    return _part(texts, entity_labels(rows), row_hashes(texts), cells, filled)


def _comparisons(cells: Cells, data: Data, tally: _Tally) -> Part:
    """Of a context and two replies. Which of the two is the better is what the label of such a row is."""
    keys = ("data.text", "data.chosen", "data.rejected")
    columns = [_cleaned([text_or_turns(cell, TURN_MARK) for cell in cells.columns[key]], data) for key in keys]
    whole = [at for at, row in enumerate(zip(*columns, strict=True)) if all(row)]
    tally.drop(_EMPTY, len(cells.wheres) - len(whole))
    kept = [at for at in whole if columns[1][at] != columns[2][at]]
    tally.drop(_EQUAL_REPLIES, len(whole) - len(kept))
    contexts, chosen, rejected = (tuple(column[at] for at in kept) for column in columns)
    is_first = (content_hashes(chosen) < content_hashes(rejected)).astype(np.int64)
    hashes = comparison_hashes(contexts, chosen, rejected)
    return _part(contexts, no_labels(is_first), hashes, cells, kept, pairs=chosen, rejected=rejected)


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
    values = {key: _taken(cells.columns.get(key), rows) for key in ("data.baseline_column", "data.group")}
    return Part(texts, labelled, hashes, pairs, rejected, values["data.baseline_column"], values["data.group"])


def _cleaned(texts: Sequence[str], data: Data) -> list[str]:
    return [clean(text, data.clean) for text in texts]


def _of_rows(column: Sequence[str], rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(column[row] for row in rows)


def _taken(column: Sequence[str] | None, rows: Sequence[int]) -> tuple[str, ...] | None:
    return None if column is None else _of_rows(column, rows)


# ---- what is left out, and what goes where


def _without_conflicts(part: Part, tally: _Tally) -> Part:
    """The part without the texts that carry two labels: which of them is right, nobody knows."""
    conflicting = has_two_labels(part.hashes, part.labelled.keys)
    tally.drop(_TWO_LABELS, int(conflicting.sum()))
    return part.take(~conflicting)


def _check_labels(part: Part, data: Data, task: TaskName, tally: _Tally) -> None:
    """Raises LingyuError where there is nothing to tell apart; notes labels without a row."""
    if not part.rows:
        raise LingyuError("no row is left: every text carries two labels", data.train, "Correct the labels")
    if not _tells_apart(part, task):
        raise LingyuError(*_one_answer(part, data, task))
    names = list(data.labels.values())
    present = _labels_present(part, task)
    absent = [name for index, name in enumerate(names) if index not in present]
    if absent:
        tally.notes.append(f"no row of {data.train} has the label {', '.join(absent)}")


def _tells_apart(part: Part, task: TaskName) -> bool:
    """Whether its rows differ in their labels. Which of two replies is the better says each row by itself."""
    return len(np.unique(part.labelled.keys)) > 1 or (task == "preference" and part.rows > 0)


def _one_answer(part: Part, data: Data, task: TaskName) -> tuple[str, str, str]:
    """What is wrong where all rows have one label, where, and what to do."""
    if task == "regression":
        what = f"every row has the number {part.labels[0]:g}, and there is nothing to learn from it"
        return what, data.train, "Add rows with other numbers"
    if task in ("multi_label", "token"):
        return "every row has the same labels", data.train, "Add rows with others"
    names = list(data.labels.values())
    what = f"every row has the label {names[int(part.labels[0])]}, and a classifier needs two"
    return what, data.train, "Add rows of the other labels"


def _labels_present(part: Part, task: TaskName) -> set[int]:
    """Indices of the labels that any row has."""
    if task == "multi_label":
        return set(np.flatnonzero(part.labels.any(axis=0)).tolist())
    if task == "token":
        return {label for entities in part.labels for _, _, label in entities}
    return set() if task in ("regression", "preference") else set(part.labels.tolist())


def _split_off(part: Part, data: Data, task: TaskName, given: Mapping[str, str]) -> dict[str, Part]:
    """train, and those of dev and test that no file was given for."""
    # Test first: where a label has too few texts for all, what is measured at the end must hold it.
    shares = {name: share for name, share in (("test", data.split.test), ("dev", data.split.dev)) if name not in given}
    if not shares:
        return {TRAIN: part}
    groups = _groups(part)
    indices = split_groups(groups, part.hashes, part.labelled.strata, shares, data.split.seed)
    lacking = [name for name, rows in indices.items() if not len(rows)]
    if lacking or not _tells_apart(part.take(indices[TRAIN]), task):
        texts = len(np.unique(groups))
        what = f"{texts:,} distinct texts are too few to split off {' and '.join(shares)}"
        raise LingyuError(what, data.train, "Add rows: three distinct texts a label at the least")
    return {name: part.take(rows) for name, rows in indices.items()}


def _groups(part: Part) -> NDArray[np.int64]:
    """(rows,) one number for the rows that stay together: of one first text, and of one value of data.group."""
    if part.group_values is None:
        return part.first_hashes
    from .grouping import joined_groups  # with scipy, which few recipes need here

    _, of_text = np.unique(part.first_hashes, return_inverse=True)
    return joined_groups(of_text.astype(np.int64), part.group_values)


def _gate(
    parts: Mapping[str, Part], given: Collection[str], data: Data, tally: _Tally
) -> tuple[Part, Part, NDArray[np.bool_]]:
    """dev and test that may be measured, and which test rows stand in data.train.

    A dev that was split off data.train is part of it: its rows chose what is measured. With data.drop_leaked a given
    dev loses what stands in train, and the test what stands in either; else a given dev's copies are only noted.
    """
    train, dev, test = parts[TRAIN], parts["dev"], parts["test"]
    of_train = train.hashes if "dev" in given else np.concatenate([train.hashes, dev.hashes])
    if data.drop_leaked:
        dev = _without_texts_of(train.hashes, dev, _DEV_LEAKED, data.dev, tally)
        test = _without_texts_of(of_train, test, _LEAKED, data.test, tally)
        test = _without_texts_of(dev.hashes, test, _CHOSEN_BY, data.test or data.train, tally)
        return dev, test, np.zeros(test.rows, dtype=np.bool_)
    leaked = np.isin(test.hashes, of_train)
    rows = int(leaked.sum())
    if rows and not data.allow_leakage:
        raise LingyuError(
            f"{rows:,} of {_rows(test.rows)} stand in data.train ({data.train}) as the same text",
            data.test,
            "Leave them out with data.drop_leaked: true, or keep them, marked, with data.allow_leakage: true",
            status=1,
        )
    tally.note(rows, "test rows whose text stands in train (data.allow_leakage)")
    return dev, test, leaked


def _without_texts_of(hashes: Hashes, part: Part, reason: str, where: str | None, tally: _Tally) -> Part:
    """reason: how the counts name it, such as "test texts in train". Raises LingyuError where no row is left."""
    stands_there = np.isin(part.hashes, hashes)
    if stands_there.all():
        name, _, there = reason.partition(" texts in ")
        raise LingyuError(f"every {name} text stands in {there}", where, f"Give a {name} set of its own", status=1)
    tally.drop(reason, int(stands_there.sum()))
    return part.take(~stands_there)


def _note_overlaps(train: Part, dev: Part, test: Part, tally: _Tally) -> None:
    tally.note(int(np.isin(dev.hashes, train.hashes).sum()), "dev rows whose text stands in train")
    if test.pairs is not None:
        _note_single_texts(train, test, tally)
    tally.note(int(np.isin(test.hashes, dev.hashes).sum()), "test rows whose text stands in dev")
    repeats = Counter(train.hashes.tolist())
    tally.note(train.rows - len(repeats), "train rows that repeat a text with the same label (kept)")


def _note_single_texts(train: Part, test: Part, tally: _Tally) -> None:
    """Of rows of several texts: how many have one that stands in train, whatever is beside it there."""
    there = content_hashes(train.all_texts)
    stands_there = np.isin(content_hashes(test.all_texts), there).reshape(-1, test.rows)
    what = f"test rows one of whose texts stands in train (the first one: {int(stands_there[0].sum()):,})"
    tally.note(int(stands_there.any(axis=0).sum()), what)


def _sample(train: Part, data: Data, task: TaskName, tally: _Tally) -> Part:
    if data.max_train_samples is None:
        return train
    taken = train.take(sample_rows(train.hashes, train.labelled.strata, data.max_train_samples, data.split.seed))
    tally.drop(_BEYOND, train.rows - taken.rows)
    if not _tells_apart(taken, task):
        what = f"data.max_train_samples: {data.max_train_samples} leaves rows of one label only"
        raise LingyuError(what, data.train, "Raise it")
    return taken


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
