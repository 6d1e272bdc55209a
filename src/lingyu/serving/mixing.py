"""One forward in which every row has its own adapter.

Adapters are data here, never a module's state: their A and B are stacked by the layer that they belong to, padded with
zeros to the largest rank, and each row gathers its own by index (two batched products). Which stack and which rows are
meant travels in a context variable, of which every thread has its own. So threads share nothing that changes, any
ranks, scalings, targets, label counts and DoRA mix, and an exception leaves nothing behind. PEFT's `adapter_names`
is a hook in the modules, which two threads, or one exception, make answer with another's adapter.

The encoder runs once for all rows. A head that answers once a row, and one that answers once a token, then read what it
gave, each for its own rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from lingyu.bases import Family, encoder_linears
from lingyu.bases import Head as HeadKind
from lingyu.errors import LingyuError
from lingyu.lora import AdapterWeights, LoraWeights


@dataclass(frozen=True)
class Spot:
    """What the adapters of a stack add to one linear layer.

    A: (adapters, in, r), transposed as it is multiplied. B: (adapters, r, out), scaling folded in.
    gain: (adapters, out), by which DoRA changes the layer's own output, 0 where there is no DoRA; None where no adapter
    has any.
    """

    A: Tensor
    B: Tensor
    gain: Tensor | None

    def to(self, device: torch.device) -> "Spot":
        return Spot(self.A.to(device), self.B.to(device), None if self.gain is None else self.gain.to(device))

    def only(self, adapter: int) -> "Spot":
        own = slice(adapter, adapter + 1)
        return Spot(self.A[own], self.B[own], None if self.gain is None else self.gain[own])

    def added_to(self, output: Tensor, x: Tensor, bias: Tensor | None, index: Tensor) -> Tensor:
        """output: (rows, length, out), the layer's own. x: (rows, length, in). index: (rows,) into the adapters."""
        if self.gain is not None:
            own = output if bias is None else output - bias
            gain = self.gain if len(self.gain) == 1 else self.gain[index].unsqueeze(1)
            output = output + gain * own
        if len(self.A) == 1:  # no rows to tell apart, so nothing is gathered, and x may have any shape
            return output + x @ self.A[0] @ self.B[0]
        return output.baddbmm_(torch.bmm(x, self.A[index]), self.B[index])  # output is nobody else's


@dataclass(frozen=True)
class Head:
    """A layer of the head, each adapter's own, out padded with zeros.

    weight: (adapters, out, in). bias: (adapters, out).
    """

    weight: Tensor
    bias: Tensor | None

    def to(self, device: torch.device) -> "Head":
        return Head(self.weight.to(device), None if self.bias is None else self.bias.to(device))

    def only(self, adapter: int) -> "Head":
        own = slice(adapter, adapter + 1)
        return Head(self.weight[own], None if self.bias is None else self.bias[own])

    def __call__(self, x: Tensor, index: Tensor) -> Tensor:
        """(rows, ..., in) -> (rows, ..., out)."""
        if len(self.weight) == 1:
            return functional.linear(x, self.weight[0], None if self.bias is None else self.bias[0])
        flat = x.reshape(len(x), -1, x.shape[-1])
        weight = self.weight[index].transpose(1, 2)
        if self.bias is None:
            output = torch.bmm(flat, weight)
        else:
            output = torch.baddbmm(self.bias[index].unsqueeze(1), flat, weight)
        return output.reshape(*x.shape[:-1], output.shape[-1])


@dataclass(frozen=True)
class Layers:
    """The linear layers of a classifier as it was loaded, by path: the encoder's, and the head's in their order."""

    encoder: Mapping[str, nn.Linear]
    head: Mapping[str, nn.Linear]

    @classmethod
    def of(cls, model: nn.Module, family: Family) -> Self:
        linears = {path: module for path, module in model.named_modules() if isinstance(module, nn.Linear)}
        encoder = set(encoder_linears(model, family))
        return cls(
            {path: linear for path, linear in linears.items() if path in encoder},
            {path: linear for path, linear in linears.items() if path not in encoder},
        )


@dataclass(frozen=True)
class Fitted:
    """One adapter as a stack takes it. spots, heads: by the path of the layer, without the adapters' dimension.

    kind: of its head.
    """

    spots: Mapping[str, Spot]
    heads: Mapping[str, Head]
    kind: HeadKind

    @classmethod
    def of(cls, weights: AdapterWeights, layers: Layers, kind: HeadKind, device: torch.device) -> Self:
        """Raises LingyuError for an adapter that trains whole what is no layer of the head."""
        odd = sorted(set(weights.head) - set(layers.head))
        if odd:
            next_step = "Merge it into its base instead: python merge.py"
            raise LingyuError(f"has {odd[0]} trained whole, which is no part of the head", weights.where, next_step)
        return cls(
            {
                path: _fitted_spot(weights.lora[path], linear).to(device)
                for path, linear in layers.encoder.items()
                if path in weights.lora
            },
            {path: _fitted_head(path, weights, linear).to(device) for path, linear in layers.head.items()},
            kind,
        )

    @cached_property
    def bytes_of(self) -> Mapping[tuple[str, str], int]:
        """(kind, path) -> what a layer takes: those of one kind and path lie in one tensor of a stack."""
        spots = {("spot", path): _bytes(spot.A, spot.B, spot.gain) for path, spot in self.spots.items()}
        heads = {(str(self.kind), path): _bytes(head.weight, head.bias) for path, head in self.heads.items()}
        return {**spots, **heads}

    @property
    def size_bytes(self) -> int:
        return sum(self.bytes_of.values())


