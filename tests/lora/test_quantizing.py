"""4 bits while training: the right layers, weights that stay what they are, and an adapter for the full base."""

import copy
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from lingyu.bases import EMBEDDED, Classifier, find_base
from lingyu.errors import LingyuError
from lingyu.lora import quantizing
from lingyu.lora.attaching import attach_lora
from lingyu.lora.quantizing import FourBits, dequantized
from lingyu.recipe import Lora
from lingyu.training import pad

LABELS = ("负面", "正面")
FLOAT32 = FourBits(torch.float32, torch.device("cpu"))
in_4_bits = pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")


def quantized(base: Path, four_bits: FourBits = FLOAT32) -> Classifier:
    found = find_base(str(base))
    classifier = found.load_classifier(LABELS, seed=1)
    four_bits.quantize(classifier.model, found.family)
    return classifier


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    return {path: module for path, module in model.named_modules() if type(module).__name__ == "Linear4bit"}


def nf4_by_hand(weight: torch.Tensor) -> torch.Tensor:
    """The nearest of the 16 normal-float values, in blocks of 64 that are scaled by their largest absolute value."""
    values = torch.tensor(
        [-1.0, -0.6961928, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0.0, 0.0795803,
         0.16093020, 0.24611230, 0.33791524, 0.44070983, 0.56261700, 0.72295684, 1.0]
    )  # fmt: skip
    blocks = weight.reshape(-1, 64)
    scale = blocks.abs().amax(dim=1, keepdim=True)
    nearest = (blocks.div(scale).unsqueeze(-1) - values).abs().argmin(dim=-1)
    return (values[nearest] * scale).reshape(weight.shape)


@in_4_bits
def test_the_encoders_linear_layers_and_no_others_are_quantised(tiny_base_in_blocks: Path) -> None:
    model = quantized(tiny_base_in_blocks).model
    assert len(layers_of(model)) == 12, "query, key, value and three dense layers, twice"
    assert all(path.startswith("bert.encoder.layer.") for path in layers_of(model))
    assert type(model.get_submodule("bert.pooler.dense")) is nn.Linear
    assert type(model.get_submodule("classifier")) is nn.Linear


@in_4_bits
def test_the_weights_are_those_of_nf4_by_hand(tiny_base_in_blocks: Path) -> None:
    base = find_base(str(tiny_base_in_blocks))
    plain = base.load_classifier(LABELS, seed=1).model
    for path, layer in layers_of(quantized(tiny_base_in_blocks).model).items():
        by_hand = nf4_by_hand(plain.get_submodule(path).weight.data)
        assert (dequantized(layer) - by_hand).abs().max() < 1e-6 * by_hand.abs().max()


@in_4_bits
def test_the_embedded_base_whose_blocks_are_of_very_unequal_scale_is_taken() -> None:
    full, in_4_bits = find_base("embedded").load_classifier(LABELS).model, quantized(EMBEDDED).model
    for path, layer in layers_of(in_4_bits).items():
        weight = full.get_submodule(path).weight
        assert (dequantized(layer) - weight).norm() < 0.2 * weight.norm(), path


@in_4_bits
def test_weights_that_bitsandbytes_gets_wrong_are_refused(tiny_base: Path) -> None:
    """32 wide, half a block: on a CPU its 0.50 takes other blocks' scales."""
    with pytest.raises(
        LingyuError, match=r"query: quantization: .* wrong weights in a layer of 32 inputs\. Leave quant"
    ):
        quantized(tiny_base)


def step(model: nn.Module, batch: dict[str, torch.Tensor]) -> None:
    model.train()
    torch.nn.functional.cross_entropy(model(**batch).logits, torch.tensor([1, 0])).backward()


@in_4_bits
def test_training_goes_on_after_an_evaluation_and_the_weights_stay_right(tiny_base_in_blocks: Path) -> None:
    """Both fail without the guard, on a CPU with AVX512-BF16; another does not show it."""
    base = find_base(str(tiny_base_in_blocks))
    classifier = quantized(tiny_base_in_blocks)
    before = {path: dequantized(layer) for path, layer in layers_of(classifier.model).items()}
    model = attach_lora(classifier, base, Lora(r=4))
    batch = pad(base.encode(["房间很干净", "服务差"], 64).input_ids, 0)
    step(model, batch)
    model.eval()
    with torch.no_grad():
        model(**batch)
    step(model, batch)
    after = {path.removeprefix("base_model.model."): layer for path, layer in layers_of(model.base_model.model).items()}
    bare = {path.replace(".base_layer", ""): layer for path, layer in after.items() if "base_layer" in path}
    assert bare.keys() == before.keys()
    assert all(torch.equal(dequantized(layer), before[path]) for path, layer in bare.items())
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


