"""preference without an encoder: the reply that has more of the context's words, or a coin."""

from collections.abc import Sequence

import numpy as np

from .baseline import Baseline
from .linear import cosines, fitted_vectorizer


def overlap_baseline(
    train_texts: Sequence[str], contexts: Sequence[str], chosen: Sequence[str], rejected: Sequence[str]
) -> Baseline:
    """The reply whose TF-IDF has the larger cosine with the context's. train_texts: contexts and replies.

    Many replies share nothing with their context; such a tie goes by the number of the row, which favours neither.
    """
    vectorizer = fitted_vectorizer(train_texts)
    context = vectorizer.transform(contexts)
    ours, theirs = (cosines(context, vectorizer.transform(replies)) for replies in (chosen, rejected))
    in_turn = np.arange(len(ours)) % 2
    return Baseline("TF-IDF cosine", np.where(ours == theirs, in_turn, ours < theirs).astype(np.int64))


def coin_baseline(test_rows: int) -> Baseline:
    """Right on half the pairs: the mean of always the one reply and always the other."""
    ones = np.ones(test_rows, dtype=np.int64)
    return Baseline("a coin", np.zeros_like(ones), (ones,))
