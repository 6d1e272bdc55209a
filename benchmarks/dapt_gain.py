"""What pretraining on a domain's text is worth: hotel reviews and customer service, at 200 labelled rows and more.

    python benchmarks/dapt_gain.py pretrain general                  the base of all arms, on general text only
    python benchmarks/dapt_gain.py pretrain dapt-hotel tapt-hotel ...            one pretraining an arm
    python benchmarks/dapt_gain.py tune hotel base dapt both 200 1 2 3 4 5       seeds of one size; `all` for every row
    python benchmarks/dapt_gain.py table                             writes the tables into docs/results.md

What has its JSON in docs/results/ is not run again. Arms of a domain:

    base     the general base (recipes/embedded-general.yaml, cut short), which has read no text of the domain
    tapt     gone on with the training texts of the task, without their labels
    dapt     gone on with the domain's raw text, of which no text is the task's
    both     first dapt, then tapt
    wrong    dapt on the other domain's text: a control
    lora     dapt by LoRA, merged (hotel only)

A seed is a sample of labelled rows, a head and an order of rows; arms share the samples. Dev chooses the epoch.
"""

import csv
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from recorded import (
    REPO,
    RESULTS,
    SEED_OF_BOOTSTRAP,
    Labels,
    answers_of,
    launch,
    packed,
    task_of,
    unpacked,
    write_between,
)

from lingyu.data import Part, load_splits
from lingyu.evaluation import Inputs, paired_difference, seeds_mean_interval, tfidf_baseline
from lingyu.recipe import load_recipe

BEGIN, END = "<!-- made by benchmarks/dapt_gain.py table -->", "<!-- end of dapt_gain -->"
WORK = REPO / "runs" / "dapt-gain"
BASES = REPO / "bases" / "gain"
GENERAL = "bases/gain/general"

# what an arm goes on from, by which recipe, and what is changed of it: so many steps take two cores an hour or less.
# A base is trained once, whatever the seeds of what is tuned on it.
DAPT, TAPT = "train.max_steps=800", "train.max_steps=300"
PRETRAININGS = {
    "general": (None, "embedded-general", ("train.max_steps=2000",)),
    "dapt-hotel": (GENERAL, "dapt-hotel", (DAPT,)),
    "dapt-customer_service": (GENERAL, "dapt-customer_service", (DAPT,)),
    "tapt-hotel": (GENERAL, "tapt-hotel", (TAPT,)),
    "tapt-customer_service": (GENERAL, "tapt-customer_service", (TAPT,)),
    "both-hotel": ("bases/gain/dapt-hotel", "tapt-hotel", (TAPT,)),
    "both-customer_service": ("bases/gain/dapt-customer_service", "tapt-customer_service", (TAPT,)),
    "lora-hotel": (GENERAL, "dapt-hotel", (DAPT, "dapt.mode=lora", "train.learning_rate=1e-3")),
}
OTHER = {"hotel": "customer_service", "customer_service": "hotel"}
ARMS = ("base", "tapt", "dapt", "both", "wrong", "lora")

# looked for on dev, on the base arm, and the same for all arms
SETTINGS = {
    ("hotel", "200"): "{learning_rate: 7e-4, num_train_epochs: 20, tokens_per_batch: 1024, max_length: 256}",
    ("customer_service", "200"): "{learning_rate: 1.5e-3, num_train_epochs: 40, tokens_per_batch: 256}",
    ("hotel", "2000"): "{learning_rate: 7e-4, num_train_epochs: 6, tokens_per_batch: 2048, max_length: 256}",
    ("customer_service", "2000"): "{learning_rate: 1.5e-3, num_train_epochs: 20, tokens_per_batch: 512}",
    ("hotel", "all"): "{learning_rate: 7e-4, num_train_epochs: 3, tokens_per_batch: 4096, max_length: 256}",
    ("customer_service", "all"): "{learning_rate: 1.5e-3, num_train_epochs: 12, tokens_per_batch: 512}",
}


