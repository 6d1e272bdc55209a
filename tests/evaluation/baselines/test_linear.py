"""Linear models on TF-IDF: they learn what characters tell, and nothing that train does not have."""

import csv
import math
from collections import Counter

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from lingyu.evaluation import Inputs, tfidf_baseline
from lingyu.evaluation.baselines.linear import (
    class_probabilities,
    features,
    multi_label_baseline,
    ordinal_baseline,
    ridge_baseline,
)
from lingyu.tasks import IGNORED

GOOD = ["房间干净", "服务很好", "早餐丰富", "位置很好", "非常干净"]
BAD = ["房间太脏", "服务很差", "早餐难吃", "位置太差", "非常难吃"]


def test_tfidf_learns_from_characters_and_says_nothing_of_labels_it_never_saw():
    labels = np.array([1] * len(GOOD) + [3] * len(BAD))
    tests = ["很好很干净", "太脏太差", "A", ""]
    found = tfidf_baseline(Inputs(GOOD + BAD), labels, Inputs(tests), classes=4)
    assert found.name == "TF-IDF"
    assert found.predictions[:2].tolist() == [1, 3]
    probabilities = class_probabilities(Inputs(GOOD + BAD), labels, Inputs(tests), classes=4)
    assert probabilities.shape == (4, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities[:, [0, 2]] == 0).all()


def slow_tfidf(text: str, train: list[str]) -> dict[str, float]:
    """Character or pair -> (1 + log count) * (log((1 + texts) / (1 + texts with it)) + 1), of length 1."""

    def counts(of: str) -> Counter[str]:
        return Counter([*of, *(of[at : at + 2] for at in range(len(of) - 1))])

    having = Counter(piece for one in train for piece in counts(one))
    weights = {
        piece: (1 + math.log(count)) * (math.log((1 + len(train)) / (1 + having[piece])) + 1)
        for piece, count in counts(text).items()
        if piece in having
    }
    length = math.sqrt(sum(weight**2 for weight in weights.values()))
    return {piece: weight / length for piece, weight in weights.items()}


def test_features_are_those_of_the_one_fixed_setting_and_learnt_from_train_alone():
    train, asked = [*GOOD, "很好很好很好", "价格很高"], ["很好很干净很远", "价格"]
    for texts, found in zip((train, asked), features(Inputs(train), Inputs(asked)), strict=True):
        for row, text in zip(found.toarray(), texts, strict=True):
            expected = sorted(slow_tfidf(text, train).values())
            assert sorted(row[row > 0].tolist()) == pytest.approx(expected, rel=1e-5)
    with_pairs, _ = features(Inputs(GOOD, BAD), Inputs(["太脏"], ["太差"]))
    alone, _ = features(Inputs(GOOD + BAD), Inputs(["太脏"]))
    assert with_pairs.shape[1] == 2 * alone.shape[1] + 1, "the words of the second texts are known too"


def test_models_are_those_of_the_one_fixed_setting():
    labels = np.array([1] * len(GOOD) + [3] * len(BAD))
    train, asked = Inputs(GOOD + BAD), Inputs(["很好", "太脏太差", "房间"])
    on_train, on_asked = features(train, asked)
    for weights in (None, (5.0, 1.0, 9.0, 3.0)):
        model = LogisticRegression(C=10.0, max_iter=1000, class_weight=weights and {1: weights[1], 3: weights[3]})
        expected = model.fit(on_train, labels).predict_proba(on_asked)
        assert np.array_equal(class_probabilities(train, labels, asked, 4, weights)[:, [1, 3]], expected)
    values = labels.astype(np.float32)
    ridge = Ridge(alpha=1.0, solver="sparse_cg").fit(on_train, values).predict(on_asked)
    np.testing.assert_allclose(ridge_baseline(train, values, asked).predictions, ridge, rtol=1e-4)


def test_tfidf_gives_the_same_twice():
    labels = np.array([0] * len(GOOD) + [1] * len(BAD))
    once, again = (
        class_probabilities(Inputs(GOOD + BAD), labels, Inputs(["服务", "干净"]), classes=2) for _ in range(2)
    )
    assert (once == again).all()


def test_tfidf_on_one_label_alone_answers_it():
    found = tfidf_baseline(Inputs(GOOD), np.ones(len(GOOD), dtype=np.int64), Inputs(["房间"]), classes=2)
    assert found.predictions.tolist() == [1]


