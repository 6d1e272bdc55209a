"""Who else has read the test texts is said by content: this recipe's base, and the other adapters of its store.

Beside it, what nearly stands in another part.
"""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lingyu.bases import LINEAGE, find_base
from lingyu.cli import main
from lingyu.data import AuditRequest, Splits, audit_parts, load_splits, parts_of_splits
from lingyu.lora import check_data
from lingyu.lora.gates import near_notes
from lingyu.recipe import Recipe, load_recipe
from lingyu.text import content_hashes

from ..data.rows import read_rows
from ..e2e.conftest import Workplace


def recipe(place: Workplace, *overrides: str) -> Recipe:
    return load_recipe(place.recipe, overrides)


def bare(text: str) -> str:
    """A text as same texts share it, for texts of Chinese characters, Latin letters and marks only."""
    return re.sub(r"[，。！？!?,. ]", "", text).lower()


def notes_of(lines: list[str]) -> list[str]:
    return [line for line in lines if "test texts" in line and "stand in" in line]


def test_test_texts_that_another_adapter_was_trained_on_are_a_note(place: Workplace) -> None:
    read_by_hotel = {bare(text) for text in load_splits(recipe(place).data, "single_label").train.texts}
    ours = recipe(place, "data.split.seed=7")
    test = load_splits(ours.data, ours.task).test
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
    test = load_splits(ours.data, ours.task).test
    corpus = [f"，{text}！" for text in test.texts[:5]] + ["没有人写过的话"]
    save_file({"corpus": np.sort(content_hashes(corpus))}, place.folder / "bases/tiny/hashes.safetensors")
    (note,) = notes_of(check_data(ours))
    rows = int(np.isin(test.hashes, test.hashes[:5]).sum())
    assert note == f"{rows} of {test.rows} test texts ({rows / test.rows:.1%}) stand in the corpus of base ./bases/tiny"


