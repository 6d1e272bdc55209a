"""Labels that a model doubts which has not seen them: confident learning over cross-validated probabilities.

The model is TF-IDF over characters and pairs of them, and logistic regression by stochastic gradient descent. It is
fast enough for any set (ninety labels in seconds), and on ours ranks wrong labels as well as a solver that is run to
its end. Which rows are doubted says cleanlab, by the thresholds of Northcutt et al. 2021 (arXiv 1911.00068), and by
how improbable its label is each stands in their order.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingyu.reporting import Report

from .found import Found, in_training
from .labels import FEWEST_TEXTS, texts_each
from .report import Noise
from .rows import NO_LABEL, Indices, Mask, Rows

METHOD = "confident learning (cleanlab) over TF-IDF of characters 1-2, logistic regression (SGD)"

_FEATURES = 1 << 20
_EPOCHS = 10
_ROUNDS = 2  # of cross-validation, each with folds of its own, averaged: chance has less of a say
_PENALTY = 0.5  # alpha times rows, 1 / C: chosen on reviews of food, laptops and films and on intents, not on hotels
_MOST_PAIRS = 50
_MOST_CELLS = 5_000_000  # rows times labels, each label with a model of its own: 20 microseconds of a core each

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Judged:
    """predicted: (rows,) the most probable label, NO_LABEL where a row was not judged. confidence: (rows,) its
    probability. quality: (rows,) probability of the label that the row has. doubted: (rows,) whether it is doubted.

    left_out: labelled rows that were not judged, since their label has fewer texts than there are folds.
    """

    noise: Noise
    predicted: Indices
    confidence: NDArray[np.float32]
    quality: NDArray[np.float32]
    doubted: Mask
    left_out: int
    knows_something: bool

    def opinion(self, row: int) -> int:
        """The label that the model gives a row, NO_LABEL where it has not judged it or knows nothing of labels."""
        return int(self.predicted[row]) if self.knows_something else NO_LABEL


def why_not_judged(rows: Rows, folds: int) -> str | None:
    """None where the labels can be judged: two of them have a text for each fold, and rows x labels are at most
    5,000,000."""
    judged = _judgeable(rows, folds)
    labels = len(np.unique(rows.labels[judged]))
    if labels < 2:
        return "it takes two labels with as many texts as there are folds"
    return f"{labels:,} labels" if int(judged.sum()) * labels > _MOST_CELLS else None


def judge(rows: Rows, folds: int, seed: int, report: Report) -> Judged | None:
    """None where why_not_judged has a reason. A model that is no better than chance doubts nothing (knows_something):
    it has to be right more often than the commonest label is, by two standard errors of that share over the distinct
    texts."""
    if why_not_judged(rows, folds):
        return None
    judged = _judgeable(rows, folds)
    kept = np.unique(rows.labels[judged])
    at = np.flatnonzero(judged)
    labels = np.searchsorted(kept, rows.labels[at])
    teaches = rows.part[at] == 0
    dealt = [grouped_folds(rows.same[at], 2 * labels + ~teaches, folds, seed + number) for number in range(_ROUNDS)]
    report("doubted labels", 0, folds * _ROUNDS + 1)
    features = _features([rows.texts[row] for row in at.tolist()])
    if features is None:
        return None
    probabilities = _cross_validated(features, labels, teaches, dealt, seed, report)
    return _judged(rows, at, kept, labels, probabilities, folds)


def find_noise(rows: Rows, judged: Judged | None) -> list[Found]:
    """Each doubted row, the least probable label first, with the label that is the most probable.

    Rows of a label that the model has not learnt are kept: a person decides.
    """
    if judged is None:
        return []
    learnt = _learnt_labels(rows, judged)
    doubted = np.flatnonzero(judged.doubted)
    order = doubted[np.argsort(judged.quality[doubted], kind="stable")]
    return [
        Found(
            "noise",
            row,
            "relabel" if in_training(rows, row) and learnt[rows.labels[row]] else "keep",
            confidence=round(float(judged.confidence[row]), 4),
            suggested_label=rows.names[judged.predicted[row]],
        )
        for row in order.tolist()
    ]


def _learnt_labels(rows: Rows, judged: Judged) -> Mask:
    """(labels,) which the model gives most texts of train that carry them, and which keep FEWEST_TEXTS of them.

    A model that is wrong on most of a label has seen too few of its texts: by its doubts the label would be wiped out.
    """
    teaching = (rows.labels != NO_LABEL) & (rows.part == 0)
    found = texts_each(rows, teaching & (judged.predicted == rows.labels))
    undoubted = texts_each(rows, teaching & ~judged.doubted)
    learnt: Mask = (2 * found > texts_each(rows, teaching)) & (undoubted >= FEWEST_TEXTS)
    return learnt


def _judgeable(rows: Rows, folds: int) -> Mask:
    """(rows,) whether a row has a label, and that has a text of train for each fold: else a fold would not know it."""
    labelled = rows.labels != NO_LABEL
    teaching = labelled & (rows.part == 0)
    enough = np.flatnonzero(texts_each(rows, teaching) >= folds)
    judged: Mask = labelled & np.isin(rows.labels, enough)
    return judged


def grouped_folds(texts: Indices, labels: Indices, folds: int, seed: int) -> Indices:
    """(rows,) the fold of each row, all rows of a text in one: else a copy would vouch for a wrong label of its own.

    The texts of each label are dealt to the folds in turn, in an order that the seed draws.
    """
    distinct, first, text = np.unique(texts, return_index=True, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(len(distinct))
    dealt = drawn[np.argsort(labels[first][drawn], kind="stable")]
    fold = np.empty(len(distinct), dtype=np.int64)
    fold[dealt] = np.arange(len(distinct)) % folds
    return fold[text]


def _cross_validated(
    features: Any, labels: Indices, teaches: Mask, dealt: Sequence[Indices], seed: int, report: Report
) -> Probabilities:
    """(rows, labels) what models that have not seen the fold of a row make of it. dealt: the fold of each row, once a
    round, of which the mean is given.

    teaches: (rows,) whether models learn from it. They learn from train alone: what is proposed for its rows must not
    know the labels of the test that they will be measured by.
    """
    total = sum(int(fold.max()) + 1 for fold in dealt) + 1
    shape = (len(labels), int(labels.max()) + 1)
    probabilities: Probabilities = np.zeros(shape, dtype=np.float32)
    done = 1
    for fold in dealt:
        for number in range(int(fold.max()) + 1):
            report("doubted labels", done, total)
            done += 1
            held_out = np.flatnonzero(fold == number)
            learnt = np.flatnonzero((fold != number) & teaches)
            probabilities[held_out] += _probabilities(features, labels, learnt, held_out, shape[1], seed) / len(dealt)
    report("doubted labels", total, total)
    return probabilities


def _probabilities(
    features: Any, labels: Indices, learnt: Indices, held_out: Indices, classes: int, seed: int
) -> Probabilities:
    """(held out, labels) by a model of the rows learnt."""
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss", alpha=_PENALTY / len(learnt), max_iter=_EPOCHS, tol=None, random_state=seed)
    model.fit(features[learnt], labels[learnt])
    found: Probabilities = np.zeros((len(held_out), classes), dtype=np.float32)
    found[:, model.classes_] = model.predict_proba(features[held_out])
    return found


def _features(texts: Sequence[str]) -> Any:
    """(rows, characters and pairs that two rows have) sparse; None where no two rows have one.

    Hashed, since a vocabulary of all pairs takes more than the texts do.
    """
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    hashing = HashingVectorizer(
        analyzer="char", ngram_range=(1, 2), n_features=_FEATURES, norm=None, alternate_sign=False, dtype=np.float32
    )
    counts = hashing.transform(texts)
    shared = np.bincount(counts.indices, minlength=_FEATURES) > 1
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts[:, shared]) if shared.any() else None


def _judged(
    rows: Rows, at: Indices, kept: Indices, labels: Indices, probabilities: Probabilities, folds: int
) -> Judged:
    from cleanlab.filter import find_label_issues

    best = probabilities.argmax(axis=1)
    accuracy = float((best == labels).mean())
    knows_something = accuracy > _by_chance(labels, len(np.unique(rows.same[at])))
    doubted = np.zeros(len(at), dtype=np.bool_)
    if knows_something:
        # how many of them are wrong, by the confident joint; which ones, by the order in which they are shown
        least_probable = find_label_issues(labels, probabilities, filter_by="low_self_confidence", n_jobs=1)
        doubted = least_probable & (best != labels)
    pairs = Counter(zip(kept[labels[doubted]].tolist(), kept[best[doubted]].tolist(), strict=True))
    noise = Noise(
        method=METHOD,
        folds=folds,
        rows=len(at),
        doubted=int(doubted.sum()),
        accuracy=round(accuracy, 4),
        pairs=tuple(
            (rows.names[given], rows.names[likely], count)
            for (given, likely), count in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_PAIRS]
        ),
    )
    quality = probabilities[np.arange(len(at)), labels]
    return Judged(
        noise,
        _spread(rows, at, kept[best], NO_LABEL),
        _spread(rows, at, probabilities.max(axis=1), 0.0),
        _spread(rows, at, quality, 1.0),
        _spread(rows, at, doubted, False),
        left_out=int((rows.labels != NO_LABEL).sum()) - len(at),
        knows_something=knows_something,
    )


def _by_chance(labels: Indices, texts: int) -> float:
    """The share of the commonest label and two standard errors: what knows no more than that has no ground for a
    doubt. Copies of a text are judged alike, and are one draw."""
    commonest = float(np.bincount(labels).max()) / len(labels)
    return commonest + 2 * float(np.sqrt(commonest * (1 - commonest) / texts))


def _spread(rows: Rows, at: Indices, values: NDArray[Any], elsewhere: float) -> NDArray[Any]:
    """(rows,) the values where they belong, and another one elsewhere."""
    spread = np.full(len(rows), elsewhere, dtype=values.dtype)
    spread[at] = values
    return spread
