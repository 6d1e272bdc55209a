"""What holds for every task: pieces of a batch add up, IGNORED counts for nothing, statistics add up over rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lingyu.tasks import (
    IGNORED,
    Calibration,
    MultiLabel,
    Ordinal,
    Preference,
    Regression,
    SingleLabel,
    Task,
    Token,
    changed_rows,
    measured_on_dev,
)
from lingyu.tasks.task import measured

LABELS = ("差", "中", "好")
ROWS = 12
TOKENS = 7


@dataclass(frozen=True)
class Case:
    """logits: as the loss of a whole batch takes them. measuring: as they are measured; the same but for pairs."""

    task: Task
    logits: NDArray[np.float32]
    measuring: NDArray[np.float32]
    targets: NDArray[np.generic]

    def piece(self, rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and targets of some rows, as a batch of them alone would have them."""
        kept = [*rows, *(ROWS + row for row in rows)] if isinstance(self.task, Preference) else rows
        return torch.from_numpy(self.logits[kept]), torch.from_numpy(self.targets[rows])


def case(name: str, seed: int = 0) -> Case:
    random = np.random.default_rng(seed)

    def drawn(*shape: int) -> NDArray[np.float32]:
        return random.normal(scale=2, size=shape).astype(np.float32)

    makers: dict[str, Callable[[], Case]] = {
        "single_label": lambda: _same(SingleLabel(LABELS), drawn(ROWS, 3), random.integers(0, 3, ROWS)),
        "multi_label": lambda: _same(MultiLabel(LABELS), drawn(ROWS, 3), random.integers(0, 2, (ROWS, 3))),
        "ordinal": lambda: _same(Ordinal(LABELS), drawn(ROWS, 2), random.integers(0, 3, ROWS)),
        "token": lambda: _same(Token(LABELS), drawn(ROWS, TOKENS, 7), random.integers(0, 7, (ROWS, TOKENS))),
        "regression": lambda: _same(Regression(offset=3, scale=2), drawn(ROWS, 1), 3 + drawn(ROWS)),
        "preference": lambda: _pairs(drawn(2 * ROWS, 1)),
    }
    return makers[name]()


def _same(task: Task, logits: NDArray[np.float32], targets: NDArray[np.generic]) -> Case:
    return Case(task, logits, logits, targets)


def _pairs(scores: NDArray[np.float32]) -> Case:
    side_by_side = np.stack([scores[:ROWS, 0], scores[ROWS:, 0]], axis=1)
    return Case(Preference(), scores, side_by_side, np.zeros(ROWS, dtype=np.int64))


each_task = pytest.mark.parametrize(
    "name", ["single_label", "multi_label", "ordinal", "token", "regression", "preference"]
)


@each_task
def test_pieces_of_a_batch_add_up_to_the_loss_of_the_whole(name: str) -> None:
    one = case(name)
    items = int((one.targets != IGNORED).sum())
    whole = one.task.loss(*one.piece(list(range(ROWS))), items)
    pieces = [one.task.loss(*one.piece(list(rows)), items) for rows in (range(5), range(5, 6), range(6, ROWS))]
    assert torch.allclose(whole, torch.stack(pieces).sum(), atol=1e-6)
    assert whole > 0


@each_task
def test_filling_rows_have_no_loss_and_no_gradient(name: str) -> None:
    one = case(name)
    logits, targets = one.piece(list(range(ROWS)))
    kept_logits, kept_targets = one.piece(list(range(3, ROWS)))
    targets = targets.clone()
    targets[:3] = IGNORED
    logits.requires_grad_()
    loss = one.task.loss(logits, targets, 9)
    assert torch.allclose(loss, one.task.loss(kept_logits, kept_targets, 9), atol=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[:3] == 0).all()
    assert one.task.loss(logits, torch.full_like(targets, IGNORED), 9) == 0


