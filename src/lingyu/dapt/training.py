"""The pretraining job: a recipe to a base folder. `pretrain` tells it from top to bottom."""

from lingyu.training import import_bitsandbytes

import_bitsandbytes()  # before what follows imports peft, which would import it its own way

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from accelerate import PartialState
from rich.console import Console
from torch import nn
from transformers import TrainerCallback

from lingyu.bases import Base, find_base
from lingyu.data import in_one_go
from lingyu.errors import LingyuError, from_os_error
from lingyu.recipe import PretrainingRecipe
from lingyu.reporting import counted
from lingyu.training import (
    Run,
    Tracker,
    TrainingProgress,
    agreed_run,
    find_or_start,
    find_run,
    fit,
    of_masked_words,
    read_metrics,
    recorded,
    resume_command,
    tracker_for,
    training_arguments,
    uses_cpu,
)

from .before import measured_once
from .curves import draw_curves
from .job import Job, Progress, no_progress, prepare
from .measuring import NAMES, Masked, Metrics, compare, measure_masked, verdict
from .model.learner import Learner, finished, load_as_recipe, make_learner
from .model.pretrainer import Pretrainer
from .model.saving import save_base
from .publishing import METRICS, Record, Trained, holds_result_of, publish, require_free
from .rates import require_steps_left
from .trainer import PretrainingTrainer, Stopwatch, build_trainer

PROGRAM = "dapt.py"
_TRAINED = "trained.json"
_PROOF_TEXTS = 64
# Largest difference of a masked token's mean loss between the live model and the saved one: another order of sums, and
# where weights are stored in half precision their rounding.
_TOLERANCE = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}

_SUMMARY = ("loss", "perplexity", "accuracy")

Measured = dict[str, Masked]
"""Part of the text (see measuring.NAMES) -> what the model made of it."""


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: the base's folder, its metrics, and what they mean, a sentence each."""

    base: Base
    metrics: Metrics
    verdict: list[str]
    run: Path
    hours: float


def pretrain(
    recipe: PretrainingRecipe,
    *,
    console: Console,
    progress: Progress = no_progress,
    resume: bool = False,
    run_name: str | None = None,
) -> Outcome | None:
    """Run a recipe to its base folder. None in the processes beside the main one.

    progress: shows how far preparing and measuring are. resume: go on with run_name, or with the recipe's newest
    unfinished run. Raises LingyuError for every mistake of the user, and Stopped after a signal once the checkpoint is
    written.
    """
    if resume:
        find_run(recipe, run_name)  # a run that is not there is told before a corpus is read
    job = prepare(recipe, progress, resume=resume)
    for line in job.lines():
        console.print(line)
    learner = make_learner(recipe, job.start, job.parent)
    for line in _learner_lines(job, learner):
        console.print(line)
    run = agreed_run(lambda: _find_or_start(job, resume, run_name))
    is_main = PartialState().is_main_process
    with recorded(run, lambda: _tracker(job, run), program=PROGRAM) as tracker:
        if run.base.is_dir() and _is_published(run, recipe):
            return _finish(run, recipe, tracker) if is_main else None
        before = measured_once(run.folder, lambda: _measure(learner.before, job, progress)) if is_main else {}
        for line in _before_lines(before):
            console.print(line)
        if not run.base.is_dir():
            trained = _fit(learner, job, run, tracker, console)
            if is_main:
                _save_with_proof(trained, job, run)
        if not is_main:
            return None
        _measure_and_publish(job, learner, run, before, progress)
        return _finish(run, recipe, tracker)


def dry_run(recipe: PretrainingRecipe, progress: Progress = no_progress) -> list[str]:
    """What a run would begin with, to the point where it would begin to train."""
    job = prepare(recipe, progress)
    return [*job.lines(), *_learner_lines(job, make_learner(recipe, job.start, job.parent))]


