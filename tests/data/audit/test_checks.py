"""What is found within a part and across two, what is suggested, and in which order: worst first."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.data.audit.crossings import crossing, find_leaks
from lingyu.data.audit.duplicates import find_repeats, repeats_in
from lingyu.data.audit.neighbours import neighbours_of
from lingyu.data.audit.report import Level
from lingyu.data.audit.rows import rows_of
from lingyu.data.near import NEAR

LONG = "房间很干净，服务热情，早餐也很丰富，位置在地铁站旁边，下次还会再来"


def found(audit, check):
    return [
        (it.row, it.suggestion, it.level, it.other, it.suggested_label) for it in audit.findings if it.check == check
    ]


def verdict(audit, check):
    return next(it for it in audit.verdicts if it.check == check)


def test_repeats_may_go_but_for_the_first_and_other_labels_come_first(audited):
    audit = audited(train=[("好", "1"), ("坏", "0"), (" 好", "1"), ("好！", "1"), ("坏", "1"), ("贵", "0")]).audit
    assert found(audit, "duplicates") == [
        ("train.csv:6", "drop", "exact", "train.csv:3", None),
        ("train.csv:4", "drop", "same", "train.csv:2", None),
        ("train.csv:5", "drop", "same", "train.csv:2", None),
    ]
    assert verdict(audit, "duplicates").grade == "look"


def test_what_is_measured_on_stays_as_it_is_given(audited):
    audit = audited(train=[("好", "1"), ("坏", "0")], test=[("贵", "0"), ("贵", "1"), ("贵", "1")]).audit
    assert {it.suggestion for it in audit.findings} == {"keep"}
    assert [it.suggested_label for it in audit.findings if it.check == "conflicts"] == ["1", "1", "1"]


def test_two_labels_are_settled_by_a_clear_majority_or_all_rows_may_go(audited):
    rows = [("好", "1"), ("好", "1"), ("好", "0"), ("坏", "1"), ("坏", "0"), ("贵", "0")]
    audit = audited(train=rows).audit
    assert found(audit, "conflicts") == [
        ("train.csv:2", "keep", "exact", "train.csv:4", None),
        ("train.csv:3", "keep", "exact", "train.csv:4", None),
        ("train.csv:4", "relabel", "exact", "train.csv:2", "1"),
        ("train.csv:5", "drop", "exact", "train.csv:6", None),
        ("train.csv:6", "drop", "exact", "train.csv:5", None),
    ]
    assert audit.parts[0].conflicts == Level(exact=2, same=2)
    assert audit.parts[0].conflict_rows == Level(exact=5, same=5)
    assert verdict(audit, "conflicts").grade == "stop"


def test_texts_that_differ_in_punctuation_are_kept_whatever_their_labels(audited):
    audit = audited(
        train=[("好？", "0"), ("好！", "1"), ("好！！", "1"), ("坏", "1"), ("坏", "0"), ("坏。", "0")]
    ).audit
    assert found(audit, "conflicts") == [
        ("train.csv:2", "keep", "same", "train.csv:3", "1"),
        ("train.csv:3", "keep", "same", "train.csv:2", "1"),
        ("train.csv:4", "keep", "same", "train.csv:2", "1"),
        ("train.csv:5", "relabel", "exact", "train.csv:6", "0"),
        ("train.csv:6", "keep", "exact", "train.csv:5", None),
        ("train.csv:7", "keep", "same", "train.csv:5", "0"),
    ]
    assert {it[0]: it[1] for it in found(audit, "duplicates")} == {
        "train.csv:3": "keep",
        "train.csv:4": "keep",
        "train.csv:6": "drop",
        "train.csv:7": "keep",
    }


def test_a_row_with_a_label_is_no_repeat_of_one_without(audited):
    audit = audited(train=[("好", ""), ("好", "1"), ("好！", "1"), ("坏！", ""), ("坏", "0")]).audit
    assert found(audit, "duplicates") == [
        ("train.csv:2", "drop", "exact", "train.csv:3", None),
        ("train.csv:5", "drop", "same", "train.csv:6", None),
        ("train.csv:4", "drop", "same", "train.csv:3", None),
    ]
    assert audit.parts[0].repeats == Level(exact=1, same=3)


def test_every_copy_of_a_template_is_found_that_nearly_leaks(audited):
    """Two hundred rows are near the one of the test, each by another number."""
    template = "尊敬的客户您好，您的订单{}已经发货，预计三天内送达，请保持电话畅通，感谢您的支持"
    train = [(template.format(number), "1") for number in range(1_000, 1_200)]
    audit = audited(train=train, test=[(template.format(9_999), "1")]).audit
    leaks = [it for it in audit.findings if it.check == "near_leakage"]
    assert {it.row for it in leaks} == {f"train.csv:{line}" for line in range(2, 202)}
    assert {(it.other, it.suggestion) for it in leaks} == {("test.csv:2", "drop")}
    assert audit.crossings[0].near_rows == verdict(audit, "near_leakage").rows == 1


def test_labels_that_can_not_be_learnt_are_named(audited):
    often = [(f"房间{number}很好", "好") for number in range(5)]
    train = [*often, *((text.replace("好", "差"), "差") for text, _ in often), ("一般", "中"), ("一般！", "中")]
    audit = audited(train=train, test=[("新的", "好"), ("别的", "无"), ("又一条", "无"), ("没有标签", "")]).audit
    assert found(audit, "labels") == [
        ("test.csv:5", "keep", None, None, None),
        ("test.csv:3", "keep", None, None, None),
        ("test.csv:4", "keep", None, None, None),
        ("train.csv:12", "keep", None, None, None),
        ("train.csv:13", "keep", None, None, None),
    ]
    labels = verdict(audit, "labels")
    assert (labels.grade, labels.rows) == ("look", 5)
    assert labels.says == (
        "1 row of test has no label; 1 label of train with fewer than 5 texts: 中 (1); 1 label that train lacks: 无 (2)"
    )
    assert verdict(audited(train=train[:10]).audit, "labels").grade == "ok"


def test_rows_of_train_without_a_label_stop_a_training_and_are_there_to_be_labelled(audited):
    labelled = [(f"房间{number}很{label}", label) for number in range(5) for label in "好差"]
    audit = audited(train=[*labelled, ("早餐", ""), ("前台", "")], test=[("没有标签的一部分", "")]).audit
    labels = verdict(audit, "labels")
    assert (labels.grade, labels.rows, labels.says) == ("stop", 2, "2 rows of train have no label")
    assert found(audit, "labels") == [
        ("train.csv:12", "keep", None, None, None),
        ("train.csv:13", "keep", None, None, None),
    ]


def test_labels_that_differ_only_by_width_or_blanks_are_worth_a_look(audited):
    names = ("生鲜", "生鲜", "生 鲜", "IT设备", "ＩＴ设备", "酒店(住宿)", "酒店（住宿）", "服饰", "服", "①", "1")
    train = [(f"第{number}条写{name}的{at}", name) for at, name in enumerate(names) for number in range(5)]
    audit = audited(train=train).audit
    labels = verdict(audit, "labels")
    assert (labels.grade, labels.rows) == ("look", 15)
    alike = "生鲜/生 鲜, IT设备/ＩＴ设备, 酒店(住宿)/酒店（住宿）"
    assert labels.says == f"labels that differ only by width or blanks: {alike}"
    assert {it[4] for it in found(audit, "labels")} == {"生鲜", "IT设备", "酒店(住宿)"}
    assert found(audit, "labels")[0] == ("train.csv:12", "keep", None, None, "生鲜")


def test_one_label_is_nothing_to_learn(audited):
    audit = audited(train=[(f"房间{number}很好", "好") for number in range(9)]).audit
    assert verdict(audit, "labels").grade == audit.grade == "stop"
    assert verdict(audit, "labels").says == "train has 1 label, and a classifier needs two"


def test_what_could_not_run_is_unchecked(audited):
    audit = audited(train=[("好", ""), ("坏", "")]).audit
    unchecked = {it.check for it in audit.verdicts if it.grade == "unchecked"}
    assert unchecked == {"leakage", "conflicts", "labels", "near_leakage", "noise", "overlap"}
    assert audit.grade == "ok"


def test_the_row_that_is_trained_on_may_go_and_one_with_another_label_comes_first(audited):
    audit = audited(
        train=[("好", "1"), ("坏", "1"), ("贵", "0"), ("贵。", "0")],
        dev=[("好", "1"), ("快", "1")],
        test=[("坏", "0"), ("贵", "0"), ("快！", "1")],
    ).audit
    assert found(audit, "leakage") == [
        ("train.csv:3", "drop", "exact", "test.csv:2", None),
        ("train.csv:4", "drop", "exact", "test.csv:3", None),
        ("train.csv:5", "drop", "same", "test.csv:3", None),
        ("dev.csv:3", "drop", "same", "test.csv:4", None),
        ("train.csv:2", "drop", "exact", "dev.csv:2", None),
    ]
    assert verdict(audit, "leakage").rows == 4  # of dev and test
    assert "1 of them with another label" in verdict(audit, "leakage").says


def test_near_texts_are_kept_within_a_part_and_may_go_where_they_leak(audited):
    audit = audited(
        train=[(LONG, "1"), (LONG + "的", "1"), (LONG.replace("很", "不"), "0"), ("别的", "0")],
        test=[(LONG.replace("再", ""), "1"), ("新的", "0")],
    ).audit
    within = [it for it in audit.findings if it.check == "near_duplicates"]
    assert {it.row for it in within} == {"train.csv:2", "train.csv:3", "train.csv:4"}
    assert within[0].row == "train.csv:4"  # the one whose neighbour has another label
    assert {it.suggestion for it in within} == {"keep"}
    across = [it for it in audit.findings if it.check == "near_leakage"]
    assert [(it.row, it.suggestion, it.other) for it in across] == [
        ("train.csv:2", "drop", "test.csv:2"),
        ("train.csv:3", "drop", "test.csv:2"),
        ("train.csv:4", "drop", "test.csv:2"),
    ]
    assert [it.similarity for it in across] == sorted((it.similarity for it in across), reverse=True)
    assert audit.parts[0].near_rows == 3
    assert audit.crossings[0].near_rows == 1


def test_a_row_whose_same_text_leaks_is_no_near_leak_as_well(audited):
    audit = audited(train=[(LONG, "1"), ("别的", "0")], test=[(LONG, "1"), (LONG + "的", "1")]).audit
    assert [it.check for it in audit.findings if it.row == "train.csv:2"] == ["leakage", "labels"]


def test_pairs_are_equal_only_where_both_texts_are(make_part):
    rows = rows_of([make_part("train", [("ab", "1"), ("a", "1"), ("ab", "1")], pairs=["c", "bc", "c"])])
    assert repeats_in(rows, 0) == Level(exact=1, same=1)
    assert rows.exact.tolist() == rows.same.tolist() == [0, 1, 0]


def test_rows_without_a_label_are_in_no_conflict(audited):
    audit = audited(train=[("好", "1"), ("好", ""), ("坏", "0"), ("坏", "0")]).audit
    assert verdict(audit, "conflicts").grade == "ok"
    assert audit.parts[0].labels == {"0": 2, "": 1, "1": 1}


def test_without_labels_neither_conflicts_nor_noise_are_looked_for(audited):
    audit = audited(train=[("好", ""), ("坏", "")]).audit
    assert verdict(audit, "conflicts").says == verdict(audit, "noise").says == "no labels were given"
    assert audit.parts[0].labels == {}
    assert audit.noise is None


texts = st.lists(
    st.tuples(st.sampled_from(["好", "好 ", "好！", "坏", "坏，", "A", "a", "１", "1"]), st.sampled_from("01"))
)


@settings(max_examples=50)
@given(texts.filter(bool), texts.filter(bool))
def test_counts_agree_with_counting_one_by_one(train, test):
    from .conftest import part

    rows = rows_of([part("train", train), part("test", test)])
    seen: Counter[str] = Counter()
    repeats = 0
    for text, _ in train:
        repeats += seen[text] > 0
        seen[text] += 1
    assert repeats_in(rows, 0).exact == repeats
    assert len(find_repeats(rows, 0)) == repeats_in(rows, 0).same
    labels = {text: {label for other, label in train if other == text} for text, _ in train}
    found = crossing(rows, 1, 0, neighbours_of(rows, NEAR))
    assert found.rows.exact == sum(text in labels for text, _ in test)
    assert found.other_label.exact == sum(text in labels and label not in labels[text] for text, label in test)
    leaking = {rows.same[it.row] for it in find_leaks(rows, 1, 0)}
    assert np.isin(rows.same[rows.part == 1], list(leaking)).sum() == found.rows.same
