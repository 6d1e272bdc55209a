"""Lingyu (领域): one Chinese encoder, many domains, each a LoRA adapter that proves what it is."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingyu.serving import Lingyu as Lingyu

__all__ = ["Lingyu", "__version__"]

__version__ = version("lingyu")


def __getattr__(name: str) -> object:
    # the engine brings torch along, which `lingyu --help` and `lingyu check` must not wait for
    if name == "Lingyu":
        return import_module("lingyu.serving").Lingyu
    raise AttributeError(f"module 'lingyu' has no attribute {name!r}")
