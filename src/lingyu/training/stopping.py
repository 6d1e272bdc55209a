"""Ctrl-C and SIGTERM end a training run after a checkpoint; a second Ctrl-C ends it at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lingyu.parent import hear_of_the_parents_end


def hear_of_the_launchers_end() -> None:
    """`accelerate launch` passes no signal on when it is killed."""
    if "ACCELERATE_MIXED_PRECISION" in os.environ:
        hear_of_the_parents_end()


class StopAtSignal(TrainerCallback):  # type: ignore[misc]
    """Saves and stops after the step in which a signal came. All processes agree on that step."""

    def __init__(self) -> None:
        self.received: int | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch both signals for as long as the training runs."""
        wanted = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        # nohup asks to go on when the terminal closes
        before = {n: signal.signal(n, self._catch) for n in wanted if signal.getsignal(n) != signal.SIG_IGN}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _catch(self, number: int, _: FrameType | None) -> None:
        if self.received is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = self.received or number

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        self.received = _largest_of_all_processes(self.received)
        if self.received is not None:
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Trainer calls this where it leaves an epoch in its middle, too: a measurement there is in nobody's schedule.
        It would draw random numbers, count for patience, perhaps be the best, and go into the checkpoint that was just
        saved: a run that goes on from it would not be the one that was never stopped. After the last step of all it is
        what every run measures, and nothing goes on that could make up for it."""
        within = state.epoch is not None and not state.epoch.is_integer()
        if self.received is not None and within and state.global_step < state.max_steps:
            control.should_evaluate = control.should_save = False
        return control


def _largest_of_all_processes(number: int | None) -> int | None:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return number
    largest = torch.tensor(number or 0)
    if torch.distributed.get_backend() == "nccl":
        largest = largest.cuda()
    torch.distributed.all_reduce(largest, op=torch.distributed.ReduceOp.MAX)
    return int(largest) or None
