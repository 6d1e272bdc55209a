"""Raw text as people have it, and a corpus built of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lingyu.data import CorpusManifest, CorpusRequest, build_corpus

Build = Callable[..., CorpusManifest]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a test works in, with raw/ for its text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    return tmp_path


@pytest.fixture
def build(place: Path) -> Build:
    """build("raw", exclude=("test.csv",)) builds out/, in this process unless workers are asked for."""

    def build(*sources: str, **settings: object) -> CorpusManifest:
        asked = {"out": Path("out"), "workers": 1, **settings}
        return build_corpus(CorpusRequest(tuple(map(Path, sources)), **asked), lambda *_: None)

    return build


@pytest.fixture
def write_lines(place: Path) -> Callable[..., None]:
    """write_lines("raw/a.txt", "一", "二")."""

    def write_lines(name: str, *lines: str) -> None:
        (place / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    return write_lines
