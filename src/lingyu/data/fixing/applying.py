"""From an edited list of fixes to mended files. What is dropped stays in dropped.csv: no row is lost.

The whole list is checked before anything is written.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, cast, get_args

from lingyu.digests import Sha256
from lingyu.errors import LingyuError, did_you_mean, printable
from lingyu.reporting import Report

from ..audit.report import Check
from ..counts import Counts, StoredCounts
from ..csv_folder import write_folder
from ..reading import find_file, sha256_of
from ..tables import TableRow
from ..whole_tables import WholeTable, first_of
from ..writing import NULLS_IN_CSV, write_csv
from .fix_list import Fix, read_list
from .proposals import ACTIONS, Action
from .sources import (
    DROPPED,
    FIXES,
    FixSource,
    FixSources,
    Model,
    SourceRows,
    read_rows_of,
    read_sources,
    sources_path,
)

_SHOWN = 40
_EDITED = "edited"  # why a row goes, where the list does not say what was found
_AUDIT_AGAIN = "Audit the files again, and propose anew"


class FixedFile(Model):
    file: str
    sha256: Sha256
    rows: int


class FixManifest(Model):
    """fixes.json. sources: as they were before, and still are. overruled: lines whose action is not the suggestion.

    emptied_texts: texts that stood there more than once and of which no row is left.
    """

    format: Literal[1] = 1
    made_by: Literal["lingyu data fix apply"] = "lingyu data fix apply"
    fixes: FixedFile
    sources: tuple[FixedFile, ...]
    counts: StoredCounts
    relabelled: int
    overruled: int
    emptied_texts: int
    files: tuple[FixedFile, ...]


@dataclass(frozen=True)
class Applied:
    """already_there: the folder held the same files before."""

    folder: Path
    files: tuple[str, ...]
    counts: Counts
    relabelled: int
    overruled: int
    already_there: bool


@dataclass(frozen=True)
class _Decision:
    """What becomes of a row. new_label: '' but for relabel."""

    fix: Fix
    action: Action
    new_label: str

    @property
    def why(self) -> str:
        by_hand = f" (suggested: {self.fix.suggestion})" if self.overrules else ""
        return (self.fix.finding or _EDITED) + by_hand

    @property
    def overrules(self) -> bool:
        """False where the list has lost its suggestions."""
        return self.fix.suggestion not in ("", self.action)

    @property
    def check(self) -> str:
        """The first check that it was found by."""
        first = self.fix.finding.split(" ")[0].strip(";")
        return first if first in get_args(Check) else _EDITED


def apply_fixes(
    fix_list: Path,
    out: Path,
    report: Report,
    *,
    encoding: str | None = None,
    sources: Path | None = None,
    force: bool = False,
) -> Applied:
    """Write the mended files into the folder `out`, with dropped.csv and fixes.json.

    encoding: of the list; None to find it. sources: where the list's .sources.json stands, if not beside it.

    Raises LingyuError for a source that has changed since the audit, a line that can't be carried out (an unknown
    action or label, a row that is not there), and a folder that holds something else; nothing is written then.
    """
    find_file(str(fix_list))  # before what lies beside it, which a wrong name would lack too
    about = read_sources(sources or sources_path(fix_list))
    report("applying", 0, 2)
    fixes = read_list(fix_list, encoding)
    rows = read_rows_of(about.sources, about.settings)
    decisions = _decisions(fixes, rows)
    report("applying", 1, 2)
    work = _Work(fix_list, len(fixes), about, rows, decisions)
    made_from = [str(fix_list), *(source.path for source in about.sources)]
    written = write_folder(out, work.names, work.write, made_from=made_from, force=force)
    report("applying", 2, 2)
    return Applied(out, work.names, work.counts, work.relabelled, work.overruled, already_there=not written)


# ---- checking the list


def _decisions(fixes: Sequence[Fix], rows: SourceRows) -> dict[str, _Decision]:
    """Row -> what becomes of it. Raises LingyuError for the first line that can't be, with how many more there are."""
    labels = rows.labels()
    faults = [fault for fix in fixes if (fault := _fault(fix, rows, labels))]
    decisions: dict[str, _Decision] = {}
    for fix in fixes if not faults else ():
        action = _action(fix)
        decision = _Decision(fix, action, fix.new_label if action == "relabel" else "")
        before = decisions.setdefault(fix.row, decision)
        if (before.action, before.new_label) != (decision.action, decision.new_label):
            what = f"{fix.row} stands in {before.fix.where} with another action"
            faults.append(LingyuError(what, fix.where, "Leave one of the two lines"))
    if faults:
        raise first_of(faults)
    return decisions


def _fault(fix: Fix, rows: SourceRows, labels: Sequence[str]) -> LingyuError | None:
    row = rows.by_place.get(fix.row)
    if row is None:
        return LingyuError(f'no row is called "{fix.row[:_SHOWN]}"', fix.where, _AUDIT_AGAIN)
    if rows.text_hash(row) != fix.text_hash:
        hint = "Put the cells row and text_hash back as they were, or propose anew"
        return LingyuError(f"{fix.row} is not the row that this line was written for", fix.where, hint)
    if _action(fix) not in ACTIONS:
        near = did_you_mean(fix.action.lower(), ACTIONS)
        hint = f"Did you mean {near}?" if near else f"Write {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}"
        return LingyuError(f'action: "{fix.action[:_SHOWN]}" is none', fix.where, hint)
    if _action(fix) != "relabel":
        return None
    if rows.settings.label not in row.cells:
        return LingyuError(f"action: relabel, and {fix.row} has no label", fix.where, "Write keep or drop")
    return _label_fault(fix, labels)


