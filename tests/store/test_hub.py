"""Push and pull with huggingface_hub's real client, against a hub of our own in a thread."""

import hashlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

import lingyu.store.hub
from lingyu.cli import main
from lingyu.errors import LingyuError
from lingyu.store import MANIFEST, HubAddress, Store, pull, push
from lingyu.store.documents import MAX_JSON_BYTES
from lingyu.store.manifest import sealed

from ..hub_server import WRITER, Hub, Repository, running_hub

REPOSITORY = "team/hotel"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running_hub() as hub:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_TOKEN", WRITER)
        yield hub


@pytest.fixture
def elsewhere(tmp_path: Path) -> Store:
    return Store(tmp_path / "elsewhere")


def on_hub(hub: Hub, version) -> Repository:
    """The repository as a push leaves it, made without one."""
    return hub.publish(REPOSITORY, {path.name: path.read_bytes() for path in version.folder.iterdir()})


def nothing_arrived(store: Store) -> bool:
    return not store.root.exists() or [path.name for path in store.root.iterdir()] in ([], [".locks"])


def test_what_is_pushed_is_what_is_pulled(hub, hotel, elsewhere):
    pushed = push(hotel, REPOSITORY)
    assert (str(pushed.address), pushed.is_new, pushed.before) == ("team/hotel@v1", True, None)
    repository = hub.repositories[REPOSITORY]
    assert repository.tags == {"v1": pushed.commit}
    assert repository.branches["main"] == pushed.commit
    assert set(repository.files()) == {path.name for path in hotel.folder.iterdir()} | {".gitattributes"}
    arrival = pull(HubAddress(REPOSITORY), elsewhere, channel="stable")
    assert arrival.is_new
    assert elsewhere.open("hotel").manifest == hotel.manifest
    for path in hotel.folder.iterdir():
        assert (arrival.version.folder / path.name).read_bytes() == path.read_bytes()
    assert [change.why for change in elsewhere.history("hotel")] == [
        f"pulled from team/hotel (commit {pushed.commit[:12]})"
    ]


def test_a_second_version_replaces_main_and_the_first_stays_under_its_tag(hub, store, hotel, write_hotel, elsewhere):
    push(hotel, REPOSITORY)

    def write_less(folder, version):
        facts = write_hotel(folder, version)
        (folder / "curves.png").unlink()
        return facts

    second = store.publish("hotel", write_less, why="a test")
    assert push(second, REPOSITORY).before == "v1"
    assert "curves.png" not in hub.repositories[REPOSITORY].files()
    assert pull(HubAddress(REPOSITORY), elsewhere).version.version == "v2"
    assert pull(HubAddress(REPOSITORY, "v1"), elsewhere).version.version == "v1"
    assert elsewhere.versions("hotel") == ("v1", "v2")
    assert elsewhere.channels("hotel") == {}


def test_a_push_of_what_is_there_changes_nothing(hub, hotel):
    first = push(hotel, REPOSITORY)
    again = push(hotel, REPOSITORY)
    assert (again.is_new, again.commit, again.before) == (False, first.commit, "v1")
    assert len(hub.repositories[REPOSITORY].commits) == 2  # of its making, and of the push


def test_a_push_that_was_cut_off_before_its_tag_is_finished_by_the_next(hub, hotel):
    push(hotel, REPOSITORY)
    repository = hub.repositories[REPOSITORY]
    repository.tags.clear()
    push(hotel, REPOSITORY)
    assert repository.tags == {"v1": repository.branches["main"]}
    assert len(repository.commits) == 2


def test_another_version_of_the_same_number_is_refused_on_the_hub(hub, hotel, elsewhere, write_hotel):
    push(hotel, REPOSITORY)

    def write_another(folder, version):
        facts = write_hotel(folder, version)
        (folder / "README.md").write_text("# another")
        return facts

    other = elsewhere.publish("hotel", write_another, why="a test")
    for tags in (hub.repositories[REPOSITORY].tags, {}):
        hub.repositories[REPOSITORY].tags = tags
        with pytest.raises(LingyuError, match=r"hotel@v1 stands there already with other content: README.md is"):
            push(other, REPOSITORY)


