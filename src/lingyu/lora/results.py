"""What a run leaves, and how it is read back as anyone would read it: an adapter of a store, or a whole model."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from accelerate import PartialState
from torch import nn

from lingyu.bases import Base, Classifier, Head
from lingyu.data import in_one_go
from lingyu.recipe import Recipe
from lingyu.store import Version
from lingyu.training import Run

from .publishing import Record, publish, write_measurements
from .saving import adapter_tensors, place_adapter, save_adapter, save_tensors
from .whole_model import load_whole, save_whole

_INITIAL = "initial.safetensors"


class Result(Protocol):
    """The form of what was trained. `noun`: what a person calls it."""

    @property
    def noun(self) -> str: ...

    def folder(self, run: Run) -> Path:
        """Where it lies once it was proved."""

    def begin(self, model: Any, recipe: Recipe, run: Run) -> None:
        """Before the first step: keep what it could not be made without."""

    def save(self, trained: Any, base: Base, recipe: Recipe, run: Run, folder: Path) -> None:
        """Write it for the base under the base's own name."""

    def load(self, folder: Path, head: Head, onto: Callable[[], Classifier], base: str) -> nn.Module:
        """The model as plain PEFT or transformers reads it, in eval mode. onto: what an adapter is put on."""

    def publish(self, record: Record, run: Run) -> Version | None:
        """The run has ended with it: a version, or left where it lies, with what was measured."""


class AdapterResult:
    """PEFT's two files, published as a version."""

    noun = "adapter"

    def folder(self, run: Run) -> Path:
        return run.adapter

    def begin(self, model: Any, recipe: Recipe, run: Run) -> None:
        """Where LoRA starts by changing the base, what it started from is needed to undo that."""
        file = run.folder / _INITIAL
        if recipe.lora.changes_base and PartialState().is_main_process and not file.is_file():
            with in_one_go(file) as staged:
                save_tensors(adapter_tensors(model), staged.path)

    def save(self, trained: Any, base: Base, recipe: Recipe, run: Run, folder: Path) -> None:
        initial = run.folder / _INITIAL if recipe.lora.changes_base else None
        save_adapter(trained, base, recipe.lora, folder, initial=initial)

    def load(self, folder: Path, head: Head, onto: Callable[[], Classifier], base: str) -> nn.Module:
        model: nn.Module = place_adapter(onto(), folder, base)
        return model

    def publish(self, record: Record, run: Run) -> Version:
        version = publish(record, run)
        run.finished(version.version)
        return version


class WholeModelResult:
    """A folder that transformers reads. It stays in its run: no store takes it in."""

    noun = "model"

    def folder(self, run: Run) -> Path:
        return run.model

    def begin(self, model: Any, recipe: Recipe, run: Run) -> None:
        """It needs nothing of how it began."""

    def save(self, trained: Any, base: Base, recipe: Recipe, run: Run, folder: Path) -> None:
        save_whole(trained, base, folder)

    def load(self, folder: Path, head: Head, onto: Callable[[], Classifier], base: str) -> nn.Module:
        return load_whole(folder, head)

    def publish(self, record: Record, run: Run) -> None:
        staged = run.folder / ".measured"  # no file is seen half-written; a run that goes on begins it anew
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
        write_measurements(record, staged)
        for file in staged.iterdir():
            file.replace(run.folder / file.name)
        staged.rmdir()
        run.finished(run.model.name)
