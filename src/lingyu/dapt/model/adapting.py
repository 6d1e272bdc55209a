"""mode: lora. LoRA on the encoder while it is pretrained, merged into it at the end."""

from collections.abc import Collection

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from lingyu.bases import Base, auto_target_modules, check_target_modules
from lingyu.errors import LingyuError
from lingyu.recipe import Lora

from .pretrainer import Pretrainer

_POOLER = "pooler.dense"


def add_lora(model: Pretrainer, base: Base, lora: Lora, seed: int, *, fresh: Collection[str] = ()) -> None:
    """Freeze the model but for LoRA on its encoder's layers and for what is fresh and learnt.

    seed: of LoRA's weights. fresh: parameters that the base did not bring, by the model's names before the call: a head
    among them is learnt whole; so is a pooler where the order of sentences is learnt through it.
    Raises LingyuError for target_modules that name no layer, or the pooler.
    """
    learnt = [parameter for name, parameter in model.named_parameters() if name in fresh and parameter.requires_grad]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model.encoder = get_peft_model(model.encoder, _config(model, base, lora))
    for parameter in learnt:
        parameter.requires_grad_(True)


def merge_lora(model: Pretrainer) -> None:
    """Put LoRA into the encoder's own weights, which are float32, and take it away.

    Raises LingyuError with status 1 where a merged weight is no finite number.
    """
    assert isinstance(model.encoder, PeftModel), "there is no LoRA to merge"
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    try:
        model.encoder = model.encoder.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise LingyuError(
            f"LoRA can't be merged: {error}",
            next="Nothing was published. The training has diverged: lower train.learning_rate",
            status=1,
        ) from None


def _config(model: Pretrainer, base: Base, lora: Lora) -> LoraConfig:
    if lora.target_modules == "auto":
        targets = auto_target_modules(model.encoder, base.family)
    else:
        targets = check_target_modules(model.encoder, base.family, lora.target_modules, base.id)
        if _POOLER in targets:
            what = f"lora.target_modules: {_POOLER!r} is the pooler, which gets no LoRA"
            raise LingyuError(what, where=base.id, next="Leave it out")
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=targets,
        # RoBERTa's is no part of its classifier, so that the table of heads does not name it
        exclude_modules=[_POOLER] if model.pooler is not None else None,
        use_rslora=lora.use_rslora,
        use_dora=lora.use_dora,
        init_lora_weights=lora.init_lora_weights,
    )
