"""Two versions beside one another: recipe, data, and their stored test answers, paired where both tests hold a text.

Figures of two tests can't be compared; answers to the same text can. So the verdict is on the texts that stand in both
tests and in nobody's training data, and says when the difference is noise.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.recipe import FIGURES, RECIPE, MappingNode, Node, ScalarNode, read_document
from lingyu.store import (
    ANSWERS,
    HASHES,
    METRICS,
    Judgement,
    Manifest,
    Version,
    judgement_by,
    judgement_of,
    read_answers,
    read_hashes,
    read_scores,
)
from lingyu.tasks import IGNORED, TASKS, Logits, Targets, Task, task_named
from lingyu.text import Hashes

from .intervals import (
    Floats,
    Scores,
    bootstrap,
    mcnemar_p,
    scores_json,
    told,
)
from .overlap import OverlapNote, overlaps, rows_in

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
    """Both versions on the rows that both tests hold. task: of both. difference: the other less the one.

    alike: whether no row tells them apart. mcnemar_p, only_one_is_right, only_other_is_right: where a row is simply
    right or wrong. trained_on: rows left out since their text stands in the training data of one of them. relabelled:
    rows left out since the two hold another label for true.
    """

    task: Task
    rows: int
    trained_on: int
    relabelled: int
    one: Scores
    other: Scores
    difference: Scores
    alike: bool
    mcnemar_p: float | None = None
    only_one_is_right: int | None = None
    only_other_is_right: int | None = None

    @property
    def judgement(self) -> Judgement:
        """Of the other, by the figure that judges. On few rows the bootstrap alone is too sure of itself: where lists
        show accuracy, McNemar's exact test must agree, unless macro-F1 tells of something else than accuracy does. Of
        rare labels, which may gain what common ones lose, that test knows nothing."""
        shown, primary = self.difference[self.task.figures[0]], self.difference[self.task.primary]
        if self.task.figures[0] != "accuracy" or self.mcnemar_p is None or self.mcnemar_p < _LARGEST_P:
            return judgement_by(self.task, self.difference)
        tells_the_same = primary.low <= shown.value <= primary.high
        return "noise" if tells_the_same else judgement_of(self.task.primary, primary)


@dataclass(frozen=True)
class Comparison:
    """one, other: how they are called. recipe: None where one keeps none. figures: of their tasks, the one that lists
    show first. scores: each on its own test, None where a version keeps no test. paired: None where nothing can be
    compared, and verdict says why.
    """

    one: str
    other: str
    recipe: tuple[Setting, ...] | None
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    figures: tuple[str, ...]
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
            "test": [None if scores is None else scores_json(scores) for scores in self.scores],
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
        figures=_figures(one.manifest, other.manifest),
        scores=(_scores(sides[0]), _scores(sides[1])),
        paired=paired if isinstance(paired, Paired) else None,
        verdict=_verdict(paired, names, parts[-1].is_same) if isinstance(paired, Paired) else paired,
    )


@dataclass(frozen=True, eq=False)
class _Tested:
    """hashes: (rows,). targets, predictions: (rows, ...), in the order of the test hashes."""

    task: Task
    hashes: Hashes
    targets: Targets
    predictions: Targets

    @cached_property
    def statistics(self) -> Floats:
        """(rows, s)"""
        return self.task.statistics(self.predictions, self.targets)


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
        has_answers = hashes and ANSWERS in files and version.manifest.task in TASKS
        recipe = _recipe_values(version.folder / RECIPE) if RECIPE in files else {}
        return cls(version, recipe, hashes, _tested(version, hashes["test"]) if has_answers else None)


def _tested(version: Version, hashes: Hashes) -> _Tested | None:
    """The stored answers to the test. None where the test is empty."""
    manifest, path = version.manifest, version.folder / ANSWERS
    calibration = manifest.calibration
    answers, task = read_answers(path), task_named(manifest.task, manifest.labels, calibration)
    if not _fits(task, answers.logits, answers.labels, len(hashes)):
        labels = f" and {len(manifest.labels)} labels" if manifest.labels else ""
        raise LingyuError(f"does not fit {len(hashes):,} test texts{labels}", where=path, next="Train the version anew")
    if not len(hashes):
        return None
    predictions = task.predictions(task.probabilities(answers.logits, calibration), calibration)
    return _Tested(task, hashes, answers.labels, predictions)


def _fits(task: Task, logits: Logits, targets: Targets, rows: int) -> bool:
    """Whether stored answers are of this task, so many rows and these labels."""
    traits, of_tokens = task.traits, task.head == "token"
    outputs = 2 if traits.compares_replies else task.num_outputs
    if len(logits) != rows or logits.ndim != 2 + of_tokens or logits.shape[-1] != outputs:
        return False
    if targets.ndim != 1 + (traits.labels_a_row == "any"):
        return False
    if traits.answers_number:
        return targets.dtype.kind == "f"
    may_be_ignored = [IGNORED] if targets.ndim == 2 else []
    return targets.dtype.kind == "i" and bool(np.isin(targets, [*range(_num_targets(task)), *may_be_ignored]).all())


def _num_targets(task: Task) -> int:
    """How many different values a target has, from 0 on."""
    of_labels = {"one": len(task.labels), "any": 2, "none": 1}[task.traits.labels_a_row]
    return task.num_outputs if task.head == "token" else of_labels


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


def _figures(one: Manifest, other: Manifest) -> tuple[str, ...]:
    """Of both tasks. Of a task that this lingyu does not know none."""
    known = (task_named(each.task, each.labels) for each in (one, other) if each.task in TASKS)
    return tuple(dict.fromkeys(figure for task in known for figure in task.figures))


def _scores(side: _Side) -> Scores | None:
    """On the version's own test: from its answers, or else as metrics.json says."""
    if side.tested is not None:
        seed = side.recipe.get("train.seed")  # what metrics.json was drawn with, so that the figures are the card's
        return _measure(side.tested, seed if isinstance(seed, int) and seed >= 0 else _SEED)
    if METRICS not in side.version.manifest.files:
        return None
    try:
        test = read_scores(side.version.folder).test
    except LingyuError:  # a combined or imported adapter may keep other figures there
        return None
    return None if test is None else test.figures


