"""What a program asks: texts and tenants in, results out. torch comes with the first adapter, not with the import."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lingyu.errors import LingyuError
from lingyu.store import Store, Version

from .result import Result

if TYPE_CHECKING:
    from .engine import LoadedAdapter


class Lingyu:
    """The adapters of a store, loaded when they are first asked for.

    >>> lingyu = Lingyu.load("adapters")
    >>> lingyu.classify(["房间很干净，服务很好"], tenants="hotel")[0].label
    '正面'
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self.adapter = lru_cache(maxsize=None)(self._load)

    @classmethod
    def load(cls, store: str | Path = "adapters") -> "Lingyu":
        return cls(Path(store))

    def classify(self, texts: Iterable[str], tenants: str | Iterable[str], *, threshold: float = 0.0) -> list[Result]:
        """A result a text, in the order given.

        tenants: the adapter of all texts, or one for each: NAME[@VERSION|@CHANNEL]. Never a path, so that a name may
        come from a request.
        threshold: below this probability the label is `uncertain`.
        Raises LingyuError for an unknown adapter, one that fails verification, or a text without a character.
        """
        if isinstance(texts, str):
            raise LingyuError("classify takes a list of texts", next="Write classify([text], ...)")
        if not 0 <= threshold <= 1:
            raise LingyuError(f"the threshold {threshold} is no probability", next="Give one from 0 to 1")
        texts = list(texts)
        names = [tenants] * len(texts) if isinstance(tenants, str) else list(tenants)
        if len(names) != len(texts):
            raise LingyuError(f"{len(texts)} texts but {len(names)} tenants", next="Give one tenant, or one a text")
        results: dict[int, Result] = {}
        for name in dict.fromkeys(names):
            rows = [row for row, other in enumerate(names) if other == name]
            answers = self.adapter(name).classify([texts[row] for row in rows], threshold)
            results.update(zip(rows, answers, strict=True))
        return [results[row] for row in range(len(texts))]

    def _load(self, name: str) -> "LoadedAdapter":
        return load(Store(self.store).open(name))  # a wrong name is told before torch is waited for


def load(version: Version) -> "LoadedAdapter":
    """A verified version on its base, ready to answer. Raises LingyuError where the two do not fit."""
    from . import engine

    return engine.load(version)
