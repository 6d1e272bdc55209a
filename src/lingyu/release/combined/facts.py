"""What stands in the folder of a version that was combined from others: its facts, metrics, hashes and card."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lingyu.lora import package_versions
from lingyu.store import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    HASHES,
    METRICS,
    CardFacts,
    Combination,
    ParentRecord,
    Version,
    VersionFacts,
    read_hashes,
    render_card,
    write_hashes,
)
from lingyu.tasks import Calibration, fit_temperature
from lingyu.text import Hashes

from .agreement import Agreement
from .parents_dev import DevSet, Logits, as_json

_PARTS = ("train", "dev", "test")
_NO_HASHES = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class CombinedVersion:
    """folder: PEFT's two files, proved. answers: adapter -> dev set -> (rows, labels) logits, its own under its name.

    command: what makes it again. notes: what was decided, one sentence each.
    """

    name: str
    agreed: Agreement
    folder: Path
    combination: Combination
    dev_sets: Sequence[DevSet]
    answers: Mapping[str, Mapping[str, Logits]]
    command: str
    notes: tuple[str, ...]

    def write(self, folder: Path, version: str) -> VersionFacts:
        """Everything but the manifest, as Store.publish asks for it."""
        for file in (ADAPTER_WEIGHTS, ADAPTER_CONFIG):
            shutil.copyfile(self.folder / file, folder / file)
        hashes = combined_hashes(self.agreed.adapters)
        if hashes is not None:
            write_hashes(folder / HASHES, **hashes)
        metrics, facts = self.metrics(version), self._facts()
        (folder / METRICS).write_text(json.dumps(metrics, ensure_ascii=False, indent=1) + "\n", "utf-8")
        card = CardFacts(self.name, version, facts, metrics, command=self.command, notes=self.notes)
        (folder / "README.md").write_text(render_card(card), "utf-8")
        return facts

    def metrics(self, version: str) -> dict[str, object]:
        """metrics.json; see lingyu.store.StoredScores."""
        named = {
            f"{self.name}@{version}" if adapter == self.name else adapter: logits
            for adapter, logits in self.answers.items()
        }
        return {
            "combination": self.combination.model_dump(),
            "parents_dev": as_json(self.dev_sets, named, self.agreed.labels),
        }

    def _facts(self) -> VersionFacts:
        first = self.agreed.adapters[0].manifest
        return VersionFacts(
            task=first.task,
            labels=first.labels,
            max_length=self.agreed.max_length,
            base=first.base,
            text_steps=first.text_steps,
            calibration=Calibration(temperature=self._temperature()),
            data={},
            lineage=first.lineage,
            parents=tuple(
                ParentRecord(
                    name=parent.name,
                    version=parent.version,
                    weight=weight,
                    sha256=parent.manifest.files[ADAPTER_WEIGHTS].sha256,
                )
                for parent, weight in zip(self.agreed.adapters, self.agreed.weights, strict=True)
            ),
            packages=package_versions(),
            method=first.method if len({parent.manifest.method for parent in self.agreed.adapters}) == 1 else "lora",
        )

    def _temperature(self) -> float:
        """Fitted on all dev rows at hand together; 1, which is no calibration, where there are none."""
        rows = [dev.rows for dev in self.dev_sets if dev.rows is not None]
        if not rows:
            return 1.0
        logits = list(self.answers[self.name].values())
        return fit_temperature(np.concatenate(logits), np.concatenate([part.labels for part in rows]))


def train_hashes(adapters: Sequence[Version]) -> Hashes:
    """Content hashes of every text that one of them was trained on, as far as they keep them."""
    kept = (read_hashes(version.folder / HASHES)["train"] for version in adapters if HASHES in version.manifest.files)
    return np.unique(np.concatenate([_NO_HASHES, *kept]))


def combined_hashes(adapters: Sequence[Version]) -> dict[str, Hashes] | None:
    """train, dev, test: those of all adapters together. What one was trained on is train, whatever another calls it.

    None where one of them keeps none: a part would pass for the whole.
    """
    if not all(HASHES in version.manifest.files for version in adapters):
        return None
    kept = [read_hashes(version.folder / HASHES) for version in adapters]
    train, dev, test = (np.unique(np.concatenate([hashes[part] for hashes in kept])) for part in _PARTS)
    dev = np.setdiff1d(dev, train)
    return {"train": train, "dev": dev, "test": np.setdiff1d(test, np.union1d(train, dev))}
