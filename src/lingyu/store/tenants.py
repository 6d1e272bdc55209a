"""tenants.yaml: who asks, which adapter answers, and from which probability on. Read as strictly as a recipe.

tenants:
  acme: hotel                          # NAME[@VERSION|@CHANNEL]
  beta:
    adapter: ecommerce@canary
    thresholds: {正面: 0.6, 负面: 0.8}   # below it the answer is `uncertain`
  北京分公司:
    adapters: [hotel, hotel@canary]    # an ensemble: same labels, probabilities averaged
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from lingyu.errors import Faults, LingyuError, did_you_mean
from lingyu.recipe import Document, Fault, MappingNode, Node, ScalarNode, SequenceNode, in_words, read_document
from lingyu.recipe import shown as shown_node
from lingyu.tasks import TASKS, WITH_THRESHOLDS, task_named

from .manifest import Manifest
from .names import AdapterReference
from .store import Store

TENANTS = "tenants.yaml"

_ROOT = "tenants"
_LONGEST_NAME = 64
_EXAMPLE = "Begin with tenants:, and below it a line for each, for instance acme: hotel"
_KEYS = ("adapter", "adapters", "thresholds")
_FOREIGN = {
    "name": "Did you mean adapter?",
    "model": "Did you mean adapter?",
    "lora": "Did you mean adapter?",
    "version": "Write it behind the adapter's name: NAME@VERSION",
    "channel": "Write it behind the adapter's name: NAME@CHANNEL",
    "ensemble": "Did you mean adapters?",
}
"""Words that a tenant's keys may be taken for, with what to do."""


@dataclass(frozen=True)
class Tenant:
    """adapters: one, or several whose probabilities are averaged. thresholds: label -> below it the answer is
    `uncertain`. where: the line that names the tenant, `adapters/tenants.yaml:4`."""

    name: str
    adapters: tuple[AdapterReference, ...]
    thresholds: Mapping[str, float] = field(default_factory=dict)
    where: str = ""


def read_tenants(path: Path) -> dict[str, Tenant]:
    """The tenants of a file by name, in its order. No store is asked: see tenant_faults.

    Raises Faults with everything that is wrong, in the order of the file; LingyuError for a file that is none.
    """
    document = read_document(path, "list of tenants")
    if document.refused:  # parts of the tree are left out, and what is missing would be reported too
        raise _in_order(document.faults)
    reader = _Reader(list(document.faults))
    tenants = reader.tenants(document)
    if reader.faults:
        raise _in_order(reader.faults)
    return tenants


def tenant_faults(tenants: Mapping[str, Tenant], store: Store) -> list[LingyuError]:
    """What the store has against tenants, in their order; empty where they can all be answered as it stands now.

    An adapter, version or channel that is not there, a task that is not known, a threshold for a label that the adapter
    does not have, an ensemble whose adapters are not alike.
    """
    try:
        store.adapters()
    except LingyuError as error:  # once, not for every tenant
        return [error]

    @cache
    def look_up(reference: AdapterReference) -> Manifest | LingyuError:
        try:
            found = store.find(reference)
            manifest = store.manifest(found.name, found.selector)
            task_named(manifest.task, manifest.labels)
            return manifest
        except LingyuError as error:
            return error

    return [error for tenant in tenants.values() for error in _faults_of(tenant, look_up)]


def tenant_notes(tenants: Mapping[str, Tenant], store: Store) -> list[str]:
    """Where an ensemble averages an adapter with itself, as the channels stand now: of tenants without a fault.

    No fault: of [hotel, hotel@canary] it is so from a promotion to the next canary.
    """
    find, notes = cache(store.find), []
    for tenant in tenants.values():
        meaning: dict[AdapterReference, list[str]] = {}
        for reference in tenant.adapters:
            meaning.setdefault(find(reference), []).append(str(reference))
        for version, names in meaning.items():
            if len(names) > 1:
                one = f"{' and '.join(names)} are one adapter now, {version}"
                notes.append(f"{_ROOT}.{tenant.name}: {one}: it counts {len(names)} times in the average")
    return notes


def require_alike(first: Manifest, other: Manifest, where: str | None) -> None:
    """Raises LingyuError where a mean of what the two adapters answer would be a mean of unlike things."""
    if first.task != other.task:
        raise _unlike(f"{first.reference} is for the task {first.task}, but {other.reference} for {other.task}", where)
    in_order = TASKS[first.task].traits.order_matters
    if set(first.labels) != set(other.labels) or (in_order and first.labels != other.labels):
        raise LingyuError(
            f"{first.reference} answers {_listed(first)}, but {other.reference} {_listed(other)}",
            where,
            "An ensemble's adapters have the same labels" + (", in the same order" if in_order else ""),
        )
    if first.text_pair != other.text_pair:
        two, one = (first, other) if first.text_pair else (other, first)
        raise _unlike(f"{two.reference} reads two texts, but {one.reference} one", where)
    if TASKS[first.task].head == "token" and _tokens(first) != _tokens(other):
        raise _unlike(f"{first.reference} and {other.reference} cut a text into other tokens", where)


