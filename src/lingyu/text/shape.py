"""Characters that come in two widths."""

import re

# Full-width letters, digits and signs to ASCII. The marks ，。！？；：（） stay: Chinese vocabularies hold them.
_KEPT_MARKS = "，！？；：（）～"
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in _KEPT_MARKS} | {0x3000: 0x20}
_WIDE = re.compile(f"[{''.join(map(chr, _NARROW))}]")


def width(text: str) -> str:
    """Full-width letters, digits and signs become ASCII, one for each; Chinese punctuation stays."""
    return text.translate(_NARROW) if _WIDE.search(text) else text
