"""Attention inside each text of a flat batch, against torch's own, text by text."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional
from transformers import BertConfig, BertModel

from lingyu.dapt.model.packed_attention import NAME, Packing, packed_attention

CPU = torch.device("cpu")
LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=12)


def attend_one_by_one(parts: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """parts: (3, 1, heads, T, width)"""
    texts = [functional.scaled_dot_product_attention(*text) for text in parts.split(lengths, dim=3)]
    return torch.cat(texts, dim=2).transpose(1, 2)


@given(LENGTHS)
def test_every_token_has_one_place_and_the_rest_is_padding(lengths: list[int]) -> None:
    slots = Packing(tuple(lengths), CPU).slots
    assert slots.token_of[slots.slot_of].tolist() == list(range(sum(lengths)))
    places = range(sum(group.texts * group.width for group in slots.groups))
    assert sorted([*slots.slot_of.tolist(), *slots.padding.tolist()]) == list(places)
    assert len(slots.token_of) == len(places)


@given(LENGTHS)
def test_texts_in_order_of_length_are_padded_by_a_quarter_or_four_tokens_at_most(lengths: list[int]) -> None:
    lengths.sort()
    groups = Packing(tuple(lengths), CPU).slots.groups
    first = 0
    for group in groups:
        own = lengths[first : first + group.texts]
        assert group.width == max(own) <= max(own[0] + 4, own[0] * 1.25)
        assert (group.is_token is None) == (len(set(own)) == 1)
        first += group.texts
    assert first == len(lengths)


@given(LENGTHS, st.integers(0, 100))
def test_each_text_attends_to_itself_alone_and_so_do_the_gradients(lengths: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randn(3, 1, 2, sum(lengths), 4, dtype=torch.float64, generator=generator, requires_grad=True)
    expected = attend_one_by_one(parts, lengths)
    weights = torch.randn(expected.shape, dtype=torch.float64, generator=generator)
    (expected_gradient,) = torch.autograd.grad((expected * weights).sum(), parts)

    found, no_weights = packed_attention(torch.nn.Identity(), *parts, None, packing=Packing(tuple(lengths), CPU))
    (gradient,) = torch.autograd.grad((found * weights).sum(), parts)
    assert no_weights is None
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, expected_gradient)


def test_large_scores_of_padding_do_not_leak_in_half_precision() -> None:
    lengths = [5, 6, 8]
    parts = (torch.randn(3, 1, 2, 19, 4, generator=torch.Generator().manual_seed(0)) * 30).bfloat16()
    found, _ = packed_attention(torch.nn.Identity(), *parts, None, packing=Packing(tuple(lengths), CPU))
    for text, alone in zip(found.split(lengths, dim=1), parts.split(lengths, dim=3), strict=True):
        packing = Packing((text.shape[1],), CPU)
        torch.testing.assert_close(text, packed_attention(torch.nn.Identity(), *alone, None, packing=packing)[0])


def test_dropout_leaves_the_mean_as_it_is() -> None:
    torch.manual_seed(0)
    packing = Packing((20,) * 50, CPU)
    parts = torch.ones(3, 1, 4, 1000, 2)
    found, _ = packed_attention(torch.nn.Identity(), *parts, None, 0.3, packing=packing)
    assert abs(found.mean().item() - 1) < 0.01
    assert found.std() > 0.05


def test_models_that_do_not_name_it_keep_their_own_attention() -> None:
    config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    model = BertModel(config)
    assert model.config._attn_implementation != NAME
    assert model(input_ids=torch.ones(2, 3, dtype=torch.int64)).last_hidden_state.shape == (2, 3, 8)
