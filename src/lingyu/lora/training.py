"""The main job: a recipe to a published adapter version. `train` tells it from top to bottom."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from numpy.typing import NDArray
from rich.console import Console
from torch import nn
from transformers import TrainerCallback

from lingyu.bases import Base, Classifier, find_base
from lingyu.data import Splits, load_splits
from lingyu.errors import LingyuError
from lingyu.evaluation import Answers, Metrics, baselines_of, evaluate_answers, pictures_of, plot_curves, verdict
from lingyu.recipe import Recipe, path_notes
from lingyu.store import SplitRecord, Version
from lingyu.tasks import Calibration, Task, measured_on_dev, task_to_train
from lingyu.training import (
    BatchesTrainer,
    Inputs,
    Precision,
    RowsWithCopies,
    Run,
    Tracker,
    TrainingProgress,
    TrainingRows,
    agreed_run,
    begin_process,
    build_trainer,
    chosen_precision,
    find_or_start,
    fit,
    plan_batches,
    read_metrics,
    recorded,
    require_tracker,
    resume_command,
    tracker_for,
    training_arguments,
    uses_cpu,
)

from .attaching import count_parameters
from .auditing import RunAudit, audit_of_run
from .augmenting import with_copies
from .encoding import EncodedPart, encode_part
from .gates import leak_notes, length_notes, near_notes
from .methods import METHODS, Method
from .publishing import CURVES, Record, require_writable
from .quantization_gap import QuantizationGap, quantization_gap
from .quantizing import FourBits, require_bitsandbytes
from .saving import require_same_answers
from .split_record import recorded_split

PROGRAM = "train_lora.py"
_PROOF_ROWS = 64


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: the version, its metrics and one sentence on what they mean.

    version: None of a whole model, which stays in the run's folder. noun: what a person calls it. folder: where it is.
    """

    version: Version | None
    noun: str
    folder: Path
    metrics: Metrics
    verdict: str
    run: Path


