"""The steps that a recipe names are recorded with the adapter, in that order, and done to whatever it is asked."""

import json
from pathlib import Path

import pytest

from lingyu.cli import main as lingyu
from lingyu.cli.train import main as train_lora
from lingyu.text import STEPS, clean

from .conftest import Workplace, make_workplace

ORDER = ("html", "control", "width", "urls", "repeats", "personal", "simplified")
ASKED = ("<b>房間</b>很好&amp;乾淨", "服务\u200b很差差差差差差", "见www.a.com/ｘ，打１3800138000或a@b.cc")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Workplace:
    place = make_workplace(tmp_path_factory.mktemp("steps") / "work", tiny_base)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.folder)
        steps = f"data.clean=[{', '.join(ORDER)}]"
        assert train_lora([str(place.recipe), steps, "train.num_train_epochs=1"]) == 0
    return place


def test_the_order_of_the_recipe_stands_in_the_manifest(place: Workplace) -> None:
    assert set(ORDER) == set(STEPS)
    manifest = json.loads((place.folder / "adapters/tiny/v1/lingyu.json").read_text("utf-8"))
    assert manifest["text_steps"] == list(ORDER)


def test_an_adapter_answers_a_text_as_it_stands_and_cleaned_alike(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tidy = [clean(text, ORDER) for text in ASKED]
    assert tidy == ["房间 很好&干净", "服务很差差差", "见[网址]，打[电话]或[邮箱]"]
    monkeypatch.chdir(place.folder)
    assert lingyu(["predict", "--adapter", "tiny", "--json", *ASKED, *tidy]) == 0
    answers = [json.loads(line)["probabilities"] for line in capsys.readouterr().out.splitlines()]
    assert answers[:3] == answers[3:]
    assert answers[0] != answers[1]
