"""Finding a base, reading its tokenizer, loading it as a classifier."""

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

from lingyu.errors import LingyuError, did_you_mean
from lingyu.text import Hashes

from .families import Family, family_of, max_positions
from .fingerprints import tokenizer_fingerprint, weight_files, weights_fingerprint

EMBEDDED = Path(__file__).parent / "embedded"
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]  # never a pickle, never code


@dataclass(frozen=True)
class Encoded:
    """input_ids: a list of token ids a text, special tokens included. truncated: whether a text was cut."""

    input_ids: list[list[int]]
    truncated: list[bool]


@dataclass(frozen=True)
class Classifier:
    """A model and the keys of its weights that the base did not bring: random, so an adapter has to hold them."""

    model: torch.nn.Module
    fresh: frozenset[str]


@dataclass(frozen=True)
class Base:
    """An encoder on disk. id and revision are what the recipe says; folder is where that was found."""

    id: str
    revision: str | None
    folder: Path

    @cached_property
    def config(self) -> Any:
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(self.folder)

    @cached_property
    def family(self) -> Family:
        return family_of(self.config.model_type, self.id)

    @cached_property
    def weights_fingerprint(self) -> str:
        return weights_fingerprint(self.folder)

    @cached_property
    def tokenizer_fingerprint(self) -> str:
        return tokenizer_fingerprint(self.tokenizer)

    @cached_property
    def tokenizer(self) -> Any:
        """Raises LingyuError for one that does not fit the weights or can't read Chinese."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.folder)
        if len(tokenizer) > self.config.vocab_size:
            raise LingyuError(
                f"its tokenizer has {len(tokenizer):,} entries, its embeddings {self.config.vocab_size:,}",
                where=self.id,
                next="Copy the tokenizer's files from the publisher anew",
            )
        probe = tokenizer("酒店的服务很好")["input_ids"]
        if probe.count(tokenizer.unk_token_id) * 2 > len(probe):
            raise LingyuError(
                "its tokenizer does not know common Chinese characters",
                where=self.id,
                next="Is vocab.txt or tokenizer.json missing or of another model?",
            )
        return tokenizer

    @cached_property
    def corpus_hashes(self) -> Hashes:
        """Content hashes of the texts that it was pretrained on, sorted; empty where the base does not say."""
        file = self.folder / "hashes.safetensors"
        if not file.is_file():
            return np.zeros(0, dtype=np.int64)
        hashes: Hashes = load_file(file)["corpus"]
        return hashes

    def encode(self, texts: Sequence[str], max_length: int) -> Encoded:
        """Token ids, cut at max_length. A literal '[MASK]' in a text is text, never the special token."""
        if not texts:
            return Encoded([], [])
        batch = self.tokenizer(list(texts), truncation=True, max_length=max_length, split_special_tokens=True)
        return Encoded(batch["input_ids"], [bool(encoding.overflowing) for encoding in batch.encodings])

    def require_length(self, max_length: int) -> None:
        if max_length > max_positions(self.config):
            raise LingyuError(
                f"train.max_length is {max_length}, but the base reads {max_positions(self.config)} tokens at most",
                where=self.id,
                next=f"Set train.max_length={max_positions(self.config)}",
            )

    def load_classifier(self, labels: Sequence[str], seed: int = 0) -> Classifier:
        """The encoder with a fresh head, in float32. seed: of every weight that the base does not bring."""
        from transformers import AutoModelForSequenceClassification, set_seed

        set_seed(seed)
        with warnings.catch_warnings(), _quiet_transformers():
            warnings.simplefilter("ignore")
            model, info = AutoModelForSequenceClassification.from_pretrained(
                self.folder,
                num_labels=len(labels),
                id2label=dict(enumerate(labels)),
                label2id={label: i for i, label in enumerate(labels)},
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # a published classifier's own head makes way for ours
                output_loading_info=True,
            )
        return Classifier(
            model, frozenset(info["missing_keys"]) | frozenset(entry[0] for entry in info["mismatched_keys"])
        )


def find_base(id: str, revision: str | None = None) -> Base:
    """The base that a recipe names: `embedded`, a folder, or a hub id.

    Raises LingyuError where it is nowhere, holds pickles only, or wants to run code of its own.
    """
    folder, revision = _find_folder(id, revision)
    config = folder / "config.json"
    if not config.is_file():
        raise LingyuError("holds no config.json", where=id, next="Give the folder of a transformers encoder")
    try:
        if "auto_map" in json.loads(config.read_text("utf-8")):
            raise LingyuError("asks to run code of its own (auto_map)", where=config, next="Take another base")
    except ValueError:
        raise LingyuError("is not JSON", where=config, next="Copy the base anew") from None
    weight_files(folder)
    return Base(id=id, revision=revision, folder=folder)


def _find_folder(id: str, revision: str | None) -> tuple[Path, str | None]:
    if id == "embedded":
        return EMBEDDED, None
    if Path(id).is_dir():
        return Path(id), None
    if id.startswith((".", "/", "~", "bases/")) or id.count("/") != 1:
        siblings = [str(Path(id).parent / p.name) for p in Path(id).parent.glob("*") if p.is_dir()]
        near = did_you_mean(id, [*siblings, "embedded"])
        raise LingyuError(
            "no such base" if "/" not in id else "no such folder",
            where=id,
            next=f"Did you mean {near}?"
            if near
            else "Give embedded, a folder, or a hub id such as hfl/chinese-macbert-base",
        )
    return _from_hub(id, revision)


def _from_hub(id: str, revision: str | None) -> tuple[Path, str]:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(id, revision=revision, allow_patterns=_HUB_FILES))
    except HFValidationError:
        raise LingyuError("is no hub id", where=id, next="A hub id is owner/name") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        raise LingyuError(
            f"can't be fetched from {endpoint} and is not in the cache ({type(error).__name__})",
            where=id,
            next="Set HF_ENDPOINT to a mirror, or give a folder that holds the base",
        ) from None
    return folder, folder.name  # a snapshot's folder is named by its commit


class _quiet_transformers:  # noqa: N801 - used like a function
    """Loading reports fresh heads as if something were wrong; we check them ourselves."""

    def __enter__(self) -> None:
        from transformers.utils import logging

        self._verbosity = logging.get_verbosity()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        from transformers.utils import logging

        logging.set_verbosity(self._verbosity)
