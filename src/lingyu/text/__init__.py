"""Normalising text, when two texts count as the same, and JSON that proves itself."""

from .jieba_words import cut_by_jieba, cut_by_nothing
from .personal import PERSONAL_KINDS, Span, personal_spans
from .same import Hashes, content_hash, content_hashes, form_hashes, in_sorted, same_text_form, word_characters
from .sealing import require_format, require_seal, sealed
from .steps import STEPS, clean, places_of, readable, whole_characters
from .tokens import Encoded, TextTokenizer

__all__ = [
    "PERSONAL_KINDS",
    "STEPS",
    "Encoded",
    "Hashes",
    "Span",
    "TextTokenizer",
    "clean",
    "content_hash",
    "content_hashes",
    "cut_by_jieba",
    "cut_by_nothing",
    "form_hashes",
    "in_sorted",
    "personal_spans",
    "places_of",
    "readable",
    "require_format",
    "require_seal",
    "same_text_form",
    "sealed",
    "whole_characters",
    "word_characters",
]
