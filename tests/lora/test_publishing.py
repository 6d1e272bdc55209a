from pathlib import Path

import pytest

from lingyu.errors import LingyuError
from lingyu.lora.publishing import require_writable


def test_a_recipe_that_names_its_adapter_in_place_of_the_store_is_told_before_it_trains(tmp_path: Path):
    version = tmp_path / "adapters/hotel/v1"
    version.mkdir(parents=True)
    (version / "lingyu.json").write_text("{}")
    for folder in (version, version.parent):
        with pytest.raises(LingyuError, match=f"not a store. Did you mean {tmp_path / 'adapters'}"):
            require_writable(folder)
    require_writable(tmp_path / "adapters")
