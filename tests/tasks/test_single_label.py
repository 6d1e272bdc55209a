"""single_label: loss against torch's own mean, decoding against a plain softmax."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lingyu.tasks import IGNORED, UNCERTAIN, SingleLabel, class_weights_of

TASK = SingleLabel(labels=("负面", "中性", "正面"))


def test_pieces_of_a_batch_add_up_to_its_mean_loss() -> None:
    logits, labels = torch.randn(7, 3), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    whole = torch.nn.functional.cross_entropy(logits, labels)
    pieces = sum(TASK.loss(logits[rows], labels[rows], 7) for rows in (slice(0, 3), slice(3, 4), slice(4, 7)))
    assert torch.allclose(whole, torch.as_tensor(pieces))


def test_filling_rows_count_for_nothing() -> None:
    logits = torch.randn(3, 3)
    labels = torch.tensor([0, IGNORED, 2])
    expected = TASK.loss(logits[[0, 2]], labels[[0, 2]], 2)
    assert torch.allclose(TASK.loss(logits, labels, 2), expected)


def test_a_piece_of_filling_alone_has_no_loss() -> None:
    assert TASK.loss(torch.randn(1, 3), torch.tensor([IGNORED]), 5) == 0


@given(arrays(np.float32, (4, 3), elements=st.floats(-20, 20, width=32)), st.floats(0.1, 10))
def test_probabilities_are_a_softmax_in_label_order(logits: np.ndarray, temperature: float) -> None:
    for row, answer in zip(logits, TASK.decode(logits, temperature=temperature), strict=True):
        exponentials = [math.exp(float(value) / temperature - float(row.max()) / temperature) for value in row]
        expected = [value / sum(exponentials) for value in exponentials]
        assert list(answer.probabilities) == list(TASK.labels)
        assert list(answer.probabilities.values()) == pytest.approx(expected, abs=1e-9)
        assert answer.probability == max(answer.probabilities.values())


def test_below_the_threshold_the_answer_is_uncertain() -> None:
    logits = np.array([[2.0, 0.0, 0.0], [0.1, 0.0, 0.0]])
    assert [answer.label for answer in TASK.decode(logits, threshold=0.6)] == ["负面", UNCERTAIN]


def test_balanced_weights_give_each_label_the_same_say() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2])
    weights = class_weights_of("balanced", TASK.labels, labels)
    assert weights is not None
    says = [weight * count for weight, count in zip(weights, np.bincount(labels), strict=True)]
    assert says == pytest.approx([2.0, 2.0, 2.0])


def test_named_weights_stand_in_the_order_of_the_labels() -> None:
    assert class_weights_of({"正面": 3.0}, TASK.labels, np.array([0])) == (1.0, 1.0, 3.0)
    assert class_weights_of(None, TASK.labels, np.array([0])) is None
