"""Rates: transformers' own schedules; and a new head learns alone first, while nothing else moves by a bit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import get_scheduler

from lingyu.bases import find_base
from lingyu.dapt.model.learner import make_learner
from lingyu.dapt.rates import adamw, require_steps_left, schedule
from lingyu.errors import LingyuError
from lingyu.recipe import Pretraining, PretrainingRecipe


def recipe(**dapt: Any) -> PretrainingRecipe:
    return PretrainingRecipe.model_validate(
        {"name": "tiny", "dapt": {"corpus": ["reviews.txt"], **dapt}, "publish": {"to": "bases/hotel"}}
    )


def rates(train: Pretraining, steps: int, alone: int, learns_alone: bool) -> list[float]:
    model = torch.nn.Linear(2, 2)
    optimizer = adamw(model, train, frozenset({"weight", "bias"} if learns_alone else ()))
    scheduler = schedule(optimizer, train, steps, alone)
    found = []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant_with_warmup"])
def test_without_a_new_head_they_are_those_of_transformers(kind: str) -> None:
    train = Pretraining(lr_scheduler_type=kind, warmup_ratio=0.13, learning_rate=1e-3)
    optimizer = torch.optim.AdamW(torch.nn.Linear(2, 2).parameters(), lr=1e-3)
    theirs = get_scheduler(kind, optimizer, num_warmup_steps=6, num_training_steps=41)
    wanted = []
    for _ in range(41):
        wanted.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    assert rates(train, 41, alone=0, learns_alone=False) == pytest.approx(wanted, abs=1e-12)


def test_a_new_head_has_a_rate_of_its_own_and_then_everybodys() -> None:
    train = Pretraining(warmup_ratio=0.1, learning_rate=1.0)
    head, encoder = (rates(train, 60, alone=20, learns_alone=learns) for learns in (True, False))
    assert encoder[:20] == [0.0] * 20
    assert head[2:20] == [1.0] * 18
    assert head[20:] == encoder[20:]
    assert encoder[20] == 0.0, "the usual warm-up begins"
    assert encoder[20:] == rates(train, 40, alone=0, learns_alone=False), "its decay ends with the last step"
    assert max(encoder) == 1.0


def test_each_trained_parameter_stands_once_and_vectors_do_not_decay(tiny_base_with_pooler: Path) -> None:
    learner = make_learner(recipe(), find_base(str(tiny_base_with_pooler)), None)
    groups = adamw(learner.model, Pretraining(weight_decay=0.1), learner.new).param_groups
    found = {id(p): (group["weight_decay"], group["learns_alone"]) for group in groups for p in group["params"]}
    assert len(found) == sum(len(group["params"]) for group in groups)
    named = {name: found[id(p)] for name, p in learner.model.named_parameters() if p.requires_grad}
    assert len(named) == len(found)
    assert {name for name, (_, alone) in named.items() if alone} == {
        "head.dense.weight", "head.dense.bias", "head.norm.weight", "head.norm.bias", "head.bias",
    }  # fmt: skip
    assert {decay for name, (decay, _) in named.items() if name.endswith("bias")} == {0.0}
    assert named["encoder.encoder.layer.0.attention.self.query.weight"][0] == 0.1
    assert not any("pooler" in name for name in named), "nothing learns through it"


def test_at_rate_zero_nothing_moves_by_a_bit() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(67, 33)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = adamw(model, Pretraining(weight_decay=0.1), frozenset())
    scheduler = schedule(optimizer, Pretraining(), steps=9, head_warmup_steps=5)
    for _ in range(5):
        model(torch.randn(8, 67)).square().sum().backward()
        optimizer.step()
        scheduler.step()
    for parameter, old in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter.view(torch.int32), old.view(torch.int32))


def test_a_warm_up_that_takes_all_steps_is_refused() -> None:
    require_steps_left(201, 200)
    with pytest.raises(LingyuError, match=r"dapt\.head_warmup_steps below 200"):
        require_steps_left(200, 200)
