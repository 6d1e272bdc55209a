"""What is pretrained: an encoder with its pooler, the masked-LM head, and one for the order of sentences."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import MODEL_MAPPING
from transformers.activations import ACT2FN

from lingyu.bases import MaskedLM, first_position

from .packed_attention import NAME, Packing

SENTENCE_ORDERS = 3
"""next, previous, random"""


class MaskedLMHead(nn.Module):
    """Logits over the vocabulary. The decoder is given with each call, since it is the embeddings' own weight."""

    def __init__(self, config: Any, place: MaskedLM) -> None:
        super().__init__()
        width = getattr(config, "embedding_size", config.hidden_size)  # ELECTRA's embeddings may be narrower
        self.dense = nn.Linear(config.hidden_size, width)
        self.activation = ACT2FN[place.activation or config.hidden_act]
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        nn.init.normal_(self.dense.weight, std=config.initializer_range)
        nn.init.zeros_(self.dense.bias)

    def forward(self, states: Tensor, decoder: Tensor) -> Tensor:
        """(M, hidden) and (vocabulary, width of the embeddings) to (M, vocabulary)."""
        return functional.linear(self.norm(self.activation(self.dense(states))), decoder, self.bias)


class Pretrainer(nn.Module):
    """Flat batches to sums of losses. encoder: transformers' AutoModel, with pooler where the family has one.

    Every parameter that asks for a gradient gets one from every batch, be it zero, as DDP wants it. So the pooler is
    frozen where nothing learns through it.
    """

    def __init__(self, config: Any, place: MaskedLM, *, sentence_order: bool) -> None:
        """config: transformers', copied. All weights are random, from torch's generator."""
        super().__init__()
        config = copy.deepcopy(config)
        config._attn_implementation = NAME
        self.encoder = MODEL_MAPPING[type(config)](config)
        self.head = MaskedLMHead(config, place)
        self.sentence_head = nn.Linear(config.hidden_size, SENTENCE_ORDERS) if sentence_order else None
        if self.sentence_head is not None:
            nn.init.normal_(self.sentence_head.weight, std=config.initializer_range)
            nn.init.zeros_(self.sentence_head.bias)
        elif self.pooler is not None:
            self.pooler.requires_grad_(False)

    @property
    def pooler(self) -> nn.Module | None:
        pooler: nn.Module | None = getattr(self.encoder, "pooler", None)
        return pooler

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        lengths: Tensor,
        masked_positions: Tensor,
        labels: Tensor | None = None,
        sentence_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """A flat batch of T tokens, of which M are asked for. It may be empty.

        input_ids, position_ids, token_type_ids: (T,), positions from 0 in each text. lengths: (texts,), adding up to
        T, best on the CPU, where they are read: on a GPU reading them waits for all that it has still to do.
        masked_positions, labels: (M,), places in T and the tokens that belong there. sentence_labels: (texts,), -100
        for none.

        Gives logits (M, vocabulary), mlm_loss and, with sentence_labels, sentence_loss: sums, all in float32.
        """
        packing = pack(lengths, input_ids.device)
        states = self.encode(input_ids, position_ids, token_type_ids, packing)[-1]
        outputs = self.predict(states, masked_positions, labels)
        if sentence_labels is not None and self.sentence_head is not None:
            outputs["sentence_loss"] = self._sentence_loss(states, lengths, sentence_labels)
        return outputs

    def encode(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        packing: Packing,
        *,
        every_layer: bool = False,
    ) -> tuple[Tensor, ...]:
        """(T, hidden) of the last layer; or of the embeddings and every layer.

        Of an empty batch one row that nothing is asked about, so that gradients are zero and not missing.
        """
        if not len(input_ids):
            input_ids = position_ids = token_type_ids = input_ids.new_zeros(1)
        config = self.encoder.config
        output = self.encoder(
            input_ids=input_ids[None],
            position_ids=position_ids[None] + first_position(config),
            token_type_ids=token_type_ids[None].clamp_max(config.type_vocab_size - 1),  # RoBERTa's have one type
            output_hidden_states=every_layer,
            packing=packing,
        )
        layers = output.hidden_states if every_layer else (output.last_hidden_state,)
        return tuple(layer[0] for layer in layers)

    def predict(self, states: Tensor, masked_positions: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        """logits and, with labels, mlm_loss; the vocabulary is looked up at the masked positions alone."""
        decoder = self.encoder.get_input_embeddings().weight
        logits = self.head(states.index_select(0, masked_positions), decoder).float()
        if labels is None:
            return {"logits": logits}
        return {"logits": logits, "mlm_loss": functional.cross_entropy(logits, labels, reduction="sum")}

    def _sentence_loss(self, states: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
        assert self.sentence_head is not None
        first = states.index_select(0, (lengths.cumsum(0) - lengths).to(states.device))
        pooled = first if self.pooler is None else self.pooler(first[:, None])
        return functional.cross_entropy(self.sentence_head(pooled).float(), labels, reduction="sum")

    def activation_checkpointing_enable(self, **settings: Any) -> None:
        """Trainer's, for gradient_checkpointing: the encoder's layers are computed anew in the backward pass."""
        self.encoder.activation_checkpointing_enable(**settings)

    def activation_checkpointing_disable(self) -> None:
        self.encoder.activation_checkpointing_disable()

    def gradient_checkpointing_enable(self, **settings: Any) -> None:
        """What earlier releases of transformers 5 call."""
        self.encoder.gradient_checkpointing_enable(**settings)


def pack(lengths: Tensor, device: torch.device) -> Packing:
    """Of a batch without a text, that of the one token that stands in for it."""
    return Packing(tuple(lengths.tolist()) or (1,), device)
