"""The three kinds of recipe, each known by one top-level key, and the dotted keys of each.

Suggestions, explanations and the reader go by these; a kind that is added here is read, checked and explained.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, get_args

from pydantic.fields import FieldInfo

from .chaining import ChainRecipe
from .pretraining import PretrainingRecipe
from .section import Section
from .training import Recipe

AnyRecipe = Recipe | PretrainingRecipe | ChainRecipe
AnySection = TypeVar("AnySection", bound=Section, covariant=True)


@dataclass(frozen=True)
class Kind(Generic[AnySection]):
    """One kind of recipe.

    key: the top-level key that only this kind has. does: what comes of it. command: what runs it, before its file.
    keys: every key, sections among them, by its dotted name. sections: every section by its dotted name, the recipe
    itself by the empty one. What stands in a list of sections has the list's name before it: stages.corpus.sources.
    """

    key: str
    does: str
    command: str
    model: type[AnySection]
    keys: Mapping[str, FieldInfo]
    sections: Mapping[str, type[Section]]

    def keys_of(self, section: str) -> list[str]:
        """The names of a section's keys, undotted, in the schema's order."""
        return list(self.sections[section].model_fields)

    def default_of(self, key: str) -> Any:
        """The value of a key that is left out together with its section."""
        section, _, name = key.rpartition(".")
        inherited = self.default_of(section) if section else None
        return getattr(inherited, name) if isinstance(inherited, Section) else self.keys[key].default


def _section_class(field: FieldInfo) -> type[Section] | None:
    """The class of a field that is a section, a section or nothing, or a list of sections."""
    for annotation in (field.annotation, *get_args(field.annotation)):
        if isinstance(annotation, type) and issubclass(annotation, Section):
            return annotation
    return None


def is_list_of_sections(field: FieldInfo) -> bool:
    return _section_class(field) is not None and Ellipsis in get_args(field.annotation)


def _walk(model: type[Section], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield prefix + name, field
        inner = _section_class(field)
        if inner is not None:
            yield from _walk(inner, f"{prefix}{name}.")


def _kind(key: str, does: str, command: str, model: type[AnySection]) -> Kind[AnySection]:
    keys = dict(_walk(model, ""))
    inner = {name: found for name, field in keys.items() if (found := _section_class(field)) is not None}
    return Kind(key, does, command, model, keys, {"": model, **inner})


TASK: Final = _kind("task", "trains an adapter", "python train_lora.py", Recipe)
DAPT: Final = _kind("dapt", "pretrains a base", "python dapt.py", PretrainingRecipe)
STAGES: Final = _kind("stages", "chains other recipes", "lingyu chain", ChainRecipe)

KINDS: Final[Mapping[str, Kind[AnyRecipe]]] = {kind.key: kind for kind in (TASK, DAPT, STAGES)}
"""By the key that tells; a file with several of them is of the first kind."""


def join(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key


def values_of(recipe: Section, prefix: str = "") -> dict[str, Any]:
    """A recipe's values by dotted key, sections left out. A list of sections is one value."""
    values: dict[str, Any] = {}
    for name in type(recipe).model_fields:
        value = getattr(recipe, name)
        if isinstance(value, Section):
            values |= values_of(value, f"{prefix}{name}.")
        else:
            values[prefix + name] = value
    return values
