"""Reading a recipe: every fault of it at once, each with its file, line, key, and what to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lingyu.errors import LingyuError, did_you_mean

from . import phrases
from .chaining import ChainRecipe
from .document import Fault, MappingNode, Node, Place, ScalarNode, SequenceNode, read_document
from .kinds import DAPT, KINDS, STAGES, TASK, AnyRecipe, Kind, join
from .layers import Layers
from .pretraining import PretrainingRecipe
from .section import RulesError, Section
from .suggestions import next_step_for
from .training import Recipe

_Path = tuple[str | int, ...]
R = TypeVar("R", bound=Section)


@dataclass(frozen=True)
class Loaded(Generic[R]):
    """A recipe, and where each of its values was written.

    origins: dotted key -> "recipes/hotel.yaml:12" or "command line", for every value that is not the schema's default.
    The entries of a list of sections count from 0: stages.0.recipe; stages.0 is where the entry begins.
    """

    recipe: R
    origins: Mapping[str, str]


def is_recipe_file(name: str) -> bool:
    """By its ending, where a name may stand for a table, a corpus or a recipe."""
    return name.lower().endswith((".yaml", ".yml"))


def load_recipe(path: Path | str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a file with `task`. overrides: `train.num_train_epochs=3` and the like, of the command line.

    Raises Faults with everything that is wrong, in the order of the file; LingyuError for a file that is none. A recipe
    of another kind is one fault, which names its command; so with the other loaders.
    """
    return load_recipe_with_origins(path, overrides).recipe


def load_stored_recipe(path: Path) -> Recipe:
    """The recipe that lies in a version's folder, resolved when it was written. Raises as load_recipe does, and for
    `extends`: whoever made the version may be anybody, and would name any file of this machine."""
    root = read_document(path, "recipe").root
    if isinstance(root, MappingNode) and "extends" in root.entries:
        raise LingyuError("extends: the recipe of a version names no other", where=path)
    return load_recipe(path)


def load_recipe_with_origins(path: Path | str, overrides: Sequence[str] = ()) -> Loaded[Recipe]:
    """As load_recipe, with the place where each value was written."""
    return _load(path, overrides, TASK)


def load_pretraining(path: Path | str, overrides: Sequence[str] = ()) -> PretrainingRecipe:
    """The recipe of a file with `dapt`. Raises as load_recipe does."""
    return load_pretraining_with_origins(path, overrides).recipe


def load_pretraining_with_origins(path: Path | str, overrides: Sequence[str] = ()) -> Loaded[PretrainingRecipe]:
    """As load_pretraining, with the place where each value was written."""
    return _load(path, overrides, DAPT)


def load_chain_with_origins(path: Path | str) -> Loaded[ChainRecipe]:
    """The recipe of a file with `stages`, without reading the recipes it names. Raises as load_recipe does."""
    return _load(path, (), STAGES)


def load_any(path: Path | str, overrides: Sequence[str] = ()) -> AnyRecipe:
    """The recipe of a file of any kind. Raises as load_recipe does, and for overrides of a chain, which has none."""
    layers = Layers(Path(path), overrides)
    kind = kind_in(layers.root)
    if kind is STAGES and overrides:
        next_step = "Write it into the file, under set of the stage that runs the recipe"
        raise LingyuError(f"{overrides[0]}: a chain has no overrides", where=path, next=next_step)
    return _checked(layers, kind).recipe


def kind_in(root: MappingNode) -> Kind[AnyRecipe]:
    """The kind of a tree, by the key that tells, or by the one that is nearest to telling: dpat."""
    told = [key for key in KINDS if key in root.entries]
    near = [key for word in root.entries if (key := did_you_mean(word, KINDS))]
    return KINDS[next(iter(told or near), TASK.key)]


def _load(path: Path | str, overrides: Sequence[str], kind: Kind[R]) -> Loaded[R]:
    layers = Layers(Path(path), overrides)
    entries = layers.root.entries
    for other in KINDS.values():
        if other.key in entries and kind.key not in entries:
            what = f"{other.key}: a recipe that {other.does}, where one that {kind.does} belongs"
            fault = Fault(entries[other.key].place, what, f"Run it with: {other.command} {path}")
            raise layers.in_order([*layers.faults, fault])
    return _checked(layers, kind)


def _checked(layers: Layers, kind: Kind[R]) -> Loaded[R]:
    """The recipe of merged layers. Raises Faults with everything that is wrong."""
    faults = list(layers.faults)
    known = _without_unknown_keys(layers.root, kind, "", faults)
    try:
        recipe = kind.model.model_validate(_plain(known))
    except ValidationError as error:
        found = error.errors(include_url=False)
        if not layers.complete:
            found = [details for details in found if details["type"] != "missing"]
        faults += _faults(found, known, kind)
        raise layers.in_order(faults) from None
    if faults:
        raise layers.in_order(faults)
    return Loaded(recipe, dict(_origins(known, kind, "", "")))


