"""When two texts count as equal: exactly, or as the same text. Gates use the second."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.int64]

_NOT_WORD = re.compile(r"\W+")

# NFKC is most of the time that a form takes, and does nothing to ordinary Chinese but turn its marks into others, which
# go anyway. ASCII and the unified ideographs are what NFKC makes of them; none of these marks becomes a word character
# under it, and none of all these characters does anything to its neighbours.
_PLAIN = re.compile("[\n -~一-鿿　、。〈〉《》「」『』【】〔〕“”‘’—…·，！？：；（）～￥]*")


def same_text_form(text: str) -> str:
    """What two same texts share: NFKC, lower case, word characters only; as it is where none of those is left."""
    return word_characters(text) or text


def word_characters(text: str) -> str:
    """NFKC, lower case, word characters only: what is left of marks alone is nothing."""
    normal = text if _PLAIN.fullmatch(text) else unicodedata.normalize("NFKC", text)
    return _NOT_WORD.sub("", normal.lower())


def content_hash(text: str) -> int:
    """The first 8 bytes of SHA-256 over the same-text form, as a signed integer (what an int64 tensor holds).

    Lone surrogates, which JSON lets through, are hashed by their code points instead of failing.
    """
    return int(content_hashes([text])[0])


def content_hashes(texts: Iterable[str]) -> Hashes:
    """(rows,) int64, in the order of the texts."""
    return form_hashes(map(same_text_form, texts))


def form_hashes(forms: Iterable[str]) -> Hashes:
    """(forms,) int64: the content hashes of the texts that have these same-text forms."""
    digests = b"".join(hashlib.sha256(form.encode("utf-8", "surrogatepass")).digest()[:8] for form in forms)
    return np.frombuffer(digests, dtype=">i8").astype(np.int64)


def in_sorted(hashes: Hashes, ascending: Hashes) -> NDArray[np.bool_]:
    """(hashes,) which of them are among the others."""
    if not len(ascending):
        return np.zeros(len(hashes), dtype=np.bool_)
    at = np.minimum(np.searchsorted(ascending, hashes), len(ascending) - 1)
    found: NDArray[np.bool_] = ascending[at] == hashes
    return found
