"""AdamW with the rates that LoRA, its head and the layers of an encoder want."""

import re
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn

Factor = Callable[[str], float]
"""Name of a parameter -> its learning rate over that of the recipe."""

_LAYER = re.compile(r"\.layers?\.(\d+)\.")


def same_rate(_: str) -> float:
    return 1.0


def loraplus(ratio: float | None) -> Factor:
    """With LoRA+ B learns ratio times as fast as A; the head learns as A does.

    PEFT's own create_loraplus_optimizer gives a head's bias the rate of B and its weight the rate of A.
    Source: Hayou et al. 2024 (arXiv 2402.12354).
    """
    return same_rate if ratio is None else lambda name: ratio if ".lora_B." in name else 1.0


def layerwise(names: Collection[str], head: Collection[str], decay: float | None) -> Factor:
    """Each layer learns decay times as fast as the one above it: the head fastest, the embeddings slowest.

    names: of all parameters. head: ends of the head's module paths. With n layers the factor is decay ** 1 for the
    topmost and decay ** (n + 1) for the embeddings. What is neither layer nor embeddings, a norm above the layers,
    learns as the topmost. Source: Howard and Ruder 2018 (arXiv 1801.06146), discriminative fine-tuning.
    """
    if decay is None:
        return same_rate
    layers = 1 + max((int(found[1]) for name in names if (found := _LAYER.search(name))), default=-1)

    def factor(name: str) -> float:
        module = name.rpartition(".")[0]
        if any(module == end or module.endswith(f".{end}") for end in head):
            return 1.0
        if found := _LAYER.search(name):
            return float(decay ** (layers - int(found[1])))
        return float(decay ** (layers + 1 if "embeddings" in name else 1))

    return factor


def adamw_groups(
    model: nn.Module, learning_rate: float, weight_decay: float, factor: Factor = same_rate
) -> list[dict[str, Any]]:
    """A group for each pair of rate and decay; matrices decay, biases and norms don't. What is frozen is in none."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((learning_rate * factor(name), decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def adamw(model: nn.Module, learning_rate: float, weight_decay: float, factor: Factor = same_rate) -> torch.optim.AdamW:
    return torch.optim.AdamW(adamw_groups(model, learning_rate, weight_decay, factor), lr=learning_rate)
