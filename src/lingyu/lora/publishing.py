"""A trained and measured adapter becomes a version of a store, with everything that proves what it is."""

import json
import os
import platform
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from lingyu.bases import Base
from lingyu.data import Audit, Splits, is_hub_set
from lingyu.errors import LingyuError
from lingyu.evaluation import Answers
from lingyu.recipe import RECIPE, Recipe, resolved_yaml
from lingyu.store import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    ANSWERS,
    AUDIT,
    HASHES,
    METRICS,
    AdapterReference,
    BaseRecord,
    CardFacts,
    Change,
    LineageEntry,
    PartRecord,
    SplitRecord,
    Store,
    Version,
    VersionFacts,
    render_card,
    require_store,
    write_answers,
    write_hashes,
)
from lingyu.training import Run

CURVES = "curves.png"
_WHY = "trained"
_PACKAGES = ("lingyu", "torch", "transformers", "peft", "tokenizers", "safetensors")
_PACKAGES_OF_STEPS = {"simplified": "opencc"}
"""Text step -> the package whose tables decide what it makes of a text."""


@dataclass(frozen=True)
class Record:
    """What there is to say of a run that has ended. answers: to the test, in its order. pictures: file name -> PNG.

    split: how `lingyu data split` dealt the rows to their files. audit: of the rows; None where it failed, as a note
    then says. notes: who else read the test.
    """

    recipe: Recipe
    base: Base
    splits: Splits
    notes: list[str]
    split: SplitRecord | None
    audit: Audit | None
    answers: Answers
    metrics: dict[str, Any]
    pictures: dict[str, bytes]


def require_writable(store: Path) -> None:
    """Raises LingyuError before an hour of training where its result could not be published."""
    nearest = next(folder for folder in (store, *store.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        what = "no permission to write the store" if nearest.is_dir() else "not a folder, so no store"
        raise LingyuError(what, where=nearest, next="Name another in publish.to")
    require_store(store)


def publish(record: Record, run: Run) -> Version:
    """The next version in the recipe's store, of what lies in the run; or the one that it had published when it was
    killed, which then gets the channel that it may not have got any more."""
    recipe = record.recipe
    store = Store(recipe.publish.to)
    published = _published_by(run, recipe.name, store)
    if published is not None:
        _set_channel(published, recipe.publish.channel, store)
        return published
    facts = _facts(record, run)

    def write(folder: Path, version: str) -> VersionFacts:
        for name in (ADAPTER_WEIGHTS, ADAPTER_CONFIG):
            shutil.copyfile(run.adapter / name, folder / name)
        (folder / RECIPE).write_text(resolved_yaml(recipe), "utf-8")
        write_measurements(record, folder)
        if record.audit is not None:
            (folder / AUDIT).write_text(record.audit.summary().model_dump_json(indent=1) + "\n", "utf-8")
        (folder / "README.md").write_text(render_card(_card(record, facts, version)), "utf-8")
        return facts

    return store.publish(recipe.name, write, channel=recipe.publish.channel, why=_WHY)


def _published_by(run: Run, name: str, store: Store) -> Version | None:
    for version in reversed(store.versions(name)):
        with suppress(LingyuError):  # a damaged version is not what stops the next
            if store.manifest(name, version).run == run.folder.name:
                return store.open(AdapterReference(name, version))
    return None


def _set_channel(version: Version, channel: str | None, store: Store) -> None:
    """Unless it was set to another since the version was there: by someone who had seen it, or by a later run."""
    if channel is None:
        return
    changes = [line for line in store.history(version.name) if isinstance(line, Change) and line.channel == channel]
    is_older = version.version in [change.version for change in changes[:-1]]
    made = version.manifest.created
    if not is_older and not any(datetime.fromisoformat(change.when) > made for change in changes):
        store.set_channel(version.name, channel, version.version, _WHY)


def write_measurements(record: Record, folder: Path) -> None:
    """What was measured, with the answers by which it is compared with others later."""
    (folder / METRICS).write_text(json.dumps(record.metrics, ensure_ascii=False, indent=1) + "\n", "utf-8")
    for name, picture in record.pictures.items():
        (folder / name).write_bytes(picture)
    splits = record.splits
    write_hashes(folder / HASHES, train=splits.train.hashes, dev=splits.dev.hashes, test=splits.test.hashes)
    write_answers(folder / ANSWERS, record.answers.logits, record.answers.targets, splits.test.hashes)


def _facts(record: Record, run: Run) -> VersionFacts:
    recipe, base, splits = record.recipe, record.base, record.splits
    assert recipe.method != "full", "a whole model is no version"
    parts = {"train": splits.train, "dev": splits.dev, "test": splits.test}
    return VersionFacts(
        task=recipe.task,
        labels=splits.labels,
        max_length=recipe.train.max_length,
        base=BaseRecord(
            id=base.id,
            revision=base.revision,
            weights_fingerprint=base.weights_fingerprint,
            tokenizer_fingerprint=base.tokenizer_fingerprint,
        ),
        text_steps=recipe.data.clean,
        text_pair=splits.test.pairs is not None,
        method=recipe.method,
        calibration=record.answers.calibration,
        data={name: PartRecord(rows=part.rows, fingerprint=part.fingerprint) for name, part in parts.items()},
        split=record.split,
        lineage=tuple(LineageEntry(**asdict(ancestor)) for ancestor in base.lineage),
        packages=package_versions(recipe.data.clean),
        run=run.folder.name,
    )


def package_versions(text_steps: Sequence[str] = ()) -> dict[str, str]:
    """Of what decides the numbers of an adapter, as its manifest keeps them. text_steps: that its texts go through."""
    of_steps = (package for step, package in _PACKAGES_OF_STEPS.items() if step in text_steps)
    names = (*_PACKAGES, *of_steps)
    return {"python": platform.python_version(), **{name: installed_version(name) for name in names}}


def _card(record: Record, facts: VersionFacts, version: str) -> CardFacts:
    recipe, counts = record.recipe, record.splits.counts
    train = recipe.data.train
    return CardFacts(
        name=recipe.name,
        version=version,
        facts=facts,
        metrics=record.metrics,
        recipe=resolved_yaml(recipe),
        counts=(
            ("read", counts.rows_read),
            *((f"dropped: {reason}", rows) for reason, rows in counts.dropped.items() if rows),
            *((f"kept: {part}", rows) for part, rows in counts.kept.items()),
        ),
        dataset=train.partition(":")[0] if is_hub_set(train) else None,
        source=recipe.card.source,
        license=recipe.card.license,
        data_license=recipe.card.data_license,
        larger=recipe.card.larger,
        leaks=(*record.notes, *counts.notes),
        audit=record.audit,
        pictures=tuple(record.pictures),
    )
