"""A merged model checked against its certificate, long after it was written and wherever it lies now."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from lingyu.bases import find_base
from lingyu.digests import require_as_listed
from lingyu.errors import LingyuError
from lingyu.store import refuse_remote_code
from lingyu.tasks import task_named

from .certificate import CERTIFICATE, Certificate, read_certificate
from .tensor_file import DTYPES

WEIGHTS = "model.safetensors"
CONFIG = "config.json"

_SUFFIXES = (".safetensors", ".json", ".txt", ".md", ".model")  # nothing that may carry code
_ANEW = "Don't use it: copy it anew, or merge the adapter again"


def verify_merged(folder: Path) -> Certificate:
    """The certificate of a merged model, after everything that it says of the folder was found to be true.

    Every file is whole and none is surplus; no symlinks, pickles or remote code; every tensor is finite, the weights
    have the fingerprint that they had, and the config the labels and the type. Raises LingyuError otherwise.
    """
    present = _plain_files(folder)
    if CERTIFICATE not in present:
        raise _no(f"is no merged model: it holds no {CERTIFICATE}", folder, "Make one: python merge.py --help")
    certificate = read_certificate(folder / CERTIFICATE)
    listed = certificate.result.files
    missing, surplus = sorted(listed.keys() - present), sorted(present - listed.keys() - {CERTIFICATE})
    if missing:
        raise _no(f"{missing[0]!r:.80} is listed in {CERTIFICATE} but missing", folder)
    if surplus:
        raise _no(f"is not listed in {CERTIFICATE}", folder / surplus[0], "Take it out of the folder")
    for name, record in listed.items():
        require_as_listed(folder / name, record, CERTIFICATE, _ANEW, status=1)
    for name in (WEIGHTS, CONFIG):
        if name not in listed:
            raise _no(f"does not list {name}", folder / CERTIFICATE)
    for name in listed:
        if name.endswith(CONFIG):  # the tokenizer's too
            refuse_remote_code(folder / name)
    _require_finite(folder / WEIGHTS)
    _require_same_model(folder, certificate)
    return certificate


def _plain_files(folder: Path) -> set[str]:
    if folder.is_symlink():
        raise _no("is a symlink", folder, "Name the folder itself")
    if not folder.is_dir():
        raise LingyuError("no such folder", where=folder, next="Name a merged model's, such as merged/hotel")
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() or not entry.is_file():
            raise _no("is not a plain file", entry, "Take it out of the folder")
        if entry.suffix not in _SUFFIXES:
            raise _no("files of this kind may carry code, and belong to no merged model", entry, "Take it out")
    return {entry.name for entry in folder.iterdir()}


def _require_finite(file: Path) -> None:
    """Read by the library, not by what wrote the file."""
    try:
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - not a mapping
                if not torch.isfinite(opened.get_tensor(name)).all():
                    raise _no(f"tensor {name} holds values that are no finite numbers", file)
    except SafetensorError as error:
        raise _no(f"is no sound safetensors file ({error})", file) from None


def _require_same_model(folder: Path, certificate: Certificate) -> None:
    base, result = find_base(str(folder.absolute())), certificate.result
    found, wanted = base.weights_fingerprint, result.weights_fingerprint
    if found != wanted:
        raise _no(f"has weights {found[:12]}, but {wanted[:12]} in {CERTIFICATE}", folder)
    config = base.config
    for what, is_same in (
        ("labels", config.id2label == dict(enumerate(task_named(certificate.task, certificate.labels).output_names))),
        ("types", config.dtype == DTYPES[result.dtype]),
    ):
        if not is_same:
            raise _no(f"says other {what} than {CERTIFICATE}", folder / CONFIG)


def _no(what: str, where: Path, next: str = _ANEW) -> LingyuError:
    return LingyuError(what, where=where, next=next, status=1)
