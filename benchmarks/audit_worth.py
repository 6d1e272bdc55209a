"""What an audit is worth: wrong labels and duplicates put into training rows, and taken out again as it proposes.

    python benchmarks/audit_worth.py run 1 2 3 4 5      an arm that has its JSON is not run again
    python benchmarks/audit_worth.py table              writes the table into docs/results.md

Of the training rows of htl_all (lingyu data get hotel, split as recipes/hotel.yaml does) one in ten, drawn by the seed,
gets the other label, and then one in ten is written twice. Dev and test stay clean; the audit never sees them. Arms:

    injected    trained on that
    mended      on what `lingyu data fix apply` writes from the audit's proposals, as they are, which nobody looked at
    reviewed    on the same list, after a person who knows the true labels has decided each of its lines

TF-IDF is the baseline that every run has beside it; the encoder is trained by recipes/hotel.yaml with that seed. A run
leaves one small JSON in docs/results/, with its answers to the test rows.
"""

import csv
import json
import shutil
import subprocess
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
    task_of,
    words_and_numbers,
    write_between,
)

from lingyu.data import Part, load_splits
from lingyu.evaluation import Inputs, paired_difference, seeds_mean_interval, tfidf_baseline
from lingyu.recipe import load_recipe

BEGIN, END = "<!-- made by benchmarks/audit_worth.py table -->", "<!-- end of audit_worth -->"
WORK = REPO / "runs" / "audit-worth"
ARMS = ("injected", "mended", "reviewed")
TRAINED = ("injected", "mended")  # the encoder's arms; the third is the baseline's alone
WRONG, TWICE = 0.1, 0.1  # shares of the training rows
NAMES = {"负面": "正面", "正面": "负面"}


def main(arguments: Sequence[str]) -> None:
    command, *rest = arguments or ["help"]
    if command == "run" and rest:
        arms, seeds = words_and_numbers(rest)
        for seed in seeds:
            inject(seed)
            for arm in arms or ARMS:
                run_arm(arm, seed)
    elif command == "table":
        write_table()
    else:
        print(__doc__)


# ---- the rows


def inject(seed: int) -> None:
    """runs/audit-worth/sN/injected.csv, with the true label of each row beside it, and dev.csv, test.csv."""
    folder = WORK / f"s{seed}"
    if (folder / "injected.csv").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    splits = load_splits(load_recipe(REPO / "recipes" / "hotel.yaml").data, "single_label")
    for name, part in (("dev", splits.dev), ("test", splits.test)):
        write_rows(folder / f"{name}.csv", rows_of(part, splits.labels))
    true = rows_of(splits.train, splits.labels)
    drawn = np.random.default_rng(seed)
    wrong = set(drawn.choice(len(true), round(WRONG * len(true)), replace=False).tolist())
    rows = [(text, NAMES[label] if at in wrong else label, label) for at, (text, label, _) in enumerate(true)]
    rows += [rows[at] for at in drawn.choice(len(rows), round(TWICE * len(rows)), replace=False).tolist()]
    order = drawn.permutation(len(rows)).tolist()
    write_rows(folder / "injected.csv", [rows[at] for at in order])


def rows_of(part: Part, labels: Sequence[str]) -> list[tuple[str, str, str]]:
    return [(text, labels[label], labels[label]) for text, label in zip(part.texts, part.labels.tolist(), strict=True)]


