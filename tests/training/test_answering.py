"""Logits of many rows, in the order given."""

from pathlib import Path

import numpy as np
import pytest

from lingyu.bases import find_base
from lingyu.training import logits_of


def test_beyond_the_end_of_a_row_there_is_nothing(tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    encoded = base.encode(["贵", "房间很干净下次还来", "wifi 差"], 64)
    model = base.load_classifier(("O", "B-物", "I-物"), head="token").model
    logits = logits_of(model, encoded, pad_token_id=base.tokenizer.pad_token_id, tokens_per_batch=64).numpy()
    assert logits.shape == (3, max(encoded.lengths), 3)
    for row, length in enumerate(encoded.lengths):
        alone = logits_of(model, encoded.take([row]), pad_token_id=base.tokenizer.pad_token_id).numpy()[0]
        np.testing.assert_allclose(logits[row, :length], alone, atol=1e-5)
        assert np.abs(alone).min() > 0
        assert not logits[row, length:].any()


@pytest.mark.parametrize("is_training", [True, False])
def test_logits_are_without_dropout_and_leave_the_model_as_it_was(is_training: bool, tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    encoded = base.encode(["贵", "房间很干净下次还来", "wifi 差"], 64)
    model = base.load_classifier(("差", "好")).model
    model.train(is_training)
    done: list[int] = []
    settings = {"pad_token_id": base.tokenizer.pad_token_id, "tokens_per_batch": 12, "on_rows": done.append}
    first, second = logits_of(model, encoded, **settings), logits_of(model, encoded, **settings)
    assert model.training == is_training
    np.testing.assert_array_equal(first, second)
    assert (len(first), sum(done)) == (3, 6)
    assert len(done) > 2, "batches of a few rows"
