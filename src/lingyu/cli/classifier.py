"""What lingyu predict answers with, and how an answer looks on the screen."""

import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lingyu.errors import LingyuError
from lingyu.serving import Lingyu, load
from lingyu.store import Store, open_adapter
from lingyu.tasks import Failed, Result, on_one_line, require_as_many_texts, require_threshold, task_named

# texts, the second texts or None, and the tenant of each, which an adapter alone has no use for
Classify = Callable[[Sequence[str], Sequence[str | None], Sequence[str]], list[Result | Failed]]


class Classifier:
    """An adapter, or the tenants of a store; and one way to show an answer.

    task_of: what the adapter of a tenant answers; raises LingyuError where there is no such tenant. columns: what an
    answer adds to a table, where one adapter gives them all; else nothing.
    """

    def __init__(
        self, classify: Classify, task_of: Callable[[str], str], *, as_json: bool, columns: Sequence[str] = ()
    ) -> None:
        self._classify = classify
        self.task_of = task_of
        self.as_json = as_json
        self.columns = tuple(columns)

    @classmethod
    def of_adapter(cls, adapter: str, store: str, threshold: float, *, has_pair: bool, as_json: bool) -> "Classifier":
        """adapter: a name in the store, or a folder. has_pair: whether second texts are given.

        Raises LingyuError, before torch is waited for, where it reads another number of texts or has no threshold.
        """
        version = open_adapter(adapter, store)
        task = task_named(version.manifest.task, version.manifest.labels)
        require_as_many_texts(version.reference, reads_two=version.manifest.text_pair, has_pair=has_pair)
        require_threshold(version.reference, task.name, threshold)
        with _talk_on_stderr():
            loaded = load(version)

        def classify(
            texts: Sequence[str], pairs: Sequence[str | None], tenants: Sequence[str]
        ) -> list[Result | Failed]:
            return loaded.classify(texts, text_pairs=pairs, threshold=threshold)

        return cls(classify, lambda tenant: task.name, as_json=as_json, columns=task.traits.columns)

    @classmethod
    def of_tenants(cls, store: str, tenants: str | None, threshold: float, *, as_json: bool) -> "Classifier":
        """tenants: a tenants.yaml elsewhere than in the store. What is wrong with a tenant is told with its rows."""
        Store(store).adapters()  # raises where there is no store, once and not for every row
        lingyu = Lingyu.load(store, tenants=None if tenants is None else Path(tenants))

        def classify(
            texts: Sequence[str], pairs: Sequence[str | None], tenants: Sequence[str]
        ) -> list[Result | Failed]:
            return lingyu.classify(texts, tenants, text_pairs=pairs, threshold=threshold)

        return cls(classify, lingyu.task_of, as_json=as_json)

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
            print("\t".join([result.answer.line, *map(on_one_line, texts)]) + cut)

    def show_error(self, text: str, error: LingyuError) -> None:
        if self.as_json:
            print(json.dumps({"text": text, **error.as_json()}, ensure_ascii=False))
        else:
            print(error, file=sys.stderr)


def _talk_on_stderr() -> contextlib.AbstractContextManager[object]:
    """Importing transformers talks on stdout under WANDB_MODE=offline, and stdout is for answers."""
    return contextlib.redirect_stdout(sys.stderr)
