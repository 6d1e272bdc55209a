"""Answering: adapters of a store, verified, on their bases."""

from .lingyu import Lingyu, LoadedAdapter, load

__all__ = ["Lingyu", "LoadedAdapter", "load"]
