"""What pretraining on a domain's text is worth: hotel reviews and customer service, at 200 labelled rows and more.

    python benchmarks/dapt_gain.py pretrain general                  the base of all arms, on general text only
    python benchmarks/dapt_gain.py pretrain dapt-hotel tapt-hotel ...            one pretraining an arm
    python benchmarks/dapt_gain.py tune hotel base dapt both 200 1 2 3 4 5       seeds of one size; `all` for every row
    python benchmarks/dapt_gain.py table                             writes the tables into docs/results.md

What has its JSON in docs/results/ is not run again. Arms of a domain:

    base        the general base (recipes/embedded-general.yaml, cut short), which has read no text of the domain
    tapt        gone on with the training texts of the task, without their labels
    dapt        gone on with the domain's raw text, of which no text is the task's
    both        first dapt, then tapt
    wrong       dapt on the other domain's text: a control
    longer      as many steps as dapt on general text: a control
    lora        dapt by LoRA, merged (hotel only)
    order       dapt with word_order beside mlm (hotel only)
    sentences   dapt with sentence_order beside mlm (hotel only)
    small-zh    the encoder that shipped first, in bases/small-zh
    embedded    the one that ships

A seed is a sample of labelled rows, a head and an order of rows; arms share the samples. Dev chooses the epoch. Of few
rows another seed moves an accuracy by points, so that a gain has two intervals: over test rows, and over seeds.
"""

import csv
import json
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from itertools import product
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
    command_of,
    launch,
    packed,
    task_of,
    unpacked,
    write_between,
)
from scipy import stats

from lingyu.bases import LINEAGE, find_base
from lingyu.data import Part, in_one_go, load_splits
from lingyu.evaluation import Inputs, paired_difference, seeds_mean_interval, tfidf_baseline
from lingyu.recipe import PretrainingRecipe, differences, load_pretraining, load_recipe
from lingyu.store import Interval

BEGIN, END = "<!-- made by benchmarks/dapt_gain.py table -->", "<!-- end of dapt_gain -->"
WORK = REPO / "runs" / "dapt-gain"
BASES = "bases/gain"
GENERAL = f"{BASES}/general"

Run = dict[str, Any]
"""The JSON of a `tune`."""
Shares = NDArray[np.float64]

# what an arm goes on from, by which recipe, and what is changed of it: so many steps take two cores an hour or less.
# A base is trained once, whatever the seeds of what is tuned on it.
# A domain's base is the other domain's control too, so it reads no dev and no test text of either.
DAPT = (
    "train.max_steps=800",
    "dapt.exclude=[recipes/hotel.yaml,recipes/customer_service.yaml]",
    "dapt.drop_test_texts=true",
)
TAPT = ("train.max_steps=300",)
PRETRAININGS = {
    "general": (None, "embedded-general", ("train.max_steps=2000",)),
    "plain": (None, "embedded-general", ("train.max_steps=2000", "dapt.start=plain")),  # from random numbers
    "dapt-hotel": (GENERAL, "dapt-hotel", DAPT),
    "dapt-customer_service": (GENERAL, "dapt-customer_service", DAPT),
    "tapt-hotel": (GENERAL, "tapt-hotel", TAPT),
    "tapt-customer_service": (GENERAL, "tapt-customer_service", TAPT),
    "both-hotel": (f"{BASES}/dapt-hotel", "tapt-hotel", TAPT),
    "both-customer_service": (f"{BASES}/dapt-customer_service", "tapt-customer_service", TAPT),
    "longer": (GENERAL, "dapt-hotel", (*DAPT, "dapt.corpus=[data/corpus/general]", "dapt.general=[]")),
    "lora-hotel": (GENERAL, "dapt-hotel", (*DAPT, "dapt.mode=lora", "train.learning_rate=1e-3")),
    "order-hotel": (GENERAL, "dapt-hotel", (*DAPT, "dapt.objective=[mlm,word_order]")),
    "sentences-hotel": (GENERAL, "dapt-hotel", (*DAPT, "dapt.objective=[mlm,sentence_order]")),
}
OTHER = {"hotel": "customer_service", "customer_service": "hotel"}
ENCODERS = {"small-zh": "bases/small-zh", "embedded": "embedded"}  # arm: its base
ARMS = ("base", "tapt", "dapt", "both", "wrong", "longer", "lora", "order", "sentences", *ENCODERS)
BESIDE = {"lora": "dapt", "order": "dapt", "sentences": "dapt", "embedded": "small-zh"}  # what an arm differs from
SAMPLES = 2000  # draws of test rows

