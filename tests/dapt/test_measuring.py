"""Measuring: what transformers' own masked-LM loss says of the same masks, text by text; noise is called noise."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertForMaskedLM

from lingyu.bases import Base, find_base
from lingyu.dapt.batches.composing import Composer
from lingyu.dapt.corpus.encoded import EncodedTexts, encode_batch
from lingyu.dapt.corpus.segmenters import segmenter_for
from lingyu.dapt.measuring import Masked, _within, compare, measure_masked, measuring_composer, table_of, verdict
from lingyu.dapt.model.loading import load_pretrainer
from lingyu.dapt.model.pretrainer import Pretrainer
from lingyu.recipe import Dapt

TEXTS = ["房间很干净", "下次还来，早餐很好", "酒店前台热情", "不满意", "物流很快，书很好，推荐好评，下次还来住酒店"]


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Base:
    return find_base(str(tiny_base))


@pytest.fixture(scope="module")
def texts(base: Base) -> EncodedTexts:
    return encode_batch(TEXTS, base.tokenizer, segmenter_for("characters", None), 46).texts


@pytest.fixture(scope="module")
def composer(base: Base) -> Composer:
    return measuring_composer(Dapt(corpus=("x",)), base.tokenizer, base.config.vocab_size)


@pytest.fixture(scope="module")
def model(base: Base) -> Pretrainer:
    return load_pretrainer(base, seed=0, sentence_order=False, dropout=None).model


def test_each_text_has_the_loss_and_the_hits_that_transformers_finds(
    model: Pretrainer, texts: EncodedTexts, composer: Composer, tiny_base: Path
) -> None:
    found = measure_masked(model, texts, composer, tokens_per_batch=30)
    reference = BertForMaskedLM.from_pretrained(tiny_base).eval()
    for row in range(len(texts)):
        batch = composer.compose_held_out(texts, np.array([row]))
        with torch.inference_mode():
            logits = reference(batch["input_ids"][None]).logits[0, batch["masked_positions"]]
        loss = torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="sum")
        assert found.tokens[row] == len(batch["labels"]) > 0
        assert found.losses[row] == pytest.approx(float(loss), abs=1e-4)
        assert found.right[row] == int((logits.argmax(-1) == batch["labels"]).sum())
    assert found.loss == pytest.approx(found.losses.sum() / found.tokens.sum())
    assert found.perplexity == pytest.approx(np.exp(found.loss))


def test_rows_come_back_in_their_order_whatever_the_batches(
    model: Pretrainer, texts: EncodedTexts, composer: Composer
) -> None:
    whole = measure_masked(model, texts, composer)
    rows = np.array([4, 0, 2])
    done: list[int] = []
    some = measure_masked(model, texts, composer, rows=rows, tokens_per_batch=16, on_texts=done.append)
    assert some.losses == pytest.approx(whole.losses[rows], abs=1e-5)
    assert np.array_equal(some.tokens, whole.tokens[rows])
    assert sum(done) == 3


@pytest.mark.parametrize("max_ngram", [1, 2, 4])
def test_masks_are_the_same_whatever_the_recipe_trains_with(
    max_ngram: int, base: Base, texts: EncodedTexts, composer: Composer
) -> None:
    other = Dapt(corpus=("x",), objective=("mlm", "sentence_order"), mlm_probability=0.5, max_ngram=max_ngram)
    theirs = measuring_composer(other, base.tokenizer, base.config.vocab_size)
    rows = np.arange(len(texts))
    mine, other_batch = (each.compose_held_out(texts, rows) for each in (composer, theirs))
    assert all(torch.equal(mine[name], other_batch[name]) for name in mine)


def test_the_models_mode_is_put_back(model: Pretrainer, texts: EncodedTexts, composer: Composer) -> None:
    model.train()
    measure_masked(model, texts, composer)
    assert model.training
    model.eval()
    measure_masked(model, texts, composer)
    assert not model.training


@given(st.lists(st.integers(3, 60), max_size=50).map(sorted), st.integers(1, 200))
@settings(max_examples=50)
def test_pieces_hold_each_text_once_and_keep_the_budget_where_a_text_fits(lengths: list[int], budget: int) -> None:
    pieces = list(_within(np.array(lengths, dtype=np.int64), budget))
    assert [at for piece in pieces for at in range(piece.start, piece.stop)] == list(range(len(lengths)))
    assert all(sum(lengths[piece]) <= budget or piece.stop - piece.start == 1 for piece in pieces)


def measured(losses: list[float], right: list[int], tokens: list[int]) -> Masked:
    """Of texts of one piece each."""
    return Masked(np.array(losses), np.array(right), np.array(tokens), np.arange(len(tokens)))


def test_intervals_are_over_texts_and_paired() -> None:
    draw = np.random.default_rng(0)
    tokens = draw.integers(1, 9, size=400)
    right = draw.binomial(tokens, 0.3)
    losses = tokens * draw.normal(4, 1, size=400)
    before = Masked(losses, right, tokens, np.arange(400))
    after = Masked(losses - 0.5 * tokens, np.minimum(tokens, right + 1), tokens, np.arange(400))
    found = compare(before, after)
    low, high = (found["before"]["accuracy"][end] for end in ("low", "high"))
    assert low < right.sum() / tokens.sum() < high
    # the standard error of a ratio of means: Cochran 1977, Sampling Techniques, 2.11
    residual = right - tokens * right.sum() / tokens.sum()
    standard_error = residual.std() / tokens.mean() / np.sqrt(400)
    assert high - low == pytest.approx(2 * 1.96 * standard_error, rel=0.1)
    difference = found["loss_difference"]
    assert difference == pytest.approx({"value": -0.5, "low": -0.5, "high": -0.5}), "each text gained the same"
    assert found["accuracy_difference"]["low"] > 0


def test_pieces_of_a_text_are_drawn_together() -> None:
    draw = np.random.default_rng(1)
    right, tokens = draw.integers(0, 3, size=(2, 100))
    tokens += right + 1
    texts = measured((2.0 * tokens).tolist(), right.tolist(), tokens.tolist())
    pieces = Masked(*(np.repeat(each, 9) for each in (texts.losses, texts.right, texts.tokens, texts.came_from)))
    whole, cut = compare(texts, texts), compare(pieces, pieces)
    assert (whole["texts"], whole["pieces"], cut["texts"], cut["pieces"]) == (100, 100, 100, 900)
    assert cut["before"]["accuracy"] == pytest.approx(whole["before"]["accuracy"]), "copies of a piece say nothing new"
    assert (pieces.by_text().tokens == 9 * tokens).all()


def test_a_text_that_is_cut_is_known_by_its_pieces(base: Base, composer: Composer, model: Pretrainer) -> None:
    cut = encode_batch(TEXTS, base.tokenizer, segmenter_for("characters", None), 6).texts
    found = measure_masked(model, cut, composer, rows=np.arange(len(cut))[::-1])
    assert found.came_from.tolist() == cut.came_from.tolist()[::-1]
    assert len(found.by_text().tokens) == len(TEXTS) < len(cut)


def test_forgetting_is_told_from_noise() -> None:
    before = measured([8.0, 9.0, 10.0, 7.0] * 20, [1, 0, 1, 1] * 20, [2, 2, 2, 2] * 20)
    worse = measured([9.0, 10.0, 11.0, 8.0] * 20, [0, 0, 1, 1] * 20, [2, 2, 2, 2] * 20)
    noise = measured([9.0, 8.0, 11.0, 6.0] * 20, [1, 0, 1, 1] * 20, [2, 2, 2, 2] * 20)
    gain = compare(before, before)
    assert "General text (some of it is forgotten)" in verdict({"held_out": gain, "general": compare(before, worse)})[1]
    assert "nothing of it" in verdict({"held_out": gain, "general": compare(worse, before)})[1]
    said = verdict({"held_out": gain, "general": compare(before, noise)})[1]
    assert "General text (no forgetting told apart from zero)" in said
    assert verdict({"held_out": compare(worse, before)})[0].startswith("Held-out text (better): loss -0.500")
    assert verdict({"held_out": gain})[1] == "Forgetting was not measured: dapt.general names no text."
    assert table_of({"held_out": gain, "general": gain}).row_count == 4


def test_what_a_random_start_did_not_know_is_no_gain_and_nothing_is_forgotten() -> None:
    before = measured([8.0, 9.0], [0, 0], [2, 2])
    learnt = compare(before, measured([4.0, 5.0], [1, 2], [2, 2]), before_knew=False)
    held_out, general, said = verdict({"held_out": learnt, "general": learnt})
    assert held_out.startswith("Held-out text: loss -2.000")
    assert general.startswith("General text: loss -2.000")
    assert said == "Before is a start that knew no word, so this is no gain of a trained encoder."


def test_texts_of_which_nothing_could_be_masked_leave_the_intervals_numbers() -> None:
    """Of two texts, one of them of a single token, every fourth draw has nothing that is masked."""
    found = compare(measured([3.0, 0.0], [1, 0], [2, 0]), measured([2.0, 0.0], [2, 0], [2, 0]))
    assert found["loss_difference"] == {"value": -0.5, "low": -0.5, "high": 0.0}
    assert found["after"]["accuracy"] == {"value": 1.0, "low": 0.0, "high": 1.0}


def test_other_masks_are_never_compared() -> None:
    with pytest.raises(AssertionError, match="other masks"):
        compare(measured([1.0], [0], [2]), measured([1.0], [0], [3]))
