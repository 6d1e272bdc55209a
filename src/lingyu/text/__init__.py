"""Normalising text, when two texts count as the same, and JSON that proves itself."""

from .same import Hashes, content_hash, content_hashes, same_text_form
from .sealing import require_seal, sealed
from .steps import STEPS, clean, readable

__all__ = [
    "STEPS",
    "Hashes",
    "clean",
    "content_hash",
    "content_hashes",
    "readable",
    "require_seal",
    "same_text_form",
    "sealed",
]
