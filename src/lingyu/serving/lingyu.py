"""What a program asks: texts and tenants in, answers out. torch comes with the first answer, not with the import."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, overload

from lingyu.errors import LingyuError
from lingyu.store import TENANTS, Store, Version
from lingyu.tasks import Failed, Result

from .tenancy import Tenancy

if TYPE_CHECKING:
    from .answering import Respondent
    from .pool import Pool

BUDGET_BYTES = 2 * 2**30


class Lingyu:
    """The adapters of a store, on one base in memory, loaded when they are first asked for. Threads may share it.

    >>> lingyu = Lingyu.load("adapters")
    >>> lingyu.classify(["房间很干净，服务很好"], tenants="hotel")[0].label
    '正面'
    """

    def __init__(self, store: Store, tenants: Path, budget_bytes: int) -> None:
        self._store = store
        self._tenancy = Tenancy(store, tenants)
        self._budget_bytes = budget_bytes
        self._made: Pool | None = None
        self._making = threading.Lock()

    @classmethod
    def load(
        cls, store: str | Path = "adapters", *, tenants: str | Path | None = None, budget_bytes: int = BUDGET_BYTES
    ) -> "Lingyu":
        """tenants: a tenants.yaml; by default the one in the store. Where there is none, a tenant is an adapter.

        budget_bytes: of the adapters in memory; the least recently used go out. The last two mixes of up to 64 of them
        are kept besides, each a copy.
        Raises LingyuError for a tenants.yaml with faults, all of them at once.
        """
        if tenants is not None and not Path(tenants).is_file():
            raise LingyuError("no such file", where=tenants, next="Check the path")
        return cls(Store(store), Path(tenants) if tenants else Path(store) / TENANTS, budget_bytes)

    @overload
    def classify(
        self, texts: Iterable[str], tenants: str | Iterable[str], *, threshold: float = 0.0
    ) -> list[Result | Failed]: ...

    @overload
    def classify(
        self, texts: Iterable[str], tenants: Iterable[list[str]], *, threshold: float = 0.0
    ) -> list[list[Result | Failed]]: ...

    def classify(
        self, texts: Iterable[str], tenants: str | Iterable[str] | Iterable[list[str]], *, threshold: float = 0.0
    ) -> list[Result | Failed] | list[list[Result | Failed]]:
        """An answer a text, in the order given: a Result, or a Failed that holds the error of that row alone.

        tenants: the tenant of all texts, or one for each; or a list of tenants for each, whose answers are then a list
        too, all from one pass. Without a tenants.yaml a tenant is NAME[@VERSION|@CHANNEL] of an adapter. Never a path,
        so that it may come from a request.
        threshold: below this probability the label is `uncertain`, where tenants.yaml sets nothing else.
        Raises LingyuError for what is wrong with the call itself.

        A channel that was moved counts from the next call on; a call answers by the versions that it began with.
        """
        texts, names, several = _asked(texts, tenants)
        _check_threshold(threshold)

        from .answering import Row, answer_rows

        respondents = self._respondents(dict.fromkeys(name for each in names for name in each), threshold)
        rows = [Row(text, name, respondents[name]) for text, each in zip(texts, names, strict=True) for name in each]
        answers = iter(answer_rows(rows))
        if several:
            return [[next(answers) for _ in each] for each in names]
        return list(answers)

    @property
    def resident(self) -> tuple[str, ...]:
        """The versions in memory, the least recently used first."""
        return tuple(version.reference for version in self._pool.versions)

    @property
    def _pool(self) -> "Pool":
        """Made when it is first asked for, since it brings torch; one for all threads, or each would load a base."""
        from .pool import Pool

        with self._making:
            if self._made is None:
                self._made = Pool(self._store, self._budget_bytes)
            return self._made

    def _respondents(self, names: Iterable[str], threshold: float) -> dict[str, "Respondent | LingyuError"]:
        """Who answers for each tenant from now to the end of the call, or why nobody can."""
        from .answering import Respondent

        def respondent(name: str) -> "Respondent | LingyuError":
            try:
                tenant = self._tenancy.now(name)
                residents = tuple(self._pool.get(reference) for reference in tenant.adapters)
                return Respondent(residents, threshold, tenant.thresholds, tenant.where)
            except LingyuError as error:
                return error

        self._tenancy.refresh()
        return {name: respondent(name) for name in names}


def load(version: Version) -> "LoadedAdapter":
    """A verified version on its base, ready to answer. Raises LingyuError where the two do not fit."""
    from .answering import Respondent
    from .engine import Engines

    resident = Engines().of(version).admit(version)
    return LoadedAdapter(version, Respondent((resident,)))


class LoadedAdapter:
    """One version that answers, whatever folder it came from."""

    def __init__(self, version: Version, respondent: "Respondent") -> None:
        self.version = version
        self._respondent = respondent

    def classify(self, texts: Iterable[str], *, threshold: float = 0.0) -> list[Result | Failed]:
        """As Lingyu.classify."""
        from dataclasses import replace

        from .answering import Row, answer_rows

        texts = _checked_texts(texts)
        _check_threshold(threshold)
        respondent = replace(self._respondent, threshold=threshold)
        return answer_rows([Row(text, self.version.reference, respondent) for text in texts])


def _asked(
    texts: Iterable[str], tenants: str | Iterable[str] | Iterable[list[str]]
) -> tuple[list[str], list[tuple[str, ...]], bool]:
    """The texts, the tenants of each, and whether each was asked of several."""
    texts = _checked_texts(texts)
    each = [tenants] * len(texts) if isinstance(tenants, str) else list(tenants)
    if len(each) != len(texts):
        raise LingyuError(f"{len(texts)} texts but {len(each)} tenants", next="Give one tenant, or one a text")
    names = [_names(tenant) for tenant in each]
    kinds = {isinstance(tenant, str) for tenant in each}
    if len(kinds) == 2:
        raise LingyuError("some texts have a tenant, others a list of them", next="Give a list of tenants for each")
    return texts, names, kinds == {False}


def _checked_texts(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str):
        raise LingyuError("classify takes a list of texts", next="Write classify([text], ...)")
    found = list(texts)
    for text in found:
        if not isinstance(text, str):
            raise LingyuError(f"a text is a {type(text).__name__}", next="Give strings only")
    return found


def _names(tenant: object) -> tuple[str, ...]:
    """The tenants that a text is asked of. A cell that is empty is None or NaN in many a table."""
    several = tuple(tenant) if isinstance(tenant, list | tuple) else (tenant,)
    for name in several:
        if not isinstance(name, str):
            raise LingyuError(f"a tenant is a {type(name).__name__}", next="Give its name, or a list of names")
    return several


def _check_threshold(threshold: float) -> None:
    if not 0 <= threshold <= 1:
        raise LingyuError(f"the threshold {threshold} is no probability", next="Give one from 0 to 1")
