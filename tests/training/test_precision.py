"""Which arithmetic `bf16: auto` comes to, and the reason that is given for it."""

from collections.abc import Callable

import pytest
import torch

from lingyu.errors import LingyuError
from lingyu.recipe import Train
from lingyu.training import Precision, chosen_precision

Machine = Callable[..., None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """machine(gpu=True, gpu_bf16=False): this machine is one with a GPU that has no bfloat16."""

    def be(*, gpu: bool = False, gpu_bf16: bool = False, amx: bool = False, avx512: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: gpu_bf16)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)

    return be


@pytest.mark.parametrize(
    ("has", "chosen"),
    [
        ({}, Precision("float32", "the CPU has neither AMX nor AVX512-BF16")),
        ({"amx": True, "avx512": True}, Precision("bfloat16", "the CPU has AMX")),
        ({"avx512": True}, Precision("bfloat16", "the CPU has AVX512-BF16")),
        ({"gpu": True, "gpu_bf16": True}, Precision("bfloat16", "the GPU has it")),
        ({"gpu": True, "amx": True}, Precision("float32", "the GPU has no bfloat16")),
    ],
)
def test_auto_takes_bfloat16_where_it_is_fast_and_says_why(
    has: dict[str, bool], chosen: Precision, machine: Machine
) -> None:
    machine(**has)
    assert Train().bf16 == "auto"
    assert chosen_precision(Train()) == chosen


def test_what_is_asked_for_is_taken(machine: Machine) -> None:
    machine(amx=True)
    assert chosen_precision(Train(bf16=True)) == Precision("bfloat16", "asked for")
    assert chosen_precision(Train(bf16=False)) == Precision("float32", "asked for")
    machine()
    slow = "asked for, although the CPU has neither AMX nor AVX512-BF16"
    assert chosen_precision(Train(bf16=True)) == Precision("bfloat16", slow)


def test_float16_needs_a_gpu(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(gpu=True)
    assert chosen_precision(Train(fp16=True)) == Precision("float16", "asked for")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    with pytest.raises(LingyuError, match=r"train\.fp16 needs a GPU\. Leave it out: bf16: auto"):
        chosen_precision(Train(fp16=True))


def test_a_gpu_that_is_not_to_be_used_decides_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(gpu=True, gpu_bf16=True)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    assert chosen_precision(Train()).name == "float32"
