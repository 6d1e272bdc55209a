"""How many texts a second a classifier answers, beside another one on the same batches."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lingyu.text import Encoded

from .runtimes import Run
from .token_rows import Batch, batches_of

_TEXTS = 256
_ROUNDS = 3


def timed_batches(rows: Encoded, pad_token_id: int, tokens_per_batch: int) -> tuple[Batch, ...]:
    """Batches of some of the rows, evenly picked where there are many: enough for a figure, soon enough done."""
    count = len(rows.input_ids)
    picked = np.unique(np.linspace(0, count - 1, num=min(_TEXTS, count), dtype=np.int64))
    return tuple(batches_of(rows.take(picked.tolist()), pad_token_id, tokens_per_batch))


def texts_per_s(
    runs: Mapping[str, Run], batches: Sequence[Batch], on_round: Callable[[int, int], None]
) -> dict[str, float]:
    """Each run once to warm up, then all in turns, so that whatever else the machine does hits them alike; medians.

    on_round is told how many passes over the batches are done, and how many there are.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    done, total = 0, len(runs) * (_ROUNDS + 1)
    for turn in range(_ROUNDS + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            for batch in batches:
                run(*batch.inputs)
            if turn:
                seconds[name].append(time.perf_counter() - began)
            done += 1
            on_round(done, total)
    texts = sum(len(batch.rows) for batch in batches)
    return {name: texts / statistics.median(taken) for name, taken in seconds.items()}
