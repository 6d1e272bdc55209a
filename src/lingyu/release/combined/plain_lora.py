"""Plain LoRA for PEFT, written from tensors: no rsLoRA, no DoRA, and a scaling of 1 everywhere."""

from collections import Counter
from pathlib import Path

from peft import LoraConfig
from peft.utils.constants import DUMMY_TARGET_MODULES

from lingyu.bases import Base
from lingyu.store import ADAPTER_WEIGHTS, write_tensors

from .averaging import Average

_PREFIX = "base_model.model."


def write_plain_lora(folder: Path, base: Base, adapter: Average) -> None:
    """PEFT's two files. Every target and every saved module is named in full, so that none is caught by chance."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for path, lora in adapter.lora.items():
        tensors[f"{_PREFIX}{path}.lora_A.weight"] = lora.A
        tensors[f"{_PREFIX}{path}.lora_B.weight"] = lora.B
    for path, head in adapter.head.items():
        tensors[f"{_PREFIX}{path}.weight"] = head.weight
        if head.bias is not None:
            tensors[f"{_PREFIX}{path}.bias"] = head.bias
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    write_tensors(folder / ADAPTER_WEIGHTS, arrays, {"format": "pt"})
    _config(base, adapter).save_pretrained(str(folder))


def _config(base: Base, adapter: Average) -> LoraConfig:
    ranks = {path: len(lora.A) for path, lora in adapter.lora.items()}
    usual = Counter(ranks.values()).most_common(1)[0][0] if ranks else 1
    others = {path: rank for path, rank in ranks.items() if rank != usual}
    return LoraConfig(
        task_type=base.family.peft_task_type(),
        base_model_name_or_path=base.id,
        revision=base.revision,
        inference_mode=True,
        r=usual,
        lora_alpha=usual,
        rank_pattern=others,
        alpha_pattern=others,
        lora_dropout=0.0,
        target_modules=sorted(ranks) or DUMMY_TARGET_MODULES,
        modules_to_save=sorted(adapter.head),
        init_lora_weights=True,
    )
