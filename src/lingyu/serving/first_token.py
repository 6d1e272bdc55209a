"""The last layer of an encoder computed for the first token alone: all of it that a classifier's head reads.

A token's output depends on the other tokens through their keys and values only. So its query, its feed-forward part and
its norms give the very numbers that the whole layer would have there, for about a sixth of its work: of a forward of
four layers, a fifth is saved. Where a row is answered token by token, the batch goes through the whole layer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

_ALL_TOKENS: ContextVar[bool] = ContextVar("whether a head reads every token of this forward", default=False)


@contextmanager
def all_tokens() -> Iterator[None]:
    """Within it, forwards in this thread give all tokens."""
    token = _ALL_TOKENS.set(True)
    try:
        yield
    finally:
        _ALL_TOKENS.reset(token)


class FirstTokenLayer(nn.Module):
    """In the place of a BERT-like layer (post-norm, absolute positions): (rows, length, width) -> (rows, 1, width)."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.whole = layer
        self.attention = layer.attention
        self.intermediate = layer.intermediate
        self.output = layer.output
        self.head_size: int = layer.attention.self.attention_head_size

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, *others: Any, **named: Any
    ) -> Tensor:
        """attention_mask: (rows, 1, length, length), or None where no row is padded. (rows, length, width) within
        all_tokens.
        """
        if _ALL_TOKENS.get():
            every: Tensor = self.whole(hidden_states, attention_mask, *others, **named)
            return every
        first, projections = hidden_states[:, :1], self.attention.self
        query = self._heads(projections.query(first))
        key, value = self._heads(projections.key(hidden_states)), self._heads(projections.value(hidden_states))
        mask = None if attention_mask is None else attention_mask[:, :, :1]
        seen = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended: Tensor = self.attention.output(seen.transpose(1, 2).flatten(2), first)
        output: Tensor = self.output(self.intermediate(attended), attended)
        return output

    def _heads(self, x: Tensor) -> Tensor:
        """(rows, length, width) -> (rows, heads, length, width of a head)."""
        return x.view(*x.shape[:-1], -1, self.head_size).transpose(1, 2)


def keep_first_token_only(model: Any) -> None:
    """Shorten the last layer of a classifier whose head reads the first token (Family.reads_first_token)."""
    layers = model.base_model.encoder.layer
    layers[-1] = FirstTokenLayer(layers[-1])