def main(arguments: Sequence[str]) -> None:
    command, *rest = arguments or ["help"]
    if command == "pretrain" and rest:
        for arm in rest:
            pretrain(arm)
    elif command == "tune" and len(rest) >= 4:
        domain = rest[0]
        arms = [word for word in rest if word in ARMS]
        size, *seeds = [word for word in rest[1:] if word not in ARMS]
        for seed in seeds:
            for arm in arms:
                tune(domain, arm, size, int(seed))
    elif command == "table":
        write_between(BEGIN, END, tables())
    else:
        print(__doc__)


def pretrain(arm: str) -> None:
    """The base of an arm, and a JSON with its losses before and after."""
    file = RESULTS / f"dapt-gain-pretrain-{arm}.json"
    if file.exists():
        return
    base, recipe, overrides = PRETRAININGS[arm]
    folder = BASES / arm
    begins_at = [f"base={base}"] if base else []
    to = f"publish.to={folder.relative_to(REPO)}"
    words = [f"recipes/{recipe}.yaml", f"name=gain-{arm}", *begins_at, to, *overrides]
    began = time.monotonic()
    command = [] if folder.exists() else launch("dapt.py", *words, *resumed(arm))
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    content = {
        "arm": arm,
        "command": " ".join(command),
        "seconds": round(time.monotonic() - began, 1),
        "metrics": metrics,
    }
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def resumed(arm: str) -> list[str]:
    """--resume where a run of the arm was begun and not ended."""
    begun = [json.loads(file.read_text("utf-8")) for file in (REPO / "runs" / f"gain-{arm}").glob("*/run.json")]
    return ["--resume"] if any(run["version"] is None for run in begun) else []


def base_of(domain: str, arm: str) -> str:
    if arm == "base":
        return GENERAL
    name = f"dapt-{OTHER[domain]}" if arm == "wrong" else f"{arm}-{domain}"
    return f"bases/gain/{name}"


def tune(domain: str, arm: str, size: str, seed: int) -> None:
    file = RESULTS / f"dapt-gain-{domain}-{arm}-{size}-s{seed}.json"
    if file.exists():
        return
    name = f"gain-{domain}-{arm}-{size}-s{seed}"
    recipe = write_recipe(domain, arm, size, seed, name)
    splits = load_splits(load_recipe(recipe).data, "single_label")
    train, test = splits.train, splits.test
    tfidf = tfidf_baseline(Inputs(train.texts), train.labels, Inputs(test.texts), len(splits.labels)).predictions
    version = WORK / "adapters" / name / "v1"
    began = time.monotonic()
    if not version.exists():
        shutil.rmtree(REPO / "runs" / name, ignore_errors=True)
        launch("train_lora.py", str(recipe.relative_to(REPO)))
    predictions, labels = answers_of(version)
    content: dict[str, Any] = {
        "domain": domain,
        "arm": arm,
        "size": size,
        "seed": seed,
        "rows": train.rows,
        "classes": len(splits.labels),
        "settings": SETTINGS[domain, size],
        "seconds": round(time.monotonic() - began, 1),
        "dev": json.loads((version / "metrics.json").read_text("utf-8"))["dev"],
        "answers": {
            "predictions": packed(predictions),
            "labels": packed(labels),
            "tfidf": packed(tfidf[np.argsort(test.hashes, kind="stable")]),
        },
    }
    file.write_text(json.dumps(content, ensure_ascii=False) + "\n", "utf-8")
    shutil.rmtree(REPO / "runs" / name, ignore_errors=True)


def write_recipe(domain: str, arm: str, size: str, seed: int, name: str) -> Path:
    """The domain's recipe on the arm's base and the seed's rows; dev and test are those of every run."""
    folder = WORK / domain
    folder.mkdir(parents=True, exist_ok=True)
    of_domain = load_recipe(REPO / "recipes" / f"{domain}.yaml")
    train = folder / f"train-{size}-s{seed}.csv"
    if not train.exists():
        splits = load_splits(of_domain.data, of_domain.task)
        for part_name, part in (("dev", splits.dev), ("test", splits.test)):
            write_rows(folder / f"{part_name}.csv", part, splits.labels, range(part.rows))
        drawn = np.random.default_rng(seed).permutation(splits.train.rows)
        rows = drawn if size == "all" else drawn[: int(size)]
        write_rows(train, splits.train, splits.labels, rows.tolist())
    recipe = folder / f"{name}.yaml"
    labels = json.dumps(list(of_domain.data.labels.values()), ensure_ascii=False)
    settings = SETTINGS[domain, size].rstrip("}") + f", seed: {seed}}}"
    recipe.write_text(
        f"name: {name}\nextends: {REPO}/recipes/parents/lora.yaml\nbase: {base_of(domain, arm)}\ntask: single_label\n"
        f"data: {{train: {train}, dev: {folder}/dev.csv, test: {folder}/test.csv, labels: {labels}, clean: []}}\n"
        f"train: {settings}\npublish: {{to: {WORK}/adapters, channel: null}}\n",
        "utf-8",
    )
    return recipe


