"""onnxruntime and openvino as one function: token ids in, logits out. Either is imported when a graph asks for it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lingyu.errors import LingyuError, missing_extra

from .folder import MODEL_FILES, RuntimeName

Ids = NDArray[np.int64]
Logits = NDArray[np.float32]
# input_ids, attention_mask and, of a graph that takes them, token_type_ids, all (rows, length), to logits (rows,
# outputs). Any number of threads may call it.
Run = Callable[..., Logits]

INPUTS = ("input_ids", "attention_mask", "token_type_ids")  # the last one of some graphs alone
OUTPUT = "logits"

# openvino alone would take bf16 where the processor has it: logits then differ by 1e-2, not by 1e-6
PRECISION_HINT = "f32"


def open_runtime(name: RuntimeName, folder: Path, threads: int | None = None) -> Run:
    """The graph in a folder, ready to answer. threads: None leaves it to the runtime.

    Raises LingyuError where its package is not installed, or is too old for the graph.
    """
    file = folder / MODEL_FILES[name][0]
    return _onnxruntime(file, threads) if name == "onnx" else _openvino(file, threads)


def _onnxruntime(file: Path, threads: int | None) -> Run:
    try:
        import onnxruntime
    except ImportError:
        raise missing_extra("onnxruntime", "export") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: they come as exceptions too, warnings are about the graph's making
    if threads is not None:
        options.intra_op_num_threads = threads
    with _in_one_line(file, f"onnxruntime {onnxruntime.__version__}"):
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(*inputs: Ids) -> Logits:
        fed = dict(zip(INPUTS, inputs, strict=False))
        return np.asarray(session.run([OUTPUT], fed)[0], dtype=np.float32)

    return run


def _openvino(file: Path, threads: int | None) -> Run:
    try:
        with untracked():
            import openvino
    except ImportError:
        raise missing_extra("openvino", "export") from None
    settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": PRECISION_HINT}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    with _in_one_line(file, f"openvino {openvino.__version__}"):
        compiled = openvino.Core().compile_model(str(file), "CPU", settings)

    def run(*inputs: Ids) -> Logits:
        # a request of its own: the one that a plain call shares would mix up two threads
        fed = dict(zip(INPUTS, inputs, strict=False))
        return np.asarray(compiled.infer_new_request(fed)[OUTPUT], dtype=np.float32)

    return run


@contextmanager
def untracked() -> Iterator[None]:
    """openvino and nncf tell a server of their use when they are imported and convert, unasked, except in a CI."""
    ours = {"CI": "true", "NNCF_CI": "1"}
    before = {name: os.environ.get(name) for name in ours}
    os.environ |= ours
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _in_one_line(file: Path, runtime: str) -> Iterator[None]:
    """The runtimes raise classes of their own, straight from Exception."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise LingyuError(
            f"can't be opened by {runtime} ({reason})", where=file, next="Update it: pip install -U 'lingyu[export]'"
        ) from error
