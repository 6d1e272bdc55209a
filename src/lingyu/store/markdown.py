"""Values in Markdown: no label, path or licence can break the page, start markup, or smuggle HTML into it."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping

from ruamel.yaml import YAML

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_MARKUP = re.compile(r"[\\`*\[\]|#~]|(?<!\w)_|_(?!\w)")
_STARTS_A_BLOCK = re.compile(r"^(?=[-+=])")


def inline(value: object) -> str:
    """The value as text within a line or a cell of a table."""
    text = " ".join(_CONTROL.sub(" ", str(value)).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKUP.sub(lambda mark: "\\" + mark.group(), text)
    return _STARTS_A_BLOCK.sub(r"\\", text)


def fenced(code: str, language: str) -> str:
    """A block of code that ends where it ends, whatever stands in it."""
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code.rstrip()}\n{fence}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [list(head), *(list(row) for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def section(title: str, paragraphs: Iterable[str]) -> Iterator[str]:
    yield f"## {title}"
    yield from paragraphs


def front_matter(known: Mapping[str, object]) -> str:
    """What a hub reads at the head of a card, as YAML between its marks; what is None is left out."""
    text = io.StringIO()
    YAML().dump({key: value for key, value in known.items() if value is not None}, text)
    return f"---\n{text.getvalue()}---"
