"""AdamW and its rates: the usual warm-up and decay, after steps in which a new masked-LM head learns alone.

A head that starts at random would send noise through an encoder that knows something. So its group of parameters has
a rate, and the encoder's has none, until the head has learnt: AdamW at rate 0 moves nothing. Rates are a function of
the step, so a resumed run and several processes have the same, and no parameter enters or leaves what DDP reduces.
"""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from lingyu.errors import LingyuError
from lingyu.recipe import Pretraining

_LEARNS_ALONE = "learns_alone"


def adamw(model: nn.Module, train: Pretraining, new: frozenset[str]) -> torch.optim.AdamW:
    """Each trained parameter once. Matrices decay, biases and norms don't. new: names of those that may learn alone."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name in new, parameter.ndim >= 2), []).append(parameter)
    return torch.optim.AdamW(
        # the new ones first: the rate of the first group is what the log shows
        (
            {"params": params, "weight_decay": train.weight_decay if decays else 0.0, _LEARNS_ALONE: is_new}
            for (is_new, decays), params in sorted(groups.items(), reverse=True)
        ),
        lr=train.learning_rate,
        fused=True,
    )


def schedule(optimizer: torch.optim.Optimizer, train: Pretraining, steps: int, head_warmup_steps: int) -> LambdaLR:
    """The rates of an `adamw` over so many steps, of which the first head_warmup_steps are the new head's alone."""

    def factor_of(learns_alone: bool) -> Callable[[int], float]:
        def factor(step: int) -> float:
            if step >= head_warmup_steps:
                return _factor(train.lr_scheduler_type, step - head_warmup_steps, steps - head_warmup_steps, train)
            return _factor("constant_with_warmup", step, head_warmup_steps, train) if learns_alone else 0.0

        return factor

    return LambdaLR(optimizer, [factor_of(group[_LEARNS_ALONE]) for group in optimizer.param_groups])


def require_steps_left(steps: int, head_warmup_steps: int) -> None:
    """Raises LingyuError where the new head's steps are all that there are."""
    if steps <= head_warmup_steps:
        raise LingyuError(
            f"the base has no masked-LM head, and a new one would learn alone for all {steps:,} steps",
            next=f"Set dapt.head_warmup_steps below {steps:,}, or train for longer",
        )


def _factor(kind: str, step: int, steps: int, train: Pretraining) -> float:
    """Share of the peak rate at a step: from 0 up over the warm-up, then as the kind says (transformers' schedules)."""
    warmup = math.ceil(train.warmup_ratio * steps)
    if step < warmup:
        return step / warmup
    if kind == "constant_with_warmup":
        return 1.0
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    return 1.0 - done if kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
