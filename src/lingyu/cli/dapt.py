"""What dapt.py calls: a recipe, overrides, --resume, --dry-run."""

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console

from lingyu.cli import run
from lingyu.cli.comparing import progress
from lingyu.cli.train import say_recipe
from lingyu.errors import LingyuError
from lingyu.recipe import load_pretraining_with_origins

if TYPE_CHECKING:
    from lingyu.dapt import Outcome


@click.command(
    epilog="Example: accelerate launch dapt.py recipes/dapt-hotel.yaml train.num_train_epochs=1 dapt.mode=lora",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--resume", is_flag=False, flag_value="", metavar="[RUN]", help="Go on with RUN, or the newest unfinished."
)
@click.option("--dry-run", is_flag=True, help="Read, check and encode everything, print it, stop before training.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON document on stdout.")
def dapt(recipe: str, overrides: Sequence[str], resume: str | None, dry_run: bool, as_json: bool) -> None:
    """Pretrain the base of RECIPE on its corpus, measure it on held-out text, write it as a new base."""
    if resume and resume.endswith((".yaml", ".yml")):
        raise LingyuError(f"--resume took {resume} for the name of a run", next="Write --resume behind the recipe")
    loaded = load_pretraining_with_origins(recipe, overrides)
    console = Console(
        stderr=True, soft_wrap=True, highlight=False, markup=False, quiet=os.environ.get("RANK", "0") != "0"
    )
    say_recipe(loaded, console)

    with contextlib.redirect_stdout(sys.stderr):  # importing transformers talks on stdout under WANDB_MODE=offline
        from lingyu.dapt import dry_run as lines_of
        from lingyu.dapt import pretrain

    if dry_run:
        for line in lines_of(loaded.recipe, progress):
            console.print(line)
        return
    outcome = pretrain(
        loaded.recipe, console=console, progress=progress, resume=resume is not None, run_name=resume or None
    )
    if outcome is None:
        return
    if as_json:
        print(json.dumps(_document(outcome), ensure_ascii=False))
    else:
        _say_outcome(outcome)


def _document(outcome: "Outcome") -> dict[str, object]:
    return {
        "base": outcome.base.id,
        "weights_fingerprint": outcome.base.weights_fingerprint,
        "run": str(outcome.run),
        "hours": outcome.hours,
        "verdict": outcome.verdict,
        "metrics": outcome.metrics,
    }


def _say_outcome(outcome: "Outcome") -> None:
    from lingyu.dapt import table_of

    screen = Console(soft_wrap=True, highlight=False, markup=False)
    Console().print(table_of(outcome.metrics))
    for line in outcome.verdict:
        screen.print(line)
    screen.print(f"published {outcome.base.id}  weights {outcome.base.weights_fingerprint[:12]}")
    screen.print(
        f"next: train an adapter on it with: accelerate launch train_lora.py recipes/hotel.yaml base={outcome.base.id}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of dapt.py."""
    return run(dapt, "dapt.py", arguments)
