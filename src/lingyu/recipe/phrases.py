"""What pydantic found, in plain words: the value that is there, and what would do."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lingyu.errors import did_you_mean

from .document import MappingNode, Node, ScalarNode, SequenceNode, scalar_value
from .kinds import Kind, is_list_of_sections, join
from .section import Section

Phrase = tuple[str, str | None]
"""What is wrong, and what to do next."""

_LONGEST_SHOWN = 60


def shown(node: Node) -> str:
    """A value as a message shows it."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    if node.value is None:
        return "nothing"
    text = node.text if len(node.text) <= _LONGEST_SHOWN else node.text[: _LONGEST_SHOWN - 1] + "…"
    return json.dumps(text, ensure_ascii=not text.isprintable()) if isinstance(node.value, str) else text


def _choices(expected: str) -> list[str]:
    return re.findall(r"'([^']*)'", expected)


def _not_a_whole_number(node: Node, context: Mapping[str, Any]) -> Phrase:
    return f"{shown(node)} is not a whole number", _in_digits(node, "3")


def _not_a_number(node: Node, context: Mapping[str, Any]) -> Phrase:
    return f"{shown(node)} is not a number", _in_digits(node, "0.1 or 1e-4")


def _not_a_finite_number(node: Node, context: Mapping[str, Any]) -> Phrase:
    return f"{shown(node)} is not a finite number", _in_digits(node, "0.1 or 1e-4")


def _in_digits(node: Node, example: str) -> str:
    """What to do where a number belongs."""
    if isinstance(node, ScalarNode) and isinstance(node.value, str) and type(scalar_value(node.text)) in (int, float):
        return "Leave out the quotation marks"
    return f"Write it in digits, for instance {example}"


def _not_a_truth_value(node: Node, context: Mapping[str, Any]) -> Phrase:
    word = node.text.lower() if isinstance(node, ScalarNode) else ""
    meant = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}.get(word, word)
    next_step = f"Write {meant}" if meant in ("true", "false") else None
    return f"{shown(node)} is neither true nor false", next_step


def _not_text(node: Node, context: Mapping[str, Any]) -> Phrase:
    if not isinstance(node, ScalarNode):
        return f"{shown(node)} is not text", None
    if node.value is None:
        return "nothing stands here, where text belongs", None
    return f"{node.text} is not text", f'In quotation marks it is: "{node.text}"'


def _not_a_choice(node: Node, context: Mapping[str, Any]) -> Phrase:
    choices = _choices(str(context["expected"]))
    near = did_you_mean(node.text, choices) if isinstance(node, ScalarNode) else None
    if len(choices) == 1:
        return f"{shown(node)} will not do", f"Write {choices[0]}"
    return f"{shown(node)} is not one of {', '.join(choices)}", f"Did you mean {near}?" if near else None


def _not_a_list(node: Node, context: Mapping[str, Any]) -> Phrase:
    if isinstance(node, MappingNode):
        return f"{shown(node)} is not a list", "Begin each entry with a dash and a blank"
    example = f"[{node.text}]" if isinstance(node, ScalarNode) and node.value is not None else "[one, another]"
    return f"{shown(node)} is not a list", f"Write it in brackets: {example}"


def _too_few(node: Node, context: Mapping[str, Any]) -> Phrase:
    return "an empty list", f"Give at least {context['min_length']}"


def _not_a_mapping(node: Node, context: Mapping[str, Any]) -> Phrase:
    return f"{shown(node)} is not a mapping", "Write key: value pairs under it"


def _not_a_name(node: Node, context: Mapping[str, Any]) -> Phrase:
    rule = "Small letters, digits, _ and - make one, at most 64, a letter or digit first"
    return f"{shown(node)} is not a name", rule


def _bound(words: str, key: str) -> Callable[[Node, Mapping[str, Any]], Phrase]:
    return lambda node, context: (f"{shown(node)} will not do", f"It has to be {words} {context[key]:.10g}")


_PHRASES: dict[str, Callable[[Node, Mapping[str, Any]], Phrase]] = {
    "int_type": _not_a_whole_number,
    "int_from_float": _not_a_whole_number,
    "float_type": _not_a_number,
    "finite_number": _not_a_finite_number,
    "bool_type": _not_a_truth_value,
    "string_type": _not_text,
    "string_unicode": lambda node, context: ("half a character (a lone surrogate) is no text", None),
    "string_too_short": lambda node, context: ("nothing stands between the quotation marks", None),
    "string_pattern_mismatch": _not_a_name,
    "literal_error": _not_a_choice,
    "tuple_type": _not_a_list,
    "too_short": _too_few,
    "dict_type": _not_a_mapping,
    "model_type": _not_a_mapping,
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "value_error": lambda node, context: (str(context["error"]), None),
}
"""By pydantic's error type. A test tries to find one that is missing here."""

_WANTED = {
    "bool_type": ["true", "false"],
    "tuple_type": ["a list"],
    "dict_type": ["a mapping"],
    "string_type": ["text"],
}


def in_words(error_type: str, node: Node, context: Mapping[str, Any]) -> Phrase:
    """The phrase for one error of pydantic's. node: the value it is about."""
    return _PHRASES[error_type](node, context)


def none_of_the_kinds(node: Node, errors: list[tuple[str, Mapping[str, Any]]]) -> Phrase:
    """The phrase for a value that may be of several kinds and is of none. errors: (type, context), one a kind."""
    for error_type, context in errors:
        if error_type != "literal_error" and error_type not in _WANTED:
            return in_words(error_type, node, context)  # of this kind, and wrong in itself
    wanted: list[str] = []
    for error_type, context in errors:
        kinds = _choices(str(context["expected"])) if error_type == "literal_error" else _WANTED[error_type]
        wanted += [kind for kind in kinds if kind not in wanted]
    near = did_you_mean(node.text, wanted) if isinstance(node, ScalarNode) else None
    listed = f"{', '.join(wanted[:-1])} or {wanted[-1]}"
    return f"{shown(node)} will not do", f"Did you mean {near}?" if near else f"Write {listed}"


def reversed_label(node: Node) -> Phrase:
    """The phrase for a label's name that is a number: label2id is the other way round."""
    number = node.text if isinstance(node, ScalarNode) else "0"
    what = f"{shown(node)} is not a label's name"
    return what, f'The value in the file comes first, then the name; if {number} is the name, write "{number}"'


def no_separator() -> Phrase:
    """The phrase for an empty data.label_separator: unquoted, | and > are YAML's marks of a text of several lines."""
    return "an empty text separates nothing", 'Write it in quotation marks: "|"'


def missing(kind: Kind[Section], key: str) -> Phrase:
    """The phrase for a key that has to be there, with an example."""
    name = key.rpartition(".")[2]
    if key in kind.sections:
        needed = [inner for inner in kind.keys_of(key) if kind.keys[join(key, inner)].is_required()]
        what = "the list" if is_list_of_sections(kind.keys[key]) else "the section"
        return "missing", f"Add {what} {key}: with {' and '.join(needed)}"
    example = (kind.keys[key].examples or ["..."])[0]
    return "missing", f"Add for instance {name}: {_flow(example)}"


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {inner}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return str(value)
