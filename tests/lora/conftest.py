"""The trained store where a test may change it."""

from pathlib import Path

import pytest

from ..e2e.conftest import Workplace
from ..serving.trained import copy_of, trained


@pytest.fixture
def place(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A copy of the trained store, hotel and shop in it, where we are."""
    copy = copy_of(trained(tiny_base), tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    return copy
