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


def on_base(version: Version, weights: str, tokenizer: str | None = None) -> Version:
    recorded = version.manifest.base
    changed = {"weights_fingerprint": weights, "tokenizer_fingerprint": tokenizer or recorded.tokenizer_fingerprint}
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