@in_4_bits
@pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="this CPU does not show the trap")
def test_without_the_guard_this_machine_shows_the_trap(tiny_base_in_blocks: Path) -> None:
    base = find_base(str(tiny_base_in_blocks))
    classifier = quantized(tiny_base_in_blocks)
    for layer in layers_of(classifier.model).values():
        layer.support_avx512bf16_for_cpu = True
    shape = next(iter(layers_of(classifier.model).values())).weight.shape
    batch = pad(base.encode(["房间很干净"], 64).input_ids, 0)
    with torch.no_grad():
        classifier.model.eval()(**batch)
    assert next(iter(layers_of(classifier.model).values())).weight.shape != shape, "the guard is no longer needed"


@in_4_bits
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_outputs_are_near_those_of_full_precision(dtype: torch.dtype, tiny_base_in_blocks: Path) -> None:
    base = find_base(str(tiny_base_in_blocks))
    plain = base.load_classifier(LABELS, seed=1).model.eval()
    model = quantized(tiny_base_in_blocks, FourBits(dtype, torch.device("cpu"))).model.eval()
    batch = pad(base.encode(["房间很干净", "早餐差"], 64).input_ids, 0)
    with torch.no_grad():
        difference = (model(**batch).logits - plain(**batch).logits).abs().max()
    assert 0 < difference < 0.05


@in_4_bits
def test_under_autocast_a_layer_answers_in_the_type_that_it_computes_in(tiny_base_in_blocks: Path) -> None:
    """In float32, what is kept of each layer for the backward would take twice the memory of the plain run's."""
    classifier = quantized(tiny_base_in_blocks, FourBits(torch.bfloat16, torch.device("cpu")))
    for layer in layers_of(classifier.model).values():
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(torch.ones(2, layer.in_features)).dtype == torch.bfloat16


@in_4_bits
def test_two_copies_are_the_same_to_the_bit(tiny_base_in_blocks: Path) -> None:
    one, other = (layers_of(quantized(tiny_base_in_blocks).model) for _ in range(2))
    assert all(torch.equal(dequantized(layer), dequantized(other[path])) for path, layer in one.items())
    path, layer = next(iter(one.items()))
    assert torch.equal(dequantized(copy.deepcopy(layer)), dequantized(other[path]))


@in_4_bits
def test_gradients_reach_the_lowest_layer_through_recomputed_activations(tiny_base_in_blocks: Path) -> None:
    base = find_base(str(tiny_base_in_blocks))
    model = attach_lora(quantized(tiny_base_in_blocks), base, Lora(r=4))
    model.gradient_checkpointing_enable()
    step(model, pad(base.encode(["房间很干净", "服务差"], 64).input_ids, 0))
    lowest = [p.grad for name, p in model.named_parameters() if "layer.0." in name and ".lora_B." in name]
    assert lowest
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in lowest)


def test_without_the_package_one_line_names_the_extra(
    tiny_base_in_blocks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantizing.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LingyuError) as caught:
        quantized(tiny_base_in_blocks)
    assert str(caught.value) == "this needs the package bitsandbytes. Install it with: pip install 'lingyu[qlora]'"


@in_4_bits
def test_answering_with_bitsandbytes_installed_asks_no_hub_and_waits_for_no_compiler(tmp_path: Path) -> None:
    script = (
        "import lingyu.serving.engine, sys, torch; assert {'bitsandbytes', 'peft'} <= sys.modules.keys(); "
        "print({'torch._inductor.compile_fx', 'transformers.trainer', 'datasets', 'sklearn'} & sys.modules.keys()); "
        "print(torch.compile.__module__); import kernels; print(kernels.get_kernel)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, env=_with_kernels_in(tmp_path)
    )
    assert said.returncode == 0, said.stderr
    assert "kernels" not in said.stderr
    heavy, compiler, kernel = said.stdout.splitlines()
    assert heavy == "set()", "whoever answers waits for what trains"
    assert compiler == "torch"
    assert kernel.startswith("<function get_kernel"), "another's kernels is no longer importable"


@in_4_bits
@pytest.mark.parametrize(
    "script",
    [
        "import lingyu.dapt.training, sys; assert 'peft' in sys.modules",
        "import lingyu.release.combined.plain_lora, sys; assert 'peft' in sys.modules",
        "import lingyu.bases; lingyu.bases.find_base('embedded').load_classifier(['a'])",
    ],
)
def test_nothing_that_is_begun_asks_a_hub_for_bitsandbytes(script: str, tmp_path: Path) -> None:
    environment = _with_kernels_in(tmp_path)
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert (said.returncode, said.stderr) == (0, "")


def _with_kernels_in(folder: Path) -> dict[str, str]:
    """An environment in which a `kernels` that would fetch code stands where bitsandbytes looks for it."""
    import os

    (folder / "kernels.py").write_text("def get_kernel(*_, **__):\n    raise SystemExit('asked a hub')\n", "utf-8")
    return {**os.environ, "PYTHONPATH": str(folder)}
