"""A chain: stages after one another, each in a process of its own, and only when something that it reads has changed.

corpus ──▶ dapt ──▶ dapt (TAPT) ──▶ train ──▶ evaluate
"""

from .deciding import Decision
from .evaluating import Measured, evaluate_adapter
from .processes import PYTHON
from .running import Announce, Done, Expected, expect, run_chain
from .stages import Chain, Job, read_chain

__all__ = [
    "PYTHON",
    "Announce",
    "Chain",
    "Decision",
    "Done",
    "Expected",
    "Job",
    "Measured",
    "evaluate_adapter",
    "expect",
    "read_chain",
    "run_chain",
]