def _learner_lines(job: Job, learner: Learner) -> list[str]:
    alone = job.recipe.dapt.head_warmup_steps
    lines = [learner.parameters_line()]
    if learner.head_is_new and alone:
        require_steps_left(job.steps, alone)
        lines.append(f"the base has no masked-LM head: a new one learns alone for {alone:,} steps, nothing else moves")
    elif learner.head_is_new and job.parent is not None:
        lines.append("the base has no masked-LM head: a new one starts at random, and all learns with it")
    return lines


def _find_or_start(job: Job, resume: bool, run_name: str | None) -> Run:
    """The run, whose result has a place: a free one, or where it lies already."""
    run = find_or_start(job.recipe, job.inputs, resume, run_name)
    if not (run.base.is_dir() and _is_published(run, job.recipe)):
        require_free(job.recipe.publish)
    return run


def _is_published(run: Run, recipe: PretrainingRecipe) -> bool:
    """Whether the process was stopped after publishing the run's base, before the run was written down as finished."""
    if not holds_result_of(recipe):
        return False
    published, own = find_base(recipe.publish.to), find_base(str(run.base))
    return published.weights_fingerprint == own.weights_fingerprint


def _tracker(job: Job, run: Run) -> Tracker:
    recipe = job.recipe
    base = Path(recipe.base).name if job.parent else "new"
    return tracker_for(
        recipe.report_to,
        group=recipe.name,
        job_type="dapt",
        name=f"{recipe.name}-{base}-{recipe.dapt.mode}-s{recipe.train.seed}",
        tags=[base, recipe.dapt.mode, recipe.name],
        config=recipe.model_dump(mode="json"),
        folder=run.folder,
    )


def _measure(model: nn.Module, job: Job, progress: Progress) -> Measured:
    """On held-out and general text, in float32, with the masks of every other measurement."""
    model.to("cpu" if uses_cpu() else "cuda")
    texts = {"held_out": job.corpus.held_out, "general": job.corpus.general}
    found = {}
    with progress() as report:
        for part, name in NAMES.items():
            these = texts[part]
            if these is not None and len(these):
                done = counted(report, f"measuring {name}", len(these))
                found[part] = measure_masked(model, these, job.measuring, on_texts=done)
    return found


def _before_lines(before: Measured) -> list[str]:
    return [
        f"before: {NAMES[part]}: loss {found.loss:.3f}, perplexity {found.perplexity:,.1f}, masked accuracy "
        f"{found.accuracy:.1%} of {found.tokens.sum():,} masked tokens"
        for part, found in before.items()
    ]


def _fit(learner: Learner, job: Job, run: Run, tracker: Tracker, console: Console) -> Pretrainer:
    """The model as it is to be published."""
    recipe = job.recipe
    arguments = training_arguments(recipe.train, run.checkpoints, job.precision)
    arguments.eval_on_start = True  # where the curve starts, with the masks of its other points

    def trainer_with(callbacks: Sequence[TrainerCallback]) -> PretrainingTrainer:
        return build_trainer(
            learner,
            recipe,
            texts=job.corpus.train,
            held_out=job.corpus.held_out,
            composers=(job.composer, job.measuring),
            arguments=arguments,
            steps=job.steps,
            callbacks=callbacks,
        )

    progress = TrainingProgress(console, job.tokens_per_step, measured="held-out text", in_words=of_masked_words)
    trainer = fit(trainer_with, run, program=PROGRAM, console=console, tracker=tracker, progress=progress)
    if PartialState().is_main_process:
        _write_trained(trainer, job, run)
    return finished(recipe, learner)


def _write_trained(trainer: PretrainingTrainer, job: Job, run: Run) -> None:
    """What measuring and publishing want to know of the training, also when they happen in another process."""
    stopwatch = trainer.pop_callback(Stopwatch)  # not the one that was handed in, where a checkpoint was read
    state = trainer.state
    best = state.best_global_step if job.recipe.train.load_best_model_at_end else None
    trained = Trained(
        steps=state.global_step,
        best_step=best if best is not None else state.global_step,
        tokens=job.tokens_of(state.global_step),
        hours=stopwatch.seconds / 3600,
    )
    with in_one_go(run.folder / _TRAINED) as staged:
        staged.path.write_text(json.dumps(asdict(trained)) + "\n", "utf-8")


