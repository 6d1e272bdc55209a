"""Names of adapters, versions and channels. A name comes from a request or a command line and is never a path.

A reference is NAME, NAME@VERSION or NAME@CHANNEL; without either it is channel `stable`. Folders are another matter:
see `open_adapter`.
"""

import re
from dataclasses import dataclass
from typing import Self

from lingyu.errors import LingyuError
from lingyu.recipe import NAME_PATTERN, VERSION_LIKE

STABLE = "stable"

_VERSION = re.compile(r"v[1-9][0-9]{0,8}")
_NAME_RULE = "Lower-case letters, digits, - and _, at most 64 of them, the first a letter or digit"
_SHOWN_CHARACTERS = 70


def shown(value: str) -> str:
    """A value as a message shows it: quoted, control characters escaped, cut where it is overlong."""
    return repr(value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…")


def check_name(name: str, what: str = "an adapter") -> str:
    """The name itself where it is one; else LingyuError. `what` stands in the message: what was to be named."""
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise LingyuError(f"{shown(name)} can't name {what}", next=_NAME_RULE)
    return name


def check_channel(channel: str) -> str:
    """The channel's name; a channel that looked like a version could not be told from one."""
    if re.fullmatch(VERSION_LIKE, channel):
        raise LingyuError(f"{channel} can't name a channel: it reads as a version", next="Take a word, such as canary")
    return check_name(channel, "a channel")


def is_version(word: str) -> bool:
    return _VERSION.fullmatch(word) is not None


def version_number(version: str) -> int:
    return int(version.removeprefix("v"))


@dataclass(frozen=True)
class AdapterReference:
    """Which version of which adapter is meant. selector: a version (v3) or a channel."""

    name: str
    selector: str = STABLE

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads NAME[@VERSION|@CHANNEL]. Whatever is none, a path above all, is a LingyuError."""
        name, at, selector = text.partition("@")
        check_name(name)
        if not at:
            return cls(name)
        if not is_version(selector):
            check_channel(selector)
        return cls(name, selector)

    @property
    def names_version(self) -> bool:
        return is_version(self.selector)

    def __str__(self) -> str:
        return f"{self.name}@{self.selector}"
