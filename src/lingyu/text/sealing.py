"""JSON that proves itself: its last key is the SHA-256 of the whole, so that no bit of it changes unseen."""

import hashlib
import json
import re
from collections.abc import Mapping

from lingyu.errors import LingyuError

_OPEN = "0" * 64  # stands in the seal's place while the whole is hashed


def sealed(document: Mapping[str, object], key: str) -> bytes:
    """The file: the document's JSON with the seal as the last key; one that it has already makes way."""
    open_document = {**{name: value for name, value in document.items() if name != key}, key: _OPEN}
    data = json.dumps(open_document, ensure_ascii=False, indent=2).encode() + b"\n"
    head, tail = data.rsplit(_OPEN.encode(), 1)
    return head + hashlib.sha256(data).hexdigest().encode() + tail


def require_format(found: object, known: int, where: object, *, status: int = 2) -> None:
    """Raises LingyuError for a document of another format. found: what stands under `format` in it."""
    if type(found) is not int or found != known:
        what = f"has format {found!r:.40}, but this lingyu reads format {known}"
        next_step = "Take the lingyu that wrote it, or a newer one: pip install -U lingyu"
        raise LingyuError(what, where=where, next=next_step, status=status)


def require_seal(data: bytes, seal: object, key: str, where: object, next: str, *, status: int = 2) -> None:
    """Raises LingyuError unless the file's bytes are what their seal says. seal: what stands under the key in them."""
    if not isinstance(seal, str) or re.fullmatch("[0-9a-f]{64}", seal) is None:
        raise LingyuError(f"has no {key}, which proves that it is whole", where=where, next=next, status=status)
    head, _, tail = data.rpartition(seal.encode())
    if hashlib.sha256(head + _OPEN.encode() + tail).hexdigest() != seal:
        raise LingyuError(f"is not what its {key} says: the file was changed", where=where, next=next, status=status)
