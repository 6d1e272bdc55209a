"""A run that was interrupted publishes what it would have published, and once."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lingyu.cli.train import main as train
from lingyu.errors import LingyuError
from lingyu.lora import training
from lingyu.store import Store
from lingyu.training import read_metrics
from lingyu.training.stopping import StopAtSignal

from ..e2e.conftest import make_workplace

TRAIN = "from lingyu.cli.train import main; main()"
UNTIL_IT_GETS_WORSE = ("train.learning_rate=0.3", "train.early_stopping_patience=1", "train.eval_steps=4")


def published_with_and_without(
    interruption: tuple[object, str, object], status: int, settings: Sequence[str], tmp_path: Path, tiny_base: Path
) -> list[tuple[bytes, list[dict[str, Any]]]]:
    """The adapter and the metrics of a run that nothing disturbed, and of one that ended so and was resumed.

    interruption: what monkeypatch.setattr takes. status: that the interrupted one ends with.
    """
    published = []
    for name in ("undisturbed", "interrupted"):
        place = make_workplace(tmp_path / name, tiny_base)
        command = [str(place.recipe), *settings]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(place.folder)
            if name == "interrupted":
                with pytest.MonkeyPatch.context() as interrupting:
                    interrupting.setattr(*interruption)
                    assert train(command) == status
                command.append("--resume")
            assert train(command) == 0
            (run,) = place.runs()
            published.append((place.adapter_bytes(), read_metrics(run / "metrics.jsonl")))
    return published


def test_after_an_early_stop_a_resumed_run_trains_no_further(tmp_path: Path, tiny_base: Path) -> None:
    interruption = (training, "_save_with_proof", _interrupt)
    undisturbed, resumed = published_with_and_without(interruption, 2, UNTIL_IT_GETS_WORSE, tmp_path, tiny_base)
    steps = [row["step"] for row in resumed[1] if "dev" in row]
    assert steps[-1] < 16 * 10, "it did not stop early"
    assert undisturbed == resumed


def test_where_the_last_checkpoint_is_published_a_run_that_goes_on_after_training_takes_no_better_one(
    tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interruption = (training, "_save_with_proof", _interrupt)
    settings = ("train.load_best_model_at_end=false", "train.early_stopping_patience=null", "train.max_steps=6")
    settings += ("train.metric_for_best_model=loss", "train.eval_steps=2", "train.learning_rate=0.3")
    undisturbed, resumed = published_with_and_without(interruption, 2, settings, tmp_path, tiny_base)
    losses = [row["dev"]["loss"] for row in resumed[1] if "dev" in row]
    assert losses[-1] > min(losses), "there is nothing to confuse"
    assert undisturbed == resumed
    assert "training had ended with step 6" in capsys.readouterr().err


@pytest.mark.parametrize("end", ["train.max_steps=7", "train.num_train_epochs=2.3"])
def test_ctrl_c_in_the_last_step_within_an_epoch_leaves_what_is_published_otherwise(
    end: str, tmp_path: Path, tiny_base: Path
) -> None:
    """Dev is measured at the end of each epoch of three steps, and after the seventh step, which ends the training."""
    schedule = ("train.eval_strategy=epoch", "train.eval_steps=null", "train.tokens_per_batch=1024")
    settings = (*schedule, end, "train.metric_for_best_model=loss")
    interruption = (StopAtSignal, "on_step_end", _stopped_in_step_7)
    undisturbed, resumed = published_with_and_without(interruption, 130, settings, tmp_path, tiny_base)
    assert [row["step"] for row in resumed[1] if "dev" in row] == [3, 6, 7]
    assert undisturbed == resumed


_when_a_step_ends = StopAtSignal.on_step_end


def _stopped_in_step_7(self: StopAtSignal, args: Any, state: Any, control: Any, **others: Any) -> Any:
    if state.global_step == 7:
        signal.raise_signal(signal.SIGINT)
    return _when_a_step_ends(self, args, state, control, **others)


def _interrupt(*_: object) -> None:
    raise LingyuError("interrupted")


@pytest.mark.parametrize(
    "place",
    [
        "from lingyu.store.channels import PreparedChange as place; step = 'commit'",  # a version that no channel names
        "from lingyu.training import Run as place; step = 'finished'",
    ],
)
def test_a_run_that_was_killed_once_it_had_published_publishes_no_second_version(
    place: str, tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = make_workplace(tmp_path / "work", tiny_base)
    monkeypatch.chdir(work.folder)
    command = [str(work.recipe), "train.max_steps=2"]
    killed = f"import os; {place}; setattr(place, step, lambda *_: os._exit(9)); {TRAIN}"
    process = subprocess.run([sys.executable, "-c", killed, *command], capture_output=True, text=True)
    assert process.returncode == 9, process.stderr
    assert train([*command, "--resume"]) == 0
    store = Store("adapters")
    assert (store.versions("tiny"), store.channels("tiny")) == (("v1",), {"stable": "v1"})
    (run,) = work.runs()
    assert json.loads((run / "run.json").read_text("utf-8"))["version"] == "v1"
    assert train(command) == 0, "a run of its own, though every byte of its adapter is the same"
    assert store.versions("tiny") == ("v1", "v2")


def test_a_run_that_is_finished_late_takes_no_channel_from_a_later_version(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = make_workplace(tmp_path / "work", tiny_base)
    monkeypatch.chdir(work.folder)
    command = [str(work.recipe), "train.max_steps=2"]
    place = "from lingyu.store.channels import PreparedChange"
    killed = f"import os; {place}; PreparedChange.commit = lambda *_: os._exit(9); {TRAIN}"
    process = subprocess.run([sys.executable, "-c", killed, *command], capture_output=True, text=True)
    assert process.returncode == 9, process.stderr
    (run,) = work.runs()
    assert train(command) == 0
    assert train([*command, "--resume", str(run)]) == 0
    store = Store("adapters")
    assert (store.versions("tiny"), store.channels("tiny")) == (("v1", "v2"), {"stable": "v2"})
