"""When a training has ended, and what its tracker is told of it."""

from pathlib import Path

import pytest
from transformers import TrainerState

from lingyu.errors import LingyuError
from lingyu.training import Inputs, Run, Tracker, recorded
from lingyu.training.fitting import has_ended


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path, Inputs("a", "b", "c", "d", num_processes=1, precision="float32"))


class Told(Tracker):
    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    def finish(self, exit_code: int = 0) -> None:
        self.statuses.append(exit_code)


def state(step: int, waited: int | None = None) -> TrainerState:
    early = {"args": {"early_stopping_patience": 2}, "attributes": {"early_stopping_patience_counter": waited}}
    callbacks = {} if waited is None else {"EarlyStoppingCallback": early}
    return TrainerState(global_step=step, max_steps=20, stateful_callbacks=callbacks)


def test_a_training_has_ended_with_its_last_step_or_its_patience() -> None:
    assert not has_ended(state(19))
    assert has_ended(state(20))
    assert not has_ended(state(12, waited=1))
    assert has_ended(state(12, waited=2))
    assert has_ended(state(20, waited=0))


def test_the_tracker_is_told_how_the_run_ended(run: Run) -> None:
    told = Told()
    with recorded(run, lambda: told, program="dapt.py") as tracker:
        assert tracker is told
    for error, status in ((LingyuError("no", status=1), 1), (LingyuError("wrong"), 2), (ValueError(), 1)):
        with pytest.raises(type(error)), recorded(run, lambda: told, program="dapt.py"):
            raise error
        assert told.statuses[-1] == status
    assert told.statuses == [0, 1, 2, 1]


def test_a_run_that_another_process_works_on_starts_no_tracker(run: Run) -> None:
    def second() -> None:
        with run.held(), recorded(run, lambda: pytest.fail("started"), program="dapt.py"):
            pytest.fail("both work on it")

    with pytest.raises(LingyuError, match="another process works on this run"):
        second()
