"""A pretrained model as a base folder: what transformers reads as ...ForMaskedLM, with the pooler beside it."""

import copy
import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor
from transformers import MODEL_FOR_MASKED_LM_MAPPING

from lingyu.bases import Base, masked_lm_of
from lingyu.errors import LingyuError

from .pretrainer import Pretrainer

WEIGHTS = "model.safetensors"
_TOKENIZER = "tokenizer.json"
_TOKENIZER_CONFIG = "tokenizer_config.json"
_TOKENIZER_FILES = (_TOKENIZER, _TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json")
_OF_A_MACHINE = ("name_or_path", "tokenizer_file", "auto_map")


def save_base(model: Pretrainer, base: Base, folder: Path, dtype: str) -> None:
    """Write config, weights and tokenizer into the folder, which nobody reads yet. base: what the model was made from.

    Everything is there: whoever loads a classifier from it has to make its classifier only. dtype: of the stored
    weights; config.json says float32, as which they are loaded. Raises LingyuError with status 1 for weights that are
    no finite numbers in that type.
    """
    save_model(model, base.config, folder, dtype)
    copy_tokenizer(base, folder)


def save_model(model: Pretrainer, config: Any, folder: Path, dtype: str, without: Collection[str] = ()) -> None:
    """config.json and model.safetensors. config: transformers', with the dropout that the new base is to have.

    without: parameters that are left out, by the model's names: random ones that the next to load it makes anew.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _save_config(config, folder)
    named = {name: tensor for name, tensor in model.state_dict().items() if name not in without}
    stored = _stored(_renamed(named, config), getattr(torch, dtype), folder)
    # not save_file, which tells of a full disk by an error of its own
    (folder / WEIGHTS).write_bytes(safetensors.torch.save(stored, metadata={"format": "pt"}))


def copy_tokenizer(base: Base, folder: Path) -> None:
    """The tokenizer's files as they lie beside the base, with vocab.txt."""
    if not (base.folder / _TOKENIZER).is_file():
        base.tokenizer.save_pretrained(folder)
    for name in _TOKENIZER_FILES:
        if (base.folder / name).is_file():
            shutil.copyfile(base.folder / name, folder / name)
    base.save_vocabulary(folder)
    _clean_tokenizer_config(folder / _TOKENIZER_CONFIG)


def _save_config(config: Any, folder: Path) -> None:
    config = copy.deepcopy(config)
    config.architectures = [MODEL_FOR_MASKED_LM_MAPPING[type(config)].__name__]
    config.dtype = "float32"
    config.tie_word_embeddings = True
    config.name_or_path = ""  # a path of this machine
    config.save_pretrained(folder)


def _renamed(tensors: dict[str, Tensor], config: Any) -> dict[str, Tensor]:
    """By transformers' names. The head for the order of sentences is no part of a base."""
    prefix = MODEL_FOR_MASKED_LM_MAPPING[type(config)].base_model_prefix
    place = masked_lm_of(config.model_type, "config.json")
    named = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part == "encoder":
            assert not rest.startswith("base_model."), "LoRA is merged before it is saved"
            named[f"{prefix}.{rest}"] = tensor
        elif part == "head":
            module, _, leaf = rest.rpartition(".")
            named[f"{getattr(place, module)}.{leaf}" if module else place.bias] = tensor
    return named


def _stored(tensors: dict[str, Tensor], dtype: torch.dtype, where: Path) -> dict[str, Tensor]:
    stored = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in tensors.items()}
    for name, tensor in stored.items():
        if not torch.isfinite(tensor).all():
            raise LingyuError(
                f"{name} would hold values that are no finite numbers in {str(dtype).removeprefix('torch.')}",
                where=where,
                next="Nothing was published. Set publish.dtype=float32; where that fails too, training has diverged",
                status=1,
            )
    return stored


def _clean_tokenizer_config(file: Path) -> None:
    """Without a path of this machine and without code."""
    config = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    if config.keys() & set(_OF_A_MACHINE):
        config = {key: value for key, value in config.items() if key not in _OF_A_MACHINE}
        file.write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", "utf-8")
