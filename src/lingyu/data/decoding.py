"""Bytes of a text file to text, strictly, piece by piece; where that fails, one line that says where and what it is.

A file is gone through before its first row is read, so that what is wrong with its end is told at once. A pipe can
only be told to be wrong when it gets there, and what it is instead is judged from the bytes around that place.
"""

import codecs
import io
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lingyu.errors import LingyuError
from lingyu.recipe import codec_named, encoding_like

from .contents import Content

LONGEST_CHARACTERS = 1 << 24
"""Of a line or cell. More is no table; without a limit one line without an end would fill the memory."""

_BOM16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BOMS = (*_BOM16, codecs.BOM_UTF32_BE)  # that of UTF-32-LE begins as one of UTF-16
_CHINESE = ("utf-8", "gb18030", "big5")  # in the order tried: gb18030 reads much that is not its own
_SIGNATURES = {
    b"PK\x03\x04": "an xlsx or zip file",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a parquet file",
    b"\xd0\xcf\x11\xe0": "an old Excel file (xls)",
    b"%PDF": "a PDF file",
}
_HEAD_BYTES = 400


@dataclass(frozen=True)
class Text:
    """A content that is read in an encoding. codec: Python's name of the encoding."""

    content: Content
    encoding: str
    codec: str

    def sample_lines(self) -> Iterator[str]:
        """What may be looked at beforehand, as csv has lines; of a pipe's, the last and unfinished one is left out."""
        lines = _lines(_pieces(self, self.content.sample(), ends=self.content.is_whole), "", self.content.source)
        return lines if self.content.is_whole else (line for line in lines if line.endswith(("\n", "\r")))

    def lines(self, newline: str) -> Iterator[str]:
        r"""All lines with their ends, once. newline: "" for \n, \r and \r\n, as csv has them; "\n" for that alone.

        Raises LingyuError where a pipe turns out to be no text of the encoding, and for a line without an end.
        """
        return _lines(_pieces(self, self.content.chunks(), ends=True), newline, self.content.source)


def decode(content: Content, encoding: str) -> Text:
    """The text of a content, without a byte order mark.

    Raises LingyuError with the first byte that is not of the encoding, its line, and the encoding that does read it.
    """
    codec = codec_of(encoding, content.source)
    head = head_of(content.sample())
    refuse_other_kinds(head, content.source)
    if codec == "utf-8" and head.startswith(_BOM16):
        raise _mismatch("UTF-8", 0, 1, "utf-16", content.source)
    text = Text(content, encoding, codec)
    for _ in _pieces(text, content.sample(), ends=content.is_whole, nul_comes_last=True):
        pass
    return text


def refuse_other_kinds(head: bytes, source: str) -> None:
    """Raises LingyuError where a file begins as one of another kind does."""
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            raise LingyuError(
                f"this is {kind}, not text", source, "Give the file the ending of what it is, or unpack it"
            )


def head_of(chunks: Iterator[bytes]) -> bytes:
    """The first 400 bytes."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD_BYTES:
            break
    return head[:_HEAD_BYTES]


def codec_of(encoding: str, source: str) -> str:
    """Python's name of an encoding. Raises LingyuError where it has none of that name, with the nearest."""
    codec = codec_named(encoding)
    if codec is None:
        near = encoding_like(encoding)
        hint = f"Did you mean {near}?" if near else "Set data.encoding to utf-8, gb18030 or utf-16"
        raise LingyuError(f"data.encoding: no encoding is called {encoding!r}", source, hint)
    return codec


def incremental_decoder(codec: str, head: bytes, errors: str = "strict") -> codecs.IncrementalDecoder:
    """head: how the text begins, maybe with a byte order mark."""
    if codec in ("utf-16", "utf-32") and not head.startswith(_BOMS):
        codec += "-le" if sys.byteorder == "little" else "-be"  # as bytes.decode does; the incremental one refuses
    return codecs.getincrementaldecoder(codec)(errors)


