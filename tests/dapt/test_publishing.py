"""Where a base may be published, and whether it has been; what a parent has behind it is read before training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lingyu.bases import LINEAGE, Base, find_base
from lingyu.dapt.corpus.prepared import Corpus, prepare_corpus
from lingyu.dapt.corpus.surveying import find_inputs
from lingyu.dapt.lineage import stages_of
from lingyu.dapt.publishing import hashes_of, holds_result_of, require_free
from lingyu.errors import LingyuError
from lingyu.folders import REPLACED
from lingyu.recipe import Dapt, PretrainingRecipe, PublishBase, resolved_yaml


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


def test_a_base_that_a_killed_writer_put_aside_is_in_the_way_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"bases/{REPLACED}hotel").mkdir(parents=True)
    with pytest.raises(LingyuError, match="exists already"):
        require_free(PublishBase(to="bases/hotel"))
    assert [entry.name for entry in Path("bases").iterdir()] == ["hotel"]


def test_a_base_is_the_result_of_the_very_recipe_that_lies_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = PretrainingRecipe.model_validate(
        {"name": "tiny", "dapt": {"corpus": ["reviews.txt"]}, "publish": {"to": "hotel"}}
    )
    assert not holds_result_of(recipe)
    Path("hotel").mkdir()
    Path("hotel/recipe.yaml").write_text(resolved_yaml(recipe), "utf-8")
    assert holds_result_of(recipe)
    assert not holds_result_of(recipe.model_copy(update={"name": "other"}))


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


def test_a_base_says_what_was_read_and_what_of_that_no_stage_was_trained_on(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = [f"第{number}次入住，房间很干净" for number in range(150)]

    def stage(parent: Base, lines: list[str], name: str) -> tuple[Base, Corpus]:
        Path("raw.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        asked = Dapt(corpus=("raw.txt",), segmenter="characters", held_out=0.2)
        corpus = prepare_corpus(find_inputs(asked, parent), parent, 30, Path("encoded"), lambda *_: None)
        shutil.copytree(tiny_base, name)
        save_file(hashes_of(corpus, parent), f"{name}/hashes.safetensors")
        return find_base(f"./{name}"), corpus

    first, one = stage(find_base(str(tiny_base)), texts[:100], "first")
    second, two = stage(first, texts[50:], "second")
    assert first.held_out_hashes.tolist() == one.held_out_hashes.tolist()
    assert first.learnt_hashes.tolist() == np.setdiff1d(one.hashes, one.held_out_hashes).tolist()
    assert len(second.corpus_hashes) == 150
    trained = np.union1d(*(np.setdiff1d(run.hashes, run.held_out_hashes) for run in (one, two)))
    assert not np.isin(two.held_out_hashes, trained).any()
    assert len(two.held_out_hashes) == 20
    assert second.held_out_hashes.tolist() == np.setdiff1d(second.corpus_hashes, trained).tolist()
    assert second.learnt_hashes.tolist() == trained.tolist()
