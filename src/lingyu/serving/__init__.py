"""Answering: adapters of a store, verified, on their bases."""

from .lingyu import Lingyu, LoadedAdapter, load
from .result import Answer, Failed, Result

__all__ = ["Answer", "Failed", "Lingyu", "LoadedAdapter", "Result", "load"]
