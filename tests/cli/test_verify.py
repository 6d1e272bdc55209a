"""lingyu verify: what is as it should be, what is not, and what is nothing of the kind."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from lingyu.bases import find_base
from lingyu.cli import main
from lingyu.lora import import_adapter, read_foreign
from lingyu.store import ANSWERS, HASHES, Store, VersionFacts, write_tensors
from lingyu.store.manifest import SEAL, sealed

from ..lora.foreign import LABELS, save_foreign


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Path:
    """adapters/ with shop@v1 and shop@v2 (stable) on bases/tiny. Not to be changed."""
    folder = tmp_path_factory.mktemp("verify")
    shutil.copytree(tiny_base, folder / "bases/tiny")
    foreign = read_foreign(save_foreign(tiny_base, folder / "foreign"))
    base = replace(find_base(str(folder / "bases/tiny")), id="bases/tiny")
    for channel in (None, "stable"):
        import_adapter(foreign, Store(folder / "adapters"), "shop", base, LABELS, channel=channel)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to be spoilt, as the working directory."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], path: str, status: int) -> str:
    assert main(["verify", path]) == status
    streams = capsys.readouterr()
    assert (streams.out == "") == (status != 0)
    return streams.out if status == 0 else streams.err


def replaced(file: Path, change) -> None:
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def test_a_version_an_adapter_and_a_store_prove_themselves(place, capsys):
    version = said(capsys, "adapters/shop/v1", 0)
    assert "shop@v1: verified\n  3 files, " in version
    assert "base bases/tiny has the fingerprints that it was trained on" in version
    assert "LoRA on 4 layers, head bert.pooler.dense, classifier" in version
    assert said(capsys, "adapters/shop@stable", 0).startswith("shop@v2: verified")
    adapter = said(capsys, "adapters/shop", 0)
    assert [line for line in adapter.splitlines() if not line.startswith(" ")] == [
        "shop@v1: verified",
        "shop@v2: verified",
        "shop: verified",
    ]
    assert "stable is v2" in adapter
    assert said(capsys, "adapters", 0) == adapter


def test_json_is_one_document(place, capsys):
    assert main(["verify", "adapters/shop", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "adapter"
    assert [proof["what"] for proof in found["verified"]] == ["shop@v1", "shop@v2", "shop"]
    (place / "adapters/shop/v1/README.md").write_text("changed")
    assert main(["verify", "adapters/shop/v1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["status"] == 1


def test_every_fault_of_a_store_is_told(place, capsys):
    (place / "adapters/shop/v1/README.md").write_text("changed")
    (place / "adapters/shop/v2/more.json").write_text("{}")
    (place / "adapters/shop/channels.json").write_text('{"stable": {"version": "v7"}}')
    (place / "adapters/elsewhere").symlink_to(place / "foreign")
    lines = said(capsys, "adapters", 1).splitlines()
    assert len(lines) == 4
    for line, part in zip(lines, ("is a symlink", "has 7 bytes, but", "is not listed", "stable names v7"), strict=True):
        assert part in line


def test_an_adapter_of_which_no_version_is_left_or_whose_name_is_none_is_a_fault_of_its_store(place, capsys):
    (place / "lost/hotel").mkdir(parents=True)
    (place / "lost/hotel/channels.json").write_text('{"stable": {"version": "v3"}}')
    shutil.copytree(place / "adapters/shop", place / "lost/Shop")
    lines = said(capsys, "lost", 1).splitlines()
    assert len(lines) == 2
    assert "'Shop' can't name an adapter" in lines[0]
    assert "lost/hotel: channel stable names v3, which is not there" in lines[1]


def test_a_path_is_no_markup_of_the_terminals(place, capsys):
    (place / "a[").mkdir()
    shutil.copytree(place / "adapters/shop/v1", place / "a[/b]")
    assert said(capsys, "a[/b]", 0).startswith("shop@v1: verified")


def test_a_version_on_a_base_that_was_changed_or_has_another_tokenizer_is_refused(place, capsys):
    weights = place / "bases/tiny/model.safetensors"
    before = weights.read_bytes()
    replaced(weights, lambda tensors: tensors["bert.embeddings.word_embeddings.weight"][5].add_(0.5))
    assert "was trained on bases/tiny (weights" in said(capsys, "adapters/shop/v1", 1)
    weights.write_bytes(before)
    vocabulary = place / "bases/tiny/tokenizer.json"
    text = vocabulary.read_text("utf-8")
    vocabulary.write_text(text.replace('"房"', '"𠀀"'), "utf-8")
    assert "was trained with the tokenizer of" in said(capsys, "adapters/shop/v1", 1)


def test_a_version_whose_base_is_not_here_is_verified_as_far_as_it_goes(place, capsys):
    shutil.rmtree(place / "bases")
    assert "its base is not here, so whether it fits was not checked" in said(capsys, "adapters/shop/v1", 0)


@pytest.mark.parametrize(
    ("name", "tensors", "message"),
    [
        (ANSWERS, {"logits": np.full((1, 3), np.nan, np.float32), "labels": np.zeros(1, np.int64)}, "no finite"),
        (HASHES, {"train": np.array([2, 1]), "dev": np.zeros(0, np.int64), "test": np.array([1])}, "is not sorted"),
    ],
)
def test_what_a_version_keeps_of_its_data_is_read_too(place, capsys, name, tensors, message):
    whole = Store("adapters").open("shop")

    def write(folder: Path, version: str) -> VersionFacts:
        for file in whole.manifest.files:
            shutil.copyfile(whole.folder / file, folder / file)
        write_tensors(folder / name, tensors)
        return whole.manifest

    spoilt = Store("adapters").publish("shop", write, why="a test").folder
    assert message in said(capsys, str(spoilt), 1)


def test_a_version_whose_texts_this_lingyu_cannot_clean_is_refused(place, capsys):
    file = place / "adapters/shop/v1/lingyu.json"
    manifest = json.loads(file.read_text("utf-8"))
    del manifest[SEAL]
    file.write_bytes(sealed({**manifest, "text_steps": ["html", "pinyin"]}))
    assert "this lingyu does not know the text step 'pinyin'" in said(capsys, "adapters/shop/v1", 1)


def test_a_renamed_version_is_refused(place, capsys):
    (place / "adapters/shop/v1").rename(place / "adapters/shop/v5")
    assert "says shop@v1: the folder was renamed" in said(capsys, "adapters/shop/v5", 1)


def test_a_base_proves_itself(place, capsys):
    page = said(capsys, "bases/tiny", 0)
    base = find_base("bases/tiny")
    assert "bert, without a pooler; " in page
    assert base.weights_fingerprint in page
    assert base.tokenizer_fingerprint in page
    assert said(capsys, "embedded", 0).startswith("embedded: verified")


def test_a_base_that_is_not_sound_is_refused(place, capsys):
    weights = place / "bases/tiny/model.safetensors"
    before = weights.read_bytes()
    replaced(weights, lambda tensors: tensors["cls.predictions.bias"].fill_(float("inf")))
    assert "'cls.predictions.bias' holds values that are no finite numbers" in said(capsys, "bases/tiny", 1)
    replaced(weights, lambda tensors: tensors.pop("bert.encoder.layer.1.output.dense.weight"))
    weights.write_bytes(weights.read_bytes()[:-8])
    assert "is no sound safetensors file" in said(capsys, "bases/tiny", 1)
    weights.write_bytes(before)
    replaced(weights, lambda tensors: tensors.pop("bert.encoder.layer.1.output.dense.weight"))
    assert "the base lacks bert.encoder.layer.1.output.dense.weight" in said(capsys, "bases/tiny", 1)


def test_a_base_of_an_unknown_family_or_with_code_of_its_own_is_refused(place, capsys):
    config = place / "bases/tiny/config.json"
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, "model_type": "gpt2"}))
    assert "'gpt2' is not known here" in said(capsys, "bases/tiny", 1)
    config.write_text(json.dumps({**settings, "auto_map": {"AutoModel": "theirs.Model"}}))
    assert "auto_map" in said(capsys, "bases/tiny", 1)


def test_what_is_nothing_of_the_kind_says_what_to_name(place, capsys):
    (place / "empty").mkdir()
    assert "is no adapter, no base, no merged model and no graph" in said(capsys, "empty", 2)
    assert "Make a version of it: lingyu adapters import" in said(capsys, "foreign", 2)
    assert "is a file. Name its folder" in said(capsys, "adapters/shop/v1/README.md", 2)
    assert "no such folder. Did you mean adapters/shop?" in said(capsys, "adapters/shpo", 2)
    for nameless in ("@stable", "adapters/@stable", ".@stable"):
        assert f"{nameless}: no such folder. " in said(capsys, nameless, 2)
    assert "Did you mean embedded?" in said(capsys, "embeded", 2)


def test_a_merged_model_is_verified_by_its_certificate(place, capsys):
    from lingyu.release import merge

    merge(Store("adapters").open("shop"), Path("merged/shop"), texts=["房间很干净", "早餐很差"])
    page = said(capsys, "merged/shop", 0)
    assert page.startswith("merged/shop: verified")
    assert "shop@v2 merged into bases/tiny" in page
    assert "0 labels changed" in page
    replaced(place / "merged/shop/model.safetensors", lambda tensors: tensors["classifier.bias"].add_(1.0))
    assert "merged/shop/model.safetensors: has " in said(capsys, "merged/shop", 1)
    # what was lost on the way does not make a base of it
    (place / "merged/shop/certificate.json").unlink()
    assert "by its README.md, and holds no certificate.json" in said(capsys, "merged/shop", 1)


def test_help_shows_examples_and_imports_no_torch(run_command):
    code = "import sys; from lingyu.cli import main; main(['verify', '--help']); assert 'torch' not in sys.modules"
    shown = run_command("python", "-c", code)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Example: lingyu verify adapters/hotel/v3" in shown.stdout
