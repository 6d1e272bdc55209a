"""Wrong labels that were put in are found, and copies of a text do not vouch for one another."""

import csv
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingyu.data.audit.noise import Judged, find_noise, grouped_folds, judge, why_not_judged
from lingyu.data.audit.parts import AuditPart
from lingyu.data.audit.report import Noise, Source
from lingyu.data.audit.rows import rows_of

GOOD = ("房间很干净", "服务热情周到", "早餐丰富好吃", "位置方便安静", "非常满意推荐")
BAD = ("房间又脏又旧", "服务冷淡差劲", "早餐难吃单调", "位置偏僻吵闹", "非常失望后悔")


def silent(*_):
    pass


def reviews(count, seed=0):
    """Made of phrases that say which label they have."""
    drawn = np.random.default_rng(seed)
    return [
        ("，".join(drawn.choice(GOOD if label else BAD, 3)) + f"第{number}次", str(label))
        for number, label in enumerate(drawn.integers(0, 2, count).tolist())
    ]


def test_wrong_labels_are_doubted_with_the_right_one_suggested(make_part):
    rows = reviews(400)
    wrong = range(0, 400, 20)
    for at in wrong:
        rows[at] = (rows[at][0], "10"[int(rows[at][1])])
    made = rows_of([make_part("train", rows)])
    judged = judge(made, 5, 0, silent)
    found = find_noise(made, judged)
    # how many are wrong is estimated, with caution; of those that are shown, each is
    assert len(wrong) / 2 < len(found) <= len(wrong)
    assert {it.row for it in found} <= set(wrong)
    assert set(np.argsort(judged.quality)[: len(wrong)].tolist()) == set(wrong)
    assert all(it.suggestion == "relabel" and it.suggested_label != rows[it.row][1] for it in found)
    qualities = [float(judged.quality[it.row]) for it in found]
    assert qualities == sorted(qualities)
    assert sum(count for _, _, count in judged.noise.pairs) == judged.noise.doubted == len(found)


@pytest.mark.parametrize(
    ("texts", "missed", "doubts", "suggestion"),
    [(7, 2, 2, "relabel"), (7, 3, 3, "keep"), (20, 9, 2, "relabel"), (20, 10, 2, "keep")],
)
def test_labels_are_changed_only_where_the_model_has_learnt_them(make_part, texts, missed, doubts, suggestion):
    """It has to be right on most texts of a label, and to leave it the five that an audit asks for: a set of 192 rows
    with eight labels lost whole labels. A copy is no text more."""
    given = [(f"第{at}条", "少" if at < texts else "多") for at in (*range(60), texts - 1)]
    rows = rows_of([make_part("train", given)])
    at = np.arange(len(rows))
    predicted = np.where(at < missed, 1 - rows.labels, rows.labels)
    even = np.full(len(rows), 0.5, dtype=np.float32)
    noise = Noise(method="", folds=5, rows=61, doubted=doubts, accuracy=0.9, pairs=())
    found = find_noise(rows, Judged(noise, predicted, even, even, at < doubts, 0, True))
    assert [(it.row, it.suggestion, it.suggested_label) for it in found] == [
        (row, suggestion, "多") for row in range(doubts)
    ]


def test_labels_of_a_test_are_doubted_but_kept(make_part):
    train, test = reviews(300), reviews(60, seed=1)
    for at in range(0, 60, 3):
        test[at] = (test[at][0], "10"[int(test[at][1])])
    made = rows_of([make_part("train", train), make_part("test", test)])
    found = find_noise(made, judge(made, 5, 0, silent))
    assert {it.row for it in found} <= set(range(300, 360, 3))
    assert {it.suggestion for it in found} == {"keep"}


def test_a_wrong_label_is_improbable_however_often_its_row_is_copied(make_part):
    rows = reviews(300)
    copied = (rows[0][0], "10"[int(rows[0][1])])
    made = rows_of([make_part("train", [*rows[1:], *[copied] * 8])])
    judged = judge(made, 5, 0, silent)
    assert set(np.argsort(judged.quality)[:8].tolist()) == set(range(299, 307))


def test_labels_with_fewer_texts_than_folds_are_left_out_and_counted(make_part):
    rows = [*reviews(100), *[("发票开错了", "2")] * 9, ("停车", "3")]
    judged = judge(rows_of([make_part("train", rows)]), 5, 0, silent)
    assert judged.left_out == 10
    assert judged.noise.rows == 100
    assert judged.opinion(100) == -1


def test_a_model_that_knows_nothing_of_the_labels_doubts_none(make_part):
    drawn = np.random.default_rng(0)
    rows = [("".join(map(chr, drawn.integers(0x4E00, 0x5E00, 12))), "0" if at % 5 else "1") for at in range(300)]
    judged = judge(rows_of([make_part("train", rows)]), 5, 0, silent)
    assert not judged.knows_something
    assert judged.noise.doubted == 0
    assert judged.opinion(0) == -1


