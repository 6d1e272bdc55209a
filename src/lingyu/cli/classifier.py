"""What lingyu predict answers with, and how an answer looks on the screen."""

import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from lingyu.errors import LingyuError
from lingyu.serving import Lingyu, load
from lingyu.store import Store, open_adapter
from lingyu.tasks import Failed, Result

# texts, and the tenant of each, which an adapter alone has no use for
Classify = Callable[[Sequence[str], Sequence[str]], list[Result | Failed]]


class Classifier:
    """An adapter, or the tenants of a store; and one way to show an answer."""

    def __init__(self, classify: Classify, *, as_json: bool) -> None:
        self._classify = classify
        self.as_json = as_json

    @classmethod
    def of_adapter(cls, adapter: str, store: str, threshold: float, *, as_json: bool) -> "Classifier":
        """adapter: a name in the store, or a folder."""
        with _talk_on_stderr():
            loaded = load(open_adapter(adapter, store))
        return cls(lambda texts, tenants: loaded.classify(texts, threshold=threshold), as_json=as_json)

    @classmethod
    def of_tenants(cls, store: str, tenants: str | None, threshold: float, *, as_json: bool) -> "Classifier":
        """tenants: a tenants.yaml elsewhere than in the store. What is wrong with a tenant is told with its rows."""
        Store(store).adapters()  # raises where there is no store, once and not for every row
        lingyu = Lingyu.load(store, tenants=None if tenants is None else Path(tenants))
        return cls(lambda texts, tenants: lingyu.classify(texts, tenants, threshold=threshold), as_json=as_json)

    def answer(self, texts: Sequence[str], tenants: Sequence[str] = ()) -> list[Result | Failed]:
        """An answer a text, in order."""
        with _talk_on_stderr():
            return self._classify(texts, tenants)

    def show(self, result: Result) -> None:
        if self.as_json:
            print(json.dumps(result.as_json(), ensure_ascii=False))
        else:
            cut = "  (cut)" if result.truncated else ""
            print(f"{_on_one_line(result.label)}\t{result.probability:.3f}\t{_on_one_line(result.text)}{cut}")

    def show_error(self, text: str, error: LingyuError) -> None:
        if self.as_json:
            print(json.dumps({"text": text, **error.as_json()}, ensure_ascii=False))
        else:
            print(error, file=sys.stderr)


def _talk_on_stderr() -> contextlib.AbstractContextManager[object]:
    """Importing transformers talks on stdout under WANDB_MODE=offline, and stdout is for answers."""
    return contextlib.redirect_stdout(sys.stderr)


def _on_one_line(text: str) -> str:
    """The text without line ends, and without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else " " for char in text)
