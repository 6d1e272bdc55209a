"""A process that publishes: what the tests of the store start, limit and kill. Imports no torch.

python publisher.py publish STORE COUNT           publish hotel so many times
python publisher.py limited STORE BYTES           publish hotel where no file may get larger than BYTES
python publisher.py work STORE SEED STEPS         publish, promote, roll back, remove and read at random
python publisher.py replace STORE COUNT           publish and remove the one before, so many times
python publisher.py killed STORE KILLS SEED       kill -9 so many children that work
python publisher.py carriers STORE KILLS SEED     kill -9 so many children that take in versions of another store
"""

import json
import os
import random
import resource
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from lingyu.errors import LingyuError, exit_status
from lingyu.store import (
    ADAPTER_CONFIG,
    ANSWERS,
    HASHES,
    MANIFEST,
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
    (folder / ADAPTER_CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 8, "megatron_config": None}))
    (folder / "recipe.yaml").write_text("name: hotel\n")
    (folder / "README.md").write_text(f"# hotel {version}\n")
    (folder / "metrics.json").write_text(
        json.dumps({"test": {"rows": 776, "accuracy": INTERVAL, "macro_f1": INTERVAL, "ece": 0.03}})
    )
    (folder / "curves.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    write_hashes(folder / HASHES, train=hashes, dev=hashes[:2], test=hashes[2:4])
    write_answers(folder / ANSWERS, matrix[:2, :2], np.array([0, 1]), hashes[2:4])
    return FACTS


def write_small(folder: Path, version: str) -> VersionFacts:
    """A version of few files, which no other is like."""
    (folder / "README.md").write_text(f"# hotel {version} {secrets.token_hex(8)}\n")
    (folder / "metrics.json").write_text("{}")
    return FACTS


def publish(root: str, count: str) -> None:
    for _ in range(int(count)):
        Store(root).publish("hotel", write_hotel, why="a test")


def limited(root: str, size: str) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    publish(root, "1")


def work(root: str, seed: str, steps: str) -> None:
    """Random operations on hotel, a line of JSON each on stdout: what was done, and what the store answered."""
    for done in random_steps(Store(root), seed, int(steps)):
        print(json.dumps(done), flush=True)


def random_steps(store: Store, seed: str, count: int) -> Iterator[dict[str, str | None]]:
    choices = random.Random(seed)
    for _ in range(count):
        yield _step(store, choices)


def _step(store: Store, choices: random.Random) -> dict[str, str | None]:
    operation = choices.choice(["publish", "publish", "promote", "rollback", "remove", "read"])
    channel = choices.choice(["stable", "canary"])
    version = choices.choice(store.versions("hotel") or ("v1",))
    done: dict[str, str | None] = {"operation": operation, "channel": channel, "version": version, "refused": None}
    try:
        if operation == "publish":
            done["version"] = store.publish("hotel", write_small, channel=channel, why="a test").version
        elif operation == "promote":
            store.set_channel("hotel", channel, version, why="a test")
        elif operation == "rollback":
            done["version"] = store.rollback("hotel", channel, why="a test").version
        elif operation == "remove":
            store.remove("hotel", version, why="a test")
        else:
            opened = store.open(f"hotel@{choices.choice([version, channel])}")
            assert (opened.folder / "README.md").read_text().startswith(f"# hotel {opened.version} ")
    except LingyuError as error:
        done["refused"] = error.what
    except FileNotFoundError:  # what was opened was removed before its card was read
        assert operation == "read"
    return done


def replace(root: str, count: str) -> None:
    """Publish, and remove what was stable before, so many times."""
    store = Store(root)
    for _ in range(int(count)):
        before = store.find("hotel").selector
        store.publish("hotel", write_hotel, why="a test")
        store.remove("hotel", before, why="a test")


def carry(root: str, source: str) -> None:
    """Take in the versions of another store, each with a channel, and remove the others again, without end."""
    store = Store(root)
    while True:
        for version in Store(source).versions("hotel"):
            store.receive(Store(source).open(f"hotel@{version}"), channel="stable", why="a test")
            for other in set(store.versions("hotel")) - {version}:
                store.remove("hotel", other, why="a test")


def killed(root: str, kills: str, seed: str) -> None:
    _kill(root, int(kills), seed, _publishing_s(root), lambda done: work(root, f"{seed}/{done}", "1000000"))


def carriers(root: str, kills: str, seed: str) -> None:
    source = f"{root}-source"
    _kill(root, int(kills), seed, _publishing_s(source), lambda done: carry(root, source))


def _publishing_s(root: str) -> float:
    """How long a version takes to write, so that kills fall within the work on a slow machine too."""
    started = time.monotonic()
    publish(root, "3")
    return (time.monotonic() - started) / 3


def _kill(root: str, kills: int, seed: str, publishing_s: float, child_work: Callable[[int], None]) -> None:
    """At least so many kills, and on until one has left a trace that the next writer must clear up.

    After each the store must be whole, and no number may ever stand for two versions.
    """
    moments = random.Random(int(seed))
    done, with_traces, left = 0, 0, False
    seen: dict[str, bytes] = {}
    while done < kills or not left:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            child_work(done)
            os._exit(0)
        time.sleep(moments.uniform(0, 3 * publishing_s))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left = any(Path(root, "hotel").glob(".writing-*"))
        with_traces += left
        done += 1
        require_whole(Store(root), seen)
    print(f"{with_traces} of {done} kills left a trace; {len(seen)} versions were seen")


def require_whole(store: Store, seen: dict[str, bytes]) -> None:
    """Every listed version is whole and what its number always stood for; every channel names one of them."""
    versions = store.versions("hotel")
    for version in versions:
        manifest = (store.open(f"hotel@{version}").folder / MANIFEST).read_bytes()
        assert seen.setdefault(version, manifest) == manifest, f"{version} is another version than it was"
    assert set(store.channels("hotel").values()) <= set(versions)
    store.history("hotel")


if __name__ == "__main__":
    mode, *arguments = sys.argv[1:]
    run = {run.__name__: run for run in (publish, limited, work, replace, killed, carriers)}[mode]
    sys.exit(exit_status(lambda: run(*arguments)))
