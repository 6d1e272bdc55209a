"""The answer to a text, as Python and as JSON."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """version: `hotel@v3`. truncated: whether the text was cut to the adapter's max_length."""

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
