"""Lingyu (领域): one Chinese encoder, many domains, each a LoRA adapter that proves what it is."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingyu.release import Graph as Graph
    from lingyu.serving import Lingyu as Lingyu
    from lingyu.tasks import Failed as Failed
    from lingyu.tasks import Result as Result

__all__ = ["Failed", "Graph", "Lingyu", "Result", "__version__"]

__version__ = version("lingyu")

# the engine brings torch along, which `lingyu --help`, `lingyu check` and a graph must not wait for
_PLACES = {"Failed": "lingyu.tasks", "Graph": "lingyu.release", "Lingyu": "lingyu.serving", "Result": "lingyu.tasks"}


def __getattr__(name: str) -> object:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'lingyu' has no attribute {name!r}")
