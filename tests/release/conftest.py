"""A place with a base and a published adapter, merged once for the tests that only read it."""

from pathlib import Path

import pytest

from lingyu.release import Exported, Merged, export_graph, merge
from lingyu.store import Version

from .ready_adapters import publish, write_base


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """hotel@v1 on a tiny BERT without a pooler's use for others; no recipe, no data. Read only."""
    place = tmp_path_factory.mktemp("place")
    base = write_base(place / "bases" / "tiny", "bert")
    return publish(base, place / "adapters", target_modules="all-linear", exclude_modules=r".*pooler.*")


@pytest.fixture(scope="session")
def merged(adapter: Version, tmp_path_factory: pytest.TempPathFactory) -> Merged:
    """Read only."""
    return merge(adapter, tmp_path_factory.mktemp("merged") / "hotel")


@pytest.fixture(scope="session")
def onnx(adapter: Version, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """hotel@v1 as an ONNX graph. Read only."""
    return export_graph(adapter, tmp_path_factory.mktemp("onnx") / "hotel", runtime="onnx")


@pytest.fixture(scope="session")
def openvino(adapter: Version, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """hotel@v1 as an OpenVINO graph. Read only."""
    return export_graph(adapter, tmp_path_factory.mktemp("openvino") / "hotel", runtime="openvino")


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A place for a result, in a folder that is not there yet."""
    return tmp_path / "merged" / "hotel"
