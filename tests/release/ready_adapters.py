"""Adapters that stand as if trained, without a training: random where a training would have moved them, in a store."""

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, BertTokenizer

from lingyu.bases import Base, find_base
from lingyu.store import BaseRecord, LineageEntry, Store, Version, VersionFacts
from lingyu.tasks import Calibration

from ..conftest import TINY_SHAPE, tiny_vocabulary

LABELS = ("负面", "中性", "正面")
MAX_LENGTH = 24
TEXTS = ("房间很干净，下次还来", "早餐差", "服务态度[MASK]好", "前台" * 40, "wifi 2", "<p>物流快</p>", "好")

# what a shape of its family needs besides
FAMILY_SHAPES: dict[str, dict[str, Any]] = {
    "bert": {},
    "ernie": {},
    "megatron-bert": {},
    "deberta-v2": {},
    "roberta": {"pad_token_id": 0},
    "xlm-roberta": {"pad_token_id": 0},
    "electra": {"embedding_size": 16},
    "roformer": {"embedding_size": 16},
}


def write_base(folder: Path, model_type: str, seed: int = 3) -> Path:
    """A tiny random base of a family, as its own library saves it."""
    words = tiny_vocabulary()
    torch.manual_seed(seed)
    config = AutoConfig.for_model(model_type, vocab_size=len(words), **TINY_SHAPE, **FAMILY_SHAPES[model_type])
    AutoModel.from_config(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    BertTokenizer(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    return folder


def publish(base_folder: Path, store: Path, *, seed: int = 5, labels: tuple[str, ...] = LABELS, **lora: Any) -> Version:
    """hotel's next version: PEFT's own LoRA of these settings, every tensor of it random and felt in the logits."""
    base = Base(f"./bases/{base_folder.name}", None, find_base(str(base_folder)).folder)
    return publish_model(adapted(base, labels, seed, **lora), base, store, labels)


def adapted(base: Base, labels: tuple[str, ...], seed: int, **lora: Any) -> PeftModel:
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ["query", "value"], **lora}
    model = get_peft_model(
        base.load_classifier(labels, seed=seed).model,
        LoraConfig(
            task_type=base.family.peft_task_type(),
            modules_to_save=list(base.family.head),
            inference_mode=True,
            **settings,
        ),
    )
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_" in name and "magnitude" not in name:
                parameter.normal_(std=0.2)
            elif "magnitude" in name:
                parameter.mul_(torch.rand_like(parameter) + 0.5)
            elif ".modules_to_save." in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
        for module in model.modules():
            if "default" in getattr(module, "lora_B", ()):
                # as large whatever the settings say, so that a wrong scaling shows and rounding does not
                module.lora_B["default"].weight.mul_(2 / module.scaling["default"])
    return model.eval()


def publish_model(
    model: PeftModel,
    base: Base,
    store: Path,
    labels: tuple[str, ...] = LABELS,
    lineage: tuple[LineageEntry, ...] | None = None,
) -> Version:
    def write(folder: Path, version: str) -> VersionFacts:
        model.save_pretrained(str(folder))
        (folder / "README.md").write_text("# hotel\n", "utf-8")
        return facts_of(base, labels, lineage)

    return Store(store).publish("hotel", write, why="a test")


def facts_of(base: Base, labels: tuple[str, ...], lineage: tuple[LineageEntry, ...] | None = None) -> VersionFacts:
    """Of an adapter that came without a recipe and without data."""
    own = tuple(
        LineageEntry(id=a.id, weights_fingerprint=a.weights_fingerprint, note=a.note, parent=a.parent)
        for a in base.lineage
    )
    return VersionFacts(
        task="single_label",
        labels=labels,
        max_length=MAX_LENGTH,
        base=BaseRecord(
            id=base.id,
            weights_fingerprint=base.weights_fingerprint,
            tokenizer_fingerprint=base.tokenizer_fingerprint,
        ),
        text_steps=("html", "control", "width"),
        calibration=Calibration(temperature=1.25),
        data={},
        lineage=own if lineage is None else lineage,
    )


def rewrite_weights(folder: Path, tensors: dict[str, torch.Tensor], shards: int = 1) -> None:
    """A base's weights anew: under these names, in so many files with an index."""
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    if shards == 1:
        save_file({name: tensors[name].contiguous() for name in names}, folder / "model.safetensors", {"format": "pt"})
        return
    weight_map = {}
    for number in range(shards):
        file = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = names[number::shards]
        save_file({name: tensors[name].contiguous() for name in part}, folder / file, {"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
