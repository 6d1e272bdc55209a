"""Whether a stage runs: by the content of what it reads and of what it left, and by what an interrupted call left."""

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from lingyu.chain import Job, read_chain
from lingyu.chain.deciding import begun, decide
from lingyu.chain.state import Entry
from lingyu.chain.targets import PlaceTarget, file_target
from lingyu.data import CorpusRequest, build_corpus
from lingyu.recipe import PretrainingRecipe
from lingyu.training import Inputs, start_run

RUN_INPUTS = Inputs(base_weights="", base_tokenizer="", train="", dev=None, num_processes=1, precision="float32")

CHAIN = """\
name: c
stages:
  - name: corpus
    corpus: {sources: [raw], to: corpus, exclude: [test.txt]}
"""


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    Path("raw/a.txt").write_text("房间很干净，下次还来\n早餐太差了，不推荐\n", "utf-8")
    Path("test.txt").write_text("前台很热情\n", "utf-8")
    Path("chain.yaml").write_text(CHAIN, "utf-8")
    return read_chain(Path("chain.yaml")).jobs[0]


def build() -> None:
    request = CorpusRequest((Path("raw"),), Path("corpus"), exclude=("test.txt",), workers=1, force=True)
    build_corpus(request, lambda what, done, total: None)


def ended(job: Job) -> Entry:
    """The entry of a stage that ended well just now."""
    build()
    return Entry(inputs=job.inputs(), output=job.target.left())


def test_a_stage_that_never_ran_runs(job: Job) -> None:
    decision = decide(job, Entry())
    assert (decision.action, decision.why) == ("run", ("it has not run yet",))
    assert not decision.replaces, "there is nothing of its own"


def test_a_stage_is_skipped_where_nothing_changed_but_times(job: Job) -> None:
    entry = ended(job)
    Path("raw/a.txt").touch()
    build()
    assert decide(job, entry).action == "skip"
    assert decide(job, entry, anew=True).action == "run"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda: Path("raw/b.txt").write_text("物流很快，包装也好", "utf-8"), "raw has changed"),
        (lambda: Path("test.txt").write_text("早餐太差了，不推荐", "utf-8"), "test.txt has changed"),
        (lambda: Path("test.txt").unlink(), "test.txt is gone"),
        (lambda: Path("corpus").rename("elsewhere"), "corpus is gone"),
        (lambda: next(Path("corpus").glob("*.parquet")).write_bytes(b"x"), "corpus is not as it left it"),
        (lambda: Path("corpus/corpus.json").unlink(), "corpus is not as it left it"),
    ],
)
def test_it_runs_where_an_input_or_its_output_is_another_and_says_which(change: object, why: str, job: Job) -> None:
    entry = ended(job)
    assert callable(change)
    change()
    assert decide(job, entry).why == (why,)


def test_a_changed_setting_is_named_with_both_sides(job: Job) -> None:
    entry = ended(job)
    Path("chain.yaml").write_text(CHAIN.replace("to: corpus", "to: corpus, text: review"), "utf-8")
    changed = read_chain(Path("chain.yaml")).jobs[0]
    assert decide(changed, entry).why == (f"corpus.text was {json.dumps('text')}, is {json.dumps('review')}",)