def _tokens(manifest: Manifest) -> tuple[object, ...]:
    """What decides which tokens a text has."""
    return manifest.base.tokenizer_fingerprint, manifest.max_length, manifest.text_steps


def _unlike(what: str, where: str | None) -> LingyuError:
    return LingyuError(what, where, "An ensemble's adapters have the same task, and read the same texts alike")


def _in_order(faults: Sequence[Fault]) -> Faults:
    return Faults(fault.as_error() for fault in sorted(faults, key=lambda fault: fault.place.line or 0))


class _Reader:
    """Tenants out of a file's tree; what is wrong is collected in faults."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults

    def tenants(self, document: Document) -> dict[str, Tenant]:
        root = document.root
        if not isinstance(root, MappingNode):
            empty = isinstance(root, ScalarNode) and root.value is None
            self._fault(root, "an empty file" if empty else "not a mapping of keys", _EXAMPLE)
            return {}
        for key, node in root.entries.items():
            if key != _ROOT:
                near = did_you_mean(key, (_ROOT,))
                self._fault(node, f"{key}: no such key", f"Did you mean {near}?" if near else _EXAMPLE)
        listed = root.entries.get(_ROOT)
        if listed is None:
            self.faults.append(Fault(root.place, f"{_ROOT}: missing", _EXAMPLE))
            return {}
        if not isinstance(listed, MappingNode):
            self._fault(listed, f"{_ROOT}: {shown_node(listed)} is not a mapping", _EXAMPLE)
            return {}
        return {name: self._tenant(name, node) for name, node in listed.entries.items()}

    def _tenant(self, name: str, node: Node) -> Tenant:
        dotted = f"{_ROOT}.{name}"
        self._check_name(name, node)
        if not isinstance(node, MappingNode):
            return Tenant(name, self._short_form(dotted, node), {}, str(node.place))
        for key, inner in node.entries.items():
            if key not in _KEYS:
                self._fault(inner, f"{dotted}.{key}: no such key", _meant(key))
        adapters = self._adapters(dotted, node)
        thresholds = node.entries.get("thresholds")
        limits = {} if thresholds is None else self._thresholds(f"{dotted}.thresholds", thresholds)
        return Tenant(name, adapters, limits, str(node.place))

    def _check_name(self, name: str, node: Node) -> None:
        """A name that two people can not tell apart, or that no cell of a table holds, would be nobody's."""
        if not name.strip():
            self._fault(node, f"{_ROOT}: a tenant without a name", "Write who asks before the colon")
        elif not name.isprintable():
            self._fault(node, f"{_ROOT}.{name}: a character that can't be seen is in the name", "Remove it")
        elif name != name.strip():
            self._fault(node, f"{_ROOT}.{name}: blanks at an end of the name", f"Write it as {name.strip()}")
        elif len(name) > _LONGEST_NAME:
            what = f"{_ROOT}.{name[:16]}…: the name has {len(name)} characters"
            self._fault(node, what, f"It may have {_LONGEST_NAME}")

    def _short_form(self, dotted: str, node: ScalarNode | SequenceNode) -> tuple[AdapterReference, ...]:
        if isinstance(node, ScalarNode):
            return self._reference(dotted, node)
        texts = [item.text if isinstance(item, ScalarNode) else "..." for item in node.items]
        several = f"For an ensemble write {{adapters: [{', '.join(texts[:4] or ['NAME', 'NAME'])}]}}"
        self._fault(node, f"{dotted}: a list is not an adapter's name", several)
        return ()

    def _adapters(self, dotted: str, node: MappingNode) -> tuple[AdapterReference, ...]:
        one, several = node.entries.get("adapter"), node.entries.get("adapters")
        if one is None and several is None:
            self._fault(node, f"{dotted}: no adapter is named", "Add adapter: NAME[@VERSION|@CHANNEL]")
            return ()
        if one is not None and several is not None:
            later = max(one, several, key=lambda inner: inner.place.line or 0)
            self._fault(later, f"{dotted}: adapter and adapters exclude each other", "Keep one of them")
        references: tuple[AdapterReference, ...] = ()
        if one is not None:
            references = self._reference(f"{dotted}.adapter", one)
        if several is not None:
            references = self._ensemble(f"{dotted}.adapters", several)
        return references

    def _ensemble(self, dotted: str, node: Node) -> tuple[AdapterReference, ...]:
        if not isinstance(node, SequenceNode):
            self._in_words(dotted, "tuple_type", node)
            return ()
        if not node.items:
            self._fault(node, f"{dotted}: an empty list", "Name the adapters in it: [hotel, hotel@canary]")
        found: list[AdapterReference] = []
        for item in node.items:
            for reference in self._reference(dotted, item):
                if reference in found:
                    what = f"{dotted}: {reference} stands twice in the list"
                    self._fault(item, what, "Name it once; the average is over different adapters")
                found.append(reference)
        return tuple(found)

    def _reference(self, dotted: str, node: Node) -> tuple[AdapterReference, ...]:
        """The reference in a scalar; none, with a fault, where there is no reference."""
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            several = isinstance(node, SequenceNode) and dotted.endswith(".adapter")
            next_step = "Several stand under adapters" if several else "Write NAME[@VERSION|@CHANNEL]"
            self._in_words(dotted, "string_type", node, next_step)
            return ()
        try:
            return (AdapterReference.parse(node.value),)
        except LingyuError as error:
            self._fault(node, f"{dotted}: {error.what}", error.next)
            return ()

    def _thresholds(self, dotted: str, node: Node) -> dict[str, float]:
        if not isinstance(node, MappingNode):
            self._fault(node, f"{dotted}: {shown_node(node)} is not a mapping", "Write {label: probability}")
            return {}
        limits = {}
        for label, inner in node.entries.items():
            limit = self._probability(f"{dotted}.{label}", inner)
            if limit is not None:
                limits[label] = limit
        return limits

    def _probability(self, dotted: str, node: Node) -> float | None:
        number = node.value if isinstance(node, ScalarNode) else None
        if isinstance(number, bool) or not isinstance(number, int | float):
            self._in_words(dotted, "float_type", node)
        elif not math.isfinite(number):
            self._in_words(dotted, "finite_number", node)
        elif number < 0:
            self._in_words(dotted, "greater_than_equal", node, bound=("ge", 0))
        elif number > 1:
            self._in_words(dotted, "less_than_equal", node, bound=("le", 1))
        else:
            return float(number)
        return None

    def _fault(self, node: Node, what: str, next_step: str | None) -> None:
        self.faults.append(Fault(node.place, what, next_step))

    def _in_words(
        self, dotted: str, kind: str, node: Node, next_step: str | None = None, *, bound: tuple[str, int] = ("", 0)
    ) -> None:
        """A fault in the words that a recipe's would have. next_step: where those words have none."""
        what, known_step = in_words(kind, node, dict([bound]))
        self._fault(node, f"{dotted}: {what}", known_step or next_step)


