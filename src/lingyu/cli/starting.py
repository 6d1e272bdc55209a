"""What train_lora.py and dapt.py have in common before they start: their options, and the recipe on the screen."""

import contextlib
import os
from collections.abc import Iterator

import click
from rich.console import Console

from lingyu.errors import LingyuError, Stopped
from lingyu.recipe import Loaded, PretrainingRecipe, Recipe, deviations, is_recipe_file

_COMMAND_LINE = "command line"


def _no_word_of_another(_: click.Context, __: click.Parameter, run: str | None) -> str | None:
    """The run that is named. --resume may stand alone, and so takes the next word, whatever that was meant to be."""
    if run and (is_recipe_file(run) or "=" in run) and not os.path.isdir(run):
        raise LingyuError(f"--resume took {run} for the name of a run", next="Write --resume behind everything else")
    return run


resume_option = click.option(
    "--resume",
    is_flag=False,
    flag_value="",
    metavar="[RUN]",
    help="Go on with RUN, or the newest unfinished.",
    callback=_no_word_of_another,
    is_eager=True,  # before the recipe that it took is missed
)
origin_option = click.option("--overrides-from", "origin", default=f"the {_COMMAND_LINE}", hidden=True)
"""Who wrote the overrides, as the screen is to call it: a chain gives those of its own file."""


def require_one_of(resume: str | None, *, dry_run: bool) -> None:
    if dry_run and resume is not None:
        raise LingyuError("--dry-run goes on with no run", next="Leave out --resume, or --dry-run to go on with it")


@contextlib.contextmanager
def stopped_before_training() -> Iterator[None]:
    """What Ctrl-C and SIGTERM say of work that a run has not taken over yet, be it the imports."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise Stopped.by(interrupt, "stopped before the first step; nothing was saved") from None


def screen_of_main_process() -> Console:
    """stderr; of several processes only one talks."""
    quiet = os.environ.get("RANK", "0") != "0"
    return Console(stderr=True, soft_wrap=True, highlight=False, markup=False, quiet=quiet)


def say_recipe(
    path: str, loaded: Loaded[Recipe] | Loaded[PretrainingRecipe], console: Console, *, overrides_from: str
) -> None:
    """What of the recipe is not by default, and which of that was said beside its file."""
    overridden = {key for key, origin in loaded.origins.items() if origin == _COMMAND_LINE}
    for key, value in deviations(loaded.recipe, also=overridden).items():
        console.print(f"{key}: {value}" + (f"  (from {overrides_from})" if key in overridden else ""))
    console.print(f"the rest is by default; all of it: lingyu check --resolved {path}\n")
