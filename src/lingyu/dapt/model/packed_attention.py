"""Attention inside each text of a flat batch: texts after one another in a single row, without padding.

Every other layer of an encoder works token by token and never notices. Here queries, keys and values are dealt out to
groups of texts of like length, a plain softmax attention runs over each group at once, and the results go back to
their tokens. Registered with transformers under a name of ours; a model whose config does not name it is untouched.

On CUDA in half precision torch's own kernel for texts of unequal length takes all of it at once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface

NAME = "lingyu_packed"

# A text joins a group whose shortest it exceeds by at most a quarter, or by four tokens: fewer groups would compute
# more padding, more groups would be too small to be worth a matrix product each.
_STRETCH = 1.25
_SLACK = 4


@dataclass(frozen=True)
class Group:
    """Texts of like length, padded to the longest. is_token: (texts, 1, 1, width), None where nothing is padding."""

    texts: int
    width: int
    is_token: Tensor | None


@dataclass(frozen=True)
class Slots:
    """The groups' places, group by group, text by text. S places hold the T tokens of the batch and the padding.

    token_of: (S,) the token that a place shows; padding shows its text's last token. slot_of: (T,) a token's place.
    padding: the places that are padding.
    """

    groups: tuple[Group, ...]
    token_of: Tensor
    slot_of: Tensor
    padding: Tensor


@dataclass(frozen=True)
class Packing:
    """How a flat batch is made up: texts of these lengths after one another. Made once a forward, for all layers.

    Lengths in ascending order make the fewest groups; any order is right.
    """

    lengths: tuple[int, ...]
    device: torch.device

    @cached_property
    def slots(self) -> Slots:
        lengths = np.array(self.lengths, dtype=np.int64)
        ends = np.cumsum(lengths)
        groups, tokens, slots, padding, begin = [], [], [], [], 0
        for first, last in _runs(self.lengths):
            own = lengths[first:last]
            width = int(own.max())
            places = np.arange(width)
            is_token = places < own[:, None]
            of_group = begin + np.arange(is_token.size).reshape(is_token.shape)
            tokens.append(np.minimum((ends - lengths)[first:last, None] + places, ends[first:last, None] - 1).ravel())
            slots.append(of_group[is_token])
            padding.append(of_group[~is_token])
            mask = None if is_token.all() else self._tensor(is_token)[:, None, None, :]
            groups.append(Group(len(own), width, mask))
            begin += is_token.size
        return Slots(tuple(groups), *(self._tensor(np.concatenate(parts)) for parts in (tokens, slots, padding)))

    @cached_property
    def bounds(self) -> Tensor:
        """(texts + 1,) int32: where each text begins, and the end."""
        return self._tensor(np.array(list(accumulate(self.lengths, initial=0)), dtype=np.int32))

    def _tensor(self, array: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    *,
    packing: Packing,
    **_: object,
) -> tuple[Tensor, None]:
    """transformers' interface: query, key and value, each (1, heads, T, width of a head), to (1, T, heads, width)."""
    assert attention_mask is None, "a flat batch has no padding"
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if _has_kernel(query, scale, dropout):
        return _by_kernel(query, key, value, packing)[None], None
    return _by_groups(query, key, value, packing.slots, scale, dropout)[None], None


def _by_groups(query: Tensor, key: Tensor, value: Tensor, slots: Slots, scale: float, dropout: float) -> Tensor:
    """(T, heads, width of a head)"""
    _, heads, tokens, width = query.shape
    flat = torch.cat([part[0].transpose(0, 1).reshape(tokens, heads * width) for part in (query, key, value)], dim=-1)
    spread: Tensor = _Spread.apply(flat, slots.token_of, slots.slot_of)  # type: ignore[no-untyped-call]
    results = []
    for group, part in zip(slots.groups, torch.split(spread, [g.texts * g.width for g in slots.groups]), strict=True):
        q, k, v = part.view(group.texts, group.width, 3, heads, width).permute(2, 0, 3, 1, 4)
        attended = _attend(q, k, v, group.is_token, scale, dropout)
        results.append(attended.transpose(1, 2).reshape(-1, heads * width))
    collected: Tensor = _Collect.apply(  # type: ignore[no-untyped-call]
        torch.cat(results), slots.slot_of, slots.token_of, slots.padding
    )
    return collected.view(tokens, heads, width)


def _attend(q: Tensor, k: Tensor, v: Tensor, is_token: Tensor | None, scale: float, dropout: float) -> Tensor:
    """(texts, heads, width, width of a head)"""
    if q.is_cuda:
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=is_token, dropout_p=dropout, scale=scale)
    # on a CPU faster than the fused kernel in bfloat16, for texts of up to some hundred tokens
    scores = torch.matmul(q * scale, k.transpose(-1, -2))
    if is_token is not None:
        scores = scores.masked_fill(~is_token, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1)
    if dropout > 0:
        weights = functional.dropout(weights, dropout)
    return torch.matmul(weights, v)


def _has_kernel(query: Tensor, scale: float, dropout: float) -> bool:
    """Whether torch's kernel for texts of unequal length can take this. It knows no dropout and, at first, no scale.

    It is FlashAttention's, which GPUs before Ampere (compute capability 8.0) can't run.
    """
    width = query.shape[-1]
    if not query.is_cuda or query.dtype not in (torch.bfloat16, torch.float16) or dropout > 0:
        return False
    if torch.cuda.get_device_capability(query.device) < (8, 0):
        return False
    return width % 8 == 0 and width <= 256 and math.isclose(scale, width**-0.5) and _kernel() is not None


def _kernel() -> Any:
    """varlen_attn; None in a release of torch that has none."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    return varlen_attn


def _by_kernel(query: Tensor, key: Tensor, value: Tensor, packing: Packing) -> Tensor:
    """(T, heads, width of a head). Our tests, which have no GPU, don't reach it."""
    q, k, v = (part[0].transpose(0, 1).contiguous() for part in (query, key, value))
    longest = max(packing.lengths)
    attended: Tensor = _kernel()(q, k, v, packing.bounds, packing.bounds, longest, longest)
    return attended


class _Spread(torch.autograd.Function):
    """Tokens to places. A place that is padding is attended to by nobody and its result goes nowhere, so that its
    gradient is exactly zero, and the gradient is a plain look-up: several times faster than adding up by index."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, token_of: Tensor, slot_of: Tensor) -> Tensor:
        ctx.save_for_backward(slot_of)
        return tokens.index_select(0, token_of)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slot_of,) = ctx.saved_tensors
        return gradient.index_select(0, slot_of), None, None


class _Collect(torch.autograd.Function):
    """Places back to tokens; the gradient of padding is zero."""

    @staticmethod
    def forward(ctx: Any, places: Tensor, slot_of: Tensor, token_of: Tensor, padding: Tensor) -> Tensor:
        ctx.save_for_backward(token_of, padding)
        return places.index_select(0, slot_of)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        token_of, padding = ctx.saved_tensors
        return gradient.index_select(0, token_of).index_fill_(0, padding, 0), None, None, None


def _runs(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Slices of texts of like length, each as long as can be."""
    cuts, shortest = [0], lengths[0]
    for place, length in enumerate(lengths):
        if not shortest <= length <= max(shortest + _SLACK, int(shortest * _STRETCH)):
            cuts.append(place)
            shortest = length
    return pairwise([*cuts, len(lengths)])


def _no_mask(*_: object, **__: object) -> None:
    """What transformers asks for in place of a mask: the packing says it all."""


AttentionInterface.register(NAME, packed_attention)
AttentionMaskInterface.register(NAME, _no_mask)
