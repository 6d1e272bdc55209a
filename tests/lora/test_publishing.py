from importlib.metadata import version
from pathlib import Path

import pytest

from lingyu.errors import LingyuError
from lingyu.lora.publishing import package_versions, require_writable


def test_a_recipe_that_names_its_adapter_in_place_of_the_store_is_told_before_it_trains(tmp_path: Path):
    hotel = tmp_path / "adapters/hotel/v1"
    hotel.mkdir(parents=True)
    (hotel / "lingyu.json").write_text("{}")
    for folder in (hotel, hotel.parent):
        with pytest.raises(LingyuError, match=f"not a store. Did you mean {tmp_path / 'adapters'}"):
            require_writable(folder)
    require_writable(tmp_path / "adapters")


def test_the_package_behind_a_text_step_is_recorded_where_the_step_is_used():
    pytest.importorskip("opencc")
    assert "opencc" not in package_versions(("html", "control"))
    assert package_versions(("html", "simplified"))["opencc"] == version("opencc")
    assert set(package_versions()) == set(package_versions(("simplified",))) - {"opencc"}
