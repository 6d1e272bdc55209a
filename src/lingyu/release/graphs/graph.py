"""An exported graph answers raw texts: without torch, with what stands in its folder.

Imports nothing but numpy, pydantic, tokenizers and the one runtime that the graph is for.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lingyu.errors import LingyuError
from lingyu.tasks import (
    Asked,
    Failed,
    Result,
    changed_rows,
    checked_pairs,
    checked_probabilities,
    checked_texts,
    require_as_many_texts,
    require_threshold,
)
from lingyu.text import Encoded, clean, readable

from ..limits import AGREEMENT, TOLERANCE
from ..sentences import SENTENCES, beside_the_next
from .folder import GRAPH, TOKENIZER, GraphManifest, open_graph_folder
from .runtimes import Logits, Run, open_runtime
from .token_rows import TokenFile, batches_of

TOKENS_PER_BATCH = 4096


class Graph:
    """A graph that lingyu export wrote, verified. Any number of threads may ask it.

    >>> graph = Graph.load("graphs/hotel")
    >>> graph.classify(["房间很干净，下次还来"])[0].label
    '正面'

    One of an adapter that reads two texts: graph.classify(["菜好吃，就是上菜慢"], text_pairs=["服务"])
    """

    def __init__(self, manifest: GraphManifest, tokens: TokenFile, run: Run) -> None:
        self.manifest = manifest
        self.task = manifest.answers
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
        return cls(
            manifest,
            TokenFile(folder / TOKENIZER, words=manifest.words),
            open_runtime(manifest.runtime, folder, threads),
        )

    def classify(
        self, texts: Iterable[str], *, text_pairs: Iterable[str | None] | None = None, threshold: float = 0.0
    ) -> list[Result | Failed]:
        """An answer a text, in the order given: a Result, or a Failed that holds the error of that row alone.

        text_pairs: for each text the second one, for a graph that reads two. threshold: below this probability the
        label is `uncertain`; see LoadedAdapter.classify. Raises LingyuError for what is wrong with the call.
        """
        name, texts = self.manifest.adapter.reference, checked_texts(texts)
        pairs = checked_pairs(text_pairs, len(texts))
        require_threshold(name, self.task.name, threshold)
        require_as_many_texts(name, reads_two=self.manifest.text_pair, has_pair=text_pairs is not None)
        read = [self._read(text, pair) for text, pair in zip(texts, pairs, strict=True)]
        answers = iter(self._answers([one for one in read if isinstance(one, _Read)], threshold))
        return [next(answers) if isinstance(one, _Read) else one for one in read]

    def _read(self, text: str, text_pair: str | None) -> "_Read | Failed":
        name, steps = self.manifest.adapter.reference, self.manifest.text_steps
        try:
            require_as_many_texts(name, reads_two=self.manifest.text_pair, has_pair=text_pair is not None)
            pair = None if text_pair is None else readable(text_pair, steps, "the second text")
            return _Read(text, text_pair, readable(text, steps), pair)
        except LingyuError as error:
            return Failed(text, name, error)

    def _answers(self, read: Sequence["_Read"], threshold: float) -> list[Result | Failed]:
        manifest, name = self.manifest, self.manifest.adapter.reference
        pairs = [one.readable_pair or "" for one in read] if manifest.text_pair else None
        rows = self._tokens.encode([one.readable for one in read], pairs, has_types=manifest.token_type_ids)
        logits = batched_logits(self._run, rows, pad_token_id=manifest.pad_token_id, num_outputs=self.task.num_outputs)
        probabilities = checked_probabilities(self.task, logits, manifest.calibration, name)
        return [
            Failed(one.text, name, row)
            if isinstance(row, LingyuError)
            else Result(
                one.text,
                self.task.answer(row, manifest.calibration, Asked(threshold)),
                name,
                truncated,
                one.text_pair,
            )
            for one, row, truncated in zip(read, probabilities, rows.truncated, strict=True)
        ]


@dataclass(frozen=True)
class _Read:
    """A text, and a second one where there is one, as they came and as the adapter reads them."""

    text: str
    text_pair: str | None
    readable: str
    readable_pair: str | None


def batched_logits(
    run: Run,
    texts: Encoded,
    *,
    pad_token_id: int,
    num_outputs: int,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Logits:
    """(rows, outputs) logits in the order given. on_rows is told how many more rows are done."""
    logits = np.zeros((len(texts.input_ids), num_outputs), dtype=np.float32)
    for batch in batches_of(texts, pad_token_id, TOKENS_PER_BATCH):
        logits[batch.rows] = run(*batch.inputs)
        on_rows(len(batch.rows))
    return logits


def sentences_sha256() -> str:
    """Of the sentences that a probe's logits belong to."""
    return hashlib.sha256("\0".join(SENTENCES).encode()).hexdigest()


def probe_rows(tokens: TokenFile, text_steps: Sequence[str], *, text_pair: bool, has_types: bool) -> Encoded:
    """The sentences of lingyu as a graph reads them; each beside the one that follows, where it reads two texts."""
    sentences = [clean(sentence, text_steps) for sentence in SENTENCES]
    return tokens.encode(sentences, beside_the_next(sentences) if text_pair else None, has_types=has_types)


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
    tokens = TokenFile(folder / TOKENIZER, words=manifest.words)
    has_types = manifest.token_type_ids
    found = batched_logits(
        open_runtime(manifest.runtime, folder),
        probe_rows(tokens, manifest.text_steps, text_pair=manifest.text_pair, has_types=has_types),
        pad_token_id=manifest.pad_token_id,
        num_outputs=manifest.answers.num_outputs,
    )
    difference = float(np.abs(found - made).max())
    changed = changed_rows(manifest.answers, found, made, manifest.calibration) or 0
    agreement = 1 - changed / len(made)
    is_same = agreement >= AGREEMENT if manifest.precision == "int8" else difference <= TOLERANCE
    if not is_same:
        raise LingyuError(
            f"answers differently on this machine: a logit by {difference:.2g}, {agreement:.3f} of the labels agree",
            where=folder,
            next="Export the adapter on a machine of this kind, without --int8 where it was used",
            status=1,
        )
    return VerifiedGraph(manifest, answers_as_made=True)
