import json
import os
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lingyu.errors import LingyuError
from lingyu.store import (
    ADAPTER_CONFIG,
    AUDIT,
    MANIFEST,
    open_adapter,
    open_version,
    read_answers,
    read_hashes,
    read_manifest,
    read_tensors,
    require_base,
    write_tensors,
)
from lingyu.store.manifest import sealed

from .test_tensors import LIES

FILES = (
    "README.md",
    "adapter_config.json",
    "adapter_model.safetensors",
    "answers.safetensors",
    "curves.png",
    "hashes.safetensors",
    "metrics.json",
    "recipe.yaml",
)


def refusal(store):
    """The one line with which hotel is refused."""
    with pytest.raises(LingyuError) as caught:
        store.open("hotel")
    assert "\n" not in str(caught.value)
    assert caught.value.next
    return str(caught.value)


def test_the_files_tried_here_are_all_files_of_a_version(hotel):
    assert sorted(hotel.manifest.files) == list(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_cut_short_is_found(store, hotel, name):
    path = hotel.folder / name
    os.truncate(path, path.stat().st_size - 1)
    assert "cut short" in refusal(store)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_found(store, hotel, name):
    (hotel.folder / name).unlink()
    assert f"'{name}' is listed in lingyu.json but missing" in refusal(store)


def test_a_missing_manifest_is_found(store, hotel):
    (hotel.folder / MANIFEST).unlink()
    assert "holds no lingyu.json" in refusal(store)


def test_a_folder_that_is_none_or_holds_no_version_says_what_next(store, hotel, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, says in (("empty", "holds no lingyu.json. Name the folder of"), ("gone", "lingyu adapters list")):
        with pytest.raises(LingyuError, match=says):
            open_version(tmp_path / folder)


def test_a_folder_that_the_system_can_not_look_at_is_one_line(tmp_path):
    with pytest.raises(LingyuError, match="too long") as caught:
        open_version(tmp_path / ("v" * 300))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"{}", b"{", b"[]", b"[" * 100_000, b'{"stable": 3}', b" " * (2**24 + 1)])
def test_broken_channels_are_one_line_with_a_next_step(store, hotel, content):
    (store.root / "hotel" / "channels.json").write_bytes(content)
    assert refusal(store)


def test_a_surplus_file_is_found(store, hotel):
    (hotel.folder / "notes.md").write_text("mine")
    assert "notes.md: is not listed" in refusal(store)


