"""What stands in a column of labels becomes targets, task by task; a fault is one line with the row that has it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.data import TURN_MARK, load_splits
from lingyu.data.labelling import entity_labels, label_sets, numbers, tagged_texts, value_of_label
from lingyu.errors import LingyuError
from lingyu.recipe import Data
from lingyu.text import content_hash

SUBJECTS = ["动力", "价格", "油耗"]
KINDS = {"HP": "品牌", "CX": "产品"}


def as_jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def refusal(data, task):
    with pytest.raises(LingyuError) as caught:
        load_splits(data, task)
    assert "\n" not in str(caught.value)
    assert caught.value.next
    return str(caught.value)


def whole(splits):
    """Every row: (texts, second texts, worse replies, labels), by its first text."""
    rows = {}
    for part in (splits.train, splits.dev, splits.test):
        columns = [part.texts, part.pairs or [None] * part.rows, part.rejected or [None] * part.rows, part.labels]
        rows |= {row[0]: row[1:] for row in zip(*columns, strict=True)}
    return rows


# ---- multi_label


def car_rows(count=60):
    kinds = [["动力"], ["价格"], ["油耗", "价格"], []]
    return [{"text": f"第{n}台车", "labels": kinds[n % 4]} for n in range(count)]


def test_lists_of_labels_become_rows_of_0_and_1(write):
    write("train.jsonl", as_jsonl(car_rows()))
    splits = load_splits(Data(train="train.jsonl", label="labels", labels=SUBJECTS), "multi_label")
    rows = whole(splits)
    assert rows["第1台车"][-1].tolist() == [0, 1, 0]
    assert rows["第2台车"][-1].tolist() == [0, 1, 1]
    assert rows["第3台车"][-1].tolist() == [0, 0, 0]
    assert all(part.labels.any(axis=0).all() for part in (splits.train, splits.dev, splits.test))


@pytest.mark.parametrize(("separator", "mark"), [(None, ","), ("、", "、")])
def test_in_a_table_labels_are_cut_at_the_separator(write, separator, mark):
    lines = [f'第{row["text"]},"{mark.join(row["labels"])}"\n' for row in car_rows()]
    write("train.csv", "text,label\n" + "".join(lines))
    data = Data(train="train.csv", labels=SUBJECTS, label_separator=separator)
    assert whole(load_splits(data, "multi_label"))["第第2台车"][-1].tolist() == [0, 1, 1]


@pytest.mark.parametrize("mark", ["；", ";", "、", "，", "|", "/", " "])
def test_labels_with_another_separator_between_are_told_how_to_set_it(write, mark):
    write("train.csv", f"text,label\n好,动力\n坏,动力{mark}油耗\n贵,动力{mark}价格{mark}\n差,喇叭\n")
    message = refusal(Data(train="train.csv", labels=SUBJECTS), "multi_label")
    assert message.endswith(f'. Set data.label_separator: "{mark}"')
    write("train.csv", f"text,label\n好,动力\n坏,动力{mark}喇叭\n")
    assert "label_separator" not in refusal(Data(train="train.csv", labels=SUBJECTS), "multi_label")
    write("train.jsonl", as_jsonl([{"text": "坏", "label": [f"动力{mark}油耗"]}]))
    assert "label_separator" not in refusal(Data(train="train.jsonl", labels=SUBJECTS), "multi_label")


def test_a_row_whose_labels_are_null_is_left_out_and_one_with_an_empty_list_is_not(write):
    write("train.jsonl", as_jsonl([*car_rows(), {"text": "谁也不知", "labels": None}]))
    splits = load_splits(Data(train="train.jsonl", label="labels", labels=SUBJECTS), "multi_label")
    assert "谁也不知" not in whole(splits)
    assert whole(splits)["第3台车"][-1].tolist() == [0, 0, 0]
    assert splits.counts.lines()[0] == "kept 60 of 61 rows    no labels 1"
    assert splits.counts.notes == ("rows left out whose `labels` is null ([] is a row without labels): 1",)


@pytest.mark.parametrize("cell", ["[动力]", '"[动力, 价格]"', "\"['动力', '价格']\""])
def test_a_list_that_is_no_json_is_told_how_to_be_one(write, cell):
    write("train.csv", f"text,label\n好,动力\n坏,{cell}\n")
    message = refusal(Data(train="train.csv", labels=SUBJECTS), "multi_label")
    assert message.startswith('train.csv:3: label: "[')
    assert message.endswith('Write a list as JSON, each text in quotation marks: ["one", "another"]')


@pytest.mark.parametrize(
    ("task", "row", "says"),
    [
        ("single_label", {"text": ["好", "吃"], "label": "动力"}, "column `text` (data.text) holds a list"),
        ("single_label", {"text": {"好": 1}, "label": "动力"}, "column `text` (data.text) holds a mapping"),
        ("ordinal", {"text": "好", "label": ["动力"]}, "column `label` (data.label) holds a list"),
        ("multi_label", {"text": "好", "label": {"动力": 1}}, "column `label` (data.label) holds a mapping"),
        ("multi_label", {"text": "好", "label": [None]}, "label: a list with nothing (null) in it"),
        ("multi_label", {"text": "好", "label": [["动力"]]}, "label: a list with another list in it"),
        ("token", {"text": ["好", None], "label": ["O", "O"]}, "text: a list with nothing (null) in it"),
        ("token", {"text": ["好", "吃"], "label": "O O"}, "label: the tags are text, where the tokens are a list"),
        ("token", {"text": ["好", ""], "label": ["O", "B-动力"]}, 'label: "B-动力" is the tag of an empty token'),
        ("token", {"text": "好吃", "label": "[O, O]"}, 'label: "[O," is no BIO tag'),
    ],
)
def test_a_value_that_a_task_does_not_read_is_one_line(write, task, row, says):
    good = {"token": {"text": ["好"], "label": ["B-动力"]}}.get(task, {"text": "好", "label": "动力"})
    write("train.jsonl", as_jsonl([good, row]))
    clean = ("width",) if task == "token" else ()
    assert refusal(Data(train="train.jsonl", labels=SUBJECTS, clean=clean), task).startswith(f"train.jsonl:2: {says}")


def test_rows_that_all_have_the_same_labels_are_told_with_them(write):
    write("train.csv", "text,label\n" + "".join(f"第{n}台车,动力\n" for n in range(9)))
    assert "every row has the same labels (动力)" in refusal(Data(train="train.csv", labels=SUBJECTS), "multi_label")


def test_a_list_with_an_unknown_label_names_the_row(write):
    write("train.jsonl", as_jsonl([*car_rows(8), {"text": "又一台", "labels": ["动力", "喇叭"]}]))
    message = refusal(Data(train="train.jsonl", label="labels", labels=SUBJECTS), "multi_label")
    assert message.startswith('train.jsonl:9: label: "喇叭" is outside data.labels (动力, 价格, 油耗)')
    assert "又一台" not in message


@given(st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=40))
def test_a_stratum_is_the_rarest_label_that_a_row_has(rows):
    data = Data(train="x.csv", labels=list("abcde"))
    values = [json.dumps(["abcde"[label] for label in row]) for row in rows]
    found = label_sets(values, ["x.csv:1"] * len(rows), data)
    counts = found.targets.sum(axis=0)
    for row, stratum in zip(rows, found.strata.tolist(), strict=True):
        assert stratum == 5 if not row else counts[stratum] == min(counts[label] for label in row)
        assert not row or stratum in row
    same = [a == b for a in rows for b in rows]
    assert same == [a == b for a in found.keys.tolist() for b in found.keys.tolist()]


# ---- token


def tagged(text, tags, labels=KINDS, clean=("width",)):
    data = Data(train="x.csv", labels=labels, clean=clean)
    (row,) = tagged_texts([text], [tags], ["x.csv:1"], data)
    return row


def test_tags_of_tokens_become_spans_of_characters():
    row = tagged(json.dumps(["华为", "手机", "壳", "华", "为"]), json.dumps(["B-HP", "B-CX", "I-CX", "I-HP", "I-HP"]))
    assert row.text == "华为手机壳华为"
    assert row.entities == ((0, 2, 0), (2, 5, 1), (5, 7, 0))


def test_plain_text_has_a_tag_a_character_and_blanks_may_stand_between_tags():
    assert tagged("华为壳", "B-HP I-HP B-CX").entities == ((0, 2, 0), (2, 3, 1))


def test_two_entities_of_a_label_side_by_side_stay_two():
    assert tagged("华为小米", "B-HP I-HP B-HP I-HP").entities == ((0, 2, 0), (2, 4, 0))


def test_blanks_that_cleaning_strips_move_the_spans():
    assert tagged("\u3000华为Ａ ", "O B-HP I-HP I-HP O") == type(tagged("a", "O"))("华为A", ((0, 3, 0),))


@pytest.mark.parametrize(
    ("text", "tags", "says"),
    [
        ("华为壳", "B-HP I-HP", "x.csv:1: label: 2 tags for 3 characters"),
        ('["华为", "壳"]', '["O"]', "x.csv:1: label: 1 tags for 2 tokens"),
        ("华", "B-XX", 'x.csv:1: label: "B-XX" is a tag outside data.labels (HP, CX)'),
        ("华", "I-XX", 'x.csv:1: label: "I-XX" is a tag outside data.labels (HP, CX)'),
        ("华", "HP", 'x.csv:1: label: "HP" is no BIO tag'),
        ("华", '[""]', "x.csv:1: label: an empty value is no BIO tag"),
    ],
)
def test_tags_that_are_none_are_one_line(text, tags, says):
    with pytest.raises(LingyuError) as caught:
        tagged(text, tags)
    assert str(caught.value).startswith(says)
    assert caught.value.next


def test_a_list_without_a_token_needs_no_list_of_tags():
    assert tagged("[]", "") == type(tagged("a", "O"))("", ())


def test_a_faulty_row_of_tags_is_told_with_its_place_and_how_many_more(write):
    rows = [{"tokens": ["华", "为"], "tags": ["B-HP", "I-HP"]}, {"tokens": ["壳"], "tags": []}] * 2
    write("train.jsonl", as_jsonl(rows))
    data = Data(train="train.jsonl", text="tokens", label="tags", labels=KINDS, clean=("width",))
    message = refusal(data, "token")
    assert message.startswith("train.jsonl:2: label: 0 tags for 1 tokens; so is 1 more row")


@given(st.lists(st.sampled_from(["O", "B-HP", "I-HP", "B-CX", "I-CX"]), max_size=20))
def test_spans_are_what_seqeval_and_conlleval_read(tags):
    def runs():
        start = kind = None
        for at, tag in enumerate([*tags, "O"]):
            goes_on = tag[0] == "I" and kind == tag[2:]
            if kind is not None and not goes_on:
                yield start, at, list(KINDS).index(kind)
            if not goes_on:
                start, kind = at, (None if tag == "O" else tag[2:])

    row = tagged("字" * len(tags), json.dumps(tags))
    assert list(row.entities) == list(runs())


def tagged_rows(write, rows):
    write("train.jsonl", as_jsonl([{"text": list(text), "label": tags.split()} for text, tags in rows]))
    return Data(train="train.jsonl", labels=KINDS, clean=("width",))


def test_rows_that_all_have_the_same_entities_can_be_learnt(write):
    data = tagged_rows(write, [(f"华为{n}", "B-HP I-HP" + " O" * len(str(n))) for n in range(30)])
    assert load_splits(data, "token").train.rows == 24


def test_rows_without_an_entity_are_nothing_to_learn_and_so_is_a_train_that_is_left_without(write):
    none = [(f"第{n}", "O" + " O" * len(str(n))) for n in range(30)]
    assert "no row has an entity" in refusal(tagged_rows(write, none), "token")
    test = load_splits(tagged_rows(write, [*none, ("华为", "B-HP O")]), "token").test.texts
    alone = [(text, tags.replace("O", "B-HP", 1) if text == test[0] else tags) for text, tags in none]
    message = refusal(tagged_rows(write, [*alone, ("华为", "O O")]), "token")
    assert message.startswith("train.jsonl: with test and dev split off train, no row has an entity")


def test_token_rows_load_with_keys_that_tell_their_labels_apart():
    rows = [tagged("华为", "B-HP I-HP"), tagged("小米", "B-HP I-HP"), tagged("华为", "B-CX I-CX")]
    found = entity_labels(rows)
    assert found.targets.tolist() == [((0, 2, 0),), ((0, 2, 0),), ((0, 2, 1),)]
    assert (found.keys[:, None] == found.keys).tolist() == [
        [True, True, False],
        [True, True, False],
        [False] * 2 + [True],
    ]


def test_entities_of_same_texts_agree_wherever_their_marks_and_blanks_stand():
    rows = [
        tagged("兰蔻面霜", "B-HP I-HP O O"),
        tagged("【兰蔻】面霜", "O B-HP I-HP O O O"),
        tagged("兰蔻面霜", "O O B-HP I-HP"),
    ]
    same, marked, other = entity_labels(rows).keys.tolist()
    assert same == marked != other


def test_one_product_written_with_and_without_marks_is_no_contradiction(write):
    words = [(f"第{n}", "O" + " O" * len(str(n))) for n in range(40)]
    brand = [("兰蔻面霜", "B-HP I-HP O O"), ("兰蔻，面霜", "B-HP I-HP O O O"), ("【兰蔻】面霜", "O B-HP I-HP O O O")]
    counted = load_splits(tagged_rows(write, [*words, *brand, ("华为", "B-HP I-HP")]), "token").counts.lines()[0]
    assert "two labels" not in counted


# ---- regression, ordinal


def test_numbers_are_read_and_dealt_by_their_tenths(write):
    write("train.csv", "text,label\n" + "".join(f"第{n}条,{n / 10}\n" for n in range(100)))
    splits = load_splits(Data(train="train.csv", labels={}), "regression")
    assert splits.labels == ()
    assert splits.train.labels.dtype == np.float32
    assert whole(splits)["第37条"][-1] == np.float32(3.7)
    assert sorted((splits.test.labels // 1).tolist()) == list(range(10))


@pytest.mark.parametrize("value", ["很多", "", "nan", "inf", "1e99", "[1]", "1_0"])
def test_a_number_that_is_none_names_the_row(write, value):
    write("train.csv", f"text,label\n好,1.5\n差,{value}\n")
    assert refusal(Data(train="train.csv", labels={}), "regression").startswith("train.csv:3: label: ")


def test_too_few_numbers_to_split_are_told_how_many_it_takes(write):
    write("train.csv", "text,label\n" + "".join(f"第{n}条,{n}\n" for n in range(8)))
    message = refusal(Data(train="train.csv", labels={}), "regression")
    assert message.startswith("train.csv: too few to split off test and dev: 8 distinct texts")
    assert message.endswith("Add rows: thirty distinct texts at the least")


def test_a_number_that_all_rows_share_is_nothing_to_learn(write):
    write("train.csv", "text,label\n" + "".join(f"第{n}条,2.5\n" for n in range(9)))
    assert "every row has the number 2.5" in refusal(Data(train="train.csv", labels={}), "regression")


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50))
def test_equal_numbers_have_one_key_and_one_tenth(values):
    found = numbers([repr(value) for value in values], ["x:1"] * len(values), Data(train="x", labels={}))
    assert found.targets.tolist() == values
    for value in set(values):
        rows = found.targets == np.float32(value)
        assert len(np.unique(found.strata[rows])) == 1
    assert found.strata.min() >= 0
    assert found.strata.max() < 10


def test_the_steps_of_a_scale_are_its_labels_in_order_and_the_baseline_column_comes_along(write):
    rows = "".join(f"{n % 5 + 1},{'甲乙'[n % 2]},第{n}条\n" for n in range(60))
    write("train.csv", "star,film,text\n" + rows)
    labels = {str(n): f"{n}星" for n in range(1, 6)}
    data = Data(train="train.csv", label="star", labels=labels, baseline_column="film")
    splits = load_splits(data, "ordinal")
    assert splits.labels == ("1星", "2星", "3星", "4星", "5星")
    assert whole(splits)["第7条"][-1] == 2
    at = splits.train.texts.index(next(text for text in splits.train.texts if text.endswith("3条")))
    assert splits.train.baseline_values[at] == "乙"


@pytest.mark.parametrize(
    ("value", "known", "read"),
    [
        ("4.0", ["4"], "4"),
        (" 4.00", ["4", "5"], "4"),
        ("4.0", ["4.0", "4"], "4.0"),
        ("4.5", ["4"], "4.5"),
        ("4.0", ["3"], "4.0"),
        ("-1.0", ["-1"], "-1"),
    ],
)
def test_a_whole_number_is_read_with_its_zeros_behind_the_point(value, known, read):
    assert value_of_label(value, known) == read


def test_stars_that_a_table_writes_as_4_0_are_read(write):
    write("train.csv", "text,label\n" + "".join(f"第{n}条,{n % 5 + 1}.0\n" for n in range(50)))
    splits = load_splits(Data(train="train.csv", labels=list("12345")), "ordinal")
    assert whole(splits)["第7条"][-1] == 2


# ---- pairs


def aspect_rows(count=60):
    return "".join(f"第{n}家店,菜,好\n第{n}家店,价格,差\n" for n in range(count))


def pairs(write, content, **keys):
    write("train.csv", "text,aspect,label\n" + content)
    return Data(train="train.csv", text_pair="aspect", labels=["好", "差"], **keys)


def test_a_text_with_two_second_texts_may_have_two_labels_and_stays_on_one_side(write):
    splits = load_splits(pairs(write, aspect_rows()), "single_label")
    assert splits.counts.rows_kept == 120
    texts = [set(part.texts) for part in (splits.train, splits.dev, splits.test)]
    assert sum(map(len, texts)) == len(set.union(*texts)) == 60
    assert all(part.pairs and set(part.pairs) == {"菜", "价格"} for part in (splits.train, splits.dev, splits.test))
    assert splits.train.hashes[0] != content_hash(splits.train.texts[0])


def test_the_same_two_texts_with_two_labels_are_dropped_and_an_empty_second_text_too(write):
    splits = load_splits(pairs(write, aspect_rows() + "新店,菜,好\n新店,菜！,差\n空店,,好\n,菜,好\n"), "single_label")
    assert splits.counts.lines()[0] == "kept 120 of 124 rows    empty 2    two labels 2"


def test_a_leak_is_of_both_texts_and_one_of_either_alone_is_a_note(write):
    write("dev.csv", "text,aspect,label\n另一家店,菜,好\n")
    write("test.csv", "text,aspect,label\n第1家店,菜,好\n第1家店,环境,好\n新店,菜,差\n新店,环境,差\n旁边,第2家店,差\n")
    data = pairs(write, aspect_rows(), dev="dev.csv", test="test.csv")
    with pytest.raises(LingyuError, match="1 of 5 rows stand in data"):
        load_splits(data, "single_label")
    splits = load_splits(data.model_copy(update={"drop_leaked": True}), "single_label")
    kept = list(zip(splits.test.texts, splits.test.pairs, strict=True))
    assert kept == [("第1家店", "环境"), ("新店", "菜"), ("新店", "环境"), ("旁边", "第2家店")]
    assert splits.counts.notes == (
        "test rows whose first text stands in train beside another one: 1; "
        "any of whose texts does: 3 (an aspect or a stock reply that many rows share does too)",
    )


def test_rows_without_a_group_are_counted(write):
    write("train.csv", "text,customer,label\n" + "".join(f"第{n}句, ,{'好差'[n % 2]}\n" for n in range(60)))
    splits = load_splits(Data(train="train.csv", labels=["好", "差"], group="customer"), "single_label")
    assert splits.counts.notes == ("rows without a value of data.group, which split by their text alone: 60",)


def test_groups_that_given_files_share_are_counted(write):
    def rows(count, customer):
        return "".join(f"{customer}{n},{'好差'[n % 2]},{customer}\n" for n in range(count))

    head = "text,label,customer\n"
    write("train.csv", head + rows(20, "甲") + rows(20, "乙") + rows(20, "丙") + "没有,好,\n")
    write("dev.csv", head + "又一,好,甲\n又二,差, 甲\n又三,差,丁\n又四,差,\n")
    write("test.csv", head + "再一,好,乙\n再二,差,丁\n再三,差,戊\n再四,差,\n")
    both = Data(train="train.csv", dev="dev.csv", test="test.csv", labels=["好", "差"], group="customer")
    assert load_splits(both, "single_label").counts.notes == (
        "dev rows whose value of data.group stands in train: 2",
        "test rows whose value of data.group stands in train: 1",
        "test rows whose value of data.group stands in dev: 1",
    )
    apart = Data(train="train.csv", dev="dev.csv", labels=["好", "差"], group="customer", split={"test": 0.3})
    notes = load_splits(apart, "single_label").counts.notes
    assert [note for note in notes if note.startswith("test")] == [], "what is split off shares none"


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_share_of_what_a_file_gives_is_said_to_be_idle(write, part):
    write("train.csv", "text,label\n" + "".join(f"第{n}条,{'好差'[n % 2]}\n" for n in range(40)))
    write("given.csv", "text,label\n新的,好\n又一,差\n")
    for share, notes in ((0.1, ()), (0.25, (f"data.split.{part} is idle: data.{part} gives these rows",))):
        data = Data(train="train.csv", labels=["好", "差"], split={part: share}, **{part: "given.csv"})
        assert load_splits(data, "single_label").counts.notes == notes


def test_rows_of_one_group_stay_on_one_side(write):
    rows = "".join(f"第{n}句,{n // 3},{'好差'[n % 2]}\n" for n in range(120))
    write("train.csv", "text,customer,label\n" + rows + "第0句！,99,好\n")
    splits = load_splits(Data(train="train.csv", labels=["好", "差"], group="customer"), "single_label")
    sides = {}
    for name in ("train", "dev", "test"):
        part = getattr(splits, name)
        for text, group in zip(part.texts, part.group_values, strict=True):
            sides.setdefault(group, set()).add(name)
            sides.setdefault(text.rstrip("！"), set()).add(name)
    assert all(len(names) == 1 for names in sides.values())


# ---- preference


def reply_rows(count=40):
    return [{"context": [f"有第{n}款吗", "有的"], "chosen": "好的亲", "rejected": f"{n}点下班"} for n in range(count)]


REPLIES = Data(train="train.jsonl", text="context", chosen="chosen", rejected="rejected", labels={})


def test_turns_are_joined_and_dialogues_stay_on_one_side(write):
    again = [{**row, "rejected": "没有了"} for row in reply_rows()]
    write("train.jsonl", as_jsonl(reply_rows() + again))
    splits = load_splits(REPLIES, "preference")
    assert splits.counts.rows_kept == 80
    assert whole(splits)[f"有第3款吗{TURN_MARK}有的"][0] == "好的亲"
    assert not set(splits.train.texts) & set(splits.test.texts)
    assert not splits.train.labels.any()


def test_equal_replies_are_dropped_and_so_are_two_rows_that_contradict_each_other(write):
    contradiction = [{"context": ["在吗"], "chosen": "在", "rejected": "不在"}]
    contradiction += [{"context": ["在吗"], "chosen": "不在", "rejected": "在"}]
    marks = {"context": ["发货吗"], "chosen": "好的！", "rejected": "好的。"}
    contradiction += [marks, {**marks, "chosen": marks["rejected"], "rejected": marks["chosen"]}]
    equal = [{"context": ["在吗"], "chosen": "在", "rejected": "在"}]
    write("train.jsonl", as_jsonl(reply_rows() + contradiction + equal + [{**equal[0], "chosen": " "}]))
    splits = load_splits(REPLIES, "preference")
    assert splits.counts.lines()[0] == "kept 40 of 46 rows    empty 1    equal replies 1    both orders 4"


def test_where_no_two_replies_differ_what_was_dropped_is_told(write):
    write("train.jsonl", as_jsonl([{**row, "rejected": row["chosen"]} for row in reply_rows(9)]))
    assert refusal(REPLIES, "preference").startswith("train.jsonl: no row is left: equal replies 9")


@pytest.mark.parametrize(
    ("turns", "kind"), [([{"role": "user", "content": "在吗"}], "a mapping"), (["在吗", None], "nothing (null)")]
)
def test_turns_that_are_no_texts_are_one_line(write, turns, kind):
    write("train.jsonl", as_jsonl([*reply_rows(3), {**reply_rows(1)[0], "context": turns}]))
    assert refusal(REPLIES, "preference").startswith(f"train.jsonl:4: text: a list with {kind} in it")


def test_what_a_part_is_changes_with_which_reply_is_the_better(write):
    write("train.jsonl", as_jsonl(reply_rows()))
    first = load_splits(REPLIES, "preference").train
    swapped = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in reply_rows()]
    write("train.jsonl", as_jsonl(swapped))
    second = load_splits(REPLIES, "preference").train
    assert first.hashes.tolist() == second.hashes.tolist()
    assert first.fingerprint != second.fingerprint
