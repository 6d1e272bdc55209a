"""Names of encodings of text, as Python knows them."""

import codecs

from lingyu.errors import did_you_mean

_USUAL = ("utf-8", "gb18030", "gbk", "gb2312", "utf-16", "big5")


def codec_named(encoding: str) -> str | None:
    """Python's own name of an encoding of text; None where it has none of that name."""
    try:
        "".encode(encoding)  # refuses the codecs that are none of text, like rot13, which lookup() knows
        codecs.getincrementaldecoder(encoding)
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):  # the codec `undefined` encodes nothing at all, and no name holds a NUL
        return None


def encoding_like(name: str) -> str | None:
    """The encoding that a mistyped name is nearest to, if one is near."""
    return did_you_mean(name.lower(), _USUAL)


def check_encoding(encoding: str) -> str:
    """The name itself where it is one. Raises ValueError otherwise."""
    if codec_named(encoding) is None:
        near = encoding_like(encoding)
        hint = f"Did you mean {near}?" if near else "Write utf-8, gb18030 or utf-16"
        raise ValueError(f"no encoding is called {encoding!r}. {hint}")
    return encoding
