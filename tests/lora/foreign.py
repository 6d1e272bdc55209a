"""A PEFT adapter as somebody's own script would leave it."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

LABELS = ("差评", "中评", "好评")


def save_foreign(base: Path, folder: Path, *, dtype: torch.dtype = torch.float32, **settings: Any) -> Path:
    """Three labels, LoRA with random weights and a random head, saved by PEFT."""
    torch.manual_seed(3)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(LABELS))
    settings = {"r": 4, "lora_alpha": 8, "target_modules": ["query", "value"], **settings}
    settings = {"task_type": "SEQ_CLS", "modules_to_save": ["pooler.dense"], **settings}
    attached = get_peft_model(model, LoraConfig(**settings))
    with torch.no_grad():
        for name, parameter in attached.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.2)
    attached.to(dtype).save_pretrained(folder)
    return folder


def save_foreign_of_tokens(base: Path, folder: Path, tags: int) -> Path:
    """As save_foreign, of a model that answers once a token."""
    torch.manual_seed(4)
    model = AutoModelForTokenClassification.from_pretrained(base, num_labels=tags)
    attached = get_peft_model(model, LoraConfig(task_type="TOKEN_CLS", target_modules=["query", "value"]))
    with torch.no_grad():
        for name, parameter in attached.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.2)
    attached.save_pretrained(folder)
    return folder
