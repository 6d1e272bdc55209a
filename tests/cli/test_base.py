"""lingyu base: where a base lies and what it is."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from lingyu.bases import EMBEDDED
from lingyu.cli import main


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
        *("head", "has_pooler", "has_masked_lm_head", "weights_fingerprint", "tokenizer_fingerprint"),
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
