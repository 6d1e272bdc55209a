"""transformers' Trainer for packed batches: the loss of a step over all its pieces, held-out text measured our way."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from lingyu.recipe import Dapt, PretrainingRecipe
from lingyu.training import BatchesTrainer

from .batches.batches import PackedTexts, TextBatches
from .batches.composing import CHOOSING, Composer
from .corpus.encoded import EncodedTexts
from .measuring import measure_masked
from .model.learner import Learner
from .rates import adamw, schedule

Batch = dict[str, Tensor]


_WORKERS = 2  # that compose batches while a GPU works on the last one; a CPU has no time to spare for them
_OF_THE_STEP = ("batch_tokens", "batch_pairs")  # for the loss, not for the model


class PretrainingTrainer(BatchesTrainer):
    """measured: the Pretrainer whose masked words on held_out say which checkpoint is best.

    Its masks, composer's for CHOOSING, are others than those of the figures before and after: the best of many looks
    at the same masks would flatter the checkpoint that it chooses.
    """

    def __init__(
        self, *, dapt: Dapt, measured: nn.Module, held_out: EncodedTexts, composer: Composer, **settings: Any
    ) -> None:
        self.control: TrainerControl
        # Trainer counts the masked tokens of a step, of all processes, only for a loss function that is handed in
        super().__init__(compute_loss_func=partial(step_loss, dapt), **settings)
        self.measured = measured
        self.held_out = held_out
        self.composer = composer

    def _prepare_inputs(self, inputs: Batch) -> Batch:
        """To the device, but for lengths: the model reads their numbers, and on a GPU would wait there for them.

        With several GPUs DDP moves them all the same, which is slower and as right.
        """
        device = self.args.device
        return {
            name: tensor if name == "lengths" else tensor.to(device, non_blocking=True)
            for name, tensor in inputs.items()
        }

    def compute_loss(
        self, model: nn.Module, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Tensor | None = None
    ) -> Any:
        """This process's share of the step's loss. The model sees its labels, which Trainer would keep from it."""
        outputs = model(**arguments_of(inputs))
        masked = torch.as_tensor(inputs["labels"].numel() if num_items_in_batch is None else num_items_in_batch)
        # DDP takes the mean over processes, of what is a sum here
        loss = self.compute_loss_func(outputs, inputs, masked) * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """eval_loss of a masked token and eval_accuracy on held-out text, each process measuring its share."""
        rows = np.arange(self.args.process_index, len(self.held_out), self.args.world_size)
        with self.accelerator.autocast():
            found = measure_masked(self.measured, self.held_out, self.composer, rows=rows, masks=CHOOSING)
        sums = torch.tensor(
            [found.losses.sum(), found.right.sum(), found.tokens.sum()],
            dtype=torch.float64,
            device=self.args.device,
        )
        loss, right, tokens = self.accelerator.reduce(sums).tolist()
        metrics = {"eval_loss": loss / tokens, "eval_accuracy": right / tokens}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def arguments_of(inputs: Batch) -> Batch:
    """What of a batch the model takes."""
    return {name: tensor for name, tensor in inputs.items() if name not in _OF_THE_STEP}


def step_loss(dapt: Dapt, outputs: Batch, inputs: Batch, masked: Tensor) -> Tensor:
    """A piece's part of a step's loss: its sums over what the whole step has of masked tokens, pairs and tokens.

    So the loss is the mean over the step, however it is cut into pieces for processes and memory.
    """
    loss = outputs["mlm_loss"] / masked.clamp(min=1)
    if "sentence_loss" in outputs:
        loss = loss + outputs["sentence_loss"] / inputs["batch_pairs"].clamp(min=1)
    if "hidden_loss" in outputs:
        loss = loss + dapt.hidden_loss_weight * outputs["hidden_loss"] / inputs["batch_tokens"].clamp(min=1)
    return loss


class Stopwatch(TrainerCallback, ExportableState):  # type: ignore[misc]
    """Seconds of training that the weights took. Checkpoints keep them, so a resumed run counts on from its own."""

    def __init__(self) -> None:
        self.before = 0.0
        self.since = time.monotonic()

    @property
    def seconds(self) -> float:
        return self.before + time.monotonic() - self.since

    def state(self) -> dict[str, Any]:
        return {"args": {}, "attributes": {"before": self.seconds}}

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.since = time.monotonic()

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step == 0:
            self.since = time.monotonic()  # what is measured before the first step is no training


class MeasureTheEnd(TrainerCallback):  # type: ignore[misc]
    """The last step is measured wherever eval_steps falls: with the rate at its lowest, it is mostly the best."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        if state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = True
        return control


def build_trainer(
    learner: Learner,
    recipe: PretrainingRecipe,
    *,
    texts: EncodedTexts,
    held_out: EncodedTexts,
    composers: tuple[Composer, Composer],
    arguments: TrainingArguments,
    steps: int,
    callbacks: Sequence[TrainerCallback],
) -> PretrainingTrainer:
    """The Trainer of a pretraining, ready to train. composers: of what is learnt, and of what is measured."""
    learning, measuring = composers
    optimizer = adamw(learner.model, recipe.train, learner.new)
    alone = recipe.dapt.head_warmup_steps if learner.head_is_new else 0
    return PretrainingTrainer(
        dapt=recipe.dapt,
        measured=learner.pretrainer,
        held_out=held_out,
        composer=measuring,
        model=learner.model,
        args=arguments,
        batches=_loader(texts, learning, recipe, arguments),
        # never read: Trainer wants to know that there is something to measure on
        eval_dataset=PackedTexts(held_out, measuring),
        optimizers=(optimizer, schedule(optimizer, recipe.train, steps, alone)),
        callbacks=[*callbacks, Stopwatch(), MeasureTheEnd()],
        save_total_limit=recipe.train.save_total_limit,
        early_stopping_patience=recipe.train.early_stopping_patience,
    )


def _loader(
    texts: EncodedTexts, composer: Composer, recipe: PretrainingRecipe, arguments: TrainingArguments
) -> DataLoader[Any]:
    batches = TextBatches(
        texts,
        recipe.train.tokens_per_batch,
        arguments.seed,
        process_index=arguments.process_index,
        num_processes=arguments.world_size,
        gradient_accumulation_steps=arguments.gradient_accumulation_steps,
        specials=composer.specials,
    )
    on_gpu = arguments.device.type == "cuda"
    return DataLoader(
        PackedTexts(texts, composer),
        batch_sampler=batches,
        collate_fn=_only,
        num_workers=_WORKERS if on_gpu else 0,
        pin_memory=on_gpu,
    )


def _only(batch: list[Batch]) -> Batch:
    """A piece is composed as a whole; a data loader gives it in a list of one."""
    (piece,) = batch
    return piece