@each_task
def test_the_loss_of_half_precision_logits_is_taken_in_float32(name: str) -> None:
    one = case(name)
    logits, targets = one.piece(list(range(ROWS)))
    assert one.task.loss(logits.bfloat16(), targets, 9).dtype == torch.float32


def measured_rows(one: Case) -> tuple[NDArray[np.float64], Calibration]:
    calibration = one.task.calibrate(one.measuring, one.targets)
    predictions = one.task.predictions(one.task.probabilities(one.measuring, calibration), calibration)
    assert predictions.shape == one.targets.shape
    return one.task.statistics(predictions, one.targets), calibration


@each_task
def test_statistics_of_rows_do_not_depend_on_the_other_rows(name: str) -> None:
    one = case(name)
    whole, calibration = measured_rows(one)
    assert whole.shape[0] == ROWS
    predictions = one.task.predictions(one.task.probabilities(one.measuring, calibration), calibration)
    parts = [one.task.statistics(predictions[rows], one.targets[rows]) for rows in (slice(0, 4), slice(4, ROWS))]
    assert np.array_equal(np.concatenate(parts), whole)


@each_task
def test_a_row_drawn_twice_counts_twice(name: str) -> None:
    """As the bootstrap takes it: weights times statistics, many draws at once."""
    one = case(name)
    statistics, _ = measured_rows(one)
    draws = np.random.default_rng(1).integers(0, ROWS, (5, ROWS))
    weights = np.stack([np.bincount(draw, minlength=ROWS) for draw in draws]).astype(np.float64)
    together = one.task.figures_of(weights @ statistics)
    assert tuple(together) == one.task.figures
    for number, draw in enumerate(draws):
        for figure, value in one.task.figures_of(statistics[draw].sum(axis=0)).items():
            assert together[figure][number] == pytest.approx(float(value), abs=1e-9)


@each_task
def test_ignored_rows_are_not_counted(name: str) -> None:
    one = case(name)
    targets = one.targets.copy()
    targets[:3] = IGNORED
    calibration = Calibration()
    kept = measured(one.task, one.task.probabilities(one.measuring[3:], calibration), calibration, one.targets[3:])
    found = measured(one.task, one.task.probabilities(one.measuring, calibration), calibration, targets)
    assert found == pytest.approx(kept)
    assert one.task.calibrate(one.measuring, targets) == one.task.calibrate(one.measuring[3:], one.targets[3:])


@each_task
def test_dev_is_measured_under_its_own_calibration(name: str) -> None:
    one = case(name)
    calibration = one.task.calibrate(one.measuring, one.targets)
    expected = measured(one.task, one.task.probabilities(one.measuring, calibration), calibration, one.targets)
    assert measured_on_dev(one.task, one.measuring, one.targets) == expected
    assert tuple(expected) == one.task.figures


@each_task
def test_figures_without_any_row_are_numbers(name: str) -> None:
    one = case(name)
    statistics, _ = measured_rows(one)
    found = one.task.figures_of(np.zeros_like(statistics[0]))
    assert all(np.isfinite(value) for value in found.values())


def test_a_pair_whose_order_turns_is_answered_differently_and_a_number_never_counts() -> None:
    ours, theirs = np.array([[1.0, 0.0], [2.0, 1.0]]), np.array([[0.0, 1.0], [3.0, 1.0]])
    assert changed_rows(Preference(), ours, theirs, Calibration()) == 1
    assert changed_rows(Preference(), ours[:, :1], theirs[:, :1], Calibration()) is None
    assert changed_rows(Regression(), ours[:, :1], theirs[:, :1], Calibration()) is None


def test_rows_are_answered_differently_only_where_they_are_counted() -> None:
    token = Token(("产品",))
    ours, theirs = np.zeros((2, 3, 3)), np.zeros((2, 3, 3))
    theirs[0, 1, 1] = theirs[1, 2, 1] = 1.0
    counted = np.array([[True, True, False]] * 2)
    assert changed_rows(token, ours, theirs, Calibration(), counted) == 1
    assert changed_rows(token, ours, theirs, Calibration()) == 2
