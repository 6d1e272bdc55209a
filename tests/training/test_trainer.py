"""The Trainer of a classifier: the loss that dev is told by, and batches in which nothing counts."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from lingyu.bases import find_base
from lingyu.errors import LingyuError, Stopped
from lingyu.recipe import Train
from lingyu.tasks import IGNORED, Preference, SingleLabel, Task, Token
from lingyu.text import Encoded
from lingyu.training import (
    BatchesTrainer,
    EncodedComparisons,
    EncodedRows,
    RowsWithCopies,
    TrainingRows,
    build_trainer,
    chosen_precision,
    logits_of,
    training_arguments,
)
from lingyu.training.optimizer import same_rate
from lingyu.training.runs import Inputs, Run, mark_complete
from lingyu.training.trainer import train_to_end

NO_INPUTS = Inputs(base_weights="", base_tokenizer="", train="", dev="", num_processes=1, precision="float32")
TEXTS = ["好", "房间很干净", "差", "服务差", "早餐很好房间也好", "好好好好", "房间差", "很"]


def rows_of(task: Task, base: Path, texts: list[str]) -> TrainingRows:
    """Made-up targets; of tokens those of a text without a character are all IGNORED, as its two marks are."""
    encoded = find_base(str(base)).encode(texts, 32)
    if isinstance(task, Preference):
        return EncodedComparisons(encoded, find_base(str(base)).encode(texts[::-1], 32))
    if isinstance(task, Token):
        inner = [np.arange(length - 2) % 3 for length in encoded.lengths]
        return EncodedRows(encoded, [np.concatenate([[IGNORED], tags, [IGNORED]]) for tags in inner])
    return EncodedRows(encoded, np.arange(len(texts)) % 2)


def trainer_of(
    task: Task,
    base: Path,
    folder: Path,
    train_texts: list[str],
    dev_rows_a_batch: int,
    train_rows: RowsWithCopies | None = None,
    **settings: Any,
) -> BatchesTrainer:
    settings = {"num_train_epochs": 1, "tokens_per_batch": 64, "max_length": 32} | settings
    train = Train(metric_for_best_model="loss", **settings)
    arguments = training_arguments(train, folder, chosen_precision(train))
    arguments.per_device_eval_batch_size = dev_rows_a_batch
    return build_trainer(
        find_base(str(base)).load_classifier(task.output_names, seed=1, head=task.head).model,
        task,
        train,
        train_rows=train_rows or rows_of(task, base, train_texts),
        dev_rows=rows_of(task, base, TEXTS),
        pad_token_id=0,
        arguments=arguments,
        rate_factor=same_rate,
        callbacks=[],
    )


WEIGHTED = SingleLabel(("差", "好"), class_weights=(0.5, 3.0), label_smoothing_factor=0.1)


@pytest.mark.parametrize("task", [Token(("产品",)), Preference(), WEIGHTED], ids=lambda task: task.name)
def test_the_loss_of_dev_is_that_of_all_its_targets_however_it_is_cut(
    task: Task, tiny_base: Path, tmp_path: Path
) -> None:
    told = {}
    for dev_rows in (1, 3, 64):
        trainer = trainer_of(task, tiny_base, tmp_path, TEXTS, dev_rows)
        told[dev_rows] = trainer.evaluate()["eval_loss"]
    rows = rows_of(task, tiny_base, TEXTS)
    batch = rows.collator(0)([rows[row] for row in range(len(rows))])
    logits = logits_of(trainer.model, rows.sequences, pad_token_id=0)
    expected = float(task.loss(logits, batch["labels"], int((batch["labels"] != IGNORED).sum())))
    assert told == pytest.approx(dict.fromkeys(told, expected), rel=1e-5)


def test_a_text_without_a_token_alone_in_its_batch_is_no_divergence(tiny_base: Path, tmp_path: Path) -> None:
    trainer = trainer_of(Token(("产品",)), tiny_base, tmp_path, [""], 1)
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    assert trainer.train().training_loss == 0
    assert all(torch.isfinite(tensor).all() for tensor in trainer.model.state_dict().values())
    assert before.keys() == trainer.model.state_dict().keys()
    losses = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    assert losses
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("killed_at", [1, 2, 3, 4, 5])
def test_a_process_that_is_killed_while_it_saves_goes_on_from_what_was_whole(
    killed_at: int, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best of dev is the first until the fourth, which is to take its place, comes."""
    run = Run(tmp_path, NO_INPUTS)
    settings: dict[str, Any] = {"num_train_epochs": 5, "save_total_limit": 1, "early_stopping_patience": None}
    trainer = trainer_of(WEIGHTED, tiny_base, run.checkpoints, TEXTS, 64, **settings)
    losses = iter([1.0, 3.0, 2.0, 0.5, 0.7])
    monkeypatch.setattr(trainer, "evaluate", lambda *_, **__: {"eval_loss": next(losses)})
    marked: list[Path] = []

    def mark(checkpoint: Path) -> None:
        if len(marked) + 1 == killed_at:
            raise KeyboardInterrupt
        mark_complete(checkpoint)
        marked.append(checkpoint)

    monkeypatch.setattr("lingyu.training.trainer.mark_complete", mark)
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    assert run.last_checkpoint == (marked[-1] if marked else None)
    kept = sorted(run.checkpoints.glob("checkpoint-*/complete.json"))
    assert len(kept) == min(len(marked), 2), "the best and the last, which may be one"


