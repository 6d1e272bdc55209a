"""Files that `lingyu data split` dealt out are recorded with the version, as long as they are what it wrote."""

import csv
from pathlib import Path

import pytest

from lingyu.data import SplitRequest, read_split_of, split_file
from lingyu.lora.split_record import recorded_split
from lingyu.recipe import Data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """train.csv, dev.csv, test.csv and split.json, of 60 rows of 20 customers."""
    source = tmp_path / "reviews.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "customer"])
        writer.writerows((f"第{number}条评价说房间{number * 7}很好", number % 2, number % 20) for number in range(60))
    request = SplitRequest(str(source), dev=0.2, test=0.2, seed=7, group="customer")
    split_file(request, tmp_path / "split", lambda *_: None)
    return tmp_path / "split"


def data(folder: Path, **files: str) -> Data:
    paths = {part: str(folder / file) for part, file in files.items()}
    return Data(labels={"0": "负面", "1": "正面"}, **paths)


WHOLE = {"train": "train.csv", "dev": "dev.csv", "test": "test.csv"}


def test_the_record_says_how_and_from_what_the_files_were_made(folder: Path) -> None:
    record, notes = recorded_split(data(folder, **WHOLE))
    split = read_split_of(folder / "train.csv")
    assert record is not None
    assert split is not None
    assert notes == []
    assert (record.source, record.seed, record.group, record.time) == (split.source.sha256, 7, "customer", None)
    assert record.shares == {"dev": 0.2, "test": 0.2}
    assert record.near_similarity == 0.8
    assert record.parts == {part: split.parts[part].sha256 for part in WHOLE}


def test_a_part_that_the_recipe_does_not_name_is_not_recorded(folder: Path) -> None:
    record, notes = recorded_split(data(folder, train="train.csv", test="test.csv"))
    assert record is not None
    assert set(record.parts) == {"train", "test"}
    assert notes == []


def test_a_file_that_was_changed_since_is_a_note_and_no_record(folder: Path) -> None:
    with (folder / "test.csv").open("a", encoding="utf-8") as file:
        file.write("又一条,1,3\n")
    record, (note,) = recorded_split(data(folder, **WHOLE))
    assert record is None
    assert note == "how the rows were split is not recorded: changed since the split: test.csv"
    record, notes = recorded_split(data(folder, train="train.csv", dev="dev.csv"))
    assert record is not None, "what the recipe does not use may change"
    assert notes == []


def test_a_part_in_the_place_of_another_is_a_note(folder: Path) -> None:
    record, (note,) = recorded_split(data(folder, train="test.csv", test="train.csv"))
    assert record is None
    assert note.endswith("test.csv is not the train file of the split that it is a part of")


def test_a_damaged_split_json_is_a_note(folder: Path) -> None:
    file = folder / "split.json"
    file.write_text(file.read_text("utf-8").replace('"seed": 7', '"seed": "7"'), "utf-8")
    record, (note,) = recorded_split(data(folder, **WHOLE))
    assert record is None
    assert note.startswith("how the rows were split is not recorded: not as lingyu data split writes it: settings.seed")
    assert str(folder) not in note


def test_other_files_have_no_record_and_no_note(folder: Path) -> None:
    assert recorded_split(data(folder.parent, train="reviews.csv")) == (None, [])
    assert recorded_split(Data(train="org/name", labels=["a", "b"])) == (None, [])
