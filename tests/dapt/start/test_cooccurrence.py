"""Tokens that stand in like company get like vectors; the counts are those of a plain loop."""

import gzip
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lingyu.dapt.start import cooccurrence
from lingyu.dapt.start.cooccurrence import WINDOW, count_neighbours, positive_information, word_vectors

IGNORED = 1


def silent(what: str, done: int, total: int) -> None:
    pass


def as_ids(texts: list[list[int]]) -> list[NDArray[np.int64]]:
    return [np.array(text, dtype=np.int64) for text in texts]


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 6), max_size=12), max_size=6), st.integers(1, 80))
def test_pairs_are_counted_both_ways_within_the_window_and_never_across_texts(
    texts: list[list[int]], at_once: int
) -> None:
    expected: Counter[tuple[int, int]] = Counter()
    for text in texts:
        for first, second in itertools.permutations(range(len(text)), 2):
            if abs(first - second) <= WINDOW:
                expected[text[first], text[second]] += 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "_TOKENS_AT_ONCE", at_once)
        counts = count_neighbours(iter(as_ids(texts)), 7).toarray()
    assert {pair: counts[pair] for pair in np.ndindex(7, 7) if counts[pair]} == expected


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 6), min_size=2, max_size=12), min_size=1, max_size=6))
def test_information_is_that_of_the_formula_and_none_for_the_ignored_token(texts: list[list[int]]) -> None:
    counts = count_neighbours(as_ids(texts), 7)
    found = positive_information(counts, IGNORED).toarray()
    plain = counts.toarray().astype(np.float64)
    plain[IGNORED] = plain[:, IGNORED] = 0
    total = plain.sum()
    for first, second in np.ndindex(7, 7):
        expected = 0.0
        if plain[first, second]:
            of_first, of_second = plain[first].sum() / total, plain[second].sum() ** 0.75 / (plain.sum(1) ** 0.75).sum()
            expected = max(0.0, float(np.log(plain[first, second] / total / (of_first * of_second))))
        assert abs(found[first, second] - expected) < 1e-5


def test_vectors_are_of_length_one_the_same_every_time_and_random_where_nothing_is_known() -> None:
    generator = np.random.default_rng(0)
    texts = [generator.integers(2, 40, size=30) for _ in range(50)]
    first, again = (word_vectors(texts, 50, 12, IGNORED, 7, silent) for _ in range(2))
    assert first.shape == (50, 12)
    assert first.dtype == np.float32
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    assert np.array_equal(first, again)
    unseen = first[40:]
    assert len(np.unique(unseen.round(4), axis=0)) == 10
    assert not np.array_equal(first, word_vectors(texts, 50, 12, IGNORED, 8, silent))


def test_tokens_are_as_like_as_a_plain_decomposition_about_the_mean_makes_them() -> None:
    generator = np.random.default_rng(2)
    texts, width = [generator.integers(2, 20, size=12) for _ in range(30)], 8
    information = positive_information(count_neighbours(texts, 20), IGNORED).toarray()
    left, values, _ = np.linalg.svd(information)
    expected = (left[:, :width] * np.sqrt(values[:width]))[2:]  # the first two stand in no text
    expected -= expected.mean(axis=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    vectors = word_vectors(texts, 20, width, IGNORED, 0, silent)[2:]
    assert np.allclose(vectors @ vectors.T, expected @ expected.T, atol=1e-3)


def test_texts_without_a_pair_and_fewer_tokens_than_dimensions_still_give_vectors() -> None:
    for texts in ([], as_ids([[3]]), as_ids([[3, 4], [4, 5]])):
        vectors = word_vectors(texts, 8, 24, IGNORED, 0, silent)
        assert vectors.shape == (8, 24)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_words_in_like_company_are_nearer_than_others() -> None:
    generator = np.random.default_rng(1)
    pairs = {10: range(20, 30), 11: range(20, 30), 12: range(30, 40), 13: range(30, 40)}
    texts = []
    for _ in range(400):
        word = int(generator.choice(list(pairs)))
        company = generator.choice(np.array(pairs[word]), 6)
        texts.append(np.insert(company, 3, word))
    vectors = word_vectors(texts, 40, 8, IGNORED, 0, silent)
    near = vectors @ vectors.T
    assert min(near[10, 11], near[12, 13]) > 0.5 > max(near[10, 12], near[10, 13], near[11, 12], near[11, 13])


def test_related_characters_of_real_text_are_nearer_than_unrelated_ones(shared_data: Path) -> None:
    with gzip.open(shared_data / "corpus" / "general.txt.gz", "rt", encoding="utf-8") as lines:
        texts = list(itertools.islice(lines, 0, 40_000, 4))
    characters = sorted({character for text in texts for character in text})
    number = {character: at + 2 for at, character in enumerate(characters)}
    ids = [np.array([number[character] for character in text.strip()], dtype=np.int64) for text in texts]
    vectors = word_vectors(ids, len(characters) + 2, 64, IGNORED, 0, silent)

    def near(first: str, second: str) -> float:
        return float(vectors[number[first]] @ vectors[number[second]])

    assert near("三", "四") > near("三", "他") + 0.2
    assert near("他", "她") > near("他", "月") + 0.2
    assert near("东", "西") > near("东", "她") + 0.2
