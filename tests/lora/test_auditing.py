"""A run audits its splits once: whole in its folder, the summary beside the version's metrics and in its card."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from lingyu.bases import find_base
from lingyu.data import Audit, load_splits
from lingyu.errors import LingyuError
from lingyu.lora import auditing
from lingyu.lora.auditing import FAILURE, PAGE, audit_of_run
from lingyu.recipe import load_recipe
from lingyu.store import AUDIT, Store, open_version

from ..e2e.conftest import Workplace
from ..serving.trained import reviews, trained


def run_of(place: Workplace, name: str) -> Path:
    (run,) = (place.folder / "runs" / name).iterdir()
    return run


def audit_in(folder: Path) -> Audit:
    return Audit.model_validate_json((folder / AUDIT).read_bytes())


def test_a_version_keeps_the_summary_of_what_the_run_found(tiny_base: Path) -> None:
    place = trained(tiny_base)
    version = Store(place.folder / "adapters").open("shop")
    assert AUDIT in version.manifest.files
    whole, summary = audit_in(run_of(place, "shop")), audit_in(version.folder)
    assert summary == whole.summary()
    assert summary.findings == ()
    assert [part.rows for part in summary.parts] == [version.manifest.data[part.name].rows for part in summary.parts]
    assert summary.settings.clean == version.manifest.text_steps
    assert summary.settings.max_length == version.manifest.max_length


def test_the_card_says_each_verdict_and_links_the_figures(tiny_base: Path) -> None:
    version = Store(trained(tiny_base).folder / "adapters").open("hotel")
    card = (version.folder / "README.md").read_text("utf-8")
    section = card.partition("## Data audit\n")[2].partition("\n## ")[0]
    for verdict in audit_in(version.folder).verdicts:
        assert f"| {verdict.grade} | {verdict.says}" in section.replace("\\", "")
    assert "[audit.json](audit.json)" in section
    assert "lingyu data audit adapters/hotel/v1/recipe.yaml --html audit.html" in section


def test_texts_stand_on_the_runs_page_alone(tiny_base: Path) -> None:
    place = trained(tiny_base)
    assert (run_of(place, "hotel") / PAGE).read_text("utf-8").lstrip().startswith("<!DOCTYPE html>")
    kept = (run_of(place, "hotel") / AUDIT).read_text("utf-8")
    published = (place.folder / "adapters/hotel/v1" / AUDIT).read_text("utf-8")
    assert not any(text in kept or text in published for text in reviews(place))


def test_an_audit_that_was_changed_is_found(place: Workplace) -> None:
    file = place.folder / "adapters/hotel/v1" / AUDIT
    file.write_text(file.read_text("utf-8").replace('"ok"', '"no"'), "utf-8")
    with pytest.raises(LingyuError, match=r"audit\.json: has SHA-256"):
        open_version(file.parent)


def test_a_version_without_an_audit_is_as_good_as_ever(repo: Path) -> None:
    for name in Store(repo / "adapters").adapters():
        for version in Store(repo / "adapters").versions(name):
            assert Store(repo / "adapters").open(f"{name}@{version}").manifest.labels


def asked(place: Workplace, *overrides: str):
    recipe = load_recipe(place.recipe, overrides)
    return recipe, find_base(recipe.base), load_splits(recipe.data, recipe.task)


def test_a_run_that_goes_on_keeps_its_audit_to_the_byte(place: Workplace, tmp_path: Path) -> None:
    first = audit_of_run(*asked(place), tmp_path)
    written = {name: (tmp_path / name).read_bytes() for name in (AUDIT, PAGE)}
    again = audit_of_run(*asked(place), tmp_path)
    assert again.audit == first.audit
    assert again.lines == ()
    assert {name: (tmp_path / name).read_bytes() for name in written} == written


def test_a_run_that_goes_on_with_another_test_audits_that(place: Workplace, tmp_path: Path) -> None:
    rows = Path("data/reviews.csv").read_text("utf-8").splitlines()
    Path("data/test.csv").write_text("\n".join([rows[0], "1,房间的确很好", "0,早餐真的很差"]) + "\n", "utf-8")
    first = audit_of_run(*asked(place, "data.test=data/test.csv"), tmp_path)
    with Path("data/test.csv").open("a", encoding="utf-8") as file:
        file.write("1,又一条好评\n")
    again = audit_of_run(*asked(place, "data.test=data/test.csv"), tmp_path)
    assert first.audit is not None
    assert again.audit is not None
    assert [audit.parts[2].rows for audit in (first.audit, again.audit)] == [2, 3]


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 2}', b"\xff"])
def test_an_audit_that_was_cut_short_is_made_again(place: Workplace, tmp_path: Path, content: bytes) -> None:
    (tmp_path / AUDIT).write_bytes(content)
    assert audit_of_run(*asked(place), tmp_path).audit is not None
    assert audit_in(tmp_path).parts[0].name == "train"


def test_where_it_fails_that_is_said_and_no_more(place: Workplace, tmp_path: Path) -> None:
    done = audit_of_run(*asked(place), tmp_path / "no such folder")
    assert done.audit is None
    assert done.faults == done.lines == ("the data was not audited: no such file or folder",)
    assert str(tmp_path) not in done.faults[0]


def test_data_that_it_can_not_read_are_said_and_are_no_bug(place: Workplace, tmp_path: Path, monkeypatch) -> None:
    def refuses(*_: object) -> None:
        raise LingyuError("the\nrow has no text", where=tmp_path)

    monkeypatch.setattr(auditing, "audit_parts", refuses)
    done = audit_of_run(*asked(place), tmp_path)
    assert done.audit is None
    assert done.faults == done.lines == ("the data was not audited: the row has no text",)
    assert not (tmp_path / FAILURE).exists()


def test_a_bug_in_it_is_said_and_kept_and_stops_no_training(place: Workplace, tmp_path: Path, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("机密的文本")

    monkeypatch.setattr(auditing, "audit_parts", broken)
    done = audit_of_run(*asked(place), tmp_path)
    assert done.audit is None
    assert done.faults == (f"the data was not audited: ValueError, a bug in lingyu; see {FAILURE} in the run's folder",)
    assert "机密的文本" in (tmp_path / FAILURE).read_text("utf-8")


def test_what_is_worth_a_look_is_named_in_one_line(place: Workplace, tmp_path: Path) -> None:
    with (place.folder / "data/reviews.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with (place.folder / "data/twice.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([*rows, *rows[1:4]])
    done = audit_of_run(*asked(place, "data.train=data/twice.csv"), tmp_path)
    assert done.audit is not None
    assert done.audit.grade == "look"
    assert done.lines == (f"data audit: look: duplicates; see {tmp_path / PAGE}",)


def test_the_summary_holds_no_finding_and_the_runs_file_holds_all(place: Workplace, tmp_path: Path) -> None:
    shutil.copyfile("data/reviews.csv", "data/test.csv")
    overrides = ("data.test=data/test.csv", "data.dev=data/test.csv", "data.allow_leakage=true")
    done = audit_of_run(*asked(place, *overrides), tmp_path)
    assert done.audit is not None
    assert done.audit.grade == "stop"
    assert "leakage" in done.lines[0]
    found = json.loads((tmp_path / AUDIT).read_text("utf-8"))["findings"]
    assert sum(finding["check"] == "leakage" for finding in found) >= 300
    assert done.audit.summary().findings == ()