def test_test_texts_that_data_clean_changes_are_found_as_they_were(place: Workplace) -> None:
    ours = recipe(place, "name=hotel")
    test = load_splits(ours.data, ours.task).test
    rows = read_rows("data/reviews.csv", "review", "label")
    written = [(row.label, f"{row.text}太太太太太太差了") for row in rows]
    with (place.folder / "data/loud.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("label", "review"), *written])
    corpus = np.unique(content_hashes(text for _, text in written))
    save_file({"corpus": corpus}, place.folder / "bases/tiny/hashes.safetensors")
    loud = recipe(place, "name=hotel", "data.train=data/loud.csv", "data.clean=[repeats]")
    assert not np.isin(load_splits(loud.data, loud.task).test.hashes, corpus).any()
    (note,) = notes_of(check_data(loud))
    assert note == f"{test.rows} of {test.rows} test texts (100.0%) stand in the corpus of base ./bases/tiny"


def test_an_adapter_that_can_not_be_read_is_said_and_stops_nobody(place: Workplace) -> None:
    (place.folder / "adapters/shop/v1/hashes.safetensors").write_bytes(b"no tensors")
    lines = check_data(recipe(place, "data.split.seed=7"))
    assert len(notes_of(lines)) == 1
    assert any("whether adapter shop@v1 was trained on test texts is not known" in line for line in lines)


def test_a_version_without_hashes_hides_no_leak_of_another(place: Workplace) -> None:
    before = notes_of(check_data(recipe(place, "data.split.seed=7")))
    shutil.copytree(place.folder / "adapters/shop/v1", place.folder / "adapters/shop/v2")
    (place.folder / "adapters/shop/v2/hashes.safetensors").unlink()
    lines = check_data(recipe(place, "data.split.seed=7"))
    assert notes_of(lines) == before
    assert any("whether adapter shop@v2 was trained on test texts is not known" in line for line in lines)


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


def test_texts_longer_than_any_of_the_bases_pretraining_are_a_note(place: Workplace) -> None:
    stages = [{"mode": "scratch", "settings": {"train": {"max_length": 16}}}]
    (place.folder / "bases/tiny" / LINEAGE).write_text(json.dumps({"stages": stages, "lineage": []}), "utf-8")
    said = "base ./bases/tiny was pretrained on 16 tokens of a text at most; train.max_length is 17"
    assert said in check_data(recipe(place, "train.max_length=17"))
    assert not any("pretrained on" in line for line in check_data(recipe(place, "train.max_length=16")))


def test_a_base_without_a_corpus_has_none(place: Workplace) -> None:
    assert find_base("./bases/tiny").corpus_hashes.size == 0


SENTENCES = (
    "房间干净整洁，服务员态度也非常热情，早餐的种类很多，下次出差还会住这里",
    "酒店位置偏僻，周围没有什么吃饭的地方，打车也不方便，隔音效果实在太差了",
    "前台办理入住花了将近一个小时，空调坏了没有人来修理，这样的体验令人失望",
    "价格实惠，离地铁站走路五分钟就到，床铺柔软舒适，带孩子的家庭可以放心选择",
)


def splits_of(folder: Path, **texts: list[str]) -> tuple[Splits, Recipe]:
    """Each part from a file of its own; labels alternate."""
    for part, of_part in texts.items():
        with (folder / f"data/{part}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("label", "review"), *((row % 2, text) for row, text in enumerate(of_part))])
    return load_splits(_three_files(folder).data, "single_label"), _three_files(folder)


def _three_files(folder: Path) -> Recipe:
    files = [f"data.{part}={folder / 'data' / part}.csv" for part in ("train", "dev", "test")]
    return load_recipe(folder / "tiny.yaml", [*files, "data.allow_leakage=true"])


def test_rows_that_nearly_stand_in_another_part_are_said_and_stop_nobody(place: Workplace) -> None:
    one, two, three, four = SENTENCES
    near_one, near_two = one.replace("热情", "周到"), two.replace("太差", "太差劲")
    splits, asked = splits_of(
        place.folder,
        train=[one, two, "短的话", "长的话"],
        dev=[near_two, three],
        test=[near_one, near_two + "！", three.replace("失望", "无奈"), four],
    )
    assert near_notes(splits) == [
        "2 test rows have a near-duplicate in train (similarity >= 0.8)",
        "1 dev row has a near-duplicate in train (similarity >= 0.8)",
        "1 test row has a near-duplicate in dev (similarity >= 0.8)",
    ]
    lines = check_data(asked)
    assert set(near_notes(splits)) < set(lines)
    assert "note: test rows whose text stands in dev: 1" in lines, "what is the same text is no near-duplicate as well"


def test_where_nothing_is_near_nothing_is_said_of_it(place: Workplace) -> None:
    splits, _ = splits_of(place.folder, train=["好", "差", *SENTENCES[:1]], dev=["很好"], test=["很差", "好的"])
    assert near_notes(splits) == []


def test_near_rows_are_counted_as_the_audit_counts_them(place: Workplace, shared_data: Path) -> None:
    rows = read_rows(str(shared_data / "chnsenticorp/dev.tsv"), "text_a", "label")
    texts = [row.text for row in rows]
    altered = [text.replace("的", "地", 1) for text in texts[:300]]
    splits, asked = splits_of(place.folder, train=texts[:600], dev=altered[:200], test=texts[600:900] + altered[100:])
    audited = audit_parts(AuditRequest(parts_of_splits(splits, asked.data)), lambda *_: None).audit
    crossed = {(crossing.part, crossing.other): crossing.near_rows for crossing in audited.crossings}
    counted = {(note.split()[1], note.split(" in ")[1].split()[0]): int(note.split()[0]) for note in near_notes(splits)}
    assert counted == {pair: rows for pair, rows in crossed.items() if rows}
    assert counted["test", "train"] > 100


def test_a_row_of_two_texts_counts_where_its_first_text_was_read(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_base, "base")
    rows = "".join(f"第{n}家店,{aspect},{label}\n" for n in range(40) for aspect, label in (("菜", 1), ("价格", 0)))
    Path("rows.csv").write_text(f"text,aspect,label\n{rows}", "utf-8")
    content = "name: a\nbase: ./base\ntask: single_label\ndata: {train: rows.csv, text_pair: aspect, labels: [0, 1]}\n"
    Path("r.yaml").write_text(content, "utf-8")
    ours = load_recipe("r.yaml")
    test = load_splits(ours.data, ours.task).test
    read = [*test.texts[:2], "菜", "没有人写过的话"]
    save_file({"corpus": np.sort(content_hashes(read))}, Path("base/hashes.safetensors"))
    rows_read = sum(text in read for text in test.texts)
    assert notes_of(check_data(ours)) == [
        f"{rows_read} of {test.rows} test texts ({rows_read / test.rows:.1%}) stand in the corpus of base ./base"
    ]
