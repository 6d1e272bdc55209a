"""PEFT's two files as plain data: what a LoRA adds to each linear layer, and the head. Strict, where PEFT only warns.

Merging, mixing adapters in one batch and making one of several all read an adapter here, so that they can't differ.
Parity with plain PEFT is tested for every kind that is read; a kind that is not known here is refused by name.
"""

import json
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Self

import torch
from peft import LoraConfig
from peft.tuners.tuners_utils import check_target_module_exists
from peft.utils.other import get_pattern_key
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FiniteFloat, PositiveInt, model_validator
from torch import Tensor, nn

from lingyu.errors import LingyuError
from lingyu.store import ADAPTER_CONFIG, ADAPTER_WEIGHTS, read_tensors, refuse_remote_code, validated

_PREFIX = "base_model.model."
_ANEW = "Don't use it; train it anew"

# Fields that say where LoRA goes, or that have no say once it is trained. Every other one has to be PEFT's default:
# it may change what the tensors mean.
_UNDERSTOOD = frozenset(
    (
        *("task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision"),
        *("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "modules_to_save"),
        *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"),
        *("inference_mode", "lora_dropout", "init_lora_weights", "eva_config", "corda_config", "lora_ga_config"),
        *("loftq_config", "megatron_core", "qalora_group_size", "runtime_config", "ensure_weight_tying"),
    )
)
_LEAVES_BASE_ALONE = (True, False, "gaussian", "eva", "orthogonal")  # the other ways to start change its weights


_MOST_REPEATS, _MOST_GROUPS, _MOST_PATTERNS = 3, 2, 16
_LONGEST_PATH = 200


def _repeats(pattern: str) -> int:
    """How often it may go on or stop: each multiplies the ways to split a path."""
    return len(re.findall(r"[*+?{]", _shape(pattern)))


def _shape(pattern: str) -> str:
    """Without what a backslash or a class makes literal, and with one sign a repeat or group: .*? is .* here."""
    literal = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", pattern, flags=re.DOTALL)
    return re.sub(r"([*+?}])[?+]", r"\1", literal.replace("(?", "("))


def _quick(pattern: str) -> str:
    """A pattern that Python's matcher is through with at once, whatever the module's path: one that may try many ways
    to split it would keep the process busy for ever, all its threads, and an adapter may come from anywhere."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise ValueError(f"{pattern!r:.60} is no pattern") from None
    shape = _shape(pattern)
    if re.search(r"\)[*+?{]", shape) or _repeats(pattern) > _MOST_REPEATS or shape.count("(") > _MOST_GROUPS:
        raise ValueError(
            f"{pattern!r:.60} could take for ever to match; it may have {_MOST_REPEATS} repeats and {_MOST_GROUPS} "
            "groups, and no group that repeats"
        )
    return pattern


def _listed(names: object) -> object:
    return [names] if isinstance(names, str) else names


_Pattern = Annotated[str, AfterValidator(_quick)]
_Patterns = Annotated[list[_Pattern] | None, BeforeValidator(_listed)]


class _Typed(BaseModel):
    """The types of what is read of a config, which PEFT takes as it comes. Module names are patterns to PEFT."""

    model_config = ConfigDict(strict=True)

    r: PositiveInt = 8
    lora_alpha: FiniteFloat = 8
    rank_pattern: dict[_Pattern, PositiveInt] = {}
    alpha_pattern: dict[_Pattern, FiniteFloat] = {}
    use_rslora: bool = False
    use_dora: bool = False
    modules_to_save: _Patterns = None
    target_modules: _Patterns = None
    exclude_modules: _Patterns = None
    layers_to_transform: list[int] | int | None = None
    layers_pattern: _Patterns = None

    @model_validator(mode="after")
    def _few_patterns(self) -> Self:
        listed = (self.modules_to_save, self.layers_pattern, self.rank_pattern, self.alpha_pattern)
        found = sum(_repeats(name) > 0 for names in listed for name in names or ())
        if found > _MOST_PATTERNS:
            raise ValueError(f"{found:,} patterns with repeats; at most {_MOST_PATTERNS} are read")
        return self


@dataclass(frozen=True)
class LoraWeights:
    """What LoRA adds to one linear layer, float32.

    A: (r, in). B: (out, r), the scaling folded in: lora_alpha / r, or lora_alpha / sqrt(r) for rsLoRA.
    magnitude: (out,), DoRA's; None for LoRA.
    """

    A: Tensor
    B: Tensor
    magnitude: Tensor | None = None

    def delta(self) -> Tensor:
        """(out, in): B A."""
        return self.B @ self.A

    def merged(self, weight: Tensor) -> Tensor:
        """(out, in): the layer's weight with the adapter in it.

        DoRA: magnitude * (W + BA) / ||W + BA||, the norm of each row (Liu et al. 2024, arXiv 2402.09353, equation 5).
        """
        summed: Tensor = weight + self.delta()
        if self.magnitude is None:
            return summed
        norm: Tensor = torch.linalg.norm(summed, dim=1)
        return summed * (self.magnitude / norm).unsqueeze(1)


@dataclass(frozen=True)
class LinearWeights:
    """A linear layer that was trained whole, float32. weight: (out, in). bias: (out,)."""

    weight: Tensor
    bias: Tensor | None = None


@dataclass(frozen=True)
class AdapterWeights:
    """An adapter by the paths of the classifier's modules, e.g. `bert.encoder.layer.0.attention.self.query`."""

    config: LoraConfig
    lora: Mapping[str, LoraWeights]
    head: Mapping[str, LinearWeights]
    where: Path

    def require_fit(self, model: nn.Module, fresh: frozenset[str], num_outputs: int) -> None:
        """Raises LingyuError unless every tensor has its place in a classifier, and every place its tensor.

        model: the base as a classifier of rows or of tokens, whichever the adapter is, with any number of outputs and
        perhaps without values. fresh: names of its weights that the base does not bring: random, so the adapter has to.
        """
        linears = {path: module for path, module in model.named_modules() if isinstance(module, nn.Linear)}
        targets = {path for path in linears if _is_target(self.config, path)} - self.head.keys()
        self._require_same("LoRA tensors", set(self.lora), targets)
        self._require_same("head tensors", set(self.head), {path for path in linears if self._is_saved(path)})
        for path, lora in self.lora.items():
            self._require_shape(path, (lora.B.shape[0], lora.A.shape[1]), tuple(linears[path].weight.shape))
        last = [path for path in linears if path in self.head][-1:]
        for path, head in self.head.items():
            out, in_ = linears[path].weight.shape
            self._require_shape(path, tuple(head.weight.shape), (num_outputs if path in last else out, in_))
            if (head.bias is None) != (linears[path].bias is None):
                raise LingyuError(f"{path} lacks its bias, or has one too many", where=self.where, next=_ANEW)
        brought = {f"{path}.{part}" for path in self.head for part in ("weight", "bias")}
        if fresh - brought:
            names = ", ".join(sorted(fresh - brought)[:3])
            raise LingyuError(f"lacks weights that its base does not bring: {names}", where=self.where, next=_ANEW)

    def _require_same(self, what: str, found: set[str], wanted: set[str]) -> None:
        if found - wanted:
            names = ", ".join(sorted(found - wanted)[:3])
            raise LingyuError(f"holds {what} without a place: {names}", where=self.where, next=_ANEW)
        if wanted - found:
            names = ", ".join(sorted(wanted - found)[:3])
            raise LingyuError(f"lacks {what}: {names}", where=self.where, next=_ANEW)

    def _require_shape(self, path: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        if found != wanted:
            raise LingyuError(f"{path} has shape {found}, but needs {wanted}", where=self.where, next=_ANEW)

    def _is_saved(self, path: str) -> bool:
        """Whether PEFT saves this module whole: a name in modules_to_save ends its path, or that of one around it."""
        parts = path.split(".")
        around = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        names = self.config.modules_to_save or ()
        return any(outer == name or outer.endswith(f".{name}") for outer in around for name in names)


def read_weights(folder: Path) -> AdapterWeights:
    """The adapter in a version's folder. Raises LingyuError for what is not finite, not whole, or not understood."""
    config = read_config(folder / ADAPTER_CONFIG)
    arrays = read_tensors(folder / ADAPTER_WEIGHTS)
    tensors = {name: _finite(torch.from_numpy(array).float(), name, folder) for name, array in arrays.items()}
    lora: dict[str, dict[str, Tensor]] = {}
    head: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        path, part = _place(name, folder)
        (lora if part in ("A", "B", "magnitude") else head).setdefault(path, {})[part] = tensor
    return AdapterWeights(
        config=config,
        lora={path: _lora_weights(path, parts, config, folder) for path, parts in lora.items()},
        head={path: _linear_weights(path, parts, folder) for path, parts in head.items()},
        where=folder,
    )


def read_config(file: Path) -> LoraConfig:
    """Raises LingyuError for what is no config of a LoRA, or holds what is not understood here. PEFT itself would act
    on it: open the adapters that another kind names, or change the base by an initialisation."""
    refuse_remote_code(file)
    try:
        written = json.loads(file.read_bytes())
        _require_understood("peft_type", written.get("peft_type"), ("LORA",), file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about keys of a later PEFT, which are refused here
            config = LoraConfig.from_pretrained(str(file.parent))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0][:160]
        raise LingyuError(f"is no LoRA adapter's config ({reason})", where=file, next=_ANEW) from None
    validated(_Typed, file.read_bytes(), file)
    _require_understood("init_lora_weights", config.init_lora_weights, _LEAVES_BASE_ALONE, file)
    usual = {field.name: getattr(LoraConfig(), field.name) for field in fields(LoraConfig)}
    for name, value in written.items():
        if value and name not in _UNDERSTOOD:  # None, False and {} all say that something is off
            _require_understood(name, value, (usual.get(name),), file)
    return config


def _require_understood(name: str, found: object, understood: tuple[object, ...], where: Path) -> None:
    if found not in understood:
        raise LingyuError(
            f"{name} is {str(found)!r:.60}, which is not read here",
            where=where,
            next="Convert it to plain LoRA by the library that trained it",
        )


def _place(name: str, where: Path) -> tuple[str, str]:
    """base_model.model.bert.pooler.dense.weight -> (bert.pooler.dense, weight)."""
    if name.startswith(_PREFIX):
        path = name.removeprefix(_PREFIX)
        for end, part in (
            (".lora_A.weight", "A"),
            (".lora_B.weight", "B"),
            (".lora_magnitude_vector", "magnitude"),
            (".weight", "weight"),
            (".bias", "bias"),
        ):
            module = path.removesuffix(end)
            if module != path and ".lora_" not in module and len(module) <= _LONGEST_PATH:
                return module, part
    raise LingyuError(f"holds tensors without a place: {name!r:.100}", where=where, next=_ANEW)


def _lora_weights(path: str, parts: Mapping[str, Tensor], config: LoraConfig, where: Path) -> LoraWeights:
    wanted = {"A", "B", "magnitude"} if config.use_dora else {"A", "B"}
    if set(parts) != wanted:
        what = "lacks" if wanted - set(parts) else "has one too many of"
        raise LingyuError(f"{path} {what} LoRA's {' and '.join(sorted(wanted))}", where=where, next=_ANEW)
    A, B, magnitude = parts["A"], parts["B"], parts.get("magnitude")  # noqa: N806
    rank = config.rank_pattern.get(get_pattern_key(config.rank_pattern.keys(), path), config.r)
    if A.ndim != 2 or B.ndim != 2 or A.shape[0] != rank or B.shape[1] != rank:
        shapes = f"{tuple(A.shape)} and {tuple(B.shape)}"
        raise LingyuError(f"{path} has rank {rank} in its config, but tensors {shapes}", where=where, next=_ANEW)
    if magnitude is not None and magnitude.shape != B.shape[:1]:
        what = f"{path} has a magnitude of shape {tuple(magnitude.shape)} for {B.shape[0]} outputs"
        raise LingyuError(what, where=where, next=_ANEW)
    alpha = config.alpha_pattern.get(get_pattern_key(config.alpha_pattern.keys(), path), config.lora_alpha)
    scaling = alpha / (math.sqrt(rank) if config.use_rslora else rank)
    scaled = _finite(B * scaling, f"{path}: B times its scaling {scaling:.2g}", where)
    return LoraWeights(A.contiguous(), scaled.contiguous(), magnitude)


def _finite(tensor: Tensor, what: str, where: Path) -> Tensor:
    """Stored values are finite, as they are read: float64 and what is multiplied may still leave float32's range."""
    if not torch.isfinite(tensor).all():
        raise LingyuError(f"{what!s:.160} is too large for float32", where=where, next=_ANEW)
    return tensor


def _linear_weights(path: str, parts: Mapping[str, Tensor], where: Path) -> LinearWeights:
    weight, bias = parts.get("weight"), parts.get("bias")
    if weight is None or weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        shapes = {part: tuple(tensor.shape) for part, tensor in sorted(parts.items())}
        raise LingyuError(f"{path} is no linear layer: {shapes}", where=where, next=_ANEW)
    return LinearWeights(weight, bias)


def _is_target(config: LoraConfig, path: str) -> bool:
    """PEFT's own rule, with its patterns, layers and exclusions."""
    return bool(check_target_module_exists(config, path))
