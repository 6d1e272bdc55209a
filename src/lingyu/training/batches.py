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
from torch.utils.data import Sampler

from lingyu.tasks import IGNORED
from lingyu.text import Encoded

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


def batches_by_length(lengths: Sequence[int], tokens_per_batch: int) -> Iterator[list[int]]:
    """Each row once, the shortest first; rows times the longest of a batch stay within the budget where they can."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end - start + 1) * lengths[order[end]] <= tokens_per_batch:
            end += 1
        yield order[start:end]
        start = end


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
    """A batch sampler whose batches, or a dataset whose rows, are a pure function of the epoch."""

    def set_epoch(self, epoch: int) -> None: ...


class EncodedRows(torch.utils.data.Dataset[dict[str, Any]]):
    """One sequence a row, with its target. The row FILL is the first one with a target that no loss counts.

    targets: (rows, ...); of a head a token a list of (tokens,), one a row.
    """

    def __init__(self, encoded: Encoded, targets: NDArray[Any] | Sequence[NDArray[Any]]) -> None:
        self.encoded = encoded
        self.targets = targets

    def __len__(self) -> int:
        return len(self.encoded)

    def __getitem__(self, row: int) -> dict[str, Any]:
        if row == FILL:
            return {**_sequence(self.encoded, 0), "labels": np.full_like(self.targets[0], IGNORED)}
        return {**_sequence(self.encoded, row), "labels": self.targets[row]}

    @property
    def lengths(self) -> list[int]:
        """Tokens that each row takes of a batch's budget."""
        return self.encoded.lengths

    @property
    def sequences(self) -> Encoded:
        """Everything that a model is to read."""
        return self.encoded

    def sorted_by_length(self) -> "EncodedRows":
        """The same rows, longest first: little padding, and a batch that does not fit memory fails at once."""
        order = _longest_first(self.lengths)
        return EncodedRows(self.encoded.take(order), [self.targets[row] for row in order])

    def of_rows(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits of sequences, brought to one entry a row."""
        return logits

    def of_sequences(self, logits: torch.Tensor) -> torch.Tensor:
        """What of_rows was made from."""
        return logits

    def collator(self, pad_token_id: int) -> "PaddingCollator":
        return PaddingCollator(pad_token_id)


class EncodedComparisons(torch.utils.data.Dataset[dict[str, Any]]):
    """Two sequences a row, of which the first should get the higher score: a context with the better reply, and with
    the worse. Neither is ever without the other, whatever their lengths.
    """

    def __init__(self, chosen: Encoded, rejected: Encoded) -> None:
        assert len(chosen) == len(rejected), "a reply without its counterpart"
        self.chosen = chosen
        self.rejected = rejected

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, row: int) -> dict[str, Any]:
        at, target = (0, IGNORED) if row == FILL else (row, 0)
        both = {"chosen": _sequence(self.chosen, at), "rejected": _sequence(self.rejected, at)}
        return {**both, "labels": np.int64(target)}

    @property
    def lengths(self) -> list[int]:
        """Both are padded to the longer one."""
        return [2 * max(both) for both in zip(self.chosen.lengths, self.rejected.lengths, strict=True)]

    @property
    def sequences(self) -> Encoded:
        """(2 * rows): those with the better reply first."""
        return self.chosen.joined(self.rejected)

    def sorted_by_length(self) -> "EncodedComparisons":
        order = _longest_first(self.lengths)
        return EncodedComparisons(self.chosen.take(order), self.rejected.take(order))

    def of_rows(self, logits: torch.Tensor) -> torch.Tensor:
        """(2 * rows, 1) -> (rows, 2)"""
        return torch.stack(logits.squeeze(-1).chunk(2), dim=1)

    def of_sequences(self, logits: torch.Tensor) -> torch.Tensor:
        """(rows, 2) -> (2 * rows, 1)"""
        return logits.T.reshape(-1, 1)

    def collator(self, pad_token_id: int) -> "ComparisonCollator":
        return ComparisonCollator(pad_token_id)


TrainingRows = EncodedRows | EncodedComparisons


def _sequence(encoded: Encoded, row: int) -> dict[str, list[int]]:
    """What a model reads of a row."""
    if encoded.token_type_ids is None:
        return {"input_ids": encoded.input_ids[row]}
    return {"input_ids": encoded.input_ids[row], "token_type_ids": encoded.token_type_ids[row]}


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda row: -lengths[row])


def pad(
    input_ids: Sequence[Sequence[int]], pad_token_id: int, token_type_ids: Sequence[Sequence[int]] | None = None
) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask, and token_type_ids where they are given, (rows, longest of them)."""
    width = max(map(len, input_ids))
    ids = torch.full((len(input_ids), width), pad_token_id, dtype=torch.long)
    mask = torch.zeros((len(input_ids), width), dtype=torch.long)
    for row, tokens in enumerate(input_ids):
        ids[row, : len(tokens)] = torch.tensor(tokens, dtype=torch.long)
        mask[row, : len(tokens)] = 1
    batch = {"input_ids": ids, "attention_mask": mask}
    if token_type_ids is not None:
        batch["token_type_ids"] = torch.zeros((len(input_ids), width), dtype=torch.long)
        for row, types in enumerate(token_type_ids):
            batch["token_type_ids"][row, : len(types)] = torch.tensor(types, dtype=torch.long)
    return batch


def _padded(sequences: Sequence[dict[str, Any]], pad_token_id: int) -> dict[str, torch.Tensor]:
    """As pad, of what _sequence gives."""
    types = [each["token_type_ids"] for each in sequences] if "token_type_ids" in sequences[0] else None
    return pad([each["input_ids"] for each in sequences], pad_token_id, types)


def _targets(rows: Sequence[dict[str, Any]]) -> torch.Tensor:
    """(rows, ...); targets of different lengths, which are those of tokens, are filled up with IGNORED."""
    targets = [np.asarray(row["labels"]) for row in rows]
    if targets[0].ndim == 1:
        width = max(map(len, targets))
        targets = [np.pad(target, (0, width - len(target)), constant_values=IGNORED) for target in targets]
    return torch.from_numpy(np.stack(targets))


class PaddingCollator:
    """Rows to a batch, padded to the longest of them."""

    def __init__(self, pad_token_id: int) -> None:
        self.pad_token_id = pad_token_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return {**_padded(rows, self.pad_token_id), "labels": _targets(rows)}


class ComparisonCollator:
    """Comparisons to a batch of twice as many sequences: those with the better replies, then those with the worse."""

    def __init__(self, pad_token_id: int) -> None:
        self.pad_token_id = pad_token_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        sequences = [row[reply] for reply in ("chosen", "rejected") for row in rows]
        # labels come first: Trainer takes the first tensor's rows for those of the batch
        return {"labels": _targets(rows), **_padded(sequences, self.pad_token_id)}
