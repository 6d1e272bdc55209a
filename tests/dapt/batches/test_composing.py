"""Composed batches: what the model's forward takes, and of each text the same wherever and whenever it is composed."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.bases import find_base
from lingyu.dapt.batches.composing import CHOOSING, HELD_OUT, Composer
from lingyu.dapt.batches.draws import Draws
from lingyu.dapt.corpus.encoded import EncodedTexts, encode_batch
from lingyu.dapt.corpus.segmenters import segmenter_for
from lingyu.errors import LingyuError
from lingyu.recipe import Dapt

from .hand_made_texts import CLS, MASK, SEP, TEXTS, hand_made, masking, pieces_of

TEXT = ["房间很干净。服务态度也很好！", "早餐差", "离地铁站 500m，wifi 免费。下次还会来。[MASK] 是正文。"]


def composer(objective: tuple[str, ...] = ("mlm",), seed: int = 42) -> Composer:
    """For hand-made texts."""
    share = 0.2 if "word_order" in objective else None
    return Composer(seed, CLS, SEP, masking(0.3, 2), share, sentence_order="sentence_order" in objective)


ALL = ("mlm", "word_order", "sentence_order")
OBJECTIVES = st.sampled_from([("mlm",), ("mlm", "word_order"), ("mlm", "sentence_order"), ALL])


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return find_base("embedded").tokenizer


def real_composer(tokenizer: Any, **dapt: Any) -> Composer:
    return Composer.from_recipe(Dapt(corpus=("corpus",), **dapt), tokenizer, len(tokenizer), seed=42)


@settings(max_examples=40)
@given(TEXTS, OBJECTIVES, st.integers(0, 5))
def test_a_batch_is_flat_without_padding_and_the_shortest_text_comes_first(
    texts: list[list[int]], objective: tuple[str, ...], epoch: int
) -> None:
    encoded = hand_made(texts, [text[0] if len(text) > 2 else 0 for text in texts])
    batch = composer(objective).compose(encoded, np.arange(len(texts)), epoch)
    lengths = batch["lengths"].numpy()
    total = int(lengths.sum())
    assert all(tensor.dtype == torch.int64 for tensor in batch.values())
    assert {batch[name].shape for name in ("input_ids", "position_ids", "token_type_ids")} == {(total,)}
    assert (np.diff(lengths) >= 0).all()
    assert batch["position_ids"].tolist() == [place for length in lengths for place in range(length)]
    assert batch["labels"].shape == batch["masked_positions"].shape
    assert (np.diff(batch["masked_positions"].numpy()) > 0).all()
    assert ("sentence_labels" in batch) == ("sentence_order" in objective)
    for ids in pieces_of(batch["input_ids"].numpy(), lengths):
        assert ids[0] == CLS
        assert ids[-1] == SEP


@settings(max_examples=40)
@given(TEXTS, st.booleans(), st.integers(0, 5))
def test_with_its_labels_put_back_a_batch_is_the_texts(texts: list[list[int]], word_order: bool, epoch: int) -> None:
    encoded = hand_made(texts)
    batch = composer(("mlm", "word_order") if word_order else ("mlm",)).compose(encoded, np.arange(len(texts)), epoch)
    restored = batch["input_ids"].clone()
    restored[batch["masked_positions"]] = batch["labels"]
    found = sorted(ids[1:-1] for ids in pieces_of(restored.numpy(), batch["lengths"].numpy()))
    assert found == [part.tolist() for part in np.split(encoded.ids, encoded.offsets[1:-1])]


def of_each_text(batch: dict[str, torch.Tensor]) -> list[tuple[object, ...]]:
    lengths = batch["lengths"].numpy()
    labels = np.full(int(lengths.sum()), -100)
    labels[batch["masked_positions"].numpy()] = batch["labels"].numpy()
    columns = [batch["input_ids"].numpy(), batch["token_type_ids"].numpy(), labels]
    sentence = batch.get("sentence_labels", torch.zeros(len(lengths))).tolist()
    return list(zip(*(map(tuple, pieces_of(column, lengths)) for column in columns), sentence, strict=True))


@settings(max_examples=40)
@given(TEXTS, OBJECTIVES, st.integers(0, 5), st.randoms())
def test_a_text_is_the_same_whatever_else_is_in_the_batch(
    texts: list[list[int]], objective: tuple[str, ...], epoch: int, random: Any
) -> None:
    encoded = hand_made(texts, [text[0] if len(text) > 2 else 0 for text in texts])
    rows = list(range(len(texts)))
    random.shuffle(rows)
    cut = random.randint(0, len(rows) - 1)
    compose = composer(objective).compose
    together = of_each_text(compose(encoded, np.arange(len(texts)), epoch))
    apart = [
        text
        for part in (rows[:cut], rows[cut:])
        if part
        for text in of_each_text(compose(encoded, np.array(part), epoch))
    ]
    assert sorted(apart) == sorted(together)


def test_each_epoch_has_new_masks_and_each_seed_its_own() -> None:
    texts = hand_made([[1, 2] * 20])
    rows = np.array([0])
    found = {str(composer(seed=s).compose(texts, rows, epoch)["masked_positions"]) for s in (1, 2) for epoch in (0, 1)}
    assert len(found) == 4


def test_held_out_texts_have_the_same_masks_whatever_is_trained() -> None:
    texts = hand_made([[1, 2] * 10, [3] * 8], middles=[6, 9])
    rows = np.arange(2)
    one = composer(ALL, seed=1).compose_held_out(texts, rows)
    other = composer(("mlm",), seed=2).compose_held_out(texts, rows)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not one["token_type_ids"].any()


@pytest.mark.parametrize(
    ("masks", "places", "ids"),
    [
        (HELD_OUT, [2, 3, 4, 8, 9, 19, 20, 21, 22], [MASK] * 9),
        (CHOOSING, [1, 4, 5, 6, 17, 18, 19, 20, 21], [MASK, MASK, 1_000_093, *[MASK] * 6]),
    ],
    ids=["reported", "choosing"],
)
def test_masks_for_measuring_do_not_change_from_release_to_release(
    masks: Draws, places: list[int], ids: list[int]
) -> None:
    """Else figures of two releases would not stand beside each other."""
    batch = composer().compose_held_out(hand_made([[1, 2] * 10]), np.arange(1), masks)
    assert batch["masked_positions"].tolist() == places
    assert batch["input_ids"][batch["masked_positions"]].tolist() == ids


def test_without_texts_there_is_still_something_for_a_forward_and_nothing_to_guess() -> None:
    batch = composer(ALL).compose(hand_made([[1]]), np.zeros(0, dtype=np.int64), epoch=0)
    assert batch["input_ids"].tolist() == [CLS, SEP]
    assert batch["lengths"].tolist() == [2]
    assert batch["masked_positions"].tolist() == batch["labels"].tolist() == []
    assert batch["sentence_labels"].tolist() == [-100]


def test_masked_and_shuffled_tokens_are_told_by_their_labels() -> None:
    texts = hand_made([[1, 2, 1] * 30] * 50)
    batch = composer(("mlm", "word_order")).compose(texts, np.arange(50), 0)
    alone = composer(("mlm",)).compose(texts, np.arange(50), 0)
    added = np.setdiff1d(batch["masked_positions"].numpy(), alone["masked_positions"].numpy())
    assert len(added)
    assert np.isin(alone["masked_positions"].numpy(), batch["masked_positions"].numpy()).all()
    changed = batch["input_ids"] != alone["input_ids"]
    assert np.isin(np.flatnonzero(changed.numpy()), added).all()


# ---- with a real tokenizer and a recipe


@pytest.fixture(scope="module")
def encoded(tokenizer: Any) -> EncodedTexts:
    return encode_batch(TEXT, tokenizer, segmenter_for("characters"), max_tokens=60).texts


def test_the_ids_are_exactly_the_tokenizers(tokenizer: Any, encoded: EncodedTexts) -> None:
    batch = real_composer(tokenizer).compose(encoded, np.arange(3), epoch=0)
    restored = batch["input_ids"].clone()
    restored[batch["masked_positions"]] = batch["labels"]
    expected = tokenizer(sorted(TEXT, key=len), split_special_tokens=True)["input_ids"]
    assert pieces_of(restored.numpy(), batch["lengths"].numpy()) == expected


def test_a_recipe_says_what_is_composed(tokenizer: Any, encoded: EncodedTexts) -> None:
    plain = real_composer(tokenizer, mlm_probability=0.3, max_ngram=3)
    assert (plain.masking.share, plain.masking.max_ngram, plain.masking.mask_id) == (0.3, 3, tokenizer.mask_token_id)
    assert (plain.word_order_share, plain.sentence_order, plain.specials) == (None, False, 2)
    every = real_composer(tokenizer, objective=ALL, word_order_probability=0.1)
    assert (every.word_order_share, every.sentence_order, every.specials) == (0.1, True, 3)
    batch = every.compose(encoded, np.arange(3), epoch=0)
    assert sorted(label == -100 for label in batch["sentence_labels"].tolist()) == [False, False, True]


def test_random_tokens_are_text(tokenizer: Any) -> None:
    ordinary = real_composer(tokenizer).masking.ordinary
    assert not set(ordinary.tolist()) & set(tokenizer.all_special_ids)
    assert not any(token.startswith("[unused") for token in tokenizer.convert_ids_to_tokens(ordinary.tolist()))
    assert len(ordinary) > 1000


def test_a_tokenizer_without_a_mask_is_refused_in_one_line() -> None:
    without = SimpleNamespace(cls_token_id=2, sep_token_id=3, mask_token_id=None, name_or_path="bases/gpt")
    with pytest.raises(LingyuError, match="no mask_token: it can't learn by masked words") as refused:
        Composer.from_recipe(Dapt(corpus=("corpus",)), without, 100, seed=1)
    assert refused.value.where == "bases/gpt"
    assert "scratch" in str(refused.value)
