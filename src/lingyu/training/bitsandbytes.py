"""Importing bitsandbytes, which peft does wherever it is installed: without asking a hub, and without talk."""

import importlib
import importlib.util
import logging
import sys

_LOGGER = "bitsandbytes.backends.cpu.ops"
_KERNELS = "kernels"


def import_bitsandbytes() -> None:
    """Import it now, if it is installed: later imports, peft's among them, find it loaded.

    On a CPU with AVX512-BF16 its import fetches a kernel from a hub, code included, where the package `kernels` is
    installed, and warns where it is not. That kernel is for packed weights, which are never made here (see
    lingyu.lora.quantizing), so it is not missed.
    """
    if "bitsandbytes" in sys.modules or importlib.util.find_spec("bitsandbytes") is None:
        return
    logging.getLogger(_LOGGER).setLevel(logging.ERROR)
    loaded = sys.modules.get(_KERNELS)
    sys.modules[_KERNELS] = None  # type: ignore[assignment]  # an import of it fails for as long
    try:
        importlib.import_module("bitsandbytes")
    finally:
        del sys.modules[_KERNELS]
        if loaded is not None:
            sys.modules[_KERNELS] = loaded
