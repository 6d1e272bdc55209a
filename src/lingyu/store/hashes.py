"""What a version keeps of its data: content hashes of each split, and its answers on the test rows. No text."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError
from lingyu.tasks import Targets
from lingyu.text import Hashes

from .documents import DAMAGED
from .tensors import Array, read_tensors, write_tensors

HASHES = "hashes.safetensors"
ANSWERS = "answers.safetensors"

_PARTS = ("train", "dev", "test")


@dataclass(frozen=True)
class StoredAnswers:
    """What a model answered to the test, and what is true, both in the order of the test hashes.

    logits: float32, (rows, outputs); of token (rows, tokens, tags); of preference (pairs, 2), the better reply first.
    labels: Targets of the task, (rows,) or (rows, labels or tokens), int64; of regression float32.
    """

    logits: NDArray[np.float32]
    labels: Targets


def write_hashes(path: Path, *, train: Hashes, dev: Hashes, test: Hashes) -> None:
    """Content hashes, sorted here: (rows,) int64 each, one a row, so a text that stands twice has its hash twice."""
    parts = {"train": train, "dev": dev, "test": test}
    write_tensors(path, {part: np.sort(np.asarray(hashes, dtype=np.int64)) for part, hashes in parts.items()})


def read_hashes(path: Path) -> Mapping[str, Hashes]:
    """part: sorted (rows,) int64, for train, dev and test."""
    tensors = _exactly(read_tensors(path), _PARTS, path)
    hashes = {part: _typed(tensors[part], (np.int64,), (1,), path, part) for part in _PARTS}
    for part, values in hashes.items():
        if np.any(values[1:] < values[:-1]):
            raise LingyuError(f"tensor {part!r} is not sorted", where=path, next=DAMAGED)
    return hashes


def write_answers(path: Path, logits: NDArray[np.float32], labels: Targets, hashes: Hashes) -> None:
    """The test's logits and labels (see StoredAnswers), brought from the order of `hashes` into the sorted one.

    Rows with the same hash keep their order.
    """
    order = np.argsort(hashes, kind="stable")
    assert len(logits) == len(labels) == len(hashes), "one row each"
    kind = np.float32 if labels.dtype.kind == "f" else np.int64
    write_tensors(path, {"logits": logits[order].astype(np.float32), "labels": labels[order].astype(kind)})


def read_answers(path: Path) -> StoredAnswers:
    """Raises LingyuError where the file holds anything else, or rows that do not fit each other."""
    tensors = _exactly(read_tensors(path), ("logits", "labels"), path)
    logits = _typed(tensors["logits"], (np.float32,), (2, 3), path, "logits")
    labels = _typed(tensors["labels"], (np.int64, np.float32), (1, 2), path, "labels")
    if len(logits) != len(labels):
        raise LingyuError(f"holds {len(logits):,} rows of logits but {len(labels):,} labels", where=path, next=DAMAGED)
    if logits.ndim == 3 and labels.shape != logits.shape[:2]:
        what = f"holds tags of {labels.shape} tokens for logits of {logits.shape[:2]}"
        raise LingyuError(what, where=path, next=DAMAGED)
    return StoredAnswers(logits, labels)


def _exactly(tensors: dict[str, Array], names: tuple[str, ...], path: Path) -> dict[str, Array]:
    if set(tensors) != set(names):
        found = ", ".join(sorted(tensors))
        raise LingyuError(f"holds the tensors {found:.100}, not {', '.join(names)}", where=path, next=DAMAGED)
    return tensors


def _typed(
    array: Array, dtypes: tuple[type[Any], ...], dimensions: tuple[int, ...], path: Path, name: str
) -> NDArray[Any]:
    if array.dtype not in dtypes or array.ndim not in dimensions:
        kinds = " or ".join(str(np.dtype(dtype)) for dtype in dtypes)
        wanted = f"{' or '.join(map(str, dimensions))} dimensions of {kinds}"
        raise LingyuError(
            f"tensor {name!r} has {array.ndim} dimensions of {array.dtype}, not {wanted}", where=path, next=DAMAGED
        )
    return array
