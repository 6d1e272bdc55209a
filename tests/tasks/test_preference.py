"""preference: Bradley and Terry's loss against a plain loop; a pair is a row."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lingyu.tasks import IGNORED, Calibration, Preference
from lingyu.tasks.task import measured

TASK = Preference()
PLAIN = Calibration()
pairs_of_scores = st.lists(st.tuples(st.floats(-8, 8, width=32), st.floats(-8, 8, width=32)), min_size=1, max_size=12)


def as_logits(pairs: list[tuple[float, float]]) -> np.ndarray:
    """(2 * pairs, 1): the chosen replies first."""
    return np.array(pairs, dtype=np.float32).T.reshape(-1, 1)


@given(pairs_of_scores)
def test_the_loss_is_the_negative_log_likelihood_of_the_choices(pairs: list[tuple[float, float]]) -> None:
    chance = [math.exp(chosen) / (math.exp(chosen) + math.exp(rejected)) for chosen, rejected in pairs]
    expected = -sum(map(math.log, chance)) / len(pairs)
    targets = torch.zeros(len(pairs), dtype=torch.long)
    assert float(TASK.loss(torch.from_numpy(as_logits(pairs)), targets, len(pairs))) == pytest.approx(
        expected, rel=1e-4
    )


@given(pairs_of_scores)
def test_a_pair_is_right_where_the_chosen_reply_has_the_higher_score(pairs: list[tuple[float, float]]) -> None:
    logits = np.array(pairs, dtype=np.float32)
    targets = np.zeros(len(pairs), dtype=np.int64)
    found = measured(TASK, TASK.probabilities(logits, PLAIN), PLAIN, targets)
    assert found == {"accuracy": pytest.approx(sum(chosen > rejected for chosen, rejected in pairs) / len(pairs))}


def test_a_head_that_scores_all_replies_alike_is_never_right() -> None:
    assert measured(TASK, np.ones((4, 2)), PLAIN, np.zeros(4, dtype=np.int64)) == {"accuracy": 0.0}


def test_a_filling_pair_is_left_out() -> None:
    logits = torch.tensor([[2.0], [-9.0], [1.0], [9.0]])
    expected = -torch.nn.functional.logsigmoid(torch.tensor(1.0))
    assert torch.allclose(TASK.loss(logits, torch.tensor([0, IGNORED]), 1), expected)


def test_scores_that_are_no_pairs_are_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="no pairs"):
        TASK.predictions(np.ones((4, 1)), PLAIN)


def test_the_answer_is_the_score_of_one_reply() -> None:
    assert TASK.answer(TASK.probabilities(np.array([[1.5]]), PLAIN)[0]).score == 1.5
