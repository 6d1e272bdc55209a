"""The two files of a PEFT adapter, and the proof that plain PEFT reads them back as what was trained."""

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path

import safetensors.torch
import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file
from torch import nn

from lingyu.bases import Base, Classifier, Head
from lingyu.errors import LingyuError
from lingyu.recipe import Lora
from lingyu.store import ADAPTER_CONFIG, ADAPTER_WEIGHTS, read_tensors
from lingyu.text import Encoded
from lingyu.training import logits_of

from .conversion import to_plain_lora
from .weights import read_config

# Largest difference of a logit, float32: the order of sums differs between the live model and the converted adapter.
TOLERANCE = 1e-4


def adapter_tensors(model: PeftModel) -> dict[str, torch.Tensor]:
    """LoRA and head as PEFT saves them, on the CPU."""
    tensors = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def save_tensors(tensors: dict[str, torch.Tensor], file: Path) -> None:
    file.write_bytes(safetensors.torch.save(tensors, metadata={"format": "pt"}))


def save_adapter(model: PeftModel, base: Base, lora: Lora, folder: Path, *, initial: Path | None) -> None:
    """Write the adapter as plain LoRA for the base under the base's own name.

    initial: the tensors before the first step, for initialisations that change the base.
    """
    config = copy.deepcopy(model.peft_config["default"])
    config.base_model_name_or_path = base.id
    config.revision = base.revision
    config.inference_mode = True
    tensors = adapter_tensors(model)
    if initial is not None:
        tensors = to_plain_lora(tensors, load_file(initial), use_rslora=lora.use_rslora)
        config.r *= 2
        config.lora_alpha *= 2
        config.init_lora_weights = True
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(tensors, folder / ADAPTER_WEIGHTS)
    config.save_pretrained(str(folder))


def load_adapter(
    base: Base, output_names: Sequence[str], folder: Path, *, seed: int = 0, head: Head = "row"
) -> PeftModel:
    """The adapter on a fresh copy of its base, by plain PEFT, in eval mode. Strict, where PEFT only warns.

    output_names: a name for each logit. head: whether it answers once a row or once a token.
    Raises LingyuError unless every tensor in the file has its place, every place its tensor, and every weight that the
    base does not bring comes from the file.
    """
    return place_adapter(base.load_classifier(output_names, seed=seed, head=head), folder, base.id)


def place_adapter(classifier: Classifier, folder: Path, base: str) -> PeftModel:
    """The adapter on this model, as load_adapter does it. base: its name."""
    read_config(folder / ADAPTER_CONFIG)
    in_file = set(read_tensors(folder / ADAPTER_WEIGHTS))  # all finite, or refused
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about missing keys, which are checked here
            model = PeftModel.from_pretrained(classifier.model, str(folder))
    except (RuntimeError, KeyError, ValueError) as error:
        raise LingyuError(f"does not fit base {base}: {str(error).splitlines()[0]}", where=folder) from None
    places = set(get_peft_model_state_dict(model, save_embedding_layers=False))
    random = {f"base_model.model.{key}" for key in classifier.fresh} - in_file
    for what, names in (
        ("holds tensors without a place", in_file - places),
        ("lacks tensors", places - in_file),
        ("lacks weights that its base does not bring", random),
    ):
        if names:
            raise LingyuError(
                f"{what}: {', '.join(sorted(names)[:3])}", where=folder, next="Don't use it; train it anew"
            )
    return model.eval()


def require_same_answers(
    live: nn.Module, reloaded: nn.Module, encoded: Encoded, pad_token_id: int, *, noun: str = "adapter"
) -> float:
    """The largest difference of a logit between the trained model and its saved form. noun: for that form.

    Raises LingyuError beyond TOLERANCE: then something that was trained is not in the file.
    """
    difference = (
        logits_of(live, encoded, pad_token_id=pad_token_id) - logits_of(reloaded, encoded, pad_token_id=pad_token_id)
    ).abs()
    largest = float(difference.max())
    if not largest <= TOLERANCE:
        raise LingyuError(
            f"the saved {noun} answers differently from the trained model: logits differ by {largest:.2g}",
            next="Nothing was published. Please report this with the recipe",
            status=1,
        )
    return largest
