"""The same corpus through datatrove, for raw text that is too much for one machine.

    read, sift, sign     a task a share of the files: what stays goes to disk, with a signature of its content hash
    find repeats         datatrove's merge of all signatures; the paragraph of the first task, and first in it, stays
    drop repeats, write  a task the paragraphs of the first stage's task: its shards and their hashes
    collect              one task: the manifest and the hashes of all

On one machine build_corpus runs these with LocalPipelineExecutor. On a cluster give each stage of datatrove_stages()
to SlurmPipelineExecutor or RayPipelineExecutor, one after the other; sources and --out are on a disk that all see.
"""

import contextlib
import io
import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from pydantic import TypeAdapter
from safetensors.numpy import load_file, save_file

from lingyu.errors import LingyuError, missing_extra
from lingyu.reporting import Report

from .finishing import Built, finish
from .manifest import TENSOR, CorpusManifest, Shard, read_corpus_manifest
from .planning import CorpusRequest, Plan, planned
from .seen import SeenHashes
from .shards import ShardWriter
from .sifting import Sieve, opened, without_interrupts
from .sources import BATCH_BYTES, batches_of, find_sources
from .tally import REPEATS, Tally

try:
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.base import PipelineStep
    from datatrove.pipeline.dedup.exact_dedup import (
        ExactDedupConfig,
        ExactDedupFilter,
        ExactDedupSignature,
        ExactFindDedups,
    )
    from datatrove.utils.hashing import HashConfig
    from loguru import logger
    from multiprocess import forkserver, resource_tracker
except ImportError as error:
    raise missing_extra("datatrove", "corpora") from error

WORK = ".datatrove"
"""What the stages give each other, below the corpus; the last one removes it."""

_MOST_TASKS = 65_535  # datatrove keeps a paragraph's priority in 16 bits, and ours is the place of its task
_DOCUMENTS_AT_ONCE = 1000
_SHARDS = TypeAdapter(tuple[Shard, ...])
_TALLY = TypeAdapter(Tally)


@dataclass(frozen=True)
class TroveStage:
    """pipeline and tasks: as an executor of datatrove takes them."""

    name: str
    pipeline: Sequence[Any]
    tasks: int


def datatrove_stages(request: CorpusRequest, folder: Path | None = None) -> tuple[TroveStage, ...]:
    """The stages that write the corpus of a request into a folder, request.out by default, in their order.

    The folder is a corpus when the last stage has written corpus.json. Raises LingyuError as build_corpus does.
    """
    plan = planned(request)
    out = folder or request.out
    work = out / WORK
    tasks = min(len(plan.files), _MOST_TASKS)
    config = ExactDedupConfig(
        content_getter=_content_of, document_priority=_priority_of, hash_config=HashConfig(hash_fc="sha1")
    )
    signatures, repeats = str(work / "signatures"), str(work / "repeats")
    first = [
        ReadParagraphs(request, work),
        SiftParagraphs(request, work),
        ExactDedupSignature(signatures, config),
    ]
    last = [ReadSifted(work), ExactDedupFilter(repeats, config), WriteShards(out)]
    return (
        TroveStage("read, sift, sign", first, tasks),
        TroveStage("find repeats", [ExactFindDedups(signatures, repeats, config)], 1),
        TroveStage("drop repeats, write", last, tasks),
        TroveStage("collect", [CollectCorpus(request, out)], 1),
    )


def build_with_datatrove(plan: Plan, folder: Path, report: Report) -> CorpusManifest:
    """Run all stages on this machine, which write into the folder."""
    stages = datatrove_stages(plan.request, folder)
    logs = folder / ".logs"
    resource_tracker.ensure_running()  # of a package of its own; the server would start it, and let interrupts through
    with without_interrupts():
        forkserver.ensure_running()  # of which all workers come
    for done, stage in enumerate(stages):
        report(f"datatrove: {stage.name}", done, len(stages))
        workers = min(plan.workers, stage.tasks)
        _QuietExecutor(list(stage.pipeline), stage.tasks, workers, str(logs / str(done))).run()
    shutil.rmtree(logs)
    return read_corpus_manifest(folder)


class _QuietExecutor(LocalPipelineExecutor):  # type: ignore[misc]
    """Without its hundred lines on stderr, among them a traceback with the values of variables: texts of the data."""

    def run(self) -> object:
        logger.disable("datatrove")
        return super().run()

    def _run_for_rank(self, rank: int, local_rank: int = 0, node_rank: int = -1) -> object:
        logger.disable("datatrove")  # in the process of a worker
        with contextlib.redirect_stderr(io.StringIO()):  # the bars of its steps
            return super()._run_for_rank(rank, local_rank, node_rank)


def _content_of(document: Document) -> str:
    """What datatrove hashes for a signature: the content hash, so that its repeats are ours."""
    return str(document.id)


def _priority_of(document: Document) -> int:
    """Of repeats datatrove keeps the one with the highest priority, and then the first of its task."""
    return _MOST_TASKS - int(document.metadata["task"])


# ---- the steps


