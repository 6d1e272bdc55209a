"""What the merged model consists of, tensor by tensor, before any of it is read: checked as a whole, then streamed."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lingyu.bases import Base, StoredTensor, classifier_class, encoder_tensors, plain_name
from lingyu.errors import LingyuError
from lingyu.lora import AdapterWeights, LoraWeights
from lingyu.tasks import Task

from .tensor_file import Shape, read_tensor


@dataclass(frozen=True)
class PlannedTensor:
    """source: where its value before merging comes from: the base's file, or a tensor as it is (the adapter's head)."""

    shape: Shape
    source: StoredTensor | Tensor
    lora: LoraWeights | None = None

    def value(self) -> Tensor:
        """float32, of the shape."""
        value = self.source if isinstance(self.source, Tensor) else read_tensor(self.source)
        return value if self.lora is None else self.lora.merged(value)


@dataclass(frozen=True)
class MergePlan:
    """config: of the merged classifier, for transformers. tensors: by name, in the order in which they are written."""

    config: Any
    tensors: dict[str, PlannedTensor]

    @property
    def shapes(self) -> dict[str, Shape]:
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    def values(self) -> Iterator[Tensor]:
        """One after the other, so that one at a time is in memory."""
        return (tensor.value() for tensor in self.tensors.values())


def plan_merge(base: Base, adapter: AdapterWeights, task: Task) -> MergePlan:
    """A plan in which every tensor of the classifier has its source, and every tensor of the adapter its place.

    Raises LingyuError, naming the tensor, otherwise.
    """
    outline = _outline(base, task)
    shapes = {name: tuple(tensor.shape) for name, tensor in outline.state_dict().items()}
    stored = _stored(base, shapes)
    fixed = _fixed(base, {name: shape for name, shape in shapes.items() if name not in stored})
    adapter.require_fit(outline, frozenset(shapes.keys() - stored.keys() - fixed.keys()), task.num_outputs)
    trained = {
        f"{path}.{part}": tensor
        for path, linear in adapter.head.items()
        for part, tensor in (("weight", linear.weight), ("bias", linear.bias))
        if tensor is not None
    }
    added = {f"{path}.weight": lora for path, lora in adapter.lora.items()}
    tensors = {}
    for name, shape in shapes.items():
        source = trained.get(name, stored.get(name, fixed.get(name)))
        if source is None:
            raise LingyuError(
                f"neither the base {base.id} nor the adapter brings {name}",
                where=adapter.where,
                next="Nothing was written: it would be random. Train the adapter anew",
            )
        tensors[name] = PlannedTensor(shape, source, added.get(name))
    return MergePlan(outline.config, tensors)


def _outline(base: Base, task: Task) -> Any:
    """The classifier without values: names, shapes and config."""
    config = copy.deepcopy(base.config)
    config.id2label = dict(enumerate(task.output_names))
    config.label2id = {name: index for index, name in enumerate(task.output_names)}
    config.problem_type = task.traits.problem_type
    config.name_or_path = ""  # a path of this machine
    model_class = classifier_class(config, task.head)
    config.architectures = [model_class.__name__]
    with torch.device("meta"), base.building():
        return model_class(config)


def _stored(base: Base, shapes: dict[str, Shape]) -> dict[str, StoredTensor]:
    """The base's tensors by the classifier's names. One of another shape is one that the base does not bring."""
    in_files = encoder_tensors(base.folder)
    found = {}
    for name, shape in shapes.items():
        plain = plain_name(name)
        tensor = in_files.get(plain) if plain is not None else None
        if tensor is not None and tensor.shape == shape:
            found[name] = tensor
    return found


def _fixed(base: Base, lacking: dict[str, Shape]) -> dict[str, Tensor]:
    """Those of the lacking tensors that are the same at every load: norms of a head that the base does not bring."""
    values = {name: base.family.fixed_value(name) for name in lacking}
    return {name: torch.full(lacking[name], value) for name, value in values.items() if value is not None}
