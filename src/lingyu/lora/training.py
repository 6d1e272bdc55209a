"""The main job: a recipe to a published adapter version. `train` tells it from top to bottom."""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from accelerate import PartialState
from numpy.typing import NDArray
from peft import PeftModel
from rich.console import Console
from transformers import TrainerCallback

from lingyu.bases import Base, find_base
from lingyu.data import Splits, load_splits
from lingyu.errors import LingyuError
from lingyu.evaluation import (
    Answers,
    Metrics,
    evaluate_answers,
    fit_temperature,
    majority_baseline,
    plot_confusion,
    plot_curves,
    tfidf_baseline,
    verdict,
)
from lingyu.recipe import Recipe
from lingyu.store import SplitRecord, Version
from lingyu.tasks import SingleLabel, class_weights_of
from lingyu.training import (
    BatchesTrainer,
    EncodedRows,
    Inputs,
    Precision,
    Run,
    Tracker,
    TrainingProgress,
    agreed_run,
    begin_process,
    build_trainer,
    chosen_precision,
    find_or_start,
    fit,
    logits_of,
    plan_batches,
    read_metrics,
    recorded,
    require_tracker,
    resume_command,
    tracker_for,
    training_arguments,
    uses_cpu,
)

from .attaching import attach_lora, count_parameters
from .auditing import RunAudit, audit_of_run
from .gates import leak_notes, near_notes
from .publishing import Record, publish, require_writable
from .saving import adapter_tensors, load_adapter, require_same_answers, save_adapter, save_tensors
from .split_record import recorded_split

PROGRAM = "train_lora.py"
_INITIAL = "initial.safetensors"
_PROOF_ROWS = 64


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: the version, its metrics and one sentence on what they mean."""

    version: Version
    metrics: Metrics
    verdict: str
    run: Path


@dataclass(frozen=True)
class Job:
    """Everything that is known before the first step.

    split: how the rows were dealt to their files, where known. near: near-duplicates across them; empty in the
    processes beside the main one, which nobody reads. notes: what a card repeats.
    """

    recipe: Recipe
    base: Base
    splits: Splits
    split: SplitRecord | None
    near: list[str]
    notes: list[str]
    task: SingleLabel
    train_rows: EncodedRows
    dev_rows: EncodedRows
    truncated: int
    precision: Precision

    @property
    def inputs(self) -> Inputs:
        return Inputs(
            base_weights=self.base.weights_fingerprint,
            base_tokenizer=self.base.tokenizer_fingerprint,
            train=self.splits.train.fingerprint,
            dev=self.splits.dev.fingerprint,
            num_processes=PartialState().num_processes,
            precision=self.precision.name,
        )

    @cached_property
    def steps_per_epoch(self) -> int:
        train = self.recipe.train
        return len(plan_batches(self.train_rows.lengths, train.tokens_per_batch, train.seed, epoch=0))

    @property
    def tokens_per_step(self) -> float:
        return sum(self.train_rows.lengths) / self.steps_per_epoch

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run, unless it stops early."""
        train = self.recipe.train
        return train.max_steps or math.ceil(train.num_train_epochs * self.steps_per_epoch)

    def fresh_model(self) -> PeftModel:
        """Base, LoRA and head as they are before the first step."""
        recipe = self.recipe
        return attach_lora(self.base.load_classifier(self.task.labels, seed=recipe.train.seed), self.base, recipe.lora)

    def lines(self) -> list[str]:
        """What a person wants to see before the wait."""
        rows = len(self.train_rows) / self.steps_per_epoch
        return [
            *self.splits.counts.lines(),
            *self.near,
            *self.notes,
            f"over {self.recipe.train.max_length} tokens {self.truncated:,} of train and dev (cut, kept)",
            f"base {self.base.id}  weights {self.base.weights_fingerprint[:12]}  "
            f"tokenizer {self.base.tokenizer_fingerprint[:12]}",
            f"precision {self.precision.name} ({self.precision.why})  processes {PartialState().num_processes}",
            f"a step: {rows:,.0f} rows, {self.tokens_per_step:,.0f} tokens; {self.steps_per_epoch:,} steps an epoch, "
            f"{self.steps:,} in all",
        ]


