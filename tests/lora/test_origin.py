"""A version finds the base it was trained on; one that is no longer shipped is named so, and is not called corrupt."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lingyu.bases import find_base
from lingyu.lora import BaseNotFound, find_base_of
from lingyu.store import Store, Version


@pytest.fixture
def shipped(tmp_path: Path, repo: Path) -> Version:
    """A shipped version in a store of its own."""
    shutil.copytree(repo / "adapters", tmp_path / "adapters", ignore=shutil.ignore_patterns(".locks"))
    return Store(tmp_path / "adapters").open("hotel")


def on_base(version: Version, weights: str, tokenizer: str | None = None, **record: str) -> Version:
    recorded = version.manifest.base
    tokenizer = tokenizer or recorded.tokenizer_fingerprint
    changed = {"weights_fingerprint": weights, "tokenizer_fingerprint": tokenizer, **record}
    update = {"base": recorded.model_copy(update=changed), "max_length": 64}  # as much as a tiny base reads
    return replace(version, manifest=version.manifest.model_copy(update=update))


def test_a_version_on_the_shipped_encoder_finds_it(shipped: Version) -> None:
    assert find_base_of(shipped).weights_fingerprint == find_base("embedded").weights_fingerprint


def test_a_version_on_an_encoder_that_is_no_longer_shipped_is_named_so(shipped: Version) -> None:
    with pytest.raises(BaseNotFound, match=r"embedded encoder 0123456789ab, is no longer shipped") as caught:
        find_base_of(on_base(shipped, "0123456789ab" + "0" * 52))
    assert "Train it anew" in str(caught.value.next)


def test_an_earlier_encoder_that_was_kept_beside_the_store_is_found(
    shipped: Version, tmp_path: Path, tiny_base_with_pooler: Path
) -> None:
    shutil.copytree(tiny_base_with_pooler, tmp_path / "bases" / "embedded-of-old")
    kept = find_base(str(tmp_path / "bases" / "embedded-of-old"))
    found = find_base_of(on_base(shipped, kept.weights_fingerprint, kept.tokenizer_fingerprint))
    assert (found.id, found.weights_fingerprint) == ("embedded", kept.weights_fingerprint)


def test_where_a_hub_is_out_of_reach_its_base_is_found_beside_the_store_by_its_weights(
    shipped: Version, tmp_path: Path, tiny_base: Path, tiny_base_with_pooler: Path
) -> None:
    shutil.copytree(tiny_base_with_pooler, tmp_path / "bases" / "a-decoy")
    base, hub = find_base(str(tiny_base)), {"id": "somebody/tiny", "revision": "0123abc"}
    version = on_base(shipped, base.weights_fingerprint, base.tokenizer_fingerprint, **hub)
    with pytest.raises(BaseNotFound, match="somebody/tiny"):
        find_base_of(version)
    shutil.copytree(tiny_base, tmp_path / "bases" / "from-the-hub")
    found = find_base_of(version)
    assert (found.id, found.revision, found.weights_fingerprint) == (*hub.values(), base.weights_fingerprint)


def test_a_base_beside_the_one_that_fits_may_be_damaged(shipped: Version, tmp_path: Path, tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    for name in ("a-ruin", "whole"):
        shutil.copytree(tiny_base, tmp_path / "bases" / name)
    (tmp_path / "bases/a-ruin/model.safetensors").write_bytes(b"cut")
    version = on_base(shipped, base.weights_fingerprint, base.tokenizer_fingerprint, id="./bases/tiny")
    assert find_base_of(version) == replace(find_base(str(tmp_path / "bases/whole")), id="./bases/tiny")
    (tmp_path / "bases/whole").rename(tmp_path / "bases/tiny")
    assert find_base_of(version).id == "./bases/tiny"


def test_a_version_that_was_copied_to_the_top_of_a_disk_says_where_its_base_may_lie(shipped: Version) -> None:
    alone = replace(on_base(shipped, "0" * 64, id="./bases/tiny"), folder=Path("/hotel"))
    with pytest.raises(BaseNotFound, match="Put it into /bases/, under any name"):
        find_base_of(alone)


def test_a_base_is_not_looked_for_wherever_a_manifest_says(
    shipped: Version, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = find_base(str(tiny_base))
    monkeypatch.chdir(tiny_base)
    for id in (str(tiny_base), f"../{tiny_base.name}"):
        with pytest.raises(BaseNotFound, match="is not there"):
            find_base_of(on_base(shipped, base.weights_fingerprint, base.tokenizer_fingerprint, id=id))
