"""Two versions beside one another: recipe, data, and their stored test answers, paired where both tests hold a text.

Figures of two tests can't be compared; answers to the same text can. So the verdict is on the texts that stand in both
tests and in nobody's training data, and says when the difference is noise.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.recipe import MappingNode, Node, ScalarNode, read_document
from lingyu.store import ANSWERS, HASHES, METRICS, Version, read_answers, read_hashes, read_scores
from lingyu.tasks import SingleLabel
from lingyu.text import Hashes

from .intervals import (
    Interval,
    Judgement,
    Labels,
    Scores,
    bootstrap_accuracy_and_macro_f1,
    mcnemar_p,
    paired_difference,
)
from .overlap import OverlapNote, overlaps, rows_in

RECIPE = "recipe.yaml"
PARTS = ("train", "dev", "test")

_SEED = 42  # of the bootstrap's draws
_LARGEST_P = 0.05
_FEWEST_ROWS = 30


@dataclass(frozen=True)
class Setting:
    """A key whose value differs. None: null, or a recipe that does not have the key."""

    key: str
    one: object
    other: object


@dataclass(frozen=True)
class Part:
    """train, dev or test. rows: None where a version does not say. texts_in_both: None where one keeps no hashes."""

    name: str
    rows: tuple[int | None, int | None]
    is_same: bool
    texts_in_both: int | None


@dataclass(frozen=True)
class Paired:
    """Both versions on the rows that both tests hold. difference: the other less the one.

    trained_on: rows left out since their text stands in the training data of one of them. relabelled: rows left out
    since the two hold another label for true.
    """

    rows: int
    trained_on: int
    relabelled: int
    one: Scores
    other: Scores
    difference: Scores
    mcnemar_p: float
    only_one_is_right: int
    only_other_is_right: int

    @property
    def judgement(self) -> Judgement:
        """Of the other. On few rows the bootstrap alone is too sure of itself, so McNemar's exact test must agree."""
        return self.difference.accuracy.judgement if self.mcnemar_p < _LARGEST_P else "noise"


@dataclass(frozen=True)
class Comparison:
    """one, other: how they are called. recipe: None where one keeps none. scores: each on its own test, None where a
    version keeps no test. paired: None where nothing can be compared, and verdict says why."""

    one: str
    other: str
    recipe: tuple[Setting, ...] | None
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    scores: tuple[Scores | None, Scores | None]
    paired: Paired | None
    verdict: str

    def as_json(self) -> dict[str, Any]:
        return {
            "one": self.one,
            "other": self.other,
            "recipe": None if self.recipe is None else [vars(setting) for setting in self.recipe],
            "data": [vars(part) for part in self.parts],
            "notes": list(self.notes),
            "test": [None if scores is None else scores.as_json() for scores in self.scores],
            "paired": self.paired and _paired_json(self.paired),
            "verdict": self.verdict,
        }


def compare_versions(one: Version, other: Version) -> Comparison:
    """What differs between two versions, and whether the other is better. Both may lack a recipe, hashes or answers.

    Raises LingyuError where they are one and the same folder, or a stored file is not what its name says.
    """
    if one.folder.resolve() == other.folder.resolve():
        raise LingyuError(f"both are {one.reference}", where=one.folder, next="Name two versions, such as v1 and v2")
    sides = _Side.of(one), _Side.of(other)
    names = _names(one, other)
    parts = tuple(_part(name, *sides) for name in PARTS)
    paired = _pair(*sides, names)
    return Comparison(
        *names,
        recipe=_settings(*sides),
        parts=parts,
        notes=_notes(*sides, names),
        scores=(_scores(sides[0]), _scores(sides[1])),
        paired=paired if isinstance(paired, Paired) else None,
        verdict=_verdict(paired, names, parts[-1].is_same) if isinstance(paired, Paired) else paired,
    )


@dataclass(frozen=True)
class _Tested:
    """hashes, labels, predictions: (rows,), in the order of the test hashes."""

    names: tuple[str, ...]
    hashes: Hashes
    labels: Labels
    predictions: Labels


@dataclass(frozen=True)
class _Side:
    """recipe: values by dotted key. hashes: of each part. Both are empty where the version keeps none."""

    version: Version
    recipe: dict[str, object]
    hashes: dict[str, Hashes]
    tested: _Tested | None

    @classmethod
    def of(cls, version: Version) -> "_Side":
        files = version.manifest.files
        hashes = dict(read_hashes(version.folder / HASHES)) if HASHES in files else {}
        has_answers = hashes and ANSWERS in files and version.manifest.task == "single_label"
        recipe = _recipe_values(version.folder / RECIPE) if RECIPE in files else {}
        return cls(version, recipe, hashes, _tested(version, hashes["test"]) if has_answers else None)


