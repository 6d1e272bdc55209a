"""Normalising text, and when two texts count as the same."""

from .same import Hashes, content_hash, content_hashes, same_text_form
from .steps import STEPS, clean, readable

__all__ = ["STEPS", "Hashes", "clean", "content_hash", "content_hashes", "readable", "same_text_form"]
