"""How well encoders put back masked words of reviews that none of them has read: docs/results.md.

    python benchmarks/encoders.py run embedded bases/embedded-general ../somewhere/another-base
    python benchmarks/encoders.py table

The texts are the test splits of recipes/hotel.yaml and recipes/ecommerce.yaml. A share of each text's words is masked,
in all encoders the same characters, whatever their vocabularies make of the rest; a character is right where the most
likely entry of the vocabulary is that character. It shares no code with dapt.py's own measurement.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jieba
import numpy as np
import torch
from recorded import REPO, RESULTS, SEED_OF_BOOTSTRAP, write_between
from transformers import AutoModelForMaskedLM, AutoTokenizer

from lingyu.bases import find_base
from lingyu.data import load_splits
from lingyu.recipe import load_recipe

BEGIN, END = "<!-- made by benchmarks/encoders.py table -->", "<!-- end of encoders -->"
RECIPES = {"hotel": 776, "ecommerce": 1000}  # test texts of each
SHARE = 0.15
LONGEST = 120  # characters, which every encoder has positions for
BATCH = 32

Places = list[int]


def main(arguments: Sequence[str]) -> None:
    command, *bases = arguments or ["help"]
    if command == "run" and bases:
        for recipe, most in RECIPES.items():
            measure(recipe, most, bases)
    elif command == "table":
        write_between(BEGIN, END, table())
    else:
        print(__doc__)


def measure(recipe: str, most: int, bases: Sequence[str]) -> None:
    """One JSON a recipe: of each encoder the right and the masked characters of every text. Others in it stay.

    Exits before anything is measured where the JSON is of other texts, or has another encoder under one of the names.
    """
    loaded = load_recipe(REPO / f"recipes/{recipe}.yaml")
    texts = [text[:LONGEST] for text in load_splits(loaded.data, loaded.task).test.texts]
    texts = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())[:most]
    masked = [places_of(text) for text in texts]
    content: dict[str, Any] = {"recipe": recipe, "texts": len(texts), "share": SHARE, "encoders": {}}
    content["masked"] = [len(places) for places in masked]
    file = RESULTS / f"encoders-{recipe}.json"
    before = json.loads(file.read_text("utf-8")) if file.exists() else content
    if before["masked"] != content["masked"]:
        sys.exit(f"{file}: is of other texts or other masks: delete it to measure every encoder anew")
    content["encoders"] |= before["encoders"]
    found = {Path(name).name: find_base(name) for name in bases}
    for name, base in found.items():
        if content["encoders"].get(name, {}).get("weights", base.weights_fingerprint) != base.weights_fingerprint:
            sys.exit(f"{file}: has another encoder as {name}: give this one's folder another name")
    for name, base in found.items():
        right = right_characters(base.folder, texts, masked)
        content["encoders"][name] = {"weights": base.weights_fingerprint, "right": right}
        print(recipe, name, f"{sum(right) / sum(content['masked']):.4f}", flush=True)
    file.write_text(json.dumps(content) + "\n", "utf-8")


def places_of(text: str) -> Places:
    """The characters to mask: whole words of Chinese characters, drawn by the text itself."""
    words = [(begin, end) for word, begin, end in jieba.tokenize(text) if all("一" <= char <= "鿿" for char in word)]
    if not words:
        return []
    draw = np.random.default_rng(list(hashlib.sha256(text.encode()).digest()[:8]))
    chosen = draw.permutation(len(words))[: max(1, round(SHARE * len(words)))]
    return sorted(place for word in chosen for place in range(*words[word]))


def right_characters(folder: Path, texts: Sequence[str], masked: Sequence[Places]) -> list[int]:
    """Of each text, how many masked characters the encoder puts back."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).float().eval()
    right = []
    for begin in range(0, len(texts), BATCH):
        rows = slice(begin, begin + BATCH)
        batch = tokenizer(texts[rows], padding=True, return_offsets_mapping=True, return_tensors="pt")
        offsets, ids = batch.pop("offset_mapping"), batch["input_ids"]
        hidden = [tokens_at(of_text, places) for of_text, places in zip(offsets, masked[rows], strict=True)]
        truth = ids.clone()
        for row, tokens in enumerate(hidden):
            ids[row, tokens] = tokenizer.mask_token_id
        with torch.inference_mode():
            answers = model(**batch).logits.argmax(dim=-1)
        right += [int((answers[row] == truth[row])[tokens].sum()) for row, tokens in enumerate(hidden)]
    return right


def tokens_at(offsets: torch.Tensor, places: Places) -> list[int]:
    """A token for each character: every vocabulary here splits Chinese into characters."""
    token_of = {begin: token for token, (begin, end) in enumerate(offsets.tolist()) if end - begin == 1}
    return [token_of[place] for place in places]


def table() -> str:
    lines = [
        "| test texts of | encoder | masked characters | put back | minus the first |",
        "| --- | --- | ---: | --- | --- |",
    ]
    for recipe in RECIPES:
        content = json.loads((RESULTS / f"encoders-{recipe}.json").read_text("utf-8"))
        masked = np.array(content["masked"])
        first, *_ = (np.array(encoder["right"]) for encoder in content["encoders"].values())
        for name, encoder in content["encoders"].items():
            right = np.array(encoder["right"])
            minus = "" if (right == first).all() else interval(right - first, masked)
            lines.append(f"| {recipe} | {name} | {masked.sum():,} | {interval(right, masked)} | {minus} |")
    return "\n".join(lines)


def interval(counts: np.ndarray, of: np.ndarray) -> str:
    """A share with its 95 % percentile bootstrap over texts."""
    drawn = np.random.default_rng(SEED_OF_BOOTSTRAP).integers(len(of), size=(2000, len(of)))
    low, high = np.percentile(counts[drawn].sum(axis=1) / of[drawn].sum(axis=1), (2.5, 97.5))
    return f"{counts.sum() / of.sum():.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main(sys.argv[1:])
