"""Linear models on TF-IDF of characters and character pairs, in one fixed setting for every data set.

Characters need no word segmenter, and pairs of them are most Chinese words. sublinear: 1 + log(count). C = 10 is weak
regularisation, which short texts want. With a second text: both side by side, and the cosine between them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from lingyu.tasks import IGNORED, Targets, best_threshold

from .baseline import Baseline

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Sparse = Any
"""A sparse matrix of scipy, which has no types."""

NAME = "TF-IDF"


@dataclass(frozen=True)
class Inputs:
    """pairs: the second text of each row, None where rows have one text."""

    texts: Sequence[str]
    pairs: Sequence[str] | None = None

    @property
    def all_texts(self) -> list[str]:
        return [*self.texts, *(self.pairs or ())]


def tfidf_baseline(
    train: Inputs, train_labels: Labels, test: Inputs, classes: int, class_weights: Sequence[float] | None = None
) -> Baseline:
    """Logistic regression. A label that train does not have is never answered.

    labels: (rows,). class_weights: (classes,) factors of the loss.
    """
    return Baseline(NAME, class_probabilities(train, train_labels, test, classes, class_weights).argmax(axis=1))


def ordinal_baseline(
    train: Inputs, train_labels: Labels, test: Inputs, classes: int, decide: Callable[[Floats], Labels]
) -> Baseline:
    """Logistic regression that knows no order; decide: from (rows, classes) to the label, as the task does it."""
    return Baseline(NAME, decide(class_probabilities(train, train_labels, test, classes)))


def multi_label_baseline(
    train: Inputs, train_targets: Labels, dev: Inputs, dev_targets: Labels, test: Inputs
) -> Baseline:
    """Logistic regression of each label against the rest, from the threshold on that has the best F1 on dev.

    targets: (rows, labels)
    """
    on_train, *on_others = features(train, dev, test)
    predictions = np.zeros((len(test.texts), train_targets.shape[1]), dtype=np.int64)
    for column, targets, true in zip(predictions.T, train_targets.T, dev_targets.T, strict=True):
        found = _probabilities(on_train, targets, vstack(on_others), 2)[:, 1]
        of_dev, of_test = np.split(found, [len(dev.texts)])
        counted = true != IGNORED
        column[:] = of_test >= best_threshold(of_dev[counted], true[counted] == 1)
    return Baseline(NAME, predictions)


def ridge_baseline(train: Inputs, train_targets: Targets, test: Inputs) -> Baseline:
    """Least squares with a weak penalty. targets: (rows,)"""
    on_train, on_test = features(train, test)
    model = Ridge(alpha=1.0, solver="sparse_cg").fit(on_train, train_targets.astype(np.float64))
    return Baseline(NAME, np.asarray(model.predict(on_test), dtype=np.float32))


def class_probabilities(
    train: Inputs, train_labels: Labels, test: Inputs, classes: int, class_weights: Sequence[float] | None = None
) -> Floats:
    """(rows, classes), each row sums to 1"""
    on_train, on_test = features(train, test)
    return _probabilities(on_train, train_labels, on_test, classes, class_weights)


def _probabilities(
    on_train: Sparse, labels: Labels, on_test: Sparse, classes: int, class_weights: Sequence[float] | None = None
) -> Floats:
    seen = np.unique(labels)
    probabilities = np.zeros((on_test.shape[0], classes))
    if len(seen) < 2:
        probabilities[:, seen] = 1.0
        return probabilities
    weights = None if class_weights is None else {label: class_weights[label] for label in seen.tolist()}
    model = LogisticRegression(C=10.0, max_iter=1000, class_weight=weights).fit(on_train, labels)
    probabilities[:, seen] = model.predict_proba(on_test)
    return probabilities


def features(train: Inputs, *others: Inputs) -> list[Sparse]:
    """(rows, features) of each, float32, by the vocabulary and the document frequencies of train."""
    vectorizer = fitted_vectorizer(train.all_texts)
    return [_of_inputs(vectorizer, inputs) for inputs in (train, *others)]


def fitted_vectorizer(texts: Sequence[str]) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32).fit(texts)


def _of_inputs(vectorizer: TfidfVectorizer, inputs: Inputs) -> Sparse:
    first = vectorizer.transform(inputs.texts)
    if inputs.pairs is None:
        return first
    second = vectorizer.transform(inputs.pairs)
    return hstack([first, second, csr_matrix(cosines(first, second)[:, np.newaxis])], format="csr")


def cosines(first: Sparse, second: Sparse) -> NDArray[np.float32]:
    """(rows,): of each row with its row there. TF-IDF rows have length 1."""
    return np.asarray(first.multiply(second).sum(axis=1), dtype=np.float32).ravel()
