"""Entities of train, found again in test texts."""

import numpy as np
import pytest

from lingyu.evaluation.baselines.entities import learnt_lexicon, lexicon_baseline, no_entity_baseline
from lingyu.tasks import IGNORED, padded_tags, tag_ids

BRAND, PRODUCT = 0, 1


def rows_of(*rows):
    found = np.empty(len(rows), dtype=object)
    found[:] = rows
    return found


def spans_of(text, cut=None):
    """A token a character, between two special ones."""
    characters = [(at, at + 1) for at in range(len(text))][:cut]
    return np.array([(0, 0), *characters, (0, 0)], dtype=np.int64)


def found_in(text, train):
    texts, entities = zip(*train, strict=True)
    return lexicon_baseline(texts, rows_of(*entities), [text], [spans_of(text)]).predictions[0].tolist()


def test_a_word_has_its_most_frequent_label():
    texts = ["苹果", "苹果", "苹果汁"]
    entities = rows_of([(0, 2, BRAND)], [(0, 2, PRODUCT)], [(0, 2, PRODUCT)])
    assert learnt_lexicon(texts, entities) == {"苹果": PRODUCT}
    assert learnt_lexicon(texts[:2], entities[:2]) == {"苹果": BRAND}, "at a tie the first label"


def test_a_word_that_is_rarer_an_entity_than_not_is_left_out():
    texts = ["红色小米", "小米粥", "小米饭", "小米粉"]
    once, twice = rows_of([(2, 4, BRAND)], [], [], []), rows_of([(2, 4, BRAND)], [(0, 2, BRAND)], [], [])
    assert learnt_lexicon(texts, once) == {}
    assert learnt_lexicon(texts, twice) == {"小米": BRAND}, "as often an entity as not"


def test_the_longest_match_wins_from_left_to_right():
    train = [("华为", [(0, 2, BRAND)]), ("华为手机", [(0, 4, PRODUCT)]), ("机壳", [(0, 2, PRODUCT)])]
    assert found_in("买华为手机壳", train) == [IGNORED, 0, 3, 4, 4, 4, 0, IGNORED]
    assert found_in("华为机壳", train) == [IGNORED, 1, 2, 3, 4, IGNORED]


def test_answers_are_tags_of_the_tokens_that_the_truth_has_too():
    texts, entities = ["新款耐克", "耐克鞋耐克"], rows_of([(2, 4, BRAND)], [(0, 2, BRAND), (3, 5, BRAND)])
    spans = [spans_of(texts[0]), spans_of(texts[1], cut=4)]
    found = lexicon_baseline(texts, entities, texts, spans).predictions
    assert np.array_equal(found, padded_tags([tag_ids(row, of) for row, of in zip(entities, spans, strict=True)]))
    nothing = no_entity_baseline(spans).predictions
    assert nothing.shape == found.shape
    assert set(nothing[found != IGNORED].tolist()) == {0}


@pytest.mark.parametrize("entities", [[], [(0, 65, BRAND)]], ids=["none", "a sentence"])
def test_without_words_nothing_is_found(entities):
    assert found_in("长" * 80, [("长" * 80, entities)]) == [IGNORED, *[0] * 80, IGNORED]
