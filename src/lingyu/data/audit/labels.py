"""Labels that can't be learnt: none, the only one there is, those with hardly a text, those that train lacks. And
those that are written in two ways, which a model would have to tell apart."""

import unicodedata
from dataclasses import dataclass

import numpy as np

from .found import Found
from .rows import NO_LABEL, Indices, Mask, Rows

FEWEST_TEXTS = 5
"""Distinct texts of a label in train, at the least: with fewer, not each of five folds has one."""


@dataclass(frozen=True)
class LabelFigures:
    """train: the first part. labels: how many it has. rare: (label, distinct texts) of those with too few in train.

    lacking: (label, rows) of those that only later parts have. unlabelled: (part, rows without a label) of those that
    have such. alike: labels that differ only by width or blanks, together, the one with most rows first.
    """

    train: str
    labels: int
    rare: tuple[tuple[str, int], ...]
    lacking: tuple[tuple[str, int], ...]
    unlabelled: tuple[tuple[str, int], ...]
    alike: tuple[tuple[str, ...], ...]


def label_figures(rows: Rows) -> LabelFigures:
    """The rarest labels first."""
    texts = _texts_in_train(rows)
    rows_each = _rows_each(rows)
    unlabelled = np.bincount(rows.part[_unlabelled(rows)], minlength=len(rows.parts))
    rarest = np.argsort(texts, kind="stable").tolist()
    return LabelFigures(
        rows.parts[0].name,
        int((texts > 0).sum()),
        tuple((rows.names[label], int(texts[label])) for label in rarest if 0 < texts[label] < FEWEST_TEXTS),
        tuple((rows.names[label], int(rows_each[label])) for label in rarest if not texts[label]),
        tuple((rows.parts[part].name, count) for part, count in enumerate(unlabelled.tolist()) if count),
        tuple(tuple(rows.names[label] for label in group) for group in _alike(rows)),
    )


def find_label_faults(rows: Rows) -> list[Found]:
    """Each row without a label, each of train with a rare one, and each elsewhere with one that train lacks, the rarest
    first; and each whose label is written otherwise than in most rows.

    They are kept: a label may be misspelt or forgotten, and a person sees that at once.
    """
    usual = {label: rows.names[group[0]] for group in _alike(rows) for label in group[1:]}
    texts = _texts_in_train(rows)
    labelled = np.flatnonzero(rows.labels != NO_LABEL)
    times = texts[rows.labels[labelled]]
    found = (times < FEWEST_TEXTS) & ((rows.part[labelled] == 0) == (times > 0))
    found |= np.isin(rows.labels[labelled], list(usual))
    order = np.lexsort((rows.labels[labelled][found], times[found]))
    faulty = (*_unlabelled(rows).tolist(), *labelled[found][order].tolist())
    return [Found("labels", row, "keep", suggested_label=usual.get(int(rows.labels[row]))) for row in faulty]


def texts_each(rows: Rows, taken: Mask) -> Indices:
    """(labels,) how many distinct texts of the rows taken, each with a label, carry each."""
    pairs = np.unique(np.stack([rows.labels[taken], rows.same[taken]]), axis=1)
    return np.bincount(pairs[0], minlength=len(rows.names))


def _alike(rows: Rows) -> list[list[int]]:
    """Labels that are the same but for width and blanks, of each such group the one with most rows first."""
    count = _rows_each(rows)
    groups: dict[str, list[int]] = {}
    for label in np.argsort(-count, kind="stable").tolist():
        groups.setdefault("".join(_of_one_width(rows.names[label]).split()), []).append(label)
    return [group for group in groups.values() if len(group) > 1]


def _of_one_width(name: str) -> str:
    """NFKC would fold more: ① and 1 are two labels."""
    is_other = (unicodedata.decomposition(char).startswith(("<wide>", "<narrow>")) for char in name)
    return "".join(unicodedata.normalize("NFKC", char) if it else char for char, it in zip(name, is_other, strict=True))


def _rows_each(rows: Rows) -> Indices:
    return np.bincount(rows.labels[rows.labels != NO_LABEL], minlength=len(rows.names))


def _unlabelled(rows: Rows) -> Indices:
    """The rows without a label, of parts that are to have them."""
    are_to_have = np.array([part.labels is not None for part in rows.parts])
    return np.flatnonzero(are_to_have[rows.part] & (rows.labels == NO_LABEL))


def _texts_in_train(rows: Rows) -> Indices:
    return texts_each(rows, (rows.labels != NO_LABEL) & (rows.part == 0))
