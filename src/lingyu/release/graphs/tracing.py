"""A classifier as a graph: traced once by torch.export, then written as ONNX or OpenVINO, and as int8 where asked for.

Inputs are input_ids, attention_mask and, where two texts are read, token_type_ids, all of any number of rows and any
length; the output is the logits.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from lingyu.errors import LingyuError, missing_extra

from .folder import MODEL_FILES, RuntimeName
from .runtimes import INPUTS, OUTPUT, untracked

OPSET = 23
"""The first in which attention is one node. From an older one openvino builds it of MatMul and Softmax, unfused."""

_ROWS, _LENGTH = 2, 3  # of the example that is traced: 0 and 1 would be taken for constants
_LARGEST_ONNX_BYTES = 2**31 - 2**24  # protobuf's 2 GiB, less the graph without its weights

_NEEDED: dict[RuntimeName, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("openvino",),
}


class _Logits(nn.Module):
    """A transformers classifier as a function of tensors."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier
        # onnxscript 0.7 makes one RotaryEmbedding of it, whose sines have to be there for each row; transformers has
        # them once for all rows, and onnxruntime refuses that
        self.has_rotary_embedding = hasattr(getattr(classifier, "base_model", None), "rotary_emb")

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        places = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        if self.has_rotary_embedding:
            places["position_ids"] = torch.arange(input_ids.shape[1]).expand(input_ids.shape)
        logits: Tensor = self.classifier(input_ids=input_ids, attention_mask=attention_mask, **places).logits
        return logits


def needed_packages(runtime: RuntimeName, *, int8: bool) -> tuple[str, ...]:
    """What is imported to write such a graph."""
    return (*_NEEDED[runtime], *(("nncf",) if int8 and runtime == "openvino" else ()))


def require_packages(runtime: RuntimeName, *, int8: bool) -> None:
    """Raises LingyuError that names the extra where one of them is missing."""
    with quiet(), untracked():
        for package in needed_packages(runtime, int8=int8):
            try:
                __import__(package)
            except ImportError:
                raise missing_extra(package, "export") from None


def trace(classifier: nn.Module, max_length: int, *, has_types: bool = False) -> ExportedProgram:
    """classifier: on the CPU, in eval mode. has_types: whether the graph takes token_type_ids.

    Raises LingyuError, naming the architecture, where it can't be traced.
    """
    rows, length = Dim("rows", min=1), Dim("length", min=1, max=max(max_length, _LENGTH))
    ids = torch.arange(_ROWS * _LENGTH).reshape(_ROWS, _LENGTH)
    mask = torch.ones_like(ids)
    mask[0, -1] = 0  # a mask of ones only may be left out of the graph
    shapes = {0: rows, 1: length}
    types = torch.zeros_like(ids)
    types[:, -1] = 1
    example = (ids, mask, types) if has_types else (ids, mask)
    try:
        with quiet(), torch.no_grad(), _finite_masks(classifier):
            return torch.export.export(
                _Logits(classifier), example, dynamic_shapes=(shapes,) * len(example), strict=False
            )
    except Exception as error:  # whatever the model's code and the tracer disagree about
        architecture = getattr(getattr(classifier, "config", None), "model_type", type(classifier).__name__)
        reason = " ".join(str(error).split())[:160]
        raise LingyuError(
            f"the architecture {architecture!r} can't be traced as a graph ({type(error).__name__}: {reason})",
            next="Merge it instead, and serve that with torch: python merge.py",
        ) from error


@contextlib.contextmanager
def _finite_masks(classifier: Any) -> Iterator[None]:
    """Within it, a layer that looks at its neighbours only masks the others by a very small number.

    Of a short row's padding no neighbour may be a token: then all is masked, and a runtime that masks by minus infinity
    makes it no number (openvino 2026.4), which reaches the logits where a head takes the mean over tokens.
    """
    looks_around = "sliding_attention" in (getattr(getattr(classifier, "config", None), "layer_types", None) or ())
    if not looks_around:
        yield
        return
    usual = classifier.config._attn_implementation
    classifier.set_attn_implementation("eager")
    try:
        yield
    finally:
        classifier.set_attn_implementation(usual)


def inputs_of(program: ExportedProgram) -> tuple[str, ...]:
    return INPUTS[: len(program.graph_signature.user_inputs)]


def write_graph(program: ExportedProgram, runtime: RuntimeName, folder: Path) -> None:
    """The graph in float32. Raises LingyuError for one that a single ONNX file can't hold."""
    if runtime == "onnx":
        _write_onnx(program, folder / MODEL_FILES["onnx"][0])
    else:
        _write_openvino(program, folder / MODEL_FILES["openvino"][0])


def quantise(runtime: RuntimeName, folder: Path) -> None:
    """The weights of the graph in the folder to int8, in place."""
    names = MODEL_FILES[runtime]
    smaller = folder / f"int8_{names[0]}"
    if runtime == "onnx":
        _quantise_onnx(folder / names[0], smaller)
    else:
        _compress_openvino(folder / names[0], smaller)
    for name in names:
        (folder / f"int8_{name}").replace(folder / name)


def _write_onnx(program: ExportedProgram, file: Path) -> None:
    size = sum(tensor.nbytes for tensor in program.state_dict.values())
    if size > _LARGEST_ONNX_BYTES:
        raise LingyuError(
            f"has {size / 2**30:.1f} GiB of weights, and one ONNX file holds 2 GiB", next="Export it --to openvino"
        )
    with quiet():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs_of(program)),
            output_names=[OUTPUT],
            verbose=False,
        )
    assert exported is not None
    model: Any = exported.model_proto
    for value in (*model.graph.input, *model.graph.output):
        for dimension, name in zip(value.type.tensor_type.shape.dim, ("rows", "length"), strict=True):
            if dimension.dim_param:
                dimension.dim_param = name
    _strip(model.graph)
    file.write_bytes(model.SerializeToString(deterministic=True))


def _strip(graph: Any) -> None:
    """Without what the exporter notes beside the graph.

    Every node carries the stack of calls that made it, with paths of this machine. The shapes of what is computed in
    between have names that were changed here, and those of weights stop the quantiser, which transposes some.
    """
    del graph.value_info[:], graph.metadata_props[:]
    for node in graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for tensor in graph.initializer:
        del tensor.metadata_props[:]
        tensor.ClearField("doc_string")


def _write_openvino(program: ExportedProgram, file: Path) -> None:
    with quiet(), untracked():
        import openvino

        model = openvino.convert_model(program)
        model.outputs[0].get_tensor().set_names({OUTPUT})
        openvino.save_model(model, str(file), compress_to_fp16=False)


def _quantise_onnx(file: Path, smaller: Path) -> None:
    """Weights of the linear layers to int8, a scale for each output; what they are multiplied with, as it comes.

    Embeddings stay float32: in int8 they cost about as many labels as all the layers do.
    """
    with quiet():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(
            file, smaller, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"]
        )


def _compress_openvino(file: Path, smaller: Path) -> None:
    """Weights of linear layers and embeddings to int8, a scale and a zero point for each output."""
    with quiet(), untracked():
        import nncf
        import openvino

        model = nncf.compress_weights(openvino.Core().read_model(str(file)), mode=nncf.CompressWeightsMode.INT8_ASYM)
        openvino.save_model(model, str(smaller), compress_to_fp16=False)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Exporters print their steps, warn of one another's old calls, and draw bars on stdout."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
