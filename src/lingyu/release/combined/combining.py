"""Several adapters into one: what can be seen to be wrong without torch is told before torch is waited for."""

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

from lingyu.errors import LingyuError, did_you_mean
from lingyu.store import STABLE, Version, check_channel, check_name, check_why, require_store

from .agreement import agree

if TYPE_CHECKING:
    from .making import Combined

# PEFT's words for ways to combine. Its others add A and B apart, or drop parts of them, and give no average.
CAT = "cat"
SVD = "svd"

_MOST_OF_NAMES = 500  # characters of a reason that was made here


def combine(
    adapters: Sequence[Version],
    store: Path,
    name: str,
    *,
    weights: Sequence[float] | None = None,
    combination_type: str = CAT,
    svd_rank: int | None = None,
    channel: str = STABLE,
    why: str | None = None,
    report: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> "Combined":
    """The weighted average of verified adapters, as the next version of `name` in a store.

    weights: one an adapter, brought to a sum of 1; equal ones where none are given. combination_type: `cat` loses
    nothing, its rank is the sum of theirs; `svd` cuts the average to svd_rank, or the largest rank of theirs. report:
    told what is being done, how many texts of it are done, and how many there are.
    Raises LingyuError where they can't be averaged, or what was written is not their average: nothing is left then.
    """
    require_store(store)
    check_name(name)
    check_channel(channel)
    if why is not None:
        check_why(why)
    _check_type(combination_type, svd_rank)
    agreed = agree(adapters, weights)

    from .making import publish_average

    return publish_average(
        agreed,
        store,
        name,
        is_cut=combination_type == SVD,
        svd_rank=svd_rank,
        channel=channel,
        why=why or shorten(f"combined from {agreed.names}", _MOST_OF_NAMES, placeholder=" ..."),
        report=report,
    )


def _check_type(combination_type: str, svd_rank: int | None) -> None:
    """Raises LingyuError for a type that gives no average, and for a rank that does not go with it."""
    if combination_type not in (CAT, SVD):
        near = did_you_mean(combination_type, (CAT, SVD))
        hint = f"Did you mean {near}?" if near else f"There are {CAT} and {SVD}"
        raise LingyuError(f"{combination_type} gives no average of adapters", where="--combination-type", next=hint)
    if svd_rank is not None and combination_type != SVD:
        raise LingyuError(
            f"{combination_type} keeps the ranks of all adapters",
            where="--svd-rank",
            next=f"Add --combination-type {SVD}, or leave the rank out",
        )
    if svd_rank is not None and svd_rank < 1:
        raise LingyuError(f"{svd_rank} is no rank", where="--svd-rank", next="Give a number from 1 up")