def _tested(version: Version, hashes: Hashes) -> _Tested | None:
    """The stored answers to the test. None where the test is empty."""
    path = version.folder / ANSWERS
    answers, names = read_answers(path), version.manifest.labels
    if answers.logits.shape != (len(hashes), len(names)) or not np.isin(answers.labels, range(len(names))).all():
        raise LingyuError(
            f"does not fit {len(hashes):,} test texts and {len(names)} labels",
            where=path,
            next="Train the version anew",
        )
    return _Tested(names, hashes, answers.labels, SingleLabel.predictions(answers.logits)) if len(hashes) else None


def _names(one: Version, other: Version) -> tuple[str, str]:
    """The two references; the folders where these are alike, as of two stores."""
    if one.reference != other.reference:
        return one.reference, other.reference
    return str(one.folder), str(other.folder)


def _settings(one: _Side, other: _Side) -> tuple[Setting, ...] | None:
    if not (one.recipe and other.recipe):
        return None
    keys = dict.fromkeys([*one.recipe, *other.recipe])
    found = (Setting(key, one.recipe.get(key), other.recipe.get(key)) for key in keys)
    return tuple(setting for setting in found if setting.one != setting.other)


def _recipe_values(path: Path) -> dict[str, object]:
    """A stored recipe's values by dotted key. It is resolved, so no file that it names is opened, and it may be of
    another lingyu, so no key of it is unknown."""
    document = read_document(path, "recipe")
    if document.faults:
        raise document.faults[0].as_error()
    return dict(_values(document.root, ""))


def _values(node: Node, dotted: str) -> Iterator[tuple[str, object]]:
    if isinstance(node, MappingNode) and dotted != "data.labels":
        for key, inner in node.entries.items():
            yield from _values(inner, f"{dotted}.{key}" if dotted else key)
    else:
        yield dotted, _plain(node)


def _plain(node: Node) -> object:
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, MappingNode):  # as pairs: the order of labels is that of the logits
        return [[key, _plain(inner)] for key, inner in node.entries.items()]
    return [_plain(item) for item in node.items]


def _part(name: str, one: _Side, other: _Side) -> Part:
    records = [side.version.manifest.data.get(name) for side in (one, other)]
    rows_of_one, rows_of_other = (record.rows if record else None for record in records)
    in_both = None
    if one.hashes and other.hashes:
        in_both = len(np.intersect1d(one.hashes[name], other.hashes[name]))
    is_same = None not in records and records[0] == records[1]
    return Part(name, (rows_of_one, rows_of_other), is_same, in_both)


def _notes(one: _Side, other: _Side, names: tuple[str, str]) -> tuple[str, ...]:
    """Test texts of each that the other was trained on: in their training data its figures would be memory."""
    notes: list[OverlapNote] = []
    for tested, trained, name in ((one, other, names[1]), (other, one, names[0])):
        if tested.hashes and trained.hashes:
            notes += overlaps(tested.hashes["test"], {f"the training data of {name}": trained.hashes["train"]})
    return tuple(str(note) for note in notes)


def _scores(side: _Side) -> Scores | None:
    """On the version's own test: from its answers, or else as metrics.json says."""
    if side.tested is not None:
        seed = side.recipe.get("train.seed")  # what metrics.json was drawn with, so that the figures are the card's
        classes = len(side.tested.names)
        return _measure(side.tested, classes, seed if isinstance(seed, int) and seed >= 0 else _SEED)
    if METRICS not in side.version.manifest.files:
        return None
    try:
        test = read_scores(side.version.folder).test
    except LingyuError:  # a combined or imported adapter may keep other figures there
        return None
    if test is None:
        return None
    return Scores(*(Interval(part.value, part.low, part.high) for part in (test.accuracy, test.macro_f1)))


def _measure(tested: _Tested, classes: int, seed: int = _SEED) -> Scores:
    return bootstrap_accuracy_and_macro_f1(tested.labels, tested.predictions, classes, seed)


