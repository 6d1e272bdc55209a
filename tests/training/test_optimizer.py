"""Optimiser groups: each trained weight once, at the rate and decay that it should have."""

from pathlib import Path

import pytest

from lingyu.bases import find_base
from lingyu.errors import LingyuError
from lingyu.lora.attaching import attach_lora
from lingyu.recipe import Lora
from lingyu.training import require_world_size
from lingyu.training.optimizer import adamw_groups


def settings_by_name(base: Path, ratio: float | None) -> dict[str, tuple[float, float]]:
    """(learning rate, weight decay) of each trained parameter."""
    found = find_base(str(base))
    model = attach_lora(found.load_classifier(["a", "b"]), found, Lora())
    groups = adamw_groups(model, 1e-3, 0.1, ratio)
    of_parameter = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(of_parameter), "a parameter stands in two groups"
    return {name: of_parameter[id(p)] for name, p in model.named_parameters() if p.requires_grad}


def test_loraplus_speeds_up_b_and_nothing_else(tiny_base: Path) -> None:
    settings = settings_by_name(tiny_base, 16.0)
    rates = {name: rate for name, (rate, _) in settings.items()}
    assert {rate for name, rate in rates.items() if ".lora_B." in name} == {16e-3}
    assert {rate for name, rate in rates.items() if ".lora_B." not in name} == {1e-3}
    heads = [name for name in rates if "classifier" in name or "pooler" in name]
    assert len(heads) == 4, "weight and bias of pooler and classifier"


def test_biases_do_not_decay(tiny_base: Path) -> None:
    settings = settings_by_name(tiny_base, None)
    assert {rate for rate, _ in settings.values()} == {1e-3}
    assert {decay for name, (_, decay) in settings.items() if name.endswith("bias")} == {0.0}
    assert {decay for name, (_, decay) in settings.items() if name.endswith("weight")} == {0.1}


@pytest.mark.parametrize(
    ("environment", "world_size", "says"),
    [
        ({"MASTER_PORT": "29500"}, 1, "the launcher started one"),
        ({"WORLD_SIZE": "2", "MASTER_PORT": "29500"}, 1, "asks for 2 processes, but 1 train together"),
    ],
)
def test_fewer_processes_than_asked_for_are_refused(
    environment: dict[str, str], world_size: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LingyuError, match=says):
        require_world_size(world_size)


def test_as_many_processes_as_asked_for_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert require_world_size(1) is None
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert require_world_size(2) is None
