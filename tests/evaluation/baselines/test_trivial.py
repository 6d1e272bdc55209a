import numpy as np

from lingyu.evaluation import majority_baseline
from lingyu.evaluation.baselines.trivial import mean_baseline, most_frequent_baseline


def test_majority_answers_the_most_frequent_label_of_train():
    assert majority_baseline(np.array([2, 0, 2, 1]), test_rows=3, classes=4).predictions.tolist() == [2, 2, 2]
    assert majority_baseline(np.array([2, 1]), test_rows=1, classes=4).predictions.tolist() == [1]


def test_of_several_labels_a_row_the_most_frequent_stands_alone():
    targets = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 1]])
    assert most_frequent_baseline(targets, 2).predictions.tolist() == [[0, 1, 0]] * 2


def test_the_mean_is_of_all_numbers_whatever_they_are():
    found = mean_baseline(np.array([-100, 2, -100], dtype=np.float32), 2)
    assert found.predictions.tolist() == [-66, -66]
    assert found.predictions.dtype == np.float32
