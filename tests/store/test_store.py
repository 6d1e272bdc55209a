import json
import os
import re
import shutil

import pytest

import lingyu.store.store as store_module
from lingyu.errors import LingyuError
from lingyu.store import MANIFEST, Removal, Store, channels, open_adapter, read_tensors


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


@pytest.mark.parametrize("deleted", ["v1", "v2"])
def test_a_version_that_was_deleted_by_hand_does_not_lend_its_number(store, hotel, write_hotel, deleted):
    store.publish("hotel", write_hotel, why="the second")
    shutil.rmtree(store.root / "hotel" / deleted)
    assert store.publish("hotel", write_hotel, why="the third").version == "v3"


def test_a_listing_that_missed_the_version_is_not_believed(store, hotel, monkeypatch):
    """Where one version goes and the next one comes, readdir may give neither."""
    real, listings = store_module._entries, []

    def entries(folder):
        listings.append(folder)
        return [] if len(listings) == 1 else real(folder)

    monkeypatch.setattr(store_module, "_entries", entries)
    assert store.versions("hotel") == ("v1",)
    listings.clear()
    assert store.adapters() == ("hotel",)
    listings.clear()
    assert store.open("hotel").version == "v1"


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


@pytest.mark.parametrize("channel", ["", "v3", "../x"])
def test_a_channel_that_can_not_be_one_stops_a_version_before_it_is_written(store, write_hotel, channel):
    with pytest.raises(LingyuError, match="can't name a channel"):
        store.publish("hotel", write_hotel, channel=channel, why="a test")
    assert not store.root.exists()


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
    assert store.set_channel("hotel", "stable", "v1", "again") is None
    assert len(store.history("hotel")) == 1


@pytest.mark.parametrize(
    ("channel", "version"), [("v2", "v1"), ("../x", "v1"), ("stable", "v9"), ("stable", "canary"), ("stable", "../v1")]
)
def test_a_channel_that_can_not_be_set_changes_nothing(store, hotel, channel, version):
    before = {path.name: path.read_bytes() for path in (store.root / "hotel").glob("*.json*")}
    with pytest.raises(LingyuError):
        store.set_channel("hotel", channel, version, "a test")
    assert {path.name: path.read_bytes() for path in (store.root / "hotel").glob("*.json*")} == before


def test_a_damaged_version_is_promoted_to_nothing(store, hotel, write_hotel):
    second = store.publish("hotel", write_hotel, channel=None, why="the second")
    (second.folder / "README.md").write_text("mine")
    with pytest.raises(LingyuError, match="the file was changed"):
        store.set_channel("hotel", "stable", "v2", "a test")
    assert store.channels("hotel") == {"stable": "v1"}


@pytest.mark.parametrize("why", ["", " \n", "x" * 1001])
def test_a_change_needs_a_reason_of_a_fitting_length(store, hotel, write_hotel, why):
    second = store.publish("hotel", write_hotel, channel=None, why="the second")
    store.set_channel("hotel", "stable", "v2", "a test")
    for change in (
        lambda: store.publish("hotel", write_hotel, why=why),
        lambda: store.publish("hotel", write_hotel, why=why),
        lambda: store.set_channel("hotel", "canary", "v2", why),
        lambda: store.receive(second, channel="canary", why=why),
        lambda: store.rollback("hotel", "stable", why),
        lambda: store.remove("hotel", "v1", why),
        lambda: store.remove_channel("hotel", "stable", why),
    ):
        with pytest.raises(LingyuError, match="reason"):
            change()
    assert store.channels("hotel") == {"stable": "v2"}
    assert store.versions("hotel") == ("v1", "v2")
    assert len(store.history("hotel")) == 2


def test_a_reason_that_is_no_text_is_kept_as_far_as_it_is(store, hotel):
    store.set_channel("hotel", "canary", "v1", "schlie\udcdfen")
    assert store.history("hotel")[-1].why == "schlie?en"


# Rolling back