def test_another_lingyu_runs_it_anew(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, now = ended(job), version("lingyu")
    monkeypatch.setattr("lingyu.chain.stages.installed_version", lambda package: "99.0")
    assert decide(job, entry).why == (f'lingyu was "{now}", is "99.0"',)


def test_only_what_the_chain_left_itself_makes_way(job: Job) -> None:
    entry = ended(job)
    Path("raw/a.txt").write_text("物流很快，包装也好\n", "utf-8")
    assert decide(job, entry).replaces, "it is the chain's own"
    assert not decide(job, Entry()).replaces, "the state says nothing of it"
    build()
    assert not decide(job, entry).replaces, "someone else has built it anew since"


def test_what_an_interrupted_call_had_finished_counts(job: Job) -> None:
    place = Path("measured.json")
    measures = replace(job, target=file_target(place))
    entry = begun(measures, decide(measures, Entry()), Entry())
    assert decide(measures, entry).action == "run", "nothing has come of it yet"
    place.write_text("{}")
    decision = decide(measures, entry)
    assert decision.action == "take"
    Path("raw/a.txt").write_text("物流很快，包装也好\n", "utf-8")
    assert decide(measures, entry).action == "run", "it was begun on something else"


def test_a_corpus_that_came_meanwhile_may_hold_test_texts_so_it_is_neither_taken_nor_replaced(job: Job) -> None:
    entry = begun(job, decide(job, Entry()), Entry())
    build()
    decision = decide(job, entry)
    assert (decision.action, decision.replaces) == ("run", False)


def test_what_lay_there_before_is_not_taken_for_the_stage_s_own(job: Job) -> None:
    build()
    entry = begun(job, decide(job, Entry()), Entry())
    decision = decide(job, entry)
    assert (decision.action, decision.replaces) == ("run", False)


def test_what_was_begun_with_from_and_did_not_end_is_gone_on_with_without_it(job: Job) -> None:
    entry = ended(job)
    entry = begun(job, decide(job, entry, anew=True), entry)
    decision = decide(job, entry)
    assert (decision.action, decision.why) == ("run", ("it was begun and did not end well",))
    assert decision.replaces, "what lies there is still the chain's own"


def test_what_was_begun_on_a_change_that_was_taken_back_is_skipped(job: Job) -> None:
    entry = ended(job)
    before = Path("raw/a.txt").read_text("utf-8")
    Path("raw/a.txt").write_text("物流很快，包装也好\n", "utf-8")
    entry = begun(job, decide(job, entry), entry)
    Path("raw/a.txt").write_text(before, "utf-8")
    assert decide(job, entry).action == "skip"


SCRATCH = """\
name: reviews
dapt: {mode: scratch, corpus: [raw]}
publish: {to: bases/reviews}
"""


@pytest.fixture
def pretraining(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Job]:
    """The stage, with lines added to its recipe."""
    monkeypatch.chdir(tmp_path)
    Path("raw").mkdir()
    Path("raw/a.txt").write_text("房间很干净，下次还来\n", "utf-8")
    Path("chain.yaml").write_text("name: c\nstages:\n  - {name: dapt, recipe: reviews.yaml}\n", "utf-8")

    def read(more: str) -> Job:
        Path("reviews.yaml").write_text(SCRATCH + more, "utf-8")
        return read_chain(Path("chain.yaml")).jobs[0]

    return read


@pytest.mark.parametrize(
    ("more", "action"),
    [
        ("", "resume"),
        ("card: {license: MIT}\n", "resume"),
        ("report_to: [wandb]\n", "resume"),
        ("train: {learning_rate: 3e-4}\n", "run"),
    ],
)
def test_an_interrupted_pretraining_goes_on_unless_a_weight_would_be_another(
    more: str, action: str, pretraining: Callable[[str], Job]
) -> None:
    job = pretraining("")
    entry = begun(job, decide(job, Entry()), Entry())
    assert isinstance(job.recipe, PretrainingRecipe)
    run = start_run(job.recipe, RUN_INPUTS)
    found = decide(pretraining(more), entry)
    assert found.action == action
    assert found.run == (run.folder if action == "resume" else None)


def test_what_lay_there_before_an_interrupted_call_is_not_what_it_left(job: Job) -> None:
    place = Path("measured.json")
    place.write_text("{}")
    measures = replace(job, target=file_target(place))
    entry = begun(measures, decide(measures, Entry()), Entry())
    assert decide(measures, entry).action == "run"
    place.unlink()
    assert decide(measures, entry).action == "run", "what lay there is gone, and nothing has come"
    place.write_text('{"of": "the interrupted call"}')
    assert decide(measures, entry).action == "take"
    assert decide(measures, entry, anew=True).action == "run", "asked for with --from"


@pytest.fixture
def begun_anew(pretraining: Callable[[str], Job]) -> tuple[Job, Entry]:
    """A pretraining that had left a base, was begun again on a change and interrupted: its stage and its entry."""
    place = Path("bases/reviews")
    place.parent.mkdir()
    place.write_text("the chain's own")
    target = PlaceTarget(place, Path.read_text, says_own=lambda _: False)
    job = replace(pretraining(""), target=target)
    entry = Entry(inputs=job.inputs(), output=target.left())
    Path("raw/a.txt").write_text("物流很快，包装也好\n", "utf-8")
    entry = begun(job, decide(job, entry), entry)
    recipe = job.recipe_when(replacing=True)
    assert recipe is not None
    start_run(recipe, RUN_INPUTS)
    return job, entry


def test_an_interrupted_pretraining_goes_on_over_the_chains_own_base_even_one_that_is_gone(
    begun_anew: tuple[Job, Entry],
) -> None:
    job, entry = begun_anew
    decision = decide(job, entry)
    assert (decision.action, decision.replaces) == ("resume", True)
    assert begun(job, decision, entry) == entry, "or a second interruption would not find its run again"
    job.target.place.unlink()
    decision = decide(job, entry)
    assert (decision.action, decision.replaces) == ("resume", True)


def test_an_interrupted_pretraining_does_not_go_on_over_a_base_that_someone_else_put_there(
    begun_anew: tuple[Job, Entry],
) -> None:
    job, entry = begun_anew
    job.target.place.write_text("someone else's")
    decision = decide(job, entry)
    assert (decision.action, decision.replaces) == ("run", False)


def test_a_run_from_before_the_chain_is_not_gone_on_with(pretraining: Callable[[str], Job]) -> None:
    job = pretraining("")
    assert isinstance(job.recipe, PretrainingRecipe)
    start_run(job.recipe, RUN_INPUTS)
    entry = begun(job, decide(job, Entry()), Entry())
    assert decide(job, entry).action == "run"
    start_run(job.recipe, RUN_INPUTS).finished("bases/elsewhere")
    assert decide(job, entry).action == "run", "of the two the one from before is the newest that has not finished"
