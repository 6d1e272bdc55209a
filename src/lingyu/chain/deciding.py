"""Whether a stage is to run, and why: by what it reads and what it left, compared with the last time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lingyu.errors import LingyuError
from lingyu.recipe import RUNS

from .stages import Job
from .state import Entry, Inputs, Started

Action = Literal["skip", "take", "resume", "run"]


@dataclass(frozen=True)
class Decision:
    """What is to be done with a stage.

    skip: nothing. take: an interrupted call's process has ended well since, so what it left counts. resume: go on with
    the unfinished run. run: from its beginning.
    why: a line each. replaces: what lies at its place is the chain's own, and makes way. run: the folder of the one to
    go on with.
    """

    action: Action
    why: tuple[str, ...]
    inputs: Inputs
    replaces: bool = False
    run: Path | None = None


def decide(job: Job, entry: Entry, *, anew: bool = False) -> Decision:
    """anew: run it from its beginning, whatever has changed or not."""
    inputs = job.inputs()
    why = ("asked for with --from",) if anew else _why(job, entry, inputs)
    if not why:
        return Decision("skip", (), inputs)
    now = job.target.left()
    is_own = now is not None and now == entry.output
    if not anew and entry.started is not None and entry.started.inputs == inputs:
        started = entry.started
        if now is not None and now != started.found and job.target.is_of_recipe():
            return Decision("take", ("it came to its end after a call was interrupted",), inputs)
        run = _unfinished_run(job, started)
        if run is not None and (now is None or is_own == started.replaces):
            return Decision("resume", (f"goes on with {run}",), inputs, replaces=started.replaces, run=run)
    return Decision("run", why, inputs, replaces=is_own)


def _why(job: Job, entry: Entry, inputs: Inputs) -> tuple[str, ...]:
    """Why it can't be skipped; empty where it can."""
    if entry.inputs is None or entry.output is None:
        return ("it was begun and did not end well",) if entry.started else ("it has not run yet",)
    changes = inputs.changes_since(entry.inputs)
    fault = None if changes else job.target.fault_of(entry.output)
    return (fault,) if fault else changes


def runs_of(job: Job) -> tuple[str, ...]:
    """The names of the runs of its recipe that there are, finished or not."""
    if job.recipe is None:
        return ()
    return tuple(sorted(file.parent.name for file in (RUNS / job.recipe.name).glob("*/run.json")))


def _unfinished_run(job: Job, started: Started) -> Path | None:
    """The newest run of its recipe that has not finished, if it was begun by the chain."""
    if set(runs_of(job)) <= set(started.runs):
        return None
    from lingyu.training import find_run  # brings torch and transformers

    recipe = job.recipe_when(replacing=started.replaces)
    assert recipe is not None, "only a recipe has runs"
    try:
        run = find_run(recipe, None)
    except LingyuError:  # there is none, or it is of another recipe
        return None
    return None if run.folder.name in started.runs else run.folder


def begun(job: Job, decision: Decision, entry: Entry) -> Entry:
    """The entry as it is to stand there before the stage is run."""
    if decision.action == "resume":
        return entry
    started = Started(inputs=decision.inputs, found=job.target.left(), runs=runs_of(job), replaces=decision.replaces)
    # asked for anew, on what its output was made of: were these kept, the next call would skip what did not end
    inputs = None if entry.inputs == decision.inputs else entry.inputs
    return entry.model_copy(update={"started": started, "inputs": inputs})