class Noted(TrainerCallback):
    """What was read of which epoch, up to each step."""

    def __init__(self) -> None:
        self.read: list[tuple[int, int]] = []
        self.at_step: dict[int, int] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.at_step[state.global_step] = len(self.read)


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_run_that_goes_on_within_an_epoch_reads_that_epochs_batches_and_copies(
    accumulated: int, tiny_base: Path, tmp_path: Path
) -> None:
    """Four steps an epoch; a checkpoint after the sixth."""
    encoded = find_base(str(tiny_base)).encode(TEXTS, 32)
    settings: dict[str, Any] = {
        "num_train_epochs": 3,
        "tokens_per_batch": 36,
        "gradient_accumulation_steps": accumulated,
        "eval_strategy": "steps",
        "eval_steps": 6,
        "save_total_limit": 9,
        "load_best_model_at_end": False,
    }

    def train(resume_from: Path | None) -> tuple[Noted, dict[str, torch.Tensor]]:
        noted = Noted()

        def changed(row: int, source: int, epoch: int) -> Encoded:
            noted.read.append((row, epoch))
            return encoded.take([source])

        rows = RowsWithCopies(rows_of(WEIGHTED, tiny_base, TEXTS), np.arange(len(TEXTS)), changed)
        trainer = trainer_of(WEIGHTED, tiny_base, tmp_path / "run", TEXTS, 64, rows, **settings)
        trainer.add_callback(noted)
        trainer.train(resume_from_checkpoint=str(resume_from) if resume_from else None)
        return noted, trainer.model.state_dict()

    whole, weights = train(None)
    assert max(whole.at_step) == 12
    assert {epoch for _, epoch in whole.read} == {0, 1, 2}
    resumed, same_weights = train(tmp_path / "run" / "checkpoint-6")
    assert min(resumed.at_step) == 7
    assert resumed.read == whole.read[whole.at_step[6] :]
    for name, tensor in weights.items():
        assert torch.equal(tensor, same_weights[name]), name


@pytest.mark.parametrize("task", [WEIGHTED, Token(("产品",))], ids=lambda task: task.name)
def test_batches_in_pieces_train_what_whole_ones_do(task: Task, tiny_base: Path, tmp_path: Path) -> None:
    """Pieces of unlike sizes, whose targets count for as much each as in the whole."""

    def trained(pieces: int) -> torch.Tensor:
        settings = {"tokens_per_batch": 40, "num_train_epochs": 3, "gradient_accumulation_steps": pieces, "bf16": False}
        trainer = trainer_of(task, tiny_base, tmp_path / str(pieces), TEXTS, 64, **settings)
        for module in trainer.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        trainer.train()
        assert trainer.state.global_step == 6
        return logits_of(trainer.model, rows_of(task, tiny_base, TEXTS).sequences, pad_token_id=0)

    whole = trained(1)
    torch.testing.assert_close(trained(3), whole, rtol=0, atol=1e-4)


class SignalAt(TrainerCallback):
    """Ctrl-C after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == self.step:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("stopped_at", [5, 6, 7, 8])
def test_a_run_stopped_within_an_epoch_measures_and_ends_as_if_it_had_not_been(
    stopped_at: int, tiny_base: Path, tmp_path: Path
) -> None:
    """Four steps an epoch, dev measured after each: what comes between is in no schedule, and no patience's matter."""
    settings: dict[str, Any] = {"num_train_epochs": 3, "tokens_per_batch": 18, "max_length": 18}

    def trainer(folder: str) -> tuple[BatchesTrainer, Run]:
        run = Run(tmp_path / folder, NO_INPUTS)
        return trainer_of(WEIGHTED, tiny_base, run.checkpoints, TEXTS, 64, **settings), run

    def told(trainer: BatchesTrainer) -> dict[int, float]:
        return {row["step"]: row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row}

    whole, run = trainer("whole")
    train_to_end(whole, run, resume_command="", resume_from=None)
    stopped, run = trainer("stopped")
    stopped.add_callback(SignalAt(stopped_at))
    with pytest.raises(Stopped, match=f"stopped after step {stopped_at}, which is saved"):
        train_to_end(stopped, run, resume_command="", resume_from=None)
    assert list(told(stopped)) == [step for step in (4, 8) if step <= stopped_at]
    assert run.last_checkpoint is not None
    assert run.last_checkpoint.name == f"checkpoint-{stopped_at}"
    resumed, run = trainer("stopped")
    resumed.add_callback(first := Noted())
    train_to_end(resumed, run, resume_command="", resume_from=run.last_checkpoint)
    assert list(told(whole)) == [4, 8, 12]
    assert told(resumed) == told(whole)
    assert min(first.at_step) == stopped_at + 1
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


@pytest.mark.parametrize("numbers", [10, 1_000_000])
def test_a_checkpoint_that_the_disk_has_no_room_for_is_one_line(
    numbers: int, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path / "run", NO_INPUTS)
    trainer = trainer_of(WEIGHTED, tiny_base, run.checkpoints, TEXTS, 64)
    monkeypatch.setattr(trainer, "train", lambda **_: torch.save(torch.ones(numbers), "/dev/full"))
    with pytest.raises(LingyuError, match=r"checkpoints: a checkpoint could not be written\. Make room, .*: go on$"):
        train_to_end(trainer, run, resume_command="go on", resume_from=None)