def _pieces(text: Text, chunks: Iterator[bytes], *, ends: bool, nul_comes_last: bool = False) -> Iterator[str]:
    """The text of these chunks, in pieces. ends: whether the last chunk is the end of the text.

    nul_comes_last: a byte that is not of the encoding is told first, wherever it stands: a NUL often goes with one.
    """
    at = _Position(text)
    nul: LingyuError | None = None
    codec = "utf-8-sig" if text.codec == "utf-8" else text.codec
    decoder = incremental_decoder(codec, head_of(text.content.sample()))
    for chunk in itertools.chain(chunks, [b""] if ends else []):
        try:
            piece = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise at.refusal(chunk, error) from None
        if "\0" in piece and nul is None:
            nul = at.nul(chunk, piece)
            if not nul_comes_last:
                raise nul
        if piece:
            yield piece.removeprefix("\ufeff") if at.begins else piece
        at.move(chunk, piece)
    if nul is not None:
        raise nul


class _Position:
    """How far a text was read: what a message about the next chunk needs."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._bytes = 0
        self._line = 1
        self._foreign_line: int | None = None  # the first line so far that is not ASCII
        self.begins = True

    def move(self, chunk: bytes, piece: str) -> None:
        if self._foreign_line is None and not chunk.isascii():
            before = next(index for index, byte in enumerate(chunk) if byte > 127)
            self._foreign_line = self._line + chunk.count(b"\n", 0, before)
        self._bytes += len(chunk)
        self._line += chunk.count(b"\n")
        self.begins = self.begins and not piece

    def refusal(self, chunk: bytes, error: UnicodeDecodeError) -> LingyuError:
        """What is said of a chunk that can't be decoded."""
        # what the decoder had in hand ends where the chunk ends, and may begin before it
        left = error.object[error.start :]
        position = self._bytes + len(chunk) - len(left)
        line = self._line + chunk.count(b"\n") - left.count(b"\n")
        content = self._text.content
        if content.is_whole or not self._bytes:
            return _not_decodable(_Evidence(content.sample, ends=content.is_whole), position, line, self._text)
        inside = position - self._bytes
        around = left if inside < 0 else chunk[chunk.rfind(b"\n", 0, inside) + 1 :]
        foreign = self._foreign_line if self._text.codec == "utf-8" else None
        begins = self._bytes + len(chunk) - len(around)
        evidence = _Evidence(lambda: iter([around]), not chunk, begins, line, foreign)
        return _not_decodable(evidence, position, line, self._text)

    def nul(self, chunk: bytes, piece: str) -> LingyuError:
        inside = chunk.find(b"\0")
        if inside < 0 or not "aa".encode(self._text.codec).endswith(b"aa"):  # in UTF-16 a byte of zero says nothing
            line = self._line + piece.count("\n", 0, piece.index("\0"))
            return _holds_nul("a NUL character", line, self._text.content.source)
        where = self._bytes + inside, self._line + chunk.count(b"\n", 0, inside)
        return _nul_byte(*where, head_of(self._text.content.sample()), self._text.content.source)


@dataclass(frozen=True)
class _Evidence:
    """Bytes from which it is judged what a text is instead. ends: whether they are all of it.

    position, line: where in the text they begin. utf8_line: a line before them that is UTF-8 and not ASCII.
    """

    chunks: Callable[[], Iterator[bytes]]
    ends: bool
    position: int = 0
    line: int = 1
    utf8_line: int | None = None

    def reads_as(self) -> str | None:
        if self.position == 0 and head_of(self.chunks()).startswith(_BOM16):
            return "utf-16"
        return next((name for name in _CHINESE if self._decodes(name)), None)

    def _decodes(self, encoding: str) -> bool:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            for chunk in self.chunks():
                decoder.decode(chunk)
            decoder.decode(b"", final=self.ends)
        except UnicodeDecodeError:
            return False
        return True

    def mixed_lines(self) -> tuple[int, int] | None:
        """(a line that is UTF-8, one that is GB18030 only), where a file holds both; None where it does not."""
        utf8, gb18030 = self.utf8_line, None
        for number, line in enumerate(byte_lines(self.chunks()), self.line):
            if line.isascii():
                continue
            if decodes(line, "utf-8"):
                utf8 = utf8 or number
            elif decodes(line, "gb18030"):
                gb18030 = gb18030 or number
            if utf8 and gb18030:
                return utf8, gb18030
        return None

    def nul(self) -> tuple[int, int] | None:
        """(position, line) of the first NUL byte."""
        position, line = self.position, self.line
        for chunk in self.chunks():
            at = chunk.find(b"\0")
            if at >= 0:
                return position + at, line + chunk.count(b"\n", 0, at)
            position += len(chunk)
            line += chunk.count(b"\n")
        return None


