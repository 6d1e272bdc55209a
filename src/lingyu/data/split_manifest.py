"""split.json beside train.csv, dev.csv and test.csv: where their rows come from, and that they are still the same.

The same source and settings give the same document: it holds no date and no path. No text of the data stands in it.
"""

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lingyu.digests import Sha256
from lingyu.errors import LingyuError, first_fault

from .counts import Rows, StoredCounts
from .reading import sha256_of

SPLIT: Final = "split.json"
_MADE_BY: Final = "lingyu data split"

PartName = Literal["train", "dev", "test"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class SplitSource(_Model):
    """name: of the file, without its folder."""

    name: str
    sha256: Sha256
    rows: Rows


class SplitSettings(_Model):
    """What a split depends on. clean: steps that texts go through before they are compared; the files keep them as are.

    near_similarity, near_shortest, near_longest_other: see lingyu.data.Nearness.
    """

    dev: float
    test: float
    seed: int
    text: str
    text_pair: str | None
    label: str | None
    group: str | None
    time: str | None
    encoding: str
    clean: tuple[str, ...]
    near_similarity: float
    near_shortest: int
    near_longest_other: int


class Together(_Model):
    """What was kept on one side. near_rows: with a near-duplicate. groups: of more than one row, by text, nearness or
    the group column; rows: in them; largest: rows of the largest one."""

    near_rows: Rows
    groups: Rows
    rows: Rows
    largest: Rows


class TimeCut(_Model):
    """Where a split by time was cut. dev_from, test_from: the time of each one's first group, as it stands in the file.

    late_rows: rows from after the cut of a later part: copies, all of them, of a text from before it.
    early_rows: rows of dev and test from before the cut of theirs, which stay with a later row of their group.
    """

    dev_from: str | None
    test_from: str | None
    late_rows: Rows
    early_rows: Rows


class SplitPart(_Model):
    """labels: label to rows, as they stand in the file."""

    file: str
    sha256: Sha256
    rows: Rows
    labels: dict[str, Rows]


class SplitManifest(_Model):
    format: Literal[1] = 1
    made_by: Literal["lingyu data split"] = _MADE_BY
    source: SplitSource
    settings: SplitSettings
    counts: StoredCounts
    together: Together
    time: TimeCut | None
    parts: dict[PartName, SplitPart]

    def as_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"

    def changed_files(self, folder: Path) -> tuple[str, ...]:
        """The files of the split that are not in the folder any more, or not as they were written."""
        return tuple(
            part.file
            for part in self.parts.values()
            if not (folder / part.file).is_file() or sha256_of(folder / part.file) != part.sha256
        )


def read_split(path: Path) -> SplitManifest | None:
    """The split that a file tells of; None where there is no such file, or one that is none of ours.

    Raises LingyuError for one of ours that is damaged, or of a later lingyu.
    """
    if not path.is_file():
        return None
    data = path.read_bytes()
    try:
        return SplitManifest.model_validate_json(data)
    except ValidationError as error:
        if _MADE_BY.encode() not in data:
            return None
        what = f"not as lingyu data split writes it: {first_fault(error)}"
        raise LingyuError(what, path, "Split the rows again, or use the lingyu that split them") from None


def read_split_of(train: str | Path) -> SplitManifest | None:
    """The split that a training file is a part of: that of the split.json beside it, where that names the file.

    Whether the file is still as it was split is for changed_files() to say.

    Raises LingyuError as read_split does.
    """
    path = Path(train)
    split = read_split(path.parent / SPLIT) if path.is_file() else None
    if split is None or path.name not in (part.file for part in split.parts.values()):
        return None
    return split
