"""The dev rows of a version, where its recipe finds them unchanged: what it was chosen by, and so no test."""

from dataclasses import dataclass
from pathlib import PurePath

from lingyu.data import Part, is_hub_set, load_splits
from lingyu.errors import LingyuError
from lingyu.recipe import RECIPE, Data, Recipe, load_stored_recipe
from lingyu.store import Version


@dataclass(frozen=True)
class DevRows:
    """are_those: whether the version was chosen by these very rows. source: the file, as the recipe names it."""

    part: Part
    are_those: bool
    source: str


def dev_rows_of(version: Version) -> Part:
    """The very rows that the version was chosen by. Raises LingyuError as dev_rows_now, and where they have changed."""
    found = dev_rows_now(version)
    if not found.are_those:
        raise LingyuError("the rows have changed since the training", where=found.source)
    return found.part


def dev_rows_now(version: Version) -> DevRows:
    """What the version's recipe gives as dev, read anew. Paths are taken from the folder that one stands in.

    Raises LingyuError, which names no folder of this machine, where they are not here.
    """
    recorded = version.manifest.data.get("dev")
    if recorded is None or RECIPE not in version.manifest.files:
        raise LingyuError(f"{version.reference} names no recipe")
    recipe = _recipe_of(version)
    data = recipe.data
    _require_local(data)
    dev = load_splits(data, recipe.task).dev
    return DevRows(dev, dev.fingerprint == recorded.fingerprint, data.dev or data.train)


def _recipe_of(version: Version) -> Recipe:
    try:
        return load_stored_recipe(version.folder / RECIPE)
    except LingyuError:
        raise LingyuError(f"the recipe of {version.reference} is none that this lingyu reads") from None


def _require_local(data: Data) -> None:
    """A recipe may come from elsewhere: nothing is fetched for it, and no path leads out of this folder."""
    for source in filter(None, (data.train, data.dev, data.test)):
        path = PurePath(source)
        if is_hub_set(source) or path.is_absolute() or ".." in path.parts:
            raise LingyuError("not a file below this folder", where=source)
