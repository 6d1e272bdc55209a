import time
from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from lingyu.dapt.trainer import Stopwatch


def test_the_hours_of_training_begin_after_the_first_measurement_and_leave_out_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch, state = Stopwatch(), TrainerState(global_step=0)
    arguments, control = TrainingArguments(output_dir=str(tmp_path)), TrainerControl()
    watch.on_train_begin(arguments, state, control)
    now = 60.0
    watch.on_evaluate(arguments, state, control)
    now, state.global_step = 70.0, 500
    watch.on_evaluate(arguments, state, control)
    assert watch.seconds == 10.0
