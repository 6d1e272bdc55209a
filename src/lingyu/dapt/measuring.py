"""What a masked-LM model knows of texts that it was not trained on: before and after, with the same masks.

Masks are drawn in one way whatever the recipe trains with, so that figures of several recipes stand beside each other:
15 % of the tokens, in whole words of the recipe's segmenter.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from torch import nn

from lingyu.evaluation import table_with
from lingyu.recipe import Dapt
from lingyu.store import Interval

from .batches.composing import HELD_OUT, Composer
from .batches.draws import Draws
from .corpus.encoded import EncodedTexts

Metrics = dict[str, Any]

_MASKED_SHARE = 0.15
_SPECIAL_TOKENS = 2  # [CLS] and [SEP]
_SEED = 0  # of the bootstrap
_DRAWS = 1000
_DRAWS_AT_ONCE = 200

NAMES = {"held_out": "held-out text", "general": "general text"}


@dataclass(frozen=True)
class Masked:
    """What a model made of masked tokens, piece by piece; a text that was cut is several.

    losses: (pieces,) float64, summed over a piece's masked tokens, in nats. right, tokens: (pieces,) int64, masked
    tokens that were found, and all of them. came_from: (pieces,) int64, the number of the text that each is a piece of.
    """

    losses: NDArray[np.float64]
    right: NDArray[np.int64]
    tokens: NDArray[np.int64]
    came_from: NDArray[np.int64]

    def by_text(self) -> "Masked":
        """The pieces of each text as one."""
        texts, text = np.unique(self.came_from, return_inverse=True)
        right, tokens = (np.bincount(text, each).astype(np.int64) for each in (self.right, self.tokens))
        return Masked(np.bincount(text, self.losses).astype(np.float64), right, tokens, texts)

    @property
    def loss(self) -> float:
        """Of a masked token, in nats."""
        return float(self.losses.sum() / max(1, self.tokens.sum()))

    @property
    def accuracy(self) -> float:
        return float(self.right.sum() / max(1, self.tokens.sum()))

    @property
    def perplexity(self) -> float:
        return float(np.exp(self.loss))


def measuring_composer(dapt: Dapt, tokenizer: Any, vocab_size: int) -> Composer:
    """Masks for measuring, whatever the recipe masks with in training.

    They are the same for texts of the same token ids and words: of one tokenizer, segmenter and train.max_length. A
    recipe with sentence_order cuts its texts a token shorter.
    """
    alike = dapt.model_copy(update={"objective": ("mlm",), "mlm_probability": _MASKED_SHARE, "max_ngram": 1})
    return Composer.from_recipe(alike, tokenizer, vocab_size, seed=0)


@torch.inference_mode()
def measure_masked(
    model: nn.Module,
    texts: EncodedTexts,
    composer: Composer,
    *,
    rows: NDArray[np.int64] | None = None,
    tokens_per_batch: int = 8192,
    on_texts: Callable[[int], None] = lambda texts: None,
    masks: Draws = HELD_OUT,
) -> Masked:
    """Loss and hits of a Pretrainer in eval mode; the model's mode is put back. rows: those to measure, else all.

    The answer has the order of rows. on_texts is told how many texts are done.
    """
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    rows = np.arange(len(texts)) if rows is None else rows
    by_length = np.argsort(texts.lengths[rows], kind="stable")
    found = np.zeros((3, len(rows)))
    for places in _within(texts.lengths[rows][by_length] + _SPECIAL_TOKENS, tokens_per_batch):
        there = by_length[places]
        found[:, there] = _of_batch(model, composer.compose_held_out(texts, rows[there], masks), device)
        on_texts(len(there))
    model.train(was_training)
    return Masked(found[0], found[1].astype(np.int64), found[2].astype(np.int64), texts.came_from[rows])


def _within(lengths: NDArray[np.int64], tokens_per_batch: int) -> Iterator[slice]:
    """Pieces of rising lengths that stay within the budget, each of one text at least."""
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + tokens_per_batch, side="right")))
        yield slice(start, end)
        start = end


def _of_batch(model: nn.Module, batch: dict[str, torch.Tensor], device: torch.device) -> NDArray[np.float64]:
    """(3, texts): loss, hits and number of the masked tokens of each text of a composed batch, in its order."""
    labels = batch.pop("labels").to(device)
    arguments = {name: batch[name].to(device) for name in _INPUTS}
    logits = model(**arguments)["logits"].float()
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    hits = logits.argmax(dim=-1) == labels
    ends = np.cumsum(batch["lengths"].numpy())
    text_of = np.searchsorted(ends, batch["masked_positions"].numpy(), side="right")
    counted = (losses.double().cpu().numpy(), hits.cpu().numpy(), np.ones(len(text_of)))
    return np.stack([np.bincount(text_of, weights=each, minlength=len(ends)) for each in counted])


_INPUTS = ("input_ids", "position_ids", "token_type_ids", "lengths", "masked_positions")


def compare(before: Masked, after: Masked, *, before_knew: bool = True) -> Metrics:
    """Two measurements of the same texts with the same masks as JSON: both, and their differences over drawn texts.

    before_knew: False where before is of a start or a masked-LM head without training.

    Intervals go from the 2.5th to the 97.5th percentile of a bootstrap. Whole texts are drawn, with all their pieces,
    since the tokens of a text are alike; of few texts such intervals are too narrow.
    """
    pieces = len(before.tokens)
    before, after = before.by_text(), after.by_text()
    draws = _Draws(before, after)
    return {
        "texts": len(before.tokens),
        "pieces": pieces,
        "before_knew": before_knew,
        "masked_tokens": int(before.tokens.sum()),
        "before": _figures(before, draws.accuracy(before)),
        "after": _figures(after, draws.accuracy(after)),
        "accuracy_difference": draws.difference(before.right, after.right).as_json(),
        "loss_difference": draws.difference(before.losses, after.losses).as_json(),
    }


def _figures(measured: Masked, accuracy: Interval) -> Metrics:
    return {"loss": measured.loss, "perplexity": measured.perplexity, "accuracy": accuracy.as_json()}


class _Draws:
    """Samples of texts with replacement, the same for both models."""

    def __init__(self, before: Masked, after: Masked) -> None:
        assert np.array_equal(before.tokens, after.tokens), "other masks"
        self.tokens = before.tokens

    def accuracy(self, measured: Masked) -> Interval:
        return self._ratio(measured.right)

    def difference(self, before: NDArray[Any], after: NDArray[Any]) -> Interval:
        return self._ratio(after - before)

    def _ratio(self, values: NDArray[Any]) -> Interval:
        """Of the sum of values, one a text, to the number of masked tokens."""
        texts = len(values)
        generator = np.random.default_rng(_SEED)
        drawn = []
        for _ in range(_DRAWS // _DRAWS_AT_ONCE):
            times = generator.multinomial(texts, np.full(texts, 1 / texts), size=_DRAWS_AT_ONCE)
            drawn.append((times @ values) / np.maximum(1, times @ self.tokens))
        low, high = np.percentile(np.concatenate(drawn), (2.5, 97.5))
        return Interval(float(values.sum() / max(1, self.tokens.sum())), float(low), float(high))


def verdict(metrics: Mapping[str, Any]) -> list[str]:
    """What was gained on held-out text and lost on general text, a sentence each, by the loss.

    Where what there was before knew nothing, its figures are no measure of an encoder, and that is said instead.
    """
    gain, general = metrics["held_out"], metrics.get("general")
    knew = gain["before_knew"]
    lines = [f"Held-out text{_in_brackets(_GAIN, gain)}: {_change(gain)}."]
    if general is not None:
        lines.append(f"General text{_in_brackets(_FORGETTING, general)}: {_change(general)}.")
    elif knew:
        lines.append("Forgetting was not measured: dapt.general names no text.")
    if not knew:
        lines.append("Before is a start that knew no word, so this is no gain of a trained encoder.")
    return lines


_GAIN = {True: "worse", False: "better", None: "no gain told apart from zero"}
_FORGETTING = {
    True: "some of it is forgotten",
    False: "nothing of it is forgotten",
    None: "no forgetting told apart from zero",
}


def _in_brackets(words: Mapping[bool | None, str], compared: Mapping[str, Any]) -> str:
    return f" ({words[_worse(compared)]})" if compared["before_knew"] else ""


def _worse(compared: Mapping[str, Any]) -> bool | None:
    """Whether the loss has risen by more than the noise; None where the noise hides it."""
    difference = Interval(**compared["loss_difference"])
    return {"better": True, "worse": False, "noise": None}[difference.judgement]


def _change(compared: Mapping[str, Any]) -> str:
    accuracy = Interval(**compared["accuracy_difference"])
    loss = Interval(**compared["loss_difference"])
    return (
        f"loss {loss.value:+.3f} [{loss.low:.3f}, {loss.high:.3f}], perplexity "
        f"{compared['before']['perplexity']:,.1f} to {compared['after']['perplexity']:,.1f}, masked accuracy "
        f"{accuracy.in_points}"
    )


def table_of(metrics: Mapping[str, Any]) -> Table:
    """Before and after, for a terminal of 80 columns."""
    headings = ("", "masked", "loss", "perplexity", "masked accuracy")
    table = table_with(headings, "the same masks before and after; in brackets 95 % intervals over texts")
    for part, name in NAMES.items():
        if part in metrics:
            for when in ("before", "after"):
                figures = metrics[part][when]
                accuracy = str(Interval(**figures["accuracy"])).replace("[", r"\[")  # rich reads [...] as markup
                tokens = f"{metrics[part]['masked_tokens']:,}"
                loss, perplexity = f"{figures['loss']:.3f}", f"{figures['perplexity']:,.1f}"
                table.add_row(f"{name.removesuffix(' text')}, {when}", tokens, loss, perplexity, accuracy)
    return table
