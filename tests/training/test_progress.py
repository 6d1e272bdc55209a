import io
import time
from pathlib import Path

import pytest
from rich.console import Console
from transformers import TrainerControl, TrainerState, TrainingArguments

from lingyu.training.progress import TrainingProgress


@pytest.mark.parametrize("first_step", [0, 4])
def test_what_is_measured_before_the_first_step_makes_training_no_slower(
    first_step: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    screen = io.StringIO()
    progress = TrainingProgress(Console(file=screen, width=120), tokens_per_step=500.0)
    state = TrainerState(global_step=first_step, max_steps=first_step + 5)
    arguments, control = TrainingArguments(output_dir=str(tmp_path)), TrainerControl()
    progress.on_train_begin(arguments, state, control)
    now = 60.0  # a minute of measuring, if there is any
    if first_step == 0:
        progress.on_evaluate(arguments, state, control)
    state.global_step += 1
    now += 2.0
    progress.on_log(arguments, state, control, logs={"loss": 1.0, "learning_rate": 1e-3})
    seconds = 2 if first_step == 0 else 62  # where it goes on, nothing is measured first
    assert f"{500 / seconds:,.0f} tokens/s" in screen.getvalue()
    assert f"{4 * seconds // 60}:{4 * seconds % 60:02d} left" in screen.getvalue()
