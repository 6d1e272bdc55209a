"""Splits are disjoint, whole, stratified, by content only, and no text or group of texts is on two sides."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lingyu.data.splitting import sample_rows, split_by_time, split_groups

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


@given(labelled_hashes(), shares, seeds)
def test_a_split_is_disjoint_and_whole_and_keeps_same_texts_together(data, shares, seed):
    hashes, labels = data
    parts = split_groups(hashes, hashes, labels, shares, seed)
    assert list(parts) == ["train", *shares]
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(hashes)))
    texts = [set(hashes[rows].tolist()) for rows in parts.values()]
    assert sum(map(len, texts)) == len(set(hashes.tolist()))
    assert all((np.diff(rows) > 0).all() for rows in parts.values())


@given(labelled_hashes(), shares, seeds)
def test_a_label_with_as_many_texts_as_parts_is_in_every_part(data, shares, seed):
    hashes, labels = data
    parts = split_groups(hashes, hashes, labels, shares, seed)
    for label in np.unique(labels):
        texts = len(np.unique(hashes[labels == label]))
        served = [part for part, rows in parts.items() if label in labels[rows]]
        assert served == list(parts)[:texts]


@given(labelled_hashes(), shares, seeds, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(data, shares, seed, random):
    hashes, labels = data
    order = list(range(len(hashes)))
    random.shuffle(order)
    once = split_groups(hashes, hashes, labels, shares, seed)
    again = split_groups(hashes[order], hashes[order], labels[order], shares, seed)
    for part in once:
        assert sorted(hashes[once[part]].tolist()) == sorted(hashes[order][again[part]].tolist())


def test_shares_and_strata_are_met_to_the_row_where_texts_are_distinct():
    hashes = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 1000)
    labels = np.repeat([0, 1], [700, 300])
    parts = split_groups(hashes, hashes, labels, SHARES, seed=42)
    assert {part: np.bincount(labels[rows]).tolist() for part, rows in parts.items()} == {
        "train": [560, 240],
        "test": [70, 30],
        "dev": [70, 30],
    }
    other = split_groups(hashes, hashes, labels, SHARES, seed=43)
    overlap = np.isin(parts["test"], other["test"]).mean()
    assert overlap < 0.3, "another seed draws another test set"


def test_one_row_more_moves_few_others():
    hashes = np.random.default_rng(2).integers(-(2**63), 2**63 - 1, 1001)
    labels = np.zeros(1001, dtype=np.int64)
    before = set(hashes[:1000][split_groups(hashes[:1000], hashes[:1000], labels[:1000], SHARES, 7)["test"]].tolist())
    after = set(hashes[split_groups(hashes, hashes, labels, SHARES, 7)["test"]].tolist())
    assert len(before ^ after) <= 2


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


# ---- groups whose rows differ in label: near texts, the reviews of a customer


@st.composite
def grouped_rows(draw):
    """(groups, hashes, labels): same texts are of one group and one label; a group may hold several of both."""
    texts = draw(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=60))
    keys = draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=len(texts), max_size=len(texts), unique=True))
    rows = [(group, key, label) for key, (group, label, size) in zip(keys, texts, strict=True) for _ in range(size)]
    rows = draw(st.permutations(rows))
    return tuple(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))


def customers(rows_each, customers, seed=5, probabilities=(0.7, 0.25, 0.05)):
    """Rows with distinct texts, and a label by chance each: a customer's rows have several labels."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(customers), random.integers(1, rows_each + 1, customers))
    hashes = random.integers(-(2**63), 2**63 - 1, len(groups))
    return groups, hashes, random.choice(len(probabilities), len(groups), p=probabilities)


@given(grouped_rows(), shares, seeds)
def test_a_group_is_on_one_side_and_each_row_in_one_part_whatever_its_label(data, shares, seed):
    groups, hashes, labels = data
    parts = split_groups(groups, hashes, labels, shares, seed)
    assert list(parts) == ["train", *shares]
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(groups)))
    assert sum(len(set(groups[rows].tolist())) for rows in parts.values()) == len(set(groups.tolist()))


