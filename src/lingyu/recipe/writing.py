"""A recipe as text: resolved, compared, as a JSON Schema for editors, and key by key for people."""

import json
import math
import re
from collections.abc import Container
from functools import cache
from typing import Any, Final

from lingyu.errors import LingyuError

from .chaining import Stage
from .document import scalar_value
from .kinds import DAPT, KINDS, STAGES, TASK, AnyRecipe, Kind, is_list_of_sections, join, values_of
from .schema import Card
from .section import Section
from .suggestions import next_step_for_dotted
from .task_rules import default_by_task, type_by_task

_BARE = re.compile(r"[^\W\d_](?:[\w./()（）-]| (?=[\w(（]))*")
_WHOLE_PATH = re.compile(r"[/~\\]|[A-Za-z]:[/\\]")
_YAML_1_1_WORDS = {"y", "n", "yes", "no", "on", "off"}  # other readers take these for true and false


def resolved_yaml(recipe: AnyRecipe) -> str:
    """A recipe with every key. Its loader reads it back to an equal recipe, labels in the same order."""
    return "\n".join(_block(recipe.model_dump(), "")) + "\n"


def overrides_of(stage: Stage) -> list[str]:
    """What a stage sets, as overrides of its recipe: `train.seed=1`."""
    return [f"{key}={_flow(value)}" for key, value in stage.set.items()]


