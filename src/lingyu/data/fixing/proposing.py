"""From the JSON report of an audit to the list of fixes that a person looks through."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lingyu.errors import LingyuError, first_fault
from lingyu.reporting import Report

from ..audit.report import Audit, Part
from ..writing import nearest_name, write_file
from .fix_list import Fix, write_list
from .proposals import Proposal, proposals
from .sources import FixSettings, FixSources, SourceRows, named_sources, read_rows_of, sources_path


@dataclass(frozen=True)
class Proposed:
    """files: the list and what stands beside it; none where nothing was found. suggested: action -> rows."""

    files: tuple[Path, ...]
    rows: int
    findings: int
    suggested: dict[str, int]


def propose_fixes(report_file: Path, out: Path, report: Report, *, force: bool = False) -> Proposed:
    """Write the list of fixes for the findings of an audit: `out`, and OUT.sources.json beside it.

    Raises LingyuError for a file that is no report, or only its summary; for a source that has changed since, or whose
    rows are of two parts; and without force where the list stands there with other content: a person may have edited
    it.
    """
    audit = _read_audit(report_file)
    if not audit.findings:
        return Proposed((), 0, 0, {})
    if out.suffix.lower() != ".csv":
        raise LingyuError("the list is written as csv", out, f"Name it {nearest_name(out, ('.csv',))}")
    _require_a_part_each(audit)
    about = _about(audit)
    report("proposing", 0, 2)
    rows = read_rows_of(about.sources, about.settings)
    _require_rows(audit, rows)
    report("proposing", 1, 2)
    fixes = _fixes(audit, rows)
    beside = sources_path(out)
    write_file(out, lambda path: write_list(path, fixes), force=force)
    write_file(beside, lambda path: _write_about(path, about), force=True)  # it goes with the list
    report("proposing", 2, 2)
    suggested = Counter(fix.suggestion for fix in fixes)
    return Proposed((out, beside), len(fixes), len(audit.findings), dict(suggested.most_common()))


def _read_audit(path: Path) -> Audit:
    if not path.is_file():
        raise LingyuError("no such file", path, "Write it with: lingyu data audit ... --json")
    try:
        audit = Audit.model_validate_json(path.read_bytes())
    except ValidationError as error:
        what = f"no report of this lingyu: {first_fault(error)}"
        raise LingyuError(what, path, "Write it with: lingyu data audit ... --json") from None
    if not audit.findings and any(verdict.rows for verdict in audit.verdicts):
        raise LingyuError("only the summary of an audit, without the rows", path, "Audit the files again")
    return audit


def _about(audit: Audit) -> FixSources:
    asked = audit.settings
    settings = FixSettings(
        text=asked.text, text_pair=asked.text_pair, label=asked.label, clean=asked.clean, encoding=asked.encoding
    )
    return FixSources(settings=settings, sources=named_sources((part.name, part.source) for part in audit.parts))


def _write_about(path: Path, about: FixSources) -> None:
    path.write_text(about.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _require_a_part_each(audit: Audit) -> None:
    """Raises LingyuError where a row is of two parts: what is dropped from train would be dropped from the test.

    Parts that were split off one file have no row in common, and together no more rows than it.
    """
    of_file: dict[Path, list[Part]] = {}
    for part in audit.parts:
        of_file.setdefault(Path(part.source.path).resolve(), []).append(part)
    for parts in of_file.values():
        if len(parts) > 1 and sum(part.rows + part.empty for part in parts) > parts[0].source.rows:
            what = f"its rows are both {' and '.join(part.name for part in parts)}"
            raise LingyuError(what, parts[0].source.path, "Audit each part from a file of its own")


def _require_rows(audit: Audit, rows: SourceRows) -> None:
    """Raises LingyuError where a finding speaks of a row that no source has."""
    for finding in audit.findings:
        row = rows.by_place.get(finding.row)
        if row is None or rows.text_hash(row) != finding.text_hash:
            what = "the report speaks of a row that is not there, or has another text"
            raise LingyuError(what, finding.row, "Audit the files again")


def _fixes(audit: Audit, rows: SourceRows) -> tuple[Fix, ...]:
    values = {name: value for value, name in audit.settings.labels.items()}
    return tuple(_fix(proposal, rows, values) for proposal in proposals(audit.findings))


def _fix(proposal: Proposal, rows: SourceRows, values: Mapping[str, str]) -> Fix:
    """values: name of a label -> how the files write it; a label without a name is written as it is."""
    row = rows.by_place[proposal.row]
    other = rows.by_place.get(proposal.other or "")
    new_label = proposal.new_label or ""
    return Fix(
        row=proposal.row,
        action=proposal.suggestion,
        new_label=values.get(new_label, new_label),
        label=rows.label(row),
        suggestion=proposal.suggestion,
        finding=proposal.says,
        text_hash=proposal.findings[0].text_hash,
        confidence="" if proposal.confidence is None else f"{proposal.confidence:.3f}",
        text=rows.text(row),
        other_text=rows.text(other) if other else "",
        other=proposal.other or "",
    )
