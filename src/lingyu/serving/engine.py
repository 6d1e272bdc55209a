"""What turns texts into answers: adapters of a store on their bases, each verified before it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from lingyu.bases import Base, find_base
from lingyu.errors import LingyuError
from lingyu.lora import load_adapter
from lingyu.store import Version, open_adapter, require_base
from lingyu.tasks import Answer, SingleLabel, task_named
from lingyu.text import clean
from lingyu.training import logits_of


@dataclass(frozen=True)
class Result:
    """The answer to a text. version: `hotel@v3`. truncated: whether the text was cut to the adapter's max_length."""

    text: str
    label: str
    probability: float
    probabilities: dict[str, float]
    version: str
    truncated: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "label": self.label,
            "probability": self.probability,
            "probabilities": self.probabilities,
            "version": self.version,
            "truncated": self.truncated,
        }


@dataclass(frozen=True)
class LoadedAdapter:
    """A verified version on its base, ready to answer."""

    version: Version
    base: Base
    task: SingleLabel
    model: torch.nn.Module

    def classify(self, texts: Sequence[str], threshold: float) -> list[Result]:
        manifest = self.version.manifest
        encoded = self.base.encode([self.clean(text) for text in texts], manifest.max_length)
        logits = logits_of(self.model, encoded.input_ids, pad_token_id=self.base.tokenizer.pad_token_id).numpy()
        answers = self.task.decode(logits, temperature=manifest.calibration.temperature, threshold=threshold)
        return [
            self._result(text, answer, truncated)
            for text, answer, truncated in zip(texts, answers, encoded.truncated, strict=True)
        ]

    def clean(self, text: str) -> str:
        """The text as the adapter was trained to read it. Raises LingyuError where nothing is left of it."""
        cleaned = clean(text, self.version.manifest.text_steps)
        if not cleaned:
            raise LingyuError("the text is empty", next="Give it at least one character")
        return cleaned

    def _result(self, text: str, answer: Answer, truncated: bool) -> Result:
        return Result(text, answer.label, answer.probability, answer.probabilities, self.version.reference, truncated)


class Lingyu:
    """The adapters of a store, loaded when they are first asked for.

    >>> lingyu = Lingyu.load("adapters")
    >>> lingyu.classify(["房间很干净"], tenants="hotel")[0].label
    '正面'
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self.adapter = lru_cache(maxsize=None)(self._load)

    @classmethod
    def load(cls, store: str | Path = "adapters") -> "Lingyu":
        return cls(Path(store))

    def classify(self, texts: Sequence[str], tenants: str | Sequence[str], *, threshold: float = 0.0) -> list[Result]:
        """A result a text, in the order given.

        tenants: the adapter of all texts, or one for each: NAME[@VERSION|@CHANNEL], or a folder.
        threshold: below this probability the label is `uncertain`.
        Raises LingyuError for an unknown adapter, one that fails verification, or a text without a character.
        """
        if isinstance(texts, str):
            raise LingyuError("classify takes a list of texts", next="Write classify([text], ...)")
        names = [tenants] * len(texts) if isinstance(tenants, str) else list(tenants)
        if len(names) != len(texts):
            raise LingyuError(f"{len(texts)} texts but {len(names)} tenants", next="Give one tenant, or one a text")
        results: dict[int, Result] = {}
        for name in dict.fromkeys(names):
            rows = [row for row, other in enumerate(names) if other == name]
            answers = self.adapter(name).classify([texts[row] for row in rows], threshold)
            results.update(zip(rows, answers, strict=True))
        return [results[row] for row in range(len(texts))]

    def _load(self, name: str) -> LoadedAdapter:
        version = open_adapter(name, self.store)
        manifest = version.manifest
        base = _find_base_of(version)
        require_base(
            version,
            base.id,
            weights_fingerprint=base.weights_fingerprint,
            tokenizer_fingerprint=base.tokenizer_fingerprint,
        )
        model = load_adapter(base, manifest.labels, version.folder)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return LoadedAdapter(version, base, task_named(manifest.task, manifest.labels), model.to(device))


def _find_base_of(version: Version) -> Base:
    """The base that a version names. A local one is looked for beside the store: at its recorded path, then by
    fingerprint in bases/.

    Raises LingyuError with the fingerprint and the lineage where it is not there.
    """
    record = version.manifest.base
    if record.id == "embedded" or not record.id.startswith((".", "bases/")):
        return find_base(record.id, record.revision)
    beside_store = version.folder.resolve().parents[2]
    recorded = (beside_store / record.id).resolve()
    candidates = [recorded] if recorded.is_relative_to(beside_store) else []
    candidates += sorted(p.parent for p in (beside_store / "bases").glob("*/config.json"))
    for folder in candidates:
        base = Base(id=record.id, revision=record.revision, folder=folder)
        if (folder / "config.json").is_file() and base.weights_fingerprint == record.weights_fingerprint:
            return base
    lineage = " <- ".join(entry.id for entry in version.manifest.lineage)
    raise LingyuError(
        f"its base {record.id} (weights {record.weights_fingerprint[:12]}, lineage {lineage}) is not there",
        where=version.reference,
        next=f"Put it at {recorded}",
    )
