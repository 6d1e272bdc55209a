"""What leaves the house: an adapter merged into its base, several adapters made one, graphs. Each proves itself.

A name is imported when it is asked for: the command line must not wait for torch, and a graph answers where there is
neither torch nor what a store needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .certificate import CERTIFICATE as CERTIFICATE
    from .certificate import Certificate as Certificate
    from .combining import CAT as CAT
    from .combining import SVD as SVD
    from .combining import combine as combine
    from .dev_rows import dev_rows_of as dev_rows_of
    from .export import Exported as Exported
    from .export import export_graph as export_graph
    from .folders import require_free as require_free
    from .graph import Graph as Graph
    from .graph import verify_graph as verify_graph
    from .graph_folder import GRAPH as GRAPH
    from .graph_folder import GraphManifest as GraphManifest
    from .making import Combined as Combined
    from .merging import Merged as Merged
    from .merging import merge as merge
    from .verification import verify_merged as verify_merged

_PLACES = {
    "certificate": ("CERTIFICATE", "Certificate"),
    "combining": ("CAT", "SVD", "combine"),
    "dev_rows": ("dev_rows_of",),
    "export": ("Exported", "export_graph"),
    "folders": ("require_free",),
    "graph": ("Graph", "verify_graph"),
    "graph_folder": ("GRAPH", "GraphManifest"),
    "making": ("Combined",),
    "merging": ("Merged", "merge"),
    "verification": ("verify_merged",),
}
"""Module -> what it gives."""

__all__ = [
    "CAT",
    "CERTIFICATE",
    "GRAPH",
    "SVD",
    "Certificate",
    "Combined",
    "Exported",
    "Graph",
    "GraphManifest",
    "Merged",
    "combine",
    "dev_rows_of",
    "export_graph",
    "merge",
    "require_free",
    "verify_graph",
    "verify_merged",
]


def __getattr__(name: str) -> object:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
