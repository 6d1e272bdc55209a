"""What an unknown key was probably meant to be: words of other toolkits, keys of other sections, misspellings."""

from collections.abc import Callable, Iterable

from lingyu.errors import did_you_mean

from .foreign import FOREIGN, Foreign
from .kinds import KINDS, STAGES, TASK, Kind, join
from .section import Section


def next_step_for(kind: Kind[Section], section: str, key: str) -> str:
    """What to write in place of an unknown key of a section (dotted; the recipe itself is the empty one)."""
    word = key.strip().lower().replace("-", "_").rstrip("：")
    names = kind.keys_of(section)
    elsewhere = [known for known in kind.keys if known.rpartition(".")[2] == word]
    if word in names:
        return f"Did you mean {join(section, word)}?"
    if _lacks_a_blank(key, names):
        return "A blank belongs after the colon"
    if word in KINDS and not section:
        return f"A recipe has one of {', '.join(KINDS)}; keep one of them"
    if elsewhere:
        return _belongs(word, elsewhere)
    if word in FOREIGN[kind.key]:
        return _in_our_words(FOREIGN[kind.key][word])
    if other := _kind_that_has(lambda known: known == join(section, word)):
        return _of_another_kind(kind, other)
    if near := did_you_mean(word, names):
        return f"Did you mean {join(section, near)}?"
    if other := _kind_that_has(lambda known: known.rpartition(".")[2] == word):
        return _of_another_kind(kind, other)
    if near := did_you_mean(word, [known.rpartition(".")[2] for known in kind.keys]):
        return "Did you mean " + " or ".join(known for known in kind.keys if known.rpartition(".")[2] == near) + "?"
    return f"Keys {f'of {section}' if section else 'of a recipe'}: {', '.join(names)}"


def _lacks_a_blank(key: str, names: Iterable[str]) -> bool:
    """Whether YAML took a key and its value for one word: train:{seed: 3}."""
    name, colon, value = key.partition(":")
    return bool(colon and value) and name in names


def _in_our_words(foreign: Foreign) -> str:
    asked = f"Did you mean {foreign.key}?" if foreign.key else None
    return " ".join(part for part in (asked, foreign.note) if part)


def _belongs(word: str, known: list[str]) -> str:
    sections = [key.rpartition(".")[0] for key in known]
    if sections == [""]:
        return f"{word} stands at the top level, not in a section"
    return f"{word} belongs under {' or '.join(section or 'the top level' for section in sections)}"


def _kind_that_has(is_meant: Callable[[str], bool]) -> Kind[Section] | None:
    """The first kind with a key that is meant."""
    return next((kind for kind in KINDS.values() if any(map(is_meant, kind.keys))), None)


def _of_another_kind(kind: Kind[Section], other: Kind[Section]) -> str:
    if kind is STAGES:
        return "It is a key of the recipe that a stage runs; write it there, or under set of the stage"
    return f"It is a key of a recipe that {other.does} (with {other.key}:); leave it out"


def next_step_for_dotted(dotted: str) -> str:
    """What to write in place of a dotted key that no kind has."""
    kind = _kind_meant_by(dotted)
    section = ""
    for name in dotted.split("."):
        if join(section, name) not in kind.sections:
            break
        section = join(section, name)
    key = dotted.removeprefix(section).lstrip(".").split(".")[0]
    if join(section, key) in kind.keys:
        return f"{join(section, key)} has no keys of its own"
    return next_step_for(kind, section, key)


def _kind_meant_by(dotted: str) -> Kind[Section]:
    """By the section that it begins with, or by whose foreign word it ends with."""
    first, last = dotted.split(".")[0], dotted.rpartition(".")[2]
    with_section = [kind for kind in KINDS.values() if first in kind.keys]
    with_word = [kind for kind in KINDS.values() if last in FOREIGN[kind.key]]
    return next(iter(with_section or with_word), TASK)
