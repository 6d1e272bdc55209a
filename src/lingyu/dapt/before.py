"""What the start knew, kept in the run's folder: a run that goes on does not measure it again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lingyu.data import in_one_go
from lingyu.errors import LingyuError
from lingyu.store import read_tensors, write_tensors

from .measuring import NAMES, Masked

BEFORE = "before.safetensors"


def measured_once(run: Path, measure: Callable[[], dict[str, Masked]]) -> dict[str, Masked]:
    """What was measured when the run began. run: its folder. What can't be read there is measured anew."""
    file = run / BEFORE
    try:
        return _read(file)
    except (LingyuError, OSError, KeyError):
        found = measure()
    with in_one_go(file) as staged:
        write_tensors(
            staged.path, {f"{part}.{name}": values for part, of in found.items() for name, values in vars(of).items()}
        )
    return found


def _read(file: Path) -> dict[str, Masked]:
    tensors = read_tensors(file)
    return {
        part: Masked(
            losses=tensors[f"{part}.losses"].astype(np.float64),
            right=tensors[f"{part}.right"].astype(np.int64),
            tokens=tensors[f"{part}.tokens"].astype(np.int64),
            came_from=tensors[f"{part}.came_from"].astype(np.int64),
        )
        for part in NAMES  # in the order of measuring, as published figures stand: the file's is another
        if f"{part}.losses" in tensors
    }
