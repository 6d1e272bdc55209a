"""The gate: what is handed over answers as the adapter on its base does, or it is not handed over.

One model is in memory at a time: the adapter's logits are kept, its model is let go, then the merged one is loaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from lingyu.bases import Base, auto_classifier, quiet_transformers
from lingyu.errors import LingyuError
from lingyu.lora import load_adapter
from lingyu.store import Version
from lingyu.tasks import Calibration, Task, changed_rows
from lingyu.text import Encoded
from lingyu.training import logits_of

from .limits import TOLERANCE
from .texts import GateTexts

_TOKENS_PER_BATCH = 512  # keeps what the layers compute small beside the weights

OnRows = Callable[[int], None]


@dataclass(frozen=True)
class Difference:
    """largest: of a logit. changed_labels: rows that are answered by another label, or by others."""

    largest: float
    changed_labels: int


def unmerged_logits(version: Version, task: Task, base: Base, texts: GateTexts, on_rows: OnRows) -> Tensor:
    """(texts, outputs) or (texts, longest, outputs) float32: the adapter by plain PEFT on the full-precision base."""
    model = load_adapter(base, task.output_names, version.folder, head=task.head)
    max_length, side = version.manifest.max_length, task.traits.truncation_side
    encoded = base.encode(texts.texts, max_length, texts.pairs, truncation_side=side)
    return _logits(model, encoded, base.tokenizer.pad_token_id, on_rows)


def merged_logits(folder: Path, task: Task, texts: GateTexts, on_rows: OnRows) -> Tensor:
    """The same of the merged model as transformers alone loads it, read by its own tokenizer."""
    from transformers import AutoTokenizer

    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = auto_classifier(task.head).from_pretrained(folder)
    pairs = None if texts.pairs is None else list(texts.pairs)
    batch = tokenizer(list(texts.texts), pairs, truncation=True)
    encoded = Encoded(batch["input_ids"], [False] * len(texts.texts), batch.get("token_type_ids"))
    return _logits(model, encoded, tokenizer.pad_token_id, on_rows)


def difference_of(logits: Tensor, reference: Tensor, task: Task, calibration: Calibration) -> Difference:
    """Both as Task.probabilities takes them. NaN anywhere makes the largest difference NaN."""
    return Difference(
        largest=float((logits - reference).abs().max()),
        changed_labels=changed_rows(task, logits.numpy(), reference.numpy(), calibration) or 0,
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


def _logits(model: nn.Module, encoded: Encoded, pad_token_id: int, on_rows: OnRows) -> Tensor:
    """As logits_of. The model is gone afterwards, where the caller holds it no longer."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return logits_of(
        model.to(device), encoded, pad_token_id=pad_token_id, tokens_per_batch=_TOKENS_PER_BATCH, on_rows=on_rows
    )
