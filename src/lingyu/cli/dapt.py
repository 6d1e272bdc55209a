"""What dapt.py calls: a recipe, overrides, --resume, --dry-run."""

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Console

from lingyu.cli import run
from lingyu.cli.screen import progress, say_json
from lingyu.cli.starting import (
    origin_option,
    require_one_of,
    resume_option,
    say_recipe,
    screen_of_main_process,
    stopped_before_training,
)
from lingyu.recipe import PretrainingRecipe, is_recipe_file, load_pretraining_with_origins

if TYPE_CHECKING:
    from lingyu.dapt import Outcome, Stage


_EXAMPLE = """\b
Example:
    accelerate launch dapt.py recipes/dapt-hotel.yaml dapt.mode=lora
"""


@click.command(epilog=_EXAMPLE)
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@resume_option
@click.option("--dry-run", is_flag=True, help="Read, check and encode everything, print it, stop before training.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON document on stdout.")
@origin_option
def dapt(recipe: str, overrides: Sequence[str], resume: str | None, dry_run: bool, as_json: bool, origin: str) -> None:
    """Pretrain the base of RECIPE on its corpus, measure it on held-out text, write it as a new base."""
    require_one_of(resume, dry_run=dry_run)
    loaded = load_pretraining_with_origins(recipe, overrides)
    console = screen_of_main_process()
    say_recipe(recipe, loaded, console, overrides_from=origin)

    with stopped_before_training():
        with contextlib.redirect_stdout(sys.stderr):  # importing transformers talks on stdout under WANDB_MODE=offline
            from lingyu.dapt import dry_run as lines_of
            from lingyu.dapt import pretrain, stages_of

        if dry_run:
            for line in lines_of(loaded.recipe, progress):
                console.print(line)
            return
        outcome = pretrain(
            loaded.recipe, console=console, progress=progress, resume=resume is not None, run_name=resume or None
        )
    if outcome is None:
        return
    stage = stages_of(outcome.base)[-1]
    if as_json:
        say_json(_document(outcome, stage))
    else:
        _say_outcome(outcome, stage, loaded.recipe)


def _document(outcome: "Outcome", stage: "Stage") -> dict[str, object]:
    return {
        "base": outcome.base.id,
        "weights_fingerprint": outcome.base.weights_fingerprint,
        "run": str(outcome.run),
        "steps": stage.steps,
        "best_step": stage.best_step,
        "tokens": stage.tokens,
        "hours": round(outcome.hours, 4),
        "seconds": round(outcome.hours * 3600, 1),
        "verdict": outcome.verdict,
        "metrics": outcome.metrics,
    }


def _say_outcome(outcome: "Outcome", stage: "Stage", recipe: PretrainingRecipe) -> None:
    from lingyu.dapt import duration, table_of

    screen = Console(soft_wrap=True, highlight=False, markup=False)
    Console().print(table_of(outcome.metrics))
    for line in outcome.verdict:
        screen.print(line)
    why = "the lowest loss on held-out text" if recipe.train.load_best_model_at_end else "the last"
    screen.print(
        f"kept step {stage.best_step:,} of {stage.steps:,}, {why}; {stage.tokens:,} tokens in "
        f"{duration(outcome.hours)} of training"
    )
    screen.print(f"published {outcome.base.id}  weights {outcome.base.weights_fingerprint[:12]}")
    task = _task_recipe(recipe) or "RECIPE"
    screen.print(f"next: train an adapter on it: accelerate launch train_lora.py {task} base={outcome.base.id}")


def _task_recipe(recipe: PretrainingRecipe) -> str | None:
    """Of an adapter whose texts were learnt, or kept out."""
    return next(filter(is_recipe_file, (*recipe.dapt.corpus, *recipe.dapt.exclude)), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status of dapt.py."""
    return run(dapt, "dapt.py", arguments)
