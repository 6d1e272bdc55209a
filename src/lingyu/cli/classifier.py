"""What lingyu predict answers with, and how an answer looks on the screen."""

import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lingyu.errors import LingyuError
from lingyu.serving import Lingyu, load, require_as_many_texts, require_threshold
from lingyu.store import Store, Version, open_adapter
from lingyu.tasks import Calibration, Failed, Read, Result, task_named

# texts, the second texts or None, and the tenant of each, which an adapter alone has no use for
Classify = Callable[[Sequence[str], Sequence[str | None], Sequence[str]], list[Result | Failed]]


class Classifier:
    """An adapter, or the tenants of a store; and one way to show an answer.

    columns: what an answer adds to a table, where one adapter gives them all; else nothing.
    """

    def __init__(self, classify: Classify, *, as_json: bool, columns: Sequence[str] = ()) -> None:
        self._classify = classify
        self.as_json = as_json
        self.columns = tuple(columns)

    @classmethod
    def of_adapter(cls, adapter: str, store: str, threshold: float, *, has_pair: bool, as_json: bool) -> "Classifier":
        """adapter: a name in the store, or a folder. has_pair: whether second texts are given.

        Raises LingyuError, before torch is waited for, where it reads another number of texts or has no threshold.
        """
        version = open_adapter(adapter, store)
        require_as_many_texts(version, has_pair=has_pair)
        require_threshold(version, threshold)
        with _talk_on_stderr():
            loaded = load(version)

        def classify(
            texts: Sequence[str], pairs: Sequence[str | None], tenants: Sequence[str]
        ) -> list[Result | Failed]:
            return loaded.classify(texts, text_pairs=pairs, threshold=threshold)

        return cls(classify, as_json=as_json, columns=_columns_of(version))

    @classmethod
    def of_tenants(cls, store: str, tenants: str | None, threshold: float, *, as_json: bool) -> "Classifier":
        """tenants: a tenants.yaml elsewhere than in the store. What is wrong with a tenant is told with its rows."""
        Store(store).adapters()  # raises where there is no store, once and not for every row
        lingyu = Lingyu.load(store, tenants=None if tenants is None else Path(tenants))

        def classify(
            texts: Sequence[str], pairs: Sequence[str | None], tenants: Sequence[str]
        ) -> list[Result | Failed]:
            return lingyu.classify(texts, tenants, text_pairs=pairs, threshold=threshold)

        return cls(classify, as_json=as_json)

    def answer(
        self, texts: Sequence[str], tenants: Sequence[str] = (), pairs: Sequence[str | None] | None = None
    ) -> list[Result | Failed]:
        """An answer a text, in order."""
        with _talk_on_stderr():
            return self._classify(texts, [None] * len(texts) if pairs is None else pairs, tenants)

    def show(self, result: Result) -> None:
        if self.as_json:
            print(json.dumps(result.as_json(), ensure_ascii=False))
        else:
            texts = (result.text,) if result.text_pair is None else (result.text, result.text_pair)
            cut = "  (cut)" if result.truncated else ""
            print("\t".join([result.answer.line, *map(_on_one_line, texts)]) + cut)

    def show_error(self, text: str, error: LingyuError) -> None:
        if self.as_json:
            print(json.dumps({"text": text, **error.as_json()}, ensure_ascii=False))
        else:
            print(error, file=sys.stderr)


def _columns_of(version: Version) -> tuple[str, ...]:
    """Those of an answer to nothing: the same for every text."""
    task = task_named(version.manifest.task, version.manifest.labels)
    nothing = np.zeros((1, 1, task.num_outputs) if task.head == "token" else (1, task.num_outputs))
    (row,) = task.probabilities(nothing, Calibration())
    return tuple(task.answer(row, Calibration(), read=Read("", np.zeros((1, 2), dtype=np.int64))).cells)


def _talk_on_stderr() -> contextlib.AbstractContextManager[object]:
    """Importing transformers talks on stdout under WANDB_MODE=offline, and stdout is for answers."""
    return contextlib.redirect_stdout(sys.stderr)


def _on_one_line(text: str) -> str:
    """The text without line ends, and without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else " " for char in text)
