"""The answer to a text, or why there is none, as Python and as JSON."""

from dataclasses import dataclass
from typing import Any, NoReturn

from lingyu.errors import LingyuError


@dataclass(frozen=True)
class Result:
    """version: `hotel@v3`; for an ensemble all of them, `hotel@v3+hotel@v4`.

    truncated: whether the text was cut to the adapter's max_length.
    """

    text: str
    label: str
    probability: float
    probabilities: dict[str, float]
    version: str
    truncated: bool

    def as_json(self) -> dict[str, Any]:
        """Its keys in the order that they are written in; probabilities are in label order."""
        return {
            "text": self.text,
            "label": self.label,
            "probability": self.probability,
            "probabilities": self.probabilities,
            "version": self.version,
            "truncated": self.truncated,
        }


@dataclass(frozen=True)
class Failed:
    """A text that could not be answered. Whoever asks for its label, as if it were a Result, gets the error raised."""

    text: str
    tenant: str
    error: LingyuError

    def as_json(self) -> dict[str, Any]:
        return {"text": self.text, "tenant": self.tenant, **self.error.as_json()}

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
