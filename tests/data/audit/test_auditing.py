"""The whole audit: parts read from files, recipes and splits; other sets; the same report each time."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from lingyu.bases import find_base
from lingyu.data import (
    CHECKS,
    Audit,
    AuditReading,
    AuditRequest,
    audit_parts,
    load_splits,
    parts_of_files,
    parts_of_recipe,
    parts_of_splits,
    terminal_lines,
)
from lingyu.data.row_hashes import row_hashes
from lingyu.errors import LingyuError
from lingyu.recipe import Data
from lingyu.text import content_hash, content_hashes

LONG = "房间很干净，服务热情，早餐也很丰富，位置在地铁站旁边，下次还会再来"


def silent(*_):
    pass


def csv_of(rows, header="text,label"):
    return "\n".join([header, *(",".join(row) for row in rows)]) + "\n"


@pytest.fixture
def files(write):
    write("train.csv", csv_of([("好<br>吃", "1"), ("坏", "0"), (" ", "1"), ("坏", "0")]))
    write("test.csv", csv_of([("好 吃", "1"), ("新", "0")]))
    return {"train": "train.csv", "test": "test.csv"}


def test_files_are_read_cleaned_with_places_and_what_is_empty_left_out(files):
    train, test = parts_of_files(files, AuditReading(label="label", clean=("html",)), silent)
    assert train.texts == ("好 吃", "坏", "坏")
    assert train.wheres == ("train.csv:2", "train.csv:3", "train.csv:5")
    assert (train.empty, train.source.rows, len(train.source.sha256)) == (1, 4, 64)
    assert test.labels == ("1", "0")


def test_the_report_is_json_that_reads_back_and_the_same_each_time(files):
    reading = AuditReading(label="label", clean=("html",))
    reports = [
        audit_parts(AuditRequest(parts_of_files(files, reading, silent), reading), silent).audit for _ in range(2)
    ]
    same_day = [report.model_copy(update={"created": ""}) for report in reports]
    assert same_day[0] == same_day[1]
    assert Audit.model_validate_json(reports[0].model_dump_json()) == reports[0]
    assert [verdict.check for verdict in reports[0].verdicts] == list(CHECKS)
    assert not reports[0].summary().findings


def test_no_text_of_the_data_stands_in_the_report_and_samples_hold_the_worst(files):
    reading = AuditReading(label="label", clean=("html",))
    audited = audit_parts(AuditRequest(parts_of_files(files, reading, silent), reading), silent)
    assert "好 吃" not in audited.audit.model_dump_json()
    (sample,) = audited.samples["leakage"]
    assert (sample.text, sample.other_text, sample.other) == ("好 吃", "好 吃", "test.csv:2")
    assert "near_leakage" not in audited.samples


def test_a_finding_names_the_text_by_the_hash_that_its_file_has(files):
    reading = AuditReading(label="label", clean=("html",))
    parts = parts_of_files(files, reading, silent)
    found = audit_parts(AuditRequest(parts, reading), silent).audit.findings
    hashes = {
        where: f"{hash & (1 << 64) - 1:016x}"
        for part in parts
        for where, hash in zip(part.wheres, row_hashes(part.texts).tolist(), strict=True)
    }
    assert found
    assert all(hashes[it.row] == it.text_hash for it in found)


def test_rows_that_cannot_be_read_stop_the_audit_with_how_many_there_are(write):
    write("a.csv", "text,label\n好,1\n坏\n贵\n")
    with pytest.raises(LingyuError, match=r"a\.csv:3: the row has 1 column.*1 more row can't be read either"):
        parts_of_files({"train": "a.csv"}, AuditReading(label="label"), silent)


def test_a_label_that_nobody_asked_for_may_be_missing(write):
    write("a.csv", "text\n好\n坏\n")
    with pytest.raises(LingyuError, match=r"no column `label` \(--label\)"):
        parts_of_files({"train": "a.csv"}, AuditReading(label="label"), silent)
    (part,) = parts_of_files({"train": "a.csv"}, AuditReading(label="label", needs_label=False), silent)
    assert part.labels is None


@pytest.mark.parametrize(("asked", "grade"), [(True, "stop"), (False, "unchecked")])
def test_labels_that_were_asked_for_are_missed_where_no_row_has_one(write, asked, grade):
    write("a.csv", csv_of([("好", ""), ("坏", "")]))
    reading = AuditReading(label="label", needs_label=asked)
    audit = audit_parts(AuditRequest(parts_of_files({"train": "a.csv"}, reading, silent), reading), silent).audit
    labels = next(verdict for verdict in audit.verdicts if verdict.check == "labels")
    assert labels.grade == grade
    assert labels.says.startswith("2 rows of train have no label; train has 0 labels" if asked else "no labels were")


def test_a_pair_needs_both_texts_and_hashes_them_apart(write):
    write("a.csv", "a,b\nab,c\na,bc\n,x\nx,\n")
    (part,) = parts_of_files({"train": "a.csv"}, AuditReading("a", "b"), silent)
    assert (part.texts, part.pairs, part.empty) == (("ab", "a"), ("c", "bc"), 2)
    assert len(set(row_hashes(part.texts, part.pairs).tolist())) == 2
    assert row_hashes(["ab"]).tolist() == [content_hash("ab")]


LABELS = {"0": "负面", "1": "正面"}


def test_given_files_of_a_recipe_are_audited_where_training_would_stop(files, write):
    write("dev.csv", csv_of([("别的", "0")]))
    data = Data(train="train.csv", dev="dev.csv", test="test.csv", labels=LABELS)
    with pytest.raises(LingyuError, match=r"stand in data\.train"):
        load_splits(data, "single_label")
    train, _, test = parts_of_recipe(data, silent, "single_label")
    assert train.labels == ("正面", "负面", "负面")
    audit = audit_parts(AuditRequest((train, test), AuditReading.of_recipe(data, "single_label")), silent).audit
    assert audit.crossings[0].rows.same == 1
    assert audit.settings.clean == ("html", "control", "width")


def test_what_a_recipe_splits_off_is_audited_with_the_lines_of_its_file(write):
    rows = [(f"第{number}条评论<br>内容", str(number % 2)) for number in range(60)]
    write("all.csv", csv_of([*rows, ("两个标签", "0"), ("两个标签", "1")]))
    data = Data(train="all.csv", labels=LABELS)
    parts = parts_of_recipe(data, silent, "single_label")
    splits = load_splits(data, "single_label")
    of_run = parts_of_splits(splits, data)
    for part, loaded, trained in zip(parts, (splits.train, splits.dev, splits.test), of_run, strict=True):
        kept = [at for at, text in enumerate(part.texts) if text != "两个标签"]
        assert tuple(part.texts[at] for at in kept) == loaded.texts == trained.texts
        labels = tuple(splits.labels[label] for label in loaded.labels.tolist())
        assert tuple(part.labels[at] for at in kept) == labels == trained.labels
    lines = [where for part in parts for where in part.wheres]
    assert sorted(lines, key=lambda where: int(where.split(":")[1])) == [f"all.csv:{line}" for line in range(2, 64)]
    assert of_run[1].wheres[0] == "dev:1"


def test_what_a_recipe_leaves_out_is_audited_or_counted(write):
    rows = [(f"第{number}条评论内容", str(number % 2)) for number in range(60)]
    write("all.csv", csv_of([*rows, ("两个标签", "0"), ("两个标签！", "0"), ("两个标签", "1"), (" ", "1")]))
    data = Data(train="all.csv", labels=LABELS, max_train_samples=20)
    audit = audit_parts(AuditRequest(parts_of_recipe(data, silent, "single_label")), silent).audit
    assert [it.row for it in audit.findings if it.check == "conflicts"] == ["all.csv:62", "all.csv:63", "all.csv:64"]
    assert audit.grade == "stop"
    train = audit.parts[0]
    assert (train.rows, train.left_out) == (23, {"beyond max_train_samples": 28})
    assert train.source.rows == sum(part.rows + part.empty + sum(part.left_out.values()) for part in audit.parts)
    assert "left out of train   beyond max_train_samples 28" in terminal_lines(audit)

    of_run = audit_parts(AuditRequest(parts_of_splits(load_splits(data, "single_label"), data)), silent).audit
    train, verdict = of_run.parts[0], next(it for it in of_run.verdicts if it.check == "conflicts")
    assert train.left_out == {"two labels": 3, "beyond max_train_samples": 28}
    assert train.source.rows == sum(part.rows + part.empty + sum(part.left_out.values()) for part in of_run.parts)
    assert (verdict.grade, verdict.says) == ("look", "3 rows of texts with two labels were left out of train")


@pytest.mark.parametrize(("of", "grade"), [("train", "stop"), ("test", "look")])
def test_two_labels_stop_a_training_that_reads_them(audited, of, grade):
    parts = {"train": [("很好", "1"), ("很差", "0")], "test": [("还好", "1"), ("不好", "0")]}
    parts[of] += [("两个标签", "0"), ("两个标签", "1")]
    found = audited(**parts).audit
    verdict = next(it for it in found.verdicts if it.check == "conflicts")
    assert (verdict.grade, verdict.says) == (grade, f"1 text of {of} with two labels, in 2 rows")


def test_rows_of_dev_and_test_that_training_drops_are_counted(write):
    rows = [(f"第{number}条评论内容", str(number % 2)) for number in range(60)]
    write("all.csv", csv_of(rows))
    write("dev.csv", csv_of([("选用的", "1"), rows[8], rows[9]]))
    write("test.csv", csv_of([("新的", "1"), ("选用的", "1"), rows[7]]))
    data = Data(train="all.csv", dev="dev.csv", test="test.csv", labels=LABELS, drop_leaked=True)
    _, dev, test = parts_of_splits(load_splits(data, "single_label"), data)
    assert dev.left_out == {"dev texts in train": 2}
    assert test.left_out == {"test texts in train": 1, "test texts in dev": 1}


def test_rows_that_are_left_out_as_they_are_read_are_counted_with_their_own_file(write):
    rows = [{"text": f"第{number}条评论内容", "label": ["ab"[number % 2]]} for number in range(30)]
    nothing = [{"text": "有字", "label": None}, {"text": " ", "label": ["a"]}]
    for name, of_file in (("all", [*rows, nothing[0]]), ("test", [{"text": "另一条", "label": ["a"]}, *nothing * 2])):
        write(f"{name}.jsonl", "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in of_file))
    data = Data(train="all.jsonl", test="test.jsonl", labels={"a": "甲", "b": "乙"})
    train, _, test = parts_of_splits(load_splits(data, "multi_label"), data)
    assert (train.empty, train.left_out) == (0, {"no labels": 1})
    assert (test.empty, test.left_out) == (2, {"no labels": 2})
    assert test.source.rows == len(test.texts) + test.empty + sum(test.left_out.values())


OTHER_TASKS = {
    "multi_label": ({"labels": ["a", "b"]}, lambda n: {"text": f"第{n}条评论内容", "label": ["a", "b"][: n % 3]}),
    "token": (
        {"labels": ["a"], "clean": ()},
        lambda n: {"text": f"第{n}条", "label": ["O"] * len(str(n)) + ["O", "B-a"]},
    ),
    "regression": ({"labels": {}}, lambda n: {"text": f"第{n}条评论内容", "label": n % 7}),
    "preference": (
        {"labels": {}, "chosen": "good", "rejected": "bad"},
        lambda n: {"text": [f"第{n}个问题", "请问"], "good": "好的", "bad": f"不行{n % 5}"},
    ),
}


@pytest.mark.parametrize("task", OTHER_TASKS)
def test_rows_of_a_task_without_one_label_a_row_are_audited_by_their_texts(write, task):
    keys, row = OTHER_TASKS[task]
    rows = [row(n) for n in [*range(60), 7]]
    write("all.jsonl", "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows))
    data = Data(train="all.jsonl", **keys)
    parts = parts_of_recipe(data, silent, task)
    audit = audit_parts(AuditRequest(parts, AuditReading.of_recipe(data, task)), silent).audit
    assert sum(part.rows for part in audit.parts) == len(rows)
    assert all(part.labels is None for part in parts)
    assert all((part.pairs is not None) == (task == "preference") for part in parts)


@pytest.mark.parametrize("task", OTHER_TASKS)
def test_labels_that_are_not_judged_are_said_so_and_what_contradicts_itself_is_counted(write, task):
    keys, row = OTHER_TASKS[task]
    rows = [row(n) for n in range(60)]
    write("all.jsonl", "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows))
    data = Data(train="all.jsonl", **keys)
    says = _says(data, task)
    assert says["labels"] == says["noise"] == says["conflicts"] == ("unchecked", f"not judged for the task {task}")
    again = {**rows[0], **({"good": rows[0]["bad"], "bad": rows[0]["good"]} if task == "preference" else _other(task))}
    write("all.jsonl", "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in [*rows, again]))
    why = "both orders" if task == "preference" else "two labels"
    assert _says(data, task)["conflicts"] == ("look", f"2 rows of texts with {why} were left out of train")


def _other(task):
    return {"label": {"multi_label": ["b"], "token": ["B-a", "O", "O"], "regression": 99}[task]}


def _says(data, task):
    reading = AuditReading.of_recipe(data, task)
    audit = audit_parts(AuditRequest(parts_of_recipe(data, silent, task), reading), silent).audit
    return {verdict.check: (verdict.grade, verdict.says) for verdict in audit.verdicts}


def test_rows_that_training_leaves_out_stop_nobody(files):
    reading = AuditReading(label="label", clean=("html",))
    parts = parts_of_files(files, reading, silent)
    for drops, grade in ((False, "stop"), (True, "look")):
        audit = audit_parts(AuditRequest(parts, reading, drops_leaked=drops), silent).audit
        verdict = next(it for it in audit.verdicts if it.check == "leakage")
        assert (verdict.grade, verdict.rows) == (grade, 1)
        assert verdict.says.endswith("; data.drop_leaked leaves them out") is drops


def test_a_label_of_an_audit_is_read_as_training_reads_it(write):
    write("all.csv", csv_of([(f"第{number}条评论内容", f"{number % 2}.0") for number in range(60)]))
    parts = parts_of_recipe(Data(train="all.csv", labels=LABELS), silent, "single_label")
    assert {label for part in parts for label in part.labels} == {"负面", "正面"}


def test_second_texts_of_a_recipe_are_audited_with_the_first(write):
    rows = [(f"第{n // 2}家店", "菜价格"[n % 2 : n % 2 + 1 + n % 2], str(n % 2)) for n in range(60)]
    write("all.csv", csv_of([*rows, rows[0]], "text,aspect,label"))
    data = Data(train="all.csv", text_pair="aspect", labels=LABELS)
    parts = parts_of_recipe(data, silent, "single_label")
    audit = audit_parts(AuditRequest(parts, AuditReading.of_recipe(data, "single_label")), silent).audit
    assert sum(part.rows for part in audit.parts) == 61
    assert {"菜", "价格"} == {pair for part in parts for pair in part.pairs}
    assert not [it for it in audit.findings if it.check == "conflicts"]


def test_one_file_is_not_two_parts(write, tmp_path):
    write("a.csv", csv_of([("好", "1")]))
    write("copy.csv", csv_of([("好", "1")]))
    (tmp_path / "link.csv").symlink_to("a.csv")
    for other in ("a.csv", "copy.csv", "link.csv"):
        with pytest.raises(LingyuError, match="test is the same file as train") as caught:
            parts_of_files({"train": "a.csv", "test": other}, AuditReading(label="label"), silent)
        assert caught.value.status == 2


def test_labels_that_a_recipe_names_may_be_many(write):
    write("a.csv", csv_of([(f"第{number}条", str(number)) for number in range(1_200)]))
    reading = AuditReading(label="label", names={str(number): f"类{number}" for number in range(1_200)})
    (part,) = parts_of_files({"train": "a.csv"}, reading, silent)
    assert len(set(part.labels)) == 1_200
    audit = audit_parts(AuditRequest((part,), reading), silent).audit
    assert audit.settings.labels["7"] == "类7"


def test_another_table_is_met_exactly_as_the_same_text_and_nearly(write):
    write("a.csv", csv_of([("好", "1"), ("坏！", "0"), (LONG, "1"), ("新", "0")]))
    write("b.csv", csv_of([("好", "1"), ("坏", "0"), (LONG + "的", "1"), ("坏？", "1")], header="review,stars"))
    reading = AuditReading(label="label")
    request = AuditRequest(
        parts_of_files({"train": "a.csv"}, reading, silent),
        reading,
        against=("b.csv",),
        against_reading=AuditReading("review", needs_label=False),
    )
    audited = audit_parts(request, silent)
    (overlap,) = audited.audit.overlaps
    assert (overlap.exact, overlap.same, overlap.near_rows) == (1, 2, 1)
    found = [it for it in audited.audit.findings if it.check == "overlap"]
    assert [(it.row, it.level, it.other, it.suggestion) for it in found] == [
        ("a.csv:2", "exact", "b.csv:2", "keep"),
        ("a.csv:3", "same", "b.csv:3", "keep"),
        ("a.csv:4", "near", "b.csv:4", "keep"),
    ]
    assert audited.samples["overlap"][2].other_text == LONG + "的"


def test_every_copy_of_a_template_is_met_in_another_table(write):
    template = "尊敬的客户您好，您的订单{}已经发货，预计三天内送达，请保持电话畅通，感谢您的支持"
    write("a.csv", csv_of([(template.format(number), "1") for number in range(1_000, 1_200)]))
    write("b.csv", csv_of([(template.format(9_999), "1")]))
    reading = AuditReading(label="label")
    parts = parts_of_files({"train": "a.csv"}, reading, silent)
    (overlap,) = audit_parts(AuditRequest(parts, reading, against=("b.csv",)), silent).audit.overlaps
    assert (overlap.same, overlap.near_rows) == (0, 200)


def test_the_corpus_of_the_base_is_looked_into(make_part, tiny_base, tmp_path):
    base_folder = tmp_path / "base"
    base_folder.mkdir()
    for file in tiny_base.iterdir():
        (base_folder / file.name).write_bytes(file.read_bytes())
    save_file({"corpus": np.sort(content_hashes(["好！", "别的"]))}, base_folder / "hashes.safetensors")
    parts = (make_part("train", [("坏", "0"), ("贵", "0")]), make_part("test", [("好", "1"), ("新", "0")]))
    audit = audit_parts(AuditRequest(parts, base=find_base(str(base_folder)), max_length=8), silent).audit
    assert [(it.part, it.exact, it.same, it.near_rows) for it in audit.overlaps] == [
        ("train", None, 0, None),
        ("test", None, 1, None),
    ]
    (found,) = [it for it in audit.findings if it.check == "overlap"]
    assert (found.row, found.level, found.other_label) == ("test.csv:2", "same", None)
    assert audit.parts[0].tokens.limit == audit.settings.max_length == 8


def test_a_folder_that_is_no_corpus_is_refused(make_part, tmp_path):
    with pytest.raises(LingyuError, match=r"corpus\.json"):
        audit_parts(AuditRequest((make_part("train", [("好", "1")]),), against=(str(tmp_path),)), silent)


def test_the_settings_say_what_the_figures_depend_on(files):
    reading = AuditReading(label="label", clean=("html", "width"))
    audit = audit_parts(AuditRequest(parts_of_files(files, reading, silent), reading), silent).audit
    settings = json.loads(audit.settings.model_dump_json())
    assert settings["clean"] == ["html", "width"]
    assert (settings["near_similarity"], settings["near_shortest"], settings["noise_folds"]) == (0.8, 16, 5)


def test_every_row_may_be_the_only_one(make_part):
    audit = audit_parts(AuditRequest((make_part("train", [("好", "1")]),)), silent).audit
    assert sum(audit.parts[0].characters.counts) == 1
    assert [verdict.check for verdict in audit.verdicts if verdict.grade == "stop"] == ["labels"]