def write_rows(path: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    """(text, label as the file has it, true label)"""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("text", "label", "true"))
        writer.writerows(rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def training_file(arm: str, folder: Path) -> Path:
    """What the arm is trained on, made by the commands that a person types."""
    if arm == "injected":
        return folder / "injected.csv"
    report, fixes = folder / "report.json", folder / f"fixes-{arm}.csv"
    if not report.exists():
        # without the rows that are measured on: labels are judged by a model that learns from all that it is given
        lingyu("audit", "--train", str(folder / "injected.csv"), "--json", str(report))
    if not fixes.exists():
        lingyu("fix", "propose", str(report), "--out", str(fixes))
        if arm == "reviewed":
            review(fixes, folder / "injected.csv")
    out = folder / arm
    if not out.exists():
        lingyu("fix", "apply", str(fixes), "--out", str(out))
    return out / "injected.csv"


def lingyu(*words: str) -> None:
    print("lingyu data", *words, flush=True)
    subprocess.run([Path(sys.executable).with_name("lingyu"), "data", *words], check=True, cwd=REPO)


def review(fixes: Path, injected: Path) -> None:
    """Decide each line as one who knows the truth: a doubted row gets its true label, all others stay as proposed."""
    true = {f"{injected}:{line}": row["true"] for line, row in numbered(injected)}
    lines = read_rows(fixes)
    for line in lines:
        if "noise" in line["finding"] and "duplicates" not in line["finding"]:
            right = true[line["row"]]
            line["action"] = "keep" if right == line["label"] else "relabel"
            line["new_label"] = "" if right == line["label"] else right
    with fixes.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def numbered(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Each row with the line on which it begins."""
    rows = []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        begins = 2
        for row in reader:
            rows.append((begins, row))
            begins = reader.line_num + 1
    return rows


# ---- the models


def run_arm(arm: str, seed: int) -> None:
    file = RESULTS / f"audit-worth-{arm}-s{seed}.json"
    if file.exists():
        return
    folder = WORK / f"s{seed}"
    began = time.monotonic()
    source = training_file(arm, folder)
    recipe = write_recipe(arm, seed, source, folder)
    splits = load_splits(load_recipe(recipe).data, "single_label")
    train, test = splits.train, splits.test
    tfidf = tfidf_baseline(Inputs(train.texts), train.labels, Inputs(test.texts), len(splits.labels)).predictions
    order = np.argsort(test.hashes, kind="stable")
    content: dict[str, Any] = {
        "arm": arm,
        "seed": seed,
        "rows": train.rows,
        "found": found(source),
        "labels": test.labels[order].tolist(),
        "tfidf": tfidf[order].tolist(),
        "encoder": trained(recipe, arm, seed) if arm in TRAINED else None,
        "seconds": round(time.monotonic() - began, 1),
    }
    file.write_text(json.dumps(content) + "\n", "utf-8")


def found(source: Path) -> dict[str, int]:
    """What is left of what was injected. repeats: rows beyond the first of their text."""
    rows = read_rows(source)
    return {
        "wrong": sum(row["label"] != row["true"] for row in rows),
        "repeats": len(rows) - len({row["text"] for row in rows}),
    }


def write_recipe(arm: str, seed: int, train: Path, folder: Path) -> Path:
    recipe = folder / f"{arm}.yaml"
    recipe.write_text(
        f"name: worth-{arm}-s{seed}\nextends: {REPO}/recipes/parents/lora.yaml\nbase: embedded\ntask: single_label\n"
        f"data: {{train: {train}, dev: {folder}/dev.csv, test: {folder}/test.csv, labels: [负面, 正面]}}\n"
        f"train: {{seed: {seed}}}\npublish: {{to: {WORK}/adapters, channel: null}}\n",
        "utf-8",
    )
    return recipe


def trained(recipe: Path, arm: str, seed: int) -> list[int]:
    """The encoder's answers to the test rows, in the order of their sorted hashes."""
    version = WORK / "adapters" / f"worth-{arm}-s{seed}" / "v1"
    if not version.exists():
        launch("train_lora.py", str(recipe))
        shutil.rmtree(REPO / "runs" / f"worth-{arm}-s{seed}", ignore_errors=True)
    return answers_of(version)[0].tolist()


# ---- the table


def write_table() -> None:
    runs = [json.loads(file.read_text("utf-8")) for file in sorted(RESULTS.glob("audit-worth-*.json"))]
    text = table_of({arm: [run for run in runs if run["arm"] == arm] for arm in ARMS})
    write_between(BEGIN, END, text)


def table_of(arms: dict[str, list[dict[str, Any]]]) -> str:
    labels = np.array(arms["injected"][0]["labels"])
    lines = [
        "| training rows | rows | wrong labels left | repeats left | TF-IDF accuracy | encoder accuracy |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]
    for arm, runs in arms.items():
        left = [mean(run["rows"] for run in runs), *(mean(run["found"][kind] for run in runs) for kind in LEFT)]
        scores = [accuracy(labels, runs, model) for model in ("tfidf", "encoder")]
        lines.append(f"| {arm} | {' | '.join(f'{value:,.0f}' for value in left)} | {' | '.join(scores)} |")
    for arm in ARMS[1:]:
        gains = [gain(labels, arms[arm], arms["injected"], model) for model in ("tfidf", "encoder")]
        lines.append(f"| {arm} minus injected | | | | {' | '.join(gains)} |")
    return "\n".join(lines)


LEFT = ("wrong", "repeats")


def mean(values: Any) -> float:
    return float(np.mean(list(values)))


def accuracy(labels: Labels, runs: Sequence[dict[str, Any]], model: str) -> str:
    if not runs or runs[0][model] is None:
        return ""
    answers = np.array([run[model] for run in runs])
    return str(seeds_mean_interval(task_of(2), labels, answers, SEED_OF_BOOTSTRAP)["accuracy"])


def gain(labels: Labels, runs: Sequence[dict[str, Any]], injected: Sequence[dict[str, Any]], model: str) -> str:
    if not runs or runs[0][model] is None:
        return ""
    ours, theirs = (np.array([run[model] for run in of]) for of in (runs, injected))
    difference = paired_difference(task_of(2), labels, ours, theirs, SEED_OF_BOOTSTRAP)["accuracy"]
    return f"{difference} ({difference.judgement})"


if __name__ == "__main__":
    main(sys.argv[1:])
