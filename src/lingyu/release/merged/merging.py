"""An adapter merged into its base: written tensor by tensor, proven against the unmerged model, certified."""

import copy
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from torch import Tensor

from lingyu.bases import Ancestor, Base, find_base
from lingyu.digests import FileRecord, file_record
from lingyu.errors import LingyuError
from lingyu.folders import new_folder, require_free
from lingyu.lora import find_base_of, package_versions, read_weights
from lingyu.recipe import RECIPE, load_stored_recipe
from lingyu.reporting import Report, counted
from lingyu.store import ADAPTER_WEIGHTS, MANIFEST, LineageEntry, Version
from lingyu.tasks import Task, task_named

from ..ancestry import require_lineage
from ..gate import Difference, OnRows, difference_of, merged_logits, require_same_answers, unmerged_logits
from ..limits import TOLERANCE
from ..texts import GateTexts, gate_texts
from ..tokenizer import save_tokenizer
from .certificate import CERTIFICATE, AdapterProof, CastProof, Certificate, GateProof, ResultProof, Seconds
from .dtypes import FULL, require_dtype
from .page import PageFacts, render_page
from .plan import MergePlan, plan_merge
from .tensor_file import DTYPES, size_bytes, write_tensors
from .verification import WEIGHTS


@dataclass(frozen=True)
class Merged:
    """notes: what its user should know and the certificate does not say."""

    folder: Path
    certificate: Certificate
    notes: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        return sum(record.size for record in self.certificate.result.files.values())


