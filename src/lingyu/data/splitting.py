"""Splits and samples over same-text groups: a pure function of (seed, texts), whatever the order of the rows.

Groups of rows that stay together are put into an order by a hash of (seed, content hash) and dealt out, each label by
its rows. So a text is on one side only, a row that is added or removed moves few others, and a sorted file needs no
shuffling.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lingyu.text import Hashes

Indices = NDArray[np.int64]
TRAIN = "train"


def split_groups(
    groups: NDArray[np.int64], hashes: Hashes, labels: NDArray[np.int64], shares: Mapping[str, float], seed: int
) -> dict[str, Indices]:
    """Indices of the rows of each part of `shares`, and of train, which gets the rest; ascending.

    groups: (rows,), one number for the rows that stay together: same texts, near ones, one customer's reviews; same
    texts are of one group. hashes, labels: (rows,). shares: part to share of the rows, together below 1.

    A label with as many groups of its own as there are parts is in every part; with fewer, the parts are served in the
    order train, then that of `shares`. No part of a label gets more than its share of rows, rounded, unless one group
    alone is larger than that and nothing smaller is there.

    A group of several labels is given to a part that its rows bring nearer to its share of each label, where all labels
    weigh the same; so a part may get more than its share of a label, but never of the rows.
    """
    assert sum(shares.values()) < 1, "train gets what the shares leave"
    dealt = _dealt(_ordered(groups, hashes, labels, seed), _quotas_of_parts(labels, shares))
    _serve_empty_parts(dealt)
    return {part: _rows_of(found) for part, found in dealt.items()}


def split_by_time(
    groups: NDArray[np.int64],
    hashes: Hashes,
    times: NDArray[np.int64],
    shares: Mapping[str, float],
    seed: int,
) -> dict[str, Indices]:
    """Indices of the rows of each part, ascending: the first part of `shares` is the latest, train the earliest.

    groups, hashes, shares, seed: as split_groups takes them. times: (rows,), any numbers; a group's is its latest
    row's, so that train holds nothing from after the first group of another part. A part is cut off where it is nearest
    to its share of the rows; of groups of one time the hash decides.
    """
    ordered = _ordered(groups, hashes, np.zeros_like(times), seed)
    latest_first = sorted(ordered, key=lambda group: -max(times[list(group.rows)].tolist()))
    ends = np.cumsum([len(group.rows) for group in latest_first])
    parts: dict[str, list[_Group]] = {}
    begin, share = 0, 0.0
    for served, part in enumerate(shares, 1):
        share += shares[part]
        last = len(ends) - (len(shares) - served) - 1  # each part after this one, and train, has a group left
        candidates = ends[begin : max(last, begin + 1)]
        end = begin + (1 + int(np.argmin(np.abs(candidates - share * len(times)))) if len(candidates) else 0)
        parts[part] = latest_first[begin:end]
        begin = end
    parts = {TRAIN: latest_first[begin:], **parts}
    return {part: _rows_of(found) for part, found in parts.items()}


def has_two_labels(hashes: Hashes, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(rows,) True where a same text stands with another label too."""
    pairs = np.unique(np.stack([hashes, labels], axis=1), axis=0)
    texts, labels_each = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(hashes, texts[labels_each > 1])


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
    return [groups[key] for key in sorted(groups, key=lambda key: hash_place(seed, key))]


def hash_place(seed: int, content_hash: int) -> bytes:
    """Where a text comes in the order of this seed."""
    return hashlib.sha256(f"{seed}:{content_hash}".encode()).digest()


# ---- groups, and dealing them to parts


@dataclass(frozen=True, eq=False)
class _Group:
    """Rows that stay together. labels: (label, rows with it), by label."""

    rows: tuple[int, ...]
    labels: tuple[tuple[int, int], ...]


def _rows_of(groups: Sequence[_Group]) -> Indices:
    return np.sort(np.array([row for group in groups for row in group.rows], dtype=np.int64))