def train(recipe: Recipe, *, console: Console, resume: bool = False, run_name: str | None = None) -> Outcome | None:
    """Run a recipe to its published version. None in the processes beside the main one.

    resume: go on with run_name, or with the recipe's newest unfinished run.
    Raises LingyuError for every mistake of the user, and Stopped after a signal once the checkpoint is written.
    """
    job = prepare(recipe)
    for line in job.lines():
        console.print(line)
    model = job.fresh_model()
    console.print(str(count_parameters(model)))
    run = agreed_run(lambda: find_or_start(recipe, job.inputs, resume, run_name))
    is_main = PartialState().is_main_process
    with recorded(run, lambda: _tracker(job, run), program=PROGRAM) as tracker:
        audited = _audit(job, run, console) if is_main else None
        if not run.adapter.is_dir():
            trained = _fit(model, job, run, tracker, console)
            if is_main:
                _save_with_proof(trained, job, run)
        return _measure_and_publish(job, run, audited, tracker) if audited else None


def dry_run(recipe: Recipe) -> list[str]:
    """What a run would begin with, to the point where it would begin to train."""
    job = prepare(recipe)
    return [*job.lines(), str(count_parameters(job.fresh_model()))]


def prepare(recipe: Recipe) -> Job:
    """Read, check and encode everything that training needs; the gates stand here, before any waiting."""
    begin_process()
    precision = chosen_precision(recipe.train)
    require_tracker(recipe.report_to)
    require_writable(Path(recipe.publish.to))
    base = find_base(recipe.base, recipe.revision)
    base.require_length(recipe.train.max_length)
    splits = load_splits(recipe.data)
    split, split_notes = recorded_split(recipe.data)
    train, dev = (base.encode(part.texts, recipe.train.max_length) for part in (splits.train, splits.dev))
    return Job(
        recipe=recipe,
        base=base,
        splits=splits,
        split=split,
        near=near_notes(splits) if PartialState().is_main_process else [],
        notes=[*leak_notes(recipe, base, splits), *split_notes],
        task=SingleLabel(
            labels=splits.labels,
            class_weights=class_weights_of(recipe.train.class_weights, splits.labels, splits.train.labels),
            label_smoothing_factor=recipe.train.label_smoothing_factor,
        ),
        train_rows=EncodedRows(train.input_ids, splits.train.labels),
        dev_rows=EncodedRows(dev.input_ids, splits.dev.labels),
        truncated=sum(train.truncated) + sum(dev.truncated),
        precision=precision,
    )


def _audit(job: Job, run: Run, console: Console) -> RunAudit:
    audited = audit_of_run(job.recipe, job.base, job.splits, run.folder)
    for line in audited.lines:
        console.print(line)
    return audited


def _keep_initial(model: PeftModel, run: Run) -> None:
    """Where LoRA starts by changing the base, what it started from is needed to undo that."""
    file = run.folder / _INITIAL
    if PartialState().is_main_process and not file.is_file():
        temporary = file.with_name(f".{file.name}")
        save_tensors(adapter_tensors(model), temporary)
        temporary.replace(file)


def _tracker(job: Job, run: Run) -> Tracker:
    recipe = job.recipe
    base = Path(recipe.base).name
    return tracker_for(
        recipe.report_to,
        group=recipe.name,
        job_type="train",
        name=f"{recipe.name}-{base}-r{recipe.lora.r}-s{recipe.train.seed}",
        tags=[base, recipe.task, recipe.name],
        config=recipe.model_dump(mode="json"),
        folder=run.folder,
    )


