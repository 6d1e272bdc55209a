"""Safetensors files as NumPy arrays, written so that a full disk is an OSError and read so that nothing is believed.

No torch: its reader and writer are the same library with another array type, and the bytes are the same.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from lingyu.errors import LingyuError

from .documents import DAMAGED, read_bytes

# An adapter of BERT-large at rank 256 with its heads has about 0.4 GB.
MAX_TENSOR_BYTES = 2 * 2**30

Array = NDArray[np.generic]

_KINDS = "fiu"  # floats and integers; bfloat16 is none of NumPy's, and an adapter's weights are float32


def write_tensors(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file. Raises OSError where there is no room (the library's own writer raises its own error).

    PEFT and transformers expect the metadata {"format": "pt"}.
    """
    dense = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    path.write_bytes(safetensors.numpy.save(dense, metadata=dict(metadata) if metadata else None))


def read_tensors(path: Path) -> dict[str, Array]:
    """Every tensor of a safetensors file, as an array of its own.

    safetensors refuses a header that is too long, that points outside the file, that overlaps or leaves holes; here
    refused besides: types that are neither float nor integer, and NaN and infinity, which it lets through. Raises
    LingyuError that names the tensor.
    """
    data = read_bytes(path, MAX_TENSOR_BYTES)
    try:
        tensors = safetensors.numpy.load(data)
    except KeyError as error:
        what = f"holds a tensor of type {error.args[0]!r}, which no adapter has"
        raise LingyuError(what, where=path, next=DAMAGED) from None
    except (SafetensorError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise LingyuError(f"is no sound safetensors file ({error})", where=path, next=DAMAGED) from None
    for name, array in tensors.items():
        _check_values(path, name, array)
    return {name: array.copy() for name, array in tensors.items()}


def _check_values(path: Path, name: str, array: Array) -> None:
    if array.dtype.kind not in _KINDS:
        what = f"tensor {name!r:.100} has type {array.dtype}, which no adapter has"
        raise LingyuError(what, where=path, next=DAMAGED)
    # The sum of finite float32 values can overflow, so each value is looked at.
    if not np.isfinite(array).all():
        count = int(array.size - np.isfinite(array).sum())
        raise LingyuError(
            f"tensor {name!r:.100} holds {count:,} values that are no finite numbers",
            where=path,
            next="The training diverged or the file is damaged: take another version",
        )
