"""What a gate compares on: what was given, the recipe's dev rows where they are at hand, else sentences of our own."""

from dataclasses import replace
from pathlib import Path

import pytest

from lingyu.data import load_splits
from lingyu.errors import LingyuError
from lingyu.recipe import load_recipe
from lingyu.release.dev_rows import dev_rows_of
from lingyu.release.sentences import SENTENCES
from lingyu.release.texts import gate_texts
from lingyu.store import Store, Version

from ..e2e.conftest import Workplace
from ..serving.trained import copy_of, trained


@pytest.fixture(scope="module")
def place(tiny_base: Path) -> Workplace:
    """hotel and shop, really trained. Read only."""
    return trained(tiny_base)


def hotel_of(place: Workplace) -> Version:
    return Store(place.folder / "adapters").open("hotel")


def test_the_dev_split_of_the_recipe_is_taken_where_it_is_at_hand(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    found = gate_texts(hotel_of(place))
    assert found.source == "dev split of the recipe"
    assert found.texts == load_splits(load_recipe(place.recipe).data, "single_label").dev.texts
    assert found.note is None


def test_rows_that_have_changed_are_texts_like_any_other_and_it_is_said(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copy_of(place, tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    file = copy.folder / "data/reviews.csv"
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join(lines[:200]) + "\n", "utf-8")
    found = gate_texts(hotel_of(copy))
    assert found.source == "dev rows of the recipe, changed since the training"
    assert found.texts == load_splits(load_recipe(copy.recipe).data, "single_label").dev.texts
    assert str(found.note).startswith("data/reviews.csv: the rows have changed since the training")
    with pytest.raises(LingyuError, match="the rows have changed since the training"):
        dev_rows_of(hotel_of(copy))
    monkeypatch.setattr("lingyu.release.texts._SOME", 7)
    assert len(gate_texts(hotel_of(copy)).texts) == 7


def test_elsewhere_our_own_sentences_are_taken_and_it_is_said(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = gate_texts(hotel_of(place))
    assert found.source == "sentences of lingyu"
    assert len(found.texts) == len(SENTENCES)
    assert "no such file" in str(found.note)


def test_an_adapter_without_a_recipe_is_compared_on_our_own_sentences(adapter: Version) -> None:
    found = gate_texts(adapter)
    assert found.source == "sentences of lingyu"
    assert "names no recipe" in str(found.note)


def test_texts_go_through_the_steps_of_the_version(adapter: Version) -> None:
    assert gate_texts(adapter, ["<b>好</b>\u200b", "  ", "ＡＢＣ"]).texts == ("好", "ABC")


def test_the_digest_knows_the_texts_and_not_their_order(adapter: Version) -> None:
    one, other = gate_texts(adapter, ["好", "差"]), gate_texts(adapter, ["差", "好"])
    assert one.digest == other.digest
    assert gate_texts(adapter, ["好", "好"]).digest != one.digest


def test_our_own_sentences_are_many_different_and_of_many_lengths() -> None:
    assert len(SENTENCES) >= 36
    assert len(set(SENTENCES)) == len(SENTENCES)
    assert min(map(len, SENTENCES)) == 1
    assert max(map(len, SENTENCES)) > 128


def test_a_recipe_that_came_along_names_no_file_of_this_machine(place: Workplace, tmp_path: Path) -> None:
    hotel = hotel_of(place)
    recipe = hotel.folder / "recipe.yaml"
    (tmp_path / "recipe.yaml").write_text(f"extends: {recipe}\n", "utf-8")
    with pytest.raises(LingyuError, match="the recipe of hotel@v1 is none that this lingyu reads"):
        dev_rows_of(replace(hotel, folder=tmp_path))
