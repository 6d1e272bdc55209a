"""Answering: adapters of a store, verified, on their bases."""

from .engine import Lingyu, LoadedAdapter, Result

__all__ = ["Lingyu", "LoadedAdapter", "Result"]
