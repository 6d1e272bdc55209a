"""From a recipe's data section to train, dev and test: read, clean, map labels, drop, split, and stop at a leak."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.recipe import Data
from lingyu.text import Hashes, clean, content_hashes

from .counts import Counts
from .reading import Row, read_rows
from .splitting import TRAIN, has_two_labels, sample_rows, split_rows

_VALUE_SHOWN = 40

_EMPTY = "empty"
_TWO_LABELS = "two labels"
_LEAKED = "test texts in train"
_BEYOND = "beyond max_train_samples"


@dataclass(frozen=True, eq=False)
class Part:
    """texts: cleaned. labels: (rows,), index into the label order. hashes: (rows,), content hash of each text."""

    texts: tuple[str, ...]
    labels: NDArray[np.int64]
    hashes: Hashes

    @property
    def rows(self) -> int:
        return len(self.texts)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over (content hash, label) of the rows, in their order."""
        pairs = np.stack([self.hashes, self.labels], axis=1).astype("<i8")
        return hashlib.sha256(pairs.tobytes()).hexdigest()

    def take(self, indices: NDArray[np.int64] | NDArray[np.bool_]) -> "Part":
        at = np.flatnonzero(indices) if indices.dtype == np.bool_ else indices
        return Part(tuple(self.texts[i] for i in at.tolist()), self.labels[at], self.hashes[at])


@dataclass(frozen=True, eq=False)
class Splits:
    """labels: names in the order of the logits. leaked: (test rows,), True where a same text stands in train.

    leaked is all False unless data.allow_leakage: otherwise such rows stopped the loading or were dropped.
    """

    labels: tuple[str, ...]
    train: Part
    dev: Part
    test: Part
    leaked: NDArray[np.bool_]
    counts: Counts


class _Tally:
    """Counts in the making."""

    def __init__(self) -> None:
        self.read: dict[str, int] = {}
        self.dropped: dict[str, int] = dict.fromkeys((_EMPTY, _TWO_LABELS, _LEAKED, _BEYOND), 0)
        self.notes: list[str] = []

    def note(self, rows: int, what: str) -> None:
        if rows:
            self.notes.append(f"{what}: {rows:,}")

    def counts(self, kept: dict[str, int]) -> Counts:
        return Counts(self.read, self.dropped, kept, tuple(self.notes))


def load_splits(data: Data) -> Splits:
    """Train, dev and test as the recipe asks for them.

    Raises LingyuError: whatever read_rows raises; a label outside data.labels; one class only; too few rows to split;
    and with status 1 a test text that stands in train, unless data.allow_leakage or data.drop_leaked.
    """
    tally = _Tally()
    given = {name: source for name, source in (("test", data.test), ("dev", data.dev)) if source}
    parts = {name: _read_part(source, data, tally, f"data.{name}") for name, source in given.items()}
    labelled = _without_conflicts(_read_part(data.train, data, tally, "data.train"), tally)
    _check_classes(labelled, data, tally)
    parts |= _split_off(labelled, data, given)

    test, leaked = _gate(parts["test"], parts[TRAIN], data, tally)
    _note_overlaps(parts[TRAIN], parts["dev"], test, tally)
    train = _sample(parts[TRAIN], data, tally)
    kept = {"train": train.rows, "dev": parts["dev"].rows, "test": test.rows}
    return Splits(tuple(data.labels.values()), train, parts["dev"], test, leaked, tally.counts(kept))


def _read_part(source: str, data: Data, tally: _Tally, key: str) -> Part:
    """The rows of a source with a text, cleaned, with the index of their label."""
    rows = read_rows(source, data.text, data.label, data.encoding)
    tally.read[key] = len(rows)
    texts = [clean(row.text, data.clean) for row in rows]
    filled = [at for at, text in enumerate(texts) if text]
    tally.dropped[_EMPTY] += len(rows) - len(filled)
    if not filled:
        raise LingyuError(f"no row has a text in column `{data.text}`", source, f"Set {key} to a file with texts")
    labels = _label_indices([rows[at] for at in filled], data)
    kept = tuple(texts[at] for at in filled)
    return Part(kept, labels, content_hashes(kept))


def _label_indices(rows: Sequence[Row], data: Data) -> NDArray[np.int64]:
    order = {value: index for index, value in enumerate(data.labels)}
    values = [row.label.strip() for row in rows]
    outside = [at for at, value in enumerate(values) if value not in order]
    if outside:
        raise _unknown_label(rows[outside[0]].where, values[outside[0]], len(outside) - 1, data)
    return np.array([order[value] for value in values], dtype=np.int64)


