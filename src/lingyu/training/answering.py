"""Logits of many rows: sorted by length, cut by a budget of tokens."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from lingyu.text import Encoded

from .batches import batches_by_length, pad


@torch.inference_mode()
def logits_of(
    model: nn.Module,
    encoded: Encoded,
    *,
    pad_token_id: int,
    tokens_per_batch: int = 8192,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> torch.Tensor:
    """(rows, outputs) float32 logits in the order given, in eval mode; (rows, longest, outputs) of a head a token, 0
    beyond a row's end. on_rows is told how many rows are done.

    Rows are sorted by length and cut by a budget of tokens; the model's mode is put back.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    order: list[int] = []
    parts: list[torch.Tensor] = []
    for rows in batches_by_length(encoded.lengths, tokens_per_batch):
        read = encoded.take(rows)
        batch = pad(read.input_ids, pad_token_id, read.token_type_ids)
        logits = model(**{key: value.to(device) for key, value in batch.items()}).logits.float().cpu()
        if logits.dim() == 3:
            logits *= batch["attention_mask"].unsqueeze(2)
        parts.append(logits)
        order += rows
        on_rows(len(rows))
    model.train(was_training)
    return torch.cat(_as_wide_as_the_last(parts))[torch.argsort(torch.tensor(order))]


def _as_wide_as_the_last(parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """(rows, tokens, outputs) each, the last the longest, all padded to it; of a head a row as they are."""
    if parts[-1].dim() < 3:
        return list(parts)
    width = parts[-1].shape[1]
    return [nn.functional.pad(part, (0, 0, 0, width - part.shape[1])) for part in parts]
