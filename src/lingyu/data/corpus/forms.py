"""Same-text forms and their hashes for many paragraphs at once: what lingyu.text gives one by one, several times as
fast. NFKC is most of that time, and does nothing to ordinary Chinese but turn its marks into others that go anyway.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from lingyu.text import Hashes, same_text_form

# ASCII and the unified ideographs are what NFKC makes of them; none of these marks becomes a word character under it,
# and none of all these characters does anything to its neighbours.
_PLAIN = re.compile("[\n -~一-鿿　、。〈〉《》「」『』【】〔〕“”‘’—…·，！？：；（）～￥]*")
_NOT_WORD = re.compile(r"\W+")


def same_text_forms(texts: Iterable[str]) -> list[str]:
    """same_text_form of each."""
    return [
        (_NOT_WORD.sub("", text).lower() or text) if _PLAIN.fullmatch(text) else same_text_form(text) for text in texts
    ]


def form_hashes(forms: Sequence[str]) -> Hashes:
    """(forms,) int64: the content hashes of the texts that have these same-text forms."""
    digests = b"".join(hashlib.sha256(form.encode("utf-8", "surrogatepass")).digest()[:8] for form in forms)
    return np.frombuffer(digests, dtype=">i8").astype(np.int64)
