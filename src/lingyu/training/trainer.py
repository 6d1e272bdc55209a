"""transformers' Trainer, with our batches, optimiser groups and callbacks."""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from torch.utils.data import DataLoader
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import rotate_checkpoints

from lingyu.errors import CTRL_C, SIGTERM, LingyuError, Stopped
from lingyu.recipe import FIGURES, Pretraining, Train
from lingyu.tasks import IGNORED, Task, measured_on_dev

from .adversarial import adversarial_step
from .batches import HasEpochs, TokenBudgetBatches, TrainingRows
from .copies import RowsWithCopies
from .optimizer import Factor, adamw
from .precision import Precision, uses_cpu
from .runs import Run, mark_complete
from .stopping import StopAtSignal, hear_of_the_launchers_end

_EVAL_ROWS = 64


def training_arguments(train: Train | Pretraining, checkpoints: Path, precision: Precision) -> TrainingArguments:
    """A recipe's train section as TrainingArguments, around the traps of transformers 5."""
    best = train.load_best_model_at_end
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        # without use_cpu two processes started by torchrun would train two models side by side
        use_cpu=uses_cpu(),
        learning_rate=train.learning_rate,
        num_train_epochs=train.num_train_epochs,
        max_steps=train.max_steps or -1,
        lr_scheduler_type=train.lr_scheduler_type,
        warmup_steps=train.warmup_ratio,  # below 1 it is a share
        max_grad_norm=train.max_grad_norm,
        gradient_accumulation_steps=train.gradient_accumulation_steps,
        gradient_checkpointing=train.gradient_checkpointing,
        per_device_eval_batch_size=_EVAL_ROWS,
        bf16=precision.name == "bfloat16",
        fp16=precision.name == "float16",
        eval_strategy=train.eval_strategy,
        eval_steps=train.eval_steps,
        save_strategy=train.eval_strategy,
        save_steps=train.eval_steps or 500,
        load_best_model_at_end=best,
        metric_for_best_model=train.metric_for_best_model,
        greater_is_better=not FIGURES[train.metric_for_best_model].lower_is_better,
        logging_steps=train.logging_steps,
        logging_nan_inf_filter=False,  # it would hide the NaN that we stop on
        report_to=[],
        seed=train.seed,
        restore_callback_states_from_checkpoint=True,  # else a resumed run forgets how long it has been patient
        remove_unused_columns=False,
        label_names=["labels"],
        ddp_find_unused_parameters=False,
        average_tokens_across_devices=True,
        disable_tqdm=True,
    )
    return _on_one_gpu(arguments)


