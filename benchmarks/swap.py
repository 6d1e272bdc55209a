"""Many adapters on one base, beside PEFT's `adapter_names` and beside one transformers.pipeline a tenant.

    python benchmarks/swap.py                        writes docs/results/swap.json, prints the table
    python benchmarks/swap.py --rows 500 --rounds 1 --out /tmp/swap.json

Rows are real reviews (lingyu data get hotel, lingyu data get ecommerce), their tenants drawn at random. Each adapter is
the shipped one of hotel with other numbers added to it, published, loaded and verified like any. All contenders read
the same texts, tokenize them, and give probabilities, in one process, in turns; figures are medians of the rounds.
PEFT and the pipelines get batches of 32 rows; ours chooses its own.
"""

import argparse
import csv
import json
import os
import platform
import random
import shutil
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
import transformers
from peft import PeftModel
from safetensors.numpy import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from lingyu import Lingyu
from lingyu.bases import EMBEDDED
from lingyu.store import ADAPTER_CONFIG, Store, Version, VersionFacts, write_tensors
from lingyu.text import clean

REPO = Path(__file__).resolve().parent.parent
WEIGHTS = "adapter_model.safetensors"
MIXES = (1, 8, 32)
BATCH_ROWS = 32
SWAPPED = "swapped"
SAME = 1e-5  # of a probability: what the order of float32 additions makes is a tenth of it

Classify = Callable[[Sequence[str], Sequence[str]], list[float]]


@dataclass(frozen=True)
class Mixed:
    """A file of mixed tenants."""

    texts: list[str]
    tenants: list[str]


def main() -> None:
    arguments = parsed()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    workplace = REPO / "runs" / "bench-swap"
    names = make_store(workplace / "adapters", max(MIXES))
    texts = reviews(arguments.rows)
    throughput = [measure(workplace / "adapters", names[:count], texts, arguments.rounds) for count in MIXES]
    content = {
        "command": "python benchmarks/swap.py",
        "rows": len(texts),
        "characters": statistics.mean(map(len, texts)),
        "rounds": arguments.rounds,
        "machine": {"processor": processor(), "cores": torch.get_num_threads(), "torch": torch.__version__},
        "throughput": throughput,
        "swap": measure_swaps(workplace, names),
    }
    arguments.out.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(table(content))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "results" / "swap.json")
    return parser.parse_args()


# What is measured on


@cache
def shipped() -> Version:
    """Read once: verifying its files is no part of what the others do a batch."""
    return Store(REPO / "adapters").open("hotel")


def make_store(store: Path, count: int) -> list[str]:
    """So many adapters like hotel, each with numbers of its own, and one called SWAPPED with two versions."""
    shutil.rmtree(store, ignore_errors=True)
    hotel = shipped()
    facts = VersionFacts(**{key: getattr(hotel.manifest, key) for key in VersionFacts.model_fields})
    tensors = load_file(hotel.folder / WEIGHTS)

    def publish(name: str, seed: int) -> None:
        draw = np.random.default_rng(seed)

        def write(folder: Path, version: str) -> VersionFacts:
            shutil.copyfile(hotel.folder / ADAPTER_CONFIG, folder / ADAPTER_CONFIG)
            own = {key: array + draw.normal(size=array.shape).astype("f4") * 0.002 for key, array in tensors.items()}
            write_tensors(folder / WEIGHTS, own, {"format": "pt"})
            return facts

        Store(store).publish(name, write, why="a benchmark")

    names = [f"t{number:02}" for number in range(count)]
    for seed, name in enumerate(names):
        publish(name, seed)
    publish(SWAPPED, count)
    publish(SWAPPED, count + 1)
    return names


