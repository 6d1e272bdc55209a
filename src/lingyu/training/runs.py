"""The folder of a run: `runs/<recipe name>/<time>-<short hash>/`, and finding one to resume.

recipe.yaml      resolved; a difference at --resume that would change a weight is an error that names the keys
run.json         what the run was started on, and whether it has finished
audit.json       what was found in the rows before training; audit.html shows the worst of them
metrics.jsonl    a line a log step and a measurement of dev
checkpoints/     Trainer's, each with complete.json once all its files are there
adapter/         PEFT's two files, once training has ended and they were proved; of a pretraining: base/, a whole base
model/           in its place where all weights were trained (method: full), beside it what was measured
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lingyu.data import in_one_go
from lingyu.digests import file_sha256
from lingyu.errors import LingyuError, did_you_mean
from lingyu.recipe import (
    RECIPE,
    RUNS,
    PretrainingRecipe,
    Recipe,
    differences,
    load_pretraining,
    load_recipe,
    resolved_yaml,
)

AnyRecipe = Recipe | PretrainingRecipe
_COMPLETE = "complete.json"


@dataclass(frozen=True)
class Inputs:
    """What a run was started on, beside its recipe. A resumed run must find the same.

    train, dev: fingerprints. dev: None where it is taken from what train stands for.
    """

    base_weights: str
    base_tokenizer: str
    train: str
    dev: str | None
    num_processes: int
    precision: str


@dataclass(frozen=True)
class Run:
    """version: what came of it, as a store or a folder of bases knows it; None until it has finished."""

    folder: Path
    inputs: Inputs
    version: str | None = None

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    @property
    def adapter(self) -> Path:
        """Is there once training has ended: what is left is to measure and publish it."""
        return self.folder / "adapter"

    @property
    def base(self) -> Path:
        """The same of a pretraining."""
        return self.folder / "base"

    @property
    def model(self) -> Path:
        """The same where all weights were trained, which is kept here."""
        return self.folder / "model"

    @property
    def is_finished(self) -> bool:
        return self.version is not None

    def finished(self, version: str) -> "Run":
        """Write down what came of it."""
        run = replace(self, version=version)
        run._write()
        return run

    def _write(self) -> None:
        content = json.dumps({"version": self.version, "inputs": asdict(self.inputs)}, indent=1)
        with in_one_go(self.folder / "run.json") as staged:
            staged.path.write_text(content + "\n", "utf-8")

    @property
    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint that was written to its end.

        Raises LingyuError where it, or the best one that it names, is not as it was written.
        """
        for folder in sorted(self.checkpoints.glob("checkpoint-*"), key=_step, reverse=True):
            if (folder / _COMPLETE).is_file():
                _check(folder)
                best = _read_json(folder / "trainer_state.json").get("best_global_step")
                if best is not None:
                    _check(self.checkpoints / f"checkpoint-{best}")
                return folder
        return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from working in the same folder. Raises LingyuError where one does."""
        lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise LingyuError(
                "another process works on this run", where=self.folder, next="Wait for it, or leave out --resume"
            ) from None
        try:
            yield
        finally:
            lock.release()


def start_run(recipe: AnyRecipe, inputs: Inputs, runs: Path = RUNS) -> Run:
    """A new folder for a run of the recipe."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = runs / recipe.name / f"{stamp}-{secrets.token_hex(2)}"
    folder.mkdir(parents=True)
    run = Run(folder, inputs)
    run.checkpoints.mkdir()
    _write_recipe(folder, recipe)
    run._write()
    return run


def find_run(recipe: AnyRecipe, which: str | None, runs: Path = RUNS) -> Run:
    """The run to resume: the one named, or the recipe's newest unfinished one.

    which: a folder, or a folder's name below runs/<recipe name>. Raises LingyuError where there is none, where it has
    finished, and where the recipe has changed since, naming the keys.
    """
    folder = _newest_unfinished(recipe, runs) if which is None else _named(recipe, which, runs)
    run = _read(folder)
    if run.is_finished:
        raise LingyuError(
            f"this run has finished as {run.version}", where=folder, next="Leave out --resume to start afresh"
        )
    load = load_recipe if isinstance(recipe, Recipe) else load_pretraining
    changed = differences(load(folder / RECIPE), recipe)
    if changed:
        raise LingyuError(
            f"cannot resume, the recipe has changed: {'; '.join(changed)}",
            where=folder,
            next="Put it back, or leave out --resume to start afresh. Nothing was changed",
        )
    return run


