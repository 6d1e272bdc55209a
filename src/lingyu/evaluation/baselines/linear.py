"""Linear models on TF-IDF of characters and character pairs, in one fixed setting for every data set.

Characters need no word segmenter, and pairs of them are most Chinese words. sublinear: 1 + log(count). C = 10 is weak
regularisation, which short texts want. With a second text: both side by side, and the cosine between them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from lingyu.tasks import Targets

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
    train_texts: Sequence[str],
    train_labels: Labels,
    test_texts: Sequence[str],
    classes: int,
    train_pairs: Sequence[str] | None = None,
    test_pairs: Sequence[str] | None = None,
) -> Baseline:
    """Logistic regression. A label that train does not have is never answered. labels: (rows,)"""
    train, test = Inputs(train_texts, train_pairs), Inputs(test_texts, test_pairs)
    return Baseline(NAME, class_probabilities(train, train_labels, test, classes).argmax(axis=1))


def ordinal_baseline(
    train: Inputs, train_labels: Labels, test: Inputs, classes: int, decide: Callable[[Floats], Labels]
) -> Baseline:
    """Logistic regression that knows no order; decide: from (rows, classes) to the label, as the task does it."""
    return Baseline(NAME, decide(class_probabilities(train, train_labels, test, classes)))


def multi_label_baseline(train: Inputs, train_targets: Labels, test: Inputs) -> Baseline:
    """Logistic regression of each label against the rest, from a probability of 0.5 on. targets: (rows, labels)"""
    on_train, on_test = features(train, test)
    predictions = np.zeros((len(test.texts), train_targets.shape[1]), dtype=np.int64)
    for column, targets in zip(predictions.T, train_targets.T, strict=True):
        column[:] = _probabilities(on_train, targets, on_test, 2)[:, 1] >= 0.5
    return Baseline(NAME, predictions)


def ridge_baseline(train: Inputs, train_targets: Targets, test: Inputs) -> Baseline:
    """Least squares with a weak penalty. targets: (rows,)"""
    on_train, on_test = features(train, test)
    model = Ridge(alpha=1.0, solver="sparse_cg").fit(on_train, train_targets.astype(np.float64))
    return Baseline(NAME, np.asarray(model.predict(on_test), dtype=np.float32))


def class_probabilities(train: Inputs, train_labels: Labels, test: Inputs, classes: int) -> Floats:
    """(rows, classes), each row sums to 1"""
    on_train, on_test = features(train, test)
    return _probabilities(on_train, train_labels, on_test, classes)


def _probabilities(on_train: Sparse, labels: Labels, on_test: Sparse, classes: int) -> Floats:
    seen = np.unique(labels)
    probabilities = np.zeros((on_test.shape[0], classes))
    if len(seen) < 2:
        probabilities[:, seen] = 1.0
        return probabilities
    model = LogisticRegression(C=10.0, max_iter=1000).fit(on_train, labels)
    probabilities[:, seen] = model.predict_proba(on_test)
    return probabilities


def features(train: Inputs, test: Inputs) -> tuple[Sparse, Sparse]:
    """(rows, features) of both, float32, by the vocabulary and the document frequencies of train."""
    vectorizer = fitted_vectorizer(train.all_texts)
    return _of_inputs(vectorizer, train), _of_inputs(vectorizer, test)


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
