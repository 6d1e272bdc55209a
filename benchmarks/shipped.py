"""The shipped recipes over seeds, beside TF-IDF and beside the same run on random weights: docs/results.md.

    python benchmarks/shipped.py run hotel:embedded:1,2,3 hotel:random:1       a run that has its JSON is not run again
    python benchmarks/shipped.py table                                         writes the tables into docs/results.md

A run leaves one small JSON in docs/results/: settings, time, figures, and its answers to the test rows, from which the
intervals of the seeds' mean are drawn. Data: lingyu data get NAME for each recipe that is run.
"""

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from recorded import (
    REPO,
    RESULTS,
    SEED_OF_BOOTSTRAP,
    Labels,
    answers_of,
    launch,
    make_workplace,
    packed,
    published_in,
    task_of,
    unpacked,
    write_between,
)

from lingyu.data import load_splits
from lingyu.evaluation import Inputs, Scores, paired_difference, seeds_mean_interval, tfidf_baseline
from lingyu.recipe import load_recipe
from lingyu.store import HASHES, read_hashes

BEGIN, END = "<!-- made by benchmarks/shipped.py table -->", "<!-- end -->"
RANDOM_BASE = "./bases/embedded-random"


@dataclass(frozen=True)
class Result:
    """One run. predictions, labels, baseline: (rows,), in the order of the sorted test hashes. leaked: (rows,) bool."""

    recipe: str
    base: str
    seed: int
    seconds: float
    dev: dict[str, float]
    predictions: Labels
    labels: Labels
    baseline: Labels
    leaked: NDArray[np.bool_]
    classes: int


def main(arguments: Sequence[str]) -> None:
    command, *rest = arguments or ["help"]
    if command == "run" and rest:
        for wanted in rest:
            recipe, base, seeds = wanted.split(":")
            for seed in map(int, seeds.split(",")):
                run_once(recipe, base, seed)
    elif command == "table":
        write_tables()
    else:
        print(__doc__)


def run_once(recipe: str, base: str, seed: int) -> None:
    """Train, measure and keep the JSON, unless it is there."""
    if base not in ("embedded", "random"):
        sys.exit(f"{base}: a run is on embedded or random. Runs on earlier encoders are in docs/results/, renamed")
    file = RESULTS / f"shipped-{recipe}-{base}-s{seed}.json"
    if file.exists():
        return
    workplace = make_workplace(REPO / "runs" / "results" / f"{recipe}-{base}-s{seed}", recipe)
    if base == "random":
        make_random_base()
    overrides = [f"train.seed={seed}", *([f"base={RANDOM_BASE}"] if base == "random" else [])]
    began = time.monotonic()
    command = launch("train_lora.py", f"recipes/{recipe}.yaml", *overrides, folder=workplace)
    seconds = time.monotonic() - began
    RESULTS.mkdir(exist_ok=True)
    content = as_json(recipe, base, seed, command, seconds, published_in(workplace, recipe))
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def make_random_base() -> None:
    """The embedded encoder's shape and tokenizer with weights as BERT starts before any training."""
    import torch
    from transformers import BertConfig, BertModel

    from lingyu.bases import EMBEDDED

    folder = REPO / RANDOM_BASE
    if folder.exists():
        return
    torch.manual_seed(0)
    model = BertModel(BertConfig.from_pretrained(EMBEDDED), add_pooling_layer=False)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copyfile(EMBEDDED / name, folder / name)


def as_json(recipe: str, base: str, seed: int, command: Sequence[str], seconds: float, version: Path) -> dict[str, Any]:
    metrics = json.loads((version / "metrics.json").read_text("utf-8"))
    manifest = json.loads((version / "lingyu.json").read_text("utf-8"))
    predictions, labels = answers_of(version)
    splits = load_splits(load_recipe(REPO / f"recipes/{recipe}.yaml").data, "single_label")
    train, test = splits.train, splits.test
    inputs = [Inputs(part.texts, part.pairs) for part in (train, test)]
    tfidf = tfidf_baseline(inputs[0], train.labels, inputs[1], len(splits.labels)).predictions
    hashes = read_hashes(version / HASHES)
    return {
        "recipe": recipe,
        "base": base,
        "seed": seed,
        "command": " ".join(command),
        "seconds": round(seconds, 1),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "packages": manifest["packages"],
        "weights_fingerprint": manifest["base"]["weights_fingerprint"],
        "data": manifest["data"],
        "dev": metrics["dev"],
        "test": {key: metrics["test"][key] for key in ("rows", "accuracy", "macro_f1", "ece")},
        "baseline": {key: metrics["baseline"][key] for key in ("name", "accuracy", "macro_f1")},
        "classes": len(splits.labels),
        "answers": {
            "predictions": packed(predictions),
            "labels": packed(labels),
            "baseline": packed(tfidf[np.argsort(test.hashes, kind="stable")]),
            "leaked": packed(np.isin(hashes["test"], hashes["train"])),
        },
    }


