"""What stages leave, and whether it is still as they left it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lingyu.errors import LingyuError
from lingyu.recipe import RECIPE, PretrainingRecipe, Recipe, load_pretraining, resolved_yaml
from lingyu.store import MANIFEST, AdapterReference, Store, Version

from .contents import base_fingerprint, corpus_fingerprint, file_fingerprint
from .sources import settings_of
from .state import Output


class Target(Protocol):
    """Where a stage leaves its output. place: the folder or file."""

    @property
    def place(self) -> Path: ...

    def left(self) -> Output | None:
        """What lies there now; None where it is nothing of the kind."""

    def is_of_recipe(self) -> bool:
        """Whether what lies there says that the stage's own recipe has made it, as far as it can say so."""

    def fault_of(self, output: Output) -> str | None:
        """Why an output is not as it was left, in words; None where it is."""


@dataclass(frozen=True)
class PlaceTarget:
    """A folder or file that holds one output: a corpus, a base, a measurement."""

    place: Path
    fingerprint: Callable[[Path], str | None]
    says_own: Callable[[Path], bool]

    def left(self) -> Output | None:
        try:
            found = self.fingerprint(self.place) if self.place.exists() else None
        except LingyuError:
            return None
        return None if found is None else Output(what=self.place.as_posix(), fingerprint=found)

    def is_of_recipe(self) -> bool:
        return self.says_own(self.place)

    def fault_of(self, output: Output) -> str | None:
        if Path(output.what) != self.place:
            return f"it left {output.what}, and is to leave {self.place.as_posix()}"
        if not self.place.exists():
            return f"{output.what} is gone"
        return None if self.left() == output else f"{output.what} is not as it left it"


def corpus_target(folder: Path) -> PlaceTarget:
    """Another corpus may have been built there, with other test texts left out, and a new one takes no time."""
    return PlaceTarget(folder, corpus_fingerprint, says_own=lambda _: False)


def base_target(recipe: PretrainingRecipe) -> PlaceTarget:
    def says_own(folder: Path) -> bool:
        try:
            return settings_of(load_pretraining(folder / RECIPE)) == settings_of(recipe)
        except (LingyuError, OSError):
            return False

    return PlaceTarget(Path(recipe.publish.to), _base_in, says_own)


def _base_in(folder: Path) -> str | None:
    """Of all that the next stage reads: its head and what it has learnt too. A folder is meant, whatever a hub has by
    that name."""
    return base_fingerprint(str(folder if folder.is_absolute() else f"./{folder}"), with_head=True)


def file_target(file: Path) -> PlaceTarget:
    """In the chain's own folder, where nobody else writes."""
    return PlaceTarget(file, file_fingerprint, says_own=lambda _: True)


@dataclass(frozen=True)
class AdapterTarget:
    """A store, which gets a version each time. The newest one that was trained by this very recipe counts."""

    store: Path
    recipe: Recipe

    @property
    def place(self) -> Path:
        return self.store / self.recipe.name

    def left(self) -> Output | None:
        return next((_output_of(version) for version in self._newest_first()), None)

    def is_of_recipe(self) -> bool:
        return self.left() is not None

    def _newest_first(self) -> Iterator[Version]:
        store, text = Store(self.store), resolved_yaml(self.recipe)
        for number in reversed(store.versions(self.recipe.name)):
            try:
                version = store.open(AdapterReference(self.recipe.name, number))
            except LingyuError:  # a damaged one is none that counts
                continue
            stored = version.folder / RECIPE
            if RECIPE in version.manifest.files and stored.read_text("utf-8") == text:
                yield version

    def fault_of(self, output: Output) -> str | None:
        try:
            version = Store(self.store).open(output.what)
        except LingyuError as error:
            return f"{output.what}: {error.what}"
        return None if _output_of(version) == output else f"{output.what} is not as it left it"


def _output_of(version: Version) -> Output:
    return Output(what=version.reference, fingerprint=file_fingerprint(version.folder / MANIFEST))
