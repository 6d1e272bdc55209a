"""A training run on the screen: a bar on a terminal, a line a log step elsewhere. On stderr."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .records import as_row

_LARGEST_EXPONENT = 700  # beyond it a float overflows


InWords = Callable[[Mapping[str, float]], Iterable[str]]


def four_digits(figures: Mapping[str, float]) -> Iterator[str]:
    return (f"{name} {value:.4f}" for name, value in figures.items())


def of_masked_words(figures: Mapping[str, float]) -> Iterator[str]:
    """As the table at the end has them. figures: loss in nats, accuracy as a share."""
    yield f"loss {figures['loss']:.3f}"
    yield f"perplexity {math.exp(min(figures['loss'], _LARGEST_EXPONENT)):,.1f}"
    yield f"masked accuracy {figures['accuracy']:.1%}"


class TrainingProgress(TrainerCallback):  # type: ignore[misc]
    """Steps, loss, tokens a second and time left. tokens_per_step: the mean over an epoch, padding left out.

    measured: what the measurements on the way are made on. in_words: how their figures are written.
    """

    def __init__(
        self, console: Console, tokens_per_step: float, measured: str = "dev", in_words: InWords = four_digits
    ) -> None:
        self.console = console
        self.tokens_per_step = tokens_per_step
        self.measured = measured
        self.in_words = in_words
        self.bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.first_step = 0
        self.started = 0.0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if not state.is_world_process_zero:
            return
        self.first_step = state.global_step
        self.started = time.monotonic()
        if self.console.is_terminal:
            self.task = self.bar.add_task("", total=state.max_steps, completed=state.global_step, note="")
            self.bar.start()

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step == self.first_step:
            self.started = time.monotonic()  # what is measured before the first step is no training

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.bar.live.is_started:
            self.bar.update(self.task, completed=state.global_step)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        row = as_row(logs or {}, state.global_step, state.epoch)
        if row is None or not state.is_world_process_zero:
            return
        if "dev" in row:
            where = f"step {row['step']}/{state.max_steps}  epoch {row['epoch']:.2f}"
            self.console.print(f"{where}  {self.measured}: {'  '.join(self.in_words(row['dev']))}")
        elif self.bar.live.is_started:
            self.bar.update(self.task, note=f"loss {row['loss']:.4f}  {self._speed(state)}")
        else:
            self.console.print(
                f"step {row['step']}/{state.max_steps}  epoch {row['epoch']:.2f}  loss {row['loss']:.4f}  "
                f"learning rate {row['learning_rate']:.2e}  {self._speed(state)}  {self._left(state)} left"
            )

    def stop(self) -> None:
        """Give the terminal back, however the training ended."""
        self.bar.stop()

    def _seconds_per_step(self, state: TrainerState) -> float:
        steps: int = state.global_step - self.first_step
        return (time.monotonic() - self.started) / max(1, steps)

    def _speed(self, state: TrainerState) -> str:
        return f"{self.tokens_per_step / self._seconds_per_step(state):,.0f} tokens/s"

    def _left(self, state: TrainerState) -> str:
        seconds = round(self._seconds_per_step(state) * (state.max_steps - state.global_step))
        return f"{seconds // 60}:{seconds % 60:02d}"
