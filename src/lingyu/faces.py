"""Public faces of rooms: a name is imported when it is asked for, so that nobody waits for what others need."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def on_demand(room: str, places: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """The `__getattr__` of a room (PEP 562). places: module in the room -> the names that it gives."""
    module_of = {name: module for module, names in places.items() for name in names}

    def find(name: str) -> object:
        if name in module_of:
            return getattr(import_module(f".{module_of[name]}", room), name)
        raise AttributeError(f"module {room!r} has no attribute {name!r}")

    return find
