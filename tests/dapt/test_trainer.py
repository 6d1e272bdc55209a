import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TrainerControl, TrainerState, TrainingArguments

from lingyu.dapt.trainer import Stopwatch, step_loss
from lingyu.recipe import Dapt

LOSSES = st.lists(st.floats(0, 9), max_size=5)


@given(st.lists(st.tuples(LOSSES, LOSSES, LOSSES), min_size=1, max_size=4), st.floats(0, 3))
def test_a_steps_loss_is_its_means_over_masked_tokens_pairs_and_tokens_however_it_is_cut(
    pieces: list[tuple[list[float], list[float], list[float]]], weight: float
) -> None:
    kinds = ("mlm_loss", "sentence_loss", "hidden_loss")
    step = {kind: [loss for piece in pieces for loss in piece[at]] for at, kind in enumerate(kinds)}
    masked, pairs, tokens = (torch.tensor(len(step[kind])) for kind in kinds)
    dapt = Dapt(corpus=("x",)).model_copy(update={"hidden_loss_weight": weight})

    def loss_of(asked: tuple[str, ...]) -> float:
        inputs = {"batch_pairs": pairs, "batch_tokens": tokens}
        sums = [
            {kind: torch.tensor(sum(losses)) for kind, losses in zip(kinds, piece, strict=True)} for piece in pieces
        ]
        return sum(float(step_loss(dapt, {kind: of[kind] for kind in asked}, inputs, masked)) for of in sums)

    means = [float(np.mean(step[kind])) if step[kind] else 0.0 for kind in kinds]
    assert loss_of(kinds[:1]) == pytest.approx(means[0], abs=1e-4)
    assert loss_of(kinds[:2]) == pytest.approx(means[0] + means[1], abs=1e-4)
    assert loss_of(kinds) == pytest.approx(means[0] + means[1] + weight * means[2], abs=1e-4)


def test_the_hours_of_training_begin_after_the_first_measurement_and_leave_out_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch, state = Stopwatch(), TrainerState(global_step=0)
    arguments, control = TrainingArguments(output_dir=str(tmp_path)), TrainerControl()
    now = 5.0
    watch.on_train_begin(arguments, state, control)
    assert watch.seconds == 0.0, "a run that goes on is not measured first"
    now = 60.0
    watch.on_evaluate(arguments, state, control)
    now, state.global_step = 70.0, 500
    watch.on_evaluate(arguments, state, control)
    assert watch.seconds == 10.0
