"""What was built becomes a corpus: hashes and manifest beside the shards, or one line that says why it is none."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from lingyu.data.near import NEAR
from lingyu.digests import file_sha256
from lingyu.errors import LingyuError
from lingyu.text import Hashes, content_hashes

from .excluding import LEVELS, ExcludedSet
from .manifest import (
    HASHES,
    MANIFEST,
    TENSOR,
    CorpusCounts,
    CorpusManifest,
    CorpusSource,
    ExcludedFrom,
    NearSettings,
    Shard,
)
from .planning import Plan, nearest_name
from .sources import SourceFile
from .tally import Tally


@dataclass(frozen=True, eq=False)
class Built:
    """What an engine has made: shards in order, and the content hashes of their paragraphs, sorted."""

    tally: Tally
    shards: tuple[Shard, ...]
    hashes: Hashes


def finish(plan: Plan, built: Built, folder: Path) -> CorpusManifest:
    """Write the hashes and the manifest beside the shards. Raises LingyuError where the corpus is none to train on."""
    _require_encoding(plan, built.tally)
    if not built.tally.kept:
        what = f"no paragraph is left of {sum(built.tally.read.values()):,}: {_reasons(built.tally)}"
        raise LingyuError(what, where=plan.request.sources[0], next="See --shortest, --exclude and the sources")
    hashes = folder / HASHES
    hashes.write_bytes(save({TENSOR: built.hashes}))  # save_file makes a file that its owner alone may read
    manifest = _manifest(plan, built, file_sha256(hashes))
    file = folder / MANIFEST
    file.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for path in (hashes, file):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    return manifest


def _require_encoding(plan: Plan, tally: Tally) -> None:
    for number, file in enumerate(plan.files):
        undecodable, read = tally.undecodable[number], tally.read[number]
        if 2 * undecodable > read:
            what = f"{undecodable:,} of {read:,} lines are not {plan.request.encoding.upper()}"
            raise LingyuError(what, where=file.path, next="Say what it is with --encoding, such as gb18030")


def _reasons(tally: Tally) -> str:
    return ", ".join(f"{reason} {rows:,}" for reason, rows in sorted(tally.removed.items()) if rows)


def _manifest(plan: Plan, built: Built, hashes_sha256: str) -> CorpusManifest:
    request, tally = plan.request, built.tally
    return CorpusManifest(
        created=datetime.now(UTC).replace(microsecond=0),
        lingyu=version("lingyu"),
        engine=request.engine,
        steps=request.steps,
        shortest=request.shortest,
        near=NearSettings(similarity=NEAR.similarity, shortest=NEAR.shortest, longest_other=NEAR.longest_other),
        sources=tuple(_source(plan, number, file, tally) for number, file in enumerate(plan.files)),
        excluded=tuple(_excluded(number, excluded, tally) for number, excluded in enumerate(plan.excluded)),
        counts=CorpusCounts(
            read=sum(tally.read.values()),
            removed={reason: rows for reason, rows in sorted(tally.removed.items()) if rows},
            kept=tally.kept,
        ),
        characters=tally.characters,
        shards=built.shards,
        hashes_sha256=hashes_sha256,
    )


def _source(plan: Plan, number: int, file: SourceFile, tally: Tally) -> CorpusSource:
    return CorpusSource(
        name=file.name,
        sha256=file_sha256(file.path),
        bytes=file.size_bytes,
        rows=tally.read[number],
        licence=_said(plan.request.licences, file.name),
        origin=_said(plan.request.origins, file.name),
    )


def _excluded(number: int, excluded: ExcludedSet, tally: Tally) -> ExcludedFrom:
    levels = tally.touched.get(number, Counter())
    texts = len(np.unique(content_hashes(excluded.texts)))
    rows = {level: levels[level] for level in LEVELS}
    return ExcludedFrom(name=excluded.name, fingerprint=excluded.fingerprint, texts=texts, **rows)


def _said(notes: Mapping[str, str], source: str) -> str | None:
    name = nearest_name(notes, source)
    return None if name is None else notes[name]