def _not_decodable(evidence: _Evidence, position: int, line: int, text: Text) -> LingyuError:
    asked, source = text.encoding.upper(), text.content.source
    mixed = evidence.mixed_lines()
    if mixed is not None:
        return LingyuError(
            f"not {asked} at byte {position} (line {line}): the file mixes encodings, line {mixed[0]} is UTF-8 and "
            f"line {mixed[1]} GB18030",
            source,
            "Save all of it as UTF-8",
        )
    nul = evidence.nul()
    if nul is not None:
        return _nul_byte(*nul, head_of(text.content.sample()), source)
    return _mismatch(asked, position, line, evidence.reads_as(), source)


def _mismatch(asked: str, position: int, line: int, reading: str | None, source: str) -> LingyuError:
    at = f"not {asked} at byte {position} (line {line})"
    if reading is None:
        what = f"{at}, and neither UTF-8, GB18030 nor Big5 throughout"
        return LingyuError(what, source, "Is it a text file, and whole? Save it as UTF-8 with a program that reads it")
    return LingyuError(f"{at}; it reads as {reading.upper()}", source, _reads_as_hint(reading))


def _reads_as_hint(encoding: str) -> str:
    return f"Set data.encoding: {encoding}, or save the file as UTF-8"


def decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def byte_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines without their ends; of one without an end, no more than a limit is held."""
    begun = b""
    for chunk in chunks:
        *lines, begun = (begun + chunk).split(b"\n")
        yield from lines
        if len(begun) > LONGEST_CHARACTERS:
            begun = b""
    yield begun


def _nul_byte(position: int, line: int, head: bytes, source: str) -> LingyuError:
    # Every second byte of ASCII in UTF-16 is zero; a file without a byte order mark shows itself by that.
    if head[::2].count(0) * 3 > len(head[::2]) or head[1::2].count(0) * 3 > len(head[1::2]):
        return LingyuError("a NUL byte; it looks like UTF-16", f"{source}:1", _reads_as_hint("utf-16"))
    return _holds_nul(f"a NUL byte at byte {position}", line, source)


def _holds_nul(what: str, line: int, source: str) -> LingyuError:
    return LingyuError(
        f"{what}: this is no text file, or a damaged one", f"{source}:{line}", "Export it again, as UTF-8"
    )


def _lines(pieces: Iterable[str], newline: str, source: str) -> Iterator[str]:
    """Lines with their ends, cut as io.StringIO(text, newline=newline) cuts them."""
    number, length = 1, 0
    begun: list[str] = []
    for piece in _with_line_ends_whole(pieces):
        for part in io.StringIO(piece, newline=newline):
            begun.append(part)
            length += len(part)
            if length > LONGEST_CHARACTERS:
                what = f"a line of more than {LONGEST_CHARACTERS:,} characters"
                raise LingyuError(what, f"{source}:{number}", "Is it a table, one row a line?")
            if part.endswith("\n" if newline else ("\n", "\r")):
                yield "".join(begun)
                begun, length, number = [], 0, number + 1
    if begun:
        yield "".join(begun)


def _with_line_ends_whole(pieces: Iterable[str]) -> Iterator[str]:
    r"""The pieces, none of which ends between \r and \n."""
    whole = io.IncrementalNewlineDecoder(None, translate=False)
    for piece in pieces:
        yield whole.decode(piece)
    yield whole.decode("", final=True)