def test_of_two_texts_it_sees_which_says_what_and_how_alike_they_are():
    texts = ["房间干净", "服务很好", "早餐丰富", "位置很远"] * 3
    others = ["房间干净", "价格不高", "早餐丰富", "空调太吵"] * 3
    on_train, on_test = features(Inputs(texts, others), Inputs(["房间干净"], ["早餐丰富"]))
    assert on_train.shape[1] == on_test.shape[1] == 2 * ((on_train.shape[1] - 1) // 2) + 1
    cosine = on_train[:, -1].toarray().ravel()[:4]
    np.testing.assert_allclose(cosine, [1, 0, 1, 0], atol=1e-6)
    half = (on_test.shape[1] - 1) // 2
    assert not np.array_equal(on_test[:, :half].toarray(), on_test[:, half:-1].toarray())
    same = np.array([1, 0, 1, 0] * 3)
    asked = Inputs(["净好富远", "净好富远"], ["净好富远", "价高空吵"])
    found = tfidf_baseline(Inputs(texts, others), same, asked, 2)
    assert found.predictions.tolist() == [1, 0], "the texts are new; that they are alike is not"


def test_multi_label_answers_each_label_alone():
    texts = [a + b for a in ("房间好", "房间坏", "") for b in ("早餐好", "早餐坏", "")] * 2
    targets = np.array([["房间" in text, "早餐" in text, True] for text in texts], dtype=np.int64)
    asked = Inputs(["房间好", "早餐好", "房间坏早餐好", "位置"])
    found = multi_label_baseline(Inputs(texts), targets, Inputs(texts), targets, asked)
    assert found.predictions[:, :2].tolist() == [[1, 0], [0, 1], [1, 1], [0, 0]]
    assert found.predictions[:, 2].all(), "a label of every row"
    nothing = np.zeros_like(targets)
    none = multi_label_baseline(Inputs(texts), nothing, Inputs(texts), nothing, Inputs(["房间"]))
    assert none.predictions.tolist() == [[0, 0, 0]]


def test_multi_label_answers_a_rare_label_from_the_threshold_that_dev_gives_it():
    train = Inputs(["房间好"] * 9 + ["一般"] * 3)
    targets = np.array([[0]] * 9 + [[0], [0], [1]])
    dev, true = Inputs(["一般", "房间好", "一般"]), np.array([[1], [0], [IGNORED]])
    found = multi_label_baseline(train, targets, dev, true, Inputs(["一般", "房间好"]))
    assert found.predictions.tolist() == [[1], [0]], "from 0.5 on, none"


def test_rows_of_dev_whose_label_nobody_knows_move_no_threshold():
    train = Inputs(["房间好"] * 9 + ["早餐少"] * 9 + ["一般"] * 3)
    targets = np.array([[0]] * 9 + [[0]] * 8 + [[1]] + [[0], [0], [1]])
    asked = Inputs(["房间好", "早餐少", "一般"])
    dev, true = Inputs(["一般", "房间好"]), np.array([[1], [1]])
    more, unknown = Inputs([*dev.texts, *["早餐少"] * 9]), np.array([[1], [1]] + [[IGNORED]] * 9)
    found = [multi_label_baseline(train, targets, *of_dev, asked) for of_dev in ((dev, true), (more, unknown))]
    assert [each.predictions.tolist() for each in found] == [[[1], [1], [1]]] * 2


def test_ordinal_decides_as_it_is_told_to():
    labels = np.array([0] * len(BAD) + [2] * len(GOOD))
    found = ordinal_baseline(
        Inputs(BAD + GOOD), labels, Inputs(["太差", "很好"]), 4, lambda p: (p > 0.5).argmax(axis=1)
    )
    assert found.predictions.tolist() == [0, 2]


def test_ridge_finds_the_number_that_a_word_stands_for():
    random = np.random.default_rng(0)
    counts = random.integers(0, 2, (200, 3))
    texts = ["".join(word if n else "呢" for n, word in zip(row, "热冷闷", strict=True)) for row in counts]
    values = (20 + 10 * counts[:, 0] - 10 * counts[:, 1]).astype(np.float32)
    found = ridge_baseline(Inputs(texts[:150]), values[:150], Inputs(texts[150:]))
    assert found.predictions.dtype == np.float32
    assert np.abs(found.predictions - values[150:]).max() < 1.5


def test_tfidf_is_a_serious_rival_on_hotel_reviews(shared_data):
    file = shared_data / "hotel" / "ChnSentiCorp_htl_all.csv"
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = [(row["review"], int(row["label"])) for row in csv.DictReader(stream) if row["review"]]
    order = np.random.default_rng(0).permutation(len(rows))
    texts = [rows[i][0] for i in order]
    labels = np.array([rows[i][1] for i in order])
    found = tfidf_baseline(Inputs(texts[777:]), labels[777:], Inputs(texts[:777]), classes=2)
    assert 0.87 < (found.predictions == labels[:777]).mean() < 0.93