@dataclass(frozen=True)
class Heads:
    """The heads of one kind in a stack. layers: by path.

    place: (adapters of the stack,) int64, where each has its own; 0 for those with a head of the other kind, of which
    nobody reads what comes out. None where all have this kind, in their order.
    """

    layers: Mapping[str, Head]
    place: Tensor | None

    @classmethod
    def of(cls, kind: HeadKind, adapters: Sequence[Fitted]) -> Self:
        """adapters: all of a stack, one of this kind at least."""
        own = [adapter for adapter in adapters if adapter.kind == kind]
        place = None
        if len(own) < len(adapters):
            count = torch.tensor([adapter.kind == kind for adapter in adapters]).cumsum(0)
            place = (count - 1).clamp(min=0).to(next(iter(own[0].heads.values())).weight.device)
        return cls({path: _stacked_head([adapter.heads[path] for adapter in own]) for path in own[0].heads}, place)

    def only(self, adapter: int) -> Self:
        place = adapter if self.place is None else int(self.place[adapter])
        return replace(self, layers={path: head.only(place) for path, head in self.layers.items()}, place=None)

    def layer(self, path: str, x: Tensor, index: Tensor) -> Tensor:
        """index: (rows,) into the adapters of the stack."""
        return self.layers[path](x, index if self.place is None else self.place[index])

    @property
    def num_outputs(self) -> int:
        """As many as the adapter with the most of them has."""
        return list(self.layers.values())[-1].weight.shape[1]


@dataclass(frozen=True)
class Stack:
    """Some adapters of one base, ready to be mixed.

    spots: by the path of the layer. heads: those kinds that one of the adapters has. kinds: of each adapter's head.
    """

    spots: Mapping[str, Spot]
    heads: Mapping[HeadKind, Heads]
    kinds: tuple[HeadKind, ...]

    @classmethod
    def of(cls, adapters: Sequence[Fitted]) -> Self:
        """Copies all of them: for a few dozen adapters."""
        spots = dict.fromkeys(path for adapter in adapters for path in adapter.spots)
        kinds = tuple(adapter.kind for adapter in adapters)
        return cls(
            {path: _stacked_spot([adapter.spots.get(path) for adapter in adapters]) for path in spots},
            {kind: Heads.of(kind, adapters) for kind in dict.fromkeys(kinds)},
            kinds,
        )

    def only(self, adapter: int) -> Self:
        """A stack of one of them."""
        kind = self.kinds[adapter]
        return replace(
            self,
            spots={path: spot.only(adapter) for path, spot in self.spots.items()},
            heads={kind: self.heads[kind].only(adapter)},
            kinds=(kind,),
        )

    @contextmanager
    def answering(self, index: Tensor) -> Iterator[None]:
        """Within it, row i of a forward in this thread is answered by adapter index[i]. index: (rows,)."""
        token = _ROWS.set(_Rows(self, index))
        try:
            yield
        finally:
            _ROWS.reset(token)


class MixedLinear(nn.Module):
    """A linear layer of the encoder, and what each row's adapter adds to it."""

    def __init__(self, path: str, linear: nn.Linear) -> None:
        super().__init__()
        self.path = path
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.linear(x)
        rows = _ROWS.get()
        spot = rows.stack.spots.get(self.path)
        if spot is None:
            return output
        if x.ndim == 2:  # a pooler sees one token a row
            return spot.added_to(output.unsqueeze(1), x.unsqueeze(1), self.linear.bias, rows.index).squeeze(1)
        return spot.added_to(output, x, self.linear.bias, rows.index)


class MixedHead(nn.Module):
    """A layer of the head: each row's own. There is no other, so that none can answer by mistake."""

    def __init__(self, kind: HeadKind, path: str) -> None:
        super().__init__()
        self.kind = kind
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        rows = _ROWS.get()
        heads = rows.stack.heads.get(self.kind)
        if heads is None:  # BERT's pooler is run by its encoder: here where every row is answered token by token
            return x
        return heads.layer(self.path, x, rows.index)


class EncodedAlready(nn.Module):
    """In the place of a classifier's encoder: what the encoder gave for these rows."""

    def forward(self, *_: object, **__: object) -> Any:
        return _ENCODED.get()


@dataclass(frozen=True)
class _Rows:
    stack: "Stack"
    index: Tensor