class ReadParagraphs(PipelineStep):  # type: ignore[misc]
    """A task's share of the sources: files next to one another, so that the order stays that of the input."""

    type = "📖 - READER"
    name = "raw paragraphs"

    def __init__(self, request: CorpusRequest, work: Path) -> None:
        super().__init__()
        self.request = request
        self.work = work

    def run(self, data: object = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        request, tally = self.request, Tally()
        files = find_sources(request.sources, request.out)
        for number, file in enumerate(files):
            if number * world_size // len(files) != rank:
                continue
            for batch in batches_of(file, number, request.text, request.encoding):
                texts, read = opened(batch, request.encoding)
                tally.add(read)
                for text in texts:
                    self.stat_update("paragraphs")
                    yield Document(text=text, id=file.name, metadata={"task": rank})
        _write_tally(self.work / "read" / f"{rank:05d}.json", tally)


class SiftParagraphs(PipelineStep):  # type: ignore[misc]
    """Clean paragraphs that touch no excluded set, by their content hash; they are kept on disk for a later stage."""

    type = "🔻 - FILTER"
    name = "clean, and touch no excluded set"

    def __init__(self, request: CorpusRequest, work: Path) -> None:
        super().__init__()
        self.request = request
        self.work = work

    def run(self, data: Iterator[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        plan = planned(self.request)
        sieve = Sieve(plan.rules, plan.excluded)  # in the task: what is in a step is written into datatrove's logs
        tally = Tally()
        path = self.work / "sifted" / f"{rank:05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(path, _SIFTED) as writer:
            for texts in _in_batches(data):
                sifted = sieve.sift_texts(texts)
                tally.add(sifted.tally)
                columns = [pa.array(sifted.texts, pa.string()), pa.array(sifted.hashes)]
                writer.write_table(pa.Table.from_arrays(columns, schema=_SIFTED))
                for text, content_hash in zip(sifted.texts, sifted.hashes.tolist(), strict=True):
                    self.stat_update("forwarded")
                    yield _sifted_document(text, content_hash, rank)
        _write_tally(self.work / "tally" / f"{rank:05d}.json", tally)


_SIFTED = pa.schema([("text", pa.string()), ("hash", pa.int64())])


def _in_batches(documents: Iterator[Document]) -> Iterator[list[str]]:
    texts: list[str] = []
    characters = 0
    for document in documents:
        texts.append(document.text)
        characters += len(document.text)
        if characters >= BATCH_BYTES // 3:
            yield texts
            texts, characters = [], 0
    if texts:
        yield texts


def _sifted_document(text: str, content_hash: int, rank: int) -> Document:
    return Document(text=text, id=str(content_hash), metadata={"task": rank})


class ReadSifted(PipelineStep):  # type: ignore[misc]
    """What the task of the same rank has sifted."""

    type = "📖 - READER"
    name = "sifted paragraphs"

    def __init__(self, work: Path) -> None:
        super().__init__()
        self.work = work

    def run(self, data: object = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        with pq.ParquetFile(self.work / "sifted" / f"{rank:05d}.parquet") as file:
            for batch in file.iter_batches(use_threads=False):
                for row in batch.to_pylist():
                    yield _sifted_document(row["text"], row["hash"], rank)


class WriteShards(PipelineStep):  # type: ignore[misc]
    """A task's shards, the list of them, and the hashes of what is in them."""

    type = "💽 - WRITER"
    name = "shards of a corpus"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def run(self, data: Iterator[Document], rank: int = 0, world_size: int = 1) -> None:
        work = self.folder / WORK
        tally, writer = Tally(), ShardWriter(self.folder, f"part-{rank:05d}-")
        hashes: list[int] = []
        try:
            while documents := list(itertools.islice(data, _DOCUMENTS_AT_ONCE)):
                texts = [document.text for document in documents]
                writer.write(texts)
                hashes += [int(document.id) for document in documents]
                tally.kept += len(texts)
                tally.characters += sum(map(len, texts))
                self.stat_update("written", value=len(texts))
            shards = writer.close()
        finally:
            writer.abandon()
        tally.removed[REPEATS] = pq.read_metadata(work / "sifted" / f"{rank:05d}.parquet").num_rows - tally.kept
        _write_tally(work / "written" / f"{rank:05d}.json", tally)
        (work / "written" / f"{rank:05d}.shards.json").write_bytes(_SHARDS.dump_json(shards))
        save_file({TENSOR: np.array(hashes, dtype=np.int64)}, work / "written" / f"{rank:05d}.safetensors")


class CollectCorpus(PipelineStep):  # type: ignore[misc]
    """corpus.json and the hashes, of what all tasks have written."""

    type = "💽 - WRITER"
    name = "manifest of a corpus"

    def __init__(self, request: CorpusRequest, folder: Path) -> None:
        super().__init__()
        self.request = request
        self.folder = folder

    def run(self, data: object = None, rank: int = 0, world_size: int = 1) -> None:
        finish(planned(self.request), _collected(self.folder / WORK), self.folder)
        shutil.rmtree(self.folder / WORK)


def _collected(work: Path) -> Built:
    tally, seen = Tally(), SeenHashes()
    shards: tuple[Shard, ...] = ()
    for file in sorted(work.glob("*/?????.json")):
        tally.add(_TALLY.validate_json(file.read_bytes()))
    for file in sorted(work.glob("written/*.safetensors")):
        shards += _SHARDS.validate_json(file.with_suffix(".shards.json").read_bytes())
        if not seen.add(load_file(file)[TENSOR]).all():
            raise LingyuError("a paragraph of two tasks was kept twice", where=work, next="Run all stages anew")
    return Built(tally, shards, seen.all_sorted())


def _write_tally(path: Path, tally: Tally) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_TALLY.dump_json(tally))
