"""Finding a base; its family, tokenizer and fingerprints; loading it as a classifier."""

from .base import EMBEDDED, Base, Classifier, Encoded, find_base
from .families import FAMILIES, Family, auto_target_modules, check_target_modules, require_saved

__all__ = [
    "EMBEDDED",
    "FAMILIES",
    "Base",
    "Classifier",
    "Encoded",
    "Family",
    "auto_target_modules",
    "check_target_modules",
    "find_base",
    "require_saved",
]
