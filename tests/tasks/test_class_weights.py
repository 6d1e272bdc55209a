"""train.class_weights as factors a label."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from lingyu.tasks import MultiLabel
from lingyu.tasks.class_weights import class_weights_of

LABELS = ("负面", "中性", "正面")


def test_balanced_weights_give_each_label_the_same_say() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2])
    weights = class_weights_of("balanced", LABELS, labels)
    assert weights is not None
    says = [weight * count for weight, count in zip(weights, np.bincount(labels), strict=True)]
    assert says == pytest.approx([2.0, 2.0, 2.0])


def test_balanced_weights_are_scikit_learns_and_a_label_without_rows_weighs_1() -> None:
    labels = np.array([0, 0, 0, 1])
    expected = compute_class_weight("balanced", classes=np.arange(2), y=labels)
    assert class_weights_of("balanced", LABELS[:2], labels) == pytest.approx(tuple(expected))
    assert class_weights_of("balanced", LABELS, labels) == pytest.approx((4 / 9, 4 / 3, 1.0))
    assert class_weights_of("balanced", LABELS, labels + 1) == pytest.approx((1.0, 4 / 9, 4 / 3))


def test_named_weights_stand_in_the_order_of_the_labels() -> None:
    assert class_weights_of({"正面": 3.0}, LABELS, np.array([0])) == (1.0, 1.0, 3.0)
    assert class_weights_of(None, LABELS, np.array([0])) is None


def test_balanced_weights_of_many_labels_give_rows_with_and_without_the_same_say() -> None:
    targets = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]])
    weights = class_weights_of("balanced", LABELS, targets)
    assert weights == (3.0, 1.0, 1.0)
    at_even = torch.zeros(4, 3, requires_grad=True)
    MultiLabel(LABELS, weights).loss(at_even, torch.from_numpy(targets), 12).backward()
    assert at_even.grad is not None
    assert at_even.grad[:, 0].sum() == pytest.approx(0.0, abs=1e-7)