def _measure(tested: _Tested, seed: int = _SEED) -> Scores:
    return bootstrap(tested.task, tested.statistics[np.newaxis], np.ones(1), seed)


def _pair(one: _Side, other: _Side, names: tuple[str, str]) -> Paired | str:
    """Both on the same rows, or why that can't be."""
    a, b = one.tested, other.tested
    if a is None or b is None:
        return f"{names[0] if a is None else names[1]} keeps no test answers, so nothing can be compared row by row."
    if a.task.name != b.task.name:
        return f"One is {a.task.name} and the other {b.task.name}: answers of two tasks can't be compared."
    in_a, in_b = _same_texts(a.hashes, b.hashes)
    if len(in_a) == 0:
        return "Their tests share no text: the figures are of different tests and can't be compared."
    trained_on = rows_in(a.hashes[in_a], np.concatenate([one.hashes["train"], other.hashes["train"]]))
    if trained_on.all():
        return f"All {len(in_a):,} texts of both tests stand in training data of one of them, so they prove nothing."
    both = _in_common_labels(_only(a, in_a[~trained_on]), _only(b, in_b[~trained_on]))
    if both is None:
        return "Their labels are others, or in another order, so their answers can't be compared."
    agree = _same_truth(both[0].targets, both[1].targets)
    if not agree.any():
        return "Their tests share texts, but no text has the same true label in both, so nothing can be compared."
    return _measure_both(_only(both[0], agree), _only(both[1], agree), int(trained_on.sum()), int((~agree).sum()))


