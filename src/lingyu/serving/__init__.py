"""Answering: adapters of a store, verified, on their bases."""

from .lingyu import Lingyu, LoadedAdapter, load
from .respondent import require_as_many_texts, require_threshold

__all__ = ["Lingyu", "LoadedAdapter", "load", "require_as_many_texts", "require_threshold"]
