"""Every kind of task on real data, and what the optional parts of training are worth: docs/results.md.

    python benchmarks/tasks.py run restaurant goods:1,2,3 restaurant+fgm       recipe[+ARM][:seeds], seed 42 by default
    python benchmarks/tasks.py table                                         writes the tables into docs/results.md
    python benchmarks/tasks.py aspects      do the shipped runs of restaurant go by the aspect, or by the text alone?

A run that has its JSON in docs/results/ is not run again; it holds what the version's metrics.json says. Runs of an arm
are compared, row by row, with those of the recipe as it stands and the same seeds. Settings of an arm are looked for on
dev.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from recorded import (
    REPO,
    RESULTS,
    SEED_OF_BOOTSTRAP,
    answers_of,
    launch,
    make_workplace,
    packed,
    published_in,
    task_of,
    unpacked,
    write_between,
)

from lingyu.bases import find_base
from lingyu.data import load_splits
from lingyu.evaluation import paired_difference, seeds_mean_interval
from lingyu.recipe import FIGURES, load_recipe
from lingyu.store import METRICS, Interval
from lingyu.tasks import TASKS

BEGIN, END = "<!-- made by benchmarks/tasks.py table -->", "<!-- end of tasks -->"

# what is changed of a recipe, and what a row of the table says of it
ARMS = {
    "balanced": ("`class_weights: balanced`", ("train.class_weights=balanced",)),
    "augment": ("`augment`: copies of rare labels", ("data.augment={}",)),
    "fgm": ("FGM, epsilon 0.5", ("train.fgm_epsilon=0.5",)),
    "full": ("`method: full`", ("method=full", "lora=null", "train.learning_rate=1e-4")),
    "full-decay": (
        "`method: full`, layerwise_lr_decay 0.9",
        ("method=full", "lora=null", "train.learning_rate=1e-4", "train.layerwise_lr_decay=0.9"),
    ),
    "head": ("`method: head`", ("method=head", "lora=null", "train.learning_rate=5e-3")),
    "nf4": ("`quantization: nf4`", ("quantization=nf4",)),
}


def main(arguments: Sequence[str]) -> None:
    command, *rest = arguments or ["help"]
    if command == "run" and rest:
        for wanted in rest:
            name, _, seeds = wanted.partition(":")
            recipe, _, arm = name.partition("+")
            for seed in (seeds or "42").split(","):
                run_once(recipe, arm, int(seed))
    elif command == "table":
        write_between(BEGIN, END, f"{table_of_recipes()}\n\n{table_of_arms()}")
    elif command == "aspects":
        print("\n".join(lines_of_aspects()))
    else:
        print(__doc__)


def run_once(recipe: str, arm: str, seed: int) -> None:
    """Train, measure and keep the JSON, unless it is there."""
    name = f"{recipe}+{arm}" if arm else recipe
    file = RESULTS / f"tasks-{name}-s{seed}.json"
    if file.exists():
        return
    workplace = make_workplace(REPO / "runs" / "results" / f"{name}-s{seed}", recipe)
    loaded = load_recipe(REPO / f"recipes/{recipe}.yaml")
    overrides = [f"train.seed={seed}", *(ARMS[arm][1] if arm else ())]
    began = time.monotonic()
    command = launch("train_lora.py", f"recipes/{recipe}.yaml", *overrides, folder=workplace)
    seconds = time.monotonic() - began
    measured = measured_folder(workplace, recipe)
    metrics = json.loads((measured / METRICS).read_text("utf-8"))
    content: dict[str, Any] = {
        "recipe": recipe,
        "arm": arm,
        "seed": seed,
        "command": " ".join(command),
        "seconds": round(seconds, 1),
        "task": loaded.task,
        "weights_fingerprint": find_base(loaded.base).weights_fingerprint,
        "metrics": {key: of for key, of in metrics.items() if key != "test"} | {"test": figures_alone(metrics["test"])},
    }
    if content["task"] == "single_label":
        predictions, labels = answers_of(measured)
        content["answers"] = {"predictions": packed(predictions), "labels": packed(labels)}
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def measured_folder(workplace: Path, recipe: str) -> Path:
    """Where the figures are: a version, or the run whose model is no adapter."""
    of_runs = list(workplace.glob(f"runs/{recipe}/*/{METRICS}"))
    return of_runs[0].parent if of_runs else published_in(workplace, recipe)


def figures_alone(test: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in test.items() if key == "rows" or (isinstance(value, dict) and "low" in value)}


# ---- the tables


def results() -> list[dict[str, Any]]:
    """Exits where they are of two encoders: an arm would be compared with another encoder's recipe."""
    found = [json.loads(file.read_text("utf-8")) for file in sorted(RESULTS.glob("tasks-*.json"))]
    encoders = sorted({result["weights_fingerprint"][:12] for result in found})
    if len(encoders) > 1:
        sys.exit(f"docs/results/tasks-*.json: runs on two encoders or more: {', '.join(encoders)}. Run all on one")
    return found


