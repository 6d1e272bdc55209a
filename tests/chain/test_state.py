"""What a chain knows from one call to the next: which input changed, and a file that is whole or refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.chain.state import Entry, Inputs, Output, Started, State, alone
from lingyu.errors import LingyuError

NAMES = st.text(min_size=1, max_size=8)
INPUTS = st.builds(
    Inputs,
    settings=st.dictionaries(NAMES, st.text(max_size=8), max_size=4),
    contents=st.dictionaries(NAMES, st.none() | st.text(min_size=1, max_size=8), max_size=4),
)


@given(INPUTS, INPUTS)
def test_there_is_a_line_for_each_input_that_differs_and_for_no_other(one: Inputs, other: Inputs) -> None:
    settings = {key for key in {*one.settings, *other.settings} if one.settings.get(key) != other.settings.get(key)}
    contents = {
        name for name in {*one.contents, *other.contents} if one.contents.get(name, 0) != other.contents.get(name, 0)
    }
    assert len(one.changes_since(other)) == len(settings) + len(contents)
    assert (one == other) == (one.changes_since(other) == ())


def test_a_change_is_named_with_both_sides() -> None:
    before = Inputs(settings={"train.seed": "42", "old": "1"}, contents={"a.csv": "1", "b.csv": "2", "c.csv": None})
    now = Inputs(settings={"train.seed": "7"}, contents={"a.csv": "9", "b.csv": None, "c.csv": "3", "d.csv": "4"})
    assert now.changes_since(before) == (
        "train.seed was 42, is 7",
        "old was 1, is nothing",
        "a.csv has changed",
        "b.csv is gone",
        "c.csv is there",
        "d.csv is read now",
    )
    assert before.changes_since(now)[-1] == "d.csv is no longer read"


def test_a_long_value_is_cut() -> None:
    (line,) = Inputs(settings={"a": "x" * 500}, contents={}).changes_since(Inputs(settings={}, contents={}))
    assert len(line) < 100


def test_an_entry_is_on_the_disk_as_soon_as_it_is_set(tmp_path: Path) -> None:
    inputs = Inputs(settings={"a": '"正面"'}, contents={"data.csv": "f" * 64, "hub/set": None})
    output = Output(what="hotel@v1", fingerprint="0" * 64)
    started = Started(inputs=inputs, found=output, runs=("20260101-000000-aaaa",), replaces=True)
    entry = Entry(inputs=inputs, output=output, started=started)
    State(tmp_path).set("train", entry)
    again = State(tmp_path)
    assert again.entry("train") == entry
    assert again.entry("other") == Entry()
    assert [file.name for file in tmp_path.iterdir()] == ["chain.json"], "something was left beside it"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2, "stages": {}}', '{"format": 1, "stages": {"a": 3}}'])
def test_a_file_that_no_chain_wrote_is_refused_in_one_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "chain.json").write_text(content, "utf-8")
    with pytest.raises(LingyuError, match="Remove it, and every stage runs anew"):
        State(tmp_path)


def test_two_chains_of_a_name_do_not_run_together(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(LingyuError, match="another process runs this chain"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass
