"""A text of which some lines are damaged: it is read on past them, and each row knows what it was read from.

decoding.Text refuses a file for a single byte that is not of its encoding, as training must. Here the file is cut into
lines before it is decoded, so that a broken character takes no more with it than the row that it stands in.
"""

import codecs
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from lingyu.errors import LingyuError

from ..contents import Content
from ..decoding import LONGEST_CHARACTERS, head_of, incremental_decoder

REPLACEMENT = "\ufffd"
_MARK = "\udcff"  # for a byte that is of no character: no codec of a text gives this one
_MARKS, _KEEPS = "lingyu-import-marks", "lingyu-import-keeps"


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return _MARK, error.start + 1  # one byte at a time: the next may be the quotation mark that ends the cell


def _keep(error: UnicodeError) -> tuple[str | bytes, int]:
    """Half a surrogate pair stays one; a lone surrogate U+DC00 + byte stands for any other bad byte."""
    assert isinstance(error, UnicodeDecodeError)
    try:
        return codecs.lookup_error("surrogatepass")(error)
    except UnicodeDecodeError:
        return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_MARKS, _mark)
codecs.register_error(_KEEPS, _keep)


@dataclass(frozen=True)
class Decoded:
    """text: U+FFFD stands for each of the bad bytes. bad: those that are of no character, and NUL."""

    text: str
    bad: int


def decode_past(raw: bytes, codec: str) -> Decoded:
    """A whole line or file, read past what can't be read."""
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        text = raw.decode(codec, _MARKS)
    bad = text.count(_MARK) + text.count("\0")
    return Decoded(text.replace(_MARK, REPLACEMENT).replace("\0", REPLACEMENT) if bad else text, bad)


def what_is_bad(raw: bytes, codec: str, encoding: str) -> tuple[str, int]:
    """(why decode_past() found bad bytes, where the first is). encoding: its name as it is said."""
    try:
        at = len(raw.decode(codec).partition("\0")[0].encode(codec))
        return "a NUL character", at
    except UnicodeDecodeError as error:
        return f"not {encoding.upper()}", error.start


@dataclass
class Taken:
    """What was read since it was asked last. raw: the bytes; of UTF-16 and UTF-32, the same text as UTF-8."""

    raw: bytearray = field(default_factory=bytearray)
    bad: int = 0


@dataclass(frozen=True)
class LenientText:
    """What delimited.records() reads. codec: Python's name of the encoding."""

    content: Content
    encoding: str
    codec: str
    _taken: Taken = field(default_factory=Taken)

    @property
    def line_codec(self) -> str:
        """What the bytes of a line are in: UTF-8 where a line feed is more than one byte, so that lines can be cut."""
        return self.codec if _is_single_byte(self.codec) else "utf-8"

    def sample_lines(self) -> Iterator[str]:
        return (decoded.text for decoded in self.sample(""))

    def sample(self, newline: str) -> Iterator[Decoded]:
        """All lines, as often as they are asked for; they do not count as taken."""
        return (decode_past(raw, self.line_codec) for raw in self._raw_lines(self.content.sample(), newline))

    def lines(self, newline: str) -> Iterator[str]:
        r"""All lines, cut at \n, \r and \r\n, or with the newline "\n" at that alone. U+FFFD is where a byte is bad."""
        for raw in self._raw_lines(self.content.chunks(), newline):
            decoded = decode_past(raw, self.line_codec)
            self._taken.raw += raw
            self._taken.bad += decoded.bad
            yield decoded.text

    def take(self) -> Taken:
        """Which lines were read since the last call: those of the row that was just parsed from them."""
        taken = Taken(self._taken.raw, self._taken.bad)
        self._taken.raw, self._taken.bad = bytearray(), 0
        return taken

    def _raw_lines(self, chunks: Iterator[bytes], newline: str) -> Iterator[bytes]:
        if not _is_single_byte(self.codec):
            chunks = self._as_utf8(chunks)
        lines = _cut(chunks, newline, self.content.source)
        yield next(lines, b"").removeprefix(codecs.BOM_UTF8)
        yield from lines

    def _as_utf8(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The text as UTF-8; what is none becomes a lone surrogate, whose three bytes mark its line."""
        decoder = incremental_decoder(self.codec, head_of(self.content.sample()), _KEEPS)
        for chunk in itertools.chain(chunks, [b""]):
            yield decoder.decode(chunk, final=not chunk).encode("utf-8", "surrogatepass")


def _is_single_byte(codec: str) -> bool:
    return "\n".encode(codec) == b"\n"


def _cut(chunks: Iterator[bytes], newline: str, source: str) -> Iterator[bytes]:
    """Lines with their ends. bytes.splitlines cuts where csv does; a trail byte is never one of these."""
    begun = b""
    for chunk in chunks:
        begun += chunk
        if newline:
            *whole, begun = begun.split(b"\n")
            yield from (line + b"\n" for line in whole)
        elif lines := begun.splitlines(keepends=True):
            begun = b"" if lines[-1].endswith(b"\n") else lines.pop()  # after \r, a \n may still come
            yield from lines
        if len(begun) > LONGEST_CHARACTERS:
            raise LingyuError(f"a line of more than {LONGEST_CHARACTERS:,} bytes", source, "Is it one row a line?")
    if begun:
        yield begun