def _without_unknown_keys(node: MappingNode, kind: Kind[Section], section: str, faults: list[Fault]) -> MappingNode:
    """A section's tree with its known keys only; the others become faults."""
    entries: dict[str, Node] = {}
    for key, inner in node.entries.items():
        dotted = join(section, key)
        if dotted not in kind.keys:
            faults.append(Fault(inner.place, f"{dotted}: no such key", next_step_for(kind, section, key)))
        elif dotted in kind.sections:
            entries[key] = _known_part(inner, kind, dotted, faults)
        else:
            entries[key] = inner
    return MappingNode(node.place, entries)


def _known_part(node: Node, kind: Kind[Section], section: str, faults: list[Fault]) -> Node:
    """What stands where a section belongs, or a list of them, with known keys only."""
    if isinstance(node, MappingNode):
        return _without_unknown_keys(node, kind, section, faults)
    if isinstance(node, SequenceNode):
        return SequenceNode(node.place, tuple(_known_part(item, kind, section, faults) for item in node.items))
    return node


def _plain(node: Node, dotted: str = "") -> Any:
    """A tree as plain data. A list of labels stays as written, as mapping keys do: 007 is not 7."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, MappingNode):
        return {key: _plain(inner, join(dotted, key)) for key, inner in node.entries.items()}
    if dotted == "data.labels" or dotted.endswith(".data.labels"):
        return [item.text if isinstance(item, ScalarNode) else _plain(item) for item in node.items]
    return [_plain(item, dotted) for item in node.items]


def _faults(errors: Sequence[ErrorDetails], root: MappingNode, kind: Kind[Section]) -> Iterator[Fault]:
    """Pydantic's errors as faults. A value of several allowed kinds has one error a kind there, and one fault here."""
    by_path: dict[_Path, list[ErrorDetails]] = {}
    for details in errors:
        path, _ = _locate(details["loc"], root, keeps_rest=details["type"] == "missing")
        by_path.setdefault(path, []).append(details)
    for path, found in by_path.items():
        if any(len(other) > len(path) and other[: len(path)] == path for other in by_path):
            continue  # the same value's other kinds; what is wrong inside it says more
        yield from _faults_at(path, found, root, kind)


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


def _faults_at(path: _Path, found: Sequence[ErrorDetails], root: MappingNode, kind: Kind[Section]) -> Iterator[Fault]:
    dotted = ".".join(part for part in path if isinstance(part, str))
    _, node = _locate(path, root)
    first = found[0]
    broken = first.get("ctx", {}).get("error")
    if isinstance(broken, RulesError):
        for key, what in broken.rules:
            yield Fault(_place_of((*path, *key.split(".")), root), f"{join(dotted, key)}: {what}")
        return
    if first["type"] == "missing":
        what, next_step = phrases.missing(kind, dotted)
    elif dotted.startswith("data.labels.") and first["type"] == "string_type" and _is_number(node):
        what, next_step = phrases.reversed_label(node)
    elif dotted == "data.label_separator" and first["type"] == "string_too_short":
        what, next_step = phrases.no_separator()
    elif len(found) > 1:
        what, next_step = phrases.none_of_the_kinds(node, [(each["type"], each.get("ctx", {})) for each in found])
    else:
        what, next_step = phrases.in_words(first["type"], node, first.get("ctx", {}))
    yield Fault(_place_of(path, root) if first["type"] == "missing" else node.place, f"{dotted}: {what}", next_step)


def _is_number(node: Node) -> bool:
    return isinstance(node, ScalarNode) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _place_of(path: _Path, root: MappingNode) -> Place:
    """Where a key is written, or else its section, or else the top of the file."""
    place = Place(root.place.source, 1)
    for length in range(1, len(path) + 1):
        reached, node = _locate(path[:length], root)
        if len(reached) < length:
            break
        place = node.place
    return place


def _origins(node: Node, kind: Kind[Section], section: str, path: str) -> Iterator[tuple[str, str]]:
    """section: the dotted name in the schema; path: the same with the places in lists."""
    if isinstance(node, MappingNode) and section in kind.sections:
        for key, inner in node.entries.items():
            yield from _origins(inner, kind, join(section, key), join(path, key))
    elif isinstance(node, SequenceNode) and section in kind.sections:
        for index, item in enumerate(node.items):
            yield f"{path}.{index}", str(item.place)
            yield from _origins(item, kind, section, f"{path}.{index}")
    else:
        yield path, str(node.place)