def reviews(count: int) -> list[str]:
    """Cleaned as the adapter was trained to read them: ours does it anyway, the others would not."""
    texts, steps = [], shipped().manifest.text_steps
    for name in ("hotel", "ecommerce"):
        with (REPO / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            texts += [clean(row["text"], steps) for row in csv.DictReader(stream)]
    return random.Random(0).sample(texts, count)


# Throughput


def measure(store: Path, names: Sequence[str], texts: Sequence[str], rounds: int) -> dict[str, object]:
    draw = random.Random(len(names))
    mixed = Mixed(list(texts), [draw.choice(names) for _ in texts])
    contenders: dict[str, Classify] = {
        "lingyu": ours(store),
        "peft_as_they_arrive": peft_mixed(store, names, in_order_of_length=False),
        "peft_sorted_by_length": peft_mixed(store, names, in_order_of_length=True),
        "a_pipeline_a_tenant": pipelines(store, names),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    answers: dict[str, list[float]] = {}
    for classify in contenders.values():
        classify(mixed.texts[:64], mixed.tenants[:64])
    for _ in range(rounds):
        for name, classify in contenders.items():
            began = time.perf_counter()
            answers[name] = classify(mixed.texts, mixed.tenants)
            seconds[name].append(time.perf_counter() - began)
    differences = {name: differ(answers["lingyu"], other) for name, other in answers.items()}
    if max(differences.values()) > SAME:
        raise SystemExit(f"the contenders don't do the same work: probabilities differ by {differences}")
    per_second = {name: len(texts) / statistics.median(times) for name, times in seconds.items()}
    return {
        "adapters": len(names),
        "texts_per_second": per_second,
        "ratio_of_lingyu": {name: per_second["lingyu"] / other for name, other in per_second.items()},
        "largest_difference": differences,
        "seconds": seconds,
    }


def ours(store: Path) -> Classify:
    lingyu = Lingyu.load(store)

    def classify(texts: Sequence[str], tenants: Sequence[str]) -> list[float]:
        return [answer.probabilities["正面"] for answer in lingyu.classify(texts, tenants)]

    return classify


def peft_mixed(store: Path, names: Sequence[str], *, in_order_of_length: bool) -> Classify:
    """One PeftModel with all adapters, `adapter_names` a batch."""
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    model = plain_peft(store, names)

    @torch.inference_mode()
    def classify(texts: Sequence[str], tenants: Sequence[str]) -> list[float]:
        order = list(range(len(texts)))
        if in_order_of_length:
            order.sort(key=lambda row: len(texts[row]))
        answers = [0.0] * len(texts)
        for rows in batches(order):
            batch = tokenizer(
                [texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=shipped().manifest.max_length,
                return_tensors="pt",
            )
            logits = model(**batch, adapter_names=[tenants[row] for row in rows]).logits
            for row, probability in zip(rows, softened(logits), strict=True):
                answers[row] = probability
        return answers

    return classify


def pipelines(store: Path, names: Sequence[str]) -> Classify:
    """For each tenant a model of its own with the adapter merged into it, and the rows that are its."""
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    own = {}
    for name in names:
        model = plain_peft(store, [name]).merge_and_unload()
        model.config.id2label = {0: "负面", 1: "正面"}
        own[name] = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")

    def classify(texts: Sequence[str], tenants: Sequence[str]) -> list[float]:
        answers = [0.0] * len(texts)
        for name, classifier in own.items():
            rows = [row for row, tenant in enumerate(tenants) if tenant == name]
            if not rows:
                continue
            found = classifier(
                [texts[row] for row in rows],
                batch_size=BATCH_ROWS,
                truncation=True,
                max_length=shipped().manifest.max_length,
                top_k=None,
                function_to_apply="none",
            )
            for row, scores in zip(rows, found, strict=True):
                logits = {score["label"]: score["score"] for score in scores}
                answers[row] = softened(torch.tensor([[logits["负面"], logits["正面"]]]))[0]
        return answers

    return classify


def plain_peft(store: Path, names: Sequence[str]) -> PeftModel:
    base = AutoModelForSequenceClassification.from_pretrained(EMBEDDED, num_labels=2)
    first, *others = names
    model = PeftModel.from_pretrained(base, str(store / first / "v1"), adapter_name=first)
    for name in others:
        model.load_adapter(str(store / name / "v1"), adapter_name=name)
    return model.eval()


def batches(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    return (rows[start : start + BATCH_ROWS] for start in range(0, len(rows), BATCH_ROWS))


def softened(logits: torch.Tensor) -> list[float]:
    temperature = shipped().manifest.calibration.temperature
    return torch.softmax(logits.double() / temperature, dim=1)[:, 1].tolist()


def differ(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return float(np.abs(np.array(ours) - np.array(theirs)).max())


# Swaps


def measure_swaps(workplace: Path, names: Sequence[str]) -> dict[str, float]:
    """Milliseconds until one text is answered by another version, its answer included."""
    store, text = workplace / "adapters", ["房间很干净，下次还来"]
    roomy, narrow = Lingyu.load(store), Lingyu.load(store, budget_bytes=1)
    for version in ("v1", "v2"):
        roomy.classify(text, f"{SWAPPED}@{version}")
    narrow.classify(text, names[0])

    def promote(turn: int) -> None:
        Store(store).set_channel(SWAPPED, "stable", f"v{turn % 2 + 1}", why="a benchmark")

    return {
        "no_swap": median_ms(lambda turn: roomy.classify(text, SWAPPED)),
        "resident": median_ms(lambda turn: roomy.classify(text, SWAPPED), before=promote),
        "cold_and_verified": median_ms(lambda turn: narrow.classify(text, names[turn % len(names)])),
        "peft_load_set_delete": median_ms(peft_swap(store, names, text)),
        "pipeline_reload": median_ms(pipeline_reload(workplace, text)),
    }


def median_ms(work: Callable[[int], object], before: Callable[[int], object] = lambda turn: None) -> float:
    times = []
    for turn in range(40):
        before(turn)
        began = time.perf_counter()
        work(turn)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def peft_swap(store: Path, names: Sequence[str], text: Sequence[str]) -> Callable[[int], object]:
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    model = plain_peft(store, names[:1])

    @torch.inference_mode()
    def swap(turn: int) -> None:
        old, new = names[turn % len(names)], names[(turn + 1) % len(names)]
        model.load_adapter(str(store / new / "v1"), adapter_name=new)
        model.set_adapter(new, inference_mode=True)
        model.delete_adapter(old)
        model(**tokenizer(text, return_tensors="pt"))

    return swap


def pipeline_reload(workplace: Path, text: Sequence[str]) -> Callable[[int], object]:
    merged = workplace / "merged"
    plain_peft(workplace / "adapters", [SWAPPED]).merge_and_unload().save_pretrained(merged)
    AutoTokenizer.from_pretrained(EMBEDDED).save_pretrained(merged)
    return lambda turn: pipeline("text-classification", model=str(merged), device="cpu")(text)


# What is said


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def table(content: dict[str, object]) -> str:
    lines = [
        "| adapters a batch | | texts a second | lingyu to it | largest difference |",
        "|---|---|---|---|---|",
    ]
    for mix in content["throughput"]:
        for name, per_second in mix["texts_per_second"].items():
            ratio, difference = mix["ratio_of_lingyu"][name], mix["largest_difference"][name]
            lines.append(f"| {mix['adapters']} | {name} | {per_second:,.0f} | {ratio:.2f} | {difference:.1e} |")
    lines += ["", "| until one text is answered | ms |", "|---|---|"]
    lines += [f"| {name} | {milliseconds:.1f} |" for name, milliseconds in content["swap"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
