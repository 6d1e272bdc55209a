"""Raw text to a corpus for masked-LM training: clean paragraphs, each there once, none that touches a test set.

    sources ──batches──▶ sift: clean, too short?, touches a test text? (workers) ──▶ seen before? ──▶ shards
                                                                                    (here, in the order of the input)

What touches a test set is taken out before repeats are: which paragraphs stay is the same either way, a repeated
review of a test set counts as often as it stands there, and only what is kept has to be remembered.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from lingyu.data.cleaning import CORPUS_STEPS
from lingyu.data.near import NEAR
from lingyu.errors import LingyuError, did_you_mean
from lingyu.reporting import Report
from lingyu.text import Hashes, clean, content_hashes

from .excluding import LEVELS, ExcludedSet, load_excluded, save_excluded
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
from .seen import SeenHashes
from .shards import ShardWriter
from .sifting import Rules, Sieve, Sifted, sifted_by_workers
from .sources import Batch, SourceFile, batches, find_sources, total_bytes
from .staging import corpus_in_one_go
from .tally import Tally

REPEATS = "repeats"
_BYTES_FOR_A_WORKER = 1 << 22  # less is done here before a process has started
Engine = Literal["local", "datatrove"]


@dataclass(frozen=True)
class CorpusRequest:
    """What `lingyu data corpus` is asked for.

    exclude: tables (`FILE` or `FILE:COLUMN`), files with a text a line, and recipes. text: the column of tables.
    licences, origins: name of a source, or of a folder of them, to what is said of it.
    shortest: characters of a cleaned paragraph, at the least. workers: processes; None for one a core.
    """

    sources: tuple[Path, ...]
    out: Path
    exclude: tuple[str, ...] = ()
    steps: tuple[str, ...] = CORPUS_STEPS
    text: str = "text"
    encoding: str = "utf-8"
    licences: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    shortest: int = 4
    workers: int | None = None
    engine: Engine = "local"
    force: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """A request that was looked at: every source and every excluded set is there."""

    request: CorpusRequest
    files: tuple[SourceFile, ...]
    excluded: tuple[ExcludedSet, ...]

    @property
    def workers(self) -> int:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.request.workers or min(cores, 1 + total_bytes(self.files) // _BYTES_FOR_A_WORKER)

    @property
    def rules(self) -> Rules:
        return Rules(self.request.steps, self.request.shortest, self.request.encoding)


@dataclass(frozen=True, eq=False)
class Built:
    """What an engine has made: shards in order, and the content hashes of their paragraphs, sorted."""

    tally: Tally
    shards: tuple[Shard, ...]
    hashes: Hashes


def build_corpus(request: CorpusRequest, report: Report) -> CorpusManifest:
    """Write the corpus into request.out and give back its manifest. The same input gives the same shards and hashes.

    Memory: 8 bytes a kept paragraph (16 while it is written), the excluded texts in each worker, and a few batches.
    Raises LingyuError for a source, excluded set, step or option that is wrong, for a source that is not of the
    encoding, where nothing is left, and where out is there already.
    """
    plan = planned(request)
    with corpus_in_one_go(request.out, replace=request.force) as folder:
        if request.engine == "datatrove":
            from .trove import build_with_datatrove  # of the extra `corpora`

            return build_with_datatrove(plan, folder, report)
        return finish(plan, _build_here(plan, folder, report), folder)


def planned(request: CorpusRequest) -> Plan:
    clean("", request.steps)  # raises for a name that is no step
    files = find_sources(request.sources, request.out)
    for option, notes in (("--licence", request.licences), ("--source", request.origins)):
        _require_known_names(notes, files, option)
    return Plan(request, files, load_excluded(request.exclude, request.text, request.encoding))


def _require_known_names(notes: Mapping[str, str], files: Sequence[SourceFile], option: str) -> None:
    """Raises LingyuError for a name that says nothing of any source."""
    used = {_nearest(notes, file.name) for file in files}
    for name in notes:
        if not any(_is_of(name, file.name) for file in files):
            near = did_you_mean(name, [file.name for file in files])
            hint = f"Did you mean {near}?" if near else f"Name {files[0].name}, for one"
            raise LingyuError(f"{option}: no source is called {name!r}", next=hint)
        if name not in used:
            raise LingyuError(f"{option}: every source of {name!r} has a name nearer to it", next="Leave it out")


def _is_of(name: str, source: str) -> bool:
    """Whether a source is meant by a name: its own or its last part, or that of a folder it lies in."""
    return source == name or source.startswith(f"{name.rstrip('/')}/") or source.endswith(f"/{name}")


def _nearest(notes: Mapping[str, str], source: str) -> str | None:
    """The name of those given that says most exactly that this source is meant: its own, else the longest."""
    names = [name for name in notes if _is_of(name, source)]
    return max(names, key=lambda name: (name == source, len(name.rstrip("/"))), default=None)


def _said(notes: Mapping[str, str], source: str) -> str | None:
    name = _nearest(notes, source)
    return None if name is None else notes[name]


def _build_here(plan: Plan, folder: Path, report: Report) -> Built:
    tally, seen, writer = Tally(), SeenHashes(), ShardWriter(folder)
    size_bytes = total_bytes(plan.files)
    raw = batches(plan.files, plan.request.text, plan.request.encoding)
    try:
        with closing(_sifted(plan, raw, folder.with_name("excluded.json"))) as found:
            for sifted in found:
                tally.add(sifted.tally)
                _keep_new(sifted.texts, seen.add(sifted.hashes), writer, tally)
                report("paragraphs", sifted.bytes_read, size_bytes)
        return Built(tally, writer.close(), seen.all_sorted())
    finally:
        writer.abandon()


def _sifted(plan: Plan, raw: Iterable[Batch], excluded: Path) -> Generator[Sifted, None, None]:
    """excluded: a file that is removed with the folder in which a corpus is built."""
    if plan.workers == 1:
        yield from map(Sieve(plan.rules, plan.excluded).sift, raw)
        return
    save_excluded(plan.excluded, excluded)
    yield from sifted_by_workers(raw, plan.rules, excluded, plan.workers)


def _keep_new(texts: list[str], new: NDArray[np.bool_], writer: ShardWriter, tally: Tally) -> None:
    """Write the paragraphs that are new, and count them and the others."""
    kept = [texts[at] for at in np.flatnonzero(new).tolist()]
    writer.write(kept)
    tally.kept += len(kept)
    tally.characters += sum(map(len, kept))
    tally.removed[REPEATS] += len(texts) - len(kept)


def finish(plan: Plan, built: Built, folder: Path) -> CorpusManifest:
    """Write the hashes and the manifest beside the shards. Raises LingyuError where the corpus is none to train on."""
    _require_encoding(plan, built.tally)
    if not built.tally.kept:
        what = f"no paragraph is left of {sum(built.tally.read.values()):,}: {_reasons(built.tally)}"
        raise LingyuError(what, where=plan.request.sources[0], next="See --shortest, --exclude and the sources")
    hashes = folder / HASHES
    hashes.write_bytes(save({TENSOR: built.hashes}))  # save_file makes a file that its owner alone may read
    manifest = _manifest(plan, built, _sha256(hashes))
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
        sha256=_sha256(file.path),
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