def write_rows(path: Path, part: Part, labels: Sequence[str], rows: Sequence[int]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("text", "label"))
        writer.writerows((part.texts[row], labels[part.labels[row]]) for row in rows)


# ---- the tables


def tables() -> str:
    runs = [json.loads(file.read_text("utf-8")) for file in sorted(RESULTS.glob("dapt-gain-*-s*.json"))]
    sections = [table_of_pretrainings()]
    for size in ("200", "2000", "all"):
        of_size = [run for run in runs if run["size"] == size]
        if of_size:
            sections.append(table_of(size, of_size))
    return "\n\n".join(sections)


def table_of_pretrainings() -> str:
    lines = [
        "| base | masked accuracy on its own held-out text | on general text | minutes |",
        "| --- | --- | --- | ---: |",
    ]
    for file in sorted(RESULTS.glob("dapt-gain-pretrain-*.json")):
        content = json.loads(file.read_text("utf-8"))
        texts = [before_after(content, text) for text in ("held_out", "general")]
        lines.append(f"| {content['arm']} | {' | '.join(texts)} | {content['seconds'] / 60:.0f} |")
    return "\n".join(lines)


def before_after(content: dict[str, Any], text: str) -> str:
    measured = content["metrics"].get(text)
    if measured is None:
        return ""
    before, after = (measured[when]["accuracy"]["value"] for when in ("before", "after"))
    return f"{before:.3f} to {after:.3f}"


def table_of(size: str, runs: Sequence[dict[str, Any]]) -> str:
    rows = f"{size} labelled rows" if size != "all" else "all labelled rows"
    lines = [
        f"**{rows}**",
        "",
        "| domain | arm | seeds | accuracy | minus base | minus TF-IDF |",
        "| --- | --- | ---: | --- | --- | --- |",
    ]
    for domain in OTHER:
        of_domain = [run for run in runs if run["domain"] == domain]
        for arm in ARMS:
            of_arm = [run for run in of_domain if run["arm"] == arm]
            if of_arm:
                lines.append(line_of(domain, arm, of_arm, [run for run in of_domain if run["arm"] == "base"]))
    return "\n".join(lines)


def line_of(domain: str, arm: str, runs: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]]) -> str:
    labels, classes = unpacked(runs[0]["answers"]["labels"]), runs[0]["classes"]
    ours = stacked(runs, "predictions")
    accuracy = seeds_mean_interval(task_of(classes), labels, ours, SEED_OF_BOOTSTRAP)["accuracy"]
    seeds = {run["seed"] for run in runs}
    shared = [run for run in base if run["seed"] in seeds]
    is_paired = arm != "base" and len(shared) == len(runs)
    against_base = difference(labels, ours, stacked(shared, "predictions"), classes) if is_paired else ""
    return (
        f"| {domain} | {arm} | {len(runs)} | {accuracy} | {against_base} | "
        f"{difference(labels, ours, stacked(runs, 'tfidf'), classes)} |"
    )


def stacked(runs: Sequence[dict[str, Any]], key: str) -> Labels:
    return np.stack([unpacked(run["answers"][key]) for run in sorted(runs, key=lambda run: run["seed"])])


def difference(labels: Labels, ours: Labels, theirs: Labels, classes: int) -> str:
    found = paired_difference(task_of(classes), labels, ours, theirs, SEED_OF_BOOTSTRAP)["accuracy"]
    return f"{found} ({found.judgement})"


if __name__ == "__main__":
    main(sys.argv[1:])
