"""Domain-adaptive pretraining: raw text and a base to a better base, from a recipe to a folder that recipes name.

What trains is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from lingyu.faces import on_demand

if TYPE_CHECKING:
    from .contents import require_files
    from .job import Progress
    from .lineage import Stage, duration, hours_of, published_as, stages_of
    from .measuring import table_of
    from .training import Outcome, dry_run, pretrain

__all__ = [
    "Outcome",
    "Progress",
    "Stage",
    "dry_run",
    "duration",
    "hours_of",
    "pretrain",
    "published_as",
    "require_files",
    "stages_of",
    "table_of",
]

__getattr__ = on_demand(
    __name__,
    {
        "contents": ("require_files",),
        "job": ("Progress",),
        "measuring": ("table_of",),
        "lineage": ("Stage", "duration", "hours_of", "published_as", "stages_of"),
        "training": ("Outcome", "dry_run", "pretrain"),
    },
)
