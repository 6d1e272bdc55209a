"""regression: figures against scikit-learn and scipy, the standardised target there and back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from lingyu.tasks import IGNORED, Calibration, Regression, regression_targets, task_named
from lingyu.tasks.task import measured

PLAIN = Calibration()
quickly = settings(max_examples=60)


@given(st.integers(3, 40), st.floats(-1000, 1000), st.floats(0.1, 50), st.integers(0, 1000))
@quickly
def test_figures_are_those_of_scikit_learn_and_scipy(rows: int, offset: float, scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    targets = (offset + scale * random.normal(size=rows)).astype(np.float32)
    values = targets.astype(np.float64)[:, np.newaxis] + random.normal(scale=scale, size=(rows, 1))
    found = measured(Regression(), values, PLAIN, targets)
    answered = values[:, 0].astype(np.float32).astype(np.float64)
    assert found == pytest.approx(
        {
            "pearson": pearsonr(answered, targets.astype(np.float64)).statistic,
            "mae": mean_absolute_error(targets, answered),
            "rmse": root_mean_squared_error(targets, answered),
        },
        rel=1e-6,
        abs=1e-6,
    )


@pytest.mark.parametrize(("mean", "deviation"), [(1e6, 1.0), (2000.0, 1e-2), (1.7e9, 500.0)])
def test_values_far_from_0_correlate_as_scipy_says(mean: float, deviation: float) -> None:
    random = np.random.default_rng(1)
    targets = (mean + deviation * random.normal(size=200)).astype(np.float32)
    values = targets[:, np.newaxis] + 0.3 * deviation * random.normal(size=(200, 1))
    calibration = Regression.fitted(targets[:100]).calibrate(values, targets)
    found = measured(task_named("regression", (), calibration), values, PLAIN, targets)["pearson"]
    answered = values[:, 0].astype(np.float32).astype(np.float64)
    assert found == pytest.approx(pearsonr(answered, targets.astype(np.float64)).statistic, abs=1e-9)


@pytest.mark.parametrize("constant", [0.0, 0.1, 4.7, 1e6])
def test_what_does_not_vary_correlates_with_nothing(constant: float) -> None:
    varying = np.linspace(0, 1, 7)[:, np.newaxis]
    same = np.full((7, 1), constant)
    assert measured(Regression(), varying, PLAIN, same[:, 0].astype(np.float32))["pearson"] == 0.0
    assert measured(Regression(), same, PLAIN, varying[:, 0].astype(np.float32))["pearson"] == 0.0


def test_what_varies_by_rounding_alone_correlates_with_nothing() -> None:
    varying = np.random.default_rng(0).normal(size=(1000, 1))
    same = np.full((1000, 1), 0.1)
    assert measured(Regression(), same, PLAIN, varying[:, 0].astype(np.float32))["pearson"] == 0.0


def test_the_head_learns_targets_of_mean_0_and_deviation_1() -> None:
    targets = np.array([1.0, 2.0, 2.0, 5.0], dtype=np.float32)
    task = Regression.fitted(targets)
    assert (task.offset, task.scale) == (2.5, pytest.approx(1.5))
    standardised = torch.tensor([[-1.0], [-1 / 3], [-1 / 3], [5 / 3]])
    assert task.loss(standardised, torch.from_numpy(targets), 4) == pytest.approx(0.0, abs=1e-12)
    back = task.probabilities(standardised.numpy(), task.calibrate(standardised.numpy(), targets))
    assert back[:, 0].tolist() == pytest.approx(targets.tolist())


def test_the_stored_task_gives_the_same_values_by_its_calibration_alone() -> None:
    trained = Regression.fitted(np.array([10.0, 30.0]))
    calibration = trained.calibrate(np.zeros((1, 1)), np.zeros(1))
    assert calibration == Calibration(offset=20.0, scale=10.0)
    assert Regression().probabilities(np.array([[0.5]]), calibration).tolist() == [[25.0]]


@pytest.mark.parametrize("value", [3.0, 0.1])
def test_targets_that_are_all_the_same_have_a_scale(value: float) -> None:
    assert Regression.fitted(np.full(7, value)) == Regression(offset=pytest.approx(value), scale=1.0)


def test_the_loss_is_torchs_own_and_a_wild_target_pulls_no_harder_than_a_far_one() -> None:
    logits, targets = torch.tensor([[0.2], [0.0], [0.0]], requires_grad=True), torch.tensor([0.0, 3.0, 3000.0])
    loss = Regression().loss(logits, targets, 3)
    assert torch.allclose(loss, torch.nn.functional.smooth_l1_loss(logits[:, 0], targets))
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[1] == logits.grad[2]


def test_a_target_of_minus_100_is_learnt_from_like_any_other() -> None:
    targets = regression_targets(np.array([-100.0, 1.5]))
    assert targets.dtype == np.float32
    assert not (targets == IGNORED).any()
    assert targets.tolist() == pytest.approx([-100.0, 1.5])


def test_the_answer_is_the_value() -> None:
    assert Regression().answer(np.array([3.25])).value == 3.25
