"""What a table is read from: a file that can be gone through again, or a pipe that passes once. Never held as a whole.

Before its rows are read a table is looked at: is it of the encoding, which way does it quote. Of a file all of it is
looked at; of a pipe its first 256 KiB, or all of it where it is shorter. A gzip file is unpacked as it is read.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from lingyu.errors import LingyuError

PACKED = ".gz"
CHUNK_BYTES = 1 << 16
SAMPLE_BYTES = 1 << 18


@dataclass
class Meter:
    """How much of a content its chunks() have taken to give what they gave: of a gzip file, of its packed bytes."""

    bytes_read: int = 0


@dataclass(frozen=True)
class Whole:
    """A content that open() gives from its beginning each time. packed: what open() gives is gzip, size_bytes its."""

    source: str
    open: Callable[[], BinaryIO]
    size_bytes: int
    packed: bool = False
    meter: Meter = field(default_factory=Meter)

    @property
    def is_whole(self) -> bool:
        return True

    def sample(self) -> Iterator[bytes]:
        with self.open() as stream:
            yield from self._chunks(stream)

    def chunks(self) -> Iterator[bytes]:
        with self.open() as stream:
            for chunk in self._chunks(stream):
                self.meter.bytes_read = stream.tell()
                yield chunk

    def _chunks(self, stream: BinaryIO) -> Iterator[bytes]:
        return _unpacked(stream, self.source) if self.packed else _chunks(stream)


@dataclass(frozen=True)
class Passing:
    """A content that chunks() gives once: head, what was read of it, and then the rest."""

    source: str
    head: bytes
    rest: BinaryIO

    @property
    def is_whole(self) -> bool:
        return False

    def sample(self) -> Iterator[bytes]:
        yield self.head

    def chunks(self) -> Iterator[bytes]:
        yield self.head
        yield from _chunks(self.rest)


Content = Whole | Passing


def content_of_file(path: Path, source: str) -> Content:
    """Raises LingyuError where the file is empty. What is no regular file passes once."""
    if not path.is_file():
        return content_of_stream(path.open("rb"), source)
    size = path.stat().st_size
    if not size:
        raise _empty(source)
    return Whole(source, lambda: path.open("rb"), size, packed=path.suffix.lower() == PACKED)


def content_of_bytes(data: bytes, source: str) -> Whole:
    return Whole(source, lambda: io.BytesIO(data), len(data))


def content_of_stream(stream: BinaryIO, source: str) -> Content:
    """Waits for the first 256 KiB, or the end. Raises LingyuError where nothing comes."""
    head = stream.read(SAMPLE_BYTES)
    if not head:
        raise _empty(source)
    if len(head) < SAMPLE_BYTES:
        return content_of_bytes(head, source)
    return Passing(source, head, stream)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    read = stream.read1 if isinstance(stream, io.BufferedIOBase) else stream.read  # read1: what a pipe holds by now
    while chunk := read(CHUNK_BYTES):
        yield chunk


def _unpacked(stream: BinaryIO, source: str) -> Iterator[bytes]:
    """Raises LingyuError where the stream is no gzip, damaged, or ends before its content does."""
    try:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            yield from iter(lambda: unpacked.read(CHUNK_BYTES), b"")
    except EOFError:
        raise LingyuError("the gzip file is cut off: it ends within its content", source, "Fetch it again") from None
    except (gzip.BadGzipFile, zlib.error):
        raise LingyuError("not a gzip file, or a damaged one", source, "Fetch it again, or pack it again") from None


def _empty(source: str) -> LingyuError:
    return LingyuError("the file is empty", source, "It needs rows, below a line of names in csv and tsv")
