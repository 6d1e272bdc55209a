"""LoRA and a head onto a base, by PEFT."""

from dataclasses import dataclass

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils.constants import DUMMY_TARGET_MODULES
from torch import nn

from lingyu.bases import Base, Classifier, auto_target_modules, check_target_modules, encoder_linears, require_saved
from lingyu.errors import LingyuError
from lingyu.recipe import Lora


@dataclass(frozen=True)
class Trainable:
    """Numbers of parameters."""

    trained: int
    total: int

    def __str__(self) -> str:
        return f"trainable params: {self.trained:,} of {self.total:,} ({self.trained / self.total:.2%})"


def attach_lora(classifier: Classifier, base: Base, lora: Lora) -> PeftModel:
    """The classifier with adapter `default`: LoRA on the encoder, the head's leaf Linears whole, all in float32.

    Raises LingyuError for target_modules that name no layer, or the head, for a rank that a layer can't be taken apart
    into, and where a weight that the base does not bring would not be saved.
    """
    model, head = classifier.model, classifier.head
    require_saved(classifier.fresh, base.family, base.id, head)
    if lora.target_modules == "auto":
        targets = auto_target_modules(model, base.family)
    else:
        targets = check_target_modules(model, base.family, lora.target_modules, base.id)
    if lora.changes_base:
        _require_directions(model, base, targets, lora)
    config = LoraConfig(
        task_type=base.family.peft_task_type(head),
        r=lora.r,
        lora_alpha=int(lora.lora_alpha) if lora.lora_alpha.is_integer() else lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=targets,
        modules_to_save=list(base.family.head_of(head)),
        use_rslora=lora.use_rslora,
        use_dora=lora.use_dora,
        init_lora_weights=lora.init_lora_weights,
    )
    return _attached(model, config)


def _require_directions(model: nn.Module, base: Base, targets: list[str], lora: Lora) -> None:
    """Raises LingyuError for an r above a layer's smaller side: PEFT would make a smaller adapter than its config says,
    which nothing could read."""
    ends = tuple(f".{target}" for target in targets)
    taken_apart = [path for path in encoder_linears(model, base.family) if f".{path}".endswith(ends)]
    shapes = {path: model.get_parameter(f"{path}.weight").shape for path in taken_apart}
    path, (outputs, inputs) = min(shapes.items(), key=lambda item: min(item[1]))
    most = min(outputs, inputs)
    if lora.r > most:
        raise LingyuError(
            f"lora.r: init_lora_weights: {lora.init_lora_weights} takes layers apart, and {path} "
            f"({inputs} x {outputs}) has {most} directions, not {lora.r}",
            where=base.id,
            next=f"Take lora.r={most} at most, or init_lora_weights: true, which has no such bound",
        )


def attach_head(classifier: Classifier, base: Base) -> PeftModel:
    """The classifier with adapter `default` that is its head alone, whole; the encoder is frozen.

    PEFT takes an adapter without a LoRA layer by its own word for no target at all. Raises LingyuError as attach_lora.
    """
    head = classifier.head
    require_saved(classifier.fresh, base.family, base.id, head)
    config = LoraConfig(
        task_type=base.family.peft_task_type(head),
        target_modules=DUMMY_TARGET_MODULES,
        modules_to_save=list(base.family.head_of(head)),
    )
    return _attached(classifier.model, config)


def _attached(model: nn.Module, config: LoraConfig) -> PeftModel:
    attached = get_peft_model(model, config)
    for parameter in attached.parameters():
        if parameter.requires_grad:
            # in half precision the updates of a good learning rate round to nothing
            parameter.data = parameter.data.to(torch.float32)
    return attached


def count_parameters(model: nn.Module) -> Trainable:
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return Trainable(sum(n for n, trained in counts if trained), sum(n for n, _ in counts))