def _pair(one: _Side, other: _Side, names: tuple[str, str]) -> Paired | str:
    """Both on the same rows, or why that can't be."""
    a, b = one.tested, other.tested
    if a is None or b is None:
        return f"{names[0] if a is None else names[1]} keeps no test answers, so nothing can be compared row by row."
    in_a, in_b = _same_texts(a.hashes, b.hashes)
    if len(in_a) == 0:
        return "Their tests share no text: the figures are of different tests and can't be compared."
    trained_on = rows_in(a.hashes[in_a], np.concatenate([one.hashes["train"], other.hashes["train"]]))
    if trained_on.all():
        return f"All {len(in_a):,} texts of both tests stand in training data of one of them, so they prove nothing."
    a, b, classes = _in_common_labels(_only(a, in_a[~trained_on]), _only(b, in_b[~trained_on]))
    agree = a.labels == b.labels
    if not agree.any():
        return "Their tests share texts, but no text has the same true label in both, so nothing can be compared."
    return _measure_both(_only(a, agree), _only(b, agree), classes, int(trained_on.sum()), int((~agree).sum()))


def _measure_both(a: _Tested, b: _Tested, classes: int, trained_on: int, relabelled: int) -> Paired:
    right_a, right_b = a.predictions == a.labels, b.predictions == b.labels
    return Paired(
        rows=len(a.labels),
        trained_on=trained_on,
        relabelled=relabelled,
        one=_measure(a, classes),
        other=_measure(b, classes),
        difference=paired_difference(a.labels, b.predictions, a.predictions, classes, _SEED),
        mcnemar_p=mcnemar_p(a.labels, b.predictions, a.predictions),
        only_one_is_right=int((right_a & ~right_b).sum()),
        only_other_is_right=int((~right_a & right_b).sum()),
    )


def _same_texts(a: Hashes, b: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers in a and in b of the same texts. The n-th row of a text is paired with its n-th row there."""
    places = {key: row for row, key in enumerate(_numbered(b))}
    pairs = [(row, places[key]) for row, key in enumerate(_numbered(a)) if key in places]
    rows = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def _numbered(hashes: Hashes) -> Iterator[tuple[int, int]]:
    """Each row's hash, and how many rows with it came before."""
    before: Counter[int] = Counter()
    for value in hashes.tolist():
        yield value, before[value]
        before[value] += 1


def _only(tested: _Tested, rows: NDArray[np.int64] | NDArray[np.bool_]) -> _Tested:
    return _Tested(tested.names, tested.hashes[rows], tested.labels[rows], tested.predictions[rows])


def _in_common_labels(a: _Tested, b: _Tested) -> tuple[_Tested, _Tested, int]:
    """Both with labels numbered alike, by name, and how many labels there are."""
    names = tuple(dict.fromkeys((*a.names, *b.names)))
    return _renumbered(a, names), _renumbered(b, names), len(names)


def _renumbered(tested: _Tested, names: tuple[str, ...]) -> _Tested:
    numbers = np.array([names.index(name) for name in tested.names], dtype=np.int64)
    return _Tested(names, tested.hashes, numbers[tested.labels], numbers[tested.predictions])


_OPENINGS: dict[Judgement, str] = {
    "better": "{other} is better than {one}",
    "worse": "{other} is worse than {one}",
    "noise": "Between {one} and {other} the difference is noise",
}


def _verdict(paired: Paired, names: tuple[str, str], is_same_test: bool) -> str:
    """One or two sentences by accuracy; macro-F1 beside it."""
    one, other = names
    rest = "" if is_same_test else " The rest of the two tests differs, and with it their figures."
    if paired.rows < _FEWEST_ROWS:
        return f"Only {paired.rows} of the texts that can be compared stand in both tests, too few to judge by.{rest}"
    where = f"on the {paired.rows:,} texts of both tests"
    if paired.only_one_is_right + paired.only_other_is_right == 0:
        return f"No difference: {where} {one} and {other} are right and wrong together.{rest}"
    opening = _OPENINGS[paired.judgement].format(one=one, other=other)
    accuracy, macro_f1 = paired.difference.accuracy.in_points, paired.difference.macro_f1.in_points
    alone = f"{other} alone is right on {paired.only_other_is_right:,}, {one} alone on {paired.only_one_is_right:,}"
    figures = f"accuracy {accuracy}, macro-F1 {macro_f1}; {alone} (McNemar p {paired.mcnemar_p:.2g})"
    return f"{opening} {where}: {figures}.{rest}"


def _paired_json(paired: Paired) -> dict[str, Any]:
    measured = {name: getattr(paired, name).as_json() for name in ("one", "other", "difference")}
    return {**vars(paired), **measured, "judgement": paired.judgement}
