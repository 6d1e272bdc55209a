"""Importing bitsandbytes, which peft does wherever it is installed: without a hub, a compiler, or talk."""

import importlib
import importlib.util
import logging
import sys
from collections.abc import Callable

import torch

_LOGGER = "bitsandbytes.backends.cpu.ops"
_KERNELS = "kernels"


def import_bitsandbytes() -> None:
    """Import it now, if it is installed: later imports, peft's among them, find it loaded.

    On a CPU with AVX512-BF16 its import fetches a kernel from a hub, code included, where the package `kernels` is
    installed, and warns where it is not. That kernel is for packed weights, which are never made here (see
    lingyu.lora.quantizing), so it is not missed. And it has torch compile what it computes with where a device has no
    kernels of its own: for a CPU or CUDA that only loads torch's compiler, seconds of each command's start.
    """
    if "bitsandbytes" in sys.modules or importlib.util.find_spec("bitsandbytes") is None:
        return
    logging.getLogger(_LOGGER).setLevel(logging.ERROR)
    loaded, compile = sys.modules.get(_KERNELS), torch.compile
    sys.modules[_KERNELS] = None  # type: ignore[assignment]  # an import of it fails for as long
    torch.compile = _left_as_it_is  # type: ignore[assignment]
    try:
        importlib.import_module("bitsandbytes")
    finally:
        torch.compile = compile
        del sys.modules[_KERNELS]
        if loaded is not None:
            sys.modules[_KERNELS] = loaded


def _left_as_it_is(function: Callable[..., object], **_: object) -> Callable[..., object]:
    return function