def find_or_start(recipe: AnyRecipe, inputs: Inputs, resume: bool, which: str | None) -> Run:
    """A new run, or to resume the one that `find_run` finds, by this recipe from now on.

    Raises LingyuError where it began with other inputs, and where another process works on it.
    """
    if not resume:
        return start_run(recipe, inputs)
    run = find_run(recipe, which)
    require_same_inputs(run, inputs)
    with run.held():
        _write_recipe(run.folder, recipe)
    return run


def _write_recipe(folder: Path, recipe: AnyRecipe) -> None:
    with in_one_go(folder / RECIPE) as staged:
        staged.path.write_text(resolved_yaml(recipe), "utf-8")


def require_same_inputs(run: Run, inputs: Inputs) -> None:
    """Raises LingyuError naming what is no longer as it was when the run started."""
    names = {
        "base_weights": "the base's weights",
        "base_tokenizer": "the base's tokenizer",
        "train": "the training rows or texts",
        "dev": "the dev rows",
        "num_processes": "the number of processes",
        "precision": "the precision",
    }
    before, now = asdict(run.inputs), asdict(inputs)
    changed = [
        f"{names[key]} (was {str(before[key])[:12]}, is {str(now[key])[:12]})"
        for key in names
        if before[key] != now[key]
    ]
    if changed:
        raise LingyuError(
            f"cannot resume, changed since the run started: {', '.join(changed)}",
            where=run.folder,
            next="Put it back, or leave out --resume to start afresh. Nothing was changed",
        )


def mark_complete(checkpoint: Path) -> None:
    """Say that every file of a checkpoint is there, with size and sum, once they are on the disk."""
    files = {}
    for file in sorted(p for p in checkpoint.rglob("*") if p.is_file() and p.name != _COMPLETE):
        name = file.relative_to(checkpoint)
        if name.parts[0].startswith("."):
            continue  # half of a mark, left by a process that was killed while it wrote one
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        files[str(name)] = digest
    with in_one_go(checkpoint / _COMPLETE) as staged:
        staged.path.write_text(json.dumps(files, indent=1), "utf-8")


def _check(checkpoint: Path) -> None:
    if not (checkpoint / _COMPLETE).is_file():
        raise LingyuError(
            "this checkpoint, the best on dev so far, is gone",
            where=checkpoint,
            next="Leave out --resume to start afresh",
        )
    for name, digest in _read_json(checkpoint / _COMPLETE).items():
        file = checkpoint / name
        if not file.is_file() or file_sha256(file) != digest:
            raise LingyuError(
                f"this checkpoint is corrupt: {name} is not as it was written",
                where=checkpoint,
                next="Remove that folder to resume from the checkpoint before it",
            )


def _newest_unfinished(recipe: AnyRecipe, runs: Path) -> Path:
    folders = sorted((p.parent for p in (runs / recipe.name).glob("*/run.json")), reverse=True)
    for folder in folders:
        if not _read(folder).is_finished:
            return folder
    raise LingyuError(
        "there is no unfinished run to resume", where=runs / recipe.name, next="Leave out --resume to start afresh"
    )


def _named(recipe: AnyRecipe, which: str, runs: Path) -> Path:
    for folder in (Path(which), runs / recipe.name / which):
        if (folder / "run.json").is_file():
            return folder
    near = did_you_mean(Path(which).name, [p.parent.name for p in (runs / recipe.name).glob("*/run.json")])
    raise LingyuError(
        "there is no such run",
        where=which,
        next=f"Did you mean {runs / recipe.name / near}?" if near else f"Runs lie in {runs / recipe.name}/",
    )


def _read(folder: Path) -> Run:
    content = _read_json(folder / "run.json")
    try:
        return Run(folder, Inputs(**content["inputs"]), content["version"])
    except (KeyError, TypeError):
        raise LingyuError("is not what a run writes", where=folder / "run.json", next="Start afresh") from None


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return content
    except ValueError:
        raise LingyuError("is not JSON", where=file, next="Remove its folder, or start afresh") from None


def _step(checkpoint: Path) -> int:
    number = checkpoint.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1
