"""Rows add up from read to kept, conflicts and leaks are dealt with as the recipe says, and errors say which row."""

import numpy as np
import pytest

from lingyu.data import load_splits
from lingyu.errors import LingyuError
from lingyu.recipe import Data
from lingyu.text import content_hash

LABELS = {"0": "负面", "1": "正面"}


def rows_of(texts, label):
    return "".join(f'"{text}",{label}\n' for text in texts)


def hundred():
    """50 rows a label, sorted by label as published sets are."""
    good, bad = [f"好的第{n}次" for n in range(50)], [f"差的第{n}次" for n in range(50)]
    return "text,label\n" + rows_of(good, 1) + rows_of(bad, 0)


def recipe(train="train.csv", **keys):
    return Data(train=train, labels=LABELS, **keys)


def every_text(splits):
    return splits.train.texts + splits.dev.texts + splits.test.texts


def load(data):
    return load_splits(data, "single_label")


def refusal(data):
    with pytest.raises(LingyuError) as caught:
        load(data)
    assert "\n" not in str(caught.value)
    assert caught.value.next
    return caught.value


def test_a_single_file_becomes_three_stratified_parts(write):
    write("train.csv", hundred())
    splits = load(recipe())
    assert splits.labels == ("负面", "正面")
    assert [part.rows for part in (splits.train, splits.dev, splits.test)] == [80, 10, 10]
    for part in (splits.train, splits.dev, splits.test):
        assert np.bincount(part.labels).tolist() == [part.rows // 2] * 2
        assert part.hashes.tolist() == [content_hash(text) for text in part.texts]
    assert all(
        ("好" in text) == (label == 1) for text, label in zip(splits.test.texts, splits.test.labels, strict=True)
    )
    assert not splits.leaked.any()
    assert splits.counts.lines() == ("kept 100 of 100 rows", "train 80    dev 10    test 10")


def test_the_order_of_label_names_is_that_of_the_recipe(write):
    write("train.csv", hundred())
    swapped = load(Data(train="train.csv", labels={"1": "正面", "0": "负面"}))
    assert swapped.labels == ("正面", "负面")
    assert all(
        ("好" in text) == (label == 0) for text, label in zip(swapped.train.texts, swapped.train.labels, strict=True)
    )


def test_empty_texts_and_texts_with_two_labels_are_dropped_and_counted(write):
    write("train.csv", hundred() + ",1\n<br>  ,0\n两可，两可,1\n两可 两可!,0\n好的第1次。,1\n")
    splits = load(recipe())
    assert splits.counts.lines()[0] == "kept 101 of 105 rows    empty 2    two labels 2"
    assert not any("两可" in text for text in every_text(splits))


def test_repeats_with_one_label_are_kept_on_one_side_and_noted(write):
    write("train.csv", hundred() + "".join(f"好的第{n}次。,1\n" for n in range(50)))
    splits = load(recipe())
    assert splits.counts.rows_kept == 150
    distinct = len(set(splits.train.hashes.tolist()))
    assert (
        f"train rows that repeat a text with the same label (kept): {splits.train.rows - distinct}"
        in splits.counts.notes
    )
    assert not np.isin(splits.test.hashes, splits.train.hashes).any()


def test_texts_are_cleaned_by_the_named_steps(write):
    write("train.csv", hundred().replace("好的第1次", "好的&amp;<b>第１次</b>"))
    cleaned, raw = load(recipe()), load(recipe(clean=()))
    assert "好的& 第1次" in every_text(cleaned)
    assert "好的&amp;<b>第１次</b>" in every_text(raw)


def test_the_fingerprint_changes_with_a_label_a_text_and_the_order(write):
    write("train.csv", hundred())
    part = load(recipe()).train
    assert part.fingerprint == load(recipe()).train.fingerprint
    assert len(part.fingerprint) == 64
    reversed_part = part.take(np.arange(part.rows)[::-1].copy())
    shorter = part.take(np.arange(part.rows - 1))
    assert len({part.fingerprint, reversed_part.fingerprint, shorter.fingerprint}) == 3


@pytest.mark.parametrize(
    ("given", "rows"), [(("dev",), (90, 5, 10)), (("test",), (90, 10, 5)), (("dev", "test"), (100, 5, 5))]
)
def test_what_is_not_given_is_split_off_train(write, given, rows):
    write("train.csv", hundred())
    write("other.csv", "text,label\n新的一,1\n新的二,0\n新的二,0\n另一,0\n另一,1\n,1\n")
    splits = load(recipe(**dict.fromkeys(given, "other.csv")))
    # A given file stays as published, conflicts and repeats included, but for the empty row.
    assert (splits.train.rows, splits.dev.rows, splits.test.rows) == rows
    assert splits.counts.rows_read == 100 + 6 * len(given)
    assert splits.counts.dropped["empty"] == len(given)


def test_a_test_text_that_stands_in_train_stops_with_status_1(write):
    write("train.csv", hundred())
    write("test.csv", "text,label\n好的第1次！,1\n新的,0\n好的第2次,0\n")
    error = refusal(recipe(test="test.csv", dev="test.csv"))
    assert error.status == 1
    assert str(error).startswith("test.csv: 2 of 3 rows stand in data.train (train.csv) as the same text")
    assert "drop_leaked" in str(error)
    assert "好的" not in str(error)


def test_leaked_rows_are_kept_and_marked_or_dropped_and_counted(write):
    write("train.csv", hundred())
    write("test.csv", "text,label\n好的第1次！,1\n新的,0\n好的第2次,0\n")
    write("dev.csv", "text,label\n好的第3次！,1\n新的,0\n")
    kept = load(recipe(test="test.csv", dev="dev.csv", allow_leakage=True))
    assert kept.leaked.tolist() == [True, False, True]
    assert kept.test.rows == 3
    assert "dev rows whose text stands in train: 1" in kept.counts.notes
    assert "test rows whose text stands in dev: 1" in kept.counts.notes
    write("test.csv", "text,label\n好的第1次！,1\n新的,0\n好的第2次,0\n没见过,1\n")
    dropped = load(recipe(test="test.csv", dev="dev.csv", drop_leaked=True))
    assert dropped.dev.texts == ("新的",)
    assert dropped.test.texts == ("没见过",), "dev chooses what is measured"
    assert dropped.leaked.tolist() == [False]
    reasons = {"test texts in train": 2, "dev texts in train": 1, "test texts in dev": 1}
    assert reasons.items() <= dropped.counts.dropped.items()
    assert not any("stands in" in note for note in dropped.counts.notes)


def test_a_dev_that_is_split_off_train_is_train_to_a_given_test(write):
    write("train.csv", hundred())
    write("test.csv", "text,label\n新的,0\n" + rows_of([f"好的第{n}次" for n in range(50)], 1))
    assert str(refusal(recipe(test="test.csv"))).startswith("test.csv: 50 of 51 rows stand in data.train")
    assert load(recipe(test="test.csv", allow_leakage=True)).leaked.tolist() == [False] + [True] * 50
    splits = load(recipe(test="test.csv", drop_leaked=True))
    assert splits.dev.rows == 10, "none of it was left out"
    assert splits.test.texts == ("新的",)
    assert splits.counts.dropped["test texts in train"] == 50


@pytest.mark.parametrize(
    ("dev", "test", "says"),
    [
        ("好的第1次,1", "新的,0", "dev.csv: every dev text stands in train. Give a dev set of its own"),
        ("新的,1", "好的第1次,1", "test.csv: every test text stands in train. Give a test set of its own"),
        ("新的,1", "新的,1\n好的第1次,1", "test.csv: every test text stands in dev. Give a test set of its own"),
    ],
)
def test_a_part_of_which_no_row_is_its_own_is_one_line(write, dev, test, says):
    write("train.csv", hundred())
    write("dev.csv", f"text,label\n{dev}\n")
    write("test.csv", f"text,label\n{test}\n")
    error = refusal(recipe(dev="dev.csv", test="test.csv", drop_leaked=True))
    assert (str(error), error.status) == (says, 1)


def test_max_train_samples_draws_the_same_rows_from_any_order_of_the_file(write):
    write("train.csv", hundred())
    splits = load(recipe(max_train_samples=20))
    assert np.bincount(splits.train.labels).tolist() == [10, 10]
    assert splits.counts.lines()[0] == "kept 40 of 100 rows    beyond max_train_samples 60"
    header, *lines = hundred().splitlines(keepends=True)
    write("train.csv", header + "".join(reversed(lines)))
    again = load(recipe(max_train_samples=20))
    assert sorted(again.train.texts) == sorted(splits.train.texts)
    assert sorted(again.test.texts) == sorted(splits.test.texts)


def test_repeated_rows_are_counted_where_they_are_trained_on(write):
    write("train.csv", "text,label\n" + "".join(f"第{n // 2}条,{n // 2 % 2}\n" for n in range(80)))
    assert load(recipe()).counts.notes == ("train rows that repeat a text with the same label (kept): 32",)
    sampled = load(recipe(max_train_samples=8)).counts
    assert sampled.kept["train"] == 8
    assert sampled.notes == ("train rows that repeat a text with the same label (kept): 4",)


def test_a_sample_too_small_for_any_text_is_one_line(write):
    write("train.csv", "text,label\n" + "".join(f"第{n // 4}条,{n // 4 % 2}\n" for n in range(80)))
    assert "data.max_train_samples: 1 leaves no row" in str(refusal(recipe(max_train_samples=1)))


def test_labels_outside_the_recipe_are_counted_by_their_values_from_the_first_row_on(write):
    write("train.csv", hundred() + "秘密的话,3\n又一句,好评\n,5\n")
    message = str(refusal(recipe()))
    assert message.startswith('train.csv:102: label: 2 rows have one of 2 values outside data.labels (0, 1): "3" (1), ')
    assert message.endswith(" Add the values to data.labels, or correct the column `label`")
    assert "秘密" not in message
    write("train.csv", hundred() + "".join(f"第{n}句,{value}\n" for n, value in enumerate("567785888")))
    values = 'outside data.labels (0, 1): "8" (4), "5" (2), "7" (2) and 1 more.'
    assert f"9 rows have one of 4 values {values}" in str(refusal(recipe()))
    write("train.csv", hundred() + "一句,3\n又一句,3\n")
    assert '"3" is outside data.labels (0, 1); 2 rows have such a value. Add the value' in str(refusal(recipe()))


def test_an_empty_label_is_named_as_such(write):
    write("train.csv", hundred() + "好,\n")
    message = str(refusal(recipe()))
    assert "an empty value is outside data.labels" in message
    assert message.endswith(". Label the row, or take it out")
    write("train.csv", hundred() + "好,\n又好,3\n")
    assert str(refusal(recipe())).endswith(
        " Label the empty rows, and add the value to data.labels, or correct the column `label`"
    )


def test_one_class_only_is_refused_and_a_label_without_rows_is_noted(write):
    write("train.csv", "text,label\n" + rows_of([f"好{n}" for n in range(9)], 1))
    assert "train.csv: every row has the label 正面" in str(refusal(recipe()))
    write("train.csv", hundred())
    splits = load(Data(train="train.csv", labels={**LABELS, "2": "中性"}))
    assert "no row of train.csv has the label 中性" in splits.counts.notes


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("text,label\n好,1\n差,0\n", "too few to split off test and dev"),
        ("text,label\n好,1\n好,0\n", "every text carries two labels"),
        ("text,label\n ,1\n,0\n", "no row has a text in column `text`"),
    ],
)
def test_too_little_to_train_on_is_one_line(write, content, says):
    write("train.csv", content)
    assert says in str(refusal(recipe()))


def test_counts_as_json_add_up(write):
    write("train.csv", hundred() + ",1\n")
    found = load(recipe(max_train_samples=30)).counts.as_json()
    assert sum(found["read"].values()) == sum(found["dropped"].values()) + sum(found["kept"].values()) == 101
