"""What leaves the house: an adapter merged into its base, several adapters made one, graphs. Each proves itself.

A name is imported when it is asked for: the command line must not wait for torch, and a graph answers where there is
neither torch nor what a store needs.
"""

from typing import TYPE_CHECKING

from lingyu.faces import on_demand

if TYPE_CHECKING:
    from .combined.combining import CAT, SVD, combine
    from .combined.making import Combined
    from .dev_rows import dev_rows_of
    from .graphs.export import Exported, export_graph
    from .graphs.folder import GRAPH, GraphManifest
    from .graphs.graph import Graph, verify_graph
    from .merged.certificate import CERTIFICATE, Certificate
    from .merged.dtypes import require_dtype
    from .merged.merging import Merged, merge
    from .merged.verification import verify_merged

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
    "require_dtype",
    "verify_graph",
    "verify_merged",
]

__getattr__ = on_demand(
    __name__,
    {
        "merged.certificate": ("CERTIFICATE", "Certificate"),
        "combined.combining": ("CAT", "SVD", "combine"),
        "dev_rows": ("dev_rows_of",),
        "graphs.export": ("Exported", "export_graph"),
        "graphs.graph": ("Graph", "verify_graph"),
        "graphs.folder": ("GRAPH", "GraphManifest"),
        "combined.making": ("Combined",),
        "merged.dtypes": ("require_dtype",),
        "merged.merging": ("Merged", "merge"),
        "merged.verification": ("verify_merged",),
    },
)
