"""What lingyu predict answers with, and how an answer looks on the screen."""

import contextlib
import json
import sys

from lingyu.errors import LingyuError
from lingyu.serving import Result, load
from lingyu.store import open_adapter


class Classifier:
    """One adapter, one threshold, one way to show an answer."""

    def __init__(self, adapter: str, store: str, threshold: float, as_json: bool) -> None:
        """adapter: a name in the store, or a folder."""
        self.threshold = threshold
        self.as_json = as_json
        # importing transformers talks on stdout under WANDB_MODE=offline, and stdout is for answers
        with contextlib.redirect_stdout(sys.stderr):
            self.loaded = load(open_adapter(adapter, store))

    def answer(self, texts: list[str]) -> list[Result]:
        return self.loaded.classify(texts, self.threshold)

    def require_text(self, text: str) -> None:
        """Raises LingyuError for a text that answer() would not take."""
        self.loaded.clean(text)

    def show(self, result: Result) -> None:
        if self.as_json:
            print(json.dumps(result.as_json(), ensure_ascii=False), flush=True)
        else:
            cut = "  (cut)" if result.truncated else ""
            print(
                f"{_on_one_line(result.label)}\t{result.probability:.3f}\t{_on_one_line(result.text)}{cut}", flush=True
            )

    def show_error(self, text: str, error: LingyuError) -> None:
        if self.as_json:
            print(json.dumps({"text": text, **error.as_json()}, ensure_ascii=False), flush=True)
        else:
            print(error, file=sys.stderr, flush=True)


def _on_one_line(text: str) -> str:
    """The text without line ends, and without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else " " for char in text)
