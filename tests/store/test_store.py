import json
import os
import shutil

import pytest

from lingyu.errors import LingyuError
from lingyu.store import MANIFEST, Store, open_adapter, read_tensors


def test_what_is_published_is_what_is_opened(published):
    store = Store(published.folder.parents[1])
    opened = store.open("hotel")
    assert opened == published
    assert opened.reference == "hotel@v1"
    assert store.adapters() == ("hotel",)
    assert set(opened.manifest.files) == {path.name for path in opened.folder.iterdir()} - {MANIFEST}
    assert read_tensors(opened.folder / "adapter_model.safetensors")["lora_A"].shape == (64, 512)


def test_a_published_version_can_be_read_by_others_as_the_umask_says(published):
    mask = os.umask(0)
    os.umask(mask)
    assert published.folder.stat().st_mode & 0o777 == 0o777 & ~mask


def test_nothing_but_versions_and_channels_is_left_in_the_adapters_folder(published):
    assert sorted(path.name for path in published.folder.parent.iterdir()) == ["channels.json", "history.jsonl", "v1"]


def test_the_tenth_version_comes_after_the_ninth(store, write_hotel):
    for _ in range(10):
        store.publish("hotel", write_hotel, channel=None, why="a test")
    assert store.versions("hotel") == tuple(f"v{number}" for number in range(1, 11))
    assert store.channels("hotel") == {}


def test_a_version_that_was_deleted_by_hand_does_not_lend_its_number_while_a_later_one_stands(
    store, hotel, write_hotel
):
    store.publish("hotel", write_hotel, why="the second")
    shutil.rmtree(store.root / "hotel" / "v1")
    assert store.publish("hotel", write_hotel, why="the third").version == "v3"


def test_a_number_that_was_taken_without_the_lock_is_passed_over(store, hotel, write_hotel):
    asked = []

    def write_slowly(folder, version):
        asked.append(version)
        if version == "v2":
            shutil.copytree(hotel.folder, store.root / "hotel" / "v2")
        return write_hotel(folder, version)

    third = store.publish("hotel", write_slowly, why="a test")
    assert asked == ["v2", "v3"]
    assert store.open("hotel") == third
    assert third.manifest.version == "v3"
    assert (third.folder / "README.md").read_text() == "# hotel v3\n"


def test_channels_follow_and_every_change_is_a_line_of_history(store, hotel, write_hotel):
    store.publish("hotel", write_hotel, channel="canary", why="to be tried")
    assert store.channels("hotel") == {"stable": "v1", "canary": "v2"}
    store.set_channel("hotel", "stable", "v2", "the canary lived: 你好\nsecond line")
    assert store.open("hotel").version == "v2"
    assert store.open("hotel@stable").version == "v2"
    changes = [(change.channel, change.previous, change.version, change.why) for change in store.history("hotel")]
    assert changes == [
        ("stable", None, "v1", "the first"),
        ("canary", None, "v2", "to be tried"),
        ("stable", "v1", "v2", "the canary lived: 你好\nsecond line"),
    ]
    lines = (store.root / "hotel" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [sorted(("when", "who", "channel", "from", "to", "why"))] * 3


def test_a_channel_set_to_where_it_stands_is_no_change(store, hotel):
    store.set_channel("hotel", "stable", "v1", "again")
    assert len(store.history("hotel")) == 1


@pytest.mark.parametrize(
    ("channel", "version"), [("v2", "v1"), ("../x", "v1"), ("stable", "v9"), ("stable", "canary"), ("stable", "../v1")]
)
def test_a_channel_that_can_not_be_set_changes_nothing(store, hotel, channel, version):
    before = {path.name: path.read_bytes() for path in (store.root / "hotel").glob("*.json*")}
    with pytest.raises(LingyuError):
        store.set_channel("hotel", channel, version, "a test")
    assert {path.name: path.read_bytes() for path in (store.root / "hotel").glob("*.json*")} == before


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("hotle", "no adapter named `hotle`. Did you mean `hotel`?"),
        ("zzz", "There are: hotel"),
        ("hotel@stabel", "no channel `stabel`. Did you mean `hotel@stable`?"),
        ("hotel@v7", "no version v7"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(store, hotel, reference, says):
    with pytest.raises(LingyuError) as caught:
        store.open(reference)
    assert says in str(caught.value)


def test_a_store_that_is_not_there_is_told(tmp_path):
    with pytest.raises(LingyuError, match="no such store"):
        Store(tmp_path / "nowhere").open("hotel")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"stable": "v1"}', '{"stable": {"version": "../v1"}}', '{"stable": {}}']
)
def test_damaged_channels_are_one_line(store, hotel, content):
    (store.root / "hotel" / "channels.json").write_text(content)
    with pytest.raises(LingyuError, match=r"channels\.json") as caught:
        store.open("hotel")
    assert "\n" not in str(caught.value)
    assert store.open("hotel@v1") == hotel


def test_a_channel_of_a_deleted_version_is_told(store, hotel, write_hotel):
    store.publish("hotel", write_hotel, channel=None, why="a test")
    shutil.rmtree(hotel.folder)
    with pytest.raises(LingyuError, match=r"no version v1\. There are: v2"):
        store.open("hotel")


def test_a_renamed_version_is_refused(store, hotel):
    hotel.folder.rename(hotel.folder.with_name("v2"))
    with pytest.raises(LingyuError, match="says hotel@v1"):
        store.open("hotel@v2")


def test_another_adapters_version_under_this_name_is_refused(store, hotel):
    shutil.copytree(store.root / "hotel", store.root / "ecommerce")
    with pytest.raises(LingyuError, match="says hotel@v1"):
        store.open("ecommerce")


@pytest.mark.parametrize(
    "reference", ["hotel", "adapters/hotel", "adapters/hotel/", "adapters/hotel@v1", "adapters/hotel/v1"]
)
def test_a_person_names_an_adapter_by_name_or_folder(store, hotel, reference, monkeypatch):
    monkeypatch.chdir(store.root.parent)
    opened = open_adapter(reference, "adapters")
    assert opened.reference == "hotel@v1"
    assert opened.folder.resolve() == hotel.folder.resolve()


def test_a_version_that_was_carried_elsewhere_is_opened_by_its_folder(hotel, tmp_path):
    elsewhere = tmp_path / "downloads" / "from a mail"
    shutil.copytree(hotel.folder, elsewhere)
    assert open_adapter(str(elsewhere), "adapters").reference == "hotel@v1"


@pytest.mark.parametrize("reference", ["nowhere/hotel", "nowhere/hotel/v1", "./hotel"])
def test_a_folder_that_is_not_there_is_told(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LingyuError):
        open_adapter(reference, "adapters")


def test_a_writer_that_fails_leaves_nothing(store, write_hotel):
    def fail(folder, version):
        write_hotel(folder, version)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.publish("hotel", fail, why="a test")
    assert not (store.root / "hotel").exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "rng_state.pth", "model.py", "noname"])
def test_a_writer_can_not_put_a_file_that_may_carry_code_into_a_version(store, write_hotel, name):
    def write_more(folder, version):
        (folder / name).write_bytes(b"x")
        return write_hotel(folder, version)

    with pytest.raises(LingyuError, match="have no place in a store"):
        store.publish("hotel", write_more, why="a test")
    assert not (store.root / "hotel").exists()
