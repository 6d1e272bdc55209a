"""What was merged is recognised later, and whatever was changed in it is named."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from lingyu.digests import file_record
from lingyu.errors import LingyuError
from lingyu.release import Merged, verify_merged
from lingyu.release.merged.certificate import SEAL
from lingyu.text import sealed


@pytest.fixture
def folder(merged: Merged, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(merged.folder, tmp_path / "copy"))


def refusal(folder: Path, status: int = 1) -> str:
    with pytest.raises(LingyuError) as caught:
        verify_merged(folder)
    assert "\n" not in str(caught.value)
    assert caught.value.status == status
    return str(caught.value)


def forge(folder: Path, **result: Any) -> None:
    """Write the certificate so that it agrees with the files as they are now."""
    file = folder / "certificate.json"
    document = json.loads(file.read_text("utf-8"))
    files = {entry.name: file_record(entry).model_dump() for entry in folder.iterdir() if entry != file}
    document["result"] |= {"files": files, **result}
    file.write_bytes(sealed(document, SEAL))


def test_a_copy_is_as_good_as_what_was_written(folder: Path, merged: Merged) -> None:
    assert verify_merged(folder) == merged.certificate


@given(at=st.integers(0, 10**9), bit=st.integers(0, 7), number=st.integers(0, 10))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_in_any_file_is_noticed(at: int, bit: int, number: int, merged: Merged, folder: Path) -> None:
    names = sorted(name for name in merged.certificate.result.files)
    name = names[number % len(names)]
    whole = (merged.folder / name).read_bytes()
    changed = bytearray(whole)
    changed[at % len(changed)] ^= 1 << bit
    (folder / name).write_bytes(changed)
    try:
        assert f"{folder / name}: has SHA-256" in refusal(folder)
    finally:
        (folder / name).write_bytes(whole)


@given(at=st.integers(0, 10**9), bit=st.integers(0, 7))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_in_the_certificate_is_noticed(at: int, bit: int, merged: Merged, folder: Path) -> None:
    changed = bytearray((merged.folder / "certificate.json").read_bytes())
    changed[at % len(changed)] ^= 1 << bit
    (folder / "certificate.json").write_bytes(changed)
    assert str(folder / "certificate.json") in refusal(folder)


@pytest.mark.parametrize(("key", "value"), [("labels", ["正面", "中性", "负面"]), ("dtype", "float16")])
def test_a_certificate_that_says_other_than_the_config_is_refused(key: str, value: object, folder: Path) -> None:
    file = folder / "certificate.json"
    document = json.loads(file.read_text("utf-8"))
    (document["result"] if key == "dtype" else document)[key] = value
    file.write_bytes(sealed(document, SEAL))
    assert f"config.json: says other {'labels' if key == 'labels' else 'types'} than certificate.json" in refusal(
        folder
    )


def test_a_file_that_is_missing_surplus_or_short_is_named(folder: Path) -> None:
    (folder / "vocab.txt").rename(folder / "vocabulary.txt")
    assert "'vocab.txt' is listed in certificate.json but missing" in refusal(folder)
    shutil.copyfile(folder / "vocabulary.txt", folder / "vocab.txt")
    assert "vocabulary.txt: is not listed in certificate.json" in refusal(folder)
    (folder / "vocabulary.txt").unlink()
    (folder / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes()[:-1])
    assert "changed or cut short" in refusal(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "modeling.py", "model.onnx", "x"])
def test_files_that_may_carry_code_are_refused_even_when_listed(name: str, folder: Path) -> None:
    (folder / name).write_bytes(b"")
    forge(folder)
    assert f"{folder / name}: files of this kind may carry code" in refusal(folder)


def test_no_symlink_and_no_folder_within_is_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").rename(tmp_path / "README.md")
    (folder / "README.md").symlink_to(tmp_path / "README.md")
    assert "is not a plain file" in refusal(folder)
    (folder / "README.md").unlink()
    (tmp_path / "README.md").rename(folder / "README.md")
    (folder / "more.json").mkdir()
    assert "is not a plain file" in refusal(folder)
    (tmp_path / "link").symlink_to(folder)
    assert "is a symlink" in refusal(tmp_path / "link")


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_that_a_config_names_is_refused(name: str, folder: Path) -> None:
    config = json.loads((folder / name).read_text("utf-8"))
    (folder / name).write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling.Model"}}), "utf-8")
    forge(folder)
    assert f"{name}: auto_map" in refusal(folder, status=2)


def test_weights_that_are_not_those_of_the_certificate_are_refused_though_every_hash_agrees(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["bert.encoder.layer.0.output.dense.bias"][0] += 1e-3
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    forge(folder)
    assert "in certificate.json" in refusal(folder)


def test_values_that_are_not_finite_are_refused_though_every_hash_agrees(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["classifier.bias"][0] = float("inf")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    forge(folder)
    assert "tensor classifier.bias holds values that are no finite numbers" in refusal(folder)


def test_a_header_that_lies_is_refused_though_every_hash_agrees(folder: Path) -> None:
    file = folder / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[:-8])
    forge(folder)
    assert "is no sound safetensors file" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is no certificate"),
        ("[]", "is no certificate"),
        ("{}", "has format None"),
        ('{"format": 2}', "has format 2, but this lingyu reads format 1"),
        ('{"format": true}', "has format True"),
        ('{"format": 1}', "has no certificate_sha256"),
        (sealed({"format": 1}, SEAL).decode(), "created: Field required"),
        ("[" * 100_000, "is no certificate"),
        ("{}" + " " * (1 << 20), "is no certificate"),
    ],
)
def test_a_certificate_that_is_none_is_one_line(content: str, says: str, folder: Path) -> None:
    (folder / "certificate.json").write_text(content, "utf-8")
    assert says in refusal(folder)


def test_a_folder_without_a_certificate_is_no_merged_model(folder: Path, tmp_path: Path) -> None:
    (folder / "certificate.json").unlink()
    assert "is no merged model" in refusal(folder)
    assert "no such folder" in refusal(tmp_path / "nowhere", status=2)
