"""What a program asks: texts and tenants in, answers out. torch comes with the first answer, not with the import."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, overload

from lingyu.errors import LingyuError
from lingyu.store import TENANTS, Store, Tenant, Version
from lingyu.tasks import Failed, Result, checked_pairs, checked_texts, require_probability, require_threshold

from .tenancy import Tenancy

if TYPE_CHECKING:
    from .engine import Resident
    from .pool import Pool
    from .respondent import Respondent

BUDGET_BYTES = 2 * 2**30


class Lingyu:
    """The adapters of a store, on one base in memory, loaded when they are first asked for. Threads may share it.

    >>> lingyu = Lingyu.load("adapters")
    >>> lingyu.classify(["房间很干净，服务很好"], tenants="hotel")[0].label
    '正面'

    An adapter that reads two texts gets the second one as text_pairs; the answer of any task says itself in full:

        lingyu.classify(["菜好吃，就是上菜慢"], "restaurant", text_pairs=["服务"])[0].answer

    A server that forks (gunicorn --preload) may load it before, and asks for the first answer in each worker: in a fork
    of a process that has answered, torch would wait for ever, and a LingyuError says so. With OMP_NUM_THREADS=1 set
    before the start, one that has answered may fork, while no thread of it is answering.
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
        are kept besides: each takes up to twice as much as its adapters, or 256 MiB.
        Raises LingyuError for a tenants.yaml with faults, all of them at once.
        """
        if tenants is not None and not Path(tenants).is_file():
            raise LingyuError("no such file", where=tenants, next="Check the path")
        return cls(Store(store), Path(tenants) if tenants else Path(store) / TENANTS, budget_bytes)

    @overload
    def classify(
        self,
        texts: Iterable[str],
        tenants: str | Iterable[str],
        *,
        text_pairs: Iterable[str | None] | None = None,
        threshold: float = 0.0,
    ) -> list[Result | Failed]: ...

    @overload
    def classify(
        self,
        texts: Iterable[str],
        tenants: Iterable[list[str]],
        *,
        text_pairs: Iterable[str | None] | None = None,
        threshold: float = 0.0,
    ) -> list[list[Result | Failed]]: ...

    def classify(
        self,
        texts: Iterable[str],
        tenants: str | Iterable[str] | Iterable[list[str]],
        *,
        text_pairs: Iterable[str | None] | None = None,
        threshold: float = 0.0,
    ) -> list[Result | Failed] | list[list[Result | Failed]]:
        """An answer a text, in the order given: a Result, or a Failed that holds the error of that row alone.

        tenants: the tenant of all texts, or one for each; or a list of tenants for each, whose answers are then a list
        too, all from one pass. Without a tenants.yaml a tenant is NAME[@VERSION|@CHANNEL] of an adapter. Never a path,
        so that it may come from a request.
        text_pairs: for each text the second one that is read with it, None where its adapter reads one.
        threshold: below this probability the label is `uncertain`, where tenants.yaml sets nothing else; in multi_label
        it stands in place of the thresholds that the adapter came with. Other tasks have none, and pay no heed to it.
        Raises LingyuError for what is wrong with the call itself.

        A channel that was moved counts from the next call on; a call answers by the versions that it began with.
        """
        texts, names, several = _asked(texts, tenants)
        pairs = checked_pairs(text_pairs, len(texts))
        require_probability(threshold)

        from .answering import Row, answer_rows

        respondents = self._respondents(dict.fromkeys(name for each in names for name in each), threshold)
        rows = [
            Row(text, name, respondents[name], pair)
            for text, pair, each in zip(texts, pairs, names, strict=True)
            for name in each
        ]
        answers = iter(answer_rows(rows))
        if several:
            return [[next(answers) for _ in each] for each in names]
        return list(answers)

    def task_of(self, tenant: str) -> str:
        """What the adapters of a tenant answer at this moment; nothing is loaded for it.

        Raises LingyuError for an unknown tenant, adapter or channel.
        """
        self._tenancy.refresh()
        first = self._tenancy.now(tenant).adapters[0]
        return self._store.manifest(first.name, first.selector).task

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
        from .respondent import Respondent

        def respondent(name: str) -> "Respondent | LingyuError":
            try:
                tenant, residents = self._loaded(name)
                return Respondent(residents, threshold, tenant.thresholds, tenant.where)
            except LingyuError as error:
                return error

        self._tenancy.refresh()
        return {name: respondent(name) for name in names}

    def _loaded(self, name: str) -> "tuple[Tenant, tuple[Resident, ...]]":
        """The tenant as it is now, and its adapters. Raises LingyuError where one of them can't be had."""
        tenant = self._tenancy.now(name)
        while True:
            try:
                return tenant, tuple(self._pool.get(reference) for reference in tenant.adapters)
            except LingyuError:
                # a version may have been replaced and removed while another one of the ensemble was loaded
                before, tenant = tenant, self._tenancy.now(name)
                if tenant.adapters == before.adapters:
                    raise


def load(version: Version) -> "LoadedAdapter":
    """A verified version on its base, ready to answer. Raises LingyuError where the two do not fit."""
    from .engine import Engines
    from .respondent import Respondent

    resident = Engines().of(version).admit(version)
    return LoadedAdapter(version, Respondent((resident,)))


class LoadedAdapter:
    """One version that answers, whatever folder it came from."""

    def __init__(self, version: Version, respondent: "Respondent") -> None:
        self.version = version
        self._respondent = respondent

    def classify(
        self, texts: Iterable[str], *, text_pairs: Iterable[str | None] | None = None, threshold: float = 0.0
    ) -> list[Result | Failed]:
        """As Lingyu.classify. Raises LingyuError for a threshold of an adapter whose task has none, too."""
        from dataclasses import replace

        from .answering import Row, answer_rows

        texts = checked_texts(texts)
        pairs = checked_pairs(text_pairs, len(texts))
        require_threshold(self.version.reference, self.version.manifest.task, threshold)
        respondent, name = replace(self._respondent, threshold=threshold), self.version.reference
        return answer_rows([Row(text, name, respondent, pair) for text, pair in zip(texts, pairs, strict=True)])


def _asked(
    texts: Iterable[str], tenants: str | Iterable[str] | Iterable[list[str]]
) -> tuple[list[str], list[tuple[str, ...]], bool]:
    """The texts, the tenants of each, and whether each was asked of several."""
    texts = checked_texts(texts)
    each = [tenants] * len(texts) if isinstance(tenants, str) else list(tenants)
    if len(each) != len(texts):
        raise LingyuError(f"{len(texts)} texts but {len(each)} tenants", next="Give one tenant, or one a text")
    names = [_names(tenant) for tenant in each]
    kinds = {isinstance(tenant, str) for tenant in each}
    if len(kinds) == 2:
        raise LingyuError("some texts have a tenant, others a list of them", next="Give a list of tenants for each")
    return texts, names, kinds == {False}


def _names(tenant: object) -> tuple[str, ...]:
    """The tenants that a text is asked of. A cell that is empty is None or NaN in many a table."""
    several = tuple(tenant) if isinstance(tenant, list | tuple) else (tenant,)
    for name in several:
        if not isinstance(name, str):
            raise LingyuError(f"a tenant is a {type(name).__name__}", next="Give its name, or a list of names")
    return several
