"""Several adapters' weighted average: of what they add to the base, whole or cut to a rank, and of their heads.

PEFT's add_weighted_adapter refuses adapters with heads; its `linear` averages A and B apart, which is not the average
of what they add (relative error 0.99 for unrelated adapters of rank 8), while its `cat` is exact, as it is here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from lingyu.lora import AdapterWeights, LinearWeights, LoraWeights

Linears = Mapping[str, nn.Linear]


@dataclass(frozen=True)
class Average:
    """An adapter in the making, by the paths of the classifier's modules, all float32, scaling folded into B.

    kept: squared Frobenius norm of what each layer's cut left, and of the whole; empty where nothing was cut.
    """

    lora: Mapping[str, LoraWeights]
    head: Mapping[str, LinearWeights]
    kept: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def share_kept(self) -> float:
        """Frobenius norm of what is kept over that of the whole, all layers together."""
        return _share(sum(kept for kept, _ in self.kept.values()), sum(whole for _, whole in self.kept.values()))

    @property
    def least_kept(self) -> float:
        """The same of the layer that lost most."""
        return min((_share(*norms) for norms in self.kept.values()), default=1.0)


def linears_of(model: nn.Module) -> dict[str, nn.Linear]:
    """The classifier's linear layers by their paths, in the model's order; the last one's outputs are the labels."""
    return {path: module for path, module in model.named_modules() if isinstance(module, nn.Linear)}


def in_label_order(adapter: AdapterWeights, order: Sequence[int], linears: Linears) -> AdapterWeights:
    """The adapter with the rows of its last layer permuted. order: for each label wanted, its index in the adapter."""
    last = [path for path in linears if path in adapter.head][-1]
    rows, head = list(order), adapter.head[last]
    permuted = LinearWeights(head.weight[rows], None if head.bias is None else head.bias[rows])
    return replace(adapter, head={**adapter.head, last: permuted})


def average(adapters: Sequence[AdapterWeights], weights: Sequence[float], linears: Linears) -> Average:
    """The sum of what each adapter makes of the base, times its weight; exact. weights: sum to 1.

    A layer that only some of them change stays the base's in the others, and so its change is averaged with none.
    linears: the base's; a layer that one adapter holds whole is averaged whole, with the others' form of it.
    """
    head = _average_head(adapters, weights, linears)
    lora: dict[str, LoraWeights] = {}
    for path in linears:
        if path not in head and any(path in adapter.lora for adapter in adapters):
            parts = [
                (adapter.lora[path], weight)
                for adapter, weight in zip(adapters, weights, strict=True)
                if path in adapter.lora
            ]
            lora[path] = LoraWeights(
                A=torch.cat([part.A for part, _ in parts]),
                B=torch.cat([part.B * weight for part, weight in parts], dim=1),
            )
    return Average(lora, head)


def cut(whole: Average, rank: int) -> Average:
    """The average with every layer's change cut to the nearest one of this rank at most (Eckart and Young 1936)."""
    lora, kept = {}, {}
    for path, weights in whole.lora.items():
        lora[path], kept[path] = _cut(weights, rank)
    return replace(whole, lora=lora, kept=kept)


@torch.no_grad()
def set_to(model: nn.Module, adapter: Average) -> None:
    """Change a base into what the adapter makes of it, without PEFT: the reference that its files are held against."""
    linears = linears_of(model)
    for path, lora in adapter.lora.items():
        linears[path].weight += lora.delta()
    _set_head(linears, adapter.head)


@torch.no_grad()
def set_by_definition(
    model: nn.Module, adapters: Sequence[AdapterWeights], weights: Sequence[float], head: Mapping[str, LinearWeights]
) -> None:
    """As set_to, but straight from the definition of the average: each adapter's change, times its weight, added."""
    linears = linears_of(model)
    for adapter, weight in zip(adapters, weights, strict=True):
        for path, lora in adapter.lora.items():
            linears[path].weight += weight * lora.delta()
    _set_head(linears, head)


def _set_head(linears: Linears, head: Mapping[str, LinearWeights]) -> None:
    for path, trained in head.items():
        linears[path].weight.copy_(trained.weight)
        if trained.bias is not None:
            linears[path].bias.copy_(trained.bias)


def _cut(weights: LoraWeights, rank: int) -> tuple[LoraWeights, tuple[float, float]]:
    """The truncated SVD of B A, and the squared norms of what it keeps and of the whole.

    B = Q_B R_B and A' = Q_A R_A make B A = Q_B (R_B R_A') Q_A', whose SVD is that of the small core: exact, and
    (out, in) is never built. In float64, since singular values far apart would lose the small ones.
    """
    left, left_core = torch.linalg.qr(weights.B.double())
    right, right_core = torch.linalg.qr(weights.A.double().T)
    U, S, Vh = torch.linalg.svd(left_core @ right_core.T, full_matrices=False)  # noqa: N806 - the names of the theorem
    root = S[:rank].sqrt()
    A = (root.unsqueeze(1) * (Vh[:rank] @ right.T)).float()  # noqa: N806
    B = ((left @ U[:, :rank]) * root).float()  # noqa: N806
    squares = S.square()
    return LoraWeights(A.contiguous(), B.contiguous()), (float(squares[:rank].sum()), float(squares.sum()))


def _average_head(
    adapters: Sequence[AdapterWeights], weights: Sequence[float], linears: Linears
) -> dict[str, LinearWeights]:
    head: dict[str, LinearWeights] = {}
    for path in linears:
        if any(path in adapter.head for adapter in adapters):
            forms = [_whole(adapter, path, linears[path]) for adapter in adapters]
            biases = [form.bias for form in forms if form.bias is not None]
            head[path] = LinearWeights(
                _weighted_sum([form.weight for form in forms], weights),
                _weighted_sum(biases, weights) if biases else None,
            )
    return head


def _whole(adapter: AdapterWeights, path: str, linear: nn.Linear) -> LinearWeights:
    """The layer as it is under the adapter: its own, or the base's with what the adapter adds to it."""
    if path in adapter.head:
        return adapter.head[path]
    weight, bias = linear.weight.detach(), linear.bias
    changed = adapter.lora[path].merged(weight) if path in adapter.lora else weight
    return LinearWeights(changed, None if bias is None else bias.detach())


def _weighted_sum(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    summed = torch.zeros_like(tensors[0], dtype=torch.float64)
    for tensor, weight in zip(tensors, weights, strict=True):
        summed += tensor.double() * weight
    return summed.float()


def _share(kept: float, whole: float) -> float:
    return math.sqrt(kept / whole) if whole > 0 else 1.0