def _label_fault(fix: Fix, labels: Sequence[str]) -> LingyuError | None:
    if not fix.new_label:
        return LingyuError("action: relabel without a new_label", fix.where, f"Write one of {_some(labels)}")
    if fix.new_label not in labels:
        near = did_you_mean(fix.new_label, labels)
        hint = f"Did you mean {near}?" if near else f"Write one of {_some(labels)}"
        return LingyuError(f'new_label: "{fix.new_label[:_SHOWN]}" is no label of the files', fix.where, hint)
    return None


def _action(fix: Fix) -> Action:
    """Nothing means keep. What it gives back is one of ACTIONS only once _fault has found nothing."""
    return cast(Action, fix.action.lower() or "keep")


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else "")


# ---- writing the files


@dataclass(frozen=True, eq=False)
class _Work:
    fix_list: Path
    lines: int
    about: FixSources
    rows: SourceRows
    decisions: Mapping[str, _Decision]

    @property
    def names(self) -> tuple[str, ...]:
        return (*(source.file for source in self.about.sources), DROPPED, FIXES)

    @property
    def relabelled(self) -> int:
        return sum(
            decision.action == "relabel" and decision.new_label != self.rows.label(self.rows.by_place[row])
            for row, decision in self.decisions.items()
        )

    @property
    def overruled(self) -> int:
        return sum(decision.overrules for decision in self.decisions.values())

    def write(self, folder: Path) -> None:
        files = []
        for source, table in self._sources():
            kept = self._kept(table)
            write_csv(folder / source.file, table.columns, kept)
            files.append(_written(folder / source.file, len(kept)))
        dropped = self._dropped()
        write_csv(folder / DROPPED, self._dropped_columns(), dropped, bom=True)
        files.append(_written(folder / DROPPED, len(dropped)))
        manifest = FixManifest(
            fixes=FixedFile(file=self.fix_list.name, sha256=sha256_of(self.fix_list), rows=self.lines),
            sources=tuple(
                FixedFile(file=Path(table.source).name, sha256=table.sha256, rows=len(table.rows))
                for table in self.rows.tables
            ),
            counts=StoredCounts.of(self.counts),
            relabelled=self.relabelled,
            overruled=self.overruled,
            emptied_texts=self._emptied_texts,
            files=tuple(files),
        )
        (folder / FIXES).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @cached_property
    def counts(self) -> Counts:
        reasons = Counter(decision.check for decision in self.decisions.values() if decision.action == "drop")
        kept = {source.file: len(self._kept(table)) for source, table in self._sources()}
        numbered = {
            "rows with a new label": self.relabelled,
            "lines of the list that say otherwise than was suggested": self.overruled,
            "texts that stood there more than once, and of which no row is left": self._emptied_texts,
            NULLS_IN_CSV: sum(bool(row.nulls) for table in self.rows.tables for row in table.rows),
        }
        notes = [f"{what}: {count:,}" for what, count in numbered.items() if count]
        notes += [f"no row of {file} is left" for file, rows in kept.items() if not rows]
        notes += self._emptied_labels()
        read = {table.source: len(table.rows) for table in self.rows.tables}
        return Counts(read, dict(reasons.most_common()), kept, tuple(notes))

    def _sources(self) -> Iterator[tuple[FixSource, WholeTable]]:
        return zip(self.about.sources, self.rows.tables, strict=True)

    def _is_dropped(self, place: str) -> bool:
        return place in self.decisions and self.decisions[place].action == "drop"

    def _kept(self, table: WholeTable) -> list[TableRow]:
        return [self._mended(row) for row in table.rows if not self._is_dropped(row.where)]

    def _mended(self, row: TableRow) -> TableRow:
        decision = self.decisions.get(row.where)
        column = self.about.settings.label
        if decision is None or column is None or not decision.new_label or decision.new_label == self.rows.label(row):
            return row
        return TableRow(row.where, {**row.cells, column: decision.new_label})

    def _dropped_columns(self) -> tuple[str, ...]:
        """Those of all sources, and behind them where a row comes from and why it was dropped."""
        columns = dict.fromkeys(column for table in self.rows.tables for column in table.columns)
        return (*columns, *_free_names(columns))

    def _dropped(self) -> list[TableRow]:
        place, why = self._dropped_columns()[-2:]
        return [
            TableRow(row.where, {**row.cells, place: row.where, why: self.decisions[row.where].why})
            for table in self.rows.tables
            for row in table.rows
            if self._is_dropped(row.where)
        ]

    def _emptied_labels(self) -> Iterator[str]:
        """A note for each file that has rows left, and of some label none."""
        for source, table in self._sources():
            left = {self.rows.label(row) for row in self._kept(table)}
            gone = {self.rows.label(row) for row in table.rows} - left - {""}
            if left and gone:
                yield f"labels of which no row is left in {source.file}: {_some(sorted(map(printable, gone)))}"

    @cached_property
    def _emptied_texts(self) -> int:
        return sum(all(map(self._is_dropped, places)) for places in self.rows.same_texts().values())


def _written(path: Path, rows: int) -> FixedFile:
    return FixedFile(file=path.name, sha256=sha256_of(path), rows=rows)


def _free_names(columns: Mapping[str, None]) -> tuple[str, ...]:
    names = []
    for name in ("dropped_from", "dropped_because"):
        while name in columns:
            name = f"_{name}"
        names.append(name)
    return tuple(names)
