"""certificate.json: what a merged model was made of, and how closely it answers as what it was made of.

It holds hashes of the texts that the two were compared on, never the texts, and no path of a machine. The format number
decides who can read it. Its last key seals it: no bit of it changes unseen.
"""

import json
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lingyu.digests import FileRecord, Sha256
from lingyu.errors import LingyuError, first_fault, from_os_error
from lingyu.store import BaseRecord, LineageEntry
from lingyu.tasks import Calibration
from lingyu.text import require_format, require_seal, sealed

from .dtypes import NAMES

CERTIFICATE = "certificate.json"
SEAL = "certificate_sha256"
FORMAT: Final = 1

_LARGEST_BYTES = 1 << 20
_ANEW = "The file is damaged: merge the adapter anew"

Count = Annotated[int, Field(ge=0)]
Figure = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Dtype = Annotated[str, Field(pattern=f"^({'|'.join(NAMES)})$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class AdapterProof(_Record):
    """The version that was merged, by the SHA-256 of its weights and of its manifest."""

    name: str
    version: str
    weights_sha256: Sha256
    manifest_sha256: Sha256

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


class ResultProof(_Record):
    """weights_fingerprint: of the merged encoder, as that of any base; the head is in the files' hashes.

    files: every file of the folder but the certificate.
    """

    dtype: Dtype
    weights_fingerprint: Sha256
    files: dict[str, FileRecord]


class GateProof(_Record):
    """Merged against unmerged, both in float32. texts_sha256: over the sorted content hashes of the texts."""

    source: str
    texts: Annotated[int, Field(ge=1)]
    texts_sha256: Sha256
    largest_difference: Figure
    tolerance: Figure
    changed_labels: Count


class CastProof(_Record):
    """What was written in a smaller type, run in that type, against the unmerged in float32. Said, and not gated."""

    largest_difference: Figure
    changed_labels: Count


class Seconds(_Record):
    writing: Figure
    gate: Figure


class Certificate(_Record):
    """What a merged model is. labels: as its task orders them, none of one that answers by a number. text_pair: whether
    it reads two texts together. text_steps: to be applied before the tokenizer.

    calibration: of the adapter; a plain pipeline does not apply it. lineage: the chain of bases, the nearest first.
    """

    format: Literal[1] = FORMAT
    created: AwareDatetime
    adapter: AdapterProof
    base: BaseRecord
    lineage: tuple[LineageEntry, ...]
    task: str
    labels: tuple[str, ...]
    text_pair: bool = False
    max_length: Annotated[int, Field(ge=1)]
    text_steps: tuple[str, ...]
    calibration: Calibration
    result: ResultProof
    gate: GateProof
    cast: CastProof | None = None
    seconds: Seconds
    packages: dict[str, str]

    def as_bytes(self) -> bytes:
        return sealed(self.model_dump(mode="json"), SEAL)


def read_certificate(file: Path) -> Certificate:
    """Raises LingyuError with status 1 for an unknown format, a changed bit, wrong types, or what is no JSON."""
    try:
        data = file.read_bytes() if file.stat().st_size <= _LARGEST_BYTES else b""
        document = json.loads(data)
        found = document.get("format")
    except OSError as error:
        raise from_os_error(error) from None
    except (ValueError, AttributeError, RecursionError):
        raise LingyuError("is no certificate", where=file, next=_ANEW, status=1) from None
    require_format(found, FORMAT, file, status=1)
    require_seal(data, document.get(SEAL), SEAL, file, _ANEW, status=1)
    try:
        return Certificate.model_validate_json(data)
    except ValidationError as error:
        raise LingyuError(first_fault(error), where=file, next=_ANEW, status=1) from None
