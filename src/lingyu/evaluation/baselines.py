"""What needs no encoder: an encoder that does not beat these does not earn its keep."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Baseline:
    """name: as tables show it    predictions: (rows,)    probabilities: (rows, classes), each row sums to 1"""

    name: str
    predictions: Labels
    probabilities: NDArray[np.float64]


def majority_baseline(train_labels: Labels, test_rows: int, classes: int) -> Baseline:
    """Always the most frequent label of train (the first of them at a tie); its probabilities are train's shares."""
    counts = np.bincount(train_labels, minlength=classes)
    shares = counts / counts.sum()
    return Baseline("majority", np.full(test_rows, counts.argmax()), np.tile(shares, (test_rows, 1)))


def tfidf_baseline(
    train_texts: Sequence[str], train_labels: Labels, test_texts: Sequence[str], classes: int
) -> Baseline:
    """Logistic regression on TF-IDF of characters and character pairs, in one fixed setting for every data set.

    Characters need no word segmenter, and pairs of them are most Chinese words. sublinear: 1 + log(count). C = 10 is
    weak regularisation, which short texts want. Nothing is tuned to a data set, and nothing is drawn at random.
    """
    seen = np.unique(train_labels)
    if len(seen) < 2:
        return majority_baseline(train_labels, len(test_texts), classes)
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32)
    model = LogisticRegression(C=10.0, max_iter=1000)
    model.fit(vectorizer.fit_transform(train_texts), train_labels)
    probabilities = np.zeros((len(test_texts), classes))
    probabilities[:, seen] = model.predict_proba(vectorizer.transform(test_texts))
    return Baseline("TF-IDF", probabilities.argmax(axis=1), probabilities)