@dataclass
class _Clock:
    """Seconds that each part of the work took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - began


def merge(
    version: Version,
    out: Path,
    *,
    dtype: str = FULL,
    texts: Sequence[str] | None = None,
    report: Report = lambda what, done, total: None,
) -> Merged:
    """Merge a version into its base, in float32, and write the model to a new folder.

    texts: what merged and unmerged are compared on; without them the recipe's dev split where it is at hand, else
    sentences of our own. dtype: what is written once the comparison in float32 has passed.
    Raises LingyuError, and writes nothing, where `out` exists, base and adapter do not fit or have a gap in their
    lineage; with status 1 where one label changes, or a logit differs by more than TOLERANCE, or is no number
    after the cast.
    """
    require_free(out)
    require_dtype(dtype)
    task = task_named(version.manifest.task, version.manifest.labels)
    base = find_base_of(version)
    lineage = require_lineage(version, base)
    compared = gate_texts(version, texts)
    clock = _Clock()
    with new_folder(out) as folder:
        with clock.on("writing"):
            weights = _write_weights(_plan(version, task, base), folder, FULL, report)
            save_tokenizer(base, version.manifest.max_length, task.traits.truncation_side, folder)
        compare = _Compare(version, task, folder, compared, report)
        with clock.on("gate"):
            reference, gate = compare.pass_gate(base)
        cast = None
        if dtype != FULL:
            with clock.on("writing"):
                weights = _write_weights(_plan(version, task, base), folder, dtype, report)
            with clock.on("gate"):
                cast = compare.cast(dtype, reference)
        certificate = _certify(_Made(version, lineage, folder, dtype, weights, gate, cast, clock))
    return Merged(out, certificate, (compared.note,) if compared.note else ())


def _plan(version: Version, task: Task, base: Base) -> MergePlan:
    """Made for each writing, so that the adapter is not in memory beside the models of the gate."""
    return plan_merge(base, read_weights(version.folder), task)


def _write_weights(plan: MergePlan, folder: Path, dtype: str, report: Report) -> FileRecord:
    """The weights and the config that says their type; what was there before makes way."""
    what = "writing" if dtype == FULL else f"writing {dtype}"
    total, done = size_bytes(plan.shapes, DTYPES[dtype]), 0

    def on_bytes(count: int) -> None:
        nonlocal done
        done += count
        report(what, done, total)

    file = folder / WEIGHTS
    file.unlink(missing_ok=True)
    record = write_tensors(file, plan.shapes, plan.values(), DTYPES[dtype], on_bytes)
    config = copy.deepcopy(plan.config)
    config.dtype = DTYPES[dtype]
    config.save_pretrained(folder)
    return record


@dataclass(frozen=True)
class _Compare:
    """What is in a folder with the version on its base, on some texts."""

    version: Version
    task: Task
    folder: Path
    texts: GateTexts
    report: Report

    def pass_gate(self, base: Base) -> tuple[Tensor, GateProof]:
        """The unmerged model's logits, and the proof. Raises LingyuError, status 1, where they are not the merged's."""
        texts, total = self.texts, 2 * len(self.texts.texts)
        on_rows = counted(self.report, "comparing", total)
        reference = unmerged_logits(self.version, self.task, base, texts, on_rows)
        found = self._difference(reference, counted(self.report, "comparing", total, done=total // 2))
        require_same_answers(found, self.version.reference)
        return reference, GateProof(
            source=texts.source,
            texts=len(texts.texts),
            texts_sha256=texts.digest,
            largest_difference=found.largest,
            tolerance=TOLERANCE,
            changed_labels=found.changed_labels,
        )

    def cast(self, dtype: str, reference: Tensor) -> CastProof:
        """Raises LingyuError with status 1 where a logit is no number: what the layers compute may be too large."""
        found = self._difference(reference, counted(self.report, "comparing", len(self.texts.texts)))
        if not math.isfinite(found.largest):
            raise LingyuError(
                f"in {dtype} it gives logits that are no finite numbers",
                next="Nothing was written. Take --dtype bfloat16 or float32, which hold larger numbers",
                status=1,
            )
        return CastProof(largest_difference=found.largest, changed_labels=found.changed_labels)

    def _difference(self, reference: Tensor, on_rows: OnRows) -> Difference:
        logits = merged_logits(self.folder, self.task, self.texts, on_rows)
        return difference_of(logits, reference, self.task, self.version.manifest.calibration)


@dataclass(frozen=True)
class _Made:
    """Everything that a certificate is written from. folder: all of the model but page and certificate."""

    version: Version
    lineage: tuple[Ancestor, ...]
    folder: Path
    dtype: str
    weights: FileRecord
    gate: GateProof
    cast: CastProof | None
    clock: _Clock


def _certify(made: _Made) -> Certificate:
    """Write the page and the certificate."""
    manifest, folder = made.version.manifest, made.folder
    lineage = tuple(LineageEntry(**asdict(ancestor)) for ancestor in made.lineage)
    page = PageFacts(manifest, lineage, made.dtype, made.gate, made.cast, _license(made.version))
    (folder / "README.md").write_text(render_page(page), "utf-8")
    others = sorted(file for file in folder.iterdir() if file.name != WEIGHTS)
    certificate = Certificate(
        created=datetime.now(UTC).replace(microsecond=0),
        adapter=AdapterProof(
            name=manifest.name,
            version=manifest.version,
            weights_sha256=manifest.files[ADAPTER_WEIGHTS].sha256,
            manifest_sha256=file_record(made.version.folder / MANIFEST).sha256,
        ),
        base=manifest.base,
        lineage=lineage,
        task=manifest.task,
        labels=manifest.labels,
        text_pair=manifest.text_pair,
        max_length=manifest.max_length,
        text_steps=manifest.text_steps,
        calibration=manifest.calibration,
        result=ResultProof(
            dtype=made.dtype,
            weights_fingerprint=find_base(str(folder.absolute())).weights_fingerprint,
            files={WEIGHTS: made.weights, **{file.name: file_record(file) for file in others}},
        ),
        gate=made.gate,
        cast=made.cast,
        seconds=Seconds(**{part: round(seconds, 2) for part, seconds in made.clock.seconds.items()}),
        packages=package_versions(),
    )
    (folder / CERTIFICATE).write_bytes(certificate.as_bytes())
    return certificate


def _license(version: Version) -> str | None:
    """What the recipe says; one that can't be read any more says nothing."""
    if RECIPE not in version.manifest.files:
        return None
    try:
        return load_stored_recipe(version.folder / RECIPE).card.license
    except LingyuError:
        return None
