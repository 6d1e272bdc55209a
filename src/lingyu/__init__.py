"""Lingyu (领域): one Chinese encoder, many domains, each a LoRA adapter that proves what it is."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from .faces import on_demand

if TYPE_CHECKING:
    from lingyu.release import Graph
    from lingyu.serving import Lingyu
    from lingyu.tasks import Failed, Result

__all__ = ["Failed", "Graph", "Lingyu", "Result", "__version__"]

__version__ = version("lingyu")

# the engine brings torch along, which `lingyu --help`, `lingyu check` and a graph must not wait for
__getattr__ = on_demand(__name__, {"tasks": ("Failed", "Result"), "release": ("Graph",), "serving": ("Lingyu",)})
