"""Where merge.py --into publishes."""

from pathlib import Path

import pytest

from lingyu.cli.combine import _place


@pytest.mark.parametrize(
    ("into", "place"),
    [
        ("adapters/reviews", (Path("adapters"), "reviews")),
        ("adapters/reviews/", (Path("adapters"), "reviews")),
        ("reviews", (Path("store"), "reviews")),
        ("reviews/", (Path("store"), "reviews")),
        ("./reviews", (Path("."), "reviews")),
    ],
)
def test_a_path_names_store_and_adapter_and_a_bare_name_stands_in_the_store(into: str, place: tuple[Path, str]) -> None:
    assert _place(into, Path("store")) == place
