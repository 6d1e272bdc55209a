"""Reading a recipe: every fault of it at once, each with its file, line, key, and what to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from . import phrases
from .document import Fault, MappingNode, Node, Place, ScalarNode, SequenceNode
from .keys import KEYS, SECTIONS, join
from .layers import Layers
from .schema import Recipe, RulesError
from .suggestions import next_step_for

_OTHER_KINDS = {"dapt": "pretraining", "stages": "chains of stages"}

_Path = tuple[str | int, ...]


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe, and where each of its values was written.

    origins: dotted key -> "recipes/hotel.yaml:12" or "command line", for every value that is not the schema's default.
    """

    recipe: Recipe
    origins: Mapping[str, str]


def load_recipe(path: Path | str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a file. overrides: `train.num_train_epochs=3` and the like, of the command line.

    Raises Faults with everything that is wrong, in the order of the file; LingyuError for a file that is none.
    """
    return load_recipe_with_origins(path, overrides).recipe


def load_recipe_with_origins(path: Path | str, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """As load_recipe, with the place where each value was written."""
    layers = Layers(Path(path), overrides)
    _refuse_other_kinds(layers)
    faults = list(layers.faults)
    known = _without_unknown_keys(layers.root, "", faults)
    try:
        recipe = Recipe.model_validate(_plain(known))
    except ValidationError as error:
        found = error.errors(include_url=False)
        if not layers.complete:
            found = [details for details in found if details["type"] != "missing"]
        faults += _faults(found, known)
        raise layers.in_order(faults) from None
    if faults:
        raise layers.in_order(faults)
    return LoadedRecipe(recipe, dict(_origins(known, "")))


def _refuse_other_kinds(layers: Layers) -> None:
    entries = layers.root.entries
    for key, what in _OTHER_KINDS.items():
        if key in entries and "task" not in entries:
            next_step = "A recipe with task: trains an adapter"
            fault = Fault(entries[key].place, f"{key}: {what} is not in this version, which trains only", next_step)
            raise layers.in_order([*layers.faults, fault])


def _without_unknown_keys(node: MappingNode, section: str, faults: list[Fault]) -> MappingNode:
    """A section's tree with its known keys only; the others become faults."""
    entries: dict[str, Node] = {}
    for key, inner in node.entries.items():
        dotted = join(section, key)
        if dotted not in KEYS:
            faults.append(Fault(inner.place, f"{dotted}: no such key", next_step_for(section, key)))
        elif dotted in SECTIONS and isinstance(inner, MappingNode):
            entries[key] = _without_unknown_keys(inner, dotted, faults)
        else:
            entries[key] = inner
    return MappingNode(node.place, entries)


def _plain(node: Node, dotted: str = "") -> Any:
    """A tree as plain data. A list of labels stays as written, as mapping keys do: 007 is not 7."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, MappingNode):
        return {key: _plain(inner, join(dotted, key)) for key, inner in node.entries.items()}
    if dotted == "data.labels":
        return [item.text if isinstance(item, ScalarNode) else _plain(item) for item in node.items]
    return [_plain(item) for item in node.items]


def _faults(errors: Sequence[ErrorDetails], root: MappingNode) -> Iterator[Fault]:
    """Pydantic's errors as faults. A value of several allowed kinds has one error a kind there, and one fault here."""
    by_path: dict[_Path, list[ErrorDetails]] = {}
    for details in errors:
        path, _ = _locate(details["loc"], root, keeps_rest=details["type"] == "missing")
        by_path.setdefault(path, []).append(details)
    for path, found in by_path.items():
        if any(len(other) > len(path) and other[: len(path)] == path for other in by_path):
            continue  # the same value's other kinds; what is wrong inside it says more
        yield from _faults_at(path, found, root)


def _locate(loc: Sequence[str | int], root: Node, keeps_rest: bool = False) -> tuple[_Path, Node]:
    """The path of an error in the tree, and its value. Pydantic's names for the kinds of a union are left out of it."""
    path: list[str | int] = []
    node = root
    for part in loc:
        if isinstance(node, MappingNode) and str(part) in node.entries:
            node = node.entries[str(part)]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        elif not keeps_rest:
            continue
        path.append(part)
    return tuple(path), node


def _faults_at(path: _Path, found: Sequence[ErrorDetails], root: MappingNode) -> Iterator[Fault]:
    dotted = ".".join(part for part in path if isinstance(part, str))
    _, node = _locate(path, root)
    first = found[0]
    broken = first.get("ctx", {}).get("error")
    if isinstance(broken, RulesError):
        for key, what in broken.rules:
            yield Fault(_place_of(join(dotted, key), root), f"{join(dotted, key)}: {what}")
        return
    if first["type"] == "missing":
        what, next_step = phrases.missing(dotted)
    elif dotted.startswith("data.labels.") and first["type"] == "string_type" and _is_number(node):
        what, next_step = phrases.reversed_label(node)
    elif len(found) > 1:
        what, next_step = phrases.none_of_the_kinds(node, [(each["type"], each.get("ctx", {})) for each in found])
    else:
        what, next_step = phrases.in_words(first["type"], node, first.get("ctx", {}))
    yield Fault(_place_of(dotted, root) if first["type"] == "missing" else node.place, f"{dotted}: {what}", next_step)


def _is_number(node: Node) -> bool:
    return isinstance(node, ScalarNode) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _place_of(dotted: str, root: MappingNode) -> Place:
    """Where a key is written, or else its section, or else the top of the file."""
    node: Node = root
    place = Place(root.place.source, 1)
    for name in dotted.split("."):
        if not isinstance(node, MappingNode) or name not in node.entries:
            break
        node = node.entries[name]
        place = node.place
    return place


def _origins(node: MappingNode, section: str) -> Iterator[tuple[str, str]]:
    for key, inner in node.entries.items():
        dotted = join(section, key)
        if dotted in SECTIONS and isinstance(inner, MappingNode):
            yield from _origins(inner, dotted)
        else:
            yield dotted, str(inner.place)
