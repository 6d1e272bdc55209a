"""Test sets whose texts must not stand in a corpus, and which paragraphs touch them.

A paragraph touches a test text where it is the same, near it, or holds it whole, as a raw page holds a review. A test
text of a few characters (很好) stands in many paragraphs and makes a leak of none but its like: near and inside begin
at 16 characters of a same-text form. Raw text has a paragraph a line, so a line of a test text of several lines is
looked for by itself. Another part of a test text, and a page with a near one inside, are not found.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lingyu.data.loading import load_splits
from lingyu.data.near import NEAR, NearIndex
from lingyu.errors import LingyuError
from lingyu.recipe import is_recipe_file, load_recipe
from lingyu.text import Hashes, clean, content_hashes, form_hashes, same_text_form

from .inside import InsideIndex
from .sources import file_and_column, how_to_utf8, shown_name, texts_of

Level = Literal["exact", "same", "near", "inside"]
LEVELS: Final[tuple[Level, ...]] = ("inside", "near", "same", "exact")
"""How a paragraph can touch a test set, the weakest first."""

_SHORTEST_INSIDE = NEAR.shortest

Touches = NDArray[np.int8]
"""(sets, paragraphs) how each paragraph touches each set: 1 + its place in LEVELS, 0 where it does not."""


@dataclass(frozen=True)
class ExcludedSet:
    """A test set. texts: as they are tested on. steps: the text steps that a recipe took them through to be that."""

    name: str
    texts: tuple[str, ...]
    steps: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the sorted content hashes of its distinct texts."""
        hashes = np.unique(content_hashes(self.texts))
        return hashlib.sha256(hashes.astype("<i8").tobytes()).hexdigest()

    @property
    def parts(self) -> Iterator[str]:
        """Its texts, and the lines of those that have several, which raw text has each by itself, as far as they are
        long enough to tell a text from others."""
        for text in self.texts:
            yield text
            lines = text.splitlines()
            if len(lines) > 1:
                yield from (line.strip() for line in lines if len(same_text_form(line)) >= _SHORTEST_INSIDE)


def load_excluded(
    names: Sequence[str], text: str, encoding: str, named_by: str = "--exclude "
) -> tuple[ExcludedSet, ...]:
    """The test sets of these names: tables (`data/test.csv`, or `data/test.csv:review` where the column is not the one
    called text), files with a text a line, and recipes, of which dev and test are taken after their own split.

    named_by: what a person writes before a name. Raises LingyuError for what can't be read.
    """
    return tuple(
        _of_recipe(name) if is_recipe_file(name) else _of_table(name, text, encoding, named_by) for name in names
    )


def _of_recipe(path: str) -> ExcludedSet:
    recipe = load_recipe(path)
    splits = load_splits(recipe.data, recipe.task)
    texts = splits.dev.telling_texts + splits.test.telling_texts
    return ExcludedSet(recipe.name, texts, tuple(recipe.data.clean))


def _of_table(name: str, text: str, encoding: str, named_by: str) -> ExcludedSet:
    path, column = file_and_column(name)
    if is_recipe_file(path.name):
        what = f"a column, {column!r:.40}, of a recipe, which names its own"
        raise LingyuError(what, where=name, next=f"Leave it out: {path}")
    try:
        texts = tuple(filter(None, (found.strip() for found in _texts(path, column or text, encoding))))
    except LingyuError as error:
        if "no column" not in error.what:
            raise
        next_step = f"Name its column: {named_by}{shown_name(path)}:COLUMN"
        raise LingyuError(error.what, error.where, next_step) from None
    if not texts:
        raise LingyuError("an excluded set without a text", where=name, next="Give the file that holds the test texts")
    return ExcludedSet(shown_name(path), texts)