def _unknown_label(where: str, value: str, more: int, data: Data) -> LingyuError:
    shown = f'"{value[:_VALUE_SHOWN]}"' if value else "an empty value"
    known = ", ".join(list(data.labels)[:8]) + (", ..." if len(data.labels) > 8 else "")
    rest = f"; so are {more:,} more values" if more > 1 else "; so is 1 more value" if more else ""
    hint = f"Add the value to data.labels, or correct the column `{data.label}`"
    return LingyuError(f"label: {shown} is outside data.labels ({known}){rest}", where, hint)


def _without_conflicts(part: Part, tally: _Tally) -> Part:
    """The part without the texts that carry two labels: which of them is right, nobody knows."""
    conflicting = has_two_labels(part.hashes, part.labels)
    tally.dropped[_TWO_LABELS] += int(conflicting.sum())
    return part.take(~conflicting)


def _check_classes(part: Part, data: Data, tally: _Tally) -> None:
    present = set(part.labels.tolist())
    names = list(data.labels.values())
    if not present:
        raise LingyuError("no row is left: every text carries two labels", data.train, "Correct the labels")
    if len(present) == 1:
        what = f"every row has the label {names[next(iter(present))]}, and a classifier needs two"
        raise LingyuError(what, data.train, "Add rows of the other labels")
    absent = [name for index, name in enumerate(names) if index not in present]
    if absent:
        tally.notes.append(f"no row of {data.train} has the label {', '.join(absent)}")


def _split_off(part: Part, data: Data, given: dict[str, str]) -> dict[str, Part]:
    """train, and those of dev and test that no file was given for."""
    # Test first: where a label has too few texts for all, what is measured at the end must hold it.
    shares = {name: share for name, share in (("test", data.split.test), ("dev", data.split.dev)) if name not in given}
    if not shares:
        return {TRAIN: part}
    indices = split_rows(part.hashes, part.labels, shares, data.split.seed)
    lacking = [name for name, rows in indices.items() if not len(rows)]
    if lacking or len(set(part.labels[indices[TRAIN]].tolist())) < 2:
        texts = len(np.unique(part.hashes))
        what = f"{texts:,} distinct texts are too few to split off {' and '.join(shares)}"
        raise LingyuError(what, data.train, "Add rows: three distinct texts a label at the least")
    return {name: part.take(rows) for name, rows in indices.items()}


def _gate(test: Part, train: Part, data: Data, tally: _Tally) -> tuple[Part, NDArray[np.bool_]]:
    """The test part that may be measured, and which of its rows stand in train. What was split off can't leak."""
    leaked = np.isin(test.hashes, train.hashes)
    rows = int(leaked.sum())
    if data.drop_leaked and rows == test.rows:
        raise LingyuError("every test text stands in train", data.test, "Give a test set of its own", status=1)
    if data.drop_leaked:
        tally.dropped[_LEAKED] += rows
        return test.take(~leaked), np.zeros(test.rows - rows, dtype=np.bool_)
    if rows and not data.allow_leakage:
        raise LingyuError(
            f"{rows:,} of {_rows(test.rows)} stand in data.train ({data.train}) as the same text",
            data.test,
            "Leave them out with data.drop_leaked: true, or keep them, marked, with data.allow_leakage: true",
            status=1,
        )
    tally.note(rows, "test rows whose text stands in train (data.allow_leakage)")
    return test, leaked


def _note_overlaps(train: Part, dev: Part, test: Part, tally: _Tally) -> None:
    tally.note(int(np.isin(dev.hashes, train.hashes).sum()), "dev rows whose text stands in train")
    tally.note(int(np.isin(test.hashes, dev.hashes).sum()), "test rows whose text stands in dev")
    repeats = Counter(train.hashes.tolist())
    tally.note(train.rows - len(repeats), "train rows that repeat a text with the same label (kept)")


def _sample(train: Part, data: Data, tally: _Tally) -> Part:
    if data.max_train_samples is None:
        return train
    taken = sample_rows(train.hashes, train.labels, data.max_train_samples, data.split.seed)
    tally.dropped[_BEYOND] += train.rows - len(taken)
    if len(set(train.labels[taken].tolist())) < 2:
        what = f"data.max_train_samples: {data.max_train_samples} leaves rows of one label only"
        raise LingyuError(what, data.train, "Raise it")
    return train.take(taken)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