def results() -> list[Result]:
    """Exits where one name stands for two encoders: its seeds would be averaged."""
    found = []
    encoders: dict[tuple[str, str], str] = {}
    for file in sorted(RESULTS.glob("shipped-*.json")):
        content = json.loads(file.read_text("utf-8"))
        weights = content["weights_fingerprint"]
        if encoders.setdefault((content["recipe"], content["base"]), weights) != weights:
            sys.exit(f"{file}: another encoder than that of the other seeds")
        answers = {name: unpacked(text) for name, text in content["answers"].items()}
        answers["leaked"] = answers["leaked"].astype(np.bool_)
        kept = {key: content[key] for key in ("recipe", "base", "seed", "seconds", "dev", "classes")}
        found.append(Result(**kept, **answers))
    return found


def write_tables() -> None:
    """Put the tables between their marks in docs/results.md. Exits where a recipe has none on the embedded."""
    found = results()
    recipes = list(dict.fromkeys(result.recipe for result in found))
    if missing := set(recipes) - {result.recipe for result in found if result.base == "embedded"}:
        wanted = " ".join(f"{recipe}:embedded:1,2,3" for recipe in sorted(missing))
        sys.exit(f"no runs on the embedded encoder to compare with. Run: python benchmarks/shipped.py run {wanted}")
    tables = "\n\n".join(table_of(recipe, [r for r in found if r.recipe == recipe]) for recipe in recipes)
    write_between(BEGIN, END, tables)


def table_of(recipe: str, found: Sequence[Result]) -> str:
    lines = [f"### {recipe}", "", *heading()]
    parts = {"": np.zeros(len(found[0].labels), dtype=np.bool_)}
    if found[0].leaked.any():
        parts = {", as published": parts[""], ", without leaks": found[0].leaked}
    for name, left_out in parts.items():
        lines += rows_of(found, ~left_out, name)
    embedded = [result for result in found if result.base == "embedded"]
    seeds = ", ".join(
        f"{r.seed}: dev {r.dev['macro_f1']:.4f}, test {float((r.predictions == r.labels).mean()):.4f}" for r in embedded
    )
    lines += ["", f"Seeds (macro-F1 of dev, accuracy of test): {seeds}.", f"Seconds a run: {times(found)}."]
    return "\n".join(lines)


def heading() -> list[str]:
    return ["| | test rows | seeds | accuracy | macro-F1 |", "| --- | ---: | ---: | --- | --- |"]


def rows_of(found: Sequence[Result], rows: NDArray[np.bool_], name: str) -> list[str]:
    """A line a model, and a line a difference, over some of the test rows."""
    by_base = {base: [r for r in found if r.base == base] for base in dict.fromkeys(r.base for r in found)}
    first = found[0]
    labels, tfidf, task = first.labels[rows], first.baseline[rows], task_of(first.classes)
    answers = {base: np.stack([r.predictions[rows] for r in of_base]) for base, of_base in by_base.items()}
    lines = []
    for base, predictions in answers.items():
        scores = seeds_mean_interval(task, labels, predictions, SEED_OF_BOOTSTRAP)
        lines.append(line(f"LoRA on {base}{name}", len(labels), len(predictions), scores))
    scores = seeds_mean_interval(task, labels, tfidf[None], SEED_OF_BOOTSTRAP)
    lines.append(line(f"TF-IDF + logistic regression{name}", len(labels), 1, scores))
    others = {"TF-IDF": tfidf[None], **{f"the same on {base}": a for base, a in answers.items() if base != "embedded"}}
    for other, predictions in others.items():
        difference = paired_difference(task, labels, answers["embedded"], predictions, SEED_OF_BOOTSTRAP)
        lines.append(line(f"LoRA on embedded minus {other}{name}", len(labels), None, difference))
    return lines


def line(name: str, rows: int, seeds: int | None, scores: Scores) -> str:
    judged = f" ({scores['accuracy'].judgement})" if seeds is None else ""
    return f"| {name} | {rows:,} | {seeds or ''} | {scores['accuracy']}{judged} | {scores['macro_f1']} |"


def times(found: Iterable[Result]) -> str:
    return ", ".join(f"{result.base} {result.seed}: {result.seconds:.0f}" for result in found)


if __name__ == "__main__":
    main(sys.argv[1:])