_ROWS: ContextVar[_Rows] = ContextVar("the adapters of the rows in this forward")  # no default: never the bare base
_ENCODED: ContextVar[Any] = ContextVar("what the encoder gave in this forward")


def make_mixed(model: nn.Module, layers: Layers) -> None:
    """Put mixed layers in the place of a classifier's own, whose head answers once a row."""
    for path, linear in layers.encoder.items():
        model.set_submodule(path, MixedLinear(path, linear))
    make_mixed_head(model, "row", layers)


def make_mixed_head(model: nn.Module, kind: HeadKind, layers: Layers) -> None:
    for path in layers.head:
        model.set_submodule(path, MixedHead(kind, path))


def _bytes(*tensors: Tensor | None) -> int:
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)


# What a stack may take whatever it is of, and by how much more than its adapters do where they take more.
_SMALL_STACK_BYTES = 256 * 2**20
_MOST_PADDING = 2


def stackable(adapters: Sequence[Fitted], most: int) -> list[list[int]]:
    """The adapters by number, those together that one stack may hold: `most` at most, and little of it padding.

    In a stack each adapter takes as much as the one with the largest rank, in every layer that any of them changes:
    one of rank 256 among 63 of rank 8 would make a stack of forty times their size.
    """
    groups: list[list[int]] = []
    widest: dict[tuple[str, str], int] = {}
    own = 0
    for number in sorted(range(len(adapters)), key=lambda at: adapters[at].size_bytes):
        adapter = adapters[number]
        wider = {**widest, **{key: max(size, widest.get(key, 0)) for key, size in adapter.bytes_of.items()}}
        count = len(groups[-1]) + 1 if groups else 1
        allowed = max(_SMALL_STACK_BYTES, _MOST_PADDING * (own + adapter.size_bytes))
        if groups and count <= most and count * sum(wider.values()) <= allowed:
            groups[-1].append(number)
            widest, own = wider, own + adapter.size_bytes
        else:
            groups.append([number])
            widest, own = dict(adapter.bytes_of), adapter.size_bytes
    return groups


def take_encoder(model: Any) -> Any:
    """The encoder of a classifier, which is left with what its head is made of: see head_logits."""
    encoder = model.base_model
    setattr(model, model.base_model_prefix, EncodedAlready())
    return encoder


def head_logits(classifier: nn.Module, encoded: Any, **inputs: Tensor) -> Tensor:
    """Of a classifier without its encoder. encoded: what that gave for the inputs."""
    token = _ENCODED.set(encoded)
    try:
        logits: Tensor = classifier(**inputs).logits
        return logits
    finally:
        _ENCODED.reset(token)


def _fitted_spot(lora: LoraWeights, linear: nn.Linear) -> Spot:
    """DoRA multiplies the whole output by magnitude / ||W + BA||: B takes its part, the layer's own output the rest."""
    if lora.magnitude is None:
        return Spot(lora.A.t().contiguous(), lora.B.t().contiguous(), None)
    weight = linear.weight.detach().float().cpu()
    scale = lora.magnitude / torch.linalg.norm(weight + lora.delta(), dim=1)
    return Spot(lora.A.t().contiguous(), (lora.B.t() * scale).contiguous(), scale - 1)


def _fitted_head(path: str, weights: AdapterWeights, linear: nn.Linear) -> Head:
    """A layer of the head as the adapter has it: trained whole, by LoRA on the base's own, or just the base's own."""
    if path in weights.head:
        return Head(weights.head[path].weight, weights.head[path].bias)
    weight = linear.weight.detach().float().cpu()
    bias = None if linear.bias is None else linear.bias.detach().float().cpu()
    return Head(weights.lora[path].merged(weight) if path in weights.lora else weight, bias)


def _stacked_spot(spots: Sequence[Spot | None]) -> Spot:
    some = next(spot for spot in spots if spot is not None)
    zero = Spot(some.A.new_zeros(some.A.shape[0], 0), some.B.new_zeros(0, some.B.shape[1]), None)
    whole = [spot or zero for spot in spots]
    gain = None
    if any(spot.gain is not None for spot in whole):
        none = some.B.new_zeros(some.B.shape[1])
        gain = _stacked([none if spot.gain is None else spot.gain for spot in whole])
    return Spot(_stacked([spot.A for spot in whole]), _stacked([spot.B for spot in whole]), gain)


def _stacked_head(heads: Sequence[Head]) -> Head:
    biases = [head.bias for head in heads if head.bias is not None]
    return Head(_stacked([head.weight for head in heads]), _stacked(biases) if biases else None)


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Padded with zeros at the end to the largest. Of one alone a view: what one tenant asks alone copies nothing."""
    if len(tensors) == 1:
        return tensors[0].unsqueeze(0)
    largest = [max(sizes) for sizes in zip(*(tensor.shape for tensor in tensors), strict=True)]
    stacked = tensors[0].new_zeros(len(tensors), *largest)
    for place, tensor in zip(stacked, tensors, strict=True):
        place[tuple(slice(size) for size in tensor.shape)] = tensor
    return stacked
