"""What train_lora.py calls: a recipe, overrides, --resume, --dry-run."""

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console

from lingyu.cli import run
from lingyu.cli.screen import say_json
from lingyu.cli.starting import (
    origin_option,
    require_one_of,
    resume_option,
    say_recipe,
    screen_of_main_process,
    stopped_before_training,
)
from lingyu.recipe import load_recipe_with_origins

if TYPE_CHECKING:
    from lingyu.lora import Outcome


_EXAMPLE = """\b
Example:
    accelerate launch train_lora.py recipes/hotel.yaml lora.r=16
"""


@click.command(epilog=_EXAMPLE)
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@resume_option
@click.option("--dry-run", is_flag=True, help="Read and check everything, print it, and stop before training.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON document on stdout.")
@origin_option
def train_lora(
    recipe: str, overrides: Sequence[str], resume: str | None, dry_run: bool, as_json: bool, origin: str
) -> None:
    """Train an adapter from RECIPE, measure it on its test rows, publish it as the next version."""
    require_one_of(resume, dry_run=dry_run)
    loaded = load_recipe_with_origins(recipe, overrides)
    console = screen_of_main_process()
    say_recipe(recipe, loaded, console, overrides_from=origin)

    with stopped_before_training():
        with contextlib.redirect_stdout(sys.stderr):  # importing transformers talks on stdout under WANDB_MODE=offline
            from lingyu import lora

        if dry_run:
            for line in lora.dry_run(loaded.recipe):
                console.print(line)
            return
        outcome = lora.train(loaded.recipe, console=console, resume=resume is not None, run_name=resume or None)
    if outcome is None:
        return
    if as_json:
        say_json(_document(outcome))
    else:
        _show(outcome, loaded.recipe.publish.to)


def _document(outcome: "Outcome") -> dict[str, object]:
    return {
        "version": outcome.version.reference if outcome.version else None,
        "folder": str(outcome.folder),
        "run": str(outcome.run),
        "verdict": outcome.verdict,
        "metrics": outcome.metrics.as_json(),
    }


def _show(outcome: "Outcome", store: str) -> None:
    """The figures, what they mean, where the result lies and what to type next."""
    from lingyu.evaluation import table_of

    screen = Console(soft_wrap=True, highlight=False, markup=False)
    Console().print(table_of(outcome.metrics, outcome.noun))
    screen.print(outcome.verdict)
    for alarm in outcome.metrics.alarms:
        screen.print(f"alarm: {alarm}", style="bold red")
    if outcome.version is None:
        screen.print(f"kept in {outcome.folder}: all weights were trained, so it is no adapter; nothing is published")
        return
    screen.print(f"published {outcome.version.reference} in {outcome.folder}")
    option = "" if store == "adapters" else f" --store {store}"
    pair = " --pair 这里写第二句" if outcome.version.manifest.text_pair else ""
    screen.print(f"try it:    lingyu predict{option} --adapter {outcome.version.reference} 这里写一句话{pair}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of train_lora.py."""
    return run(train_lora, "train_lora.py", arguments)
