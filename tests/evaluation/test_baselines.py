import csv
from pathlib import Path

import numpy as np
import pytest

from lingyu.evaluation import majority_baseline, tfidf_baseline

HOTEL = Path(__file__).parents[2].parent / "shared" / "data" / "hotel" / "ChnSentiCorp_htl_all.csv"

GOOD = ["房间干净", "服务很好", "早餐丰富", "位置很好", "非常干净"]
BAD = ["房间太脏", "服务很差", "早餐难吃", "位置太差", "非常难吃"]


def test_tfidf_learns_from_characters_and_says_nothing_of_labels_it_never_saw():
    labels = np.array([1] * len(GOOD) + [3] * len(BAD))
    found = tfidf_baseline(GOOD + BAD, labels, ["很好很干净", "太脏太差", "A", ""], classes=4)
    assert found.name == "TF-IDF"
    assert found.predictions[:2].tolist() == [1, 3]
    assert found.probabilities.shape == (4, 4)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert (found.probabilities[:, [0, 2]] == 0).all()


def test_tfidf_gives_the_same_twice():
    labels = np.array([0] * len(GOOD) + [1] * len(BAD))
    once, again = (tfidf_baseline(GOOD + BAD, labels, ["服务", "干净"], classes=2) for _ in range(2))
    assert (once.probabilities == again.probabilities).all()


def test_tfidf_on_one_label_alone_answers_it():
    found = tfidf_baseline(GOOD, np.ones(len(GOOD), dtype=np.int64), ["房间"], classes=2)
    assert found.predictions.tolist() == [1]


def test_majority_answers_the_most_frequent_label_of_train():
    found = majority_baseline(np.array([2, 0, 2, 1]), test_rows=3, classes=4)
    assert found.predictions.tolist() == [2, 2, 2]
    np.testing.assert_allclose(found.probabilities, [[0.25, 0.25, 0.5, 0]] * 3)


@pytest.mark.skipif(not HOTEL.is_file(), reason="the hotel reviews are not beside the repository")
def test_tfidf_is_a_serious_rival_on_hotel_reviews():
    with HOTEL.open(encoding="utf-8-sig", newline="") as stream:
        rows = [(row["review"], int(row["label"])) for row in csv.DictReader(stream) if row["review"]]
    order = np.random.default_rng(0).permutation(len(rows))
    texts = [rows[i][0] for i in order]
    labels = np.array([rows[i][1] for i in order])
    found = tfidf_baseline(texts[777:], labels[777:], texts[:777], classes=2)
    assert 0.87 < (found.predictions == labels[:777]).mean() < 0.93
