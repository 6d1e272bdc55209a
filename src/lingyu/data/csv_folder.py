"""A folder of csv files, and what is said of them in a JSON document, that appears as a whole or not at all."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lingyu.errors import LingyuError
from lingyu.folders import alone_in, hidden_folder, nothing_kept, swap_in, sync_files

from .writing import other_content


def write_folder(
    out: Path, names: Sequence[str], fill: Callable[[Path], None], *, made_from: Sequence[str], force: bool
) -> bool:
    """Have `fill` write files of these names into a hidden folder, which then takes its place as `out`.

    made_from: the files that they are made from, which must not stand there: nothing replaces them.

    False where `out` holds the same files with the same content already. A folder with other files than these is never
    replaced; one with these and other content only with force.

    Raises LingyuError where `out` can't be replaced, and where the disk is full; then nothing was changed.
    """
    _require_ours(out, names)
    for source in made_from:
        if Path(source).resolve().parent == out.resolve():
            what = f"the folder holds {Path(source).name}, which this is made from"
            raise LingyuError(what, out, "Name another with --out")
    try:
        with hidden_folder(out.parent) as staged:
            fill(staged)
            found = sorted(file.name for file in staged.iterdir())
            assert found == sorted(names), "what is written is what was announced"
            sync_files(staged)
            with alone_in(out.parent):
                return _put_in_place(staged, out, names, force=force)
    except OSError as error:
        raise nothing_kept(error, out) from error


def _require_ours(out: Path, names: Sequence[str]) -> None:
    """Raises LingyuError where something stands at the place that a folder of these files can't replace."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise LingyuError("stands there and is no folder", out, "Name another with --out")
    if not out.name or out.name.startswith("."):
        raise LingyuError("can't be the name of the folder", out, "Name it like data/hotel")
    if out.exists():
        require_nothing_lost(out, lambda file: file.name in names)


def require_nothing_lost(out: Path, is_ours: Callable[[Path], bool]) -> None:
    """Raises LingyuError where a folder that is to be replaced holds anything but what was written there by us."""
    others = sorted(file.name for file in out.iterdir() if not is_ours(file))
    if others:
        what = f"the folder holds {others[0]}" + (f" and {len(others) - 1} more" if others[1:] else "")
        raise LingyuError(f"{what}, which would be lost", out, "Name a folder of its own with --out")


def _put_in_place(staged: Path, out: Path, names: Sequence[str], *, force: bool) -> bool:
    _require_ours(out, names)  # a file may have come meanwhile
    if out.exists() and any(out.iterdir()):
        if all((out / name).is_file() and (out / name).read_bytes() == (staged / name).read_bytes() for name in names):
            return False
        if not force:
            raise other_content(out)
    swap_in(staged, out)
    return True
