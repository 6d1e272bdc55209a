"""PiSSA and OLoRA adapters as plain LoRA for the untouched base.

Both move part of the base's weights into A and B when they start: W = W_res + s*B0*A0. What was learnt is then
s*(B*A - B0*A0) on top of W, which is a LoRA of twice the rank: A' = [A; A0], B' = [B, -B0].

PEFT's own conversion (save_pretrained with path_initial_model_for_weight_conversion) drops every trained head from
the file in 0.21.2, and reloading a `pissa_niter_N` adapter repeats a random SVD with other numbers.
"""

from collections.abc import Mapping

import torch
from torch import Tensor


def to_plain_lora(
    trained: Mapping[str, Tensor], initial: Mapping[str, Tensor], *, use_rslora: bool
) -> dict[str, Tensor]:
    """The tensors of the converted adapter; rank and lora_alpha double. Heads stay as trained.

    trained, initial: state dicts of the adapter after and before training, PEFT's names.
    With rsLoRA the scaling is lora_alpha / sqrt(r): doubling both makes it sqrt(2) times too large, and B gives way.
    """
    factor = 2**-0.5 if use_rslora else 1.0
    converted = {}
    for name, tensor in trained.items():
        if ".lora_A." in name:
            converted[name] = torch.cat([tensor, initial[name]], dim=0)
        elif ".lora_B." in name:
            converted[name] = torch.cat([tensor, -initial[name]], dim=1) * factor
        else:
            converted[name] = tensor
    return converted
