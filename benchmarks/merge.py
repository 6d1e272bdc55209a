"""Merging an adapter into a base of StructBERT-large's shape: time and peak memory, ours beside PEFT's, in one run.

    python benchmarks/merge.py /tmp/merge              24 layers, 1024 wide: 1.3 GB, made once in that folder
    python benchmarks/merge.py /tmp/merge --shape small --rounds 1

Random weights. Every way runs in a process of its own, in turn, so many rounds; the medians go into
docs/results/merge-SHAPE.json. Memory is the process's largest resident size (ru_maxrss), of which what the imports take
is said apart. Ours is measured twice: what writes, and all of merge.py with its gate. PEFT's way has no gate: load,
merge_and_unload(safe_merge=True), save_pretrained.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
RESULTS = REPO / "docs" / "results"
LABELS = ("负面", "中性", "正面")
LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "vocab_size": 21128,
}
SMALL = {**LARGE, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
SHAPES = {"large": LARGE, "small": SMALL}
RANK = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where base and adapter are made, or were made before")
    parser.add_argument("--shape", choices=SHAPES, default="large")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--part", choices=("make", *WAYS), help=argparse.SUPPRESS)  # in a process of its own
    asked = parser.parse_args()
    place = asked.folder.resolve() / asked.shape
    if asked.part == "make":
        make_place(place, SHAPES[asked.shape])
    elif asked.part:
        print(json.dumps(measured(WAYS[asked.part], place)))
    else:
        compare(asked.folder.resolve(), asked.shape, asked.rounds, asked.results)


def compare(folder: Path, shape: str, rounds: int, results: Path) -> None:
    """Run everything, write the JSON, print the table."""
    place = folder / shape
    run_part(folder, shape, "make")  # apart: a process starts with the largest resident size of the one that starts it
    outcome = run_all(folder, shape, rounds, place)
    results.mkdir(parents=True, exist_ok=True)
    file = results / f"merge-{shape}.json"
    file.write_text(json.dumps(outcome, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(table(outcome))


def run_all(folder: Path, shape: str, rounds: int, place: Path) -> dict[str, Any]:
    """Each way once a round, so that whatever else the machine does meets all of them."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            runs[way].append(json.loads(run_part(folder, shape, way).splitlines()[-1]))
    result_bytes = (place / "base" / "model.safetensors").stat().st_size
    ways = {way: median(found, result_bytes) for way, found in runs.items()}
    writing, peft = ways["ours_writing"], ways["peft"]
    return {
        "command": f"python benchmarks/merge.py FOLDER --shape {shape} --rounds {rounds}",
        "shape": SHAPES[shape],
        "rank": RANK,
        "result_bytes": result_bytes,
        "ways": ways,
        "peft_over_ours": {
            "seconds": round(peft["seconds"] / writing["seconds"], 2),
            "peak": round(peft["peak_over_result"] / writing["peak_over_result"], 2),
        },
        "machine": f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}, Python {platform.python_version()}",
        "packages": {name: installed_version(name) for name in ("lingyu", "torch", "transformers", "peft")},
    }


def run_part(folder: Path, shape: str, part: str) -> str:
    """What a process that does one part prints."""
    command = [sys.executable, __file__, str(folder), "--shape", shape, "--part", part]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def median(runs: list[dict[str, float]], result_bytes: int) -> dict[str, float]:
    """Of each figure, and the memory above the imports' over the size of the result."""
    figures = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    above_imports = figures["peak_bytes"] - figures["imports_bytes"]
    return {
        "seconds": round(figures["seconds"], 2),
        "peak_bytes": int(figures["peak_bytes"]),
        "imports_bytes": int(figures["imports_bytes"]),
        "peak_over_result": round(above_imports / result_bytes, 3),
    }


def table(outcome: dict[str, Any]) -> str:
    lines = [f"result {outcome['result_bytes'] / 1e9:.2f} GB in float32", ""]
    lines.append(f"{'':<28}{'seconds':>10}{'peak GB':>10}{'of it imports':>15}{'above imports / result':>25}")
    for way, figures in outcome["ways"].items():
        peak, imports = figures["peak_bytes"] / 1e9, figures["imports_bytes"] / 1e9
        lines.append(
            f"{WAYS[way].__doc__:<28}{figures['seconds']:>10.2f}{peak:>10.2f}{imports:>15.2f}"
            f"{figures['peak_over_result']:>25.2f}"
        )
    ratios = outcome["peft_over_ours"]
    lines += ["", f"PEFT over ours (writing): time {ratios['seconds']:.2f}, memory {ratios['peak']:.2f}"]
    return "\n".join(lines)


