"""Answering: adapters of a store, verified, on their bases."""

from .lingyu import Lingyu, load
from .result import Result

__all__ = ["Lingyu", "Result", "load"]