def _measure_both(a: _Tested, b: _Tested, trained_on: int, relabelled: int) -> Paired:
    difference = bootstrap(a.task, np.stack([b.statistics, a.statistics]), np.array([1.0, -1.0]), _SEED)
    measured = Paired(
        task=a.task,
        rows=len(a.targets),
        trained_on=trained_on,
        relabelled=relabelled,
        one=_measure(a),
        other=_measure(b),
        difference=difference,
        alike=bool((a.statistics == b.statistics).all()),
    )
    if not a.task.traits.right_or_wrong:
        return measured
    right_a, right_b = a.predictions == a.targets, b.predictions == b.targets
    return replace(
        measured,
        mcnemar_p=mcnemar_p(right_b, right_a),
        only_one_is_right=int((right_a & ~right_b).sum()),
        only_other_is_right=int((~right_a & right_b).sum()),
    )


def _same_truth(a: Targets, b: Targets) -> NDArray[np.bool_]:
    """(rows,): whether both hold the same for true. Tokens were padded to the longest text of each test."""
    if a.ndim == 1:
        return np.asarray(a == b)
    width = max(a.shape[1], b.shape[1])
    a, b = (np.pad(each, ((0, 0), (0, width - each.shape[1])), constant_values=IGNORED) for each in (a, b))
    return np.asarray((a == b).all(axis=1))


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
    return _Tested(tested.task, tested.hashes[rows], tested.targets[rows], tested.predictions[rows])


def _in_common_labels(a: _Tested, b: _Tested) -> tuple[_Tested, _Tested] | None:
    """Both of one task, with labels numbered alike, by name. None where labels differ and a number is more than a
    name."""
    if a.task.labels == b.task.labels:
        return a, replace(b, task=a.task)
    if a.task.traits.labels_a_row != "one" or a.task.traits.order_matters:
        return None
    task = task_named(a.task.name, tuple(dict.fromkeys((*a.task.labels, *b.task.labels))))
    return _renumbered(a, task), _renumbered(b, task)


def _renumbered(tested: _Tested, task: Task) -> _Tested:
    numbers = np.array([task.labels.index(name) for name in tested.task.labels], dtype=np.int64)
    return _Tested(task, tested.hashes, numbers[tested.targets], numbers[tested.predictions])


_OPENINGS: dict[Judgement, str] = {
    "better": "{other} is better than {one}",
    "worse": "{other} is worse than {one}",
    "mixed": "Mixed: {other} is better than {one} by one figure and worse by another",
    "noise": "Between {one} and {other} the difference is noise",
}


def _verdict(paired: Paired, names: tuple[str, str], is_same_test: bool) -> str:
    """One or two sentences by the figure that judges, the others beside it."""
    one, other = names
    rest = "" if is_same_test else " The rest of the two tests differs, and with it their figures."
    if paired.rows < _FEWEST_ROWS:
        return f"Only {paired.rows} of the texts that can be compared stand in both tests, too few to judge by.{rest}"
    where = f"on the {paired.rows:,} texts of both tests"
    if paired.alike:
        return f"No difference: {where} {one} and {other} are right and wrong together.{rest}"
    opening = _OPENINGS[paired.judgement].format(one=one, other=other)
    figures = ", ".join(
        f"{FIGURES[figure].title} {told(figure, paired.difference[figure])}" for figure in paired.task.figures
    )
    alone = ""
    if paired.mcnemar_p is not None:
        alone = (
            f"; {other} alone is right on {paired.only_other_is_right:,}, {one} alone on {paired.only_one_is_right:,}"
            f" (McNemar p {paired.mcnemar_p:.2g})"
        )
    return f"{opening} {where}: {figures}{alone}.{rest}"


def _paired_json(paired: Paired) -> dict[str, Any]:
    """McNemar's figures only where there are any."""
    plain = {key: value for key, value in vars(paired).items() if key not in ("task", "alike") and value is not None}
    measured = {name: scores_json(getattr(paired, name)) for name in ("one", "other", "difference")}
    return {**plain, **measured, "judgement": paired.judgement}
