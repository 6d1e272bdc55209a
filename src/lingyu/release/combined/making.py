"""One adapter of several: averaged, written as plain LoRA, read back and proved, measured, published.

What comes out is a version like any other. It was trained on nothing, so it has no test; what is known of it are the
dev sets of the adapters that it was made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from lingyu.bases import Base
from lingyu.errors import LingyuError
from lingyu.lora import AdapterWeights, find_base_of, load_adapter, read_weights
from lingyu.reporting import Report
from lingyu.store import HASHES, Combination, ParentDev, Store, Version, preparing, read_scores
from lingyu.tasks import task_named
from lingyu.text import Encoded, clean
from lingyu.training import logits_of

from ..ancestry import require_lineage
from ..limits import TOLERANCE
from ..sentences import SENTENCES
from .agreement import Agreement
from .averaging import average, cut, in_label_order, linears_of, set_by_definition, set_to
from .facts import CombinedVersion, train_hashes
from .parents_dev import Answering, DevSet, answer, parents_as_answering, read_dev_set
from .plain_lora import write_plain_lora

_PROOF_ROWS = 64  # of each dev set, beside our own sentences


@dataclass(frozen=True)
class Combined:
    """parents_dev: how everyone answers each one's dev set. notes: what was decided, one sentence each."""

    version: Version
    combination: Combination
    parents_dev: tuple[ParentDev, ...]
    notes: tuple[str, ...]


def publish_average(
    agreed: Agreement,
    store: Path,
    name: str,
    *,
    is_cut: bool,
    svd_rank: int | None,
    channel: str,
    why: str,
    report: Report,
) -> Combined:
    """See combining.combine. is_cut: to svd_rank, or where that is None to the largest rank of the adapters."""
    task_named(agreed.adapters[0].manifest.task, agreed.labels)
    base = find_base_of(agreed.adapters[0])
    parents = _read(agreed, base)
    rank = _rank_of_cut(parents, svd_rank) if is_cut else None
    dev_sets = _dev_sets(agreed)
    with preparing(store) as folder:
        combination = _write_with_proof(folder, agreed, parents, base, rank, dev_sets)
        itself = Answering(name, folder, agreed.labels, tuple(range(len(agreed.labels))), agreed.max_length)
        made = CombinedVersion(
            name=name,
            agreed=agreed,
            folder=folder,
            combination=combination,
            dev_sets=dev_sets,
            answers=answer([*parents_as_answering(agreed), itself], base, dev_sets, report),
            command=_command(agreed, name, rank),
            notes=(*agreed.notes, *_unknown_train(agreed)),
        )
        version = Store(store).publish(name, made.write, channel=channel, why=why)
    return Combined(version, combination, read_scores(version.folder).parents_dev, made.notes)


def _read(agreed: Agreement, base: Base) -> list[AdapterWeights]:
    """The adapters' weights, with heads in the order of labels agreed on. Raises LingyuError for one that won't add."""
    found = []
    classifier = base.load_classifier(agreed.labels)
    linears = linears_of(classifier.model)
    for version, order in zip(agreed.adapters, agreed.orders, strict=True):
        require_lineage(version, base)
        weights = read_weights(version.folder)
        weights.require_fit(classifier.model, classifier.fresh, len(agreed.labels))
        if any(lora.magnitude is not None for lora in weights.lora.values()):
            raise LingyuError(
                "is DoRA, whose change to a layer is of full rank and does not add up with another's",
                where=version.reference,
                next="Train it with lora.use_dora=false, or have both answer: an ensemble in tenants.yaml",
            )
        found.append(in_label_order(weights, order, linears))
    return found


def _rank_of_cut(parents: Sequence[AdapterWeights], svd_rank: int | None) -> int:
    """Raises LingyuError where none of them has LoRA."""
    ranks = [len(lora.A) for parent in parents for lora in parent.lora.values()]
    if not ranks:
        raise LingyuError(
            "the adapters are heads without LoRA, so there is nothing to cut",
            where="--combination-type",
            next="Leave it out",
        )
    return svd_rank or max(ranks)


def _dev_sets(agreed: Agreement) -> list[DevSet]:
    trained_on = train_hashes(agreed.adapters)
    return [
        read_dev_set(version, order, trained_on) for version, order in zip(agreed.adapters, agreed.orders, strict=True)
    ]


def _write_with_proof(
    folder: Path,
    agreed: Agreement,
    parents: Sequence[AdapterWeights],
    base: Base,
    rank: int | None,
    dev_sets: Sequence[DevSet],
) -> Combination:
    """PEFT's two files, which plain PEFT reads back as the average. Raises LingyuError where it reads anything else."""
    model = base.load_classifier(agreed.labels).model
    whole = average(parents, agreed.weights, linears_of(model))
    made = whole if rank is None else cut(whole, rank)
    write_plain_lora(folder, base, made)
    if rank is None:
        set_by_definition(model, parents, agreed.weights, made.head)
    else:
        set_to(model, made)
    proof = _proof_rows(base, agreed, dev_sets)
    largest = _largest_difference(load_adapter(base, agreed.labels, folder), model, proof, base)
    return Combination(
        combination_type=_type(rank),
        rank=rank,
        share_kept=made.share_kept,
        least_kept=made.least_kept,
        largest_logit_difference=largest,
    )


def _proof_rows(base: Base, agreed: Agreement, dev_sets: Sequence[DevSet]) -> Encoded:
    """Our own sentences, and the first dev texts of each adapter."""
    texts = [clean(sentence, agreed.adapters[0].manifest.text_steps) for sentence in SENTENCES]
    for dev in dev_sets:
        texts += dev.rows.texts[:_PROOF_ROWS] if dev.rows else ()
    return base.encode([text for text in texts if text], agreed.max_length)


def _largest_difference(written: nn.Module, reference: nn.Module, proof: Encoded, base: Base) -> float:
    """Of a logit. Raises LingyuError beyond the tolerance of a merge."""
    ours, theirs = (logits_of(model, proof, pad_token_id=base.tokenizer.pad_token_id) for model in (written, reference))
    largest = float((ours - theirs).abs().max())
    if not largest <= TOLERANCE:
        raise LingyuError(
            f"what was written answers differently from the average: a logit by {largest:.2g} (allowed: {TOLERANCE:g})",
            next="Nothing was published. Please report this with the adapters' configs",
            status=1,
        )
    return largest


def _unknown_train(agreed: Agreement) -> list[str]:
    unknown = [version.reference for version in agreed.adapters if HASHES not in version.manifest.files]
    return [
        f"What {name} was trained on is not known: its texts may stand in the others' dev sets." for name in unknown
    ]


def _type(rank: int | None) -> str:
    """PEFT's word."""
    return "cat" if rank is None else "svd"


def _command(agreed: Agreement, name: str, rank: int | None) -> str:
    """What makes the same adapter again, from a store in adapters/."""
    names = " ".join(version.reference for version in agreed.adapters)
    weights = ",".join(f"{weight:.6g}" for weight in agreed.weights)
    cut_to = "" if rank is None else f" --svd-rank {rank}"
    return (
        f"python merge.py {names} --into adapters/{name} --weights {weights} --combination-type {_type(rank)}{cut_to}"
    )
