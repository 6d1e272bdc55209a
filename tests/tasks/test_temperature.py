"""Temperature scaling: honest where dev can tell, 1.0 where it can't."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from lingyu.tasks.temperature import fit_temperature, negative_log_likelihood


def drawn(logits, seed):
    """Labels drawn from softmax(logits)."""
    shares = softmax(logits, axis=1).cumsum(axis=1)
    return (shares > np.random.default_rng(seed).random((len(logits), 1))).argmax(axis=1)


@given(st.integers(1, 60), st.integers(2, 5), st.floats(0.1, 30), st.integers(0, 500))
@settings(max_examples=60)
def test_it_never_worsens_dev_and_never_changes_an_answer(rows, classes, scale, seed):
    random = np.random.default_rng(seed)
    logits = random.normal(scale=scale, size=(rows, classes)).astype(np.float32)
    labels = random.integers(0, classes, rows)
    temperature = fit_temperature(logits, labels)
    assert 0.05 <= temperature <= 20
    before = negative_log_likelihood(logits, labels, 1.0)
    assert negative_log_likelihood(logits, labels, temperature) <= before + 1e-12
    assert ((logits / temperature).argmax(axis=1) == logits.argmax(axis=1)).all()


@pytest.mark.parametrize("boast", [0.5, 1.0, 3.0])
def test_it_finds_the_factor_by_which_logits_were_stretched(boast):
    honest = np.random.default_rng(0).normal(scale=2, size=(20_000, 3))
    assert fit_temperature(honest * boast, drawn(honest, seed=1)) == pytest.approx(boast, rel=0.04)


def test_likelihood_equals_a_plain_loop():
    logits = np.random.default_rng(0).normal(size=(9, 4))
    labels = np.arange(9) % 4
    slow = [
        -np.log(np.exp(row[y] / 2) / sum(np.exp(z / 2) for z in row)) for row, y in zip(logits, labels, strict=True)
    ]
    assert negative_log_likelihood(logits, labels, 2.0) == pytest.approx(sum(slow) / 9)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (np.empty((0, 2)), []),
        ([[5.0, 0.0], [0.0, 5.0]], [0, 1]),  # every row right: the best T is 0
        ([[5.0, 0.0], [0.0, 5.0]], [1, 0]),  # every row wrong: the best T is infinite
        ([[1.0, 1.0], [2.0, 2.0]], [0, 1]),  # logits that say nothing
        ([[np.nan, 1.0], [2.0, 1.0]], [0, 1]),
        ([[np.inf, 1.0], [2.0, 1.0]], [0, 1]),
    ],
)
def test_a_dev_set_that_can_not_tell_gives_one(logits, labels):
    assert fit_temperature(np.asarray(logits), np.asarray(labels, dtype=np.int64)) == 1.0


def test_a_dev_set_that_is_honest_already_gives_one_and_not_the_nearest_that_a_search_finds():
    assert fit_temperature(np.log([[3.0, 1.0]] * 4), np.array([0, 0, 0, 1])) == 1.0
    assert fit_temperature(np.log([[7.0, 2.0, 1.0]] * 10), np.array([0] * 7 + [1] * 2 + [2])) == 1.0
