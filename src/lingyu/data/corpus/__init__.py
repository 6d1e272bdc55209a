"""Corpora for masked-LM training: raw text in, clean and distinct paragraphs out, without the test sets."""

from .building import build_corpus
from .manifest import CorpusManifest, corpus_hashes, corpus_paragraphs, read_corpus_manifest
from .planning import CorpusRequest

__all__ = [
    "CorpusManifest",
    "CorpusRequest",
    "build_corpus",
    "corpus_hashes",
    "corpus_paragraphs",
    "read_corpus_manifest",
]