def test_a_push_does_not_wipe_out_what_somebody_else_keeps_there(hub, hotel, elsewhere, write_hotel):
    hub.publish("team/model", {"model.safetensors": b"weights", "README.md": b"# mine"})
    with pytest.raises(LingyuError, match=r"holds model\.safetensors and is no adapter of ours"):
        push(hotel, "team/model")
    push(hotel, REPOSITORY)
    shop = elsewhere.publish("shop", write_hotel, why="a test")
    with pytest.raises(LingyuError, match="holds the adapter hotel, not shop"):
        push(shop, REPOSITORY)
    assert hub.repositories["team/model"].files()["model.safetensors"] == b"weights"


def test_a_push_does_not_wipe_out_what_somebody_put_beside_a_version(hub, store, hotel, write_hotel):
    push(hotel, REPOSITORY)
    repository = hub.repositories[REPOSITORY]
    repository.commit({**repository.files(), "LICENSE": b"mine"})
    second = store.publish("hotel", write_hotel, why="a test")
    with pytest.raises(LingyuError, match="holds LICENSE, which is no file of hotel@v1 and a push would wipe out"):
        push(second, REPOSITORY)
    assert repository.files()["LICENSE"] == b"mine"


def test_a_repository_that_was_made_by_hand_takes_a_push(hub, hotel):
    hub.publish(REPOSITORY, {"README.md": b"made on the web page"})
    assert push(hotel, REPOSITORY).is_new


def test_private_is_private_or_nothing_is_pushed(hub, hotel):
    push(hotel, "team/secret", private=True)
    assert hub.repositories["team/secret"].private
    hub.publish("team/open", {})
    with pytest.raises(LingyuError, match="exists and is public"):
        push(hotel, "team/open", private=True)
    assert set(hub.repositories["team/open"].files()) == {".gitattributes"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"pytorch_model.bin": b"\x80\x02."}, "holds 'pytorch_model.bin': a version has files of these kinds only"),
        ({"code.py": b"import os"}, r"holds 'code.py'"),
        ({"deep/metrics.json": b"{}"}, "holds 'deep/metrics.json'"),
        ({"more.json": b"{}"}, "holds more.json, which is not listed in its lingyu.json"),
        ({"README.md": b"# hotel v2\n"}, "team/hotel: README.md: has SHA-256 .* the file was changed"),
        ({"README.md": b"# longer than it was\n"}, "README.md has 21 bytes, but 11 in lingyu.json"),
        ({MANIFEST: b"{"}, "team/hotel: lingyu.json: is not JSON"),
        ({"adapter_config.json": b""}, "adapter_config.json has 0 bytes"),
    ],
)
def test_a_repository_that_does_not_verify_leaves_nothing_behind(hub, hotel, elsewhere, files, message):
    repository = on_hub(hub, hotel)
    repository.commit({**repository.files(), **files})
    with pytest.raises(LingyuError, match=message):
        pull(HubAddress(REPOSITORY), elsewhere, channel="stable")
    assert nothing_arrived(elsewhere)


def test_a_missing_file_and_a_missing_manifest_are_named(hub, hotel, elsewhere):
    repository = on_hub(hub, hotel)
    whole = repository.files()
    for name, message in (("recipe.yaml", "lacks recipe.yaml, which is listed"), (MANIFEST, "holds no lingyu.json")):
        repository.commit({path: data for path, data in whole.items() if path != name})
        with pytest.raises(LingyuError, match=message):
            pull(HubAddress(REPOSITORY), elsewhere)
    assert nothing_arrived(elsewhere)


