"""lingyu.json, the manifest of a version: what it is, on which base, and the hash of every other file and of itself.

It holds no text of the data and no path of a machine. The format number decides who can read it: another number is
an error; an unknown key within a known format is skipped with a warning.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from lingyu.digests import FileRecord, Sha256
from lingyu.recipe import NAME_PATTERN
from lingyu.tasks import Calibration
from lingyu.text import require_format, require_seal
from lingyu.text import sealed as sealed_under

from .documents import DAMAGED, MAX_JSON_BYTES, parse_json, read_bytes, validated

MANIFEST = "lingyu.json"
FORMAT: Final = 1

SEAL = "manifest_sha256"
"""The last key of the file: SHA-256 of the whole file with 64 zeros in this place."""

VersionName = Annotated[str, Field(pattern=r"^v[1-9][0-9]{0,8}$")]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]


class Record(BaseModel):
    # "allow", not "ignore": what was skipped can then be named.
    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class BaseRecord(Record):
    """The base as the recipe writes it, and what proves which one it was."""

    id: Text
    revision: str | None = None
    weights_fingerprint: Sha256
    tokenizer_fingerprint: Sha256


class PartRecord(Record):
    """train, dev or test."""

    rows: Count
    fingerprint: Sha256


class SplitRecord(Record):
    """How `lingyu data split` dealt the rows to the files that were trained on, which are still as it wrote them.

    source: SHA-256 of the file that was split. shares: of its rows, for dev and test. near_similarity, near_shortest,
    near_longest_other: from when on two texts were kept on one side (see lingyu.data.Nearness). group: the column whose
    rows were kept together. time: the column by which the latest rows went to test. parts: SHA-256 of each file that
    the recipe names; what it does not name is not of them.
    """

    source: Sha256
    seed: int
    shares: dict[str, Annotated[float, Field(ge=0, le=1)]]
    near_similarity: Annotated[float, Field(ge=0, le=1)]
    near_shortest: Count
    near_longest_other: Count
    group: str | None = None
    time: str | None = None
    parts: dict[str, Sha256]


class LineageEntry(Record):
    """One base of the chain that leads from this version's base down to the published one.

    parent: the weights fingerprint of the next, from which this one was made; None where it was made from no other.
    """

    id: Text
    weights_fingerprint: Sha256
    note: str | None = None
    parent: Sha256 | None = None


class ParentRecord(Record):
    """One of the adapters that were combined into this version. weight: its part in the average, all of them sum to 1.

    sha256: of its adapter_model.safetensors.
    """

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: VersionName
    weight: Annotated[float, Field(ge=0, le=1)]
    sha256: Sha256

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


class VersionFacts(Record):
    """What whoever made a version knows of it; the store adds the rest. labels: in their order, none of regression and
    preference. text_pair: whether it reads two texts together. method: what was trained, as the recipe calls it; head:
    no LoRA. run: the name of the run's folder, by which a run knows what it has published; None where no run made it.
    These three are left out of the file at their default.

    data: the rows that it was trained on, none where it was combined from others: its parents name theirs. split: how
    they were dealt to their files, where that is known.
    """

    task: Text
    labels: tuple[Text, ...]
    max_length: Annotated[int, Field(ge=1)]
    base: BaseRecord
    text_steps: tuple[Text, ...] = ()
    calibration: Calibration = Calibration()
    data: dict[str, PartRecord]
    split: SplitRecord | None = None
    lineage: tuple[LineageEntry, ...] = ()
    parents: tuple[ParentRecord, ...] = ()
    packages: dict[str, str] = {}
    text_pair: bool = False
    method: Literal["lora", "head"] = "lora"
    run: Text | None = None

    @model_serializer(mode="wrap")
    def _without_defaults(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Keys that came later: what does not use them is written as it always was."""
        written: dict[str, object] = plain(self)
        for key in ("text_pair", "method", "run"):
            if getattr(self, key) == VersionFacts.model_fields[key].default:
                del written[key]
        return written

    @property
    def what(self) -> str:
        """What was trained, for a reader."""
        return "LoRA adapter" if self.method == "lora" else "head without LoRA"

    @field_validator("labels")
    @classmethod
    def _each_label_once(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) < len(labels):
            raise ValueError("a label stands there twice")
        return labels

    @model_validator(mode="after")
    def _a_threshold_for_each_label(self) -> Self:
        if len(self.calibration.thresholds) not in (0, len(self.labels)):
            raise ValueError(f"{len(self.calibration.thresholds)} thresholds for {len(self.labels)} labels")
        return self


class Manifest(VersionFacts):
    format: Literal[1] = FORMAT
    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: VersionName
    created: AwareDatetime
    files: dict[str, FileRecord]

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"

    def as_bytes(self) -> bytes:
        return sealed(self.model_dump(mode="json"))


def sealed(document: Mapping[str, object]) -> bytes:
    """The manifest's file: its JSON with the seal as the last key."""
    return sealed_under(document, SEAL)


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises LingyuError for an unknown format, a changed bit, wrong types, or no JSON."""
    data = read_bytes(path, MAX_JSON_BYTES)
    document = parse_json(data, path)
    require_format(document.get("format"), FORMAT, path)
    require_seal(data, document.pop(SEAL, None), SEAL, path, DAMAGED)
    manifest = validated(Manifest, json.dumps(document).encode(), path)
    skipped = list(_unknown_keys(manifest))
    if skipped:
        warnings.warn(f"{path}: skipped what this lingyu does not know: {', '.join(skipped)[:200]}", stacklevel=2)
    return manifest


def _unknown_keys(value: object, prefix: str = "") -> Iterator[str]:
    """Dotted keys of a record, and of the records within it, that no field takes."""
    if isinstance(value, BaseModel):
        yield from (f"{prefix}{key!r}" for key in value.model_extra or ())
        for name in type(value).model_fields:
            yield from _unknown_keys(getattr(value, name), f"{prefix}{name}.")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _unknown_keys(item, f"{prefix}{key}.")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _unknown_keys(item, f"{prefix}{index}.")