def test_labels_that_were_drawn_are_doubted_by_nobody(make_part):
    """Balanced labels without a meaning: by luck alone a model is right on a little more than half."""
    texts = [text for text, _ in reviews(200)]
    for size in (20, 40, 80, 200):
        for seed in range(4):
            labels = np.random.default_rng(seed).permutation(size) % 2
            rows = [(text, str(label)) for text, label in zip(texts, labels.tolist(), strict=False)]
            judged = judge(rows_of([make_part("train", rows)]), 5, seed, silent)
            assert not judged.knows_something, (size, seed, judged.noise.accuracy)
            assert judged.noise.doubted == 0


def test_too_many_labels_are_not_judged_and_said_to_be(make_part):
    rows = [(f"第{number}条", str(number % 1_500)) for number in range(24_000)]
    made = rows_of([make_part("train", rows)])
    assert judge(made, 5, 0, silent) is None
    assert why_not_judged(made, 5) == "1,500 labels"


@pytest.mark.parametrize(("rows", "labels"), [(100_000, 2), (60_000, 72), (11_000, 92)])
def test_sets_of_the_usual_size_are_judged(make_part, rows, labels):
    made = rows_of([make_part("train", [(str(number), str(number % labels)) for number in range(rows)])])
    assert why_not_judged(made, 5) is None


@pytest.mark.parametrize("rows", [[("好", "1"), ("坏", "0")], [(f"好{at}", "1") for at in range(50)]])
def test_nothing_is_judged_where_two_labels_lack_texts(make_part, rows):
    assert judge(rows_of([make_part("train", rows)]), 5, 0, silent) is None


def test_the_same_rows_are_judged_the_same(make_part):
    made = rows_of([make_part("train", reviews(200))])
    once, again = (judge(made, 5, 3, silent) for _ in range(2))
    assert np.array_equal(once.quality, again.quality)
    assert once.noise == again.noise


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=80),
    st.integers(2, 6),
    st.integers(0, 9),
)
def test_folds_keep_a_text_together_and_share_its_labels_out(rows, folds, seed):
    texts, labels = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    fold = grouped_folds(texts, labels, folds, seed)
    assert ((fold >= 0) & (fold < folds)).all()
    for text in set(texts.tolist()):
        assert len(set(fold[texts == text].tolist())) == 1
    firsts = np.unique(texts, return_index=True)[1]
    for label in set(labels.tolist()):
        counts = np.bincount(fold[firsts][labels[firsts] == label], minlength=folds)
        assert counts.max() - counts.min() <= 1


@pytest.mark.slow
def test_wrong_labels_in_hotel_reviews_are_ranked_first(shared_data, make_part):
    """Slow: three models of 7,765 reviews. One label in twenty is wrong; 0.6 of as many rows, the most doubted, are."""
    with (shared_data / "hotel" / "ChnSentiCorp_htl_all.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["review"].strip(), row["label"]) for row in csv.DictReader(file) if row["review"].strip()]
    precisions = []
    for seed in range(3):
        wrong = np.random.default_rng(seed).choice(len(rows), len(rows) // 20, replace=False)
        changed = list(rows)
        for at in wrong.tolist():
            changed[at] = (rows[at][0], "10"[int(rows[at][1])])
        judged = judge(rows_of([make_part("train", changed)]), 5, seed, silent)
        ranked = np.argsort(judged.quality, kind="stable")[: len(wrong)]
        precisions.append(float(np.isin(ranked, wrong).mean()))
    print(f"precision at {len(wrong)}: {', '.join(f'{it:.3f}' for it in precisions)}, mean {np.mean(precisions):.3f}")
    assert np.mean(precisions) >= 0.6


def test_texts_without_a_common_character_are_not_judged():
    texts = [chr(0x4E00 + number) for number in range(40)]
    source = Source(path="x.csv", sha256=None, rows=40)
    rows = rows_of([AuditPart("train", source, tuple(texts), ("0", "1") * 20, tuple(texts), 0)])
    assert judge(rows, 5, 0, lambda *_: None) is None


def test_what_is_said_of_train_knows_no_label_of_the_test():
    """A test whose labels are all turned changes nothing of what is thought of the rows of train."""
    drawn = random.Random(4)
    texts = [
        ("很好" if at % 2 else "很差") + "".join(drawn.choices("房间早餐服务前台书酒店", k=8)) for at in range(300)
    ]
    labels = tuple(str(at % 2) for at in range(300))
    turned = tuple("10"[int(label)] for label in labels)

    def opinion(test_labels):
        source = Source(path="x.csv", sha256=None, rows=150)
        wheres = tuple(map(str, range(150)))
        train = AuditPart("train", source, tuple(texts[:150]), labels[:150], wheres, 0)
        test = AuditPart("test", source, tuple(texts[150:]), test_labels[150:], wheres, 0)
        return judge(rows_of([train, test]), 5, 0, lambda *_: None)

    one, other = opinion(labels), opinion(turned)
    assert (one.quality[:150] == other.quality[:150]).all()
    assert (one.predicted[150:] == other.predicted[150:]).all()