def _fit(model: PeftModel, job: Job, run: Run, tracker: Tracker, console: Console) -> PeftModel:
    """The model as it is to be published."""
    recipe = job.recipe
    if recipe.lora.changes_base:
        _keep_initial(model, run)

    def trainer_with(callbacks: Sequence[TrainerCallback]) -> BatchesTrainer:
        return build_trainer(
            model,
            job.task,
            recipe.train,
            train_rows=job.train_rows,
            dev_rows=job.dev_rows,
            pad_token_id=job.base.tokenizer.pad_token_id,
            arguments=training_arguments(recipe.train, run.checkpoints, job.precision),
            loraplus_lr_ratio=recipe.lora.loraplus_lr_ratio,
            callbacks=callbacks,
        )

    progress = TrainingProgress(console, job.tokens_per_step)
    return fit(trainer_with, run, program=PROGRAM, console=console, tracker=tracker, progress=progress).model


def _save_with_proof(trained: PeftModel, job: Job, run: Run) -> None:
    """Save the adapter, read it back by plain PEFT, and keep it only if it answers as the trained model does."""
    base, recipe = job.base, job.recipe
    folder = run.folder / ".adapter"
    shutil.rmtree(folder, ignore_errors=True)
    initial = run.folder / _INITIAL if recipe.lora.changes_base else None
    save_adapter(trained, base, recipe.lora, folder, initial=initial)
    reloaded = load_adapter(base, job.task.labels, folder, seed=recipe.train.seed + 1).to(trained.device)
    require_same_answers(
        trained, reloaded, job.dev_rows.input_ids[:_PROOF_ROWS], pad_token_id=base.tokenizer.pad_token_id
    )
    folder.rename(run.adapter)


def _measure_and_publish(job: Job, run: Run, audited: RunAudit, tracker: Tracker) -> Outcome:
    """Measure the adapter as plain PEFT reads it from the run's folder, and publish that."""
    recipe, base, splits = job.recipe, job.base, job.splits
    pad_token_id = base.tokenizer.pad_token_id
    model = load_adapter(base, job.task.labels, run.adapter).to("cpu" if uses_cpu() else "cuda")
    dev_logits = logits_of(model, job.dev_rows.input_ids, pad_token_id=pad_token_id).numpy()
    temperature = fit_temperature(dev_logits, splits.dev.labels)
    test_rows = base.encode(splits.test.texts, recipe.train.max_length).input_ids
    test_logits = logits_of(model, test_rows, pad_token_id=pad_token_id).numpy()
    metrics = measure(splits, test_logits, temperature, seed=recipe.train.seed)
    dev = {"rows": splits.dev.rows, **job.task.choosing_metrics(dev_logits, splits.dev.labels)}

    rows = read_metrics(run.metrics)
    record = Record(
        recipe=recipe,
        base=base,
        splits=splits,
        notes=[*job.notes, *audited.faults],
        split=job.split,
        audit=audited.audit,
        temperature=temperature,
        metrics={"dev": dev, **metrics},
        test_logits=test_logits,
        curves=plot_curves(rows, best_by=recipe.train.metric_for_best_model),
        confusion=plot_confusion(np.asarray(metrics["test"]["confusion"]), splits.labels),
    )
    try:
        version = publish(record, run.adapter)
    except LingyuError as error:
        next_step = f"The trained adapter is kept. Once that is mended: {resume_command(PROGRAM, run)}"
        raise LingyuError(error.what, error.where, next_step, status=error.status) from error
    run.finished(version.version)
    tracker.summary(
        {"test/accuracy": metrics["test"]["accuracy"]["value"], "test/macro_f1": metrics["test"]["macro_f1"]["value"]}
    )
    tracker.artifact(f"{version.name}-adapter", version.folder, {"version": version.version})
    return Outcome(version, metrics, verdict(metrics), run.folder)


def measure(splits: Splits, test_logits: NDArray[np.float32], temperature: float, seed: int) -> Metrics:
    """The test, once, beside TF-IDF and the majority on the same split."""
    train, test = splits.train, splits.test
    return evaluate_answers(
        Answers(splits.labels, test_logits, test.labels, splits.leaked, temperature),
        tfidf_baseline(train.texts, train.labels, test.texts, len(splits.labels)),
        majority_baseline(train.labels, test.rows, len(splits.labels)),
        seed,
    )
