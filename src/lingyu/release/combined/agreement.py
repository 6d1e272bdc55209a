"""What adapters have to share before one can be made of them: seen from their manifests, without torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lingyu.errors import LingyuError
from lingyu.store import ADAPTER_WEIGHTS, Version
from lingyu.tasks import SingleLabel


@dataclass(frozen=True)
class Agreement:
    """Adapters that can be averaged. The first one's labels, base and text steps are those of what is made of them.

    weights: one an adapter, sum 1. orders: for each adapter, where the first one's labels stand in its own.
    notes: what was decided, one sentence each.
    """

    adapters: tuple[Version, ...]
    weights: tuple[float, ...]
    orders: tuple[tuple[int, ...], ...]
    max_length: int
    notes: tuple[str, ...]

    @property
    def names(self) -> str:
        return ", ".join(version.reference for version in self.adapters)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.adapters[0].manifest.labels


def agree(adapters: Sequence[Version], weights: Sequence[float] | None = None) -> Agreement:
    """Raises LingyuError where the adapters can't be averaged: both sides are named."""
    first, others = adapters[0], adapters[1:]
    if not others:
        raise LingyuError(
            "one adapter alone is not combined with anything", where=first.reference, next="Name two or more"
        )
    _refuse_one_twice(adapters)
    for other in others:
        _require_same(first, other)
    for adapter in adapters:
        _require_averageable(adapter)
    return Agreement(
        adapters=tuple(adapters),
        weights=_normalised(weights, len(adapters)),
        orders=tuple(_order(first, adapter) for adapter in adapters),
        max_length=max(adapter.manifest.max_length for adapter in adapters),
        notes=tuple(_notes(adapters)),
    )


def _require_averageable(adapter: Version) -> None:
    """What becomes of an average is only measured for one label a text, and for one text."""
    task, next_step = adapter.manifest.task, "Keep the adapters apart; a batch answers by as many as you like"
    if task != SingleLabel.name:
        raise LingyuError(
            f"is for the task {task}; only single_label is combined", where=adapter.reference, next=next_step
        )
    if adapter.manifest.text_pair:
        raise LingyuError("reads two texts; only adapters of one are combined", where=adapter.reference, next=next_step)


def _refuse_one_twice(adapters: Sequence[Version]) -> None:
    known: dict[str, Version] = {}
    for adapter in adapters:
        sha256 = adapter.manifest.files[ADAPTER_WEIGHTS].sha256
        if sha256 in known:
            what = f"{known[sha256].reference} and {adapter.reference} are one and the same adapter"
            raise LingyuError(what, where=adapter.folder, next="Name it once; --weights says how much it counts")
        if adapter.reference in (other.reference for other in known.values()):
            what = f"two different adapters are called {adapter.reference}"
            raise LingyuError(what, where=adapter.folder, next="Publish one of them under another name")
        known[sha256] = adapter


def _normalised(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
    """The weights of an average, which sum to 1: equal ones where none are given."""
    if weights is None:
        return (1 / count,) * count
    said = ",".join(f"{weight:g}" for weight in weights)
    if len(weights) != count:
        raise LingyuError(f"{len(weights)} weights for {count} adapters", where="--weights", next="Give one an adapter")
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights):
        raise LingyuError(f"{said} are no weights of an average", where="--weights", next="Give numbers from 0 up")
    largest = max(weights)
    if largest == 0:
        raise LingyuError("every weight is 0", where="--weights", next="Give at least one adapter a weight")
    shares = [weight / largest for weight in weights]  # their sum can't overflow
    return tuple(share / sum(shares) for share in shares)


def _require_same(first: Version, other: Version) -> None:
    ours, theirs = first.manifest, other.manifest
    both = f"{first.reference} and {other.reference}"
    if ours.base.weights_fingerprint != theirs.base.weights_fingerprint:
        raise _differ(
            f"{both} are for different bases: {ours.base.id} (weights {ours.base.weights_fingerprint[:12]}) and "
            f"{theirs.base.id} (weights {theirs.base.weights_fingerprint[:12]})",
            "What an adapter adds to one base is noise on another: train them on the same one",
        )
    if ours.base.tokenizer_fingerprint != theirs.base.tokenizer_fingerprint:
        raise _differ(
            f"{both} are for different tokenizers: {ours.base.tokenizer_fingerprint[:12]} and "
            f"{theirs.base.tokenizer_fingerprint[:12]}",
            "Train them on the same base",
        )
    if ours.task != theirs.task:
        raise _differ(f"{both} have different tasks: {ours.task} and {theirs.task}", "Combine adapters of one task")
    if set(ours.labels) != set(theirs.labels):
        raise _differ(
            f"{both} have different labels: {_list(ours.labels)} and {_list(theirs.labels)}",
            "Heads are averaged label by label. Keep the adapters apart; a batch answers by as many as you like",
        )
    if ours.text_steps != theirs.text_steps:
        raise _differ(
            f"{both} read texts through different steps: {_list(ours.text_steps)} and {_list(theirs.text_steps)}",
            "A step decides what the text is: train one of them anew with the other's data.clean",
        )


def _differ(what: str, next: str) -> LingyuError:
    return LingyuError(what, next=next)


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6]) or "none"
    return f"{shown} and {len(names) - 6} more" if len(names) > 6 else shown


def _order(first: Version, adapter: Version) -> tuple[int, ...]:
    theirs = adapter.manifest.labels
    return tuple(theirs.index(label) for label in first.manifest.labels)


def _notes(adapters: Sequence[Version]) -> list[str]:
    first, notes = adapters[0], []
    lengths = {adapter.reference: adapter.manifest.max_length for adapter in adapters}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{reference} at {length} tokens" for reference, length in lengths.items())
        notes.append(f"Texts are cut at {max(lengths.values())} tokens; before, {said}.")
    permuted = [adapter.reference for adapter in adapters if adapter.manifest.labels != first.manifest.labels]
    if permuted:
        notes.append(
            f"The labels of {', '.join(permuted)} stood in another order, and were brought into {first.reference}'s."
        )
    return notes
