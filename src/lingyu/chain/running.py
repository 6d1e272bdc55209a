"""A chain from its first stage to its last: each skipped, gone on with or run, and written down as it ends."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lingyu.errors import CTRL_C, SIGTERM, Faults, LingyuError, Stopped

from .deciding import Decision, begun, decide
from .evaluating import read_verdict
from .processes import PYTHON, do_in_process
from .stages import Chain, Job, read_chain, require_stage
from .state import Entry, State, alone

Outcome = Literal["skipped", "ran", "resumed", "taken", "left"]
_OUTCOMES: dict[str, Outcome] = {"skip": "skipped", "take": "taken", "resume": "resumed", "run": "ran"}


@dataclass(frozen=True)
class Done:
    """A stage that is behind. left: it was passed over, since the chain began at a later one.

    output: what it left, as a person calls it. verdict: of a measurement. seconds: that it took in this call.
    """

    job: Job
    outcome: Outcome
    why: tuple[str, ...]
    output: str | None
    verdict: str | None
    seconds: float


@dataclass(frozen=True)
class Expected:
    """What a call would do with a stage. waits_for: stages before it that would run and whose output it reads."""

    job: Job
    decision: Decision | None
    waits_for: tuple[str, ...]


# Told the place of a stage among all, counted from 1, before its process is started.
Announce = Callable[[int, Job, Decision], None]


def run_chain(
    chain: Chain, announce: Announce, *, begin: str | None = None, launch: Sequence[str] = PYTHON
) -> Iterator[Done]:
    """Run the stages, each as it is asked for. begin: the stage from which on all run, those before it are passed over.

    launch: what starts the processes of recipes; see do_in_process.
    Raises LingyuError where a stage does not end well, with its status, and Stopped after a signal. What has ended by
    then is kept, and the next call goes on there.
    """
    first = 0 if begin is None else require_stage(chain, begin)
    with alone(chain.folder):
        state = State(chain.folder)
        for place, job in enumerate(chain.jobs):
            if place < first:
                yield _passed_over(job, state.entry(job.name))
                continue
            job = _as_it_is_now(chain, place)
            since = time.monotonic()
            decision = decide(job, state.entry(job.name), anew=begin is not None)
            if decision.action in ("resume", "run"):
                announce(place + 1, job, decision)
            entry = _settled(chain, job, decision, state, launch)
            assert entry.output is not None, "it has ended well"
            yield Done(
                job, _OUTCOMES[decision.action], decision.why, entry.output.what, _verdict_of(job),
                time.monotonic() - since,
            )  # fmt: skip


def expect(chain: Chain, *, begin: str | None = None) -> Iterator[Expected]:
    """What run_chain would do. Nothing is written, but a base of a hub may be fetched to be looked at.

    Raises LingyuError at the end for everything that a stage would look for in vain.
    """
    first = 0 if begin is None else require_stage(chain, begin)
    state = State(chain.folder)
    would_run: list[Job] = []
    missing: list[LingyuError] = []
    for place, job in enumerate(chain.jobs):
        if place < first:
            yield Expected(job, None, ())
            continue
        decision = decide(job, state.entry(job.name), anew=begin is not None)
        waits_for = tuple(other.name for other in would_run if job.reads_of(other))
        if decision.action in ("resume", "run") or waits_for:
            missing += _missing(chain, job, would_run)
            would_run.append(job)
        yield Expected(job, decision, waits_for)
    if missing:
        raise Faults(missing)


def _missing(chain: Chain, job: Job, before: Sequence[Job]) -> Iterator[LingyuError]:
    """What the stage reads, and neither is there nor will be, left by one of those before it."""
    for source in job.reads.sources:
        if source.is_missing and not any(source.is_in(other.target.place) for other in before):
            what = f"stage {job.name} reads {source.label}, which is not there"
            yield LingyuError(what, chain.path, "Paths are taken from the folder you are in")


def _as_it_is_now(chain: Chain, place: int) -> Job:
    """A stage by its recipes as they are now, since its process reads them when it begins.

    Raises LingyuError where the chain has other stages by now, or what is wrong with a recipe.
    """
    now = read_chain(chain.path)
    stages, before = ([(each.folder, job.name, job.kind) for job in each.jobs] for each in (now, chain))
    if stages != before:
        next_step = f"Go on by what it says now: lingyu chain {chain.path}"
        raise LingyuError("its stages have changed since it was started", where=chain.path, next=next_step)
    return now.jobs[place]


def _passed_over(job: Job, entry: Entry) -> Done:
    return Done(job, "left", (), entry.output.what if entry.output else None, None, 0.0)


def _settled(chain: Chain, job: Job, decision: Decision, state: State, launch: Sequence[str]) -> Entry:
    """The stage's entry once it needs nothing more, written down."""
    entry = state.entry(job.name)
    if decision.action == "skip":
        return entry
    if decision.action != "take":
        state.set(job.name, begun(job, decision, entry))
        ended = do_in_process(_words(job, decision), launch if job.recipe is not None else PYTHON)
        if ended.status != 0:
            raise _not_well(chain, job, ended.status, ended.received)
        if ended.received is not None:
            _write_down(chain, job, decision, state)
            raise _stopped(chain, "stopped after stage", job, ended.received)
    return _write_down(chain, job, decision, state)


def _words(job: Job, decision: Decision) -> tuple[str, ...]:
    replacing = job.replacing if decision.replaces else ()
    resuming = ("--resume", decision.run.as_posix()) if decision.run is not None else ()
    return (job.kind, *job.words, *replacing, *resuming)


def _write_down(chain: Chain, job: Job, decision: Decision, state: State) -> Entry:
    output = job.target.left()
    if output is None:
        what = f"stage {job.name} ended well, but left nothing at {job.target.place}"
        raise LingyuError(what, where=chain.path, next="Please report this with the lines above", status=1)
    started = state.entry(job.name).started
    is_old = job.kind == "train" and decision.action != "take" and started is not None and output == started.found
    if is_old or (job.recipe is not None and not job.target.is_of_recipe()):
        what = f"stage {job.name} did not run by the recipe that the chain had read: it was changed at that moment"
        raise LingyuError(what, where=chain.path, next=f"Go on with: lingyu chain {chain.path}", status=1)
    entry = Entry(inputs=decision.inputs, output=output)
    state.set(job.name, entry)
    return entry


def _not_well(chain: Chain, job: Job, status: int, received: int | None) -> LingyuError:
    if received is not None:
        return _stopped(chain, "stopped in stage", job, received)
    return LingyuError(
        f"stage {job.name} ended with status {status}, see the lines above",
        where=chain.path,
        next=f"Go on there with: lingyu chain {chain.path} (or begin that stage afresh: --from {job.name})",
        status=status,
    )


def _stopped(chain: Chain, what: str, job: Job, received: int) -> Stopped:
    status = CTRL_C if received == signal.SIGINT else SIGTERM
    return Stopped(f"{what} {job.name}", where=chain.path, next=f"Go on with: lingyu chain {chain.path}", status=status)


def _verdict_of(job: Job) -> str | None:
    return read_verdict(job.target.place) if job.kind == "evaluate" else None
