"""A version that comes from another store: as it is, verified, or not at all."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from lingyu.errors import LingyuError
from lingyu.store import MANIFEST, Store, open_adapter, open_version, require_own_name


@pytest.fixture
def elsewhere(tmp_path: Path) -> Store:
    return Store(tmp_path / "elsewhere" / "adapters")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def another_hotel(store: Store, write_hotel):
    def write(folder, version):
        facts = write_hotel(folder, version)
        (folder / "recipe.yaml").write_text("name: another\n")
        return facts

    return store.publish("hotel", write, why="a test")


def test_a_version_arrives_as_it_is_under_its_own_number(store, hotel, write_hotel, elsewhere):
    second = store.publish("hotel", write_hotel, why="a test")
    arrival = elsewhere.receive(second, why="a test")
    assert (arrival.is_new, arrival.version.reference) == (True, "hotel@v2")
    assert arrival.version == elsewhere.open("hotel@v2")
    assert contents(arrival.version.folder) == contents(second.folder)
    assert elsewhere.versions("hotel") == ("v2",)
    assert elsewhere.channels("hotel") == {}
    assert elsewhere.publish("hotel", write_hotel, why="a test").version == "v3"


def test_a_channel_is_set_on_arrival_with_a_line_in_the_history(hotel, elsewhere):
    elsewhere.receive(hotel, channel="canary", why="to be tried: 试试")
    assert elsewhere.channels("hotel") == {"canary": "v1"}
    assert [(line.channel, line.version, line.why) for line in elsewhere.history("hotel")] == [
        ("canary", "v1", "to be tried: 试试")
    ]


def test_the_very_same_version_arrives_once_and_may_be_given_a_channel_later(hotel, elsewhere):
    first = elsewhere.receive(hotel, why="a test")
    before = first.version.folder.stat()
    again = elsewhere.receive(hotel, channel="stable", why="now it may answer")
    assert (again.is_new, again.version) == (False, first.version)
    assert first.version.folder.stat().st_ino == before.st_ino
    assert elsewhere.channels("hotel") == {"stable": "v1"}


def test_another_version_of_the_same_number_is_refused_with_both_sides(hotel, elsewhere, write_hotel):
    present = another_hotel(elsewhere, write_hotel)
    before = contents(present.folder)
    with pytest.raises(LingyuError, match=r"hotel@v1 .* already with other content: recipe.yaml is") as raised:
        elsewhere.receive(hotel, channel="canary", why="a test")
    ours, theirs = present.manifest.files["recipe.yaml"], hotel.manifest.files["recipe.yaml"]
    assert ours.sha256[:12] in str(raised.value)
    assert theirs.sha256[:12] in str(raised.value)
    assert contents(present.folder) == before
    assert elsewhere.channels("hotel") == {"stable": "v1"}
    assert not list(elsewhere.root.glob("hotel/.*"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "more.md").write_text("#"), "more.md is [0-9a-f]{12} there and missing in what"),
        (lambda folder: (folder / "curves.png").unlink(), "curves.png is missing there and [0-9a-f]{12} in what"),
    ],
)
def test_a_file_that_only_one_of_two_versions_has_is_named(hotel, elsewhere, write_hotel, change, says):
    def write(folder, version):
        facts = write_hotel(folder, version)
        change(folder)
        return facts

    elsewhere.publish("hotel", write, why="a test")
    with pytest.raises(LingyuError, match=says):
        elsewhere.receive(hotel, why="a test")


def test_of_two_versions_that_differ_in_many_files_the_weights_are_named(hotel, elsewhere, write_hotel):
    def write(folder, version):
        facts = write_hotel(folder, "another")
        (folder / "adapter_model.safetensors").unlink()
        return facts

    elsewhere.publish("hotel", write, why="a test")
    with pytest.raises(LingyuError, match=r"other content: adapter_model\.safetensors is missing"):
        elsewhere.receive(hotel, why="a test")


def test_a_number_that_another_version_had_before_it_was_removed_stays_taken(hotel, elsewhere, write_hotel):
    another_hotel(elsewhere, write_hotel)
    second = another_hotel(elsewhere, write_hotel)
    elsewhere.remove("hotel", "v1", why="a test")
    with pytest.raises(LingyuError, match="a number means one version"):
        elsewhere.receive(hotel, why="a test")
    assert elsewhere.versions("hotel") == (second.version,)


def test_a_version_that_was_removed_comes_back_from_a_copy(hotel, store, elsewhere, write_hotel):
    elsewhere.receive(hotel, why="a test")
    store.publish("hotel", write_hotel, why="the second")
    store.remove("hotel", "v1", why="a test")
    assert store.receive(elsewhere.open("hotel@v1"), why="it was missed").is_new
    assert store.open("hotel@v1").manifest == hotel.manifest


@pytest.mark.parametrize("name", ["README.md", "answers.safetensors", "adapter_config.json"])
def test_what_changes_between_verification_and_copy_is_noticed(hotel, elsewhere, name):
    with (hotel.folder / name).open("r+b") as file:
        file.seek(3)
        file.write(b"#")
    with pytest.raises(LingyuError, match="changed while it was copied"):
        elsewhere.receive(hotel, channel="stable", why="a test")
    assert elsewhere.adapters() == ()
    assert sorted(path.name for path in elsewhere.root.iterdir()) == [".locks"]


def test_a_file_that_became_a_symlink_or_a_pipe_is_not_followed(hotel, elsewhere, tmp_path):
    card = hotel.folder / "README.md"
    card.rename(tmp_path / "README.md")
    card.symlink_to(tmp_path / "README.md")
    with pytest.raises(LingyuError):
        elsewhere.receive(hotel, why="a test")
    card.unlink()
    os.mkfifo(card)
    with pytest.raises(LingyuError, match="is not a file"):
        elsewhere.receive(hotel, why="a test")
    assert elsewhere.adapters() == ()


def test_a_pickle_or_a_surplus_file_keeps_a_version_out(hotel):
    for name in ("adapter_model.bin", "more.json"):
        (hotel.folder / name).write_bytes(b"\x80\x02.")
        with pytest.raises(LingyuError, match=name):
            open_adapter(str(hotel.folder), "")
        (hotel.folder / name).unlink()


def test_a_folder_that_was_renamed_does_not_arrive_as_what_it_is_called(hotel):
    require_own_name(hotel)
    renamed = hotel.folder.rename(hotel.folder.with_name("v7"))
    with pytest.raises(LingyuError, match=r"says hotel@v1: the folder was renamed"):
        require_own_name(open_version(renamed))
    taken_out = Path(shutil.copytree(renamed, hotel.folder.parents[2] / "hotel-for-you"))
    require_own_name(open_version(taken_out))


@pytest.mark.parametrize("channels", [True, False])
def test_the_folder_of_an_adapter_or_a_version_is_no_store(store, hotel, elsewhere, channels):
    if not channels:  # as where no channel was ever set
        (hotel.folder.parent / "channels.json").unlink()
    for folder in (hotel.folder.parent, hotel.folder):
        with pytest.raises(LingyuError, match=re.escape(f"not a store. Did you mean {store.root}?")):
            Store(folder).receive(hotel, why="a test")


def test_the_folder_of_an_adapter_whose_versions_are_gone_is_no_store(store, hotel, elsewhere):
    copy = elsewhere.receive(hotel, why="kept").version
    shutil.rmtree(hotel.folder)
    with pytest.raises(LingyuError, match=re.escape(f"not a store. Did you mean {store.root}?")):
        Store(hotel.folder.parent).receive(copy, why="a test")


def test_a_damaged_manifest_of_what_may_be_another_version_is_said_and_left(hotel, elsewhere):
    present = elsewhere.receive(hotel, why="a test").version
    (present.folder / MANIFEST).write_text(json.dumps({"format": 1}))
    (present.folder / "README.md").write_text("# another\n")
    with pytest.raises(LingyuError, match=r"lingyu\.json"):
        elsewhere.receive(hotel, why="a test")
    assert (present.folder / MANIFEST).read_text() == '{"format": 1}'


def test_a_channel_that_can_not_be_one_stops_before_anything_is_copied(hotel, elsewhere):
    with pytest.raises(LingyuError, match="reads as a version"):
        elsewhere.receive(hotel, channel="v3", why="a test")
    assert not elsewhere.root.exists()


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "README.md", MANIFEST])
def test_a_damaged_version_is_restored_by_its_copy(name, store, hotel, elsewhere):
    elsewhere.receive(hotel, why="kept")
    file = hotel.folder / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(LingyuError):
        store.open("hotel@v1")
    before = store.channels("hotel")
    arrival = store.receive(elsewhere.open("hotel@v1"), why="restored")
    assert arrival.is_new
    assert store.open("hotel@v1").manifest == hotel.manifest
    assert store.channels("hotel") == before


@pytest.mark.parametrize("name", ["adapter_model.safetensors", MANIFEST])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_version_that_lost_a_file_is_restored_by_its_copy(name, is_link, store, hotel, elsewhere, tmp_path):
    elsewhere.receive(hotel, why="kept")
    (hotel.folder / name).rename(tmp_path / name)
    if is_link:
        (hotel.folder / name).symlink_to(tmp_path / name)
    assert store.receive(elsewhere.open("hotel@v1"), why="restored").is_new
    assert store.open("hotel@v1").manifest == hotel.manifest


@pytest.mark.parametrize("is_link", [False, True])
def test_what_lost_its_manifest_and_a_file_may_be_anything_and_is_left(is_link, store, hotel, elsewhere, tmp_path):
    elsewhere.receive(hotel, why="kept")
    (hotel.folder / MANIFEST).unlink()
    (hotel.folder / "README.md").rename(tmp_path / "README.md")
    if is_link:
        (hotel.folder / "README.md").symlink_to(tmp_path / "README.md")
    with pytest.raises(LingyuError, match="README.md: is a symlink" if is_link else r"holds no lingyu\.json"):
        store.receive(elsewhere.open("hotel@v1"), why="copied")
    assert (hotel.folder / "recipe.yaml").exists()


def test_a_version_without_files_replaces_no_damaged_one(store, hotel, elsewhere, write_hotel, tmp_path):
    """All of its files, which are none, are there."""

    def write_nothing(folder, version):
        return write_hotel(tmp_path, version)

    empty = elsewhere.publish("hotel", write_nothing, why="a test")
    (hotel.folder / MANIFEST).write_text("{}")
    before = contents(hotel.folder)
    with pytest.raises(LingyuError, match=r"lingyu\.json"):
        store.receive(empty, why="copied")
    assert contents(hotel.folder) == before


def test_a_damaged_version_is_not_replaced_by_another(store, hotel, elsewhere, write_hotel):
    another_hotel(elsewhere, write_hotel)
    file = hotel.folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    before = contents(hotel.folder)
    with pytest.raises(LingyuError, match="adapter_model"):
        store.receive(elsewhere.open("hotel@v1"), why="copied")
    assert contents(hotel.folder) == before


def test_a_number_that_leaves_none_for_those_to_come_is_not_taken_in(hotel, elsewhere, tmp_path):
    folder = tmp_path / "made up" / "hotel" / "v999999999"
    shutil.copytree(hotel.folder, folder)
    (folder / MANIFEST).write_bytes(hotel.manifest.model_copy(update={"version": folder.name}).as_bytes())
    with pytest.raises(LingyuError, match="hotel@v999999999 would leave its name few numbers"):
        elsewhere.receive(open_version(folder), why="a test")
    assert elsewhere.versions("hotel") == ()
