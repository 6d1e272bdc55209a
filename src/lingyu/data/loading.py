"""From a recipe's data section to train, dev and test: read, clean, map labels, drop, split, and stop at a leak."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.recipe import Data, Split, TaskName
from lingyu.text import Hashes, content_hashes

from .counts import BEYOND, CHOSEN_BY, DEV_LEAKED, EMPTY, LEAKED, TWO_LABELS, Tally
from .parts import Part, Splits
from .reading import read_columns
from .splitting import TRAIN, has_two_labels, sample_rows, split_groups
from .task_rows import TASK_ROWS, TaskRows

_TEXTS = ("data.text", "data.text_pair", "data.chosen", "data.rejected")


def load_splits(data: Data, task: TaskName) -> Splits:
    """Train, dev and test as the recipe asks for them.

    Raises LingyuError: whatever read_columns raises; a label that the task can't read; one class only; too few rows to
    split; and with status 1 a test text that stands in data.train, unless data.allow_leakage or data.drop_leaked.
    """
    tally, rows, names = Tally(EMPTY, TWO_LABELS, LEAKED, BEYOND), TASK_ROWS[task], tuple(data.labels.values())
    given = {name: source for name, source in (("test", data.test), ("dev", data.dev)) if source}
    parts = {name: _read_part(source, data, rows, tally, f"data.{name}") for name, source in given.items()}
    labelled = _without_conflicts(_read_part(data.train, data, rows, tally, "data.train"), rows, tally, data.train)
    _require_something_to_learn(labelled, data, rows)
    _note_absent_labels(labelled, data, rows, tally)
    parts |= _split_off(labelled, data, rows, given, tally)

    dev, test, leaked = _gate(parts, given, data, tally)
    train = _sample(parts[TRAIN], data, rows, tally)
    _note_overlaps(train, dev, test, tally)
    _note_shared_groups(train, dev, test, given, tally)
    _note_idle_shares(data, given, tally)
    kept = {"train": train.rows, "dev": dev.rows, "test": test.rows}
    return Splits(names, train, dev, test, leaked, tally.counts(kept), task)


def _read_part(source: str, data: Data, rows: TaskRows, tally: Tally, key: str) -> Part:
    """The rows of a source with all their texts, cleaned, with what their labels say."""
    columns = rows.columns(data)
    cells = read_columns(source, columns, data.encoding, rows.lists)
    tally.read[key] = len(cells.wheres)
    before = dict(tally.dropped)
    part = rows.read(cells, data, tally)
    dropped = {reason: count - before.get(reason, 0) for reason, count in tally.dropped.items()}
    tally.dropped_of[key] = {reason: count for reason, count in dropped.items() if count}
    if not part.rows:
        raise _no_row(dropped, [column for key, column in columns.items() if key in _TEXTS], source, key)
    return part


def _no_row(dropped: Mapping[str, int], texts: Sequence[str], source: str, key: str) -> LingyuError:
    """dropped: reason -> rows of the source. texts: the columns with its texts."""
    if dropped[EMPTY] == sum(dropped.values()):
        what = f"no row has a text in column {' and '.join(f'`{column}`' for column in texts)}"
        return LingyuError(what, source, f"Set {key} to a file with texts")
    reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in dropped.items() if rows)
    return LingyuError(f"no row is left: {reasons}", source, f"Correct them, or name another file by {key}")


# ---- what is left out, and what goes where


def _without_conflicts(part: Part, rows: TaskRows, tally: Tally, where: str) -> Part:
    """The part without the texts that carry two labels: which of them is right, nobody knows.

    Raises LingyuError where no row is left.
    """
    conflicting = has_two_labels(part.hashes, part.labelled.keys)
    tally.drop(rows.conflict, int(conflicting.sum()))
    if conflicting.all():
        raise LingyuError(f"no row is left: every text carries {rows.conflict}", where, "Keep the right one of each")
    return part.take(~conflicting)


def _require_something_to_learn(part: Part, data: Data, rows: TaskRows, after: str = "", next: str = "") -> None:
    """Raises LingyuError where all rows have one answer. after: what left these rows; next: what to do then."""
    if not rows.teaches(part):
        what, add = rows.taught_nothing(part, tuple(data.labels.values()))
        raise LingyuError(f"{after}{what}", data.train, next or add)


def _note_absent_labels(part: Part, data: Data, rows: TaskRows, tally: Tally) -> None:
    present = rows.present(part)
    absent = [name for index, name in enumerate(data.labels.values()) if index not in present]
    if absent:
        tally.notes.append(f"no row of {data.train} has the label {', '.join(absent)}")


def _split_off(part: Part, data: Data, rows: TaskRows, given: Mapping[str, str], tally: Tally) -> dict[str, Part]:
    """train, and those of dev and test that no file was given for."""
    # Test first: where a label has too few texts for all, what is measured at the end must hold it.
    shares = {name: share for name, share in (("test", data.split.test), ("dev", data.split.dev)) if name not in given}
    if not shares:
        return {TRAIN: part}
    groups = _groups(part, tally)
    indices = split_groups(groups, part.hashes, part.labelled.strata, shares, data.split.seed)
    if not all(len(of_part) for of_part in indices.values()):
        what = f"too few to split off {' and '.join(shares)}: {_distinct(groups, data)}"
        raise LingyuError(what, data.train, f"Add rows: {rows.enough} at the least")
    split = {name: part.take(of_part) for name, of_part in indices.items()}
    _require_something_to_learn(split[TRAIN], data, rows, f"with {' and '.join(shares)} split off train, ")
    return split


def _distinct(groups: NDArray[np.int64], data: Data) -> str:
    count = len(np.unique(groups))
    noun = "distinct text" if data.group is None else "group"
    return f"{count:,} {noun}{'' if count == 1 else 's'}{f' of `{data.group}`' if data.group else ''}"


def _groups(part: Part, tally: Tally) -> NDArray[np.int64]:
    """(rows,) one number for the rows that stay together: of one first text, and of one value of data.group."""
    if part.group_values is None:
        return part.first_hashes
    from .grouping import joined_groups  # with scipy, which few recipes need here

    nothing = sum(not value.strip() for value in part.group_values)
    tally.note(nothing, "rows without a value of data.group, which split by their text alone")
    _, of_text = np.unique(part.first_hashes, return_inverse=True)
    return joined_groups(of_text.astype(np.int64), part.group_values)


def _gate(
    parts: Mapping[str, Part], given: Collection[str], data: Data, tally: Tally
) -> tuple[Part, Part, NDArray[np.bool_]]:
    """dev and test that may be measured, and which test rows stand in data.train.

    A dev that was split off data.train is part of it: its rows chose what is measured. With data.drop_leaked a given
    dev loses what stands in train, and the test what stands in either; else a given dev's copies are only noted.
    """
    train, dev, test = parts[TRAIN], parts["dev"], parts["test"]
    of_train = train.hashes if "dev" in given else np.concatenate([train.hashes, dev.hashes])
    if data.drop_leaked:
        dev = _without_texts_of(train.hashes, dev, DEV_LEAKED, data.dev, tally)
        test = _without_texts_of(of_train, test, LEAKED, data.test, tally)
        test = _without_texts_of(dev.hashes, test, CHOSEN_BY, data.test or data.train, tally)
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


def _without_texts_of(hashes: Hashes, part: Part, reason: str, where: str | None, tally: Tally) -> Part:
    """reason: how the counts name it, such as "test texts in train". Raises LingyuError where no row is left."""
    stands_there = np.isin(part.hashes, hashes)
    if stands_there.all():
        name, _, there = reason.partition(" texts in ")
        raise LingyuError(f"every {name} text stands in {there}", where, f"Give a {name} set of its own", status=1)
    tally.drop(reason, int(stands_there.sum()))
    return part.take(~stands_there)


def _note_overlaps(train: Part, dev: Part, test: Part, tally: Tally) -> None:
    tally.note(int(np.isin(dev.hashes, train.hashes).sum()), "dev rows whose text stands in train")
    if test.pairs is not None:
        _note_single_texts(train, test, tally)
    tally.note(int(np.isin(test.hashes, dev.hashes).sum()), "test rows whose text stands in dev")
    repeats = Counter(train.hashes.tolist())
    tally.note(train.rows - len(repeats), "train rows that repeat a text with the same label (kept)")


def _note_shared_groups(train: Part, dev: Part, test: Part, given: Collection[str], tally: Tally) -> None:
    """Only what is split off keeps the rows of a group together; files are as they are given."""
    before = {"train": train}
    for name, part in (("dev", dev), ("test", test)):
        if name in given:
            for other, earlier in before.items():
                there = _groups_named(earlier)
                shared = sum(value.strip() in there for value in part.group_values or ())
                tally.note(shared, f"{name} rows whose value of data.group stands in {other}")
        before[name] = part


def _groups_named(part: Part) -> set[str]:
    return {value.strip() for value in part.group_values or ()} - {""}


def _note_idle_shares(data: Data, given: Collection[str], tally: Tally) -> None:
    for name in given:
        if getattr(data.split, name) != Split.model_fields[name].default:
            tally.notes.append(f"data.split.{name} is idle: data.{name} gives these rows")


def _note_single_texts(train: Part, test: Part, tally: Tally) -> None:
    """Of rows of several texts: how many share the first one with train, and how many any of them."""
    there = content_hashes(train.all_texts)
    stands_there = np.isin(content_hashes(test.all_texts), there).reshape(-1, test.rows)
    first, any_of_them = int(stands_there[0].sum()), int(stands_there.any(axis=0).sum())
    if any_of_them:
        what = f"test rows whose first text stands in train beside another one: {first:,}; any of whose texts does"
        tally.notes.append(f"{what}: {any_of_them:,} (an aspect or a stock reply that many rows share does too)")


def _sample(train: Part, data: Data, rows: TaskRows, tally: Tally) -> Part:
    if data.max_train_samples is None:
        return train
    taken = train.take(sample_rows(train.hashes, train.labelled.strata, data.max_train_samples, data.split.seed))
    tally.drop(BEYOND, train.rows - taken.rows)
    key = f"data.max_train_samples: {data.max_train_samples}"
    if not taken.rows:
        raise LingyuError(f"{key} leaves no row, since rows of one text stay together", data.train, "Raise it")
    _require_something_to_learn(taken, data, rows, f"with {key}, ", "Raise it")
    return taken


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
