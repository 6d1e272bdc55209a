"""Which baselines each task has, on rows for which the right answer is known."""

import numpy as np
import pytest

from lingyu.data import Counts, Part, Splits
from lingyu.data.labelling import Labelled
from lingyu.evaluation import baselines_of
from lingyu.evaluation.baselines.column import column_baseline
from lingyu.evaluation.baselines.replies import coin_baseline, overlap_baseline
from lingyu.recipe import Recipe
from lingyu.tasks import MultiLabel, Ordinal, Preference, Regression, SingleLabel, Token

GOOD = ("房间干净", "服务很好", "早餐丰富", "位置很好", "非常干净")
BAD = ("房间太脏", "服务很差", "早餐难吃", "位置太差", "非常难吃")


def part(texts, targets, **columns):
    targets = np.asarray(targets)
    nothing = np.zeros(len(texts), dtype=np.int64)
    return Part(tuple(texts), Labelled(targets, nothing, nothing), nothing, **columns)


HOTEL = Recipe.model_validate(
    {"name": "hotel", "task": "single_label", "data": {"train": "hotel.csv", "labels": {"0": "差", "1": "好"}}}
)


def found_for(task, train, dev, test, spans=None, *, column=None, class_weights=None):
    splits = Splits(task.labels, train, dev, test, np.zeros(test.rows, dtype=bool), Counts({}, {}, {}), task.name)
    data = HOTEL.data.model_copy(update={"baseline_column": column})
    trained = HOTEL.train.model_copy(update={"class_weights": class_weights})
    return baselines_of(task, splits, HOTEL.model_copy(update={"data": data, "train": trained}), spans)


def entities(*rows):
    found = np.empty(len(rows), dtype=object)
    found[:] = rows
    return found


LABELS = [1] * len(GOOD) + [0] * len(BAD)
ONE_HOT = np.eye(2, dtype=np.int64)[LABELS]
VALUES = np.array(LABELS, dtype=np.float32) * 10
LABELLED = [
    (SingleLabel(("差", "好")), LABELS, [0, 1], ("TF-IDF", "majority")),
    (Ordinal(("差", "好")), LABELS, [0, 1], ("TF-IDF", "majority")),
    (MultiLabel(("差", "好")), ONE_HOT, [[1, 0], [0, 1]], ("TF-IDF", "the most frequent label")),
]


@pytest.mark.parametrize(
    ("task", "targets", "expected", "names"), LABELLED, ids=lambda value: getattr(value, "name", "")
)
def test_tasks_with_labels_have_tfidf_and_the_most_frequent_label(task, targets, expected, names):
    rows = part(GOOD + BAD, targets)
    found = found_for(task, rows, rows, part(("太差", "很好"), expected))
    assert (found.rival.name, found.trivial.name) == names
    assert found.rival.predictions.tolist() == expected
    assert found.column is None


def test_a_recipe_that_weighs_its_classes_weighs_those_of_the_baseline():
    """Or a gain by macro-F1 is the weights' and not the encoder's."""
    train = part(("房间好",) * 9 + ("一般",) * 3, [1] * 9 + [1, 1, 0])
    task, test = SingleLabel(("差", "好")), part(("一般",), [0])
    plain, balanced, own = (
        found_for(task, train, train, test, class_weights=weights) for weights in (None, "balanced", {"差": 9.0})
    )
    assert [found.rival.predictions.tolist() for found in (plain, balanced, own)] == [[1], [0], [0]]


def test_many_labels_have_their_thresholds_from_dev():
    train = part(("房间好",) * 9 + ("一般",) * 3, np.array([[0]] * 9 + [[0], [0], [1]]))
    test = part(("一般", "房间好"), np.array([[1], [0]]))
    rare = part(("一般", "房间好"), np.array([[1], [0]]))
    often = part(("一般", "房间好"), np.array([[1], [1]]))
    found = [found_for(MultiLabel(("差",)), train, dev, test).rival.predictions.tolist() for dev in (rare, often)]
    assert found == [[[1], [0]], [[1], [1]]]


def test_regression_has_ridge_and_the_mean():
    rows = part(GOOD + BAD, VALUES)
    found = found_for(Regression(), rows, rows, part(("太差", "很好"), np.float32([0, 10])))
    low, high = found.rival.predictions.tolist()
    assert low < 5 < high
    assert found.trivial.predictions.tolist() == [5, 5]


def test_token_has_the_lexicon_of_train_and_no_entity():
    train = part(("耐克鞋",), entities([(0, 2, 0)]))
    spans = [np.array([(0, 0), (0, 1), (1, 2), (0, 0)])]
    found = found_for(Token(("品牌",)), train, train, part(("耐克",), entities([(0, 2, 0)])), spans)
    assert found.rival.predictions.tolist() == [[-100, 1, 2, -100]]
    assert found.trivial.predictions.tolist() == [[-100, 0, 0, -100]]


def test_preference_has_the_reply_that_shares_more_with_its_context_and_a_coin():
    rows = part(("什么时候发货", "尺码偏大吗"), [0, 0], pairs=("今天发货", "亲您好"), rejected=("亲您好", "尺码不偏大"))
    found = found_for(Preference(), rows, rows, rows)
    assert found.rival.predictions.tolist() == [0, 1]
    assert [each.tolist() for each in found.trivial.all_predictions] == [[0, 0], [1, 1]]
    unknown = part(("鞋",), [0], pairs=("衣",), rejected=("鞋",))
    assert found_for(Preference(), rows, rows, unknown).rival.predictions.tolist() == [0], "train has none of it"


def test_of_replies_that_share_nothing_every_other_one_is_right():
    found = overlap_baseline(["发货", "您好", "再见"], ["发货"] * 4, ["您好"] * 4, ["再见"] * 4)
    assert found.predictions.tolist() == [0, 1, 0, 1]
    assert coin_baseline(2).name == "a coin"


def test_a_column_answers_what_is_most_frequent_of_its_value():
    values, labels = ["甲", "甲", "甲", "乙", "乙"], np.array([2, 2, 0, 1, 0])
    found = column_baseline("film alone", values, labels, ["甲", "乙", "丙"])
    assert found.predictions.tolist() == [2, 0, 0], "the first at a tie; of a value that is new that of all rows"
    assert column_baseline("film alone", ["甲", "乙"], np.array([1, 1]), ["丙"]).predictions.tolist() == [1]


def test_a_column_that_the_recipe_names_stands_beside_the_text():
    columns = {"baseline_values": ("甲",) * 5 + ("乙",) * 5}
    train = part(GOOD + BAD, LABELS, **columns)
    test = part(("太差", "很好"), [0, 1], baseline_values=("甲", "乙"))
    found = found_for(Ordinal(("差", "好")), train, train, test, column="film")
    assert found.column.name == "film alone"
    assert found.column.predictions.tolist() == [1, 0]
