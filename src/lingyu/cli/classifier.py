"""What lingyu predict answers with, and how an answer looks on the screen."""

import contextlib
import json
import sys

from lingyu.errors import LingyuError
from lingyu.serving import Lingyu, Result


class Classifier:
    """One adapter, one threshold, one way to show an answer."""

    def __init__(self, adapter: str, store: str, threshold: float, as_json: bool) -> None:
        self.lingyu = Lingyu.load(store)
        self.adapter = adapter
        self.threshold = threshold
        self.as_json = as_json
        # A wrong name is told before the first text is asked for. Importing transformers talks on stdout under
        # WANDB_MODE=offline, and stdout is for answers.
        with contextlib.redirect_stdout(sys.stderr):
            self.lingyu.adapter(adapter)

    def answer(self, texts: list[str]) -> list[Result]:
        return self.lingyu.classify(texts, self.adapter, threshold=self.threshold)

    def require_text(self, text: str) -> None:
        """Raises LingyuError for a text that answer() would not take."""
        self.lingyu.adapter(self.adapter).clean(text)

    def show(self, result: Result) -> None:
        if self.as_json:
            print(json.dumps(result.as_json(), ensure_ascii=False), flush=True)
        else:
            cut = "  (cut)" if result.truncated else ""
            print(f"{result.label}\t{result.probability:.3f}\t{_on_one_line(result.text)}{cut}", flush=True)

    def show_error(self, text: str, error: LingyuError) -> None:
        if self.as_json:
            print(json.dumps({"text": text, **error.as_json()}, ensure_ascii=False), flush=True)
        else:
            print(error, file=sys.stderr, flush=True)


def _on_one_line(text: str) -> str:
    """The text without line ends, and without what a terminal would take for a command."""
    return "".join(char if char.isprintable() else " " for char in text)
