"""Logits of many rows, in the order given."""

from pathlib import Path

import numpy as np

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
