"""What the scripts of docs/results.md share: runs that leave one small JSON, and tables that are made from those."""

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lingyu.store import ANSWERS, Store, read_answers
from lingyu.tasks import SingleLabel

REPO = Path(__file__).resolve().parent.parent
RESULTS = REPO / "docs" / "results"
PAGE = REPO / "docs" / "results.md"
ADAPTERS = "adapters"
SEED_OF_BOOTSTRAP = 42

Labels = NDArray[np.int64]


def launch(script: str, *words: str, folder: Path = REPO) -> list[str]:
    """`accelerate launch SCRIPT ...` as a person types it; raises where it fails. Gives the command."""
    command = command_of(script, *words)
    print(" ".join(command), flush=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return command


def command_of(script: str, *words: str) -> list[str]:
    return ["accelerate", "launch", "-q", script, *words]


def make_workplace(folder: Path, adapter: str) -> Path:
    """A folder in which a run publishes to a store of its own, by the recipe as it stands.

    Versions that ship are there already: what a run publishes is the next one, and can be carried over as it is.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("train_lora.py", "recipes", "data", "bases"):
        (folder / name).symlink_to(REPO / name)
    if (REPO / ADAPTERS / adapter).exists():
        shutil.copytree(REPO / ADAPTERS / adapter, folder / ADAPTERS / adapter)
    return folder


def published_in(workplace: Path, adapter: str) -> Path:
    return Store(workplace / ADAPTERS).open(adapter).folder


def answers_of(version: Path) -> tuple[Labels, Labels]:
    """(predictions, labels) of a version's test rows, in the order of their sorted hashes."""
    answers = read_answers(version / ANSWERS)
    return answers.logits.argmax(axis=1), answers.labels


def packed(values: NDArray[Any]) -> str:
    """Numbers below 256 as base64, a byte each."""
    assert 0 <= values.min(initial=0) <= values.max(initial=0) < 256, "does not fit a byte"
    return base64.b64encode(values.astype(np.uint8).tobytes()).decode()


def unpacked(text: str) -> Labels:
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8).astype(np.int64)


def task_of(classes: int) -> SingleLabel:
    """What measures answers whose labels need no names."""
    return SingleLabel(tuple(map(str, range(classes))))


def write_between(begin: str, end: str, text: str) -> None:
    """Put the text between its marks in docs/results.md, and print it."""
    page = PAGE.read_text("utf-8")
    if begin not in page or end not in page.partition(begin)[2]:
        sys.exit(f"{PAGE}: no place for the tables. Put these two lines where they are to stand:\n{begin}\n{end}")
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", "utf-8")
    print(text)


def words_and_numbers(words: Sequence[str]) -> tuple[list[str], list[int]]:
    return [word for word in words if not word.isdigit()], [int(word) for word in words if word.isdigit()]