@pytest.fixture
def three(store, hotel, write_hotel):
    """hotel with v1, v2 and v3, each of them stable once."""
    store.publish("hotel", write_hotel, why="the second")
    store.publish("hotel", write_hotel, why="the third")
    return store


def test_a_rollback_leads_to_what_the_channel_named_before_and_says_why(three):
    change = three.rollback("hotel", "stable", "complaints")
    assert (change.previous, change.version, change.why, change.rollback) == ("v3", "v2", "complaints", True)
    assert three.history("hotel")[-1] == change
    assert three.open("hotel").version == "v2"


def test_a_second_rollback_goes_back_one_further_and_never_to_what_the_first_one_left(three):
    assert three.rollback("hotel", "stable", "complaints").version == "v2"
    assert three.rollback("hotel", "stable", "more of them").version == "v1"
    with pytest.raises(LingyuError, match=r"`stable` named nothing before v1\. Promote one of v2, v3 to it"):
        three.rollback("hotel", "stable", "and more")


def test_a_promotion_by_mistake_is_taken_back_even_where_it_led_to_an_older_version(three):
    three.set_channel("hotel", "stable", "v1", "a slip")
    assert three.rollback("hotel", "stable", "I meant canary").version == "v3"
    assert three.rollback("hotel", "stable", "complaints").version == "v2"


def test_after_a_rollback_a_promotion_starts_a_new_way_back(three, write_hotel):
    three.rollback("hotel", "stable", "complaints")
    three.publish("hotel", write_hotel, why="mended")
    assert [three.rollback("hotel", "stable", "no").version for _ in range(2)] == ["v2", "v1"]


def test_each_channel_has_its_own_way_back(three):
    three.set_channel("hotel", "canary", "v1", "a test")
    three.set_channel("hotel", "canary", "v3", "a test")
    assert three.rollback("hotel", "canary", "no").version == "v1"
    assert three.channels("hotel") == {"canary": "v1", "stable": "v3"}


def test_a_rollback_to_a_version_that_was_removed_is_refused_with_what_there_is(three):
    three.remove("hotel", "v2", "space")
    with pytest.raises(LingyuError, match=r"named v2 before v3, which is not there any more\. Promote one of v1 to it"):
        three.rollback("hotel", "stable", "complaints")
    assert three.open("hotel").version == "v3"


def test_a_rollback_to_a_damaged_version_is_refused(three):
    (three.root / "hotel" / "v2" / "README.md").write_text("mine")
    with pytest.raises(LingyuError, match="the file was changed"):
        three.rollback("hotel", "stable", "complaints")
    assert three.open("hotel").version == "v3"


def test_a_channel_whose_version_was_deleted_by_hand_still_has_a_way_back(three):
    shutil.rmtree(three.root / "hotel" / "v3")
    assert three.rollback("hotel", "stable", "it is gone").version == "v2"
    shutil.rmtree(three.root / "hotel" / "v2")
    assert three.remove_channel("hotel", "stable", "so is this").previous == "v2"


