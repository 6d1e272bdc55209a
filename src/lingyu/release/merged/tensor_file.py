"""A safetensors file tensor by tensor: neither reading nor writing ever holds more than one of them.

The format: 8 bytes with the header's length, little-endian; the header, JSON, filled up with blanks to a multiple of
8; the tensors' bytes without holes (https://huggingface.co/docs/safetensors, "Format").
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lingyu.bases import StoredTensor
from lingyu.digests import FileRecord
from lingyu.errors import LingyuError

from .dtypes import NAMES

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in NAMES}
_CODES = {torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}
_BY_CODE = {code: dtype for dtype, code in _CODES.items()}

Shape = tuple[int, ...]


def read_tensor(stored: StoredTensor) -> Tensor:
    """The tensor as float32, in memory of its own. Raises LingyuError for another kind, or a file that is not whole."""
    dtype = _BY_CODE.get(stored.dtype)
    if dtype is None:
        raise LingyuError(
            f"{stored.name} has type {stored.dtype}, which is no floating-point number",
            where=stored.file,
            next=f"Take the base in full precision; read are {', '.join(_BY_CODE)}",
        )
    raw = np.empty(stored.size_bytes, dtype=np.uint8)
    with stored.file.open("rb", buffering=0) as file:
        file.seek(stored.start)
        read = file.readinto(raw.data) if stored.size_bytes else 0
    if read != stored.size_bytes or stored.size_bytes != _size(stored.shape, dtype):
        raise LingyuError(
            f"{stored.name} has {read:,} bytes for shape {list(stored.shape)} of {stored.dtype}",
            where=stored.file,
            next="Copy or download the base anew",
        )
    return torch.from_numpy(raw).view(dtype).reshape(stored.shape).float()


def write_tensors(
    file: Path,
    shapes: Mapping[str, Shape],
    values: Iterable[Tensor],
    dtype: torch.dtype,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> FileRecord:
    """Write a file of these tensors, cast to dtype, onto the disk; its SHA-256 and size.

    values: one a name, in the order of the shapes, asked for one by one. on_bytes is told how many bytes were written.
    Raises LingyuError for a tensor with NaN or infinity, in float16 also for one that is too large for it.
    """
    digest = hashlib.sha256()
    header = _header(shapes, dtype)
    with file.open("wb") as stream:
        stream.write(header)
        digest.update(header)
        for (name, shape), value in zip(shapes.items(), values, strict=True):
            assert value.shape == shape, f"{name}: {value.shape} where {shape} was announced"
            data = _bytes_of(_finite(name, value.to(dtype), dtype))
            stream.write(data)
            digest.update(data)
            on_bytes(len(data))
        stream.flush()
        os.fsync(stream.fileno())
        return FileRecord(sha256=digest.hexdigest(), size=stream.tell())


def size_bytes(shapes: Mapping[str, Shape], dtype: torch.dtype) -> int:
    """Of the tensors, without the header."""
    return sum(_size(shape, dtype) for shape in shapes.values())


def _header(shapes: Mapping[str, Shape], dtype: torch.dtype) -> bytes:
    # transformers refuses a file whose metadata names no format
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, end = end, end + _size(shape, dtype)
        entries[name] = {"dtype": _CODES[dtype], "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _size(shape: Shape, dtype: torch.dtype) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


def _finite(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    if not torch.isfinite(value).all():
        raise LingyuError(
            f"{name} would hold values that are no finite numbers in {str(dtype).removeprefix('torch.')}",
            next="Nothing was written. Take --dtype float32; where that fails too, base or adapter is damaged",
            status=1,
        )
    return value


def _bytes_of(value: Tensor) -> memoryview:
    return value.contiguous().reshape(-1).view(torch.uint8).numpy().data
