"""Splits are disjoint, whole, stratified, by content only, and no text is on two sides."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.data.splitting import sample_rows, split_rows

SHARES = {"test": 0.1, "dev": 0.1}


@st.composite
def labelled_hashes(draw):
    """Rows with repeats; a hash has one label, as after conflicts are dropped."""
    sizes = draw(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=60))
    keys = draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=len(sizes), max_size=len(sizes), unique=True))
    rows = [(key, label) for key, (size, label) in zip(keys, sizes, strict=True) for _ in range(size)]
    rows = draw(st.permutations(rows))
    return np.array([key for key, _ in rows], dtype=np.int64), np.array([label for _, label in rows], dtype=np.int64)


shares = st.sampled_from([SHARES, {"test": 0.2}, {"dev": 0.5}, {"test": 0.4, "dev": 0.5}])
seeds = st.integers(0, 1000)


@settings(deadline=None)
@given(labelled_hashes(), shares, seeds)
def test_a_split_is_disjoint_and_whole_and_keeps_same_texts_together(data, shares, seed):
    hashes, labels = data
    parts = split_rows(hashes, labels, shares, seed)
    assert list(parts) == ["train", *shares]
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(hashes)))
    texts = [set(hashes[rows].tolist()) for rows in parts.values()]
    assert sum(map(len, texts)) == len(set(hashes.tolist()))
    assert all((np.diff(rows) > 0).all() for rows in parts.values())


@settings(deadline=None)
@given(labelled_hashes(), shares, seeds)
def test_a_label_with_as_many_texts_as_parts_is_in_every_part(data, shares, seed):
    hashes, labels = data
    parts = split_rows(hashes, labels, shares, seed)
    for label in np.unique(labels):
        texts = len(np.unique(hashes[labels == label]))
        served = [part for part, rows in parts.items() if label in labels[rows]]
        assert served == list(parts)[:texts]


@settings(deadline=None)
@given(labelled_hashes(), shares, seeds, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(data, shares, seed, random):
    hashes, labels = data
    order = list(range(len(hashes)))
    random.shuffle(order)
    once = split_rows(hashes, labels, shares, seed)
    again = split_rows(hashes[order], labels[order], shares, seed)
    for part in once:
        assert sorted(hashes[once[part]].tolist()) == sorted(hashes[order][again[part]].tolist())


def test_shares_and_strata_are_met_to_the_row_where_texts_are_distinct():
    hashes = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 1000)
    labels = np.repeat([0, 1], [700, 300])
    parts = split_rows(hashes, labels, SHARES, seed=42)
    assert {part: np.bincount(labels[rows]).tolist() for part, rows in parts.items()} == {
        "train": [560, 240],
        "test": [70, 30],
        "dev": [70, 30],
    }
    other = split_rows(hashes, labels, SHARES, seed=43)
    overlap = np.isin(parts["test"], other["test"]).mean()
    assert overlap < 0.3, "another seed draws another test set"


def test_one_row_more_moves_few_others():
    hashes = np.random.default_rng(2).integers(-(2**63), 2**63 - 1, 1001)
    labels = np.zeros(1001, dtype=np.int64)
    before = set(hashes[:1000][split_rows(hashes[:1000], labels[:1000], SHARES, 7)["test"]].tolist())
    after = set(hashes[split_rows(hashes, labels, SHARES, 7)["test"]].tolist())
    assert len(before ^ after) <= 2


@settings(deadline=None)
@given(labelled_hashes(), st.integers(1, 80), seeds, st.randoms(use_true_random=False))
def test_a_sample_keeps_texts_together_its_size_and_every_order_of_rows(data, rows, seed, random):
    hashes, labels = data
    taken = sample_rows(hashes, labels, rows, seed)
    assert len(taken) <= min(rows, len(hashes))
    assert not set(hashes[taken].tolist()) & set(np.delete(hashes, taken).tolist())
    order = list(range(len(hashes)))
    random.shuffle(order)
    again = sample_rows(hashes[order], labels[order], rows, seed)
    assert sorted(hashes[taken].tolist()) == sorted(hashes[order][again].tolist())


def test_a_sample_of_distinct_texts_has_its_size_and_the_shares_of_the_labels():
    hashes = np.arange(1000, dtype=np.int64)
    labels = np.repeat([0, 1, 2], [700, 299, 1])
    taken = sample_rows(hashes, labels, 100, seed=3)
    assert np.bincount(labels[taken]).tolist() == [70, 29, 1]