@given(grouped_rows(), shares, seeds, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_rows_nor_the_numbers_of_the_groups_change_anything(data, shares, seed, random):
    groups, hashes, labels = data
    order = list(range(len(hashes)))
    random.shuffle(order)
    once = split_groups(groups, hashes, labels, shares, seed)
    again = split_groups(99 - groups[order], hashes[order], labels[order], shares, seed)
    for part in once:
        assert sorted(hashes[once[part]].tolist()) == sorted(hashes[order][again[part]].tolist())


@given(labelled_hashes(), shares, seeds)
def test_groups_of_one_label_are_dealt_as_if_the_other_labels_were_not_there(data, shares, seed):
    hashes, labels = data
    together = split_groups(hashes, hashes, labels, shares, seed)
    for label in np.unique(labels):
        of_label = np.flatnonzero(labels == label)
        alone = split_groups(hashes[of_label], hashes[of_label], labels[of_label], shares, seed)
        for part, rows in alone.items():
            assert of_label[rows].tolist() == [row for row in together[part].tolist() if labels[row] == label]


def test_shares_hold_for_rows_and_labels_where_customers_have_several_labels():
    groups, hashes, labels = customers(rows_each=20, customers=800)
    parts = split_groups(groups, hashes, labels, SHARES, seed=42)
    rows = np.bincount(labels)
    for part in SHARES:
        assert 0.095 <= len(parts[part]) / len(labels) <= 0.1001
        assert np.all(np.abs(np.bincount(labels[parts[part]]) / rows - 0.1) < 0.01)


def test_many_labels_in_every_group_do_not_leave_a_part_half_empty():
    groups, hashes, labels = customers(rows_each=60, customers=400, probabilities=[1 / 50] * 50)
    parts = split_groups(groups, hashes, labels, SHARES, seed=42)
    for part in SHARES:
        assert 0.085 <= len(parts[part]) / len(labels) <= 0.1001
        assert len(set(labels[parts[part]].tolist())) == 50


def test_a_part_gets_large_and_small_groups_alike():
    groups, hashes, labels = customers(rows_each=9, customers=2000)
    parts = split_groups(groups, hashes, labels, SHARES, seed=42)
    sizes = {part: np.unique(groups[rows], return_counts=True)[1].mean() for part, rows in parts.items()}
    assert max(sizes.values()) - min(sizes.values()) < 0.6


def test_one_customer_more_moves_few_others():
    groups, hashes, labels = customers(rows_each=5, customers=601)
    before = groups < 600
    once = split_groups(groups[before], hashes[before], labels[before], SHARES, 7)
    again = split_groups(groups, hashes, labels, SHARES, 7)
    moved = set(groups[before][once["test"]].tolist()) ^ set(groups[again["test"]].tolist())
    assert len(moved) <= 6


def test_three_customers_with_all_the_rows_are_one_for_each_part():
    groups = np.repeat([0, 1, 2], 100)
    hashes = np.arange(300)
    parts = split_groups(groups, hashes, np.tile([0, 1], 150), SHARES, seed=1)
    assert [len(rows) for rows in parts.values()] == [100, 100, 100]


# ---- by time


@given(grouped_rows(), shares, seeds, st.randoms(use_true_random=False))
def test_by_time_no_part_begins_before_an_earlier_one(data, shares, seed, random):
    groups, hashes, _ = data
    times = np.array([random.randrange(30) for _ in groups], dtype=np.int64)
    parts = split_by_time(groups, hashes, times, shares, seed)
    assert list(parts) == ["train", *shares]
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(groups)))
    assert sum(len(set(groups[rows].tolist())) for rows in parts.values()) == len(set(groups.tolist()))
    last = {group: times[groups == group].max() for group in set(groups.tolist())}
    latest_first = [[last[group] for group in groups[parts[part]].tolist()] for part in (*shares, "train")]
    filled = [starts for starts in latest_first if starts]
    assert all(min(later) >= max(earlier) for later, earlier in itertools.pairwise(filled))
    if len(last) > len(shares):
        assert all(len(rows) for rows in parts.values())


def test_by_time_the_latest_tenth_is_the_test_and_the_tenth_before_it_dev():
    times = np.random.default_rng(3).permutation(1000)
    hashes = np.random.default_rng(4).integers(-(2**63), 2**63 - 1, 1000)
    parts = split_by_time(hashes, hashes, times, SHARES, seed=1)
    assert sorted(times[parts["test"]].tolist()) == list(range(900, 1000))
    assert sorted(times[parts["dev"]].tolist()) == list(range(800, 900))


def test_by_time_a_group_goes_with_its_latest_row():
    groups = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 0])
    parts = split_by_time(groups, groups, np.arange(10), {"test": 0.2}, seed=1)
    assert parts["test"].tolist() == [0, 9]
