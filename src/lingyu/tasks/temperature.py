"""One temperature that makes probabilities honest: softmax(logits / T), fitted on dev. No answer changes by it.

Source: Guo et al. 2017 (arXiv 1706.04599), section 4.2.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.05, 20.0
_AT_THE_BOUND = 0.01  # in log T


def negative_log_likelihood(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64], temperature: float) -> float:
    """Mean over the rows of -log p(true label). logits: (rows, classes); labels: (rows,)."""
    from scipy.special import log_softmax

    scaled = logits.astype(np.float64) / temperature
    return float(-log_softmax(scaled, axis=1)[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """The T between 0.05 and 20 of least negative log-likelihood, never worse than T = 1 on these rows.

    logits: (rows, classes)    labels: (rows,)

    1.0 where dev can't tell: no rows, logits that are not finite, every row right (the best T is 0, for want of a wrong
    one), or a likelihood that still rises at the bound, as with logits that carry nothing.
    """
    from scipy.optimize import minimize_scalar

    if not np.isfinite(logits).all() or (logits.argmax(axis=1) == labels).all():
        return 1.0
    # In log T the function has a single valley: it is convex in 1/T.
    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits, labels, float(np.exp(log_t))),
        bounds=(np.log(LOWEST), np.log(HIGHEST)),
        method="bounded",
    )
    at_bound = min(found.x - np.log(LOWEST), np.log(HIGHEST) - found.x) < _AT_THE_BOUND
    if at_bound or found.fun >= negative_log_likelihood(logits, labels, 1.0):
        return 1.0
    return float(np.exp(found.x))