# The ways: what is timed is what the function that they give back does


def ours_writing(place: Path) -> Callable[[Path], None]:
    """lingyu, writing"""
    from lingyu.folders import new_folder
    from lingyu.lora import find_base_of, read_weights
    from lingyu.release.merged.plan import plan_merge
    from lingyu.release.merged.tensor_file import DTYPES, write_tensors
    from lingyu.store import open_adapter

    def run(out: Path) -> None:
        version = open_adapter(str(place / "adapters" / "hotel"), "adapters")
        plan = plan_merge(find_base_of(version), read_weights(version.folder), version.manifest.labels)
        with new_folder(out) as folder:
            write_tensors(folder / "model.safetensors", plan.shapes, plan.values(), DTYPES["float32"])

    return run


def ours(place: Path) -> Callable[[Path], None]:
    """lingyu, writing and gate"""
    import lingyu.release.merged.merging  # noqa: F401 - what merge imports when it is called
    from lingyu.release import merge
    from lingyu.store import open_adapter

    def run(out: Path) -> None:
        merge(open_adapter(str(place / "adapters" / "hotel"), "adapters"), out)

    return run


def peft(place: Path) -> Callable[[Path], None]:
    """PEFT, no gate"""
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    def run(out: Path) -> None:
        base = AutoModelForSequenceClassification.from_pretrained(place / "base", num_labels=len(LABELS))
        model = PeftModel.from_pretrained(base, str(place / "adapters" / "hotel" / "v1"))
        model.merge_and_unload(safe_merge=True).save_pretrained(out)
        AutoTokenizer.from_pretrained(place / "base").save_pretrained(out)

    return run


WAYS: dict[str, Callable[[Path], Callable[[Path], None]]] = {"ours_writing": ours_writing, "ours": ours, "peft": peft}


def measured(way: Callable[[Path], Callable[[Path], None]], place: Path) -> dict[str, float]:
    """seconds, without the imports; the largest resident size, and how large it was after them."""
    run = way(place)
    # transformers brings some of its modules only when a class is used
    from transformers import BertForSequenceClassification  # noqa: F401

    out = place / f"out-{os.getpid()}"
    imports = max_resident_bytes()
    began = time.monotonic()
    try:
        run(out)
        seconds = time.monotonic() - began
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return {"seconds": seconds, "peak_bytes": max_resident_bytes(), "imports_bytes": imports}


def max_resident_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


# What is merged


def make_place(place: Path, shape: dict[str, int]) -> None:
    """A base of random weights and an adapter of random weights for it, in a store. Nothing where they are there."""
    if (place / "adapters" / "hotel" / "v1").is_dir():
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    make_base(place / "base", shape)
    make_adapter(place)


def make_base(folder: Path, shape: dict[str, int]) -> None:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    torch.manual_seed(0)
    BertModel(BertConfig(**shape)).save_pretrained(folder)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    marks = list("，。！？；：（）…“”～0123456789abcdefghijklmnopqrstuvwxyz")
    characters = [chr(0x4E00 + number) for number in range(shape["vocab_size"] - len(special) - len(marks))]
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in [*special, *marks, *characters]), "utf-8")
    BertTokenizer(str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)


def make_adapter(place: Path) -> None:
    import torch

    from lingyu.bases import Base, find_base
    from lingyu.lora.attaching import attach_lora
    from lingyu.lora.saving import save_adapter
    from lingyu.recipe import Lora
    from lingyu.store import BaseRecord, Store, VersionFacts

    found = find_base(str(place / "base"))
    base = Base("./base", None, found.folder)
    lora = Lora(r=RANK, lora_alpha=2.0 * RANK)
    model = attach_lora(base.load_classifier(LABELS), base, lora)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # zero, where training starts
            torch.nn.init.normal_(parameter, std=0.02)

    def write(folder: Path, version: str) -> VersionFacts:
        save_adapter(model, base, lora, folder, initial=None)
        (folder / "README.md").unlink(missing_ok=True)
        return VersionFacts(
            task="single_label",
            labels=LABELS,
            max_length=128,
            base=BaseRecord(
                id=base.id,
                weights_fingerprint=base.weights_fingerprint,
                tokenizer_fingerprint=base.tokenizer_fingerprint,
            ),
            data={},
        )

    Store(place / "adapters").publish("hotel", write, why="a benchmark")


if __name__ == "__main__":
    main()
