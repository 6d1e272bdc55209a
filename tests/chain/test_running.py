"""What becomes of a chain whose stages end well, badly, or not at all, and what it would do."""

from pathlib import Path

import pytest

from lingyu.chain import expect, read_chain, run_chain
from lingyu.chain.stages import Chain
from lingyu.errors import CTRL_C, SIGTERM, LingyuError, Stopped

from ..e2e.conftest import make_workplace

CORPORA = """\
name: corpora
stages:
  - name: first
    corpus: {sources: [raw], to: corpora/first}
  - name: second
    corpus: {sources: [raw], to: corpora/second}
"""
ADAPTER = """\
name: adapter
stages:
  - name: corpus
    corpus: {sources: [raw], to: corpora/first}
  - name: dapt
    recipe: dapt.yaml
  - name: adapter
    recipe: tiny.yaml
"""
DAPT = """\
name: dapt
base: ./bases/tiny
dapt: {corpus: [corpora/first], segmenter: characters, head_warmup_steps: 0}
train: {max_steps: 40, max_length: 32}
publish: {to: bases/dapt}
"""


@pytest.fixture(autouse=True)
def place(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make_workplace(tmp_path / "work", tiny_base).folder)
    Path("raw").mkdir()
    Path("raw/a.txt").write_text("房间很干净，下次还来\n早餐太差了，不推荐\n", "utf-8")
    for name, text in (("corpora", CORPORA), ("adapter", ADAPTER), ("dapt", DAPT)):
        Path(f"{name}.yaml").write_text(text, "utf-8")
    return Path.cwd()


def chain(name: str) -> Chain:
    return read_chain(Path(f"{name}.yaml"))


def launched_by(script: str, stage: str = "adapter") -> LingyuError:
    """How a stage ends whose processes are a script of the shell."""
    running = run_chain(chain("adapter"), lambda *_: None, begin=stage, launch=("sh", "-c", script, "sh"))
    with pytest.raises(LingyuError) as caught:
        list(running)
    return caught.value


def test_from_a_stage_on_all_run_and_those_before_are_left() -> None:
    told: list[tuple[int, str]] = []
    announced = {"announce": lambda place, job, _: told.append((place, job.name))}
    assert [done.outcome for done in run_chain(chain("corpora"), **announced)] == ["ran", "ran"]
    assert [expected.decision.action for expected in expect(chain("corpora"))] == ["skip", "skip"]
    left, would_run = expect(chain("corpora"), begin="second")
    assert (left.decision, left.waits_for, would_run.decision.action) == (None, (), "run")
    # what has no recipe is not launched
    left, ran = run_chain(chain("corpora"), begin="second", launch=("false",), **announced)
    assert (left.outcome, left.output, left.why) == ("left", "corpora/first", ())
    assert (ran.outcome, ran.output, ran.why) == ("ran", "corpora/second", ("asked for with --from",))
    assert told == [(1, "first"), (2, "second"), (2, "second")]


def test_what_would_run_waits_for_what_it_reads() -> None:
    assert [expected.waits_for for expected in expect(chain("adapter"))] == [(), ("corpus",), ()]


def test_a_stage_that_ends_badly_ends_the_chain_with_its_status_and_is_begun_again() -> None:
    error = launched_by("exit 3")
    assert (error.status, error.what) == (3, "stage adapter ended with status 3, see the lines above")
    assert str(error.next).endswith("(or begin that stage afresh: --from adapter)")
    *_, adapter = expect(chain("adapter"))
    assert adapter.decision.why == ("it was begun and did not end well",)


def test_a_stage_that_says_it_ended_well_and_left_nothing_is_not_believed() -> None:
    error = launched_by("exit 0")
    assert (error.status, error.what) == (1, "stage adapter ended well, but left nothing at adapters/tiny")


def test_a_base_that_another_recipe_left_is_not_taken_for_the_stage_s_own() -> None:
    error = launched_by("cp -r bases/tiny bases/dapt", stage="dapt")
    assert error.what.startswith("stage dapt did not run by the recipe that the chain had read")
    assert (error.status, error.next) == (1, "Go on with: lingyu chain adapter.yaml")
    _, dapt, _ = expect(chain("adapter"))
    assert (dapt.decision.action, dapt.decision.replaces) == ("run", False), "and it does not make way"


@pytest.mark.parametrize(("signal", "status"), [("INT", CTRL_C), ("TERM", SIGTERM)])
def test_a_signal_reaches_the_stage_and_says_where_the_chain_stopped(signal: str, status: int) -> None:
    error = launched_by(f"kill -{signal} $PPID; sleep 60")
    assert isinstance(error, Stopped)
    assert (error.status, error.what) == (status, "stopped in stage adapter")
    assert error.next == "Go on with: lingyu chain adapter.yaml"
