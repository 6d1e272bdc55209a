"""A process that publishes: what the tests of the store start, limit and kill. Imports no torch.

python publisher.py publish STORE COUNT           publish hotel so many times
python publisher.py limited STORE BYTES           publish hotel where no file may get larger than BYTES
python publisher.py killed STORE KILLS SEED       kill -9 so many publishing children
"""

import json
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np

from lingyu.errors import exit_status
from lingyu.store import (
    ADAPTER_CONFIG,
    ANSWERS,
    HASHES,
    BaseRecord,
    LineageEntry,
    PartRecord,
    Store,
    VersionFacts,
    write_answers,
    write_hashes,
    write_tensors,
)

INTERVAL = {"value": 0.88, "low": 0.85, "high": 0.9}

FACTS = VersionFacts(
    task="single_label",
    labels=("负面", "正面"),
    max_length=256,
    base=BaseRecord(id="embedded", weights_fingerprint="9f2c41" + "0" * 58, tokenizer_fingerprint="77aa01" + "0" * 58),
    text_steps=("html", "control", "width"),
    data={
        "train": PartRecord(rows=6000, fingerprint="a" * 64),
        "dev": PartRecord(rows=780, fingerprint="b" * 64),
        "test": PartRecord(rows=776, fingerprint="c" * 64),
    },
    lineage=(LineageEntry(id="embedded", weights_fingerprint="9f2c41" + "0" * 58, note="a stand-in"),),
    packages={"torch": "2.13.0", "peft": "0.21.2"},
)


def write_hotel(folder: Path, version: str) -> VersionFacts:
    """A version with a file of every kind, small; its number stands in its card."""
    random_numbers = np.random.default_rng(7)
    matrix = random_numbers.normal(size=(64, 512)).astype(np.float32)
    hashes = random_numbers.integers(-(2**63), 2**63 - 1, size=8)
    write_tensors(folder / "adapter_model.safetensors", {"lora_A": matrix, "lora_B": -matrix.T}, {"format": "pt"})
    (folder / ADAPTER_CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 8, "auto_mapping": None}))
    (folder / "recipe.yaml").write_text("name: hotel\n")
    (folder / "README.md").write_text(f"# hotel {version}\n")
    (folder / "metrics.json").write_text(
        json.dumps({"test": {"rows": 776, "accuracy": INTERVAL, "macro_f1": INTERVAL, "ece": 0.03}})
    )
    (folder / "curves.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    write_hashes(folder / HASHES, train=hashes, dev=hashes[:2], test=hashes[2:4])
    write_answers(folder / ANSWERS, matrix[:2, :2], np.array([0, 1]), hashes[2:4])
    return FACTS


def publish(root: str, count: str) -> None:
    for _ in range(int(count)):
        Store(root).publish("hotel", write_hotel, why="a test")


def limited(root: str, size: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    publish(root, "1")


def killed(root: str, kills: str, seed: str) -> None:
    """At least so many kills, and on until one has left a trace that the next writer must clear up."""
    moments = random.Random(int(seed))
    started = time.monotonic()
    publish(root, "3")
    publishing_s = (time.monotonic() - started) / 3  # so that kills fall within the work on a slow machine too
    done, with_traces, left = 0, 0, False
    while done < int(kills) or not left:
        child = os.fork()
        if child == 0:
            publish(root, "1000000")
            os._exit(0)
        time.sleep(moments.uniform(0, 2 * publishing_s))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left = any(Path(root, "hotel").glob(".writing-*"))
        with_traces += left
        done += 1
    print(f"{with_traces} of {done} kills left a trace")


if __name__ == "__main__":
    mode, *arguments = sys.argv[1:]
    run = {"publish": publish, "limited": limited, "killed": killed}[mode]
    sys.exit(exit_status(lambda: run(*arguments)))
