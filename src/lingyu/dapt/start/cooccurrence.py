"""Word vectors from which tokens stand near one another: positive pointwise mutual information, cut down by an SVD.

Levy and Goldberg (2014) and Levy, Goldberg and Dagan (2015, doi 10.1162/tacl_a_00134): such vectors are as good as
trained ones. They give a new encoder in a minute what it would learn from its first million tokens.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from sklearn.utils.extmath import randomized_svd

from lingyu.reporting import Report

WINDOW = 4
_TOKENS_AT_ONCE = 1 << 20
_POWER_ITERATIONS = 5
_SMOOTHING = 0.75  # of how often a neighbour is met at all: without it rare tokens look like everyone's friends

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]


def word_vectors(texts: Iterable[Ids], vocab_size: int, width: int, ignored: int, seed: int, report: Report) -> Vectors:
    """(vocab_size, width) vectors of length 1; tokens that stand near each other in the same places have like ones.

    texts: token ids, a text each. ignored: an id that says nothing, [UNK]. An entry without a neighbour gets a random
    direction. The same texts in the same order, and the same seed, give the same vectors on one machine.
    """
    counts = count_neighbours(texts, vocab_size)
    information = positive_information(counts, ignored)
    report("word vectors", 0, 1)
    vectors = _reduced(information, width, seed)
    report("word vectors", 1, 1)
    generator = np.random.default_rng(seed)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lonely = lengths[:, 0] < 1e-6
    vectors[lonely] = generator.standard_normal((int(lonely.sum()), width))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def count_neighbours(texts: Iterable[Ids], vocab_size: int) -> csr_array:
    """(vocab_size, vocab_size) how often two tokens stand at most WINDOW apart in a text; symmetric.

    Memory: some 50 bytes a distinct pair while it is added up, however long the texts are.
    """
    shape = (vocab_size, vocab_size)
    ahead = csr_array(shape, dtype=np.int64)
    for ids, owners in _blocks(texts):
        for apart in range(1, WINDOW + 1):
            together = owners[apart:] == owners[:-apart]
            first, second = ids[:-apart][together], ids[apart:][together]
            ahead = ahead + coo_array((np.ones(len(first), np.int64), (first, second)), shape).tocsr()
    return (ahead + ahead.T).tocsr()


def _blocks(texts: Iterable[Ids]) -> Iterator[tuple[Ids, Ids]]:
    """About a million tokens together: their ids, and the number of the text that each stands in."""
    held: list[Ids] = []
    tokens = 0
    for text in texts:
        held.append(text)
        tokens += len(text)
        if tokens >= _TOKENS_AT_ONCE:
            yield _joined(held)
            held, tokens = [], 0
    if held:
        yield _joined(held)


def _joined(texts: list[Ids]) -> tuple[Ids, Ids]:
    return np.concatenate(texts), np.repeat(np.arange(len(texts)), [len(text) for text in texts])


def positive_information(counts: csr_array, ignored: int) -> csr_array:
    """max(0, log p(a, b) / (p(a) p(b))) of every pair that was seen, in float32; none for the ignored id."""
    pairs = counts.tocoo()
    first, second = pairs.coords
    met = (first != ignored) & (second != ignored)
    first, second, together = first[met], second[met], pairs.data[met].astype(np.float64)
    of_first = np.bincount(first, together, minlength=counts.shape[0])
    of_second = of_first**_SMOOTHING
    expected = of_first[first] * (of_second[second] / max(of_second.sum(), 1.0))
    information = np.log(together / expected)
    kept = information > 0
    return coo_array((information[kept].astype(np.float32), (first[kept], second[kept])), shape=counts.shape).tocsr()


def _reduced(information: csr_array, width: int, seed: int) -> NDArray[np.float64]:
    """(rows, width) left singular vectors, weighted by the root of their values, about the mean of all rows.

    What all rows have in common tells none from another, and would take most of their length.
    """
    rows = information.shape[0]
    vectors = np.zeros((rows, width))
    rank = min(width, rows - 1)
    if not information.nnz:
        return vectors
    # ARPACK's svds restarts from its own random numbers where the rank is low; this one is seeded throughout
    left, values, _ = randomized_svd(information, rank, n_iter=_POWER_ITERATIONS, random_state=seed)
    vectors[:, :rank] = left * np.sqrt(values)
    seen = np.diff(information.indptr) > 0
    vectors[seen] -= vectors[seen].mean(axis=0)
    vectors[~seen] = 0
    return vectors
