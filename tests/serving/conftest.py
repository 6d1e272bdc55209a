"""The trained store, as a fixture."""

from pathlib import Path

import pytest

from ..e2e.conftest import Workplace
from .trained import trained


@pytest.fixture(scope="session")
def place(tiny_base: Path) -> Workplace:
    """hotel and shop on one base. Read only."""
    return trained(tiny_base)
