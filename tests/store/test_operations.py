"""Random operations against a model of what must be there: one after the other, then by several writers at once."""

import itertools
import json
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lingyu.errors import LingyuError
from lingyu.store import BaseRecord, Change, PartRecord, Removal, Store, VersionFacts

NAMES = ("hotel", "ecommerce")
CHANNELS = ("stable", "canary")
STORES = 3

names, channels, stores = st.sampled_from(NAMES), st.sampled_from(CHANNELS), st.integers(0, STORES - 1)
versions = st.integers(1, 6).map(lambda number: f"v{number}")

FACTS = VersionFacts(
    task="single_label",
    labels=("负面", "正面"),
    max_length=64,
    base=BaseRecord(id="embedded", weights_fingerprint="1" * 64, tokenizer_fingerprint="2" * 64),
    data={"train": PartRecord(rows=1, fingerprint="3" * 64)},
)


class Model:
    """What must be there, of one adapter: as simple as it can be said.

    texts: version -> what its card says    ways: channel -> the versions that it named, as far as rollbacks left them
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.ways: dict[str, list[str]] = {}
        self.highest = 0

    @property
    def channels(self) -> dict[str, str]:
        return {channel: way[-1] for channel, way in self.ways.items()}

    def publish(self, text: str, channel: str | None) -> str:
        self.highest += 1
        version = f"v{self.highest}"
        self.texts[version] = text
        if channel:
            self.promote(version, channel)
        return version

    def promote(self, version: str, channel: str) -> bool:
        if version not in self.texts:
            return False
        if self.channels.get(channel) != version:
            self.ways.setdefault(channel, []).append(version)
        return True

    def rollback(self, channel: str) -> str | None:
        way = self.ways.get(channel, [])
        if len(way) < 2 or way[-2] not in self.texts:
            return None
        way.pop()
        return way[-1]

    def remove(self, version: str) -> bool:
        if version in self.channels.values() or version not in self.texts:
            return False
        del self.texts[version]
        return True

    def remove_channel(self, channel: str) -> bool:
        return self.ways.pop(channel, None) is not None


@contextmanager
def refused_unless(allowed: object):
    if allowed:
        yield
    else:
        with pytest.raises(LingyuError) as caught:
            yield
        assert "\n" not in str(caught.value)


class OneAfterTheOther(RuleBasedStateMachine):
    """Whichever of several Store objects does it, the folder is what the model says."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name) / "adapters"
        self.stores = [Store(self.root) for _ in range(STORES)]
        self.models = {name: Model() for name in NAMES}
        self.texts = (f"# {number}" for number in itertools.count())
        for channel in CHANNELS:  # something to work on from the start
            self.publish("hotel", channel, 0)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule(name=names, channel=st.none() | channels, store=stores)
    def publish(self, name: str, channel: str | None, store: int) -> None:
        text = next(self.texts)

        def write(folder: Path, version: str) -> VersionFacts:
            (folder / "README.md").write_text(text)
            return FACTS

        published = self.stores[store].publish(name, write, channel=channel, why="a test")
        assert published.version == self.models[name].publish(text, channel)

    @rule(name=names, channel=st.none() | channels, store=stores)
    def fail_to_publish(self, name: str, channel: str | None, store: int) -> None:
        def write(folder: Path, version: str) -> VersionFacts:
            (folder / "README.md").write_text("half")
            raise LingyuError("the training diverged")

        with pytest.raises(LingyuError, match="diverged"):
            self.stores[store].publish(name, write, channel=channel, why="a test")

    @rule(name=names, version=versions, channel=channels, store=stores)
    def promote(self, name: str, version: str, channel: str, store: int) -> None:
        with refused_unless(self.models[name].promote(version, channel)):
            self.stores[store].set_channel(name, channel, version, why="a test")

    @rule(name=names, channel=channels, store=stores)
    def roll_back(self, name: str, channel: str, store: int) -> None:
        expected = self.models[name].rollback(channel)
        with refused_unless(expected):
            assert self.stores[store].rollback(name, channel, why="a test").version == expected

    @rule(name=names, version=versions, store=stores)
    def remove(self, name: str, version: str, store: int) -> None:
        with refused_unless(self.models[name].remove(version)):
            self.stores[store].remove(name, version, why="a test")

    @rule(name=names, channel=channels, store=stores)
    def remove_channel(self, name: str, channel: str, store: int) -> None:
        with refused_unless(self.models[name].remove_channel(channel)):
            self.stores[store].remove_channel(name, channel, why="a test")

    @rule(name=names, version=versions, store=stores)
    def open_version(self, name: str, version: str, store: int) -> None:
        text = self.models[name].texts.get(version)
        with refused_unless(text):
            assert (self.stores[store].open(f"{name}@{version}").folder / "README.md").read_text() == text

    @rule(name=names, channel=channels, store=stores)
    def open_channel(self, name: str, channel: str, store: int) -> None:
        version = self.models[name].channels.get(channel)
        with refused_unless(version):
            assert self.stores[store].open(f"{name}@{channel}").version == version

    @invariant()
    def lists_are_what_the_model_says(self) -> None:
        store = self.stores[0]
        assert store.adapters() == tuple(sorted(name for name in NAMES if self.models[name].texts))
        for name, model in self.models.items():
            assert set(store.versions(name)) == set(model.texts)
            assert store.channels(name) == model.channels
            assert not list((self.root / name).glob(".*"))


