"""An exported graph answers raw texts: without torch, with what stands in its folder.

Imports nothing but numpy, pydantic, tokenizers and the one runtime that the graph is for.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lingyu.errors import LingyuError
from lingyu.tasks import Failed, Result, task_named
from lingyu.text import clean, readable

from ..limits import AGREEMENT, TOLERANCE
from ..sentences import SENTENCES
from .folder import GRAPH, TOKENIZER, GraphManifest, open_graph_folder
from .runtimes import Logits, Run, open_runtime
from .token_rows import TokenFile, batches_of

TOKENS_PER_BATCH = 4096


class Graph:
    """A graph that lingyu export wrote, verified. Any number of threads may ask it.

    >>> graph = Graph.load("graphs/hotel")
    >>> graph.classify(["房间很干净，下次还来"])[0].label
    '正面'
    """

    def __init__(self, manifest: GraphManifest, tokens: TokenFile, run: Run) -> None:
        self.manifest = manifest
        self.task = task_named(manifest.task, manifest.labels)
        self._tokens = tokens
        self._run = run

    @classmethod
    def load(cls, folder: str | Path, *, threads: int | None = None) -> "Graph":
        """threads: None leaves it to the runtime.

        Raises LingyuError where a file is not what graph.json says, or the runtime is not installed.
        """
        folder = Path(folder)
        manifest = open_graph_folder(folder)
        clean("", manifest.text_steps)  # raises for a step of a later lingyu
        return cls(manifest, TokenFile(folder / TOKENIZER), open_runtime(manifest.runtime, folder, threads))

    def classify(self, texts: Iterable[str], *, threshold: float = 0.0) -> list[Result | Failed]:
        """An answer a text, in the order given: a Result, or a Failed that holds the error of that row alone.

        threshold: below this probability the label is `uncertain`. Raises LingyuError for what is wrong with the call.
        """
        if isinstance(texts, str):
            raise LingyuError("classify takes a list of texts", next="Write classify([text])")
        if not 0 <= threshold <= 1:
            raise LingyuError(f"the threshold {threshold} is no probability", next="Give one from 0 to 1")
        texts = list(texts)
        kinds = {type(text).__name__ for text in texts if not isinstance(text, str)}
        if kinds:
            raise LingyuError(f"a text is a {min(kinds)}", next="Give strings only")
        read = [self._read(text) for text in texts]
        answers = iter(self._answers([one for one in read if isinstance(one, _Read)], threshold))
        return [next(answers) if isinstance(one, _Read) else one for one in read]

    def _read(self, text: str) -> "_Read | Failed":
        try:
            return _Read(text, readable(text, self.manifest.text_steps))
        except LingyuError as error:
            return Failed(text, self.manifest.adapter.reference, error)

    def _answers(self, read: Sequence["_Read"], threshold: float) -> list[Result]:
        rows = self._tokens.encode([one.readable for one in read])
        logits = batched_logits(
            self._run, rows.input_ids, pad_token_id=self.manifest.pad_token_id, num_labels=len(self.manifest.labels)
        )
        answers = self.task.decode(logits, temperature=self.manifest.temperature, threshold=threshold)
        version = self.manifest.adapter.reference
        return [
            Result(one.text, answer.label, answer.probability, answer.probabilities, version, truncated)
            for one, answer, truncated in zip(read, answers, rows.truncated, strict=True)
        ]


@dataclass(frozen=True)
class _Read:
    """A text as it came, and as the adapter reads it."""

    text: str
    readable: str


def batched_logits(
    run: Run,
    input_ids: Sequence[Sequence[int]],
    *,
    pad_token_id: int,
    num_labels: int,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Logits:
    """(rows, labels) logits in the order given. on_rows is told how many more rows are done."""
    logits = np.zeros((len(input_ids), num_labels), dtype=np.float32)
    for batch in batches_of(input_ids, pad_token_id, TOKENS_PER_BATCH):
        logits[batch.rows] = run(batch.input_ids, batch.attention_mask)
        on_rows(len(batch.rows))
    return logits


def sentences_sha256() -> str:
    """Of the sentences that a probe's logits belong to."""
    return hashlib.sha256("\0".join(SENTENCES).encode()).hexdigest()


def probe_logits(
    run: Run, tokens: TokenFile, *, text_steps: Sequence[str], pad_token_id: int, num_labels: int
) -> Logits:
    """(sentences, labels): what a graph answers to the sentences of lingyu, here and now."""
    rows = tokens.encode([clean(sentence, text_steps) for sentence in SENTENCES])
    return batched_logits(run, rows.input_ids, pad_token_id=pad_token_id, num_labels=num_labels)


@dataclass(frozen=True)
class VerifiedGraph:
    """A graph of which every file is whole.

    answers_as_made: that it was asked here, and answered as on the machine that made it. False where it could not be
    asked: the lingyu that made it has other sentences than this one.
    """

    manifest: GraphManifest
    answers_as_made: bool


def verify_graph(folder: Path) -> VerifiedGraph:
    """A graph that is whole, and asked for its answers to the sentences of lingyu.

    Raises LingyuError: with status 1 where it answers differently, which a processor without the instructions for
    int8 of the other may bring about.
    """
    manifest = open_graph_folder(folder)
    if manifest.probe.sentences_sha256 != sentences_sha256():
        return VerifiedGraph(manifest, answers_as_made=False)
    made = np.asarray(manifest.probe.logits, dtype=np.float32)
    if len(made) != len(SENTENCES):
        raise LingyuError(
            f"has the answers to {len(made)} of {len(SENTENCES)} sentences",
            where=folder / GRAPH,
            next="Export the adapter again",
        )
    found = probe_logits(
        open_runtime(manifest.runtime, folder),
        TokenFile(folder / TOKENIZER),
        text_steps=manifest.text_steps,
        pad_token_id=manifest.pad_token_id,
        num_labels=len(manifest.labels),
    )
    difference = float(np.abs(found - made).max())
    agreement = float((found.argmax(axis=1) == made.argmax(axis=1)).mean())
    is_same = agreement >= AGREEMENT if manifest.precision == "int8" else difference <= TOLERANCE
    if not is_same:
        raise LingyuError(
            f"answers differently on this machine: a logit by {difference:.2g}, {agreement:.3f} of the labels agree",
            where=folder,
            next="Export the adapter on a machine of this kind, without --int8 where it was used",
            status=1,
        )
    return VerifiedGraph(manifest, answers_as_made=True)