def _on_one_gpu(arguments: TrainingArguments) -> TrainingArguments:
    """A process uses one: where it sees several, Trainer would take DataParallel, which cuts batches by itself."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


class BatchesTrainer(Trainer):  # type: ignore[misc]
    """Trainer, but that its training batches are handed in, cut for its process already. A checkpoint counts once it
    is whole, and only then older ones make way.

    save_total_limit: checkpoints kept beside the best. fgm_epsilon: how far the embeddings of a batch are moved for its
    second, adversarial pass; None for no such pass.
    """

    def __init__(
        self,
        *,
        batches: DataLoader[Any],
        callbacks: Sequence[TrainerCallback],
        save_total_limit: int,
        early_stopping_patience: int | None,
        fgm_epsilon: float | None = None,
        **settings: Any,
    ) -> None:
        early = [EarlyStoppingCallback(early_stopping_patience)] if early_stopping_patience else []
        of_batches = [_TellTheEpoch(batches), _KeepWhole(save_total_limit)]
        super().__init__(callbacks=[*callbacks, *of_batches, *early], **settings)
        self.remove_callback(PrinterCallback)
        self.batches = batches
        self.fgm_epsilon = fgm_epsilon

    def get_train_dataloader(self) -> DataLoader[Any]:
        return self.batches

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        def step() -> torch.Tensor:
            loss: torch.Tensor = super(BatchesTrainer, self).training_step(model, inputs, num_items_in_batch)
            return loss

        if self.fgm_epsilon is None:
            return step()
        embeddings = self.accelerator.unwrap_model(model).get_input_embeddings()
        return adversarial_step(step, embeddings, self.fgm_epsilon, lambda: self.accelerator.no_sync(model))


class _TellTheEpoch(TrainerCallback):  # type: ignore[misc]
    """Batches and rows are those of the epoch, also where a resumed run begins within one.

    There Trainer reads through a loader of its own that skips batches: it tells the rows no epoch, and before
    transformers 5.17 the batch sampler none either.
    """

    def __init__(self, batches: DataLoader[Any]) -> None:
        assert isinstance(batches.batch_sampler, HasEpochs), "batches of which nobody can say what an epoch's are"
        both: tuple[object, object] = (batches.batch_sampler, batches.dataset)
        self.told: list[HasEpochs] = [of for of in both if isinstance(of, HasEpochs)]
        self.pieces: int = len(batches)

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        epoch = state.global_step * args.gradient_accumulation_steps // self.pieces
        for each in self.told:
            each.set_epoch(epoch)


class _KeepWhole(TrainerCallback):  # type: ignore[misc]
    """A checkpoint counts only once every process has written its part. Trainer itself would delete older ones, maybe
    the best, before that: a process killed in between could not go on."""

    def __init__(self, save_total_limit: int) -> None:
        self.save_total_limit = save_total_limit

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if args.world_size > 1:
            torch.distributed.barrier()
        if state.is_world_process_zero:
            mark_complete(Path(args.output_dir) / f"checkpoint-{state.global_step}")
            rotate_checkpoints(
                output_dir=args.output_dir,
                save_total_limit=self.save_total_limit + int(args.load_best_model_at_end),
                best_model_checkpoint=state.best_model_checkpoint,
                use_mtime=True,
            )


def build_trainer(
    model: nn.Module,
    task: Task,
    train: Train,
    *,
    train_rows: TrainingRows | RowsWithCopies,
    dev_rows: TrainingRows,
    pad_token_id: int,
    arguments: TrainingArguments,
    rate_factor: Factor,
    callbacks: Sequence[TrainerCallback],
) -> BatchesTrainer:
    """The Trainer of a classifier's run, ready to train. rate_factor: of a parameter's learning rate, by its name."""
    batches = TokenBudgetBatches(
        train_rows.lengths,
        train.tokens_per_batch,
        arguments.seed,
        process_index=arguments.process_index,
        num_processes=arguments.world_size,
        gradient_accumulation_steps=arguments.gradient_accumulation_steps,
    )
    collator = train_rows.collator(pad_token_id)
    return BatchesTrainer(
        model=model,
        args=arguments,
        batches=DataLoader(train_rows, batch_sampler=batches, collate_fn=collator),
        eval_dataset=dev_rows.sorted_by_length(),
        data_collator=collator,
        compute_loss_func=_loss_of(task),
        compute_metrics=lambda answers: _measured(task, dev_rows, answers),
        preprocess_logits_for_metrics=lambda logits, labels: dev_rows.of_rows(logits),
        optimizers=(adamw(model, train.learning_rate, train.weight_decay, rate_factor), None),
        callbacks=callbacks,
        save_total_limit=train.save_total_limit,
        early_stopping_patience=train.early_stopping_patience,
        fgm_epsilon=train.fgm_epsilon,
    )


def _loss_of(task: Task) -> Callable[..., torch.Tensor]:
    def loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | None = None) -> torch.Tensor:
        # none at all: a piece whose only row is a text without a single token
        counted = (labels != IGNORED).sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
        return task.loss(outputs["logits"], labels, counted.clamp(min=1))

    return loss


def _measured(task: Task, rows: TrainingRows, answers: EvalPrediction) -> dict[str, float]:
    """Figures and loss of dev. The loss is that of all its targets together and takes the place of Trainer's, a mean
    over rows of the losses of batches, which goes by how dev was cut."""
    logits, targets = answers.predictions, torch.from_numpy(answers.label_ids)
    counted = (targets != IGNORED).sum().clamp(min=1)
    loss = task.loss(rows.of_sequences(torch.from_numpy(logits)), targets, counted)
    return {"loss": loss.item(), **measured_on_dev(task, logits, answers.label_ids)}


def train_to_end(trainer: Trainer, run: Run, *, resume_command: str, resume_from: Path | None) -> None:
    """Train; on a signal save, then raise Stopped with the command that goes on. A full disk is one line."""
    stop = StopAtSignal()
    hear_of_the_launchers_end()
    trainer.add_callback(stop)
    try:
        with stop.listening():
            trainer.train(resume_from_checkpoint=str(resume_from) if resume_from else None)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise _about_the_machine(error, run, resume_command) or error from None
    if stop.received is not None:
        status = CTRL_C if stop.received == signal.SIGINT else SIGTERM
        raise Stopped(
            f"stopped after step {trainer.state.global_step}, which is saved",
            next=f"Go on with: {resume_command}",
            status=status,
        )


_NO_SPACE: tuple[tuple[str, str], ...] = (
    ("No space left", "the disk is full"),
    ("os error 28", "the disk is full"),
    ("File too large", "the file would be larger than this process may write"),
    ("os error 27", "the file would be larger than this process may write"),
    ("PytorchStreamWriter failed", "a checkpoint could not be written"),
    ("unexpected pos", "a checkpoint could not be written"),
    ("basic_ios::clear", "a checkpoint could not be written"),
    ("Disk quota exceeded", "the disk quota is used up"),
)


def _about_the_machine(error: Exception, run: Run, resume_command: str) -> LingyuError | None:
    """The line for memory or disk that did not suffice, or None where the error is about something else."""
    if isinstance(error, torch.OutOfMemoryError):
        return LingyuError(
            "the GPU's memory does not suffice",
            next="Raise train.gradient_accumulation_steps, set train.gradient_checkpointing=true, or lower "
            "train.tokens_per_batch, and start afresh",
        )
    for sign, what in _NO_SPACE:
        if sign in str(error):
            return LingyuError(
                what,
                where=run.checkpoints,
                next=f"Make room, then go on from the last whole checkpoint: {resume_command}",
            )
    return None
