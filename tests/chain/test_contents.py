"""Fingerprints go by content: never by a name, a time, or what a corpus was built from."""

import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.chain.contents import (
    base_fingerprint,
    corpus_fingerprint,
    file_fingerprint,
    folder_fingerprint,
    text_fingerprint,
)
from lingyu.data import CorpusRequest, build_corpus
from lingyu.errors import LingyuError

FILES = st.dictionaries(st.sampled_from(["a.txt", "b.txt", "sub/a.txt", "sub/c.txt"]), st.binary(max_size=9))


def write(folder: Path, files: dict[str, bytes]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def build(folder: Path, *lines: str) -> Path:
    source = folder.with_suffix(".txt")
    source.write_text("\n".join(lines), "utf-8")
    build_corpus(CorpusRequest((source,), folder, workers=1, force=True), lambda what, done, total: None)
    return folder


@given(FILES, FILES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_folders_have_one_fingerprint_where_names_and_contents_are_the_same(
    tmp_path: Path, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    prints = [folder_fingerprint(write(tmp_path / name, files)) for name, files in (("one", one), ("other", other))]
    assert (prints[0] == prints[1]) == (one == other)


def test_hidden_files_links_and_what_is_no_file_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "raw", {"a.txt": b"a"})
    before = folder_fingerprint(folder)
    (folder / ".lock").write_bytes(b"x")
    (folder / "link.txt").symlink_to(folder / "a.txt")
    (folder / ".git").mkdir()
    (folder / ".git" / "index").write_bytes(b"x")
    (folder / "linked").symlink_to(write(tmp_path / "elsewhere", {"b.txt": b"b"}))
    monkeypatch.chdir(folder)  # the path of a socket is a short one
    with socket.socket(socket.AF_UNIX) as open_one:
        open_one.bind("socket")
    assert folder_fingerprint(folder) == before


def test_a_folder_has_one_fingerprint_in_whatever_order_its_files_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "raw", {"a.txt": b"a", "b.txt": b"b", "sub/a.txt": b"c"})
    before, listed = folder_fingerprint(folder), list(os.walk(folder))
    for order in (sorted, lambda names: sorted(names, reverse=True)):
        turned = [(place, folders, order(names)) for place, folders, names in order(listed)]
        monkeypatch.setattr(os, "walk", lambda top, turned=turned, **_: iter(turned))
        assert folder_fingerprint(folder) == before


def test_a_base_of_a_hub_is_the_one_of_its_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    def find_base(id: str, revision: str | None = None) -> None:
        asked.append((id, revision))
        raise LingyuError("not there")

    monkeypatch.setattr("lingyu.bases.find_base", find_base)
    assert base_fingerprint("org/base", "v7") is None
    assert asked == [("org/base", "v7")]


def test_a_time_changes_nothing_and_one_byte_does_even_at_the_same_time_and_size(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"one")
    before = file_fingerprint(file)
    os.utime(file, (1, 1))
    assert file_fingerprint(file) == before
    status = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file_fingerprint(file) != before


def test_a_corpus_is_its_paragraphs_not_what_it_was_built_from(tmp_path: Path) -> None:
    one = build(tmp_path / "one", "房间很干净，下次还来", "早餐太差了，不推荐")
    same = build(tmp_path / "same", "房间很干净，下次还来", "早餐太差了，不推荐", "房间很干净，下次还来", "短")
    other = build(tmp_path / "other", "房间很干净，下次还来", "早餐还可以，会推荐")
    assert corpus_fingerprint(one) == corpus_fingerprint(same) != corpus_fingerprint(other)
    assert text_fingerprint(str(one)) == corpus_fingerprint(one)
    next(one.glob("*.parquet")).unlink()
    with pytest.raises(LingyuError, match="a shard of the corpus is missing"):
        corpus_fingerprint(one)


def test_a_source_is_a_file_a_folder_or_a_column_and_what_is_not_here_has_no_fingerprint(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", {"a.csv": b"text\nx\n"})
    file = folder / "a.csv"
    assert text_fingerprint(str(file)) == text_fingerprint(f"{file}:text") == file_fingerprint(file)
    assert text_fingerprint(str(folder)) == folder_fingerprint(folder)
    assert text_fingerprint("org/set:train") is None
    assert text_fingerprint(str(folder / "b.csv")) is None


def test_a_base_is_its_weights_config_and_tokenizer_under_any_name(
    tiny_base: Path, tiny_base_with_pooler: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(tiny_base, tmp_path / "renamed")
    (copy / "README.md").write_text("a card", "utf-8")
    assert base_fingerprint(str(copy)) == base_fingerprint(str(tiny_base))
    assert base_fingerprint(str(tiny_base_with_pooler)) != base_fingerprint(str(tiny_base))
    assert base_fingerprint(str(tiny_base), with_head=True) != base_fingerprint(str(tiny_base))
    (copy / "hashes.safetensors").write_bytes(b"what it has learnt")
    assert base_fingerprint(str(copy)) == base_fingerprint(str(tiny_base))
    assert base_fingerprint(str(copy), with_head=True) != base_fingerprint(str(tiny_base), with_head=True)
    config = json.loads((copy / "config.json").read_text("utf-8"))
    (copy / "config.json").write_text(json.dumps(config | {"num_attention_heads": 1}), "utf-8")
    assert base_fingerprint(str(copy)) != base_fingerprint(str(tiny_base))
    (copy / "vocab.txt").unlink()
    (copy / "tokenizer.json").unlink()
    assert base_fingerprint(str(copy)) is None
    assert base_fingerprint(str(tmp_path / "nowhere")) is None
