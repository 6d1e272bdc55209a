"""lingyu base: where a base lies and what it is."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from lingyu.bases import EMBEDDED
from lingyu.cli import main

from ..bases.test_importing import checkpoint


def shown(capsys: pytest.CaptureFixture[str], base: Path | str) -> dict[str, object]:
    assert main(["base", "show", str(base), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_path_prints_the_folder_and_nothing_else(capsys: pytest.CaptureFixture[str], tiny_base: Path) -> None:
    for base, folder in (("embedded", EMBEDDED), (str(tiny_base), tiny_base)):
        assert main(["base", "path", base]) == 0
        said = capsys.readouterr()
        assert (said.out, said.err) == (f"{folder}\n", "")
    assert (EMBEDDED / "config.json").is_file()


def test_show_says_what_decides(capsys: pytest.CaptureFixture[str], tiny_base: Path) -> None:
    facts = shown(capsys, tiny_base)
    assert list(facts) == [
        *("base", "revision", "folder", "model_type", "hidden_size", "num_hidden_layers", "vocab_size", "max_length"),
        *("trained_length", "head", "has_pooler", "has_masked_lm_head", "weights_fingerprint", "tokenizer_fingerprint"),
        *("parent", "made_from", "stages", "hours"),
    ]
    assert (facts["has_pooler"], facts["has_masked_lm_head"]) == (False, True)
    assert (facts["made_from"], facts["stages"], facts["hours"]) == ([], [], None)
    assert facts["model_type"] == "bert"
    assert (facts["hidden_size"], facts["num_hidden_layers"]) == (32, 2)
    assert facts["head"] == ["pooler.dense", "classifier"]
    assert main(["base", "show", str(tiny_base)]) == 0
    screen = capsys.readouterr().out
    assert all(str(facts[key]) in screen for key in ("base", "weights_fingerprint", "tokenizer_fingerprint"))
    assert "bert, 2 layers, 32 wide, " in screen
    assert "no pooler, a masked-LM head\n" in screen
    assert "folder" not in screen, "it is the base's name"
    assert not set(screen) & set("[]{}'"), "that is how Python shows things"
    assert main(["base", "show", "embedded"]) == 0
    assert f"folder     {EMBEDDED}\n" in capsys.readouterr().out


def test_the_fingerprint_is_that_of_the_weights_and_not_of_the_folder(
    capsys: pytest.CaptureFixture[str], tiny_base: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_base, tmp_path / "renamed")
    before, renamed = shown(capsys, tiny_base), shown(capsys, tmp_path / "renamed")
    assert renamed["weights_fingerprint"] == before["weights_fingerprint"]
    assert renamed["tokenizer_fingerprint"] == before["tokenizer_fingerprint"]
    tensors = load_file(tmp_path / "renamed/model.safetensors")
    name = next(name for name in tensors if "query.weight" in name)
    tensors[name] = tensors[name] * 2
    save_file(tensors, tmp_path / "renamed/model.safetensors", metadata={"format": "pt"})
    changed = shown(capsys, tmp_path / "renamed")
    assert changed["weights_fingerprint"] != before["weights_fingerprint"]
    assert changed["tokenizer_fingerprint"] == before["tokenizer_fingerprint"]


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("./bases/tinny", "./bases/tinny: no such folder. Did you mean bases/tiny?"),
        ("embeded", "embeded: no such base. Did you mean embedded?"),
        ("./bases", "./bases: holds no config.json."),
        (
            "./bases/pickled",
            "./bases/pickled: holds a pickle only, which is no base yet. Make one of it: lingyu base",
        ),
        ("someone/their-encoder", "someone/their-encoder: can't be fetched from https://huggingface.co"),
        ("bad id/x", "bad id/x: is no hub id."),
    ],
)
def test_a_base_that_is_nowhere_is_one_line(
    base: str,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tiny_base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "bases").mkdir()
    shutil.copytree(tiny_base, tmp_path / "bases/tiny")
    (tmp_path / "bases/pickled").mkdir()
    (tmp_path / "bases/pickled/pytorch_model.bin").touch()
    monkeypatch.chdir(tmp_path)
    for words in (["base", "path", base], ["base", "show", base]):
        assert main(words) == 2
        said = capsys.readouterr()
        assert said.err.startswith(says)
        assert said.err.count("\n") == 1
        assert said.out == ""
    assert main(["base", "show", base, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["where"] == base


def test_an_architecture_that_is_not_known_is_one_line(
    capsys: pytest.CaptureFixture[str], tiny_base: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_base, tmp_path / "other")
    config = json.loads((tmp_path / "other/config.json").read_text("utf-8"))
    (tmp_path / "other/config.json").write_text(json.dumps({**config, "model_type": "gpt2"}), "utf-8")
    assert main(["base", "show", str(tmp_path / "other")]) == 2
    assert "the architecture 'gpt2' is not known here" in capsys.readouterr().err


def test_a_base_that_would_run_code_is_refused(
    capsys: pytest.CaptureFixture[str], tiny_base: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_base, tmp_path / "other")
    config = json.loads((tmp_path / "other/config.json").read_text("utf-8"))
    (tmp_path / "other/config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "x.Y"}}), "utf-8")
    assert main(["base", "path", str(tmp_path / "other")]) == 2
    assert "asks to run code of its own" in capsys.readouterr().err


def test_import_says_what_was_found_and_list_shows_what_is_here(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    checkpoint("head-sequence", tmp_path / "downloaded")
    assert main(["base", "import", "downloaded", "--out", "bases/moods"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("bases/moods is a base, bert: every number of the encoder is the checkpoint's.\n")
    assert "Read as structbert with keys under encoder." in said.out
    assert "Its head for sequence classification is kept, labels 负面, 中性, 正面 (by configuration.json:" in said.out
    checkpoint("backbone", tmp_path / "bases" / "raw")
    assert main(["base", "import", "bases/raw", "--out", "bases/plain", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["out"], facts["id"], facts["missing"], facts["prefix"]) == ("bases/plain", "raw", ["head"], "")
    assert shown(capsys, "bases/plain")["weights_fingerprint"] == facts["weights_fingerprint"]
    shutil.copytree(tiny_base, tmp_path / "bases" / "torn")
    (tmp_path / "bases" / "torn" / "vocab.txt").unlink()
    (tmp_path / "bases" / "torn" / "tokenizer.json").unlink()
    assert main(["base", "list"]) == 0
    assert [line.split(None, 2) for line in capsys.readouterr().out.splitlines()] == [
        ["embedded", "bert", "ready"],
        ["bases/moods", "bert", "ready"],
        ["bases/plain", "bert", "ready"],
        ["bases/raw", "structbert", "no base yet: lingyu base import bases/raw --out ..."],
        ["bases/torn", "bert", "incomplete: no tokenizer"],
    ]
    assert main(["base", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed[4] == {
        "id": "bases/torn",
        "revision": None,
        "family": "bert",
        "folder": "bases/torn",
        "lacking": ["tokenizer"],
        "state": "incomplete",
    }
    assert main(["verify", "bases/moods"]) == 0
    assert "6 files, as its lineage.json lists them" in capsys.readouterr().out


def test_a_checkpoint_that_can_not_be_imported_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint("sequence", tmp_path / "downloaded", lambda tensors: {"a": tensors["classifier.bias"]})
    for words, says in (
        (["nowhere", "--out", "bases/x"], "nowhere: no such folder."),
        (["downloaded", "--out", "bases/x"], "downloaded: holds no encoder: no key ends with embeddings."),
        (["downloaded", "--out", "downloaded"], "downloaded: exists already"),
    ):
        assert main(["base", "import", *words]) == 2
        said = capsys.readouterr()
        assert said.err.startswith(says)
        assert (said.err.count("\n"), said.out) == (1, "")
    assert main(["base", "import", "downloaded", "--out", "bases/x", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["where"] == "downloaded"
    assert not (tmp_path / "bases").exists()
