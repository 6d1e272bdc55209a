"""Adapters with random weights, as plain PEFT writes them: any task, rank, targets, labels, DoRA. No training."""

import json
import warnings
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from lingyu.bases import FAMILIES, find_base
from lingyu.store import BaseRecord, LineageEntry, Store, Version, VersionFacts
from lingyu.tasks import Calibration, Task, task_named
from lingyu.text import Encoded

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
    task: str = "single_label"
    text_pair: bool = False
    calibration: Calibration = field(default_factory=Calibration)
    text_steps: tuple[str, ...] = ()

    @property
    def answers(self) -> Task:
        return task_named(self.task, self.labels)


def write_adapter(folder: Path, base: Path, kind: Kind) -> None:
    """PEFT's two files."""
    torch.manual_seed(kind.seed)
    task = kind.answers
    model = plain_base(base, task.num_outputs, task.head)
    family = FAMILIES[model.config.model_type]
    heads = list(family.head_of(task.head))
    config = LoraConfig(
        task_type=family.peft_task_type(task.head),
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
        task=kind.task,
        labels=kind.labels,
        text_pair=kind.text_pair,
        calibration=kind.calibration,
        text_steps=kind.text_steps,
        max_length=kind.max_length,
        base=BaseRecord(
            id="./bases/tiny", weights_fingerprint=weights_fingerprint, tokenizer_fingerprint=tokenizer_fingerprint
        ),
        data={},
        lineage=(LineageEntry(id="./bases/tiny", weights_fingerprint=weights_fingerprint),),
    )


def plain_base(base: Path, num_outputs: int, head: str = "row") -> torch.nn.Module:
    model = AutoModelForSequenceClassification if head == "row" else AutoModelForTokenClassification
    return model.from_pretrained(base, num_labels=num_outputs)


@torch.inference_mode()
def logits_by_plain_peft(folder: Path, base: Path, rows: Encoded) -> list[torch.Tensor]:
    """(outputs,) for each row, or (tokens, outputs), one row at a time, without a line of lingyu's models."""
    model = _plain_peft(folder, base)
    types = rows.token_type_ids or [None] * len(rows)
    return [
        model(input_ids=torch.tensor([ids]), token_type_ids=None if own is None else torch.tensor([own])).logits[0]
        for ids, own in zip(rows.input_ids, types, strict=True)
    ]


@cache
def _plain_peft(folder: Path, base: Path) -> PeftModel:
    manifest = json.loads((folder / "lingyu.json").read_text("utf-8"))
    task = task_named(manifest["task"], manifest["labels"])
    torch.manual_seed(99)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftModel.from_pretrained(plain_base(base, task.num_outputs, task.head), str(folder)).eval()
