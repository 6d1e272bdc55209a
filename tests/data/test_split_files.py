"""A split file gives the same three files each time, loses no row unsaid, and keeps what belongs together."""

import csv
import io
import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from lingyu.data import SplitManifest, SplitRequest, load_splits, read_split_of, read_table, split_file
from lingyu.errors import LingyuError
from lingyu.recipe import Data
from lingyu.text import same_text_form

PARTS = ("train", "dev", "test")
PLACES = "前台房间早餐大堂电梯泳池停车场走廊浴室窗户空调"
SENSES = ("很满意下次再来", "太失望不会再住", "还可以说不上好", "比想象中好很多")


def review(number: int) -> str:
    """A text that is near no other: twelve words drawn by its number."""
    drawn = random.Random(number)
    return f"第{number}次入住" + "".join(drawn.choice(PLACES) + drawn.choice(SENSES)[:3] for _ in range(12))


def rows(count=200):
    return [{"id": str(n), "text": review(n), "label": str(int(n % 10 < 3))} for n in range(count)]


def as_csv(found):
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return stream.getvalue()


def split(source, out="out", force=False, **asked):
    return split_file(SplitRequest(source, **asked), Path(out), lambda *_: None, force=force)


def cells(path):
    return [row.cells for row in read_table(str(path)).rows]


def part_of(column="id", out="out"):
    """Value of a column -> the parts in which it stands."""
    found: dict[str, set[str]] = {}
    for path in Path(out).glob("*.csv"):
        for row in cells(path):
            found.setdefault(row[column], set()).add(path.stem)
    return found


def test_every_row_with_all_its_columns_is_in_one_part_and_labels_have_their_shares(write):
    source = rows()
    done = split(write("a.csv", as_csv(source)))
    written = {part: cells(f"out/{part}.csv") for part in PARTS}
    assert sorted((row for part in PARTS for row in written[part]), key=lambda row: int(row["id"])) == source
    assert {part: len(written[part]) for part in PARTS} == {"train": 160, "dev": 20, "test": 20}
    assert done.manifest.parts["test"].labels == {"0": 14, "1": 6}
    assert done.counts.as_json()["kept"] == {"train": 160, "dev": 20, "test": 20}


def test_the_same_file_gives_the_same_bytes_and_another_seed_others(write):
    source = write("a.csv", as_csv(rows()))
    assert not split(source, "one").already_there
    assert split(source, "one").already_there
    split(source, "two")
    for name in ("train.csv", "dev.csv", "test.csv", "split.json"):
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()
    with pytest.raises(LingyuError, match="--force"):
        split(source, "one", seed=3)
    split(source, "one", seed=3, force=True)
    assert Path("one/test.csv").read_bytes() != Path("two/test.csv").read_bytes()


def test_the_order_of_the_rows_does_not_decide_where_they_go(write):
    source = rows()
    split(write("a.csv", as_csv(source)), "one")
    split(write("b.csv", as_csv(random.Random(1).sample(source, len(source)))), "two")
    assert part_of(out="one") == part_of(out="two")


def test_a_file_without_near_texts_is_split_as_a_recipe_would_split_it(write):
    source = write("a.csv", as_csv(rows()))
    split(source)
    splits = load_splits(Data(train=source, labels=["0", "1"]), "single_label")
    for part in PARTS:
        of_recipe = sorted(getattr(splits, part).texts)
        assert sorted(row["text"] for row in cells(f"out/{part}.csv")) == of_recipe


def test_same_texts_and_near_ones_stay_on_one_side_whatever_their_labels(write):
    source = rows(120)
    copies = [row | {"id": f"{row['id']}-same", "text": row["text"] + "！"} for row in source[:30]]
    edited = [row | {"id": f"{row['id']}-near", "text": row["text"] + "呢", "label": "1"} for row in source[30:60]]
    done = split(write("a.csv", as_csv(source + copies + edited)), dev=0.2, test=0.2)
    where = part_of()
    assert all(where[row["id"]] == where[row["id"].split("-")[0]] for row in copies + edited)
    assert done.manifest.together.model_dump() == {"near_rows": 60, "groups": 60, "rows": 120, "largest": 2}
    assert "rows with a near-duplicate, kept on its side: 60" in done.counts.notes


def test_rows_of_a_large_template_are_all_counted(write):
    template = "您好您反馈的第{}个问题我们已经收到会尽快为您处理请您耐心等待谢谢"
    copies = [{"id": f"t{n}", "text": template.format(n), "label": "0"} for n in range(100)]
    done = split(write("a.csv", as_csv(rows(300) + copies)))
    assert done.manifest.together.model_dump() == {"near_rows": 100, "groups": 1, "rows": 100, "largest": 100}


