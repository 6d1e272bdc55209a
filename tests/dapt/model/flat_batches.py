"""Tiny random models of each family that is pretrained, and flat batches for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForMaskedLM

from lingyu.bases import FAMILIES

PRETRAINED = tuple(name for name, family in FAMILIES.items() if family.masked_lm is not None)
VOCABULARY = 50


def masked_lm(model_type: str, **changes: Any) -> Any:
    """transformers' own model with every weight random, biases and norms too: the reference."""
    shape = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "embedding_size": 16,
        "max_position_embeddings": 40,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    if model_type != "electra":
        del shape["embedding_size"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = AutoModelForMaskedLM.from_config(AutoConfig.for_model(model_type, **shape | changes))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def save_masked_lm(model_type: str, folder: Path, **changes: Any) -> Any:
    model = masked_lm(model_type, **changes)
    model.save_pretrained(folder)
    return model


def flat_batch(lengths: Sequence[int], seed: int = 0, vocabulary: int = VOCABULARY) -> dict[str, Tensor]:
    """Random texts after one another, a third of their tokens asked for."""
    generator = torch.Generator().manual_seed(seed)
    tokens = sum(lengths)
    masked = torch.randperm(tokens, generator=generator)[: tokens // 3].sort().values
    return {
        "input_ids": torch.randint(5, vocabulary, (tokens,), generator=generator),
        "position_ids": torch.cat([torch.arange(length) for length in (0, *lengths)]),
        "token_type_ids": torch.zeros(tokens, dtype=torch.int64),
        "lengths": torch.tensor(lengths, dtype=torch.int64),
        "masked_positions": masked,
        "labels": torch.randint(5, vocabulary, (len(masked),), generator=generator),
    }


def logits_one_by_one(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """(M, vocabulary), by transformers alone, one text a forward."""
    texts = batch["input_ids"].split(batch["lengths"].tolist())
    return torch.cat([model(input_ids=text[None]).logits[0] for text in texts])[batch["masked_positions"]]
