"""What an audit proposes for each row: all findings of a row joined, and the strongest suggestion among them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from ..audit.report import Check, Finding

Action = Literal["keep", "drop", "relabel"]
ACTIONS: tuple[Action, ...] = get_args(Action)

_STRENGTH = {"keep": 0, "relabel": 1, "drop": 2}  # a row that repeats another goes, whatever its label should be
_CHECKS: tuple[Check, ...] = get_args(Check)


@dataclass(frozen=True)
class Proposal:
    """part: train, dev or test. row: FILE:LINE. findings: all of the row, the strongest suggestion first."""

    part: str
    row: str
    findings: tuple[Finding, ...]

    @property
    def suggestion(self) -> Action:
        return self.findings[0].suggestion

    @property
    def new_label(self) -> str | None:
        """The suggested label, where the suggestion is another label."""
        return self.findings[0].suggested_label if self.suggestion == "relabel" else None

    @property
    def confidence(self) -> float | None:
        return next((it.confidence for it in self.findings if it.confidence is not None), None)

    @property
    def other(self) -> str | None:
        """The row that it repeats, leaks into or resembles."""
        return next((it.other for it in self.findings if it.other is not None), None)

    @property
    def says(self) -> str:
        """What was found: 'leakage (exact); noise'."""
        named = (f"{it.check} ({it.level})" if it.level else it.check for it in self.findings)
        return "; ".join(dict.fromkeys(named))


def proposals(findings: Iterable[Finding]) -> tuple[Proposal, ...]:
    """One a row, in the order in which they are best looked at: check by check, the surest first."""
    of_row: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        of_row.setdefault((finding.part, finding.row), []).append(finding)
    joined = [Proposal(part, row, tuple(sorted(found, key=_weakness))) for (part, row), found in of_row.items()]
    return tuple(sorted(joined, key=lambda it: (_CHECKS.index(it.findings[0].check), -(it.confidence or 0.0))))


def _weakness(finding: Finding) -> tuple[int, float, int]:
    return -_STRENGTH[finding.suggestion], -(finding.confidence or 0.0), _CHECKS.index(finding.check)
