"""Encoded texts as raw arrays in a folder: written by and by, read back memory-mapped."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .encoded import EncodedTexts

_TYPES: Final[dict[str, DTypeLike]] = {
    "ids": "<i4",
    "starts_word": "?",
    "offsets": "<i8",
    "keys": "<u8",
    "middles": "<i4",
    "is_first": "?",
}
"""Array of EncodedTexts -> how its numbers lie in its file."""


class EncodedWriter:
    """Appends encoded texts to those of a new folder. As a context: the files are whole when it ends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._open = ExitStack()
        self._files = {name: self._open.enter_context(_file(folder, name).open("xb")) for name in _TYPES}
        self.texts = self.tokens = 0
        self._put("offsets", np.zeros(1, dtype=np.int64))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    def write(self, texts: EncodedTexts) -> None:
        self._put("offsets", texts.offsets[1:] + self.tokens)
        for name in _TYPES.keys() - {"offsets"}:
            self._put(name, getattr(texts, name))
        self.texts += len(texts)
        self.tokens += len(texts.ids)

    def _put(self, name: str, array: NDArray[Any]) -> None:
        self._files[name].write(np.ascontiguousarray(array, dtype=_TYPES[name]).data)


def open_encoded(folder: Path, texts: int, tokens: int) -> EncodedTexts | None:
    """What a writer left, memory-mapped; None where its files are not there or not of the sizes that belong to them."""
    lengths = {"ids": tokens, "starts_word": tokens, "offsets": texts + 1}
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype in _TYPES.items():
        array = open_array(_file(folder, name), dtype, lengths.get(name, texts))
        if array is None:
            return None
        arrays[name] = array
    return EncodedTexts(**arrays)


def open_array(file: Path, dtype: DTypeLike, length: int) -> NDArray[Any] | None:
    """(length,) memory-mapped, read-only; None where there is no such file of that size."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size != length * np.dtype(dtype).itemsize:
        return None
    return np.asarray(np.memmap(file, dtype=dtype, mode="r", shape=(length,))) if length else np.zeros(0, dtype=dtype)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.bin"
