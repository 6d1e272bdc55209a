"""A base as a model that is pretrained, strictly: every tensor of its encoder has its place, or it is refused."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lingyu.bases import Base
from lingyu.errors import LingyuError

from .pretrainer import Pretrainer


@dataclass(frozen=True)
class Loaded:
    """fresh: the parameters that the base did not bring, by the model's names; random, but for biases and norms."""

    model: Pretrainer
    fresh: frozenset[str]

    @property
    def head_is_fresh(self) -> bool:
        return any(name.startswith("head.") for name in self.fresh)


def load_pretrainer(base: Base, *, seed: int, sentence_order: bool, dropout: float | None) -> Loaded:
    """The base in float32. seed: of the weights that it does not bring. dropout: in place of its own, in every layer.

    Raises LingyuError for a family that can't be pretrained here, and for an encoder that lacks a tensor, has one too
    many or one of another shape. A pooler and a masked-LM head may be lacking.
    """
    place = base.masked_lm
    with torch.random.fork_rng(), base.building():
        torch.manual_seed(seed)
        model = Pretrainer(_with_dropout(base.config, dropout), place, sentence_order=sentence_order)
    head = {f"head.{part}": tensor for part, tensor in base.masked_lm_weights().items()}
    weights = {f"encoder.{plain}": tensor for plain, tensor in base.encoder_weights().items()}
    places = model.state_dict()
    weights |= {name: tensor for name, tensor in head.items() if tensor.shape == places[name].shape}
    _require_fit(weights, places, base)
    model.load_state_dict(weights, strict=False)
    return Loaded(model, frozenset(places.keys() - weights.keys()))


def _with_dropout(config: Any, dropout: float | None) -> Any:
    config = copy.deepcopy(config)
    if dropout is not None:
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    return config


def _require_fit(weights: dict[str, Tensor], places: dict[str, Tensor], base: Base) -> None:
    may_lack = ("encoder.pooler.", "head.", "sentence_head.")
    for what, names in (
        ("holds tensors without a place", weights.keys() - places.keys()),
        ("lacks tensors", {name for name in places.keys() - weights.keys() if not name.startswith(may_lack)}),
        (
            "holds tensors of another shape than config.json says",
            {name for name in weights.keys() & places.keys() if weights[name].shape != places[name].shape},
        ),
    ):
        if names:
            some = ", ".join(name.removeprefix("encoder.") for name in sorted(names)[:3])
            raise LingyuError(f"{what}: {some}", where=base.id, next="Copy the base from the publisher anew")
