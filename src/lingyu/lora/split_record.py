"""How the rows of a recipe came into their files, where `lingyu data split` dealt them out: for the manifest."""

from pathlib import Path
from typing import Literal

from lingyu.data import SplitManifest, read_split_of
from lingyu.errors import LingyuError, printable
from lingyu.recipe import Data
from lingyu.store import SplitRecord

Part = Literal["train", "dev", "test"]

_NOT_RECORDED = "how the rows were split is not recorded"


def recorded_split(data: Data) -> tuple[SplitRecord | None, list[str]]:
    """What split.json beside data.train says, and notes. None where there is none, or it tells of other files.

    Files that were changed since they were split are a note: what is said of them does not hold any more.
    """
    try:
        split = read_split_of(data.train)
    except LingyuError as error:
        return None, [f"{_NOT_RECORDED}: {printable(error.what)}"]
    if split is None:
        return None, []
    files = _files_of(split, data)
    if "train" not in files:
        return None, [f"{_NOT_RECORDED}: {data.train} is not the train file of the split that it is a part of"]
    changed = set(split.changed_files(Path(data.train).parent)) & {split.parts[part].file for part in files}
    if changed:
        return None, [f"{_NOT_RECORDED}: changed since the split: {', '.join(sorted(changed))}"]
    return _record(split, files), []


def _files_of(split: SplitManifest, data: Data) -> list[Part]:
    """The parts of the split that the recipe names as what they are."""
    folder = Path(data.train).parent
    named = {"train": data.train, "dev": data.dev, "test": data.test}
    return [
        part
        for part, file in split.parts.items()
        if (source := named[part]) is not None and Path(source).resolve() == (folder / file.file).resolve()
    ]


def _record(split: SplitManifest, parts: list[Part]) -> SplitRecord:
    settings = split.settings
    return SplitRecord(
        source=split.source.sha256,
        seed=settings.seed,
        shares={"dev": settings.dev, "test": settings.test},
        near_similarity=settings.near_similarity,
        near_shortest=settings.near_shortest,
        near_longest_other=settings.near_longest_other,
        group=settings.group,
        time=settings.time,
        parts={part: split.parts[part].sha256 for part in parts},
    )
