"""What turns texts into answers: a version of a store on its base, both verified before they answer."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lingyu.bases import Base, find_base
from lingyu.errors import LingyuError
from lingyu.lora import load_adapter
from lingyu.store import Version, require_base
from lingyu.tasks import Answer, SingleLabel, task_named
from lingyu.text import clean
from lingyu.training import logits_of

from .result import Result


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
        cleaned = clean(_without_lone_surrogates(text), self.version.manifest.text_steps)
        if not cleaned:
            raise LingyuError("the text is empty", next="Give it at least one character")
        return cleaned

    def _result(self, text: str, answer: Answer, truncated: bool) -> Result:
        return Result(text, answer.label, answer.probability, answer.probabilities, self.version.reference, truncated)


def load(version: Version) -> LoadedAdapter:
    """Raises LingyuError where the base is not to be found, is another one, or does not fit the file."""
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


def _without_lone_surrogates(text: str) -> str:
    """The text with U+FFFD for each half of a pair, which no tokenizer takes; so does reading labelled rows."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _find_base_of(version: Version) -> Base:
    """The base that a version names. A local one is looked for where it is named, then by fingerprint in bases/ beside
    the store.

    Raises LingyuError with the fingerprint and the lineage where it is nowhere. Where other weights lie at the named
    place, those are given back: whoever verifies them names both sides.
    """
    record = version.manifest.base
    if record.id == "embedded" or record.revision is not None:  # a revision is what only a hub's base has
        return find_base(record.id, record.revision)
    parents = version.folder.resolve().parents
    beside_store = parents[min(2, len(parents) - 1)]  # a version that was copied out of its store may have fewer
    named = [replace(find_base(str(place)), id=record.id) for place in _named_places(record.id, beside_store)]
    for base in (*named, *_bases_in(beside_store / "bases", record.id)):
        if _has_weights(base, record.weights_fingerprint):
            return base
    if named:
        return named[0]
    lineage = " <- ".join(entry.id for entry in version.manifest.lineage)
    raise LingyuError(
        f"its base {record.id} (weights {record.weights_fingerprint[:12]}, lineage {lineage}) is not there",
        where=version.reference,
        next=f"Put it into {beside_store / 'bases'}/, under any name",
    )


def _named_places(id: str, beside_store: Path) -> Iterator[Path]:
    """Where a manifest's words lead to a base: from the store's parent, never out of it; from here, never upwards."""
    recorded = Path(os.path.normpath(beside_store / id))
    places = [recorded] if recorded.is_relative_to(beside_store) else []
    places += [Path(id)] if ".." not in Path(id).parts and not Path(id).is_absolute() else []
    return (place for place in places if (place / "config.json").is_file())


def _bases_in(folder: Path, id: str) -> Iterator[Base]:
    """The bases that lie in a folder, whatever they are called there; each is given the name that is looked for."""
    for config in sorted(folder.glob("*/config.json")):
        with contextlib.suppress(LingyuError):  # what is no base is not the one
            yield replace(find_base(str(config.parent)), id=id)


def _has_weights(base: Base, fingerprint: str) -> bool:
    try:
        return base.weights_fingerprint == fingerprint
    except LingyuError:  # damaged files have none
        return False
