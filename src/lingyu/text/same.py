"""When two texts count as equal: exactly, or as the same text. Gates use the second."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.int64]

_NOT_WORD = re.compile(r"\W+")


def same_text_form(text: str) -> str:
    """What two same texts share: NFKC, lower case, word characters only; as it is where none of those is left."""
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", text).lower()) or text


def content_hash(text: str) -> int:
    """The first 8 bytes of SHA-256 over the same-text form, as a signed integer (what an int64 tensor holds).

    Lone surrogates, which JSON lets through, are hashed by their code points instead of failing.
    """
    digest = hashlib.sha256(same_text_form(text).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def content_hashes(texts: Iterable[str]) -> Hashes:
    """(rows,) int64, in the order of the texts."""
    return np.fromiter((content_hash(text) for text in texts), dtype=np.int64)
