"""The audit of what a run trains on and is measured by: whole in the run's folder, its summary in the version.

It tells what the gates do not stop at. So it stops nobody either: where it fails, that is said, and training goes on.
"""

import traceback
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from lingyu.bases import Base
from lingyu.data import Audit, AuditReading, AuditRequest, Splits, audit_parts, in_one_go, parts_of_splits
from lingyu.errors import LingyuError, from_os_error, printable
from lingyu.recipe import Recipe
from lingyu.store import AUDIT

PAGE = "audit.html"
FAILURE = "audit-failure.txt"


@dataclass(frozen=True)
class RunAudit:
    """audit: None where it failed. faults: why; the card names them. lines: for whoever waits for the training."""

    audit: Audit | None
    faults: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def audit_of_run(recipe: Recipe, base: Base, splits: Splits, folder: Path) -> RunAudit:
    """Writes audit.json, with a line a finding, and audit.html into the run's folder; the page alone holds texts.

    A run that goes on has the audit that it began with there, and nothing is written.
    """
    try:
        request = _request(recipe, base, splits)
        kept = _read(folder / AUDIT, request)
        if kept is not None:
            return RunAudit(kept)
        audit = _make(request, folder)
    except (LingyuError, OSError) as error:  # a full disk, say: the training need not wait for a report
        fault = f"the data was not audited: {_reason(error)}"
        return RunAudit(None, (fault,), (fault,))
    except Exception as error:  # a bug of ours is said, and kept, but no reason not to train
        (folder / FAILURE).write_text(traceback.format_exc(), "utf-8")
        fault = f"the data was not audited: {type(error).__name__}, a bug in lingyu; see {FAILURE} in the run's folder"
        return RunAudit(None, (fault,), (fault,))
    return RunAudit(audit, lines=(_line(audit, folder / PAGE),))


def _reason(error: LingyuError | OSError) -> str:
    """For a card too, which holds no path of this machine."""
    return from_os_error(error).what if isinstance(error, OSError) else printable(error.what)


def _request(recipe: Recipe, base: Base, splits: Splits) -> AuditRequest:
    return AuditRequest(
        parts=parts_of_splits(splits, recipe.data),
        reading=AuditReading.of_recipe(recipe.data, recipe.task),
        base=base,
        max_length=recipe.train.max_length,
    )


def _make(request: AuditRequest, folder: Path) -> Audit:
    from lingyu.data import page  # with jinja, which a resumed run does without

    audited = audit_parts(request, lambda *_: None)
    _write(folder / PAGE, page(audited.audit, audited.samples))
    _write(folder / AUDIT, audited.audit.model_dump_json(indent=1) + "\n")  # last: with it the audit is done
    return audited.audit


def _line(audit: Audit, page: Path) -> str:
    worth_a_look = [verdict.check.replace("_", " ") for verdict in audit.verdicts if verdict.grade in ("look", "stop")]
    return f"data audit: {audit.grade}{': ' if worth_a_look else ''}{', '.join(worth_a_look)}; see {page}"


def _read(path: Path, request: AuditRequest) -> Audit | None:
    """None where it is not there, was damaged, or is of other rows: a run may go on with another test."""
    try:
        kept = Audit.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    audited = [(part.name, part.source, part.rows) for part in kept.parts]
    return kept if audited == [(part.name, part.source, len(part.texts)) for part in request.parts] else None


def _write(path: Path, text: str) -> None:
    with in_one_go(path, makes_folders=False) as staged:
        staged.path.write_text(text, "utf-8")
