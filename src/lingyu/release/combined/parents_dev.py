"""How adapters and what was combined of them answer each one's dev set. A dev set is no test: see ParentDev."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lingyu.bases import Base
from lingyu.data import Part
from lingyu.errors import LingyuError, printable
from lingyu.evaluation import scores_json, scores_of
from lingyu.lora import load_adapter
from lingyu.reporting import Report
from lingyu.store import Version
from lingyu.tasks import SingleLabel, Task
from lingyu.text import Hashes
from lingyu.training import logits_of

from ..dev_rows import dev_rows_of
from .agreement import Agreement

_SEED = 42  # of the bootstrap's draws
_TOKENS_PER_BATCH = 2048

Logits = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class DevSet:
    """The dev rows of a parent, their labels in the order that was agreed on; None with the reason where not at hand.

    left_out: rows that were taken away, since their text stands in a train set.
    """

    parent: str
    rows: Part | None
    left_out: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class Answering:
    """An adapter to be measured. order: for each label that was agreed on, its index in the adapter's own."""

    reference: str
    folder: Path
    labels: tuple[str, ...]
    order: tuple[int, ...]
    max_length: int


def read_dev_set(version: Version, order: Sequence[int], trained_on: Hashes) -> DevSet:
    """order: for each label that was agreed on, its index in the version's own. trained_on: content hashes."""
    try:
        part = dev_rows_of(version)
    except LingyuError as error:
        return DevSet(version.reference, None, reason=printable(str(error)))
    unseen = part.take(~np.isin(part.hashes, trained_on))
    if not unseen.rows:
        return DevSet(version.reference, None, reason="every dev text stands in a train set")
    agreed = np.argsort(np.asarray(order))[unseen.labels]
    rows = replace(unseen, labelled=replace(unseen.labelled, targets=agreed))
    return DevSet(version.reference, rows, part.rows - unseen.rows)


def parents_as_answering(agreed: Agreement) -> list[Answering]:
    return [
        Answering(version.reference, version.folder, version.manifest.labels, order, version.manifest.max_length)
        for version, order in zip(agreed.adapters, agreed.orders, strict=True)
    ]


def answer(
    adapters: Sequence[Answering], base: Base, dev_sets: Sequence[DevSet], report: Report
) -> dict[str, dict[str, Logits]]:
    """adapter -> dev set -> (rows, labels) logits, the labels in the order agreed on. One model in memory at a time."""
    parts = {dev.parent: dev.rows for dev in dev_sets if dev.rows is not None}
    total = len(adapters) * sum(part.rows for part in parts.values())
    done = 0

    def on_rows(rows: int) -> None:
        nonlocal done
        done += rows
        report("measuring", done, total)

    return {adapter.reference: _answer(adapter, base, parts, on_rows) for adapter in adapters} if parts else {}


def _answer(
    adapter: Answering, base: Base, parts: Mapping[str, Part], on_rows: Callable[[int], None]
) -> dict[str, Logits]:
    model = load_adapter(base, adapter.labels, adapter.folder)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    found = {}
    for parent, part in parts.items():
        encoded = base.encode(part.texts, adapter.max_length)
        pad_token_id = base.tokenizer.pad_token_id
        logits = logits_of(
            model, encoded, pad_token_id=pad_token_id, tokens_per_batch=_TOKENS_PER_BATCH, on_rows=on_rows
        )
        found[parent] = logits[:, list(adapter.order)].numpy()
    return found


def as_json(
    dev_sets: Sequence[DevSet], answers: Mapping[str, Mapping[str, Logits]], labels: tuple[str, ...]
) -> list[dict[str, object]]:
    """`parents_dev` of metrics.json (lingyu.store.ParentDev). labels: as agreed on."""
    task = SingleLabel(labels)
    return [
        {
            "parent": dev.parent,
            "rows": dev.rows.rows if dev.rows else None,
            "left_out": dev.left_out if dev.rows else None,
            "scores": [_scores(name, task, logits[dev.parent], dev.rows) for name, logits in answers.items()]
            if dev.rows
            else None,
            "reason": dev.reason,
        }
        for dev in dev_sets
    ]


def _scores(adapter: str, task: Task, logits: Logits, rows: Part) -> dict[str, object]:
    return {"adapter": adapter, **scores_json(scores_of(task, rows.labels, logits.argmax(axis=1), _SEED))}