# The same for all arms. Of 200 rows they were looked for on dev, on the base arm and samples of other seeds; beyond
# that the learning rate is the domain's recipe's.
SETTINGS = {
    ("hotel", "200"): "{learning_rate: 7e-4, num_train_epochs: 20, tokens_per_batch: 1024, "
    "eval_strategy: steps, eval_steps: 100}",
    ("customer_service", "200"): "{learning_rate: 1.5e-3, num_train_epochs: 40, tokens_per_batch: 256, "
    "eval_strategy: steps, eval_steps: 56}",
    ("hotel", "2000"): "{learning_rate: 7e-4, num_train_epochs: 6, tokens_per_batch: 2048}",
    ("customer_service", "2000"): "{learning_rate: 1.5e-3, num_train_epochs: 20, tokens_per_batch: 512}",
    ("hotel", "all"): "{learning_rate: 7e-4, num_train_epochs: 3, tokens_per_batch: 4096}",
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
    to, folder = f"{BASES}/{arm}", REPO / BASES / arm
    begins_at = [f"base={base}"] if base else []
    words = [f"recipes/{recipe}.yaml", f"name=gain-{arm}", *begins_at, f"publish.to={to}", *overrides]
    asked = load_pretraining(REPO / words[0], words[1:])
    if not folder.exists():
        launch("dapt.py", *words, *resumed(asked))
    require_made_by(asked, folder)
    stage = json.loads((folder / LINEAGE).read_text("utf-8"))["stages"][-1]
    if base and stage["parent"] != find_base(str(REPO / base)).weights_fingerprint:
        sys.exit(f"{to}: its base {base} is another now. Remove {to} to make it anew")
    content = {
        "arm": arm,
        "command": shlex.join(command_of("dapt.py", *words)),
        "hours": stage["hours"],
        "metrics": json.loads((folder / "metrics.json").read_text("utf-8")),
    }
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def resumed(asked: PretrainingRecipe) -> list[str]:
    """--resume where a run of the recipe was begun and not ended."""
    runs = (REPO / "runs" / asked.name).glob("*/run.json")
    begun = [file.parent for file in runs if json.loads(file.read_text("utf-8"))["version"] is None]
    for run in begun:
        require_made_by(asked, run)
    return ["--resume"] if begun else []


def require_made_by(asked: PretrainingRecipe, folder: Path) -> None:
    """Stop where what lies there is of other settings: its figures would stand under those of today."""
    changed = differences(load_pretraining(folder / "recipe.yaml"), asked)
    if changed:
        there = folder.relative_to(REPO)
        sys.exit(f"{there}: made with other settings ({', '.join(changed)}). Remove {there} to make it anew")


def base_of(domain: str, arm: str) -> str:
    if arm in ENCODERS:
        return ENCODERS[arm]
    of_any_domain = {"base": "general", "wrong": f"dapt-{OTHER[domain]}", "longer": "longer"}
    return f"{BASES}/{of_any_domain.get(arm, f'{arm}-{domain}')}"


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
    for left in (version.parent, REPO / "runs" / name):  # by a call that was ended, maybe with other settings
        shutil.rmtree(left, ignore_errors=True)
    began = time.monotonic()
    launch("train_lora.py", str(recipe.relative_to(REPO)))
    seconds = time.monotonic() - began
    predictions, labels = answers_of(version)
    content: dict[str, Any] = {
        "domain": domain,
        "arm": arm,
        "size": size,
        "seed": seed,
        "rows": train.rows,
        "classes": len(splits.labels),
        "settings": settings_of(domain, arm, size, seed),
        "seconds": round(seconds, 1),
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
    settings = settings_of(domain, arm, size, seed)
    recipe.write_text(
        f"name: {name}\nextends: {REPO}/recipes/parents/lora.yaml\nbase: {base_of(domain, arm)}\ntask: single_label\n"
        f"data: {{train: {train}, dev: {folder}/dev.csv, test: {folder}/test.csv, labels: {labels}, clean: []}}\n"
        f"train: {settings}\npublish: {{to: {WORK}/adapters, channel: null}}\n",
        "utf-8",
    )
    return recipe


def settings_of(domain: str, arm: str, size: str, seed: int) -> str:
    longest = 128 if arm == "small-zh" else 256  # as far as each was pretrained
    return SETTINGS[domain, size].rstrip("}") + f", max_length: {longest}, seed: {seed}}}"


def write_rows(path: Path, part: Part, labels: Sequence[str], rows: Sequence[int]) -> None:
    with in_one_go(path) as staged, staged.path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("text", "label"))
        writer.writerows((part.texts[row], labels[part.labels[row]]) for row in rows)


# ---- the tables


def tables() -> str:
    runs = [json.loads(file.read_text("utf-8")) for file in sorted(RESULTS.glob("dapt-gain-*-s[0-9]*.json"))]
    sections = [table_of_pretrainings()]
    for size in ("200", "2000", "all"):
        of_size = [run for run in runs if run["size"] == size]
        if of_size:
            sections.append(table_of(size, of_size))
    return "\n\n".join(sections)


def table_of_pretrainings() -> str:
    lines = [
        "| base | masked accuracy on its own held-out text | on general text | minutes of training |",
        "| --- | --- | --- | ---: |",
    ]
    for file in sorted(RESULTS.glob("dapt-gain-pretrain-*.json")):
        content = json.loads(file.read_text("utf-8"))
        texts = [before_after(content, text) for text in ("held_out", "general")]
        lines.append(f"| {content['arm']} | {' | '.join(texts)} | {content['hours'] * 60:.0f} |")
    return "\n".join(lines)


def before_after(content: dict[str, Any], text: str) -> str:
    measured = content["metrics"].get(text)
    if measured is None:
        return ""
    before, after = (measured[when]["accuracy"]["value"] for when in ("before", "after"))
    return f"{before:.3f} to {after:.3f}"


def table_of(size: str, runs: Sequence[Run]) -> str:
    rows = f"{size} labelled rows" if size != "all" else "all labelled rows"
    lines = [
        f"**{rows}**",
        "",
        "| domain | arm | seeds | accuracy | minus base, over test rows | over seeds | minus TF-IDF |",
        "| --- | --- | ---: | --- | --- | --- | --- |",
    ]
    for domain in OTHER:
        for arm in ARMS:
            of_arm = of(runs, domain, arm)
            if of_arm:
                lines.append(line_of(domain, arm, of_arm, same_seeds(runs, domain, arm)))
    return "\n".join([*lines, *lines_of_means(runs), *lines_beside(runs)])


def of(runs: Sequence[Run], domain: str, arm: str) -> list[Run]:
    return [run for run in runs if (run["domain"], run["arm"]) == (domain, arm)]


def same_seeds(runs: Sequence[Run], domain: str, arm: str, other: str = "base") -> list[Run]:
    """Another arm's runs to set beside an arm's: of its seeds, or none where one of them is missing."""
    seeds = {run["seed"] for run in of(runs, domain, arm)}
    shared = [run for run in of(runs, domain, other) if run["seed"] in seeds]
    return shared if arm != other and len(shared) == len(seeds) else []


def line_of(domain: str, arm: str, runs: Sequence[Run], base: Sequence[Run]) -> str:
    labels, classes = unpacked(runs[0]["answers"]["labels"]), runs[0]["classes"]
    ours = stacked(runs, "predictions")
    accuracy = seeds_mean_interval(task_of(classes), labels, ours, SEED_OF_BOOTSTRAP)["accuracy"]
    against_base = difference(labels, ours, stacked(base, "predictions"), classes) if base else ""
    by_seed = over_seeds(more_by_seed(runs, base)) if base else ""
    return (
        f"| {domain} | {arm} | {len(runs)} | {accuracy} | {against_base} | {by_seed} | "
        f"{difference(labels, ours, stacked(runs, 'tfidf'), classes)} |"
    )


def lines_of_means(runs: Sequence[Run]) -> list[str]:
    """A line an arm that each domain has with the base's runs of the same seeds."""
    lines = []
    for arm in ARMS:
        pairs = [(of(runs, domain, arm), same_seeds(runs, domain, arm)) for domain in OTHER]
        if all(base for _, base in pairs):
            seeds = " and ".join(dict.fromkeys(str(len(ours)) for ours, _ in pairs))
            found = mean_of_domains([right_more(ours, base) for ours, base in pairs])
            gains = [more_by_seed(ours, base) for ours, base in pairs]
            by_seed = over_seeds(np.mean(gains, axis=0)) if len({len(gain) for gain in gains}) == 1 else ""
            lines.append(f"| mean of the domains | {arm} | {seeds} | | {found} ({found.judgement}) | {by_seed} | |")
    return lines


def lines_beside(runs: Sequence[Run]) -> list[str]:
    """Arms beside another than the base: dapt as it might have been, and the encoder that ships beside the first."""
    lines = []
    for domain, (arm, other) in product(OTHER, BESIDE.items()):
        ours, theirs = of(runs, domain, arm), same_seeds(runs, domain, arm, other)
        if ours and theirs:
            over_rows = difference(
                unpacked(ours[0]["answers"]["labels"]),
                stacked(ours, "predictions"),
                stacked(theirs, "predictions"),
                ours[0]["classes"],
            )
            lines.append(f"| {domain} | {arm} | {other} | {over_rows} | {over_seeds(more_by_seed(ours, theirs))} |")
    if not lines:
        return []
    heading = ["| domain | arm | minus | over test rows | over seeds |", "| --- | --- | --- | --- | --- |"]
    return ["", *heading, *lines]


def right_more(ours: Sequence[Run], base: Sequence[Run]) -> Shares:
    """(rows,) in which share of its seeds the arm answers a test row right, minus that of the base."""
    more: Shares = (is_right(ours) - is_right(base)).mean(axis=0)
    return more


def more_by_seed(ours: Sequence[Run], base: Sequence[Run]) -> Shares:
    """(seeds,) the arm's accuracy minus that of the base on the same labelled rows."""
    more: Shares = (is_right(ours) - is_right(base)).mean(axis=1)
    return more


def is_right(runs: Sequence[Run]) -> Shares:
    """(seeds, rows) 1 where a test row is answered right, else 0."""
    right: Shares = (stacked(runs, "predictions") == unpacked(runs[0]["answers"]["labels"])).astype(np.float64)
    return right


def over_seeds(gains: Shares) -> str:
    """gains: (seeds,). 95 % of Student's t for their mean: it holds what other rows, heads and orders would change."""
    if len(gains) < 2:
        return ""
    reach = float(stats.t.ppf(0.975, len(gains) - 1) * stats.sem(gains))
    found = Interval(float(gains.mean()), float(gains.mean()) - reach, float(gains.mean()) + reach)
    return f"[{found.low:.3f}, {found.high:.3f}] ({found.judgement})"


def mean_of_domains(gains: Sequence[Shares]) -> Interval:
    """The mean of the domains' mean gains a row; the interval is over test rows, those of each domain drawn apart."""
    random = np.random.default_rng(SEED_OF_BOOTSTRAP)
    drawn = [gain[random.integers(len(gain), size=(SAMPLES, len(gain)))].mean(axis=1) for gain in gains]
    low, high = np.percentile(np.mean(drawn, axis=0), (2.5, 97.5)).tolist()
    return Interval(float(np.mean([gain.mean() for gain in gains])), low, high)


def stacked(runs: Sequence[Run], key: str) -> Labels:
    return np.stack([unpacked(run["answers"][key]) for run in sorted(runs, key=lambda run: run["seed"])])


def difference(labels: Labels, ours: Labels, theirs: Labels, classes: int) -> str:
    found = paired_difference(task_of(classes), labels, ours, theirs, SEED_OF_BOOTSTRAP)["accuracy"]
    return f"{found} ({found.judgement})"


if __name__ == "__main__":
    main(sys.argv[1:])
