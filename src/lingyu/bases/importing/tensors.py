"""What a checkpoint's files hold: tensors by name, and nothing else. A pickle is read with weights_only, here alone."""

import errno
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from lingyu.digests import file_sha256
from lingyu.errors import LingyuError

from ..fingerprints import INDEX, WEIGHTS, weight_files

PICKLE = "pytorch_model.bin"
PICKLE_INDEX = "pytorch_model.bin.index.json"
_ANEW = "Copy or download the checkpoint anew"
_DISTRUST = "Don't use this checkpoint, or ask its publisher for model.safetensors"


@dataclass(frozen=True)
class Weights:
    """tensors: by their names in the files, on the CPU. files: name of each that was read -> its SHA-256 (hex)."""

    tensors: dict[str, torch.Tensor]
    files: dict[str, str]


def has_safetensors(folder: Path) -> bool:
    return (folder / WEIGHTS).is_file() or (folder / INDEX).is_file()


def has_pickle(folder: Path) -> bool:
    """Whether there is a pickle under the name that transformers and ModelScope write."""
    return (folder / PICKLE).is_file() or (folder / PICKLE_INDEX).is_file()


def read_weights(folder: Path) -> Weights:
    """The safetensors files where there are some, else the pickles.

    Raises LingyuError for files that are not whole, that hold the same name twice, a value that is no plain tensor, or
    a number that is not finite.
    """
    files = weight_files(folder) if has_safetensors(folder) else pickle_files(folder)
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        part = _read_safetensors(file) if file.suffix == ".safetensors" else _read_pickle(file)
        twice = tensors.keys() & part.keys()
        if twice:
            raise LingyuError(f"holds {min(twice)} a second time", where=file, next=_ANEW)
        tensors |= part
    for name, tensor in tensors.items():
        _require_plain(name, tensor, folder)
    return Weights(tensors, {file.name: file_sha256(file) for file in files})


def pickle_files(folder: Path) -> list[Path]:
    """Raises LingyuError where there are none, or not all that an index lists."""
    if (folder / PICKLE).is_file():
        return [folder / PICKLE]
    index = folder / PICKLE_INDEX
    if not index.is_file():
        raise LingyuError(
            f"holds neither {WEIGHTS} nor {PICKLE}", where=folder, next="Give the folder of a checkpoint with weights"
        )
    try:
        names = {str(name) for name in json.loads(index.read_text("utf-8"))["weight_map"].values()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LingyuError("is no index of weights", where=index, next=_ANEW) from None
    if any(Path(name).name != name for name in names):
        raise LingyuError("names files outside the folder", where=index, next=_DISTRUST)
    lacking = sorted(name for name in names if not (folder / name).is_file())
    if lacking:
        raise LingyuError(f"{lacking[0]} is listed in {PICKLE_INDEX} but missing", where=folder, next=_ANEW)
    return [folder / name for name in sorted(names)]


def _read_safetensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        return dict(load_file(file))
    except SafetensorError as error:
        raise LingyuError(f"is no sound safetensors file ({error})", where=file, next=_ANEW) from None


def _read_pickle(file: Path) -> dict[str, torch.Tensor]:
    """With weights_only torch builds tensors and plain containers, and refuses everything that could run code."""
    try:
        found = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except Exception as error:  # whatever torch's readers raise over bytes that somebody wrote
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # which a broken archive is to torch
            raise
        if type(error).__name__ != "UnpicklingError":
            raise LingyuError(f"can't be read ({type(error).__name__})", where=file, next=_ANEW) from None
        named = _named_in(str(error))
        raise LingyuError(
            f"holds something else than tensors{named}, which may run code when it is read", where=file, next=_DISTRUST
        ) from None
    if not isinstance(found, Mapping) or not found:
        raise LingyuError("holds no tensors by name", where=file, next="Give a checkpoint's weights alone")
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise LingyuError(
                f"holds something else than tensors: {str(name)!r:.60} is {_article(type(value).__name__)}",
                where=file,
                next="Save the model's state_dict alone, as pytorch_model.bin",
            )
    return {name: value.detach() for name, value in found.items()}


def _named_in(message: str) -> str:
    """What the refused pickle asked for, from torch's own words."""
    _, found, rest = message.partition("GLOBAL ")
    return f" ({rest.split()[0]})" if found and rest.split() else ""


def _article(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"


_WEIGHT_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def _require_plain(name: str, tensor: torch.Tensor, where: Path) -> None:
    """A view of few bytes can claim any size: what it claims has to lie in the file."""
    is_plain = tensor.layout == torch.strided and not tensor.is_quantized and not tensor.is_meta
    if not is_plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise LingyuError(f"{name!r:.100} is no plain tensor", where=where, next=_DISTRUST)
    is_weight = tensor.is_floating_point() or name.endswith((".weight", ".bias"))
    if is_weight and tensor.dtype not in _WEIGHT_TYPES:
        what = f"{name!r:.100} is of {tensor.dtype}, and means nothing without what it was quantized by"
        raise LingyuError(what, where=where, next="Take the one in float32, float16 or bfloat16")
    if is_weight and not torch.isfinite(tensor).all():
        raise LingyuError(f"{name!r:.100} holds values that are no finite numbers", where=where, next=_ANEW)


def file_records(folder: Path) -> Iterator[tuple[str, dict[str, str | int]]]:
    """Each file there by its name, with SHA-256 and size in bytes: as a base's lineage.json lists them."""
    for file in sorted(folder.iterdir()):
        yield file.name, {"sha256": file_sha256(file), "size": file.stat().st_size}
