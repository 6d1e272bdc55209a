"""A store with one published adapter, and the process that publishes."""

import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lingyu.store import Store, Version, VersionFacts

PUBLISHER = Path(__file__).with_name("publisher.py")

StartPublisher = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def write_hotel() -> Callable[[Path, str], VersionFacts]:
    found: Callable[[Path, str], VersionFacts] = runpy.run_path(str(PUBLISHER))["write_hotel"]
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "adapters")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, write_hotel: Callable[[Path, str], VersionFacts]) -> Version:
    """hotel@v1, on channel stable, as publishing left it and gave it back. Not to be changed."""
    return Store(tmp_path_factory.mktemp("published") / "adapters").publish("hotel", write_hotel, why="the first")


@pytest.fixture
def hotel(store: Store, published: Version) -> Version:
    """hotel@v1 in a store of the test's own. (A copy: publishing waits for the disk a dozen times.)"""
    shutil.copytree(published.folder.parent, store.root / "hotel")
    return store.open("hotel")


@pytest.fixture
def start_publisher() -> StartPublisher:
    def start(*arguments: object) -> "subprocess.Popen[str]":
        words = [sys.executable, str(PUBLISHER), *map(str, arguments)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start