def _read_trained(run: Run) -> Trained:
    try:
        return Trained(**json.loads((run.folder / _TRAINED).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise LingyuError(
            "is not what a run writes", where=run.folder / _TRAINED, next="Leave out --resume to start afresh"
        ) from None


def _save_with_proof(trained: Pretrainer, job: Job, run: Run) -> None:
    """Save the base, read it back, and keep it only if it knows what the trained model does."""
    dtype = job.recipe.publish.dtype
    folder = run.folder / ".base"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        save_base(trained, job.start, folder, dtype)
    except OSError as error:
        known = from_os_error(error)
        next_step = f"{known.next}. The last checkpoint is kept: go on with {resume_command(PROGRAM, run)}"
        raise LingyuError(known.what, where=run.base, next=next_step) from error
    reloaded = load_as_recipe(job.recipe, find_base(str(folder))).model
    rows = np.arange(min(_PROOF_TEXTS, len(job.corpus.held_out)))
    live, saved = (
        measure_masked(model.to("cpu"), job.corpus.held_out, job.measuring, rows=rows).loss
        for model in (trained, reloaded)
    )
    if not abs(live - saved) <= _TOLERANCE[dtype]:
        raise LingyuError(
            f"the saved base is not the trained model: its loss is {saved:.4f}, not {live:.4f}",
            next="Nothing was published. Please report this with the recipe",
            status=1,
        )
    folder.rename(run.base)


def _measure_and_publish(job: Job, learner: Learner, run: Run, before: Measured, progress: Progress) -> None:
    """Measure the base as it lies in the run's folder, and publish that."""
    recipe = job.recipe
    after = _measure(load_as_recipe(recipe, find_base(str(run.base))).model, job, progress)
    knew = job.parent is not None and not learner.head_is_new
    metrics = {part: compare(before[part], after[part], before_knew=knew) for part in before}
    trained = _read_trained(run)
    general = dict(metrics.get("general", {}))
    if recipe.dapt.mode == "distil":
        general.pop("before", None)  # of the teacher: the student's curve does not start there
    record = Record(
        recipe=recipe,
        parent=job.parent,
        corpus=job.corpus,
        trained=trained,
        metrics=metrics,
        verdict=verdict(metrics),
        notes=_notes(job, learner),
        curves=draw_curves(read_metrics(run.metrics), general, trained.best_step),
    )
    try:
        publish(record, run.base)
    except LingyuError as error:
        next_step = f"The trained base is kept. Once that is mended: {resume_command(PROGRAM, run)}"
        raise LingyuError(error.what, error.where, next_step, status=error.status) from error


def _finish(run: Run, recipe: PretrainingRecipe, tracker: Tracker) -> Outcome:
    """Write down that the run has come to its published base; what there is to say of it."""
    base = find_base(recipe.publish.to)
    metrics: Metrics = json.loads((base.folder / METRICS).read_text("utf-8"))
    run.finished(recipe.publish.to)
    tracker.summary(
        {f"{part}/{key}": _value(found["after"][key]) for part, found in metrics.items() for key in _SUMMARY}
    )
    return Outcome(base, metrics, verdict(metrics), run.folder, _read_trained(run).hours)


def _value(figure: float | Metrics) -> float:
    """Of an interval its middle."""
    value: float = figure["value"] if isinstance(figure, dict) else figure
    return value


def _notes(job: Job, learner: Learner) -> list[str]:
    """What a reader of the figures has to know."""
    notes = job.corpus.record.notes()
    if job.parent is None:
        notes.append("Before means the untrained start.")
    elif learner.head_is_new:
        notes.append("The base had no masked-LM head: before means with a random one.")
    if job.recipe.dapt.mode == "distil":
        notes.append("Before is the teacher, which says no more than the student's words.")
    return notes
