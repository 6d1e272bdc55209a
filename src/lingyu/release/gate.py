"""The gate: what is handed over answers as the adapter on its base does, or it is not handed over.

One model is in memory at a time: the adapter's logits are kept, its model is let go, then the merged one is loaded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lingyu.bases import Base, quiet_transformers
from lingyu.errors import LingyuError
from lingyu.lora import load_adapter
from lingyu.store import Version
from lingyu.training import logits_of

from .limits import TOLERANCE

_TOKENS_PER_BATCH = 512  # keeps what the layers compute small beside the weights

OnRows = Callable[[int], None]


@dataclass(frozen=True)
class Difference:
    """largest: of a logit. changed_labels: rows whose largest logit is another."""

    largest: float
    changed_labels: int


def unmerged_logits(version: Version, base: Base, texts: Sequence[str], on_rows: OnRows) -> Tensor:
    """(texts, labels) float32: the adapter by plain PEFT on the full-precision base."""
    model = load_adapter(base, version.manifest.labels, version.folder)
    input_ids = base.encode(texts, version.manifest.max_length).input_ids
    return _logits(model, input_ids, base.tokenizer.pad_token_id, on_rows)


def merged_logits(folder: Path, texts: Sequence[str], on_rows: OnRows) -> Tensor:
    """(texts, labels) float32: the merged model as transformers alone loads it, read by its own tokenizer."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder)
    return _logits(model, tokenizer(list(texts), truncation=True)["input_ids"], tokenizer.pad_token_id, on_rows)


def difference_of(logits: Tensor, reference: Tensor) -> Difference:
    """Both (rows, labels). NaN anywhere makes the largest difference NaN."""
    return Difference(
        largest=float((logits - reference).abs().max()),
        changed_labels=int((logits.argmax(dim=1) != reference.argmax(dim=1)).sum()),
    )


def require_same_answers(found: Difference, where: object) -> None:
    """Raises LingyuError with status 1 beyond the tolerance, or for one changed label. There is no way around it."""
    if found.changed_labels or not found.largest <= TOLERANCE:
        labels = "1 label changes" if found.changed_labels == 1 else f"{found.changed_labels:,} labels change"
        raise LingyuError(
            f"answers differently from the adapter on its base: a logit by {found.largest:.2g} "
            f"(allowed: {TOLERANCE:g}), {labels}",
            where=where,
            next="Nothing was written. Use the adapter unmerged, and please report this",
            status=1,
        )


def _logits(model: nn.Module, input_ids: Sequence[Sequence[int]], pad_token_id: int, on_rows: OnRows) -> Tensor:
    """The model is gone afterwards, where the caller holds it no longer."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return logits_of(
        model.to(device),
        input_ids,
        pad_token_id=pad_token_id,
        tokens_per_batch=_TOKENS_PER_BATCH,
        on_rows=on_rows,
    )
