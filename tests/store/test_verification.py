import json
import os
import pickle
import shutil

import pytest

from lingyu.errors import LingyuError
from lingyu.store import ADAPTER_CONFIG, MANIFEST, open_version, require_base

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
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_one_flipped_bit_in_any_file_is_found(store, hotel, name, place):
    path = hotel.folder / name
    data = bytearray(path.read_bytes())
    data[round(place * (len(data) - 1))] ^= 1
    path.write_bytes(data)
    assert f"{path}: has SHA-256" in refusal(store)


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


@pytest.mark.parametrize(
    "config",
    [
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"nested": [{"auto_map": "evil.Model"}]},
        {"trust_remote_code": True},
        {"megatron_config": {"a": 1}, "megatron_core": "os"},
    ],
)
def test_a_config_that_names_code_is_refused(store, write_hotel, config):
    def write_with_code(folder, version):
        facts = write_hotel(folder, version)
        (folder / ADAPTER_CONFIG).write_text(json.dumps(config))
        return facts

    store.publish("hotel", write_with_code, why="a test")
    assert "never run" in refusal(store)


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
