"""The files that are mended: how they are read, and their rows by the place that findings name.

What the list of fixes does not say stands beside it, in a file of its own, so that a person sees rows and nothing else.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lingyu.digests import Sha256
from lingyu.errors import LingyuError, first_fault
from lingyu.text import clean

from ..audit.report import Source
from ..reading import find_file, sha256_of
from ..row_hashes import as_hexadecimal, row_hashes
from ..tables import TableRow
from ..whole_tables import WholeTable, read_whole

FileName = Annotated[str, Field(pattern=r"^[^./\\][^/\\]*$")]
"""Of a file in the folder that is written: no path."""


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class FixSettings(Model):
    """How the rows were read: columns, encoding, and the steps that texts went through before they were hashed."""

    text: str
    text_pair: str | None
    label: str | None
    clean: tuple[str, ...]
    encoding: str

    @property
    def columns(self) -> dict[str, str]:
        """Column that every source has -> what it is. A test may have no labels."""
        named = {"text": self.text, "text_pair": self.text_pair}
        return {column: what for what, column in named.items() if column is not None}


class FixSource(Model):
    """path: as the audit was given it. sha256: of what was audited. file: the name of the mended file in the folder
    that is written."""

    path: str
    sha256: Sha256
    file: FileName


class FixSources(Model):
    """What stands beside a list of fixes."""

    format: Literal[1] = 1
    made_by: Literal["lingyu data fix propose"] = "lingyu data fix propose"
    settings: FixSettings
    sources: tuple[FixSource, ...]


_NOT_IN_NAMES = re.compile(r"[/\\\0]|^\.+")
DROPPED: Final = "dropped.csv"
FIXES: Final = "fixes.json"


def sources_path(fix_list: Path) -> Path:
    """fixes.sources.json for fixes.csv."""
    return fix_list.with_name(f"{fix_list.stem}.sources.json")


def read_sources(path: Path) -> FixSources:
    if not path.is_file():
        hint = "Put the file that lingyu data fix propose wrote with the list there, or name it with --sources"
        raise LingyuError("no such file, which says what the list is for", path, hint)
    try:
        return FixSources.model_validate_json(path.read_bytes())
    except ValidationError as error:
        what = f"not as lingyu data fix propose writes it: {first_fault(error)}"
        raise LingyuError(what, path, "Propose the fixes again") from None


def named_sources(audited: Iterable[tuple[str, Source]]) -> tuple[FixSource, ...]:
    """audited: (name of the part, its source). A mended file has the name of its source, as a csv; where that is taken,
    the part's before it. A source of several parts is one file.

    Raises LingyuError for a source that is no file.
    """
    parts: dict[str, tuple[str, str]] = {}
    for part, source in audited:
        if source.sha256 is None:
            raise LingyuError("a set of the hub, which is not mended", source.path, "Save its rows as files to audit")
        parts.setdefault(source.path, (part, source.sha256))
    taken = {DROPPED, FIXES}
    sources = []
    for number, (path, (part, sha256)) in enumerate(parts.items(), 1):
        name = _NOT_IN_NAMES.sub("_", f"{_stem(path)}.csv")
        wanted = (name, f"{_NOT_IN_NAMES.sub('_', part)}-{name}", f"{number}-{name}")
        file = next(candidate for candidate in wanted if candidate.casefold() not in taken)
        taken.add(file.casefold())
        sources.append(FixSource(path=path, sha256=sha256, file=file))
    return tuple(sources)


def _stem(path: str) -> str:
    """hotel for data/hotel.csv and data/hotel.csv.gz."""
    return Path(Path(path).name.lstrip(".").removesuffix(".gz")).stem


@dataclass(frozen=True, eq=False)
class SourceRows:
    """The rows of all sources. by_place: FILE:LINE -> row."""

    settings: FixSettings
    tables: tuple[WholeTable, ...]
    by_place: dict[str, TableRow]

    def text(self, row: TableRow) -> str:
        """What a person is shown: the text as it stands in the file, both where a row has two."""
        pair = self.settings.text_pair
        return row.cells[self.settings.text] + ("" if pair is None else f" | {row.cells[pair]}")

    def label(self, row: TableRow) -> str:
        """'' where the row has none."""
        return "" if self.settings.label is None else row.cells.get(self.settings.label, "").strip()

    def labels(self) -> tuple[str, ...]:
        """All that occur, sorted."""
        return tuple(sorted({self.label(row) for row in self.by_place.values()} - {""}))

    def text_hash(self, row: TableRow) -> str:
        """As a finding has it."""
        return as_hexadecimal(int(self._hashes([row])[0]))

    def _hashes(self, rows: Sequence[TableRow]) -> Sequence[int]:
        steps, pair = self.settings.clean, self.settings.text_pair
        texts = [clean(row.cells[self.settings.text], steps) for row in rows]
        pairs = None if pair is None else [clean(row.cells[pair], steps) for row in rows]
        hashes: list[int] = row_hashes(texts, pairs).tolist()
        return hashes

    def same_texts(self) -> dict[int, list[str]]:
        """Content hash -> the places of the rows with it, of texts that stand there more than once."""
        places: dict[int, list[str]] = {}
        for key, place in zip(self._hashes(list(self.by_place.values())), self.by_place, strict=True):
            places.setdefault(key, []).append(place)
        return {key: found for key, found in places.items() if len(found) > 1}


def read_rows_of(sources: Sequence[FixSource], settings: FixSettings) -> SourceRows:
    """Raises LingyuError for a source that has changed since it was audited, and for one that can't be read."""
    tables = tuple(_unchanged(source, settings) for source in sources)
    return SourceRows(settings, tables, {row.where: row for table in tables for row in table.rows})


def _unchanged(source: FixSource, settings: FixSettings) -> WholeTable:
    if sha256_of(find_file(source.path)) != source.sha256:
        raise LingyuError("the file has changed since the audit", source.path, "Audit it again, and propose anew")
    return read_whole(source.path, settings.encoding, settings.columns)