def test_texts_that_are_the_same_once_they_are_cleaned_stay_on_one_side(write):
    source = rows(60)
    tagged = [row | {"id": f"{row['id']}-tagged", "text": f"<br/>{row['text']}&nbsp;"} for row in source]
    split(write("a.csv", as_csv(source + tagged)), dev=0.3, test=0.3)
    where = part_of()
    assert all(where[row["id"]] == where[row["id"].split("-")[0]] for row in tagged)
    assert {row["text"] for path in Path("out").glob("*.csv") for row in cells(path)} >= {tagged[0]["text"]}


def test_rows_of_one_customer_stay_on_one_side_and_rows_without_one_stand_alone(write):
    source = [row | {"customer": str(int(row["id"]) // 5) if int(row["id"]) < 150 else ""} for row in rows()]
    done = split(write("a.csv", as_csv(source)), group="customer")
    where = part_of("customer")
    assert where.pop("") == {"train", "dev", "test"}
    assert all(len(parts) == 1 for parts in where.values())
    assert "rows without a customer, each by itself: 50" in done.counts.notes
    assert done.manifest.together.largest == 5


def test_customers_that_share_a_text_stay_together(write):
    source = [row | {"customer": row["id"]} for row in rows(100)]
    chain = [row | {"id": f"{row['id']}b", "customer": str(int(row["id"]) + 1)} for row in source[:20]]
    done = split(write("a.csv", as_csv(source + chain)), group="customer")
    where = part_of()
    assert len({frozenset(where[str(number)]) for number in range(21)}) == 1, "0 shares a text with 1, 1 with 2, ..."
    assert done.manifest.together.largest == 41


def test_empty_texts_and_texts_with_two_labels_are_dropped_and_counted(write):
    source = rows(100)
    bad = [
        {"id": "a", "text": " &nbsp; ", "label": "0"},
        {"id": "b", "text": "", "label": "1"},
        {"id": "c", "text": source[0]["text"] + "。", "label": "0"},
    ]
    done = split(write("a.csv", as_csv(source + bad)))
    assert done.counts.lines()[0] == "kept 99 of 103 rows    empty 2    two labels 2"
    assert {"a", "b", "c", "0"} & set(part_of()) == set()
    (note,) = (note for note in done.counts.notes if "dropped" in note)
    assert "--text-pair names a second text that tells them apart, --no-label keeps them" in note


def test_rows_with_null_are_counted_since_csv_can_not_tell_it_from_an_empty_text(write):
    source = [{**row, "shop": None if row["id"] in ("3", "5", "7") else ""} for row in rows(100)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in source)
    note = "rows with null, which csv can't tell from an empty text: 3"
    assert note in split(write("a.jsonl", lines)).counts.notes
    assert not any("null" in said for said in split(write("a.csv", as_csv(source)), "other").counts.notes)


def test_rows_of_one_text_and_different_second_ones_are_different_rows(write):
    """Aspects: one review, a polarity for each thing that it speaks of."""
    aspects = ("房间", "早餐", "前台")
    source = [
        {"id": f"{number}-{aspect}", "text": review(number), "aspect": aspect, "label": str((number + at) % 2)}
        for number in range(80)
        for at, aspect in enumerate(aspects)
    ]
    wrong = [source[0] | {"id": "wrong", "label": "1"}, source[1] | {"id": "empty", "aspect": " "}]
    done = split(write("a.csv", as_csv(source + wrong)), text_pair="aspect", group="text")
    assert done.counts.dropped == {"empty": 1, "two labels": 2}
    assert done.manifest.settings.text_pair == "aspect"
    where = part_of()
    assert set(where) == {row["id"] for row in source[1:]}
    assert all(len(parts) == 1 for parts in part_of("text").values())
    assert done.manifest.together.largest == 3


def test_of_pairs_only_rows_that_are_near_as_a_whole_stay_together(write):
    source = [
        {"id": f"{number}{end}", "text": "房间好吗", "reply": review(number) + end, "label": "0"}
        for number in range(80)
        for end in ("", "呢")
    ]
    done = split(write("a.csv", as_csv(source)), text_pair="reply")
    assert done.manifest.together.model_dump() == {"near_rows": 160, "groups": 80, "rows": 160, "largest": 2}


def on_days(source, days=range(1000)):
    """The rows, each with its own day: its place among those given, as a number."""
    return [row | {"day": str(day)} for row, day in zip(source, days, strict=False)]


def days_of(out="out"):
    return {part: [int(row["day"]) for row in cells(f"{out}/{part}.csv")] for part in PARTS}


def test_by_time_test_is_the_latest_share_and_a_later_copy_goes_with_the_first(write):
    source = on_days(rows(100))
    copy = source[0] | {"id": "copy", "text": source[0]["text"] + "呢", "day": "500"}
    done = split(write("a.csv", as_csv([*source, copy])), time="day")
    where = part_of()
    assert all(where[str(number)] == {"test"} for number in range(90, 100))
    assert all(where[str(number)] == {"dev"} for number in range(80, 90))
    assert where["copy"] == {"train"}
    assert done.manifest.time is not None
    assert done.manifest.time.model_dump() == {"dev_from": "80", "test_from": "90", "late_rows": 1, "early_rows": 0}
    assert "copies of an earlier text that stay with it, though from after the first row of a later part: 1" in (
        done.counts.notes
    )


def test_by_time_a_customer_goes_with_the_latest_row_and_train_holds_nothing_from_after_the_cut(write):
    source = [row | {"customer": str(int(row["id"]) % 50)} for row in on_days(rows(200))]
    done = split(write("a.csv", as_csv(source)), time="day", group="customer")
    days = days_of()
    assert all(len(parts) == 1 for parts in part_of("customer").values())
    assert {part: max(found) for part, found in days.items()} == {"train": 189, "dev": 194, "test": 199}
    time = done.manifest.time
    assert time is not None
    assert (time.dev_from, time.test_from, time.late_rows) == ("190", "195", 0)
    early = sum(day < 190 for day in days["dev"]) + sum(day < 195 for day in days["test"])
    assert time.early_rows == early == 30
    assert f"rows of dev and test from before its first group, kept there by customer: {early}" in done.counts.notes
    assert not any("copies" in note for note in done.counts.notes)


def test_by_time_train_holds_no_text_from_after_the_cut_but_copies_of_earlier_ones(write):
    drawn = random.Random(3)
    source = [row | {"customer": str(drawn.randrange(60))} for row in on_days(rows(300))]
    copied = drawn.sample(source, 30)
    copies = [row | {"id": f"{row['id']}-copy", "text": row["text"] + "！", "day": "400"} for row in copied]
    alone = [row | {"customer": ""} for row in copies]
    done = split(write("a.csv", as_csv(source + alone)), time="day", group="customer")
    time = done.manifest.time
    assert time is not None
    late = [row for row in cells("out/train.csv") if int(row["day"]) >= int(str(time.dev_from))]
    assert late
    assert all(row["id"].endswith("-copy") for row in late)
    dev = [row for row in cells("out/dev.csv") if int(row["day"]) >= int(str(time.test_from))]
    assert all(row["id"].endswith("-copy") for row in dev)
    assert time.late_rows == len(late) + len(dev)


def test_a_row_without_a_time_is_told_with_its_line(write):
    source = [row | {"day": row["id"]} for row in rows(20)]
    source[7]["day"] = "soon"
    with pytest.raises(LingyuError, match=r'a\.csv:9: day: "soon" is neither'):
        split(write("a.csv", as_csv(source)), time="day")


def test_without_a_dev_share_there_is_no_dev_file(write):
    done = split(write("a.csv", as_csv(rows())), dev=0)
    assert sorted(path.name for path in Path("out").iterdir()) == ["split.json", "test.csv", "train.csv"]
    assert list(done.manifest.parts) == ["train", "test"]


def test_rows_without_labels_are_split_by_text_alone(write):
    source = [{"text": row["text"], "tags": json.dumps([row["id"]])} for row in rows()]
    done = split(write("a.jsonl", "\n".join(map(json.dumps, source))), label=None)
    assert {part: found.rows for part, found in done.manifest.parts.items()} == {"train": 160, "dev": 20, "test": 20}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"dev": 1.5}, "--dev is 1.5, no share"),
        ({"dev": 0, "test": 0}, "both 0"),
        ({"dev": 0.5, "test": 0.5}, "leave no row to train on"),
        ({"text": "txt"}, r"no column `txt` \(--text\).*Did you mean `text`"),
        ({"group": "customer"}, r"no column `customer` \(--group\)"),
        (
            {"group": "label"},
            r"2 groups of rows that stay together are too few to .* test and dev\. It takes 3 groups, or leave out",
        ),
        ({"group": "all"}, r"1 group of rows that stay together is too few"),
        ({"clean": ("htlm",)}, r"--clean: 'htlm': no such text step\. Did you mean html\?"),
        ({"clean": ("foo",)}, "There are html, control, width"),
        ({"text_pair": "txt"}, r"no column `txt` \(--text-pair\)"),
    ],
)
def test_what_can_not_be_split_is_one_line_and_writes_nothing(write, asked, says):
    source = write("a.csv", as_csv([row | {"all": "x"} for row in rows(20)]))
    with pytest.raises(LingyuError, match=says):
        split(source, **asked)
    assert not Path("out").exists()


