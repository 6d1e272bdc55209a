"""Batches by a budget of tokens: rows of like length together, and nothing depends on how many processes there are.

A batch is what one optimiser step sees. It is formed once, as a pure function of (seed, epoch), and only then cut into
pieces for the processes and accumulation steps. So a resumed run sees the rows of an uninterrupted one, and two
processes train what one does.

Lengths go into buckets about a sixteenth wide. What does not fill a batch of its bucket moves on to the next longer
one, so that there is one batch below the budget in an epoch, and the number of batches is the same in every epoch:
Trainer finds its place again by dividing the steps by it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from lingyu.tasks import IGNORED

FILL = -1  # stands for a row in a piece that would else be empty


def bucket_bounds(longest: int) -> list[int]:
    """Upper bounds of the length buckets, each about a sixteenth wider than the last, up to the longest row."""
    bounds = [1]
    while bounds[-1] < longest:
        bounds.append(min(longest, bounds[-1] + max(1, bounds[-1] // 16)))
    return bounds


def plan_batches(lengths: Sequence[int], tokens_per_batch: int, seed: int, epoch: int) -> list[list[int]]:
    """Each row once; rows times the longest of a batch stay within the budget. A pure function of its arguments.

    lengths: tokens of each row, none above the budget. The number of batches does not depend on seed and epoch.
    """
    assert max(lengths) <= tokens_per_batch, "a row does not fit the budget"
    generator = np.random.Generator(np.random.PCG64([seed & 0xFFFFFFFFFFFFFFFF, epoch]))
    bounds = bucket_bounds(max(lengths))
    bucket_of = np.searchsorted(bounds, lengths)
    batches: list[list[int]] = []
    carried = np.zeros(0, dtype=np.int64)
    for bucket, bound in enumerate(bounds):
        rows = np.concatenate([carried, np.flatnonzero(bucket_of == bucket)])
        rows = generator.permutation(rows)
        size = tokens_per_batch // bound
        full = len(rows) // size * size
        batches.extend(batch.tolist() for batch in rows[:full].reshape(-1, size))
        carried = rows[full:]
    if len(carried):
        batches.append(carried.tolist())
    return [batches[i] for i in generator.permutation(len(batches))]


def piece(batch: Sequence[int], index: int, pieces: int) -> list[int]:
    """The index-th of so many nearly equal pieces; FILL where a batch has fewer rows than pieces."""
    return list(batch[index::pieces]) or [FILL]


class TokenBudgetBatches(Sampler[list[int]]):
    """What one process sees of the batches: for each, its piece for every accumulation step."""

    def __init__(
        self,
        lengths: Sequence[int],
        tokens_per_batch: int,
        seed: int,
        *,
        process_index: int = 0,
        num_processes: int = 1,
        gradient_accumulation_steps: int = 1,
    ) -> None:
        self.lengths = lengths
        self.tokens_per_batch = tokens_per_batch
        self.seed = seed
        self.process_index = process_index
        self.num_processes = num_processes
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.epoch = 0
        self.num_batches = len(plan_batches(lengths, tokens_per_batch, seed, epoch=0))

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_batches * self.gradient_accumulation_steps

    def __iter__(self) -> Iterator[list[int]]:
        pieces = self.num_processes * self.gradient_accumulation_steps
        for batch in plan_batches(self.lengths, self.tokens_per_batch, self.seed, self.epoch):
            for step in range(self.gradient_accumulation_steps):
                yield piece(batch, step * self.num_processes + self.process_index, pieces)


@runtime_checkable
class HasEpochs(Protocol):
    """A batch sampler whose batches are a pure function of the epoch."""

    def set_epoch(self, epoch: int) -> None: ...


class EpochDataLoader(DataLoader[Any]):
    """Passes on the epoch, which Trainer tells a data loader and not its batch sampler."""

    def set_epoch(self, epoch: int) -> None:
        assert isinstance(self.batch_sampler, HasEpochs), "batches of which nobody can say what an epoch's are"
        self.batch_sampler.set_epoch(epoch)


class EncodedRows(torch.utils.data.Dataset[dict[str, Any]]):
    """Rows as Trainer takes them. The row FILL is the first one with a label that no loss counts."""

    def __init__(self, input_ids: Sequence[Sequence[int]], labels: NDArray[np.int64]) -> None:
        self.input_ids = input_ids
        self.labels = labels

    def __len__(self) -> int:
        return len(self.input_ids)

    def __getitem__(self, row: int) -> dict[str, Any]:
        if row == FILL:
            return {"input_ids": self.input_ids[0], "labels": IGNORED}
        return {"input_ids": self.input_ids[row], "labels": int(self.labels[row])}

    @property
    def lengths(self) -> list[int]:
        return [len(ids) for ids in self.input_ids]

    def sorted_by_length(self) -> "EncodedRows":
        """The same rows, longest first: little padding, and a batch that does not fit memory fails at once."""
        order = sorted(range(len(self)), key=lambda row: -len(self.input_ids[row]))
        return EncodedRows([self.input_ids[row] for row in order], self.labels[order])


def pad(input_ids: Sequence[Sequence[int]], pad_token_id: int) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask, (rows, longest of them)."""
    width = max(map(len, input_ids))
    ids = torch.full((len(input_ids), width), pad_token_id, dtype=torch.long)
    mask = torch.zeros((len(input_ids), width), dtype=torch.long)
    for row, tokens in enumerate(input_ids):
        ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
        mask[row, : len(tokens)] = 1
    return {"input_ids": ids, "attention_mask": mask}


class PaddingCollator:
    """Rows to a batch, padded to the longest of them."""

    def __init__(self, pad_token_id: int) -> None:
        self.pad_token_id = pad_token_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = pad([row["input_ids"] for row in rows], self.pad_token_id)
        batch["labels"] = torch.tensor([row["labels"] for row in rows], dtype=torch.long)
        return batch
