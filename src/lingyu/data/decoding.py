"""Bytes of a text file to text, strictly; where that fails, one line that says where and what the file is instead."""

import codecs
from collections.abc import Callable, Iterable

from lingyu.errors import LingyuError, did_you_mean

_BOM16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHINESE = ("utf-8", "gb18030", "big5")  # in the order tried: gb18030 reads much that is not its own
_SIGNATURES = {
    b"PK\x03\x04": "an xlsx or zip file",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel file (xls)",
    b"%PDF": "a PDF file",
}


def decode(content: bytes, encoding: str, source: str) -> str:
    """The text of a file, without a byte order mark.

    Raises LingyuError with the first byte that is not of the encoding, its line, and the encoding that does read it.
    """
    name = _codec(encoding, source)
    for signature, kind in _SIGNATURES.items():
        if content.startswith(signature):
            raise LingyuError(
                f"this is {kind}, not text", source, "Give the file the ending of what it is, or unpack it"
            )
    if name == "utf-8" and content.startswith(_BOM16):
        raise _mismatch("UTF-8", 0, 1, "utf-16", source)
    try:
        text = content.decode("utf-8-sig" if name == "utf-8" else name)
    except UnicodeDecodeError as error:
        raise _not_decodable(content, error.start, encoding, source) from None
    if "\0" in text:
        raise _holds_nul(content if name == "utf-8" else text.encode("utf-8"), source)
    return text.removeprefix("\ufeff")


def _codec(encoding: str, source: str) -> str:
    try:
        "".encode(encoding)  # refuses the codecs that are none of text, like rot13, which lookup() knows
        return codecs.lookup(encoding).name
    except LookupError:
        near = did_you_mean(encoding.lower(), ("utf-8", "gb18030", "gbk", "utf-16", "big5"))
        hint = f"Did you mean {near}?" if near else "Set data.encoding to utf-8, gb18030 or utf-16"
        raise LingyuError(f"data.encoding: no encoding is called {encoding!r}", source, hint) from None


def _line_of(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _not_decodable(content: bytes, position: int, encoding: str, source: str) -> LingyuError:
    line = _line_of(content, position)
    asked = encoding.upper()
    mixed = _mixed_lines(content)
    if mixed is not None:
        return LingyuError(
            f"not {asked} at byte {position} (line {line}): the file mixes encodings, line {mixed[0]} is UTF-8 and "
            f"line {mixed[1]} GB18030",
            source,
            "Save all of it as UTF-8",
        )
    if b"\0" in content:
        return _holds_nul(content, source)
    return _mismatch(asked, position, line, _reading(content), source)


def _mismatch(asked: str, position: int, line: int, reading: str | None, source: str) -> LingyuError:
    at = f"not {asked} at byte {position} (line {line})"
    if reading is None:
        what = f"{at}, and neither UTF-8, GB18030 nor Big5 throughout"
        return LingyuError(what, source, "Is it a text file, and whole? Save it as UTF-8 with a program that reads it")
    return LingyuError(f"{at}; it reads as {reading.upper()}", source, _reads_as_hint(reading))


def _reads_as_hint(encoding: str) -> str:
    return f"Set data.encoding: {encoding}, or save the file as UTF-8"


def _reading(content: bytes) -> str | None:
    if content.startswith(_BOM16):
        return "utf-16"
    return next((name for name in _CHINESE if _decodes(content, name)), None)


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _mixed_lines(content: bytes) -> tuple[int, int] | None:
    """(a line that is UTF-8, one that is GB18030 only), where a file holds both; None where it does not."""
    utf8 = _first(content, lambda line: _decodes(line, "utf-8"))
    gb18030 = _first(content, lambda line: not _decodes(line, "utf-8") and _decodes(line, "gb18030"))
    return (utf8, gb18030) if utf8 and gb18030 else None


def _first(content: bytes, accepts: Callable[[bytes], bool]) -> int | None:
    lines: Iterable[bytes] = content.split(b"\n")
    return next((n for n, line in enumerate(lines, 1) if not line.isascii() and accepts(line)), None)


def _holds_nul(content: bytes, source: str) -> LingyuError:
    position = content.index(b"\0")
    # Every second byte of ASCII in UTF-16 is zero; a file without a byte order mark shows itself by that.
    if content[:400:2].count(0) * 3 > len(content[:400:2]) or content[1:400:2].count(0) * 3 > len(content[1:400:2]):
        return LingyuError("a NUL byte; it looks like UTF-16", f"{source}:1", _reads_as_hint("utf-16"))
    what = f"a NUL byte at byte {position}: this is no text file, or a damaged one"
    return LingyuError(what, f"{source}:{_line_of(content, position)}", "Export it again, as UTF-8")
