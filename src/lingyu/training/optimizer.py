"""AdamW with the groups that LoRA and its head want."""

from typing import Any

import torch
from torch import nn


def adamw_groups(
    model: nn.Module, learning_rate: float, weight_decay: float, loraplus_lr_ratio: float | None
) -> list[dict[str, Any]]:
    """Parameter groups: matrices decay, biases and norms don't; with LoRA+ B learns ratio times as fast as A.

    PEFT's own create_loraplus_optimizer gives a head's bias the rate of B and its weight the rate of A; here both
    are A's. Source of the ratio: Hayou et al. 2024 (arXiv 2402.12354).
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = learning_rate * (loraplus_lr_ratio or 1.0) if ".lora_B." in name else learning_rate
        decay = weight_decay if parameter.ndim >= 2 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def adamw(
    model: nn.Module, learning_rate: float, weight_decay: float, loraplus_lr_ratio: float | None
) -> torch.optim.AdamW:
    return torch.optim.AdamW(adamw_groups(model, learning_rate, weight_decay, loraplus_lr_ratio), lr=learning_rate)