def test_a_history_of_many_years_is_read_and_goes_on(three):
    history = three.root / "hotel" / "history.jsonl"
    old = {"when": "now", "who": "me", "why": "长" * 1000, "channel": "nightly", "from": "v1", "to": "v2"}
    line = json.dumps(old, ensure_ascii=False).encode() + b"\n"
    history.write_bytes(line * (16 * 2**20 // len(line) + 1) + history.read_bytes())
    assert history.stat().st_size > 16 * 2**20
    assert three.rollback("hotel", "stable", "complaints").version == "v2"
    assert three.history("hotel")[-1].why == "complaints"


def test_a_history_that_could_not_be_read_again_is_not_written(three, monkeypatch):
    history = three.root / "hotel" / "history.jsonl"
    before = history.read_bytes()
    monkeypatch.setattr(channels, "_MOST_HISTORY_BYTES", len(before) + 300)
    with pytest.raises(LingyuError, match=r"history\.jsonl: would have .* bytes; at most .* are read\. Go on"):
        three.set_channel("hotel", "canary", "v1", why="long" * 250)
    assert history.read_bytes() == before
    assert "canary" not in three.channels("hotel")
    three.set_channel("hotel", "canary", "v1", why="short")


def test_lines_of_killed_writers_are_no_part_of_the_way_back(three):
    """A writer that is killed between its two renames leaves its line of history, and the channel where it was."""
    history = three.root / "hotel" / "history.jsonl"
    signed = {"when": "now", "who": "me", "why": "killed", "channel": "stable"}
    for to in ("v1", "v2", "v1"):
        history.write_bytes(history.read_bytes() + json.dumps({**signed, "from": "v3", "to": to}).encode() + b"\n")
    assert three.rollback("hotel", "stable", "complaints").version == "v2"


def test_a_history_that_begins_in_the_middle_still_says_what_was_before(three):
    history = three.root / "hotel" / "history.jsonl"
    history.write_bytes(history.read_bytes().splitlines(keepends=True)[-1])
    assert three.rollback("hotel", "stable", "complaints").version == "v2"


def test_a_damaged_line_of_history_is_named_by_its_number(three):
    history = three.root / "hotel" / "history.jsonl"
    history.write_bytes(history.read_bytes() + b'{"when": "no')
    with pytest.raises(LingyuError, match=r"history\.jsonl:4: Invalid JSON"):
        three.history("hotel")


@pytest.mark.parametrize("line", ["{", "[]", '{"when": "now"}', '{"removed": "../v1"}', "\x00"])
def test_a_damaged_history_is_one_line_and_no_number_is_given_without_it(three, write_hotel, line):
    history = three.root / "hotel" / "history.jsonl"
    history.write_bytes(history.read_bytes() + line.encode() + b"\n")
    for change in (
        lambda: three.history("hotel"),
        lambda: three.rollback("hotel", "stable", "a test"),
        lambda: three.publish("hotel", write_hotel, why="a test"),
    ):
        with pytest.raises(LingyuError, match=r"history\.jsonl") as caught:
            change()
        assert "\n" not in str(caught.value)
    assert three.open("hotel").version == "v3"


# Removing


def test_a_removed_version_is_gone_and_its_number_is_never_given_again(three, write_hotel):
    three.set_channel("hotel", "stable", "v1", "the others go")
    for version in ("v3", "v2"):
        assert three.remove("hotel", version, "space") == three.history("hotel")[-1]
    assert three.versions("hotel") == ("v1",)
    assert [line.removed for line in three.history("hotel") if isinstance(line, Removal)] == ["v3", "v2"]
    assert not list((three.root / "hotel").glob(".*"))
    with pytest.raises(LingyuError, match=r"no version v3\. There are: v1"):
        three.open("hotel@v3")
    assert three.publish("hotel", write_hotel, why="a test").version == "v4"


def test_a_version_that_a_channel_names_is_not_removed(three):
    three.set_channel("hotel", "canary", "v2", "a test")
    with pytest.raises(
        LingyuError, match=r"hotel@v2 is what channel `canary` names.*lingyu adapters remove hotel@canary"
    ):
        three.remove("hotel", "v2", "space")
    assert three.open("hotel@v2").version == "v2"


def test_a_channel_is_taken_away_and_its_version_stays(three, write_hotel):
    change = three.remove_channel("hotel", "stable", "retired")
    assert (change.previous, change.version) == ("v3", None)
    assert three.channels("hotel") == {}
    assert three.open("hotel@v3").version == "v3"
    with pytest.raises(LingyuError, match="no channel `stable`"):
        three.open("hotel")
    three.set_channel("hotel", "stable", "v1", "back again")
    with pytest.raises(LingyuError, match="named nothing before v1"):
        three.rollback("hotel", "stable", "a test")


def test_an_adapter_whose_last_version_was_removed_is_not_listed_but_keeps_its_numbers(store, hotel, write_hotel):
    store.remove_channel("hotel", "stable", "retired")
    store.remove("hotel", "v1", "retired")
    assert store.adapters() == ()
    assert store.versions("hotel") == ()
    assert store.publish("hotel", write_hotel, why="a new start").version == "v2"


@pytest.mark.parametrize("name", ["README.md", MANIFEST])
def test_a_damaged_version_can_be_removed(store, hotel, write_hotel, name):
    store.publish("hotel", write_hotel, why="the second")
    (hotel.folder / name).unlink()
    store.remove("hotel", "v1", "damaged")
    assert store.versions("hotel") == ("v2",)


def test_a_version_whose_manifest_is_a_symlink_can_be_removed(store, hotel, write_hotel, tmp_path):
    store.publish("hotel", write_hotel, why="the second")
    (hotel.folder / MANIFEST).rename(tmp_path / "elsewhere.json")
    (hotel.folder / MANIFEST).symlink_to(tmp_path / "elsewhere.json")
    store.remove("hotel", "v1", "damaged")
    assert store.versions("hotel") == ("v2",)
    assert (tmp_path / "elsewhere.json").is_file()


def test_where_no_number_is_left_nothing_is_published(store, hotel, write_hotel):
    (hotel.folder.parent / "v999999999").mkdir()
    with pytest.raises(LingyuError, match="its last number is taken"):
        store.publish("hotel", write_hotel, why="one too many")
    assert sorted(entry.name for entry in hotel.folder.parent.glob("v*")) == ["v1", "v999999999"]


@pytest.mark.parametrize("version", ["v9", "canary", "../v1", "..", "v1/../v1", ""])
def test_what_is_no_version_can_not_be_removed(store, hotel, version, tmp_path):
    before = sorted(path for path in tmp_path.rglob("*") if ".locks" not in path.parts)
    with pytest.raises(LingyuError):
        store.remove("hotel", version, "a test")
    assert sorted(path for path in tmp_path.rglob("*") if ".locks" not in path.parts) == before


def test_removing_from_an_adapter_that_is_not_there_leaves_no_trace_of_it(store, hotel):
    for change in (
        lambda: store.remove("hotle", "v1", "a test"),
        lambda: store.rollback("hotle", "stable", "a test"),
        lambda: store.remove_channel("hotle", "stable", "a test"),
        lambda: store.set_channel("hotle", "stable", "v1", "a test"),
    ):
        with pytest.raises(LingyuError, match="Did you mean `hotel`"):
            change()
    assert [path.name for path in store.root.iterdir()] == ["hotel"]


def test_a_removed_version_comes_back_only_as_the_very_same(store, hotel, write_hotel, tmp_path):
    copies = Store(tmp_path / "copies")
    copies.receive(hotel, why="a copy")
    store.publish("hotel", write_hotel, why="the second")
    store.remove("hotel", "v1", "space")
    assert store.receive(copies.open("hotel@v1"), why="back again").is_new
    store.remove("hotel", "v1", "space")
    others = Store(tmp_path / "others")
    other = others.publish("hotel", lambda folder, version: write_hotel(folder, "another"), why="a test")
    with pytest.raises(LingyuError, match="another hotel@v1 stood here and was removed") as caught:
        store.receive(other, why="a test")
    assert caught.value.where == str(store.root / "hotel")
    assert store.versions("hotel") == ("v2",)


def test_a_reader_of_a_channel_that_moves_on_under_its_hands_gets_what_it_names_now(three, monkeypatch):
    really = store_module.open_version

    def open_version(folder):
        if folder.name == "v3" and folder.is_dir():
            three.set_channel("hotel", "stable", "v1", "while it is read")
            three.remove("hotel", "v3", "while it is read")
        return really(folder)

    monkeypatch.setattr(store_module, "open_version", open_version)
    assert three.open("hotel").version == "v1"


@pytest.mark.parametrize(
    ("theirs", "ours", "says"),
    [
        (("remove", "v2"), ("remove", "v2"), "no version v2"),
        (("set_channel", "canary", "v2"), ("remove", "v2"), "hotel@v2 is what channel `canary` names"),
        (("remove_channel", "stable"), ("remove_channel", "stable"), "no channel `stable`"),
        (("remove_channel", "stable"), ("rollback", "stable"), "no channel `stable`"),
    ],
)
def test_what_another_process_did_while_this_one_waited_for_its_turn_counts(three, monkeypatch, theirs, ours, says):
    really = store_module.writers_turn

    def after_another(*turn):
        monkeypatch.setattr(store_module, "writers_turn", really)
        getattr(three, theirs[0])("hotel", *theirs[1:], "a test")
        return really(*turn)

    monkeypatch.setattr(store_module, "writers_turn", after_another)
    with pytest.raises(LingyuError, match=says):
        getattr(three, ours[0])("hotel", *ours[1:], "a test")
    assert len(three.history("hotel")) == 4


def test_a_version_that_is_removed_once_it_was_verified_is_given_no_channel(three, monkeypatch):
    really = store_module.open_version

    def open_version(folder):
        opened = really(folder)
        three.remove("hotel", folder.name, "before its channel is set")
        return opened

    monkeypatch.setattr(store_module, "open_version", open_version)
    with pytest.raises(LingyuError, match=r"no version v2\. There are: v1, v3"):
        three.set_channel("hotel", "canary", "v2", "a test")
    assert three.channels("hotel") == {"stable": "v3"}


def test_a_version_that_is_removed_while_it_is_read_is_not_there_rather_than_damaged(three, monkeypatch):
    really = store_module.open_version

    def open_version(folder):
        if folder.name == "v2" and folder.is_dir():
            three.remove("hotel", "v2", "while it is read")
        return really(folder)

    monkeypatch.setattr(store_module, "open_version", open_version)
    with pytest.raises(LingyuError, match=r"no version v2\. There are: v1, v3"):
        three.open("hotel@v2")


# Naming what is not there


@pytest.mark.parametrize("file", ["config.json", "graph.json"])
def test_a_model_by_itself_is_no_adapter_and_what_loads_it_is_told(store, hotel, file):
    (store.root / "merged").mkdir()
    (store.root / "merged" / file).write_text("{}")
    with pytest.raises(LingyuError, match=r"no adapter named `merged`\. It is a model by itself: transformers loads"):
        store.open("merged")


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


@pytest.mark.parametrize("name", ["hotel/v2", "shop/v1"])
def test_a_renamed_version_is_refused_by_its_folder_too(store, hotel, name, monkeypatch):
    (store.root / "shop").mkdir()
    renamed = hotel.folder.rename(store.root / name)
    monkeypatch.chdir(renamed)
    for reference in (str(renamed), "./"):
        with pytest.raises(LingyuError, match=r"says hotel@v1: the folder was .*its name, hotel/v1"):
            open_adapter(reference, "")


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


@pytest.mark.parametrize(
    "reference",
    ["{store}/../adapters/hotel", "{store}/x/../hotel", "{store}/hotel/..\\v1", "{store}/\0", "/" + "x/" * 2048],
)
def test_a_path_that_may_lead_elsewhere_than_it_seems_is_no_folder_of_an_adapter(store, hotel, reference):
    with pytest.raises(LingyuError, match=r"is no folder of an adapter\. Write the path without") as caught:
        open_adapter(reference.format(store=store.root), "")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("reference", ["nowhere/hotel", "nowhere/hotel/v1", "./hotel"])
def test_a_folder_that_is_not_there_is_told(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LingyuError):
        open_adapter(reference, "adapters")


def test_nothing_is_published_into_the_folder_of_an_adapter_as_if_it_were_a_store(store, hotel, write_hotel):
    (hotel.folder.parent / "channels.json").unlink()  # as where no channel was ever set
    for folder in (hotel.folder.parent, hotel.folder):
        with pytest.raises(LingyuError, match=re.escape(f"not a store. Did you mean {store.root}?")):
            Store(folder).publish("shop", write_hotel, why="a test")
    assert sorted(path.name for path in hotel.folder.parent.iterdir()) == ["history.jsonl", "v1"]


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