def test_a_config_that_names_code_is_refused_though_its_manifest_lists_it(hub, hotel, elsewhere):
    repository = on_hub(hub, hotel)
    config = json.dumps({"peft_type": "LORA", "auto_map": {"AutoModel": "theirs.Model"}}).encode()
    manifest = json.loads(repository.files()[MANIFEST])
    manifest["files"]["adapter_config.json"] = {"sha256": hashlib.sha256(config).hexdigest(), "size": len(config)}
    repository.commit({**repository.files(), "adapter_config.json": config, MANIFEST: sealed(manifest)})
    with pytest.raises(LingyuError, match=r"adapter_config.json: auto_map: code that comes with an adapter"):
        pull(HubAddress(REPOSITORY), elsewhere)
    assert nothing_arrived(elsewhere)


def test_a_tag_that_was_moved_is_noticed(hub, hotel, elsewhere):
    push(hotel, REPOSITORY)
    repository = hub.repositories[REPOSITORY]
    repository.tags["v2"] = repository.tags["v1"]
    with pytest.raises(LingyuError, match="the tag holds hotel@v1"):
        pull(HubAddress(REPOSITORY, "v2"), elsewhere)


def test_a_commit_and_a_branch_name_the_version_that_they_hold(hub, store, hotel, write_hotel, elsewhere):
    first = push(hotel, REPOSITORY).commit
    push(store.publish("hotel", write_hotel, why="a test"), REPOSITORY)
    assert pull(HubAddress(REPOSITORY, first), elsewhere).version.version == "v1"
    assert pull(HubAddress(REPOSITORY, "main"), elsewhere).version.version == "v2"


def test_a_manifest_too_large_to_be_read_is_not_fetched(hub, hotel, elsewhere):
    repository = on_hub(hub, hotel)
    repository.commit({**repository.files(), MANIFEST: b" " * (MAX_JSON_BYTES + 1)})
    with pytest.raises(LingyuError, match=r"team/hotel: its lingyu\.json has 16,777,217 bytes"):
        pull(HubAddress(REPOSITORY), elsewhere)
    assert not [request for request in hub.requests if MANIFEST in str(request)]
    assert nothing_arrived(elsewhere)


def test_a_download_that_breaks_off_leaves_nothing_behind(hub, hotel, elsewhere):
    on_hub(hub, hotel)
    hub.break_off["adapter_model.safetensors"] = 1000
    with pytest.raises(LingyuError, match="out of reach, or the transfer broke off") as raised:
        pull(HubAddress(REPOSITORY), elsewhere)
    assert "Try again" in str(raised.value)
    assert nothing_arrived(elsewhere)
    hub.break_off.clear()
    assert pull(HubAddress(REPOSITORY), elsewhere).is_new


def test_what_a_killed_pull_leaves_is_removed_by_the_next_writer_of_the_store(
    hub, hotel, write_hotel, elsewhere, tmp_path, monkeypatch
):
    on_hub(hub, hotel)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    child = os.fork()
    if child == 0:
        elsewhere.receive = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # once everything is fetched
        pull(HubAddress(REPOSITORY), elsewhere)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert list((tmp_path / "tmp").iterdir()) == []
    assert elsewhere.adapters() == ()
    elsewhere.publish("motel", write_hotel, why="a test")
    assert sorted(path.name for path in elsewhere.root.iterdir()) == [".locks", "motel"]


def test_an_unknown_revision_says_which_there_are(hub, hotel, elsewhere):
    push(hotel, REPOSITORY)
    with pytest.raises(LingyuError, match=r"no revision v7.*v1, main|no revision v7. Did you mean team/hotel@v1"):
        pull(HubAddress(REPOSITORY, "v7"), elsewhere)
    with pytest.raises(LingyuError, match="Did you mean team/hotel@main"):
        pull(HubAddress(REPOSITORY, "mian"), elsewhere)


@pytest.mark.parametrize(
    "text",
    ["hotel", "/etc/passwd", "../hotel", "a/b/c", "team/hotel@", "team/hotel@a b", "team/ho tel", "团队/酒店", ""],
)
def test_what_is_no_address_is_refused_before_anything_is_asked(text):
    with pytest.raises(LingyuError, match="is no re"):
        HubAddress.parse(text)


