"""Which arithmetic a run uses, and why."""

import os
from dataclasses import dataclass

import torch

from lingyu.errors import LingyuError
from lingyu.recipe import Pretraining, Train


def uses_cpu() -> bool:
    """Whether a run stays on the CPU: there is no GPU, or ACCELERATE_USE_CPU says so."""
    asked = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes", "on", "y", "t")
    return asked or not torch.cuda.is_available()


@dataclass(frozen=True)
class Precision:
    """name: float32, bfloat16 or float16. why: for the person who reads the log."""

    name: str
    why: str


def chosen_precision(train: Train | Pretraining) -> Precision:
    """What train.bf16 and train.fp16 come to on this machine. Raises LingyuError for what it can't do."""
    if train.fp16:
        if uses_cpu():
            raise LingyuError("train.fp16 needs a GPU", next="Leave it out: bf16: auto takes what this machine has")
        return Precision("float16", "asked for")
    fast, why = _bf16_is_fast()
    if train.bf16 is True:
        return Precision("bfloat16", "asked for" if fast else f"asked for, although {why}")
    if train.bf16 == "auto" and fast:
        return Precision("bfloat16", why)
    return Precision("float32", why if train.bf16 == "auto" else "asked for")


def _bf16_is_fast() -> tuple[bool, str]:
    if not uses_cpu():
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return True, "the GPU has it"
        return False, "the GPU has no bfloat16"
    # CPUs without these instructions emulate bfloat16, slower than float32
    if torch.cpu._is_amx_tile_supported():
        return True, "the CPU has AMX"
    if torch.cpu._is_avx512_bf16_supported():
        return True, "the CPU has AVX512-BF16"
    return False, "the CPU has neither AMX nor AVX512-BF16"
