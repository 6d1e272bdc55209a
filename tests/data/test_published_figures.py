"""The figures measured on the published sets come out of our own reading, hashing and gates."""

from collections import Counter

import numpy as np
import pytest

from lingyu.data import load_splits
from lingyu.errors import LingyuError
from lingyu.recipe import Data
from lingyu.text import content_hash, content_hashes

from .rows import read_rows

BINARY = {"0": "负面", "1": "正面"}


def labels_of_texts(rows):
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(content_hash(row.text), set()).add(row.label)
    return found


def chnsenticorp(shared_data, **keys):
    files = {part: str(shared_data / "chnsenticorp" / f"{part}.tsv") for part in ("train", "dev", "test")}
    return Data(**files, text="text_a", labels=BINARY, **keys)


def test_chnsenticorp_loses_no_row_to_quotation_marks_and_leaks_as_measured(shared_data):
    parts = {
        part: read_rows(str(shared_data / "chnsenticorp" / f"{part}.tsv"), "text_a", "label")
        for part in ("train", "dev", "test")
    }
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 9600, "dev": 1200, "test": 1200}
    assert Counter(row.label for row in parts["train"]) == {"0": 4801, "1": 4799}
    hashes = {part: content_hashes(row.text for row in rows) for part, rows in parts.items()}
    assert np.isin(hashes["test"], hashes["train"]).sum() == 335
    assert np.isin(hashes["dev"], hashes["train"]).sum() == 342
    assert sum(len(labels) > 1 for labels in labels_of_texts(parts["train"]).values()) == 25


def test_chnsenticorp_as_published_is_stopped_by_the_gate_and_read_both_ways(shared_data):
    with pytest.raises(LingyuError, match=r"335 of 1,200 rows stand in data\.train") as caught:
        load_splits(chnsenticorp(shared_data), "single_label")
    assert caught.value.status == 1
    assert load_splits(chnsenticorp(shared_data, allow_leakage=True), "single_label").leaked.sum() == 335
    dropped = load_splits(chnsenticorp(shared_data, drop_leaked=True), "single_label")
    assert (dropped.dev.rows, dropped.test.rows) == (859, 830)


def test_telemarketing_has_the_measured_texts_and_conflicts(shared_data):
    rows = read_rows(str(shared_data / "customer_service" / "telemarketing_intent_cn.jsonl"), "text", "label")
    found = labels_of_texts(rows)
    assert (len(rows), len(found)) == (11_710, 11_077)
    assert sum(len(labels) > 1 for labels in found.values()) == 41


def test_hotel_reviews_split_without_a_leak_and_add_up(shared_data):
    path = str(shared_data / "hotel" / "ChnSentiCorp_htl_all.csv")
    splits = load_splits(Data(train=path, text="review", labels=BINARY), "single_label")
    assert splits.counts.rows_read == 7766
    assert splits.counts.dropped["empty"] == 1
    for part in (splits.dev, splits.test):
        assert part.labels.mean() == pytest.approx(5322 / 7766, abs=0.002)
        assert not np.isin(part.hashes, splits.train.hashes).any()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("01_missing_label_column", "no column `label` (data.label); it has review"),
        ("02_ragged_rows", ":5: the row has 3 columns, the header 2 columns"),
        ("03_unclosed_quote", ":22: a quotation mark opens here"),
        ("04_duplicate_header", ":1: two columns are called `review`"),
        ("05_utf16", "it reads as UTF-16. Set data.encoding: utf-16"),
        ("06_gbk", "not UTF-8 at byte 16 (line 2); it reads as GB18030. Set data.encoding: gb18030"),
        ("07_mixed_encodings", "line 3 is UTF-8 and line 2 GB18030"),
        ("08_only_header", "the file has no rows"),
        ("09_empty", "the file is empty"),
        ("10_binary_junk", ":6: a NUL byte at byte 1201"),
        ("11_one_class_only", "every row has the label 正面"),
        ("12_unknown_labels", ':2: label: 12 rows have one of 8 values outside data.labels (0, 1): "好评" (2), '),
    ],
)
def test_each_bad_csv_is_one_line(shared_data, name, says):
    path = str(shared_data / "bad_inputs" / "bad_csv" / f"{name}.csv")
    with pytest.raises(LingyuError) as caught:
        load_splits(Data(train=path, text="review", labels=BINARY), "single_label")
    message = str(caught.value)
    assert message.startswith(path)
    assert says in message
    assert "\n" not in message


@pytest.mark.parametrize(("name", "encoding"), [("05_utf16", "utf-16"), ("06_gbk", "gb18030")])
def test_the_encoding_that_the_message_names_reads_the_file(shared_data, name, encoding):
    path = str(shared_data / "bad_inputs" / "bad_csv" / f"{name}.csv")
    rows = read_rows(path, "review", "label", encoding)
    assert len(rows) == 40
    assert {row.label for row in rows} == {"0", "1"}
