"""base -> DAPT base -> adapter: merging follows the chain link by link and refuses a gap."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from lingyu.bases import LINEAGE, Ancestor, Base
from lingyu.errors import LingyuError
from lingyu.lora import find_base_of
from lingyu.release import merge
from lingyu.release.ancestry import require_lineage
from lingyu.store import LineageEntry, Store, Version

from .ready_adapters import LABELS, adapted, publish_model, rewrite_weights, write_base

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """published -> first DAPT -> second DAPT -> hotel@v1. Read only."""
    place = tmp_path_factory.mktemp("chain")
    below = write_base(place / "bases/published", "bert")
    for name in ("dapt-news", "dapt-hotel"):
        below = pretrained_further(below, place / "bases" / name)
    base = Base("./bases/dapt-hotel", None, below)
    publish_model(adapted(base, LABELS, 5), base, place / "adapters")
    return place


def pretrained_further(below: Path, folder: Path) -> Path:
    """What a DAPT run leaves: other weights, and the chain in lineage.json."""
    shutil.copytree(below, folder)
    (folder / LINEAGE).unlink(missing_ok=True)
    tensors = load_file(folder / "model.safetensors")
    rewrite_weights(folder, {name: tensor + 0.01 for name, tensor in tensors.items()})
    parents = Base(f"./bases/{below.name}", None, below).lineage
    itself = Ancestor(
        f"./bases/{folder.name}",
        Base("", None, folder).weights_fingerprint,
        note="DAPT",
        parent=parents[0].weights_fingerprint,
    )
    write_lineage(folder, [asdict(ancestor) for ancestor in (itself, *parents)])
    return folder


def write_lineage(folder: Path, entries: list[dict[str, Any]]) -> None:
    (folder / LINEAGE).write_text(json.dumps({"lineage": entries}), "utf-8")


def recorded(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / LINEAGE).read_text("utf-8"))["lineage"]


def test_a_chain_is_merged_and_stands_in_the_certificate(place: Path, nowhere: Path) -> None:
    merged = merge(Store(place / "adapters").open("hotel"), nowhere)
    chain = merged.certificate.lineage
    assert [entry.id for entry in chain] == ["./bases/dapt-hotel", "./bases/dapt-news", "./bases/published"]
    assert [entry.parent for entry in chain] == [*(entry.weights_fingerprint for entry in chain[1:]), None]
    assert merged.certificate.gate.largest_difference < 1e-5
    assert "dapt-news" in (nowhere / "README.md").read_text("utf-8")


def test_a_base_that_somebody_brought_is_its_own_origin(adapter: Version) -> None:
    (only,) = require_lineage(adapter, find_base_of(adapter))
    assert only.parent is None


def test_a_version_that_tells_no_chain_stands_on_its_bases(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    base = Base("./bases/dapt-hotel", None, copy / "bases/dapt-hotel")
    version = publish_model(adapted(base, LABELS, 5), base, copy / "adapters", lineage=())
    assert len(require_lineage(version, find_base_of(version))) == 3


def lost_altogether(folder: Path) -> None:
    (folder / LINEAGE).unlink()


def without_the_middle(folder: Path) -> None:
    first, _, last = recorded(folder)
    write_lineage(folder, [first, last])


def without_the_end(folder: Path) -> None:
    write_lineage(folder, recorded(folder)[:-1])


def with_another_end(folder: Path) -> None:
    *others, last = recorded(folder)
    write_lineage(folder, [*others, {**last, "weights_fingerprint": "0" * 64}])


@pytest.mark.parametrize("lose", [lost_altogether, without_the_middle, without_the_end, with_another_end])
def test_a_chain_that_changed_since_the_training_is_refused(
    lose: Callable[[Path], None], place: Path, tmp_path: Path, nowhere: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    lose(copy / "bases/dapt-hotel")
    with pytest.raises(
        LingyuError, match=r"was trained on the chain \w{12} <- \w{12} <- \w{12}, but its base"
    ) as caught:
        merge(Store(copy / "adapters").open("hotel"), nowhere)
    assert "\n" not in str(caught.value)
    assert not nowhere.parent.exists()


@pytest.mark.parametrize("lose", [without_the_middle, without_the_end, with_another_end])
def test_a_gap_that_was_there_before_the_training_is_refused_too(
    lose: Callable[[Path], None], place: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    lose(copy / "bases/dapt-hotel")
    base = Base("./bases/dapt-hotel", None, copy / "bases/dapt-hotel")
    version = publish_model(adapted(base, LABELS, 5), base, copy / "adapters")
    with pytest.raises(LingyuError, match=r"a gap: \./bases/dapt-\w+ \(\w{12}\) was made from \w{12}, but below"):
        require_lineage(version, find_base_of(version))


def test_a_link_that_names_no_parent_though_one_follows_is_a_gap(place: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    folder = copy / "bases/dapt-hotel"
    write_lineage(folder, [{**entry, "parent": None} for entry in recorded(folder)])
    version = Store(copy / "adapters").open("hotel")
    with pytest.raises(LingyuError, match="was made from no other base, but below it comes"):
        require_lineage(version, find_base_of(version))


def test_a_gap_that_the_version_recorded_is_refused_though_the_base_tells_no_chain_any_more(
    place: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    folder = copy / "bases/dapt-hotel"
    write_lineage(folder, recorded(folder)[:1])
    base = Base("./bases/dapt-hotel", None, folder)
    version = publish_model(adapted(base, LABELS, 5), base, copy / "adapters")
    lost_altogether(folder)
    with pytest.raises(LingyuError, match=r"hotel@v2: a gap: \./bases/dapt-hotel .* but below it comes no other base"):
        require_lineage(version, find_base_of(version))


def test_a_chain_of_another_base_is_refused(place: Path, tmp_path: Path) -> None:
    base = Base("./bases/dapt-hotel", None, place / "bases/dapt-hotel")
    foreign = (LineageEntry(id="elsewhere", weights_fingerprint="1" * 64),)
    version = publish_model(adapted(base, LABELS, 5), base, tmp_path / "adapters", lineage=foreign)
    with pytest.raises(LingyuError, match="its lineage begins with weights 111111111111"):
        require_lineage(version, base)
