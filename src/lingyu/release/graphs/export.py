"""An adapter on its base as a graph that runs without torch: traced, compared, measured, written whole or not at all.

What is compared is the graph in its own runtime, fed by its own tokenizer's file, with the adapter by plain PEFT on
the unmerged base.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import torch
from torch import nn

from lingyu.bases import Ancestor, Base
from lingyu.digests import file_record
from lingyu.errors import LingyuError
from lingyu.folders import new_folder, require_free
from lingyu.lora import find_base_of, load_adapter, package_versions
from lingyu.reporting import Report, counted
from lingyu.store import ADAPTER_WEIGHTS, Version
from lingyu.tasks import Task, TruncationSide, task_named
from lingyu.text import Encoded, cut_by_nothing

from ..ancestry import require_lineage
from ..gate import unmerged_logits
from ..texts import GateTexts, gate_texts
from .folder import (
    GRAPH,
    MODEL_FILES,
    TOKENIZER,
    Comparison,
    ExportedAdapter,
    ExportedAncestor,
    ExportedBase,
    GraphGate,
    GraphManifest,
    Precision,
    Probe,
    RuntimeName,
    WordFinder,
)
from .gate import compare, require_agreement, require_same_logits
from .graph import TOKENS_PER_BATCH, Graph, batched_logits, probe_rows, sentences_sha256
from .page import render_graph_page
from .runtimes import INPUTS, Ids, Logits, Run, open_runtime
from .speed import texts_per_s, timed_batches
from .token_rows import TokenFile
from .tracing import OPSET, needed_packages, quantise, require_packages, trace, write_graph


@dataclass(frozen=True)
class Measured:
    """size_bytes: of the weights, or the graph. texts_per_s: the forward alone, warm, sorted by length."""

    size_bytes: int
    texts_per_s: float


@dataclass(frozen=True)
class Exported:
    """measured: `torch` (the adapter merged into its base), `float32` and, where it was asked for, `int8`.

    timed_texts, threads: how that was measured. notes: what its user should know and graph.json does not say.
    """

    folder: Path
    manifest: GraphManifest
    measured: dict[str, Measured]
    timed_texts: int
    threads: int
    notes: tuple[str, ...]


def export_graph(
    version: Version,
    out: Path,
    *,
    runtime: RuntimeName,
    int8: bool = False,
    texts: Sequence[str] | None = None,
    report: Report = lambda what, done, total: None,
) -> Exported:
    """Write a version on its base as a graph to a new folder.

    texts: what graph and torch are compared on; without them the recipe's dev split where it is at hand, else
    sentences of our own.
    Raises LingyuError, and writes nothing, where `out` exists, a package is missing, or base and adapter do not fit;
    with status 1 where a logit differs by more than TOLERANCE in float32, or int8 agrees in less than AGREEMENT.
    """
    require_free(out)
    task = _exportable(version, int8=int8)
    require_packages(runtime, int8=int8)
    base = find_base_of(version)
    lineage = require_lineage(version, base)
    compared = gate_texts(version, texts)
    with new_folder(out) as folder:
        on_rows = counted(report, "comparing", len(compared.texts))
        reference = unmerged_logits(version, task, base, compared, on_rows)
        _write_tokenizer(base, version.manifest.max_length, task.traits.truncation_side, folder)
        job = _Job(version, task, base, runtime, folder, compared, reference.numpy(), report)
        model = job.merged_model()
        job.write(model, "float32")
        if int8:
            job.write(model, "int8")
        measured, timed_texts = job.measure(model)
        manifest = job.write_manifest(lineage)
        Graph.load(folder)  # as whoever gets it will
    return Exported(
        out, manifest, measured, timed_texts, torch.get_num_threads(), (compared.note,) if compared.note else ()
    )


def _exportable(version: Version, *, int8: bool) -> Task:
    """What the version answers. Raises LingyuError for what no graph is written of."""
    task = task_named(version.manifest.task, version.manifest.labels)
    if task.head == "token":
        raise LingyuError(
            f"is for the task {task.name}; graphs are written of tasks that give a text one answer",
            where=version.reference,
            next="Merge it instead, and serve that with torch: "
            f"python merge.py {version.folder} --out merged/{version.manifest.name}",
        )
    if int8 and not task.labels:
        raise LingyuError(
            f"is for the task {task.name}; an int8 graph is judged by its labels, and this one has none",
            where=version.reference,
            next="Leave --int8 out",
        )
    return task


@dataclass(frozen=True)
class _Written:
    """A graph that has passed its gate."""

    run: Run
    size_bytes: int
    comparison: Comparison


@dataclass(frozen=True)
class _Job:
    """What every step of an export needs. written: by precision, in the order in which they came."""

    version: Version
    task: Task
    base: Base
    runtime: RuntimeName
    folder: Path
    compared: GateTexts
    reference: Logits
    report: Report
    written: dict[Precision, _Written] = field(default_factory=dict)

    @property
    def tokens(self) -> TokenFile:
        return TokenFile(self.folder / TOKENIZER, words=self.words)

    @property
    def words(self) -> WordFinder | None:
        return "jieba" if self.base.cuts_by_jieba else None

    @property
    def has_types(self) -> bool:
        """Whether the base tells two texts apart by an input of its own."""
        return self.version.manifest.text_pair and getattr(self.base.config, "type_vocab_size", 0) > 1

    def rows(self) -> Encoded:
        """What is compared, as the graph reads it."""
        return self.tokens.encode(self.compared.texts, self.compared.pairs, has_types=self.has_types)

    @property
    def pad_token_id(self) -> int:
        return int(self.base.tokenizer.pad_token_id)

    def merged_model(self) -> nn.Module:
        """The adapter in its base, float32, on the CPU."""
        adapted = load_adapter(self.base, self.task.output_names, self.version.folder)
        merged: nn.Module = adapted.merge_and_unload(safe_merge=True).eval()
        return merged

    def write(self, model: nn.Module, precision: Precision) -> None:
        """The graph in this precision, in place of what was there. Raises LingyuError where it fails its gate."""
        self.report(f"writing {precision}", 0, 1)
        if precision == "int8":
            quantise(self.runtime, self.folder)
        else:
            program = trace(model, self.version.manifest.max_length, has_types=self.has_types)
            write_graph(program, self.runtime, self.folder)
        self.report(f"writing {precision}", 1, 1)
        run = open_runtime(self.runtime, self.folder, torch.get_num_threads())
        logits = batched_logits(
            run,
            self.rows(),
            pad_token_id=self.pad_token_id,
            num_outputs=self.task.num_outputs,
            on_rows=counted(self.report, f"comparing {precision}", len(self.compared.texts)),
        )
        calibration = self.version.manifest.calibration
        found = compare(logits, self.reference, self.task, calibration, self.version.reference)
        if precision == "int8":
            require_agreement(found, len(self.compared.texts), self.version.reference)
        else:
            require_same_logits(found, self.version.reference)
        size = sum((self.folder / name).stat().st_size for name in MODEL_FILES[self.runtime])
        self.written[precision] = _Written(run, size, found)

    def measure(self, model: nn.Module) -> tuple[dict[str, Measured], int]:
        """torch and every graph that was written, on the same batches; and on how many texts."""
        batches = timed_batches(self.rows(), self.pad_token_id, TOKENS_PER_BATCH)
        sizes = {"torch": sum(p.nbytes for p in model.parameters())}
        runs = {"torch": _torch_run(model)}
        for precision, written in self.written.items():
            sizes[precision], runs[precision] = written.size_bytes, written.run
        speeds = texts_per_s(runs, batches, lambda done, total: self.report("measuring", done, total))
        texts = sum(len(batch.rows) for batch in batches)
        return {name: Measured(sizes[name], speeds[name]) for name in runs}, texts

    def write_manifest(self, lineage: Sequence[Ancestor]) -> GraphManifest:
        """The page and graph.json: the last things to be written."""
        facts, precision = self.version.manifest, list(self.written)[-1]
        probed = batched_logits(
            self.written[precision].run,
            probe_rows(self.tokens, facts.text_steps, text_pair=facts.text_pair, has_types=self.has_types),
            pad_token_id=self.pad_token_id,
            num_outputs=self.task.num_outputs,
        )
        manifest = GraphManifest(
            created=datetime.now(UTC).replace(microsecond=0),
            runtime=self.runtime,
            precision=precision,
            opset=OPSET if self.runtime == "onnx" else None,
            adapter=ExportedAdapter(name=facts.name, version=facts.version, sha256=facts.files[ADAPTER_WEIGHTS].sha256),
            base=ExportedBase(**facts.base.model_dump(include=set(ExportedBase.model_fields))),
            lineage=tuple(ExportedAncestor(**asdict(ancestor)) for ancestor in lineage),
            task=facts.task,
            labels=facts.labels,
            text_pair=facts.text_pair,
            token_type_ids=self.has_types,
            max_length=facts.max_length,
            text_steps=facts.text_steps,
            **facts.calibration.model_dump(),
            pad_token_id=self.pad_token_id,
            words=self.words,
            gate=self._gate(),
            probe=Probe(sentences_sha256=sentences_sha256(), logits=tuple(tuple(map(float, row)) for row in probed)),
            packages=package_versions() | self._versions(),
            files={},
        )
        (self.folder / "README.md").write_text(render_graph_page(manifest), "utf-8")
        files = {file.name: file_record(file) for file in sorted(self.folder.iterdir())}
        manifest = manifest.model_copy(update={"files": files})
        (self.folder / GRAPH).write_bytes(manifest.as_bytes())
        return manifest

    def _versions(self) -> dict[str, str]:
        """As the packages say themselves: onnxruntime may have been installed as onnxruntime-gpu."""
        packages = needed_packages(self.runtime, int8="int8" in self.written)
        return {name: str(import_module(name).__version__) for name in packages}

    def _gate(self) -> GraphGate:
        int8 = self.written.get("int8")
        return GraphGate(
            source=self.compared.source,
            texts=len(self.compared.texts),
            texts_sha256=self.compared.digest,
            float32=self.written["float32"].comparison,
            int8=int8.comparison if int8 else None,
        )


def _write_tokenizer(base: Base, max_length: int, side: TruncationSide, folder: Path) -> None:
    """tokenizer.json as the tokenizers library alone reads it, cutting where the adapter does; vocab.txt beside it."""
    tokenizer = base.load_tokenizer().backend_tokenizer
    if base.cuts_by_jieba:
        cut_by_nothing(tokenizer)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, direction="left" if side == "left" else base.tokenizer.truncation_side)
    tokenizer.save(str(folder / TOKENIZER))
    base.save_vocabulary(folder)


def _torch_run(model: nn.Module) -> Run:
    def run(*inputs: Ids) -> Logits:
        with torch.inference_mode():
            fed = {name: torch.from_numpy(ids) for name, ids in zip(INPUTS, inputs, strict=False)}
            logits: Logits = model(**fed).logits.numpy()
            return logits

    return run
