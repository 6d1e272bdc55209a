"""One base in memory, and any mix of its adapters in one forward. Shares nothing that changes between threads."""

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from lingyu.bases import Base, Encoded
from lingyu.lora import find_base_of, read_weights
from lingyu.store import Version, require_base
from lingyu.tasks import SingleLabel, task_named
from lingyu.text import clean
from lingyu.training import pad

from .first_token import keep_first_token_only
from .mixing import Fitted, Layers, Stack, make_mixed

# So many that a batch is worth its calls, so few that what passes between two layers stays in the cache.
TOKENS_PER_BATCH = 1024
_KEPT_STACKS = 2
_PROBE_LABELS = ("0", "1")  # the base is loaded with a head of any size: every row brings its own


@dataclass(frozen=True, eq=False)
class Resident:
    """A verified version in memory, fitted to its engine's base. Each is like itself only."""

    version: Version
    engine: "Engine"
    task: SingleLabel
    weights: Fitted

    @cached_property
    def size_bytes(self) -> int:
        return self.weights.size_bytes


class Engine:
    """A base as a classifier whose adapters are inputs."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with _random_numbers_as_before():
            classifier = base.load_classifier(_PROBE_LABELS)
        self._fresh = classifier.fresh
        self._layers = Layers.of(classifier.model, base.family)
        with torch.device("meta"):
            self._shape = type(classifier.model)(classifier.model.config)
        make_mixed(classifier.model, self._layers)
        if base.family.reads_first_token:
            keep_first_token_only(classifier.model)
        self._model = classifier.model.to(self.device).eval()
        self._tokenizing = threading.Lock()
        # kept for the next chunk of a file, or the next request, which mostly asks for the same adapters
        self.stack = lru_cache(maxsize=_KEPT_STACKS)(_stack_of)

    def admit(self, version: Version) -> Resident:
        """The version's adapter on this base. Raises LingyuError unless it was trained on it and fits it whole."""
        manifest = version.manifest
        require_base(
            version,
            self.base.id,
            weights_fingerprint=self.base.weights_fingerprint,
            tokenizer_fingerprint=self.base.tokenizer_fingerprint,
        )
        clean("", manifest.text_steps)  # raises for a step of a later lingyu
        weights = read_weights(version.folder)
        weights.require_fit(self._shape, self._fresh, len(manifest.labels))
        task = task_named(manifest.task, manifest.labels)
        return Resident(version, self, task, Fitted.of(weights, self._layers, self.device))

    def encode(self, texts: Sequence[str], max_length: int) -> Encoded:
        """As Base.encode, by one thread at a time: max_length is the tokenizer's state until the texts are through."""
        with self._tokenizing:
            return self.base.encode(texts, max_length)

    @torch.inference_mode()
    def logits(self, stack: Stack, index: NDArray[np.int64], input_ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """(rows, largest number of labels in the stack) float32, in the order given; columns past a row's labels are 0.

        index: (rows,), which adapter of the stack answers the row. Rows are sorted by length and cut by a budget of
        tokens; one batch mixes whatever adapters its rows have.
        """
        logits = np.zeros((len(input_ids), stack.num_outputs), dtype=np.float32)
        for rows in self._batches(index, [len(ids) for ids in input_ids]):
            batch = pad([input_ids[row] for row in rows], self.base.tokenizer.pad_token_id)
            inputs = {key: value.to(self.device) for key, value in batch.items()}
            adapters = index[rows]
            if not self.base.family.mixes_rows:
                stack_of_rows, adapters = stack.only(int(adapters[0])), np.zeros_like(adapters)
            else:
                stack_of_rows = stack
            with stack_of_rows.answering(torch.from_numpy(adapters).to(self.device)):
                logits[rows] = self._model(**inputs).logits.float().cpu().numpy()
        return logits

    def _batches(self, index: NDArray[np.int64], lengths: Sequence[int]) -> Iterator[NDArray[np.int64]]:
        """Rows of like length together; of one adapter only, where the family's layers see more than rows."""
        groups = [np.arange(len(lengths))]
        if not self.base.family.mixes_rows:
            groups = [np.flatnonzero(index == adapter) for adapter in np.unique(index)]
        for group in groups:
            order = group[np.argsort(np.asarray(lengths)[group], kind="stable")]
            start = 0
            while start < len(order):
                end = start + 1
                while end < len(order) and (end - start + 1) * lengths[order[end]] <= TOKENS_PER_BATCH:
                    end += 1
                yield order[start:end]
                start = end


@contextmanager
def _random_numbers_as_before() -> Iterator[None]:
    """Loading a base seeds the generators of the whole process; here they are those of whoever asks for an answer."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def _stack_of(residents: tuple[Resident, ...]) -> Stack:
    return Stack.of([resident.weights for resident in residents])


class Engines:
    """An engine a base, each loaded once, when a version first asks for it. Safe to share between threads."""

    def __init__(self) -> None:
        self._engines: dict[tuple[str, str], Engine] = {}
        self._lock = threading.Lock()

    def of(self, version: Version) -> Engine:
        """Raises LingyuError where the version's base is not to be found, or is another one."""
        record = version.manifest.base
        key = (record.weights_fingerprint, record.tokenizer_fingerprint)
        if key in self._engines:  # nobody who has a base waits for another to be loaded
            return self._engines[key]
        with self._lock:
            if key not in self._engines:
                self._engines[key] = Engine(find_base_of(version))
            return self._engines[key]
