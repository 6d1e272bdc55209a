"""A paragraph that touches a test text is found, and at which level; one that does not is left alone."""

import json
from pathlib import Path

import pytest

from lingyu.data.corpus.excluding import (
    LEVELS,
    ExcludedSet,
    ExcludedTexts,
    load_excluded,
    save_excluded,
    saved_excluded,
)
from lingyu.errors import LingyuError
from lingyu.text import form_hashes, same_text_form

REVIEW = "房间很干净，服务员的态度也非常好，早餐种类很多，离地铁站只有五分钟，下次还会再来住的！"
NEAR = REVIEW.replace("非常", "特别")
HEAD = "大众点评网友于去年十月入住这家酒店的豪华大床房，住了两个晚上以后写下了这样一条评论："
STEPS = ("html", "control", "width", "urls", "personal")


def levels(paragraphs, *sets, steps=STEPS):
    """For each paragraph the level at which it touches each set, or None."""
    excluded = ExcludedTexts([ExcludedSet(str(at), tuple(texts)) for at, texts in enumerate(sets)], steps)
    forms = [same_text_form(paragraph) for paragraph in paragraphs]
    touches = excluded.touched_by(paragraphs, forms, form_hashes(forms))
    names = [None, *LEVELS]
    return [tuple(names[level] for level in column) for column in touches.T.tolist()]


def test_each_level_is_told_and_the_strongest_counts():
    paragraphs = [
        REVIEW,
        REVIEW.replace("，", ",") + "~",
        NEAR,
        f"{HEAD}{REVIEW}点评",
        "附近还有一家很不错的面馆可以去吃",
    ]
    assert levels(paragraphs, [REVIEW]) == [("exact",), ("same",), ("near",), ("inside",), (None,)]


def test_each_set_has_its_own_levels():
    other = "电影很好看，演员的表演也很到位，就是结尾有点仓促了，总体来说值得一看"
    found = levels([REVIEW, NEAR, f"{REVIEW}{other}"], [REVIEW, other], [NEAR])
    assert found == [("exact", "near"), ("near", "exact"), ("inside", None)]


def test_a_short_test_text_is_found_alone_and_not_in_every_paragraph_that_says_as_much():
    assert levels(["很好", "很好！", "酒店很好，下次再来", "很好吃"], ["很好"]) == [
        ("exact",),
        ("same",),
        (None,),
        (None,),
    ]


def test_a_test_text_is_found_in_what_the_steps_have_made_of_it():
    text = "<b>老板</b>电话13800138000，房间很大很干净，服务员都非常热情，<br/>下次还来"
    cleaned = "老板 电话[电话]，房间很大很干净，服务员都非常热情， 下次还来"
    assert levels([cleaned, text], [text]) == [("exact",), ("exact",)]


def test_a_line_of_a_test_text_of_several_lines_is_found_where_raw_text_has_it_by_itself():
    second = "早餐种类不多，但是味道都还可以，就是上菜实在太慢了。"
    lines = [REVIEW, second, "很好！"]
    text = "\n".join(lines)
    assert levels([text, *lines, f"{HEAD}{second}"], [text]) == [
        ("exact",),
        ("exact",),
        ("exact",),
        (None,),
        ("inside",),
    ]


def test_a_test_set_need_not_be_in_the_encoding_of_the_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, encoding in (("a.csv", "utf-8"), ("b.csv", "gb18030"), ("c.txt", "utf-8"), ("d.txt", "gb18030")):
        Path(name).write_bytes(f"text\n{REVIEW}\n".encode(encoding))
    found = load_excluded(("a.csv", "b.csv", "c.txt", "d.txt"), "text", "gb18030")
    assert [excluded.texts[-1] for excluded in found] == [REVIEW] * 4
    Path("e.csv").write_bytes(b"text\n\xff\xff\n")
    Path("f.txt").write_bytes(b"\xff\xff\n")
    with pytest.raises(
        LingyuError, match=r"f\.txt: a test set that is neither UTF-8 nor GB18030. Save it as UTF-8, with"
    ):
        load_excluded(("f.txt",), "text", "gb18030")
    with pytest.raises(LingyuError, match=r"e\.csv: a test set that is neither UTF-8 nor BIG5HKSCS") as caught:
        load_excluded(("e.csv",), "text", "big5hkscs")
    assert caught.value.next == "Bring it into UTF-8 with: lingyu data import"


def test_texts_without_words_and_no_texts_at_all_touch_what_is_the_same():
    assert levels(["？！", "……", "？"], ["？！"]) == [("exact",), (None,), (None,)]
    assert levels([], [REVIEW]) == []
    assert levels(["很好"]) == [()]