def test_a_row_without_a_label_is_told_with_its_line_and_how_many_more(write):
    source = rows(20)
    source[3]["label"] = source[5]["label"] = " "
    with pytest.raises(LingyuError, match=r"a\.csv:5: the row has no label.*1 more row"):
        split(write("a.csv", as_csv(source)))


def test_a_row_that_can_not_be_read_is_told_with_its_line_and_what_sets_it_apart(write):
    with pytest.raises(LingyuError, match=r"a\.csv:3: the row has 3 columns.*lingyu data import"):
        split(write("a.csv", "text,label\n好,1\n差,0,x\n"))


def test_the_manifest_of_a_split_is_found_beside_its_training_file_and_knows_when_a_file_changed(write):
    done = split(write("a.csv", as_csv(rows())))
    found = read_split_of("out/train.csv")
    assert found == done.manifest
    assert found.changed_files(Path("out")) == ()
    Path("out/dev.csv").write_bytes(Path("out/dev.csv").read_bytes() + b"1,2,3\n")
    Path("out/test.csv").unlink()
    assert found.changed_files(Path("out")) == ("dev.csv", "test.csv")


def test_no_manifest_is_found_where_there_is_none_or_another_programs(write):
    split(write("a.csv", as_csv(rows())))
    assert read_split_of("a.csv") is None
    assert read_split_of("org/set:train") is None
    Path("out/other.csv").write_text("text,label\n", encoding="utf-8")
    assert read_split_of("out/other.csv") is None, "the split does not name it"
    Path("out/split.json").write_text('{"train": 0.8}', encoding="utf-8")
    assert read_split_of("out/train.csv") is None


