"""Adapters with random weights, as plain PEFT writes them: any rank, scaling, targets, labels, DoRA. No training."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForSequenceClassification

from lingyu.bases import FAMILIES, find_base
from lingyu.store import BaseRecord, LineageEntry, Store, Version, VersionFacts

DENSE = ("attention.output.dense", "intermediate.dense", "output.dense")


@dataclass(frozen=True)
class Kind:
    """What an adapter is like; the seed decides its numbers."""

    seed: int = 0
    labels: tuple[str, ...] = ("负面", "正面")
    r: int = 4
    lora_alpha: float = 8
    use_rslora: bool = False
    use_dora: bool = False
    target_modules: tuple[str, ...] = ("query", "value")
    max_length: int = 32


def write_adapter(folder: Path, base: Path, kind: Kind) -> None:
    """PEFT's two files."""
    torch.manual_seed(kind.seed)
    model = plain_base(base, len(kind.labels))
    heads = list(FAMILIES[model.config.model_type].head)
    config = LoraConfig(
        task_type="SEQ_CLS" if "classifier" in heads else None,
        r=kind.r,
        lora_alpha=kind.lora_alpha,
        use_rslora=kind.use_rslora,
        use_dora=kind.use_dora,
        target_modules=list(kind.target_modules),
        modules_to_save=heads,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attached = get_peft_model(model, config)
    with torch.no_grad():
        for parameter in attached.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    attached.save_pretrained(str(folder))


def publish(store: Path, name: str, base: Path, kind: Kind, *, channel: str | None = "stable") -> Version:
    """As the next version of an adapter in a store."""
    found = find_base(str(base))

    def write(folder: Path, version: str) -> VersionFacts:
        write_adapter(folder, base, kind)
        (folder / "README.md").unlink(missing_ok=True)
        return facts_of(found.weights_fingerprint, found.tokenizer_fingerprint, kind)

    return Store(store).publish(name, write, channel=channel, why="a test")


def facts_of(weights_fingerprint: str, tokenizer_fingerprint: str, kind: Kind) -> VersionFacts:
    return VersionFacts(
        task="single_label",
        labels=kind.labels,
        max_length=kind.max_length,
        base=BaseRecord(
            id="./bases/tiny", weights_fingerprint=weights_fingerprint, tokenizer_fingerprint=tokenizer_fingerprint
        ),
        data={},
        lineage=(LineageEntry(id="./bases/tiny", weights_fingerprint=weights_fingerprint),),
    )


def plain_base(base: Path, num_labels: int) -> torch.nn.Module:
    return AutoModelForSequenceClassification.from_pretrained(base, num_labels=num_labels)


@torch.inference_mode()
def logits_by_plain_peft(folder: Path, base: Path, input_ids: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """(labels,) for each row, one row at a time, without a line of lingyu."""
    labels = json.loads((folder / "lingyu.json").read_text("utf-8"))["labels"]
    torch.manual_seed(99)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = PeftModel.from_pretrained(plain_base(base, len(labels)), str(folder)).eval()
    return [model(input_ids=torch.tensor([list(ids)])).logits[0] for ids in input_ids]
