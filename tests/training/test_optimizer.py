"""Optimiser groups: each trained weight once, at the rate and decay that it should have."""

from pathlib import Path

import pytest

from lingyu.bases import find_base
from lingyu.errors import LingyuError
from lingyu.lora.attaching import attach_lora
from lingyu.recipe import Lora
from lingyu.training import require_world_size
from lingyu.training.optimizer import adamw_groups, layerwise, loraplus


def settings_by_name(base: Path, ratio: float | None) -> dict[str, tuple[float, float]]:
    """(learning rate, weight decay) of each trained parameter."""
    found = find_base(str(base))
    model = attach_lora(found.load_classifier(["a", "b"]), found, Lora())
    groups = adamw_groups(model, 1e-3, 0.1, loraplus(ratio))
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


def test_layers_learn_slower_the_deeper_they_lie_and_the_embeddings_slowest(tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    model = base.load_classifier(["a", "b"]).model
    names = [name for name, _ in model.named_parameters()]
    groups = adamw_groups(model, 1e-3, 0.1, layerwise(names, base.family.head, 0.5))
    of_parameter = {id(p): group["lr"] for group in groups for p in group["params"]}
    rates = {name: of_parameter[id(parameter)] for name, parameter in model.named_parameters()}
    assert len(rates) == len(names), "a weight is not trained"
    by_place = {
        place: {rate for name, rate in rates.items() if place in name}
        for place in ("classifier", "pooler.dense", "layer.1.", "layer.0.", "embeddings")
    }
    assert by_place == {
        "classifier": {1e-3}, "pooler.dense": {1e-3}, "layer.1.": {0.5e-3}, "layer.0.": {0.25e-3},
        "embeddings": {0.125e-3},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("model.layers.0.attn.Wqkv.weight", 0.25),
        ("model.layers.1.mlp.Wi.weight", 0.5),
        ("model.final_norm.weight", 0.5),
        ("model.embeddings.tok_embeddings.weight", 0.125),
        ("deberta.encoder.rel_embeddings.weight", 0.125),
        ("head.dense.weight", 1.0),
    ],
)
def test_every_familys_parameters_have_a_place_among_the_layers(name: str, wanted: float) -> None:
    names = ["model.layers.0.attn.Wqkv.weight", "model.layers.1.mlp.Wi.weight"]
    assert layerwise(names, ("head.dense", "classifier"), 0.5)(name) == wanted


def test_without_a_decay_all_learn_at_one_rate() -> None:
    assert layerwise(["model.layers.0.a.weight"], (), None)("model.layers.0.a.weight") == 1.0


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
