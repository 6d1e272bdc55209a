"""QLoRA: the encoder's linear layers in 4 bits while LoRA trains beside them (Dettmers et al. 2023, arXiv 2305.14314).

The adapter is plain LoRA for the full-precision base: only training sees the 4 bits, and nothing is merged into them.
"""

import importlib.util
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lingyu.bases import Family, encoder_linears
from lingyu.errors import LingyuError, missing_extra
from lingyu.training import import_bitsandbytes

QUANT_TYPE = "nf4"
_BLOCK = 64  # weights that share a scale

# Of a weight to the nearest value, over the largest of its block: half of nf4's widest gap, which is from -1 to -0.696.
_LARGEST_ERROR = 0.1525


def require_bitsandbytes() -> None:
    """Raises LingyuError where it is not installed, with the extra that brings it."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise missing_extra("bitsandbytes", "qlora")


@dataclass(frozen=True)
class FourBits:
    """Where the weights are to lie, and the arithmetic that their layers compute in.

    compute_dtype: that of the run, since autocast does not reach into these layers: in float32 a bfloat16 run would do
    most of its work in float32. Biases are brought to it with the first forward, in this copy of the base only.
    """

    compute_dtype: torch.dtype
    device: torch.device

    def quantize(self, model: nn.Module, family: Family) -> None:
        """Put every linear layer of the encoder into nf4, in place, by its full path.

        Head and pooler are left as they are, which a skip list by PEFT's or bitsandbytes' names would not do.
        Raises LingyuError without bitsandbytes, and where it computes with other weights than it was given.
        """
        require_bitsandbytes()
        import_bitsandbytes()
        for path in encoder_linears(model, family):
            linear = model.get_submodule(path)
            assert isinstance(linear, nn.Linear), path
            layer = self._quantized(linear)
            _require_right(layer, linear.weight.data, path)
            model.set_submodule(path, layer)
        model.is_loaded_in_4bit = True  # type: ignore[assignment]  # PEFT asks for it, and then looks at each layer

    def _quantized(self, linear: nn.Linear) -> nn.Module:
        """The layer in 4 bits, from its float32 weight: rounding that to bfloat16 first would only add to the error.

        Its scales stay float32, 4.5 bits a weight instead of the 4.13 of double quantisation: then no weight is further
        off than half a gap of nf4, which can be checked. Quantised scales are right to a part of the largest of 256.
        """
        from bitsandbytes.nn import Linear4bit, Params4bit

        layer = Linear4bit(
            linear.in_features,
            linear.out_features,
            bias=False,  # a random one would be drawn
            compute_dtype=self.compute_dtype,
            quant_type=QUANT_TYPE,
            device=torch.device("meta"),
        )
        weight = Params4bit(linear.weight.data.clone(), compress_statistics=False, quant_type=QUANT_TYPE, module=layer)
        layer.weight = weight.to(self.device)
        layer.bias = linear.bias
        # On a CPU with AVX512-BF16 the first forward in eval mode would repack the weight in place: training on fails
        # then, and dequantised weights are wrong without an error (bitsandbytes 0.50).
        layer.support_avx512bf16_for_cpu = False
        # It answers in the type that it is asked in: under autocast float32, in which all that follows would be kept.
        layer.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(self.compute_dtype),))
        layer.train(linear.training)
        quantized: nn.Module = layer
        return quantized


def dequantized(layer: nn.Module) -> torch.Tensor:
    """(out, in) float32: what a layer in 4 bits computes with."""
    from bitsandbytes.functional import dequantize_4bit

    weight: Any = layer.weight  # bitsandbytes has no types
    found: torch.Tensor = dequantize_4bit(weight.data, weight.quant_state)
    return found.float()


def _require_right(layer: nn.Module, weight: torch.Tensor, path: str) -> None:
    """Raises LingyuError where a layer's weight is further from what it was made of than nf4 explains.

    bitsandbytes 0.50 on a CPU mixes up the scales of many layers whose width is no multiple of its block.
    """
    lacking = -weight.numel() % _BLOCK
    blocks, found = (
        nn.functional.pad(values.detach().float().cpu().reshape(-1), (0, lacking)).reshape(-1, _BLOCK)
        for values in (weight, dequantized(layer))
    )
    if bool(((blocks - found).abs() > _LARGEST_ERROR * blocks.abs().amax(dim=1, keepdim=True)).any()):
        raise LingyuError(
            f"quantization: bitsandbytes computes with wrong weights in a layer of {weight.shape[1]} inputs",
            where=path,
            next="Leave quantization out, or take a base whose widths are multiples of 64",
        )
