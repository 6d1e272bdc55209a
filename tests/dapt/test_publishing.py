"""A base folder in one go: nothing half-written, nothing overwritten unasked, nothing in the card that breaks it."""

import json
from pathlib import Path

import pytest

from lingyu.bases import LINEAGE, find_base
from lingyu.dapt.lineage import stages_of
from lingyu.dapt.publishing import _folder_in_one_go, require_free
from lingyu.errors import LingyuError
from lingyu.recipe import PublishBase


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_folder_appears_with_everything_in_it(tmp_path: Path) -> None:
    out = tmp_path / "bases" / "hotel"
    with _folder_in_one_go(out) as folder:
        (folder / "config.json").write_text("{}")
        assert not out.exists()
    assert names(out) == ["config.json"]
    assert names(out.parent) == ["hotel"]


def test_after_a_failure_what_was_there_is_there(tmp_path: Path) -> None:
    out = tmp_path / "hotel"

    def write(content: str) -> None:
        with _folder_in_one_go(out) as folder:
            (folder / "config.json").write_text(content)
            if content == "new":
                raise OSError("the disk is full")

    write("old")
    with pytest.raises(OSError, match="full"):
        write("new")
    assert (out / "config.json").read_text() == "old"
    assert names(tmp_path) == ["hotel"]


def test_a_replaced_folder_is_gone_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "hotel"
    for name in ("old.txt", "new.txt"):
        with _folder_in_one_go(out) as folder:
            (folder / name).write_text("")
    assert names(out) == ["new.txt"]
    assert names(tmp_path) == ["hotel"]


@pytest.mark.parametrize(
    ("out", "replace", "says"),
    [
        ("taken", False, "exists already"),
        ("taken", True, "is no base, so it is not replaced"),
        ("link", True, "is no base, so it is not replaced"),
        (".hidden", False, "can't be the name of a base"),
        ("base/config.json/hotel", False, "not a folder"),
    ],
)
def test_a_place_that_can_not_be_published_to_is_refused_before_training(
    out: str, replace: bool, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").mkdir()
    Path("base").mkdir()
    Path("base/config.json").write_text("{}")
    Path("link").symlink_to("base")
    require_free(PublishBase(to="new/hotel"))
    require_free(PublishBase(to="base", replace=True))
    with pytest.raises(LingyuError, match=says):
        require_free(PublishBase(to=out, replace=replace))


def test_stages_that_can_not_be_read_are_one_line(tiny_base: Path, tmp_path: Path) -> None:
    base = find_base(str(tiny_base))
    assert stages_of(base) == ()
    assert stages_of(None) == ()
    folder = tmp_path / "base"
    folder.mkdir()
    for file in tiny_base.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    for content in ('{"lineage": [], "stages": [{}]}', "[]", "{", '{"stages": 3}'):
        (folder / LINEAGE).write_text(content)
        with pytest.raises(LingyuError, match="holds stages that can't be read"):
            stages_of(find_base(str(folder)))
    (folder / LINEAGE).write_text(json.dumps({"lineage": []}))
    assert stages_of(find_base(str(folder))) == ()
