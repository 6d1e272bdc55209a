"""graph.json, the manifest of an exported graph, and its folder read without trusting it.

Needs pydantic and numpy alone: where a graph answers there may be no torch, and nothing of what a store needs.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from lingyu.digests import FileRecord, Sha256, require_as_listed
from lingyu.errors import LingyuError, did_you_mean, first_fault, from_os_error
from lingyu.tasks import TASKS, Calibration, Task, task_named
from lingyu.text import require_format, require_seal, sealed

GRAPH = "graph.json"
SEAL = "graph_sha256"
"""The last key of graph.json: no bit of it changes unseen."""
TOKENIZER = "tokenizer.json"
FORMAT: Final = 1

RuntimeName = Literal["onnx", "openvino"]
Precision = Literal["float32", "int8"]
WordFinder = Literal["jieba"]
MODEL_FILES: dict[RuntimeName, tuple[str, ...]] = {
    "onnx": ("model.onnx",),
    "openvino": ("openvino_model.xml", "openvino_model.bin"),
}
"""The first is the one that is opened; it finds the others beside it."""

_LARGEST_MANIFEST_BYTES = 16 * 2**20
_ANEW = "The folder is damaged: copy it anew, or export the adapter again"

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class ExportedAdapter(_Record):
    """The version that was exported. sha256: of its adapter_model.safetensors."""

    name: Text
    version: Text
    sha256: Sha256

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


class ExportedBase(_Record):
    id: Text
    revision: str | None
    weights_fingerprint: Sha256
    tokenizer_fingerprint: Sha256


class ExportedAncestor(_Record):
    """One base of the chain down to the published one, the nearest first. parent: fingerprint of the next."""

    id: Text
    weights_fingerprint: Sha256
    note: str | None = None
    parent: Sha256 | None = None


class Comparison(_Record):
    """largest_difference: of a logit. changed_labels: texts whose largest logit is another."""

    largest_difference: Figure
    changed_labels: Count


class GraphGate(_Record):
    """The graph against the adapter on its base, in torch and unmerged. int8: what a quantised graph was told by.

    texts_sha256: over the sorted content hashes of the texts: says which they were, and none of them.
    """

    source: Text
    texts: Annotated[int, Field(ge=1)]
    texts_sha256: Sha256
    float32: Comparison
    int8: Comparison | None = None


class Probe(_Record):
    """What the graph answered to the sentences of lingyu where it was made. logits: a row a sentence."""

    sentences_sha256: Sha256
    logits: tuple[tuple[float, ...], ...]


class GraphManifest(_Record):
    """What a graph is. labels: as the task orders them, none of one that answers by a number.

    temperature, thresholds, offset, scale: what makes answers of its logits, see lingyu.tasks.Calibration. text_pair:
    whether it reads two texts together; token_type_ids: whether it takes them as an input.
    words: what finds the words that tokenizer.json goes on from; None where that says all.
    precision: of the weights; what is computed in between is float32 either way.
    """

    format: Literal[1] = FORMAT
    created: AwareDatetime
    runtime: RuntimeName
    precision: Precision
    opset: int | None
    adapter: ExportedAdapter
    base: ExportedBase
    lineage: tuple[ExportedAncestor, ...]
    task: Text
    labels: tuple[Text, ...]
    text_pair: bool = False
    token_type_ids: bool = False
    max_length: Annotated[int, Field(ge=1)]
    text_steps: tuple[Text, ...]
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    offset: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    scale: Annotated[float, Field(allow_inf_nan=False)] = 1.0
    pad_token_id: Count
    words: WordFinder | None = None
    gate: GraphGate
    probe: Probe
    packages: dict[str, str]
    files: dict[FileName, FileRecord]

    @property
    def size_bytes(self) -> int:
        """Of the graph itself, without its tokenizer."""
        return sum(self.files[name].size for name in MODEL_FILES[self.runtime])

    def as_bytes(self) -> bytes:
        return sealed(self.model_dump(mode="json"), SEAL)

    @model_validator(mode="after")
    def _is_of_one_graph(self) -> Self:
        if self.task in TASKS:  # of a later lingyu's, whoever loads it is told
            widths = {len(row) for row in self.probe.logits} - {self.answers.num_outputs}
            if widths:
                raise ValueError(f"{len(self.labels)} labels, but logits of {min(widths)}")
        return self

    @property
    def answers(self) -> Task:
        """What answers for it. Raises LingyuError for a task of a later lingyu."""
        return task_named(self.task, self.labels)

    @property
    def calibration(self) -> Calibration:
        return Calibration(
            temperature=self.temperature, thresholds=self.thresholds, offset=self.offset, scale=self.scale
        )


def open_graph_folder(folder: Path) -> GraphManifest:
    """The manifest of a graph of which every file was checked against it. Raises LingyuError, one line."""
    present = _entries(folder)
    if GRAPH not in present:
        raise LingyuError(
            f"is no exported graph: it holds no {GRAPH}", where=folder, next="Name a folder that lingyu export wrote"
        )
    manifest = _read_manifest(folder / GRAPH)
    listed = set(manifest.files)
    needed = {TOKENIZER, *MODEL_FILES[manifest.runtime]}
    if missing := sorted((listed | needed) - (present & listed)):
        raise LingyuError(f"{missing[0]} is missing", where=folder, next=_ANEW)
    if surplus := sorted(present - listed - {GRAPH}):
        raise LingyuError(f"is not listed in {GRAPH}", where=folder / surplus[0], next="Take it out of the folder")
    for name, record in manifest.files.items():
        require_as_listed(folder / name, record, GRAPH, _ANEW)
    return manifest


def _entries(folder: Path) -> set[str]:
    """Names of what stands in the folder. Raises LingyuError for anything but plain files."""
    if folder.is_symlink():
        raise LingyuError("is a symlink; none is followed here", where=folder, next="Name what it points to")
    if not folder.is_dir():
        siblings = [str(entry) for entry in folder.parent.iterdir()] if folder.parent.is_dir() else []
        near = did_you_mean(str(folder), siblings)
        next_step = f"Did you mean {near}?" if near else "Make one: lingyu export --help"
        raise LingyuError("no such folder", where=folder, next=next_step)
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                next_step = "Put the file itself there"
                raise LingyuError("is a symlink; none is followed here", where=entry.path, next=next_step)
            if not entry.is_file():
                raise LingyuError("is not a file; a graph has files only", where=entry.path, next="Take it out")
    return set(os.listdir(folder))


def _read_manifest(file: Path) -> GraphManifest:
    try:
        if file.stat().st_size > _LARGEST_MANIFEST_BYTES:
            raise LingyuError(f"is too large for a {GRAPH}", where=file, next=_ANEW)
        data = file.read_bytes()
        document = json.loads(data)
        found = document.get("format")
    except OSError as error:
        raise from_os_error(error) from None
    except (ValueError, AttributeError, RecursionError):
        raise LingyuError("holds no JSON object", where=file, next=_ANEW) from None
    require_format(found, FORMAT, file)
    require_seal(data, document.get(SEAL), SEAL, file, _ANEW)
    try:
        return GraphManifest.model_validate_json(data)
    except ValidationError as error:
        raise LingyuError(first_fault(error), where=file, next=_ANEW) from None
