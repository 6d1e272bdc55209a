"""The figures that were measured on the published sets, by other means than ours, come out of the audit."""

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lingyu.data import AuditReading, AuditRequest, Nearness, audit_parts, parts_of_files
from lingyu.data.audit.report import Level


def silent(*_):
    pass


def audit_of(files, reading, **settings):
    parts = parts_of_files({name: str(path) for name, path in files.items()}, reading, silent)
    return audit_parts(AuditRequest(parts, reading, **settings), silent).audit


def unpacked(path: Path, folder: Path) -> Path:
    target = folder / path.name.removesuffix(".gz")
    with gzip.open(path) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file)
    return target


@pytest.fixture(scope="module")
def chnsenticorp(shared_data):
    return audit_of(chnsenticorp_files(shared_data), AuditReading(text="text_a", label="label"))


def chnsenticorp_files(shared_data):
    return {name: str(shared_data / "chnsenticorp" / f"{name}.tsv") for name in ("train", "dev", "test")}


def crossing(audit, part, other):
    return next(it for it in audit.crossings if (it.part, it.other) == (part, other))


def findings(audit, check, **fields):
    return [it for it in audit.findings if it.check == check and all(getattr(it, key) == fields[key] for key in fields)]


def test_chnsenticorp_leaks_at_both_levels(chnsenticorp):
    assert crossing(chnsenticorp, "test", "train").rows == Level(exact=331, same=335)
    assert crossing(chnsenticorp, "dev", "train").rows == Level(exact=338, same=342)
    assert crossing(chnsenticorp, "test", "dev").rows.exact == 40
    assert crossing(chnsenticorp, "dev", "train").other_label.exact == 8
    assert crossing(chnsenticorp, "test", "train").other_label.exact == 6
    assert chnsenticorp.grade == "stop"


def test_chnsenticorp_has_texts_with_two_labels_at_both_levels(chnsenticorp):
    train = chnsenticorp.parts[0]
    assert train.conflicts == Level(exact=24, same=25)
    assert train.conflict_rows.exact == 57
    assert len(findings(chnsenticorp, "conflicts", part="train", level="exact")) == 57


def test_chnsenticorp_repeats_texts(chnsenticorp):
    train = chnsenticorp.parts[0]
    assert (train.rows, train.texts.exact, train.repeats.exact) == (9_600, 8_249, 1_351)
    repeats = findings(chnsenticorp, "duplicates", part="train")
    assert len(repeats) == train.repeats.same
    # one text differs in its punctuation from another of its kind, and in its label: a person decides
    assert [it.level for it in repeats if it.suggestion == "keep"] == ["same"]


def without(part, dropped):
    """The part without some of its rows. And without labels: nobody asks here which of them are doubted."""
    kept = [at for at, where in enumerate(part.wheres) if where not in dropped]
    texts, wheres = (tuple(values[at] for at in kept) for values in (part.texts, part.wheres))
    return replace(part, texts=texts, wheres=wheres, labels=None)


def test_dropping_what_leaks_from_chnsenticorp_leaves_no_leak(chnsenticorp, shared_data):
    """Every row of train and dev that a later part has is found, and none is found twice."""
    leaks = findings(chnsenticorp, "leakage")
    assert {it.suggestion for it in leaks} == {"drop"}
    assert {it.part for it in leaks} == {"train", "dev"}
    assert len({it.row for it in leaks}) == len(leaks)
    dropped = {it.row for it in (*leaks, *findings(chnsenticorp, "near_leakage", suggestion="drop"))}
    read = parts_of_files(chnsenticorp_files(shared_data), AuditReading(text="text_a", label="label"), silent)
    left = audit_parts(AuditRequest(tuple(without(part, dropped) for part in read)), silent).audit
    assert sum(part.rows for part in left.parts) == 12_000 - len(dropped)
    assert left.parts[2].rows == 1_200
    assert [(it.rows.exact, it.rows.same, it.near_rows) for it in left.crossings] == [(0, 0, 0)] * 3


def test_hotel_reviews_stand_in_online_shopping(shared_data, tmp_path):
    shop = unpacked(shared_data / "shopping" / "online_shopping_10_cats.csv.gz", tmp_path)
    hotel = shared_data / "hotel" / "ChnSentiCorp_htl_all.csv"
    none_near = Nearness(shortest=1_000_000)  # 62,774 rows: nearness would take its time, and has tests of its own
    audit = audit_of({"train": hotel}, AuditReading(text="review"), against=(str(shop),), near=none_near)
    (overlap,) = audit.overlaps
    # the 7,765 rows with a text are as many distinct texts, so that rows are texts here
    assert (audit.parts[0].rows, audit.parts[0].texts.exact, audit.parts[0].empty) == (7_765, 7_765, 1)
    assert (overlap.exact, overlap.same) == (5_573, 7_021)
    assert len(findings(audit, "overlap", level="exact")) == 5_573


def test_titles_of_goods_repeat_and_leak(shared_data, tmp_path):
    files = {
        name: unpacked(shared_data / "tasks" / f"slots.{name}.jsonl.gz", tmp_path) for name in ("train", "dev", "test")
    }
    audit = audit_of(files, AuditReading(text="tokens"))
    assert audit.parts[0].repeats.exact == 1_390
    assert crossing(audit, "dev", "train").rows.exact == 461
    assert crossing(audit, "test", "train").rows.exact == 463
    assert audit.noise is None
    assert next(verdict for verdict in audit.verdicts if verdict.check == "conflicts").grade == "unchecked"


def test_clauses_on_laptops_repeat_and_leak(shared_data):
    files = {name: shared_data / "tasks" / f"three_class_jd_laptop.{name}.csv" for name in ("train", "test")}
    audit = audit_of(files, AuditReading(label="label"))
    # counted exactly; as the same text 789, 1,154 and 475
    assert crossing(audit, "test", "train").rows == Level(exact=788, same=789)
    assert [part.repeats for part in audit.parts] == [Level(exact=1_130, same=1_154), Level(exact=475, same=475)]


@pytest.mark.slow
def test_pairs_of_questions_are_clean(shared_data, tmp_path):
    """Slow: 38,650 pairs. 184 single questions of dev stand in train, but no pair of them."""
    files = {name: unpacked(shared_data / "tasks" / f"pair.{name}.tsv.gz", tmp_path) for name in ("train", "dev")}
    audit = audit_of(files, AuditReading("text_a", "text_b", "label"))
    assert crossing(audit, "dev", "train").rows == Level(exact=0, same=0)
    assert [part.repeats for part in audit.parts] == [Level(exact=0, same=0)] * 2
    assert [part.conflicts for part in audit.parts] == [Level(exact=0, same=0)] * 2