def test_a_table_names_its_column_where_it_is_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("test.csv").write_text("label,review\n1,很好\n0, \n0,差 \n", "utf-8")
    Path("lines.txt").write_text("很好\n\n差\n", "utf-8")
    found = load_excluded(("test.csv:review", "lines.txt", str(tmp_path / "test.csv:review")), "text", "utf-8")
    assert [(excluded.name, excluded.texts) for excluded in found] == [
        ("test.csv", ("很好", "差")),
        ("lines.txt", ("很好", "差")),
        ("test.csv", ("很好", "差")),
    ]
    assert found[0].fingerprint == found[1].fingerprint
    with pytest.raises(LingyuError, match=r"it has label, review\. Name its column: --exclude test\.csv:COLUMN"):
        load_excluded(("test.csv",), "text", "utf-8")
    with pytest.raises(LingyuError, match="no such file"):
        load_excluded(("tests.csv",), "text", "utf-8")


def test_of_a_recipe_dev_and_test_are_taken_and_train_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{label},第{number}条{'好' if label else '差'}评" for number in range(20) for label in (0, 1)]
    Path("reviews.csv").write_text("\n".join(["label,text", *rows]) + "\n", "utf-8")
    Path("hotel.yaml").write_text(
        "name: hotel\ntask: single_label\ndata:\n  train: reviews.csv\n  labels: {0: 负面, 1: 正面}\n", "utf-8"
    )
    (found,) = load_excluded(("hotel.yaml",), "text", "utf-8")
    assert found.name == "hotel"
    assert len(found.texts) == 8
    assert set(found.texts) < {row.partition(",")[2] for row in rows}


def test_a_column_named_of_a_recipe_is_to_be_left_out():
    with pytest.raises(LingyuError, match=r"^hotel\.yaml:列: a column, '列', of a recipe.*Leave it out: hotel"):
        load_excluded(["hotel.yaml:列"], "text", "utf-8")


def test_a_paragraph_is_also_compared_after_the_steps_of_a_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{number % 2},第{number}間房間很乾淨，服務員的態度也非常好，離車站很近" for number in range(40)]
    Path("reviews.csv").write_text("\n".join(["label,text", *rows]) + "\n", "utf-8")
    Path("hotel.yaml").write_text(
        "name: hotel\ntask: single_label\n"
        "data: {train: reviews.csv, labels: {0: 负面, 1: 正面}, clean: [simplified]}\n",
        "utf-8",
    )
    sets = load_excluded(("hotel.yaml",), "text", "utf-8")
    paragraphs = [row.partition(",")[2] for row in rows]
    for excluded in (sets, _through_a_file(sets, tmp_path / "sets.json")):
        forms = [same_text_form(paragraph) for paragraph in paragraphs]
        (touches,) = ExcludedTexts(excluded, ()).touched_by(paragraphs, forms, form_hashes(forms)).tolist()
        assert touches.count(1 + LEVELS.index("exact")) == len(sets[0].texts)
        assert set(touches) == {1 + LEVELS.index("exact"), 1 + LEVELS.index("near")}


def _through_a_file(sets, path):
    save_excluded(sets, path)
    return saved_excluded(path)


@pytest.mark.parametrize(
    ("seconds", "taken"),
    [(("味道", "不错"), set()), (("味道", "服务"), {"味道", "服务"})],  # aspects of the text; one that it does not hold
)
def test_second_texts_are_taken_unless_every_row_s_text_holds_its_own(seconds, taken, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"text": f"第{number}家店味道不错", "aspect": seconds[number // 2 % 2], "label": number % 2}
        for number in range(80)
    ]
    Path("reviews.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    Path("food.yaml").write_text(
        "name: food\ntask: single_label\ndata: {train: reviews.jsonl, text_pair: aspect, labels: {0: 负面, 1: 正面}}\n",
        "utf-8",
    )
    (found,) = load_excluded(("food.yaml",), "text", "utf-8")
    assert {text for text in found.texts if not text.startswith("第")} == taken
    assert any(text.startswith("第") for text in found.texts)


def test_a_reply_that_its_context_holds_is_a_test_text_all_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"text": f"{number}号要还是不要", "better": "要", "worse": "不要"} for number in range(40)]
    Path("replies.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    Path("replies.yaml").write_text(
        "name: replies\ntask: preference\ndata: {train: replies.jsonl, chosen: better, rejected: worse}\n", "utf-8"
    )
    (found,) = load_excluded(("replies.yaml",), "text", "utf-8")
    assert {"要", "不要"} < set(found.texts)
