"""Writers at once, killed, or without room: real processes."""

import os
import subprocess
import sys

import pytest

from lingyu.errors import LingyuError
from lingyu.store import Change, Store

# of the first file that is written, and of one in the middle of it
SMALL, MIDDLE = 0, 100_000


def test_two_processes_that_publish_at_once_both_get_whole_versions_of_their_own(store, start_publisher):
    both = [start_publisher("publish", store.root, 10) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    versions = store.versions("hotel")
    assert versions == tuple(f"v{number}" for number in range(1, 21))
    for version in versions:
        opened = store.open(f"hotel@{version}")
        assert opened.manifest.version == version
        assert (opened.folder / "README.md").read_text() == f"# hotel {version}\n"
    assert [change.version for change in store.history("hotel")] == list(versions)
    assert store.channels("hotel") == {"stable": "v20"}


def test_a_writer_killed_at_fifty_moments_leaves_whole_versions_and_the_next_one_clears_up(
    store, start_publisher, write_hotel
):
    """Of any operation. What must hold after each kill is asserted by the process itself: see require_whole there."""
    process = start_publisher("killed", store.root, 50, 11)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    folder = store.root / "hotel"
    assert list(folder.glob(".*"))
    # A kill between two renames leaves a line of history for a change that did not take place, never the reverse.
    lines = [line for line in store.history("hotel") if isinstance(line, Change)]
    for channel, version in store.channels("hotel").items():
        last = next(line for line in reversed(lines) if line.channel == channel)
        assert version in (last.version, last.previous)

    named = {version for line in lines for version in (line.version, line.previous)} | set(store.versions("hotel"))
    published = store.publish("hotel", write_hotel, why="after the kills")
    assert int(published.version[1:]) > max(int(version[1:]) for version in named if version)
    assert published.version == store.versions("hotel")[-1]
    assert not list(folder.glob(".*"))
    assert {path.name for path in folder.iterdir()} == {"channels.json", "history.jsonl", *store.versions("hotel")}


def test_a_process_killed_while_it_takes_in_versions_leaves_whole_ones_that_the_next_one_accepts(
    store, start_publisher
):
    process = start_publisher("carriers", store.root, 30, 12)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    source = Store(f"{store.root}-source")
    assert list((store.root / "hotel").glob(".*"))
    for version in source.versions("hotel"):
        arrived = store.receive(source.open(f"hotel@{version}"), channel="stable", why="after the kills").version
        assert arrived.manifest == source.open(f"hotel@{version}").manifest
    assert {path.name for path in (store.root / "hotel").iterdir()} == {
        *("channels.json", "history.jsonl"),
        *source.versions("hotel"),
    }


@pytest.mark.parametrize("size", [SMALL, MIDDLE])
def test_a_full_disk_is_one_line_and_leaves_nothing(store, start_publisher, write_hotel, size):
    process = start_publisher("limited", store.root, size)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert "larger than this process may write" in errors
    assert [path.name for path in store.root.iterdir()] == [".locks"]
    assert store.publish("hotel", write_hotel, why="with room").version == "v1"


def test_without_room_for_the_history_no_version_is_listed_either(store, hotel, start_publisher):
    history = store.root / "hotel" / "history.jsonl"
    history.write_bytes(history.read_bytes() * 3000)
    before = {path: path.read_bytes() for path in (store.root / "hotel").glob("*.json*")}
    process = start_publisher("limited", store.root, history.stat().st_size)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert store.versions("hotel") == ("v1",)
    assert {path: path.read_bytes() for path in (store.root / "hotel").glob("*.json*")} == before
    assert not list((store.root / "hotel").glob(".*"))


def test_a_store_that_can_not_be_made_is_one_line(tmp_path, write_hotel):
    (tmp_path / "adapters").write_text("a file")
    with pytest.raises(LingyuError) as caught:
        Store(tmp_path / "adapters").publish("hotel", write_hotel, why="a test")
    assert str(tmp_path / "adapters") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "adapters").read_text() == "a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not stop root")
def test_a_store_that_can_not_be_written_is_one_line(store, hotel, write_hotel):
    (store.root / "hotel").chmod(0o555)
    try:
        with pytest.raises(LingyuError, match="no permission"):
            store.publish("hotel", write_hotel, why="a test")
    finally:
        (store.root / "hotel").chmod(0o755)
    assert store.versions("hotel") == ("v1",)


def test_importing_the_store_imports_no_torch():
    code = (
        "import sys, lingyu.store; sys.exit(bool({'torch', 'transformers', 'datasets', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
