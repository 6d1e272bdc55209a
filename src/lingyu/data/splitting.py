"""Splits and samples over same-text groups: a pure function of (seed, texts), whatever the order of the rows.

Within each label, groups of same texts are put into an order by a hash of (seed, content hash) and dealt out by rows.
So a text is on one side only, a row that is added or removed moves few others, and a sorted file needs no shuffling.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lingyu.text import Hashes

Indices = NDArray[np.int64]
TRAIN = "train"


def split_rows(hashes: Hashes, labels: NDArray[np.int64], shares: Mapping[str, float], seed: int) -> dict[str, Indices]:
    """Indices of the rows of each part of `shares`, and of train, which gets the rest; ascending.

    hashes, labels: (rows,). A same text has one label. shares: part to share of the rows, together below 1.

    A label with as many same-text groups as there are parts is in every part; with fewer, the parts are served in the
    order train, then that of `shares`. No part of a label gets more than its share of rows, rounded, unless one group
    alone is larger than that and nothing smaller is there.
    """
    assert sum(shares.values()) < 1, "train gets what the shares leave"
    parts: dict[str, list[int]] = {part: [] for part in (TRAIN, *shares)}
    for label in np.unique(labels):
        groups = _groups(hashes, np.flatnonzero(labels == label), seed)
        for part, dealt in _dealt(groups, shares).items():
            parts[part].extend(row for group in dealt for row in group)
    return {part: np.sort(np.asarray(rows, dtype=np.int64)) for part, rows in parts.items()}


def sample_rows(hashes: Hashes, labels: NDArray[np.int64], rows: int, seed: int) -> Indices:
    """Indices of `rows` rows at most, stratified, ascending; same texts are taken together or not at all.

    Fewer come back only where the next group of same texts would be one too many.
    """
    names, counts = np.unique(labels, return_counts=True)
    if rows >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    taken: list[int] = []
    for label, quota in zip(names, _quotas(counts, rows), strict=True):
        left = quota
        for group in _groups(hashes, np.flatnonzero(labels == label), seed):
            if len(group) <= left:
                taken.extend(group)
                left -= len(group)
    return np.sort(np.asarray(taken, dtype=np.int64))


def _groups(hashes: Hashes, rows: Indices, seed: int) -> list[list[int]]:
    """The rows in groups of same text, the groups in the order of a hash of (seed, content hash)."""
    groups: dict[int, list[int]] = {}
    for row in rows.tolist():
        groups.setdefault(int(hashes[row]), []).append(row)
    return [groups[key] for key in sorted(groups, key=lambda key: _place(seed, key))]


def _place(seed: int, content_hash: int) -> bytes:
    return hashlib.sha256(f"{seed}:{content_hash}".encode()).digest()


def _dealt(groups: Sequence[list[int]], shares: Mapping[str, float]) -> dict[str, list[list[int]]]:
    """The groups of one label, dealt to train and the parts of `shares`."""
    total = sum(map(len, groups))
    left = {part: max(1, round(share * total)) for part, share in shares.items()}
    dealt: dict[str, list[list[int]]] = {part: [] for part in (TRAIN, *shares)}
    for group in groups:
        part = next((part for part in shares if len(group) <= left[part]), TRAIN)
        dealt[part].append(group)
        if part != TRAIN:
            left[part] -= len(group)
    _serve_empty_parts(dealt, len(groups))
    return dealt


def _serve_empty_parts(dealt: dict[str, list[list[int]]], groups: int) -> None:
    """Give each part that got nothing, as far as the groups go, the smallest group of the part that has most."""
    for part in list(dealt)[:groups]:
        if dealt[part]:
            continue
        donor = max((other for other in dealt if dealt[other]), key=lambda other: _can_spare(dealt, other, part))
        dealt[part].append(dealt[donor].pop(_smallest(dealt[donor])))


def _can_spare(dealt: dict[str, list[list[int]]], donor: str, part: str) -> tuple[int, int]:
    """More groups first; of equal ones the part that is served later than the needy one."""
    order = list(dealt)
    return len(dealt[donor]), order.index(donor) - order.index(part)


def _smallest(groups: Sequence[list[int]]) -> int:
    return min(range(len(groups)), key=lambda at: len(groups[at]))


def _quotas(counts: NDArray[np.int64], rows: int) -> list[int]:
    """`rows` shared out in proportion to the counts by largest remainder; one at least each, where there are enough."""
    exact = counts * (rows / counts.sum())
    quotas = np.floor(exact).astype(np.int64)
    if rows >= len(counts):
        quotas = np.maximum(quotas, 1)
    by_remainder = np.argsort(quotas - exact, kind="stable")
    while quotas.sum() < rows:
        for at in by_remainder[: int(rows - quotas.sum())]:
            quotas[at] += 1
    while quotas.sum() > rows:
        quotas[int(np.argmax(quotas))] -= 1
    return [int(quota) for quota in quotas]