OneAfterTheOther.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow]
)
test_any_order_of_operations_leaves_what_the_model_says = OneAfterTheOther.TestCase


def replayed(history) -> tuple[dict[str, str], list[str]]:
    """Channels and removed versions as a history leaves them, after asserting that each line follows from the last."""
    named: dict[str, str] = {}
    removed: list[str] = []
    for line in history:
        if isinstance(line, Removal):
            assert line.removed not in named.values(), "a version that a channel names is never removed"
            removed.append(line.removed)
        else:
            assert named.get(line.channel) == line.previous, "a change was lost"
            assert line.version not in removed, "a channel is never set to what is gone"
            named[line.channel] = line.version
    return named, removed


def require_accounted_for(store: Store, done: list[dict[str, str | None]]) -> None:
    """What writers say that they did, what the history says, and what is there: three times the same."""
    did = {
        operation: [one["version"] for one in done if one["operation"] == operation and not one["refused"]]
        for operation in ("publish", "rollback", "remove")
    }
    history = store.history("hotel")
    named, removed = replayed(history)
    each_number_once = Counter(f"v{number}" for number in range(1, len(did["publish"]) + 1))
    assert Counter(did["publish"]) == each_number_once
    assert Counter(removed) == Counter(did["remove"])
    assert set(store.versions("hotel")) == set(did["publish"]) - set(removed)
    assert store.channels("hotel") == named
    rolled_back = [line.version for line in history if isinstance(line, Change) and line.rollback]
    assert Counter(rolled_back) == Counter(did["rollback"])
    for version in store.versions("hotel"):
        assert store.open(f"hotel@{version}").version == version
    assert not list((store.root / "hotel").glob(".*"))


@pytest.mark.parametrize("seed", range(3))
def test_several_processes_at_once_leave_a_store_that_every_one_of_them_accounts_for(store, start_publisher, seed):
    processes = [start_publisher("work", store.root, f"{seed}/{writer}", 25) for writer in range(3)]
    done = []
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        done += [json.loads(line) for line in output.splitlines()]
    assert len(done) == 75
    require_accounted_for(store, done)


def test_threads_of_one_process_account_for_theirs_too(store, publisher):
    done, failed = [], []

    def work(seed: int) -> None:
        steps = publisher["random_steps"](Store(store.root), f"thread {seed}", 20)
        try:
            done.extend(steps)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    assert len(done) == 80
    require_accounted_for(store, done)


def test_a_reader_of_a_channel_never_meets_a_version_that_is_half_there_or_already_gone(store, start_publisher):
    """The channel moves to a new version and the one before is removed at once, again and again."""
    start_publisher("publish", store.root, 1).communicate(timeout=60)
    process = start_publisher("replace", store.root, 40)
    seen = set()
    while process.poll() is None:
        seen.add(store.open("hotel").version)
        assert store.adapters() == ("hotel",)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert len(seen) > 3
    assert store.versions("hotel") == ("v41",)
