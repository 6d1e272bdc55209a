"""A trained and measured base becomes a folder that recipes name as `base`, with everything that says what it is."""

import json
import os
import platform
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import numpy as np

from lingyu.bases import LINEAGE, Ancestor, Base, find_base
from lingyu.errors import LingyuError
from lingyu.folders import clean, new_folder
from lingyu.recipe import RECIPE, PretrainingRecipe, PublishBase, resolved_yaml
from lingyu.store import write_tensors
from lingyu.text import Hashes

from .card import CardFacts, render_card
from .contents import list_files
from .corpus.prepared import Corpus
from .lineage import Stage, stages_of, write_lineage
from .measuring import Metrics

HASHES = "hashes.safetensors"
CURVES = "curves.png"
METRICS = "metrics.json"
_ANOTHER = "Name another in publish.to, or set publish.replace=true"
_PACKAGES = ("lingyu", "torch", "transformers", "tokenizers", "safetensors")


@dataclass(frozen=True)
class Trained:
    """What training left beside the weights. See Stage."""

    steps: int
    best_step: int
    tokens: int
    hours: float


@dataclass(frozen=True)
class Record:
    """What there is to say of a run that has ended. parent: see Job. verdict: a sentence each. curves: PNG bytes."""

    recipe: PretrainingRecipe
    parent: Base | None
    corpus: Corpus
    trained: Trained
    metrics: Metrics
    verdict: list[str]
    notes: list[str]
    curves: bytes


def require_free(publish: PublishBase) -> None:
    """Raises LingyuError before hours of training where their result could not be published."""
    out = Path(publish.to)
    if out.name.startswith("."):
        raise LingyuError("can't be the name of a base", where=out, next="Name it in publish.to, like bases/hotel")
    if out.parent.is_dir() and os.access(out.parent, os.W_OK):
        clean(out.parent)
    if os.path.lexists(out):
        if not publish.replace:
            raise LingyuError("exists already", where=out, next=_ANOTHER)
        if out.is_symlink() or not (out / "config.json").is_file():
            raise LingyuError("is no base, so it is not replaced", where=out, next="Name another in publish.to")
    nearest = next(folder for folder in out.absolute().parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        what = "no permission to write here" if nearest.is_dir() else "not a folder"
        raise LingyuError(what, where=nearest, next="Name another place in publish.to")


def holds_result_of(recipe: PretrainingRecipe) -> bool:
    """Whether a base made from this very recipe lies where its result is to lie."""
    kept = Path(recipe.publish.to) / RECIPE
    return kept.is_file() and kept.read_bytes() == resolved_yaml(recipe).encode()


def publish(record: Record, weights: Path) -> Path:
    """The new base's folder. weights: the folder with its model and tokenizer, which stays as it is."""
    to = record.recipe.publish
    require_free(to)
    out = Path(to.to)
    with new_folder(out, replace=to.replace, next=_ANOTHER) as folder:
        for file in weights.iterdir():
            shutil.copyfile(file, folder / file.name)
        _describe(record, folder)
    return out


def _describe(record: Record, folder: Path) -> None:
    """Everything beside the weights."""
    recipe, parent, base = record.recipe, record.parent, find_base(str(folder))
    itself = Ancestor(
        id=recipe.publish.to,
        weights_fingerprint=base.weights_fingerprint,
        note=f"{recipe.dapt.mode}, {' and '.join(recipe.dapt.objective)}, on "
        + ", ".join(source.name for source in record.corpus.record.sources),
        parent=parent.weights_fingerprint if parent else None,
    )
    stages = (*stages_of(parent), _stage(record))
    write_tensors(folder / HASHES, hashes_of(record.corpus, parent))
    (folder / RECIPE).write_text(resolved_yaml(recipe), "utf-8")
    (folder / METRICS).write_text(json.dumps(record.metrics, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (folder / CURVES).write_bytes(record.curves)
    facts = CardFacts(
        name=recipe.publish.to,
        base=base,
        parent=parent,
        stages=stages,
        metrics=record.metrics,
        verdict=record.verdict,
        notes=record.notes,
        recipe=resolved_yaml(recipe),
        license=recipe.card.license,
        source=recipe.card.source,
        data_license=recipe.card.data_license,
        picture=CURVES,
    )
    (folder / "README.md").write_text(render_card(facts), "utf-8")
    write_lineage(folder / LINEAGE, itself, parent, stages, list_files(folder))


def hashes_of(corpus: Corpus, parent: Base | None) -> dict[str, Hashes]:
    """Of this run and all before it. corpus: of every text that was read. held_out: of those that none trained on."""
    read, learnt = corpus.hashes, np.setdiff1d(corpus.hashes, corpus.held_out_hashes)
    if parent is not None:
        read, learnt = np.union1d(read, parent.corpus_hashes), np.union1d(learnt, parent.learnt_hashes)
    return {"corpus": read, "held_out": np.setdiff1d(read, learnt)}


def _stage(record: Record) -> Stage:
    recipe, trained = record.recipe, record.trained
    dapt = recipe.dapt
    masking: dict[str, int | float] = {"mlm_probability": dapt.mlm_probability, "max_ngram": dapt.max_ngram}
    if "word_order" in dapt.objective:
        masking["word_order_probability"] = dapt.word_order_probability
    if dapt.mode == "distil":
        masking["hidden_loss_weight"] = dapt.hidden_loss_weight
    return Stage(
        name=recipe.name,
        made=datetime.now(UTC).date().isoformat(),
        mode=dapt.mode,
        parent=record.parent.weights_fingerprint if record.parent else None,
        objective=dapt.objective,
        masking=masking,
        settings=recipe.model_dump(mode="json", include={"dapt", "train", *(["lora"] if dapt.mode == "lora" else [])}),
        corpus=record.corpus.record,
        seed=recipe.train.seed,
        steps=trained.steps,
        best_step=trained.best_step,
        tokens=trained.tokens,
        hours=round(trained.hours, 4),
        measured=record.metrics,
        packages={"python": platform.python_version(), **{name: installed_version(name) for name in _PACKAGES}},
    )
