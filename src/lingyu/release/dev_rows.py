"""The dev rows of a version, where its recipe finds them unchanged: what it was chosen by, and so no test."""

from pathlib import PurePath

from lingyu.data import Part, is_hub_set, load_splits
from lingyu.errors import LingyuError
from lingyu.recipe import Data, Recipe, load_recipe
from lingyu.store import Version

_RECIPE = "recipe.yaml"


def dev_rows_of(version: Version) -> Part:
    """The very rows that the version was chosen by, read anew. Paths are taken from the folder that one stands in.

    Raises LingyuError, which names no folder of this machine, where they are not here, or changed since.
    """
    recorded = version.manifest.data.get("dev")
    if recorded is None or _RECIPE not in version.manifest.files:
        raise LingyuError(f"{version.reference} names no recipe")
    recipe = _recipe_of(version)
    data = recipe.data
    _require_local(data)
    dev = load_splits(data, recipe.task).dev
    if dev.fingerprint != recorded.fingerprint:
        raise LingyuError("the rows have changed since the training", where=data.dev or data.train)
    return dev


def _recipe_of(version: Version) -> Recipe:
    try:
        return load_recipe(version.folder / _RECIPE)
    except LingyuError:
        raise LingyuError(f"the recipe of {version.reference} is none that this lingyu reads") from None


def _require_local(data: Data) -> None:
    """A recipe may come from elsewhere: nothing is fetched for it, and no path leads out of this folder."""
    for source in filter(None, (data.train, data.dev, data.test)):
        path = PurePath(source)
        if is_hub_set(source) or path.is_absolute() or ".." in path.parts:
            raise LingyuError("not a file below this folder", where=source)
