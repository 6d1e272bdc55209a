"""What a table is read from: a file that can be gone through again, or a pipe that passes once. Never held as a whole.

Before its rows are read a table is looked at: is it of the encoding, which way does it quote. Of a file all of it is
looked at; of a pipe its first 256 KiB, or all of it where it is shorter.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from lingyu.errors import LingyuError

CHUNK_BYTES = 1 << 16
SAMPLE_BYTES = 1 << 18


@dataclass
class Meter:
    """How much of a content its chunks() have given."""

    bytes_read: int = 0


@dataclass(frozen=True)
class Whole:
    """A content that open() gives from its beginning each time."""

    source: str
    open: Callable[[], BinaryIO]
    size_bytes: int
    meter: Meter = field(default_factory=Meter)

    @property
    def is_whole(self) -> bool:
        return True

    def sample(self) -> Iterator[bytes]:
        with self.open() as stream:
            yield from _chunks(stream)

    def chunks(self) -> Iterator[bytes]:
        for chunk in self.sample():
            self.meter.bytes_read += len(chunk)
            yield chunk


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
    return Whole(source, lambda: path.open("rb"), size)


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


def _empty(source: str) -> LingyuError:
    return LingyuError("the file is empty", source, "It needs a first line that names the columns, and rows")
