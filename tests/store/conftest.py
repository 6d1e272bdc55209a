"""A store with one published adapter, and the process that publishes."""

import hashlib
import json
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lingyu.store import MANIFEST, Store, Version, VersionFacts
from lingyu.store.manifest import sealed

PUBLISHER = Path(__file__).with_name("publisher.py")

StartPublisher = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def publisher() -> dict[str, Any]:
    """What publisher.py defines, by name."""
    return runpy.run_path(str(PUBLISHER))


@pytest.fixture(scope="session")
def write_hotel(publisher: dict[str, Any]) -> Callable[[Path, str], VersionFacts]:
    found: Callable[[Path, str], VersionFacts] = publisher["write_hotel"]
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
def forge() -> Callable[..., Path]:
    """Make a version that was tampered with whole again, hashes and seal, as one who knows the format would.

    forge(folder, **keys): keys replace those of the manifest. Gives the manifest's path.
    """

    def rewrite(folder: Path, **keys: object) -> Path:
        path = folder / MANIFEST
        files = {}
        for file in sorted(folder.iterdir()):
            if file.name != MANIFEST:
                data = file.read_bytes()
                files[file.name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        path.write_bytes(sealed({**json.loads(path.read_bytes()), "files": files, **keys}))
        return path

    return rewrite


@pytest.fixture
def start_publisher() -> StartPublisher:
    def start(*arguments: object) -> "subprocess.Popen[str]":
        words = [sys.executable, str(PUBLISHER), *map(str, arguments)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start
