"""merge.py with --into: several adapters into one, which is published as a version."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click
from rich.console import Console
from rich.text import Text

from lingyu.cli.screen import say_json
from lingyu.errors import LingyuError, printable

if TYPE_CHECKING:
    from rich.table import Table

    from lingyu.release import Combined
    from lingyu.store import ParentDev

Progress = Callable[[], contextlib.AbstractContextManager[Callable[[str, int, int], None]]]


class CombineOptions(TypedDict):
    into: str | None
    weights: str | None
    combination_type: str | None
    svd_rank: int | None
    channel: str | None
    why: str | None


_OPTIONS = (
    click.option("--into", metavar="ADAPTER", help="Combine several adapters into the next version of this one."),
    click.option(
        "--weights", metavar="W,W,...", help="With --into: one an adapter, brought to a sum of 1. Default: equal ones."
    ),
    click.option(
        "--combination-type",
        metavar="cat|svd",
        help="With --into: cat (the default) keeps all, its rank is the sum of theirs; svd cuts the average to a rank.",
    ),
    click.option(
        "--svd-rank", type=int, metavar="R", help="With svd: the rank. Default: the largest of the adapters'."
    ),
    click.option("--channel", metavar="CHANNEL", help="With --into: the channel to set. Default: stable."),
    click.option("--why", metavar="TEXT", help="With --into: the reason that the history keeps."),
)


def combine_options(command: Callable[..., None]) -> Callable[..., None]:
    """What merge.py takes for combining, as CombineOptions."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def refuse_without_into(options: CombineOptions) -> None:
    """Raises LingyuError where an option of --into stands without it."""
    for name, value in options.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise LingyuError(f"{option} goes with --into", where="merge.py", next="Add --into adapters/NAME")


def combine(adapters: Sequence[str], options: CombineOptions, store: str, *, as_json: bool, progress: Progress) -> None:
    """What is wrong with the words of the command line is told before torch is waited for."""
    from lingyu import release
    from lingyu.store import STABLE, open_adapter

    into, name = _place(options["into"] or "", Path(store))
    versions = [open_adapter(adapter, store) for adapter in adapters]
    # importing transformers talks on stdout under WANDB_MODE=offline, and stdout is for the outcome
    with contextlib.redirect_stdout(sys.stderr), progress() as report:
        combined = release.combine(
            versions,
            into,
            name,
            weights=_weights(options["weights"]),
            combination_type=options["combination_type"] or release.CAT,
            svd_rank=options["svd_rank"],
            channel=options["channel"] or STABLE,
            why=options["why"],
            report=report,
        )
    if as_json:
        say_json(_document(combined))
        return
    _say(combined, into)


def _place(into: str, store: Path) -> tuple[Path, str]:
    """The store and the name: a path names both, as adapters/reviews does, a bare name stands in --store."""
    path = Path(into)
    return (path.parent if "/" in into.rstrip("/") else store), path.name


def _weights(words: str | None) -> tuple[float, ...] | None:
    if words is None:
        return None
    try:
        return tuple(float(word) for word in words.split(","))
    except ValueError:
        raise LingyuError(f"{words} are no numbers", where="--weights", next="Write them like 0.5,0.5") from None


def _document(combined: "Combined") -> dict[str, Any]:
    version = combined.version
    return {
        "version": version.reference,
        "folder": str(version.folder),
        "combination": combined.combination.model_dump(),
        "parents": [parent.model_dump() for parent in version.manifest.parents],
        "parents_dev": [dev.model_dump() for dev in combined.parents_dev],
        "notes": list(combined.notes),
    }


def _say(combined: "Combined", store: Path) -> None:
    screen = Console(soft_wrap=True, highlight=False, markup=False)
    version, how = combined.version, combined.combination
    parents = ", ".join(f"{parent.reference} ({parent.weight:.3g})" for parent in version.manifest.parents)
    screen.print(f"combined {parents} by {how.combination_type}{_cut_to(combined)}")
    screen.print(f"read back by plain PEFT: logits within {how.largest_logit_difference:.1e} of {_reference(combined)}")
    for note in combined.notes:
        screen.print(f"note: {printable(note)}")
    if any(dev.scores for dev in combined.parents_dev):
        Console().print(_table(combined.parents_dev))
    for line in _what_is_missing(combined.parents_dev):
        screen.print(printable(line))
    screen.print(f"published {version.reference} in {version.folder}")
    option = "" if str(store) == "adapters" else f" --store {store}"
    screen.print(f"try it:    lingyu predict{option} --adapter {version.reference} 这里写一句话")
    screen.print(f"merge it:  python merge.py {version.folder} --out merged/{version.name}")


def _cut_to(combined: "Combined") -> str:
    how = combined.combination
    if how.rank is None:
        return ""
    return f": rank {how.rank} keeps {how.share_kept:.1%} of the norm ({how.least_kept:.1%} in the worst layer)"


def _reference(combined: "Combined") -> str:
    return "the average's" if combined.combination.rank is None else "the average's after the cut"


def _table(parents_dev: "Sequence[ParentDev]") -> "Table":
    from lingyu.evaluation import table_with

    headings = ("dev set of", "rows", "adapter", "accuracy", "macro-F1")
    caption = "dev sets, which are no tests; in brackets 95 % bootstrap intervals"
    table = table_with(headings, caption, words=("dev set of", "adapter"))
    for dev in parents_dev:
        for number, figures in enumerate(dev.scores or ()):
            first = (dev.parent, f"{dev.rows:,}") if number == 0 else ("", "")
            macro_f1 = f"{figures.figures['macro_f1'].value:.3f}"
            cells = (*first, figures.adapter, str(figures.figures["accuracy"]), macro_f1)
            table.add_row(*(Text(printable(cell)) for cell in cells))
        table.add_section()
    return table


def _what_is_missing(parents_dev: "Sequence[ParentDev]") -> list[str]:
    lines = [f"dev set of {dev.parent}: not measured: {dev.reason}" for dev in parents_dev if dev.reason]
    return lines + [
        f"dev set of {dev.parent}: {dev.left_out:,} texts left out, since they stand in a train set"
        for dev in parents_dev
        if dev.left_out
    ]
