"""A model of which all weights were trained: a transformers folder, no adapter."""

from pathlib import Path

from torch import nn
from transformers import PreTrainedModel

from lingyu.bases import Base, Head, auto_classifier


def save_whole(model: PreTrainedModel, base: Base, folder: Path) -> None:
    """Write model and tokenizer."""
    model.name_or_path = model.config.name_or_path = base.id  # never a path of this machine
    model.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)
    base.save_vocabulary(folder)


def load_whole(folder: Path, head: Head) -> nn.Module:
    """The model as anyone reads it, in eval mode. head: whether it answers once a row or once a token."""
    model: nn.Module = auto_classifier(head).from_pretrained(str(folder)).eval()
    return model
