"""One base in memory, and any mix of its adapters in one forward. Shares nothing that changes between threads."""

import os
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers.modeling_outputs import BaseModelOutput

from lingyu.bases import Base, Classifier, Head
from lingyu.errors import LingyuError
from lingyu.lora import find_base_of, read_weights, require_base_of
from lingyu.recipe import KEEPS_PLACES
from lingyu.store import Version
from lingyu.tasks import Calibration, Task, task_named
from lingyu.text import Encoded, clean
from lingyu.training import batches_by_length, pad

from .first_token import all_tokens, keep_first_token_only
from .mixing import Fitted, Layers, Stack, head_logits, make_mixed, make_mixed_head, stackable, take_encoder

# So many that a batch is worth its calls, so few that what passes between two layers stays in the cache.
TOKENS_PER_BATCH = 1024
_KEPT_STACKS = 2
_PROBE_LABELS = ("0", "1")  # the base is loaded with a head of any size: every row brings its own


@dataclass(frozen=True, eq=False)
class Resident:
    """A verified version in memory, fitted to its engine's base. Each is like itself only."""

    version: Version
    engine: "Engine"
    task: Task
    calibration: Calibration
    weights: Fitted

    @property
    def size_bytes(self) -> int:
        return self.weights.size_bytes


@dataclass(frozen=True)
class Logits:
    """What the adapters of some rows gave, float32.

    rows: (rows, the most outputs of an adapter); columns past a row's own outputs are 0, and so is a row that is
    answered token by token. tokens: those rows, each (its tokens, outputs of the adapter or more).
    """

    rows: NDArray[np.float32]
    tokens: dict[int, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Form:
    """The base with a head of one kind. classifier: without its encoder, its head's layers each row's own.

    shape: the whole classifier without values, and fresh: what its base does not bring; an adapter is held against
    them.
    """

    classifier: nn.Module
    layers: Layers
    shape: nn.Module
    fresh: frozenset[str]


class Engine:
    """A base as a classifier whose adapters are inputs."""

    def __init__(self, base: Base) -> None:
        _require_no_fork()
        self.base = base
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        with _random_numbers_as_before():
            classifier = base.load_classifier(_PROBE_LABELS)
        layers = Layers.of(classifier.model, base.family)
        shape = _without_values(classifier)
        make_mixed(classifier.model, layers)
        if base.family.reads_first_token:
            keep_first_token_only(classifier.model)
        self._encoder = take_encoder(classifier.model).to(self.device).eval()
        row_head = classifier.model.to(self.device).eval()
        self._forms: dict[Head, _Form] = {"row": _Form(row_head, layers, shape, classifier.fresh)}
        self._making_form = threading.Lock()
        # kept for the next chunk of a file, or the next request, which mostly asks for the same adapters
        self.stack = lru_cache(maxsize=_KEPT_STACKS)(_stack_of)
        self.stackable = lru_cache(maxsize=_KEPT_STACKS)(_stackable)

    def admit(self, version: Version) -> Resident:
        """The version's adapter on this base. Raises LingyuError unless it was trained on it and fits it whole."""
        _require_no_fork()
        manifest = version.manifest
        require_base_of(version, self.base)
        clean("", manifest.text_steps)  # raises for a step of a later lingyu
        task = task_named(manifest.task, manifest.labels)
        if task.head == "token":
            _require_places(version)
        weights = read_weights(version.folder)
        form = self._form(task.head)
        weights.require_fit(form.shape, form.fresh, task.num_outputs)
        fitted = Fitted.of(weights, form.layers, task.head, self.device)
        return Resident(version, self, task, manifest.calibration, fitted)

    def _form(self, kind: Head) -> _Form:
        """The base with a head that answers once a token is made when the first adapter asks for it."""
        if kind in self._forms:
            return self._forms[kind]
        with self._making_form:
            if kind not in self._forms:
                self._forms[kind] = self._token_form()
            return self._forms[kind]

    def _token_form(self) -> _Form:
        with _random_numbers_as_before():
            classifier = self.base.load_classifier(_PROBE_LABELS, head="token")
        # its encoder is the other's once more, and goes
        layers = Layers(self._forms["row"].layers.encoder, Layers.of(classifier.model, self.base.family).head)
        shape = _without_values(classifier)
        make_mixed_head(classifier.model, "token", layers)
        take_encoder(classifier.model)
        return _Form(classifier.model.to(self.device).eval(), layers, shape, classifier.fresh)

    @torch.inference_mode()
    def logits(self, stack: Stack, index: NDArray[np.int64], encoded: Encoded) -> Logits:
        """In the order given. index: (rows,), which adapter of the stack answers the row.

        Rows are sorted by length and cut by a budget of tokens; one batch mixes whatever adapters its rows have.
        Raises LingyuError in a fork of the process that loaded a base.
        """
        _require_no_fork()
        heads = stack.heads.get("row")
        logits = Logits(np.zeros((len(encoded), heads.num_outputs if heads else 0), dtype=np.float32))
        for rows in self._batches(index, encoded.lengths):
            adapters, stack_of_rows = index[rows], stack
            if not self.base.family.mixes_rows:
                stack_of_rows, adapters = stack.only(int(adapters[0])), np.zeros_like(adapters)
            self._answer(logits, stack_of_rows, adapters, encoded, rows)
        return logits

    def _inputs(self, encoded: Encoded, rows: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        """Of a forward: (rows, the longest of them)."""
        types = encoded.token_type_ids
        batch = pad(
            [encoded.input_ids[row] for row in rows],
            self.base.tokenizer.pad_token_id,
            None if types is None else [types[row] for row in rows],
        )
        return {key: value.to(self.device) for key, value in batch.items()}

    def _answer(
        self, logits: Logits, stack: Stack, adapters: NDArray[np.int64], encoded: Encoded, rows: NDArray[np.int64]
    ) -> None:
        """One forward of these rows, and of each head that one of them has, into their places in the logits.

        adapters: of the stack, one for each of these rows.
        """
        inputs, index = self._inputs(encoded, rows), torch.from_numpy(adapters).to(self.device)
        by_token = np.zeros(len(rows), dtype=np.bool_)
        if "token" in stack.heads:
            by_token = np.array([kind == "token" for kind in stack.kinds])[adapters]
        with stack.answering(index), all_tokens() if by_token.any() else nullcontext():
            read = self._encoder(**inputs)
            if not by_token.all():
                found = head_logits(self._forms["row"].classifier, read, **inputs).float().cpu().numpy()
                logits.rows[rows[~by_token]] = found[~by_token]
        if by_token.any():
            own = torch.from_numpy(np.flatnonzero(by_token)).to(self.device)
            with stack.answering(index[own]):
                hidden = BaseModelOutput(last_hidden_state=read.last_hidden_state[own])
                tokens = head_logits(self._forms["token"].classifier, hidden)
            for row, of_row in zip(rows[by_token].tolist(), tokens.float().cpu().numpy(), strict=True):
                logits.tokens[row] = of_row[: len(encoded.input_ids[row])]

    def _batches(self, index: NDArray[np.int64], lengths: Sequence[int]) -> Iterator[NDArray[np.int64]]:
        """Rows of like length together; of one adapter only, where the family's layers see more than rows."""
        groups = [np.arange(len(lengths))]
        if not self.base.family.mixes_rows:
            groups = [np.flatnonzero(index == adapter) for adapter in np.unique(index)]
        for group in groups:
            for rows in batches_by_length([lengths[row] for row in group.tolist()], TOKENS_PER_BATCH):
                yield group[rows]


@cache
def _process_of_first_engine() -> int:
    return os.getpid()


def _require_no_fork() -> None:
    """Raises LingyuError where torch would wait for ever: a fork has none of the threads that OpenMP believes in."""
    if os.getpid() != _process_of_first_engine() and torch.get_num_threads() > 1:
        raise LingyuError(
            "this process was forked from one that had answered before, where torch would wait for ever",
            next="Ask for no answer before the fork, or set OMP_NUM_THREADS=1",
        )


def _require_places(version: Version) -> None:
    """Raises LingyuError where nobody could say which characters of a text an entity is."""
    moving = [step for step in version.manifest.text_steps if step not in KEEPS_PLACES]
    if moving:
        raise LingyuError(
            f"its text steps ({', '.join(moving)}) move the characters that entities stand at",
            where=version.reference,
            next=f"Train it again with data.clean: [{', '.join(KEEPS_PLACES)}]",
        )


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


def _without_values(classifier: Classifier) -> nn.Module:
    with torch.device("meta"):
        shape: nn.Module = type(classifier.model)(classifier.model.config)
        return shape


def _stack_of(residents: tuple[Resident, ...]) -> Stack:
    return Stack.of([resident.weights for resident in residents])


def _stackable(residents: tuple[Resident, ...], most: int) -> tuple[tuple[Resident, ...], ...]:
    groups = stackable([resident.weights for resident in residents], most)
    return tuple(tuple(residents[number] for number in group) for group in groups)


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