def _block(mapping: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for key, value in mapping.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{_scalar(key)}:", *_block(value, indent + "  ")]
        elif isinstance(value, tuple) and value and isinstance(value[0], dict):
            lines += [f"{indent}{_scalar(key)}:", *_entries(value, indent + "  ")]
        else:
            lines.append(f"{indent}{_scalar(key)}: {_flow(value)}")
    return lines


def _entries(mappings: tuple[dict[str, Any], ...], indent: str) -> list[str]:
    """A list of mappings, each behind a dash."""
    lines = []
    for mapping in mappings:
        first, *rest = _block(mapping, indent + "  ")
        lines += [f"{indent}- {first.lstrip()}", *rest]
    return lines


def _flow(value: object) -> str:
    """Any value on one line."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    return _scalar(value)


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    if not isinstance(value, str):
        return repr(value)
    is_bare = _BARE.fullmatch(value) and value.isprintable() and value.lower() not in _YAML_1_1_WORDS
    return value if is_bare and isinstance(scalar_value(value), str) else _quoted(value)


def _quoted(text: str) -> str:
    """In quotation marks, with what can't be seen as an escape."""
    return '"' + "".join(char if char.isprintable() and char not in '"\\' else _escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    return "\\" + char if char in '"\\' else f"\\U{ord(char):08X}"


ONLY_TOLD: Final = frozenset(
    ["report_to", "publish.replace", "train.logging_steps", "train.save_total_limit"]
    + [f"card.{name}" for name in Card.model_fields]
)
"""The dotted keys that change no weight, so that a word of the card costs no hours."""


def differences(one: AnyRecipe, other: AnyRecipe) -> list[str]:
    """The dotted keys whose values differ, of two recipes of one kind, but for those that change no weight.

    The order of the labels counts: it is that of the logits. Stages are one value.
    """
    ones, others = values_of(one), values_of(other)
    return [key for key in ones if key not in ONLY_TOLD and _ordered(key, ones[key]) != _ordered(key, others[key])]


def deviations(recipe: AnyRecipe, also: Container[str] = ()) -> dict[str, str]:
    """The dotted keys whose values are not the defaults, and those of `also`, each with its value on one line."""
    kind = next(kind for kind in KINDS.values() if isinstance(recipe, kind.model))
    values = values_of(recipe).items()
    return {key: _flow(value) for key, value in values if key in also or value != kind.default_of(key)}


_PATHS: Final = frozenset(
    ["base", "data.train", "data.dev", "data.test", "publish.to"]
    + [f"dapt.{name}" for name in ("corpus", "general", "exclude", "user_dict", "vocabulary_from")]
)
"""The dotted keys whose values may be files or folders."""


def path_notes(recipe: AnyRecipe) -> list[str]:
    """A note where values are whole paths of this machine: the recipe is kept word for word with what is trained, since
    a chain and --resume know their own by it, and goes wherever that goes.
    """
    values = values_of(recipe).items()
    keys = [key for key, value in values if key in _PATHS and any(map(_WHOLE_PATH.match, _texts_in(value)))]
    if not keys:
        return []
    kept = f"what is trained keeps its recipe, and so the paths of this machine in {', '.join(keys)}"
    return [f"{kept}; written as seen from the folder you are in, they would tell nothing of it"]


def _texts_in(value: object) -> list[str]:
    return [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, str)]


def _ordered(key: str, value: Any) -> Any:
    return list(value.items()) if key == "data.labels" else value


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a recipe's file of any kind, for editors.

    The kind is the one of the top-level key that tells. What a recipe needs is asked of a file that names itself and
    extends none: a parent may be partial.
    """
    definitions: dict[str, Any] = {}
    for kind in KINDS.values():
        definitions |= _definitions(kind)
    told: dict[str, Any] = _reference(TASK)
    for kind in (STAGES, DAPT, TASK):
        told = {"if": {"required": [kind.key]}, "then": _reference(kind), "else": told}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A recipe of Lingyu",
        "type": "object",
        **told,
        "$defs": definitions,
    }


_EXTENDS = {
    "type": "string",
    "description": "A recipe, relative to this file, whose values hold where this one has none. "
    "Mappings merge, lists replace; data.labels replaces whole.",
}


def _reference(kind: Kind[Section]) -> dict[str, str]:
    return {"$ref": f"#/$defs/{kind.model.__name__}"}


def _definitions(kind: Kind[Section]) -> dict[str, Any]:
    """The definitions of a kind's sections by the names of their classes, the recipe itself among them."""
    schema = kind.model.model_json_schema(mode="validation")
    sections: dict[str, Any] = schema.get("$defs", {})
    if kind is not STAGES:  # a list of stages is replaced whole, so each of them is
        for section in sections.values():
            section.pop("required", None)
    recipe = {
        "type": "object",
        "description": f"A recipe that {kind.does}.",
        "properties": {"extends": _EXTENDS, **schema["properties"]},
        "additionalProperties": False,
        "if": {"required": ["name"], "not": {"required": ["extends"]}},
        "then": {"required": schema["required"]},
    }
    return {kind.model.__name__: recipe, **sections}


def explain(key: str) -> str:
    """What a key or section is: its type, its default, its description, for each kind of recipe that has it.

    Raises LingyuError for a key that none has.
    """
    if key == "extends":  # of the file, and no field of a recipe
        return f"extends: text\n    {_EXTENDS['description']}"
    texts: dict[str, str] = {}
    for kind in KINDS.values():
        if key in kind.sections or key in kind.keys:
            texts.setdefault(_explain(kind, key), kind.key)
    if not texts:
        raise LingyuError(f"{key}: no such key", next=next_step_for_dotted(key))
    first, *others = texts
    return "\n".join([first, *(f"In a recipe with {texts[text]}:\n{text}" for text in others)])


@cache
def _schema_of(section: type[Section]) -> dict[str, Any]:
    return section.model_json_schema(mode="validation")


def _explain(kind: Kind[Section], key: str) -> str:
    if key not in kind.sections:
        return _explain_key(kind, key)
    head = [f"{key}: {kind.keys[key].description}{_example_of(kind, key)}"] if key else []
    return "\n".join(head + [_explain_key(kind, join(key, name)) for name in kind.keys_of(key)])


def _explain_key(kind: Kind[Section], key: str) -> str:
    field = kind.keys[key]
    if key in kind.sections:
        what = "a list of sections" if is_list_of_sections(field) else "a section"
        return f"{key}: {what} of {', '.join(kind.keys_of(key))}\n    {field.description}{_example_of(kind, key)}"
    section, _, name = key.rpartition(".")
    schema = _schema_of(kind.sections[section])
    default = "needed" if field.is_required() else f"default {_flow(kind.default_of(key))}"
    type_words = _type_words(schema["properties"][name], schema.get("$defs", {}))
    if kind is TASK:
        type_words, default = type_by_task().get(key, type_words), default_by_task(key, default)
    return f"{key}: {type_words}; {default}\n    {field.description}{_example_of(kind, key)}"


def _example_of(kind: Kind[Section], key: str) -> str:
    """A line with an example of a key whose value has parts, where the schema has one."""
    example = next((value for value in kind.keys[key].examples or () if isinstance(value, dict | list)), None)
    return "" if example is None else f"\n    Example: {key.rpartition('.')[2]}: {_flow(example)}"


_TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
_BOUNDS = {
    "exclusiveMinimum": "more than",
    "minimum": "at least",
    "exclusiveMaximum": "less than",
    "maximum": "at most",
}


def _type_words(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type_words(kind, definitions) for kind in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return " or ".join(
            json.dumps(choice, ensure_ascii=False).strip('"') for choice in schema.get("enum", [schema.get("const")])
        )
    if schema.get("type") == "array":
        return f"list of {_type_words(schema['items'], definitions)}"
    if schema.get("type") == "object":
        values = schema["additionalProperties"]
        return "mapping" if values is True else f"mapping to {_type_words(values, definitions)}"
    bounds = [f"{words} {schema[bound]:.10g}" for bound, words in _BOUNDS.items() if bound in schema]
    return " ".join([_TYPES[schema["type"]], *([", ".join(bounds)] if bounds else [])])
