"""What is compared: recipes as they train, tables as they stand, corpora, bases, and every version of a store."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lingyu.data import CorpusRequest, build_corpus, load_splits
from lingyu.errors import LingyuError
from lingyu.evaluation import Collection, Columns, collect
from lingyu.recipe import load_recipe
from lingyu.store import Store
from lingyu.text import content_hashes

from ..e2e.conftest import Workplace
from ..serving.trained import copy_of, reviews, trained

STORE = Path("adapters")


@pytest.fixture
def place(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A copy of the trained store, hotel and shop in it, both of the recipe tiny.yaml."""
    copy = copy_of(trained(tiny_base), tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    return copy


def found(*sources: str, store: Path | None = None, texts: tuple[str, ...] = ("review",)):
    return collect(sources, store, Columns(texts), lambda *_: None)


def named(collections: list[Collection]) -> list[str]:
    return [str(collection) for collection in collections]


NO_CORPUS = "base ./bases/tiny does not say which texts it was pretrained on"


def test_a_recipe_gives_its_splits_and_a_table_all_its_texts(place: Workplace) -> None:
    collections, notes = found("tiny.yaml", "data/reviews.csv")
    assert named(collections) == ["train of tiny", "dev of tiny", "test of tiny", "reviews.csv"]
    splits = load_splits(load_recipe("tiny.yaml").data, "single_label")
    assert np.array_equal(collections[2].same, splits.test.hashes)
    assert np.array_equal(collections[3].same, content_hashes(reviews(place)))
    assert notes == [NO_CORPUS]


def test_a_store_gives_every_version_those_with_the_same_rows_as_one(place: Workplace) -> None:
    store = Store(STORE)
    first = store.open("hotel@v1")

    def again(folder: Path, version: str):
        for name in first.manifest.files:
            (folder / name).write_bytes((first.folder / name).read_bytes())
        return first.manifest

    store.publish("hotel", again, why="a test")
    collections, _ = found(store=STORE)
    assert named(collections)[:3] == ["train of hotel@v1, v2", "dev of hotel@v1, v2", "test of hotel@v1, v2"]
    assert named(collections)[3] == "train of shop@v1"
    assert all(collection.exact is None for collection in collections)


def test_a_recipe_and_the_version_that_it_made_are_one(place: Workplace) -> None:
    (place.folder / "hotel.yaml").write_text(place.recipe.read_text("utf-8").replace("name: tiny", "name: hotel"))
    collections, _ = found("hotel.yaml", store=STORE)
    assert named(collections)[:4] == [
        "train of hotel (hotel@v1)",
        "dev of hotel (hotel@v1)",
        "test of hotel (hotel@v1)",
        "train of shop@v1",
    ]
    assert len({collection.line for collection in collections}) == 2


def test_a_base_with_hashes_of_its_corpus_stands_among_them_once(place: Workplace) -> None:
    corpus = np.sort(content_hashes(reviews(place)[:9]))
    save_file({"corpus": corpus}, place.folder / "bases/tiny/hashes.safetensors")
    collections, notes = found("tiny.yaml", "bases/tiny", store=STORE)
    of_base = [collection for collection in collections if collection.kind == "base"]
    assert named(of_base) == ["corpus of base ./bases/tiny"]
    assert np.array_equal(of_base[0].same, corpus)
    assert notes == []


def test_a_corpus_is_read_by_its_folder(place: Workplace) -> None:
    (place.folder / "raw.txt").write_text("\n".join(f"{text}，这是第一句" for text in reviews(place)[:5]), "utf-8")
    build_corpus(CorpusRequest((Path("raw.txt"),), Path("corpora/raw"), workers=1), lambda *_: None)
    ((corpus,), notes) = found("corpora/raw")
    assert (str(corpus), corpus.rows, notes) == ("corpus of corpora/raw", 5, [])


def test_a_recipe_whose_data_is_not_there_is_a_note(place: Workplace) -> None:
    other = place.recipe.read_text("utf-8").replace("data/reviews.csv", "data/gone.csv")
    (place.folder / "gone.yaml").write_text(other)
    collections, notes = found("gone.yaml", "tiny.yaml")
    assert len(collections) == 3
    assert notes[0].startswith("gone.yaml is left out, its data can't be read: data/gone.csv: no such file")


def test_a_version_that_can_not_be_read_or_keeps_no_hashes_is_a_note(place: Workplace) -> None:
    (place.folder / "adapters/shop/v1/hashes.safetensors").write_bytes(b"no tensors")
    collections, notes = found(store=STORE)
    assert named(collections) == ["train of hotel@v1", "dev of hotel@v1", "test of hotel@v1"]
    assert any(note.startswith("adapter shop@v1 is left out: ") and "hashes.safetensors" in note for note in notes)


def test_hashes_that_are_no_hashes_are_a_note(place: Workplace) -> None:
    first = Store(STORE).open("hotel@v1")

    def unsorted(folder: Path, version: str):
        for name in first.manifest.files:
            (folder / name).write_bytes((first.folder / name).read_bytes())
        save_file({part: np.array([3, 1, 2]) for part in ("train", "dev", "test")}, folder / "hashes.safetensors")
        return first.manifest

    Store(STORE).publish("odd", unsorted, why="a test")
    collections, notes = found(store=STORE)
    assert collections
    assert any("adapter odd@v1 is left out: " in note and "is not sorted" in note for note in notes)


def test_a_recipe_that_leaks_is_read_all_the_same(place: Workplace) -> None:
    leaking = place.recipe.read_text("utf-8").replace("  text:", "  test: data/reviews.csv\n  text:")
    (place.folder / "leaking.yaml").write_text(leaking)
    collections, _ = found("leaking.yaml")
    assert collections[2].rows == len(reviews(place))


def test_of_several_columns_the_first_that_a_table_has_is_read(place: Workplace) -> None:
    Path("other.csv").write_text("text,label\n很好,1\n,0\n  ,1\n", "utf-8")
    collections, _ = found("other.csv", "data/reviews.csv", texts=("text", "review"))
    assert [collection.rows for collection in collections] == [1, len(reviews(place))]


def test_two_tables_of_one_name_are_called_by_their_paths(place: Workplace) -> None:
    Path("reviews.csv").write_text("review\n很好\n", "utf-8")
    collections, _ = found("reviews.csv", "data/reviews.csv", "reviews.csv")
    assert named(collections) == ["reviews.csv", "data/reviews.csv"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("data/gone.csv", "no such file"),
        ("data", "holds neither a corpus"),
        ("gone.yaml", "no such file"),
        ("data/shop.txt", "is none of csv"),
    ],
)
def test_what_is_named_must_be_there(place: Workplace, source: str, says: str) -> None:
    Path("data/shop.txt").write_text("x")
    with pytest.raises(LingyuError, match=says):
        found(source)


def test_a_column_that_no_table_has_is_named_with_what_there_is(place: Workplace) -> None:
    with pytest.raises(LingyuError, match=r"no column `txt` \(--text\); it has label, review"):
        found("data/reviews.csv", texts=("txt",))


def test_a_store_that_is_not_there_is_an_error(place: Workplace) -> None:
    with pytest.raises(LingyuError, match="no such store"):
        found(store=Path("elsewhere"))