def _texts(path: Path, column: str, encoding: str) -> list[str]:
    """encoding: of the sources. A test set need not be in it: most are UTF-8, which hardly any other text reads as."""
    try:
        return list(texts_of(path, column, "utf-8"))
    except LingyuError:
        if encoding.lower() in ("utf-8", "utf8"):
            raise
    try:
        return list(texts_of(path, column, encoding))
    except LingyuError as error:
        if not error.what.startswith("not ") and "has a line that is not" not in error.what:
            raise
        what = f"a test set that is neither UTF-8 nor {encoding.upper()}"
        raise LingyuError(what, error.where, how_to_utf8(path)) from None


def save_excluded(sets: Sequence[ExcludedSet], path: Path) -> None:
    """For the workers of a build, each of which reads them with saved_excluded()."""
    path.write_text(json.dumps([asdict(excluded) for excluded in sets]), encoding="ascii")


def saved_excluded(path: Path) -> tuple[ExcludedSet, ...]:
    entries = json.loads(path.read_text("ascii"))
    return tuple(ExcludedSet(entry["name"], tuple(entry["texts"]), tuple(entry["steps"])) for entry in entries)


class ExcludedTexts:
    """The texts of all excluded sets, to compare paragraphs with, a batch at a time. Holds some 500 bytes a text."""

    def __init__(self, sets: Sequence[ExcludedSet], steps: Sequence[str]) -> None:
        """steps: what the paragraphs have gone through. A text is compared as it stands and after them: where they
        mask a number in it, they have masked it in the paragraph too. And a paragraph is compared as it stands and
        after the steps of a set, of whose texts nobody knows what they were before."""
        self._sets = len(sets)
        self._steps_of_sets = {
            names: [number for number, each in enumerate(sets) if each.steps == names]
            for names in dict.fromkeys(excluded.steps for excluded in sets)
            if names
        }
        self._exact: dict[str, set[int]] = {}
        for number, excluded in enumerate(sets):
            for part in excluded.parts:
                for version in (part, clean(part, steps)):
                    self._exact.setdefault(version, set()).add(number)
        texts = [text for text in self._exact if text]
        forms = [same_text_form(text) for text in texts]
        hashes, firsts, same = np.unique(form_hashes(forms), return_index=True, return_inverse=True)
        self._hashes: Hashes = hashes
        self._owned = np.zeros((self._sets, len(hashes)), dtype=np.bool_)  # (sets, distinct forms)
        for text, form in zip(texts, same.tolist(), strict=True):
            self._owned[list(self._exact[text]), form] = True
        distinct = [forms[at] for at in firsts.tolist()]
        self._near = NearIndex(distinct)
        self._inside = InsideIndex(distinct, _SHORTEST_INSIDE)

    def touched_by(self, texts: Sequence[str], forms: Sequence[str], hashes: Hashes) -> Touches:
        """How the paragraphs touch the sets. forms, hashes: the same-text form and content hash of each."""
        touches = self._touched_as_they_stand(texts, forms, hashes)
        for steps, sets in self._steps_of_sets.items():
            cleaned = [clean(text, steps) for text in texts]
            changed = [at for at, text in enumerate(texts) if cleaned[at] != text]
            others = [cleaned[at] for at in changed]
            again = self._touched_as_they_stand(others, list(map(same_text_form, others)), content_hashes(others))
            among = np.ix_(sets, changed)
            touches[among] = np.maximum(touches[among], again[sets])
        return touches

    def _touched_as_they_stand(self, texts: Sequence[str], forms: Sequence[str], hashes: Hashes) -> Touches:
        touches = np.zeros((self._sets, len(texts)), dtype=np.int8)
        if not len(self._hashes) or not texts:
            return touches
        near = self._near.near(forms)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        same = np.flatnonzero(self._hashes[at] == hashes)
        pairs = (self._inside.found_in(forms), (near.first, near.second), (same, at[same]))
        for level, (paragraphs, excluded) in enumerate(pairs, 1):  # the stronger over the weaker
            for number, owned in enumerate(self._owned):
                touches[number, paragraphs[owned[excluded]]] = level
        for paragraph in same.tolist():
            touches[list(self._exact.get(texts[paragraph], ())), paragraph] = len(LEVELS)
        return touches