def _ordered(groups: NDArray[np.int64], hashes: Hashes, labels: NDArray[np.int64], seed: int) -> list[_Group]:
    """The groups in the order of a hash of (seed, least content hash of the group).

    A row more seldom changes it. The first place that any of the texts has would put the larger groups first.
    """
    members: dict[int, list[tuple[int, int, int]]] = {}
    for row, (group, key, label) in enumerate(zip(groups.tolist(), hashes.tolist(), labels.tolist(), strict=True)):
        members.setdefault(group, []).append((row, key, label))
    found = []
    for rows in members.values():
        counted = tuple(sorted(Counter(label for _, _, label in rows).items()))
        place = hash_place(seed, min(key for _, key, _ in rows))
        found.append((place, _Group(tuple(row for row, _, _ in rows), counted)))
    return [group for _, group in sorted(found, key=lambda placed: placed[0])]


_Quotas = dict[str, dict[int, int]]
_Dealt = dict[str, list[_Group]]


def _quotas_of_parts(labels: NDArray[np.int64], shares: Mapping[str, float]) -> _Quotas:
    """Part -> label -> rows that it should get: one at least."""
    values, counts = np.unique(labels, return_counts=True)
    rows = dict(zip(values.tolist(), counts.tolist(), strict=True))
    return {
        part: {label: max(1, round(share * count)) for label, count in rows.items()} for part, share in shares.items()
    }


def _dealt(groups: Sequence[_Group], quotas: _Quotas) -> _Dealt:
    """Each group to the first part that lacks it, else to train."""
    left = {part: dict(quota) for part, quota in quotas.items()}
    rows_left = {part: sum(quota.values()) for part, quota in quotas.items()}
    dealt: _Dealt = {part: [] for part in (TRAIN, *quotas)}
    for group in groups:
        fitting = (part for part in quotas if len(group.rows) <= rows_left[part])
        part = next((part for part in fitting if _is_lacking(group, left[part], quotas[part])), TRAIN)
        dealt[part].append(group)
        if part != TRAIN:
            rows_left[part] -= len(group.rows)
            for label, rows in group.labels:
                left[part][label] -= rows
    return dealt


def _is_lacking(group: _Group, left: Mapping[int, int], quota: Mapping[int, int]) -> bool:
    """Whether a part is nearer to its quota with the group: of one label, exactly; of several, on balance."""
    if len(group.labels) == 1:
        label, rows = group.labels[0]
        return rows <= left[label]
    return sum((abs(left[label]) - abs(left[label] - rows)) / quota[label] for label, rows in group.labels) > 0


def _serve_empty_parts(dealt: _Dealt) -> None:
    """Give each part without a label, as far as its groups go, the smallest group with it of the part that has most."""
    holding = {part: _by_label(groups) for part, groups in dealt.items()}
    order = list(dealt)
    labels = sorted({label for held in holding.values() for label in held})
    entitled = {label: order[: sum(len(holding[part].get(label, ())) for part in order)] for label in labels}
    for label in labels:
        for part in entitled[label]:
            if holding[part].get(label):
                continue
            donor = max(order, key=partial(_can_spare, holding, order, part, label))
            spare = [
                group for group in holding[donor][label] if _is_spare(group, label, holding[donor], donor, entitled)
            ]
            if spare:
                _move(min(spare, key=lambda group: len(group.rows)), donor, part, dealt, holding)


_Holding = dict[int, list[_Group]]


def _by_label(groups: Sequence[_Group]) -> _Holding:
    held: _Holding = {}
    for group in groups:
        for label, _ in group.labels:
            held.setdefault(label, []).append(group)
    return held


def _can_spare(
    holding: Mapping[str, _Holding], order: Sequence[str], part: str, label: int, donor: str
) -> tuple[int, int]:
    """More groups first; of equal ones the part that is served later than the needy one."""
    return len(holding[donor].get(label, ())), order.index(donor) - order.index(part)


def _is_spare(group: _Group, label: int, held: _Holding, donor: str, entitled: Mapping[int, Sequence[str]]) -> bool:
    """Whether a part can give the group away and keep every other label that it is entitled to."""
    others = (other for other, _ in group.labels if other != label)
    return all(len(held[other]) > 1 or donor not in entitled[other] for other in others)


def _move(group: _Group, donor: str, part: str, dealt: _Dealt, holding: Mapping[str, _Holding]) -> None:
    dealt[donor].remove(group)
    dealt[part].append(group)
    for label, _ in group.labels:
        holding[donor][label].remove(group)
        holding[part].setdefault(label, []).append(group)


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