def _meant(key: str) -> str:
    word = key.strip().lower()
    near = did_you_mean(word, _KEYS)
    return _FOREIGN.get(word) or (f"Did you mean {near}?" if near else f"Keys of a tenant: {', '.join(_KEYS)}")


def _faults_of(tenant: Tenant, look_up: Callable[[AdapterReference], Manifest | LingyuError]) -> Iterator[LingyuError]:
    dotted = f"{_ROOT}.{tenant.name}"
    manifests: list[Manifest] = []
    for reference in tenant.adapters:
        found = look_up(reference)
        if isinstance(found, LingyuError):
            what = f"{found.where}: {found.what}" if found.where else found.what
            yield LingyuError(f"{dotted}: {what}", tenant.where, found.next)
        else:
            manifests.append(found)
    if not manifests:
        return
    first, *others = manifests
    for other in others:
        try:
            require_alike(first, other, tenant.where)
        except LingyuError as error:
            yield LingyuError(f"{dotted}: {error.what}", error.where, error.next)
    if tenant.thresholds and first.task not in WITH_THRESHOLDS:
        what = f"{dotted}.thresholds: {first.reference} is for the task {first.task}, whose answers have no threshold"
        yield LingyuError(what, tenant.where, f"Leave them out: {' and '.join(WITH_THRESHOLDS)} have them")
        return
    for label in tenant.thresholds:
        if label not in first.labels:
            near = did_you_mean(label, first.labels)
            hint = f"Did you mean {near}?" if near else f"It has {_listed(first)}"
            yield LingyuError(f"{dotted}.thresholds.{label}: {first.reference} has no such label", tenant.where, hint)


def _listed(manifest: Manifest) -> str:
    shown = ", ".join(manifest.labels[:8])
    return shown if len(manifest.labels) <= 8 else f"{shown} and {len(manifest.labels) - 8} more"
