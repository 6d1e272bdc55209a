"""A run that stopped early, and was then interrupted, publishes what it would have published."""

from pathlib import Path

import pytest

from lingyu.cli.train import main as train
from lingyu.errors import LingyuError
from lingyu.lora import training
from lingyu.training import read_metrics

from ..e2e.conftest import make_workplace

UNTIL_IT_GETS_WORSE = ("train.learning_rate=0.3", "train.early_stopping_patience=1", "train.eval_steps=4")


def test_after_an_early_stop_a_resumed_run_trains_no_further(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = []
    for name in ("undisturbed", "interrupted"):
        place = make_workplace(tmp_path / name, tiny_base)
        monkeypatch.chdir(place.folder)
        command = [str(place.recipe), *UNTIL_IT_GETS_WORSE]
        if name == "interrupted":
            with monkeypatch.context() as patch:
                patch.setattr(training, "_save_with_proof", _interrupt)
                assert train(command) == 2
            command.append("--resume")
        assert train(command) == 0
        (run,) = place.runs()
        rows = read_metrics(run / "metrics.jsonl")
        published.append((place.adapter_bytes(), rows))
    steps = [row["step"] for row in rows if "dev" in row]
    assert steps[-1] < 16 * 10, "it did not stop early"
    assert published[0] == published[1]


def _interrupt(*_: object) -> None:
    raise LingyuError("interrupted")
