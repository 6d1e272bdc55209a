"""Lingyu (领域): one Chinese encoder, many domains, each a LoRA adapter that proves what it is."""

from importlib.metadata import version

__version__ = version("lingyu")
