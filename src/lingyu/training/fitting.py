"""The stretch that all training runs share: from the last checkpoint, if any, to weights that are to be published."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from accelerate import PartialState
from rich.console import Console
from transformers import EarlyStoppingCallback, TrainerCallback, TrainerState

from lingyu.errors import LingyuError, Stopped

from .launch import resume_command
from .progress import TrainingProgress
from .records import MetricsFile, Tracker, TrackerCallback, forget_after
from .runs import Run
from .trainer import BatchesTrainer, train_to_end


@contextmanager
def recorded(run: Run, start_tracker: Callable[[], Tracker], *, program: str) -> Iterator[Tracker]:
    """The tracker of a run that no other process works on; it is told how the run ended.

    In the processes beside the main one a tracker that does nothing. Raises Stopped where a signal comes outside of
    training, which hears of it by itself. program: what goes on with the run.
    """
    is_main = PartialState().is_main_process
    with run.held() if is_main else nullcontext():
        tracker = start_tracker() if is_main else Tracker()
        try:
            yield tracker
        except KeyboardInterrupt as interrupt:
            stopped = Stopped.by(interrupt, _what_is_kept(run), next=f"Go on with: {resume_command(program, run)}")
            tracker.finish(exit_code=stopped.status)
            raise stopped from None
        except BaseException as error:
            tracker.finish(exit_code=error.status if isinstance(error, LingyuError) else 1)
            raise
        tracker.finish()


def _what_is_kept(run: Run) -> str:
    """Of a run that is stopped."""
    if any(result.is_dir() for result in (run.base, run.adapter, run.model)):
        return "stopped after training, the result of which is kept"
    if any(run.checkpoints.glob("checkpoint-*")):
        return "stopped; the last checkpoint is kept"
    return "stopped before the first step was saved"


def fit(
    trainer_with: Callable[[Sequence[TrainerCallback]], BatchesTrainer],
    run: Run,
    *,
    program: str,
    console: Console,
    tracker: Tracker,
    progress: TrainingProgress,
) -> BatchesTrainer:
    """Train to the end; the trainer, whose model has the weights to publish and computes in float32 again.

    Goes on from the run's last checkpoint. Where that was the last of the training, its weights, or the best, are
    only loaded: the process was stopped between training and what comes after it.
    """
    last = run.last_checkpoint
    if last is not None:
        console.print(f"resuming {run.folder} after {last.name}")
    if PartialState().is_main_process:
        forget_after(run.metrics, int(last.name.rpartition("-")[2]) if last else -1)
    trainer = trainer_with([MetricsFile(run.metrics), TrackerCallback(tracker), progress])
    trainer.args.eval_on_start &= last is None  # Trainer would also measure where it goes on
    if last is not None and has_ended(state := _state_of(last)):
        console.print(f"training had ended with step {state.global_step}")
        _load_ended(trainer, state, last)
    else:
        try:
            train_to_end(trainer, run, resume_command=resume_command(program, run), resume_from=last)
        finally:
            progress.stop()
    # accelerate leaves an autocast around the forward, which would measure the model in half precision
    trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    return trainer


def has_ended(state: TrainerState) -> bool:
    """Whether a checkpoint is the training's last: all steps are done, or patience was used up.

    Trainer would train on after the latter, since it forgets at the start of train() that it was to stop.
    """
    early = state.stateful_callbacks.get(EarlyStoppingCallback.__name__)
    if early is not None:
        patience = early["args"]["early_stopping_patience"]
        if early["attributes"]["early_stopping_patience_counter"] >= patience:
            return True
    return bool(state.global_step >= state.max_steps)


def _state_of(checkpoint: Path) -> TrainerState:
    return TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))


def _load_ended(trainer: BatchesTrainer, state: TrainerState, last: Path) -> None:
    """As trainer.train() leaves it: state, callbacks' states, and the weights that the recipe wants."""
    trainer.state = state
    trainer._load_callback_state()
    if trainer.args.load_best_model_at_end and state.best_global_step is not None:
        state.best_model_checkpoint = str(last.with_name(f"checkpoint-{state.best_global_step}"))
        trainer._load_best_model()
    else:
        trainer._load_from_checkpoint(str(last))
