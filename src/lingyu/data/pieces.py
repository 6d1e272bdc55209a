"""A text that is a list in its file: tokens, or the turns of a dialogue. Training and answering read it alike."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lingyu.errors import LingyuError

from .tables import TableRow, as_text

TURN_MARK = "|"
"""Stands between the turns of a dialogue that is a list: a character that vocabularies know and cleaning keeps."""


def listed(cell: str) -> list[str] | None:
    """The texts of a cell that is a JSON list of texts or numbers; None for any other text.

    Raises LingyuError for a list that holds anything else, without its place.
    """
    if not cell.lstrip().startswith("["):
        return None
    try:
        found = json.loads(cell, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    other = next((item for item in found if item is None or isinstance(item, list | dict)), "")
    if not isinstance(other, str):
        kind = "nothing (null)" if other is None else "another list" if isinstance(other, list) else "a mapping"
        raise LingyuError(f"a list with {kind} in it, where texts belong", next="Write it as a list of texts")
    return [as_text(item) for item in found]


def one_text(cell: str, task: str) -> str:
    """A cell as training for the task reads it: what stands in a list is joined, where the task knows how.

    Raises as listed does.
    """
    join = _JOINED.get(task)
    pieces = listed(cell) if join else None
    return cell if join is None or pieces is None else join(pieces)


def text_of(row: TableRow, column: str, task: str) -> str:
    """The text of a row, see one_text. Raises LingyuError for a list, or a mapping, of which the task makes none."""
    cell = row.cells[column]
    if column in row.nested and (task not in _JOINED or not cell.startswith("[")):
        kind = "list" if cell.startswith("[") else "mapping"
        what = f"`{column}` is a {kind}, and {task} reads {_READS.get(task, 'a text')}"
        raise LingyuError(what, row.where, "Write it as one string")
    try:
        return one_text(cell, task)
    except LingyuError as error:
        raise LingyuError(f"`{column}` is {error.what}", row.where, error.next) from None


def _turns(pieces: Sequence[str]) -> str:
    return TURN_MARK.join(turn.strip() for turn in pieces if turn.strip())


_JOINED: Final[Mapping[str, Callable[[Sequence[str]], str]]] = {"token": "".join, "preference": _turns}
_READS = {"token": "a text or a list of tokens", "preference": "a text or a list of turns"}