def test_a_damaged_manifest_is_an_error_that_names_it(write):
    split(write("a.csv", as_csv(rows())))
    path = Path("out/split.json")
    path.write_text(path.read_text(encoding="utf-8").replace('"seed": 42', '"seed": "x"'), encoding="utf-8")
    with pytest.raises(LingyuError, match=r"out/split\.json: .*settings\.seed"):
        read_split_of("out/train.csv")


def test_a_manifest_holds_no_text_no_path_and_counts_that_add_up(write):
    source = rows()
    split(write("a.csv", as_csv(source)))
    text = Path("out/split.json").read_text(encoding="utf-8")
    assert not any(row["text"] in text for row in source)
    assert str(Path.cwd()) not in text
    counts = SplitManifest.model_validate_json(text).counts
    assert sum(counts.read.values()) == sum(counts.dropped.values()) + sum(counts.kept.values())


def crossing_near_pairs(parts):
    """(part, text, other part, text) of all near texts on two sides, by comparing each text with every other."""
    forms = {part: [form for text in texts if len(form := same_text_form(text)) >= 16] for part, texts in parts.items()}
    found = []
    for part, other in itertools.combinations(PARTS, 2):
        similar = cdist(forms[part], forms[other], scorer=Levenshtein.normalized_similarity, score_cutoff=0.8)
        for at, to in np.argwhere(similar).tolist():
            one, two = forms[part][at], forms[other][to]
            edits = Levenshtein.opcodes(one, two)
            if all(edit.tag != "replace" or edit.src_end - edit.src_start <= 5 for edit in edits):
                found.append((part, one, other, two))
    return found


def test_no_near_pair_of_real_reviews_crosses_a_split(tmp_path, shared_data):
    with (shared_data / "hotel" / "ChnSentiCorp_htl_all.csv").open(encoding="utf-8", newline="") as file:
        reviews = [row for row in csv.DictReader(file) if row["review"]][::3]
    drawn = random.Random(0)
    planted = []
    for row in drawn.sample([row for row in reviews if len(row["review"]) > 40], 150):
        at = drawn.randrange(len(row["review"]) - 4)
        planted.append(
            row | {"review": row["review"][:at] + drawn.choice(("", "非常", "。。")) + row["review"][at + 1 :]}
        )
    (tmp_path / "a.csv").write_text(as_csv(reviews + planted), encoding="utf-8")
    request = SplitRequest(str(tmp_path / "a.csv"), dev=0.2, test=0.2, text="review")
    done = split_file(request, tmp_path / "out", lambda *_: None)
    parts = {part: [row["review"] for row in cells(tmp_path / "out" / f"{part}.csv")] for part in PARTS}
    assert crossing_near_pairs(parts) == []
    assert done.manifest.together.near_rows >= 250, "a copy may be the same text, where only marks differ"
