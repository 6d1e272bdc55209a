"""The schema as a list of dotted keys: what suggestions, explanations and differences go by."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from .schema import Recipe, Section


def _section_class(field: FieldInfo) -> type[Section] | None:
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _walk(model: type[Section], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield prefix + name, field
        inner = _section_class(field)
        if inner is not None:
            yield from _walk(inner, f"{prefix}{name}.")


KEYS: dict[str, FieldInfo] = dict(_walk(Recipe, ""))
"""Every key of a recipe, sections among them, by its dotted name."""

SECTIONS: dict[str, type[Section]] = {
    "": Recipe,
    **{key: model for key, field in KEYS.items() if (model := _section_class(field)) is not None},
}
"""Every section by its dotted name; the recipe itself by the empty one."""


def join(section: str, key: str) -> str:
    return f"{section}.{key}" if section else key


def keys_of(section: str) -> list[str]:
    """The names of a section's keys, undotted, in the schema's order."""
    return list(SECTIONS[section].model_fields)


def values_of(recipe: Recipe) -> dict[str, Any]:
    """A recipe's values by dotted key, sections left out."""
    values: dict[str, Any] = {}
    for key in KEYS:
        if key not in SECTIONS:
            value: Any = recipe
            for name in key.split("."):
                value = getattr(value, name)
            values[key] = value
    return values