@pytest.mark.parametrize(
    "name", ["adapter_model.bin", "optimizer.pt", "x.pkl", "x.PY", "adapter_model.safetensors.bak"]
)
def test_a_pickle_or_what_may_be_one_is_refused_unread(store, hotel, name, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    (hotel.folder / name).write_bytes(pickle.dumps(Trap()))
    assert "may carry code" in refusal(store)
    assert not (tmp_path / "sprung").exists()


def test_a_folder_in_a_version_is_refused(store, hotel):
    (hotel.folder / "more.json").mkdir()
    assert "is not a file" in refusal(store)


def test_a_pipe_in_a_version_is_refused_and_not_waited_for(store, hotel):
    (hotel.folder / "recipe.yaml").unlink()
    os.mkfifo(hotel.folder / "recipe.yaml")
    assert "is not a file" in refusal(store)


@pytest.mark.parametrize("name", ["channels.json", "history.jsonl"])
def test_a_pipe_in_place_of_channels_or_history_is_refused_and_not_waited_for(store, hotel, name):
    (store.root / "hotel" / name).unlink()
    os.mkfifo(store.root / "hotel" / name)
    with pytest.raises(LingyuError, match=rf"{name}: is not a file"):
        store.rollback("hotel", "stable", "a test")


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_symlinked_file_is_refused_though_its_content_is_right(store, hotel, name, tmp_path):
    outside = tmp_path / f"outside{name}"
    (hotel.folder / name).rename(outside)
    (hotel.folder / name).symlink_to(outside)
    assert "is a symlink" in refusal(store)


@pytest.mark.parametrize("part", ["hotel", "hotel/v1", "hotel/channels.json"])
def test_a_symlinked_part_of_the_store_is_refused(store, hotel, part, tmp_path):
    outside = tmp_path / "outside"
    (store.root / part).rename(outside)
    (store.root / part).symlink_to(outside)
    assert "is a symlink" in refusal(store)


@pytest.mark.parametrize("link", ["hotel", "hotel/v1"])
def test_no_folder_that_a_person_names_is_read_through_a_symlink(store, hotel, link, tmp_path):
    (store.root / link).rename(tmp_path / "outside")
    (store.root / link).symlink_to(tmp_path / "outside")
    for reference in (hotel.folder, hotel.folder.parent):
        with pytest.raises(LingyuError, match="is a symlink"):
            open_adapter(str(reference), "")
    if link == "hotel/v1":
        with pytest.raises(LingyuError, match="is a symlink"):
            open_version(hotel.folder)


@pytest.mark.parametrize("link", [".locks", ".locks/hotel.lock", "hotel/history.jsonl", "hotel/channels.json"])
def test_a_writer_follows_no_symlink(store, hotel, write_hotel, tmp_path, link):
    store.publish("hotel", write_hotel, why="the second")  # with it there are locks
    outside = tmp_path / "outside"
    (store.root / link).rename(outside)
    (store.root / link).symlink_to(outside)
    before = {path: path.read_bytes() for path in [outside, *outside.rglob("*")] if path.is_file()}
    for change in (
        lambda: store.publish("hotel", write_hotel, why="a test"),
        lambda: store.set_channel("hotel", "stable", "v1", "a test"),
        lambda: store.rollback("hotel", "stable", "a test"),
        lambda: store.remove("hotel", "v1", "a test"),
    ):
        with pytest.raises(LingyuError, match="is a symlink"):
            change()
    assert {path: path.read_bytes() for path in [outside, *outside.rglob("*")] if path.is_file()} == before
    assert store.versions("hotel") == ("v1", "v2")


def test_removing_a_version_deletes_nothing_that_a_link_in_it_points_to(store, hotel, write_hotel, tmp_path):
    store.publish("hotel", write_hotel, why="the second")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.md").write_text("years of work")
    (hotel.folder / "folder").symlink_to(tmp_path / "mine")
    (hotel.folder / "file.md").symlink_to(tmp_path / "mine" / "thesis.md")
    store.remove("hotel", "v1", "space")
    assert store.versions("hotel") == ("v2",)
    assert (tmp_path / "mine" / "thesis.md").read_text() == "years of work"


def test_a_version_that_is_a_symlink_is_not_removed_through_it(store, hotel, write_hotel, tmp_path):
    store.publish("hotel", write_hotel, why="the second")
    hotel.folder.rename(tmp_path / "outside")
    hotel.folder.symlink_to(tmp_path / "outside")
    with pytest.raises(LingyuError, match="is a symlink"):
        store.remove("hotel", "v1", "space")
    assert (tmp_path / "outside" / MANIFEST).is_file()


def test_what_a_killed_writer_or_somebody_else_left_hidden_is_cleared_without_following_it(
    store, hotel, write_hotel, tmp_path
):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.md").write_text("years of work")
    (store.root / "hotel" / ".writing-link").symlink_to(tmp_path / "mine")
    store.publish("hotel", write_hotel, why="a test")
    assert not list((store.root / "hotel").glob(".*"))
    assert (tmp_path / "mine" / "thesis.md").exists()


def test_a_symlinked_adapter_is_not_listed(store, hotel):
    (store.root / "twin").symlink_to(store.root / "hotel")
    assert store.adapters() == ("hotel",)


def test_a_symlinked_adapter_is_not_written_through(store, hotel, write_hotel, tmp_path):
    (store.root / "hotel").rename(tmp_path / "outside")
    (store.root / "hotel").symlink_to(tmp_path / "outside")
    with pytest.raises(LingyuError, match="is a symlink"):
        store.publish("hotel", write_hotel, why="a test")
    assert sorted(path.name for path in (tmp_path / "outside").glob("v*")) == ["v1"]


def test_a_store_that_is_itself_reached_by_a_symlink_is_fine(store, hotel, tmp_path):
    (tmp_path / "link").symlink_to(store.root)
    assert type(store)(tmp_path / "link").open("hotel").reference == "hotel@v1"


CODE = [
    {"auto_map": {"AutoModel": "evil.Model"}},
    {"nested": [{"auto_map": "evil.Model"}]},
    {"trust_remote_code": True},
    {"megatron_config": {"a": 1}, "megatron_core": "os"},
]


@pytest.mark.parametrize("name", [ADAPTER_CONFIG, "config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("config", CODE)
def test_a_config_that_names_code_is_refused_at_publishing_and_at_reading(
    store, hotel, write_hotel, forge, config, name
):
    def write_with_code(folder, version):
        facts = write_hotel(folder, version)
        (folder / name).write_text(json.dumps(config))
        return facts

    with pytest.raises(LingyuError, match="never run"):
        store.publish("hotel", write_with_code, why="a test")
    (hotel.folder / name).write_text(json.dumps(config))
    forge(hotel.folder)
    assert "never run" in refusal(store)


def test_a_label_may_be_called_as_a_key_that_names_code(store, hotel, forge):
    (hotel.folder / "metrics.json").write_text(json.dumps({"test": {"per_class": {"auto_map": {"f1": 1.0}}}}))
    (hotel.folder / AUDIT).write_text(json.dumps({"parts": [{"labels": {"auto_map": 7}}]}))
    forge(hotel.folder, labels=["auto_map", "b"])
    assert store.open("hotel").manifest.labels == ("auto_map", "b")


# What a forger who knows the format, and writes hashes and seal anew, still can't have read


class Trap:
    """Pickled, it makes the folder `sprung` where it is read."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / "sprung"),)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_a_pickle_under_a_known_name_is_refused_unread(store, hotel, forge, tmp_path, name, protocol):
    (hotel.folder / name).write_bytes(pickle.dumps(Trap(tmp_path), protocol))
    if name != MANIFEST:
        forge(hotel.folder)
    assert f"{hotel.folder / name}: " in refusal(store)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["README.md", "recipe.yaml"])
def test_a_text_with_a_nul_byte_is_refused_though_its_hash_is_right(store, hotel, forge, name):
    (hotel.folder / name).write_bytes(b"# hotel\0")
    forge(hotel.folder)
    assert f"{name}: is no text: it holds NUL bytes" in refusal(store)


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "adapter_model.pt", "x.pkl", "x.pth", "x.ckpt", "x.npz", "x.zip"]
)
def test_a_listed_file_of_another_kind_is_refused(store, hotel, forge, name):
    (hotel.folder / name).write_bytes(b"x")
    forge(hotel.folder)
    assert "may carry code" in refusal(store)


@pytest.mark.parametrize(
    "name",
    ["../hotel.json", "/etc/passwd", "..\\hotel.json", "a/b.json", "%2e%2e%2fhotel.json", "", ".", "..", "x\0.json"],
)
def test_a_manifest_that_lists_a_file_elsewhere_has_it_not_opened(store, hotel, name, monkeypatch):
    """Not even where it is there: what is read is what stands in the folder, and that is compared with the list."""
    document = json.loads((hotel.folder / MANIFEST).read_text(encoding="utf-8"))
    document["files"][name] = {"sha256": "0" * 64, "size": 1}
    (hotel.folder / MANIFEST).write_bytes(sealed(document))
    (store.root / "hotel.json").write_text("{}")
    opened = []
    really = os.open
    monkeypatch.setattr(os, "open", lambda path, *more, **keys: opened.append(str(path)) or really(path, *more, **keys))
    assert "is listed in lingyu.json but missing" in refusal(store)
    assert {os.path.dirname(path) for path in opened} <= {str(hotel.folder), str(hotel.folder.parent)}


def read_everything(store):
    folder = store.open("hotel").folder
    read_tensors(folder / "adapter_model.safetensors")
    read_hashes(folder / "hashes.safetensors")
    read_answers(folder / "answers.safetensors")


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_safetensors_file_is_refused_though_its_hash_is_right(store, hotel, forge, lie):
    """By whoever reads the tensors; where the header lies about where they lie, by opening the version."""
    for name in ("adapter_model.safetensors", "hashes.safetensors", "answers.safetensors"):
        (hotel.folder / name).write_bytes(LIES[lie])
    forge(hotel.folder)
    with pytest.raises(LingyuError) as caught:
        read_everything(store)
    assert "\n" not in str(caught.value)
    assert ".safetensors" in str(caught.value)


@pytest.mark.parametrize(
    ("read", "name", "tensors"),
    [
        (read_hashes, "hashes", {"train": [1], "dev": [1]}),
        (read_hashes, "hashes", {"train": [1], "dev": [1], "test": [1], "more": [1]}),
        (read_hashes, "hashes", {"train": [1], "dev": [1], "test": [1.0]}),
        (read_answers, "answers", {"logits": [[1.0]]}),
        (read_answers, "answers", {"logits": np.ones((1, 2), np.float32), "labels": [0], "more": [1]}),
        (read_answers, "answers", {"logits": np.full((1, 2), np.nan, np.float32), "labels": [0]}),
        (read_answers, "answers", {"logits": np.ones((1, 2), np.float64), "labels": [0]}),
    ],
)
def test_missing_surplus_mistyped_and_not_finite_tensors_are_refused(hotel, forge, read, name, tensors):
    path = hotel.folder / f"{name}.safetensors"
    write_tensors(path, {key: np.asarray(value) for key, value in tensors.items()})
    forge(hotel.folder)
    with pytest.raises(LingyuError, match=r"holds|has"):
        read(path)


def test_what_a_manifest_or_recipe_names_as_its_source_is_never_opened(store, hotel, forge, tmp_path):
    """A pipe that nobody writes to: whoever opened it would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (hotel.folder / "recipe.yaml").write_text(f"extends: {pipe}\nbase: {pipe}\ndata: {{train: {pipe}}}\n")
    base = {"id": str(pipe), "weights_fingerprint": "0" * 64, "tokenizer_fingerprint": "0" * 64}
    lineage = [{"id": str(pipe), "weights_fingerprint": "0" * 64}]
    forge(hotel.folder, base=base, lineage=lineage)
    assert store.open("hotel").manifest.base.id == str(pipe)
    assert store.manifest("hotel", "v1").lineage[0].id == str(pipe)


# Any bit of any file


BITS = st.integers(0, 10**9)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([*FILES, MANIFEST]), place=BITS)
def test_any_flipped_bit_of_any_file_is_found(store, hotel, name, place):
    path = hotel.folder / name
    whole = path.read_bytes()
    flipped = bytearray(whole)
    byte, bit = divmod(place % (8 * len(whole)), 8)
    flipped[byte] ^= 1 << bit
    path.write_bytes(flipped)
    try:
        assert f"{path}: " in refusal(store)
    finally:
        path.write_bytes(whole)


def test_every_bit_of_the_manifest_is_guarded(hotel):
    path = hotel.folder / MANIFEST
    whole = path.read_bytes()
    for byte in range(0, len(whole), 3):
        flipped = bytearray(whole)
        flipped[byte] ^= 1 << byte % 8
        path.write_bytes(flipped)
        with pytest.raises(LingyuError):
            read_manifest(path)


def test_the_whole_version_may_move_to_another_machine(store, hotel, tmp_path):
    shutil.copytree(store.root, tmp_path / "copy" / "adapters")
    assert type(store)(tmp_path / "copy" / "adapters").open("hotel").manifest == hotel.manifest


def test_its_own_base_is_accepted(hotel):
    base = hotel.manifest.base
    same = {"weights_fingerprint": base.weights_fingerprint, "tokenizer_fingerprint": base.tokenizer_fingerprint}
    require_base(hotel, "bases/renamed", **same)
    with pytest.raises(LingyuError):
        require_base(hotel, "bases/renamed", **{**same, "weights_fingerprint": "0" * 64})


def test_another_base_is_refused_and_both_named(hotel):
    with pytest.raises(LingyuError) as caught:
        require_base(
            hotel,
            "bert-base-chinese",
            weights_fingerprint="41ab07" + "0" * 58,
            tokenizer_fingerprint=hotel.manifest.base.tokenizer_fingerprint,
        )
    message = str(caught.value)
    assert "was trained on embedded (weights 9f2c41000000), not on bert-base-chinese (weights 41ab07000000)" in message
    assert str(hotel.folder) in message


def test_another_tokenizer_is_refused_and_both_named(hotel):
    with pytest.raises(LingyuError) as caught:
        require_base(
            hotel,
            "./bases/hotel",
            weights_fingerprint=hotel.manifest.base.weights_fingerprint,
            tokenizer_fingerprint="41ab07" + "0" * 58,
        )
    assert "the tokenizer of embedded (77aa01000000), not with that of ./bases/hotel (41ab07000000)" in str(
        caught.value
    )