def test_a_card_that_the_hub_refuses_is_one_line(hub, store, hotel, write_hotel):
    def write_local(folder, version):
        facts = write_hotel(folder, version)
        (folder / "README.md").write_text("---\nbase_model: ./bases/hotel\n---\n")
        return facts

    local = store.publish("hotel", write_local, why="a test")
    with pytest.raises(LingyuError, match=r"does not accept its card: .*bases/hotel") as raised:
        push(local, REPOSITORY)
    assert "\n" not in str(raised.value)


def test_a_version_that_was_changed_never_leaves(hub, hotel, capsys):
    (hotel.folder / "README.md").write_text("changed")
    assert main(["adapters", "push", str(hotel.folder), REPOSITORY]) == 2
    assert "the file was changed" in capsys.readouterr().err
    assert not hub.requests


def test_an_upload_that_is_refused_is_one_line_and_the_next_push_finishes_it(hub, hotel):
    hub.refuse_uploads = 413
    with pytest.raises(LingyuError, match=r"answers 413\. Try again later") as raised:
        push(hotel, REPOSITORY)
    assert "\n" not in str(raised.value)
    assert hub.repositories[REPOSITORY].tags == {}
    hub.refuse_uploads = None
    assert push(hotel, REPOSITORY).is_new


def test_a_push_takes_no_revision(hub, hotel):
    with pytest.raises(LingyuError, match=r"team/hotel: a push takes no revision, .* v1"):
        push(hotel, "team/hotel@v9")
    assert not hub.requests


def test_a_channel_that_can_not_be_one_stops_a_pull_before_anything_is_fetched(hub, hotel, elsewhere):
    on_hub(hub, hotel)
    with pytest.raises(LingyuError, match="reads as a version"):
        pull(HubAddress(REPOSITORY), elsewhere, channel="v3")
    assert not hub.requests


@pytest.mark.parametrize("name", ["team/ho--tel", "team/ho..tel", "team/hotel.git", "team/hotel-"])
def test_a_name_that_no_repository_can_have_is_not_said_to_be_the_hubs_fault(hub, elsewhere, name):
    with pytest.raises(LingyuError, match="is no name that a hub takes"):
        pull(HubAddress.parse(name), elsewhere)


def test_a_repository_that_is_pushed_to_while_it_is_pulled_arrives_as_it_was_listed(
    hub, store, hotel, write_hotel, elsewhere, monkeypatch
):
    listed = push(hotel, REPOSITORY).commit
    second = store.publish("hotel", write_hotel, why="a test")
    list_first = lingyu.store.hub._list

    def list_then_pushed_to(api, address):
        found = list_first(api, address)
        hub.repositories[REPOSITORY].commit({path.name: path.read_bytes() for path in second.folder.iterdir()})
        return found

    monkeypatch.setattr("lingyu.store.hub._list", list_then_pushed_to)
    assert pull(HubAddress(REPOSITORY), elsewhere, channel="stable").version.version == "v1"
    assert [change.why for change in elsewhere.history("hotel")] == [f"pulled from team/hotel (commit {listed[:12]})"]


def test_a_push_beside_another_is_told_and_wipes_nothing_out(hub, store, hotel, write_hotel, monkeypatch):
    push(hotel, REPOSITORY)
    second = store.publish("hotel", write_hotel, why="a test")
    tags_of = lingyu.store.hub._tags
    theirs = {"lingyu.json": b"of whoever pushes at the same time"}

    def tags_then_pushed_to(api, repository):
        hub.repositories[REPOSITORY].commit(theirs)
        return tags_of(api, repository)

    monkeypatch.setattr("lingyu.store.hub._tags", tags_then_pushed_to)
    with pytest.raises(LingyuError):
        push(second, REPOSITORY)
    assert hub.repositories[REPOSITORY].files() == theirs
    assert "v2" not in hub.repositories[REPOSITORY].tags
