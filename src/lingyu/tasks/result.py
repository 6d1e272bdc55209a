"""The answer to a text, or why there is none, as Python and as JSON."""

from dataclasses import dataclass
from typing import Any, NoReturn

from lingyu.errors import LingyuError

from .answers import JSON, TaskAnswer


@dataclass(frozen=True)
class Result:
    """A text, and the answer to it. label, probability and probabilities are the answer's, where its task has them.

    version: `hotel@v3`; for an ensemble all of them, `hotel@v3+hotel@v4`. truncated: whether the text was cut to the
    adapter's max_length. text_pair: the second text that was read with it.
    """

    text: str
    answer: TaskAnswer
    version: str
    truncated: bool
    text_pair: str | None = None

    @property
    def label(self) -> str:
        return str(self._answered("label"))

    @property
    def probability(self) -> float:
        return float(self._answered("probability"))

    @property
    def probabilities(self) -> dict[str, float]:
        return dict(self._answered("probabilities"))

    def _answered(self, name: str) -> Any:
        """Raises AttributeError where the task's answers have no such thing."""
        if not hasattr(self.answer, name):
            has = ", ".join(self.answer.as_json())
            raise AttributeError(f"{self.version} answers no {name}: its answers have {has}")
        return getattr(self.answer, name)

    def as_json(self) -> dict[str, JSON]:
        """Its keys in the order that they are written in."""
        pair: dict[str, JSON] = {} if self.text_pair is None else {"text_pair": self.text_pair}
        return {
            "text": self.text,
            **pair,
            **self.answer.as_json(),
            "version": self.version,
            "truncated": self.truncated,
        }


@dataclass(frozen=True)
class Failed:
    """A text that could not be answered. Whoever asks for its label, as if it were a Result, gets the error raised."""

    text: str
    tenant: str
    error: LingyuError

    def __post_init__(self) -> None:
        # it may be kept for long, and where it was raised holds the whole batch: others' texts and adapters
        self.error.__traceback__ = self.error.__cause__ = self.error.__context__ = None

    def as_json(self) -> dict[str, Any]:
        return {"text": self.text, "tenant": self.tenant, **self.error.as_json()}

    @property
    def answer(self) -> NoReturn:
        raise self.error

    @property
    def label(self) -> NoReturn:
        raise self.error

    @property
    def probability(self) -> NoReturn:
        raise self.error

    @property
    def probabilities(self) -> NoReturn:
        raise self.error

    @property
    def version(self) -> NoReturn:
        raise self.error

    @property
    def truncated(self) -> NoReturn:
        raise self.error
