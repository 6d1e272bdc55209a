"""What a graph has to equal before it is written: the adapter in torch, label by label and logit by logit."""

import numpy as np

from lingyu.errors import LingyuError
from lingyu.tasks import Calibration, Task, changed_rows

from ..limits import AGREEMENT, TOLERANCE
from .folder import Comparison
from .runtimes import Logits


def compare(logits: Logits, reference: Logits, task: Task, calibration: Calibration, where: object) -> Comparison:
    """Both (texts, outputs). Raises LingyuError with status 1 where a logit is no number."""
    difference = float(np.abs(logits - reference).max())
    if not np.isfinite(difference):
        raise LingyuError(
            "the graph gives logits that are no finite numbers",
            where,
            "Nothing was written. Please report this",
            status=1,
        )
    return Comparison(
        largest_difference=difference,
        changed_labels=changed_rows(task, logits, reference, calibration) or 0,
    )


def require_same_logits(found: Comparison, where: object) -> None:
    """Raises LingyuError with status 1 where a logit of a float32 graph differs by more than TOLERANCE."""
    if found.largest_difference > TOLERANCE:
        raise LingyuError(
            f"the graph answers differently from the adapter on its base: a logit by {found.largest_difference:.2g} "
            f"(allowed: {TOLERANCE:g})",
            where,
            "Nothing was written. Serve the adapter with torch, and please report this",
            status=1,
        )


def require_agreement(found: Comparison, texts: int, where: object) -> None:
    """Raises LingyuError with status 1 where an int8 graph gives too many texts another label."""
    agreement = 1 - found.changed_labels / texts
    if agreement < AGREEMENT:
        raise LingyuError(
            f"in int8 it gives {found.changed_labels:,} of {texts:,} texts another label: {agreement:.4f} agree "
            f"(needed: {AGREEMENT})",
            where,
            "Nothing was written. Leave --int8 out",
            status=1,
        )