def table_of_recipes() -> str:
    """A line a figure of each recipe, and how the figure that chose on dev came out with the other seeds."""
    lines = [
        "| recipe | task | test rows | figure | LoRA | baseline | difference | always the same answer |",
        "| --- | --- | ---: | --- | --- | --- | --- | --- |",
    ]
    found = [result for result in results() if not result["arm"]]
    for recipe in dict.fromkeys(result["recipe"] for result in found):
        of_recipe = sorted((result for result in found if result["recipe"] == recipe), key=lambda run: run["seed"])
        lines += lines_of_recipe(of_recipe[0])
    seeds = [told_seeds(result) for result in found]
    return "\n".join([*lines, "", f"Seeds, test figure and seconds of the whole command: {'; '.join(seeds)}."])


def lines_of_recipe(result: dict[str, Any]) -> list[str]:
    metrics = result["metrics"]
    trivial = metrics.get("trivial") or metrics.get("majority")
    baselines = [("baseline", "versus_baseline"), ("column_baseline", "versus_column_baseline")]
    lines = []
    for baseline, versus in baselines:
        if baseline not in metrics:
            continue
        for figure in TASKS[result["task"]].figures:
            beside = f"{metrics[baseline]['name']} {interval(metrics[baseline][figure])}"
            cells = (
                result["recipe"],
                result["task"],
                f"{metrics['test']['rows']:,}",
                FIGURES[figure].title,
                interval(metrics["test"][figure]),
                beside,
                interval(metrics[versus][figure]),
                interval(trivial[figure]),
            )
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def told_seeds(result: dict[str, Any]) -> str:
    figure = TASKS[result["task"]].primary
    value = result["metrics"]["test"][figure]["value"]
    return f"{result['recipe']} {result['seed']}: {value:.3f}, {result['seconds']:.0f}"


def interval(values: dict[str, float]) -> str:
    return str(Interval(values["value"], values["low"], values["high"]))


def table_of_arms() -> str:
    """Recipes with one thing changed, beside the recipe as it stands with the same seeds."""
    found = [result for result in results() if "answers" in result]
    lines = [
        "| recipe | changed | seeds | accuracy | macro-F1 | macro-F1 minus the recipe's |",
        "| --- | --- | ---: | --- | --- | --- |",
    ]
    for recipe in dict.fromkeys(result["recipe"] for result in found if result["arm"]):
        of_recipe = [result for result in found if result["recipe"] == recipe]
        for arm in ("", *ARMS):
            of_arm = [result for result in of_recipe if result["arm"] == arm]
            if of_arm:
                lines.append(line_of_arm(of_arm, [result for result in of_recipe if not result["arm"]]))
    return "\n".join(lines)


def line_of_arm(runs: Sequence[dict[str, Any]], as_it_stands: Sequence[dict[str, Any]]) -> str:
    labels = unpacked(runs[0]["answers"]["labels"])
    task = task_of(int(labels.max()) + 1)
    ours = stacked(runs)
    scores = seeds_mean_interval(task, labels, ours, SEED_OF_BOOTSTRAP)
    arm = runs[0]["arm"]
    seeds = {run["seed"] for run in runs}
    beside = [run for run in as_it_stands if run["seed"] in seeds]
    difference = ""
    if arm and len(beside) == len(runs):
        found = paired_difference(task, labels, ours, stacked(beside), SEED_OF_BOOTSTRAP)["macro_f1"]
        difference = f"{found} ({found.judgement})"
    what = ARMS[arm][0] if arm else "nothing"
    return (
        f"| {runs[0]['recipe']} | {what} | {len(runs)} | {scores['accuracy']} | {scores['macro_f1']} | {difference} |"
    )


def lines_of_aspects() -> Iterator[str]:
    """Test rows of texts whose aspects have different labels, beside the best that one answer a text could do."""
    recipe = load_recipe(REPO / "recipes/restaurant.yaml")
    test = load_splits(recipe.data, recipe.task).test
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(test.take(np.argsort(test.hashes, kind="stable")).texts):
        rows_of[text].append(row)
    for file in sorted(RESULTS.glob("shipped-restaurant-embedded-s*.json")):
        result = json.loads(file.read_text("utf-8"))
        predictions, labels = (unpacked(result["answers"][of]) for of in ("predictions", "labels"))
        torn = [rows for rows in rows_of.values() if len(set(labels[rows].tolist())) > 1]
        among = np.concatenate(torn)
        is_right = predictions == labels
        one_answer = sum(np.bincount(labels[rows]).max() for rows in torn) / len(among)
        answered_apart = sum(len(set(predictions[rows].tolist())) > 1 for rows in torn)
        yield (
            f"seed {result['seed']}: {len(among):,} rows of {len(torn):,} texts, "
            f"right on {is_right[among].mean():.3f} (one answer a text at best {one_answer:.3f}), "
            f"elsewhere on {np.delete(is_right, among).mean():.3f}; "
            f"{answered_apart} of these texts are answered by the aspect"
        )


def stacked(runs: Sequence[dict[str, Any]]) -> np.ndarray:
    return np.stack([unpacked(run["answers"]["predictions"]) for run in sorted(runs, key=lambda run: run["seed"])])


if __name__ == "__main__":
    main(sys.argv[1:])
