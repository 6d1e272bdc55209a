"""Domain-adaptive pretraining: raw text and a base to a better base, from a recipe to a folder that recipes name.

What trains is imported when it is asked for.
"""

from typing import TYPE_CHECKING

from lingyu.faces import on_demand

if TYPE_CHECKING:
    from .contents import require_files as require_files
    from .job import Progress as Progress
    from .lineage import Stage as Stage
    from .lineage import duration as duration
    from .lineage import hours_of as hours_of
    from .lineage import published_as as published_as
    from .lineage import stages_of as stages_of
    from .measuring import table_of as table_of
    from .training import Outcome as Outcome
    from .training import dry_run as dry_run
    from .training import pretrain as pretrain

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