@dataclass(frozen=True)
class Job:
    """Everything that is known before the first step.

    split: how the rows were dealt to their files, where known. near: near-duplicates across them; empty in the
    processes beside the main one, which nobody reads. notes: what a card repeats. train_rows: of train, and copies.
    """

    recipe: Recipe
    base: Base
    splits: Splits
    split: SplitRecord | None
    near: list[str]
    notes: list[str]
    task: Task
    train: EncodedPart
    train_rows: TrainingRows | RowsWithCopies
    dev: EncodedPart
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

    @property
    def method(self) -> Method:
        return METHODS[self.recipe.method]

    def fresh_model(self) -> nn.Module:
        """Base, head and what the method adds, as they are before the first step."""
        return self.method.attach(self.classifier(self.recipe.train.seed, self.precision.name), self.base, self.recipe)

    def full_classifier(self, seed: int = 0) -> Classifier:
        """The base with a fresh head, as it answers: in full precision."""
        return self.base.load_classifier(self.task.output_names, seed=seed, head=self.task.head)

    def classifier(self, seed: int, precision: str) -> Classifier:
        """As it is trained: where the recipe says so in 4 bits, computing in this precision."""
        classifier = self.full_classifier(seed)
        if self.recipe.quantization:
            FourBits(getattr(torch, precision), PartialState().device).quantize(classifier.model, self.base.family)
        return classifier

    def read_back(self, folder: Path, onto: Callable[[], Classifier]) -> nn.Module:
        """What was saved there, as plain PEFT or transformers reads it. onto: what an adapter is put on."""
        return self.method.result.load(folder, self.task.head, onto, self.base.id)

    def lines(self) -> list[str]:
        """What a person wants to see before the wait."""
        rows = len(self.train_rows) / self.steps_per_epoch
        truncated, lost = self.train.truncated + self.dev.truncated, self.train.lost + self.dev.lost
        ends = f"entities of train and dev that end within a token, or beyond max_length {lost:,}"
        return [
            *self.splits.counts.lines(),
            *self.near,
            *self.notes,
            *path_notes(self.recipe),
            f"over {self.recipe.train.max_length} tokens {truncated:,} of train and dev (cut, kept)",
            *([ends] if lost else []),
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
        if not job.method.result.folder(run).is_dir():
            trained = _fit(model, job, run, tracker, console)
            if is_main:
                _save_with_proof(trained, job, run)
        return _measure_and_publish(job, run, audited, tracker, console) if audited else None


def dry_run(recipe: Recipe) -> list[str]:
    """What a run would begin with, to the point where it would begin to train."""
    job = prepare(recipe)
    return [*job.lines(), str(count_parameters(job.fresh_model()))]


def prepare(recipe: Recipe) -> Job:
    """Read, check and encode everything that training needs; the gates stand here, before any waiting."""
    begin_process()
    precision = chosen_precision(recipe.train)
    if recipe.quantization:
        require_bitsandbytes()
    require_tracker(recipe.report_to)
    require_writable(Path(recipe.publish.to))
    base = find_base(recipe.base, recipe.revision)
    base.require_length(recipe.train.max_length)
    splits = load_splits(recipe.data, recipe.task)
    split, split_notes = recorded_split(recipe.data)
    task = task_to_train(
        recipe.task,
        splits.labels,
        splits.train.labels,
        class_weights=recipe.train.class_weights,
        label_smoothing_factor=recipe.train.label_smoothing_factor,
    )
    train, dev = (encode_part(base, part, task, recipe.train.max_length) for part in (splits.train, splits.dev))
    train_rows, copies = with_copies(train.rows, splits, recipe, base)
    return Job(
        recipe=recipe,
        base=base,
        splits=splits,
        split=split,
        near=near_notes(splits) if PartialState().is_main_process else [],
        notes=[*leak_notes(recipe, base, splits), *length_notes(recipe, base), *split_notes, *copies],
        task=task,
        train=train,
        train_rows=train_rows,
        dev=dev,
        precision=precision,
    )


def _audit(job: Job, run: Run, console: Console) -> RunAudit:
    audited = audit_of_run(job.recipe, job.base, job.splits, run.folder)
    for line in audited.lines:
        console.print(line)
    return audited


def _tracker(job: Job, run: Run) -> Tracker:
    recipe = job.recipe
    base = Path(recipe.base).name
    bits = f"-{recipe.quantization}" if recipe.quantization else ""
    return tracker_for(
        recipe.report_to,
        group=recipe.name,
        job_type="train",
        name=f"{recipe.name}-{base}-{job.method.short(recipe)}{bits}-s{recipe.train.seed}",
        tags=[base, recipe.task, recipe.name],
        config=recipe.model_dump(mode="json"),
        folder=run.folder,
    )


def _fit(model: nn.Module, job: Job, run: Run, tracker: Tracker, console: Console) -> nn.Module:
    """The model as it is to be published."""
    recipe = job.recipe
    job.method.result.begin(model, recipe, run)

    def trainer_with(callbacks: Sequence[TrainerCallback]) -> BatchesTrainer:
        return build_trainer(
            model,
            job.task,
            recipe.train,
            train_rows=job.train_rows,
            dev_rows=job.dev.rows,
            pad_token_id=job.base.tokenizer.pad_token_id,
            arguments=training_arguments(recipe.train, run.checkpoints, job.precision),
            rate_factor=job.method.rate_factor(model, job.base, recipe),
            callbacks=callbacks,
        )

    progress = TrainingProgress(console, job.tokens_per_step)
    trainer = fit(trainer_with, run, program=PROGRAM, console=console, tracker=tracker, progress=progress)
    trained: nn.Module = trainer.model
    return trained


def _save_with_proof(trained: nn.Module, job: Job, run: Run) -> None:
    """Save what was trained, read it back by plain PEFT or transformers, and keep it only if it answers as before."""
    result, recipe = job.method.result, job.recipe
    folder = result.folder(run).with_name(f".{result.folder(run).name}")
    shutil.rmtree(folder, ignore_errors=True)
    sequences = job.dev.rows.sequences
    proof = sequences.take(range(min(_PROOF_ROWS, len(sequences))))
    result.save(trained, job.base, recipe, run, folder)
    reloaded = job.read_back(folder, lambda: job.classifier(recipe.train.seed + 1, job.precision.name))
    reloaded.to(next(trained.parameters()).device)
    require_same_answers(trained, reloaded, proof, job.base.tokenizer.pad_token_id, noun=result.noun)
    folder.rename(result.folder(run))


def _unseen_entities(test: EncodedPart) -> list[str]:
    """What the model is not shown is measured by no figure, so a shorter max_length looks better than it is."""
    if not test.lost:
        return []
    return [f"entities of test that end within a token, or beyond max_length {test.lost:,} (in no figure)"]


def _measure_and_publish(job: Job, run: Run, audited: RunAudit, tracker: Tracker, console: Console) -> Outcome:
    """Measure the result as plain PEFT or transformers reads it from the run's folder, and publish that."""
    recipe, base, splits, task = job.recipe, job.base, job.splits, job.task
    pad_token_id = base.tokenizer.pad_token_id
    model = job.read_back(job.method.result.folder(run), job.full_classifier).to("cpu" if uses_cpu() else "cuda")
    dev_logits = job.dev.logits(model, pad_token_id)
    test = encode_part(base, splits.test, task, recipe.train.max_length)
    calibration = task.calibrate(dev_logits, job.dev.targets)
    answers = Answers(test.logits(model, pad_token_id), test.targets, splits.leaked, calibration)
    baselines = baselines_of(task, splits, recipe, test.spans)
    metrics = evaluate_answers(task, answers, baselines, recipe.train.seed)
    dev = {"rows": splits.dev.rows, **measured_on_dev(task, dev_logits, job.dev.targets)}
    gap = _gap(job, run, dev_logits, calibration, console)
    curves = plot_curves(read_metrics(run.metrics), task.figures, recipe.train.metric_for_best_model)
    record = Record(
        recipe=recipe,
        base=base,
        splits=splits,
        notes=[*job.notes, *audited.faults, *_unseen_entities(test), *([gap.line] if gap else [])],
        split=job.split,
        audit=audited.audit,
        answers=answers,
        metrics={"dev": dev, **metrics.as_json(), **({"quantization": gap.as_json()} if gap else {})},
        pictures={CURVES: curves, **pictures_of(task, metrics, answers)},
    )
    version = _published(record, job, run, tracker)
    tracker.summary({f"test/{figure}": metrics.test.scores[figure].value for figure in task.figures})
    folder = version.folder if version else job.method.result.folder(run)
    return Outcome(version, job.method.result.noun, folder, metrics, verdict(metrics), run.folder)


def _gap(
    job: Job, run: Run, dev_logits: NDArray[np.float32], calibration: Calibration, console: Console
) -> QuantizationGap | None:
    """What 4 bits make of the adapter's answers to dev, told on the screen; None where it was not trained in them.

    Both in float32, so that the difference is that of the weights alone.
    """
    if not job.recipe.quantization:
        return None
    model = job.read_back(run.adapter, lambda: job.classifier(job.recipe.train.seed, "float32"))
    in_4_bits = job.dev.logits(model.to(PartialState().device), job.base.tokenizer.pad_token_id)
    gap = quantization_gap(job.task, job.dev, in_4_bits, dev_logits, calibration)
    console.print(gap.line)
    return gap


def _published(record: Record, job: Job, run: Run, tracker: Tracker) -> Version | None:
    try:
        version = job.method.result.publish(record, run)
    except LingyuError as error:
        kept = f"The trained {job.method.result.noun} is kept"
        next_step = f"{kept}. Once that is mended: {resume_command(PROGRAM, run)}"
        raise LingyuError(error.what, error.where, next_step, status=error.status) from error
    if version is not None:
        tracker.artifact(f"{version.name}-adapter", version.folder, {"version": version.version})
    return version
