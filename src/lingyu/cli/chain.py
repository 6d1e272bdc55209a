"""`lingyu chain RECIPE`: corpus, pretraining, training and measuring as one recipe of stages."""

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingyu.cli.screen import say_json
from lingyu.errors import LingyuError, printable

if TYPE_CHECKING:
    from lingyu.chain import Chain, Decision, Done, Expected, Job

_EXAMPLE = """\b
Example:
    lingyu chain recipes/hotel-chain.yaml --dry-run
    lingyu chain recipes/hotel-chain.yaml
    lingyu chain recipes/hotel-chain.yaml --from tapt
    lingyu chain recipes/hotel-chain.yaml --launch "accelerate launch --config_file recipes/accelerate/one_gpu.yaml"
"""
_OUTCOMES = {
    "skipped": "skipped (nothing changed)",
    "ran": "ran",
    "resumed": "went on and ended",
    "taken": "had ended already",
    "left": "passed over",
}


@click.command(epilog=_EXAMPLE)
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--from", "begin", metavar="STAGE", help="Begin at STAGE and run all from there on, changed or not.")
@click.option("--dry-run", is_flag=True, help="Say what would run and why, and stop.")
@click.option("--launch", metavar="WORDS", help="What starts the processes that train, in place of python.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def chain(recipe: Path, begin: str | None, dry_run: bool, launch: str | None, as_json: bool) -> None:
    """Run the stages of RECIPE, each when something that it reads has changed.

    A stage builds a corpus, runs a recipe with dapt or task, or measures a published adapter anew; each has a process
    of its own. It is skipped where its settings, the content of everything that it reads, and what it left are as
    they were when it last ended. What was interrupted goes on where it was: give the same command again.
    """
    words = _words(launch)
    with contextlib.redirect_stdout(sys.stderr):  # stdout is for answers: transformers talks when it is imported
        from lingyu.chain import expect, read_chain

        read = read_chain(recipe)
        expected = list(expect(read, begin=begin)) if dry_run else []
    if dry_run:
        _say_expected(read, expected, as_json)
    else:
        _run(read, begin, words, as_json)


def _words(launch: str | None) -> tuple[str, ...] | None:
    if launch is None:
        return None
    try:
        words = tuple(shlex.split(launch))
    except ValueError as error:
        raise LingyuError(f"{launch}: {error}", where="--launch", next="Close what is quoted") from None
    if not words:
        raise LingyuError("is empty", where="--launch", next='Write --launch "accelerate launch", or leave it out')
    return words


def _run(read: "Chain", begin: str | None, launch: tuple[str, ...] | None, as_json: bool) -> None:
    from lingyu.chain import PYTHON, run_chain

    def announce(place: int, job: "Job", decision: "Decision") -> None:
        verb = "goes on" if decision.action == "resume" else "runs"
        said = f"stage {place} of {len(read.jobs)}, {job.name}, {verb}: {'; '.join(decision.why)}"
        click.echo(printable(said), err=True)

    done: list[Done] = []
    stages = run_chain(read, announce, begin=begin, launch=launch or PYTHON)
    while stage := _next(stages):
        done.append(stage)
        if not as_json:
            _say_done(stage)
    if as_json:
        document = {"chain": read.recipe.name, "stages": [_done_as_json(stage) for stage in done]}
        say_json(document)


def _next(stages: "Iterator[Done]") -> "Done | None":
    """The next stage once it is behind. stdout is for answers: transformers talks there when a run is looked for."""
    with contextlib.redirect_stdout(sys.stderr):
        return next(stages, None)


def _say_done(stage: "Done") -> None:
    took = f" in {stage.seconds:,.0f} s" if stage.outcome in ("ran", "resumed") else ""
    left = f", {stage.output}" if stage.output else ""
    click.echo(printable(f"{stage.job.name}: {_OUTCOMES[stage.outcome]}{took}{left}"))
    if stage.verdict:
        click.echo(printable(stage.verdict))


def _done_as_json(stage: "Done") -> dict[str, object]:
    return {
        "name": stage.job.name,
        "kind": stage.job.kind,
        "outcome": stage.outcome,
        "why": list(stage.why),
        "output": stage.output,
        "verdict": stage.verdict,
        "seconds": round(stage.seconds, 3),
    }


def _say_expected(read: "Chain", expected: "list[Expected]", as_json: bool) -> None:
    if as_json:
        stages = [
            {"name": stage.job.name, "kind": stage.job.kind, "would": _would(stage), "why": _reasons(stage)}
            for stage in expected
        ]
        say_json({"chain": read.recipe.name, "stages": stages})
        return
    for stage in expected:
        reasons = _reasons(stage)
        why = f": {'; '.join(reasons)}" if reasons else ""
        click.echo(printable(f"{stage.job.name}: {_WOULD[_would(stage)]}{why}"))


_WOULD = {
    "pass over": "would be passed over",
    "skip": "would be skipped (nothing changed)",
    "take": "would count as ended",
    "resume": "would go on",
    "run": "would run",
    "depends": "may run",
}


def _would(stage: "Expected") -> str:
    if stage.decision is None:
        return "pass over"
    undecided = stage.waits_for and stage.decision.action in ("skip", "take")
    return "depends" if undecided else stage.decision.action


def _reasons(stage: "Expected") -> list[str]:
    if stage.decision is None:
        return []
    waits = [f"if what {name} leaves is other than now" for name in stage.waits_for]
    return waits if _would(stage) == "depends" else list(stage.decision.why)
