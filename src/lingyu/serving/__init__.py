"""Answering: adapters of a store, verified, on their bases."""

from lingyu.tasks import Failed, Result

from .lingyu import Lingyu, LoadedAdapter, load

__all__ = ["Failed", "Lingyu", "LoadedAdapter", "Result", "load"]
