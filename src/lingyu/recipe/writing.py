"""A recipe as text: resolved, compared, as a JSON Schema for editors, and key by key for people."""

import json
import re
from typing import Any

from lingyu.errors import LingyuError

from .document import scalar_value
from .keys import KEYS, SECTIONS, join, keys_of, values_of
from .schema import Recipe
from .suggestions import next_step_for_dotted

_BARE = re.compile(r"[^\W\d_](?:[\w./()（）-]| (?=[\w(（]))*")
_YAML_1_1_WORDS = {"y", "n", "yes", "no", "on", "off"}  # other readers take these for true and false


def resolved_yaml(recipe: Recipe) -> str:
    """A recipe with every key. load_recipe reads it back to an equal recipe, labels in the same order."""
    return "\n".join(_block(recipe.model_dump(), "")) + "\n"


def _block(mapping: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for key, value in mapping.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{_scalar(key)}:", *_block(value, indent + "  ")]
        else:
            lines.append(f"{indent}{_scalar(key)}: {_inline(value)}")
    return lines


def _inline(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    return "{}" if isinstance(value, dict) else _scalar(value)


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    is_bare = _BARE.fullmatch(value) and value.isprintable() and value.lower() not in _YAML_1_1_WORDS
    return value if is_bare and isinstance(scalar_value(value), str) else _quoted(value)


def _quoted(text: str) -> str:
    """In quotation marks, with what can't be seen as an escape."""
    return '"' + "".join(char if char.isprintable() and char not in '"\\' else _escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    return "\\" + char if char in '"\\' else f"\\U{ord(char):08X}"


def differences(one: Recipe, other: Recipe) -> list[str]:
    """The dotted keys whose values differ. The order of the labels counts: it is that of the logits."""
    ones, others = values_of(one), values_of(other)
    return [key for key in ones if _ordered(key, ones[key]) != _ordered(key, others[key])]


def _ordered(key: str, value: Any) -> Any:
    return list(value.items()) if key == "data.labels" else value


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a recipe's file, for editors.

    What a recipe needs is asked of a file that names itself and extends none: a parent may be partial.
    """
    schema = Recipe.model_json_schema(mode="validation")
    required = schema.pop("required")
    for section in schema["$defs"].values():
        section.pop("required", None)
    extends = {
        "type": "string",
        "description": "A recipe, relative to this file, whose values hold where this one has none. "
        "Mappings merge, lists replace; data.labels replaces whole.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A recipe of Lingyu",
        "type": "object",
        "properties": {"extends": extends, **schema["properties"]},
        "additionalProperties": False,
        "if": {"anyOf": [{"required": ["name"]}, {"required": ["task"]}], "not": {"required": ["extends"]}},
        "then": {"required": required},
        "$defs": schema["$defs"],
    }


def explain(key: str) -> str:
    """What a key or section is: its type, its default, its description. Raises LingyuError for an unknown one."""
    if key in SECTIONS:
        head = [f"{key}: {KEYS[key].description}"] if key else []
        return "\n".join(head + [_explain_key(join(key, name)) for name in keys_of(key)])
    if key in KEYS:
        return _explain_key(key)
    raise LingyuError(f"{key}: no such key", next=next_step_for_dotted(key))


def _explain_key(key: str) -> str:
    if key in SECTIONS:
        return f"{key}: a section of {', '.join(keys_of(key))}\n    {KEYS[key].description}"
    section, _, name = key.rpartition(".")
    schema = SECTIONS[section].model_json_schema(mode="validation")
    field = KEYS[key]
    default = "needed" if field.is_required() else f"default {_inline(field.default)}"
    return (
        f"{key}: {_type_words(schema['properties'][name], schema.get('$defs', {}))}; {default}\n    {field.description}"
    )


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
        return f"mapping to {_type_words(schema['additionalProperties'], definitions)}"
    bounds = [f"{words} {schema[bound]:.10g}" for bound, words in _BOUNDS.items() if bound in schema]
    return " ".join([_TYPES[schema["type"]], *([", ".join(bounds)] if bounds else [])])
