"""What the tests of the audit share: parts made by hand, and what is found in them."""

from collections.abc import Callable, Sequence

import pytest

from lingyu.data import Audited, AuditRequest, audit_parts
from lingyu.data.audit.parts import AuditPart
from lingyu.data.audit.report import Source

Row = tuple[str, str]


def part(name: str, rows: Sequence[Row], pairs: Sequence[str] | None = None) -> AuditPart:
    texts, labels = zip(*rows, strict=True)
    wheres = tuple(f"{name}.csv:{line}" for line in range(2, len(rows) + 2))
    source = Source(path=f"{name}.csv", sha256=None, rows=len(rows))
    return AuditPart(name, source, texts, labels if any(labels) else None, wheres, 0, pairs and tuple(pairs))


@pytest.fixture
def make_part() -> Callable[..., AuditPart]:
    """make_part(name, [(text, label), ...], pairs): a part whose rows stand in NAME.csv from line 2 on."""
    return part


@pytest.fixture
def audited() -> Callable[..., Audited]:
    """audited(train=[(text, label), ...], test=[...]): the audit of these parts, in their order."""

    def audited(**parts: Sequence[Row]) -> Audited:
        made = tuple(part(name, rows) for name, rows in parts.items())
        return audit_parts(AuditRequest(made), lambda *_: None)

    return audited
