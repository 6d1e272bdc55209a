"""Whether a folder holds all that a base is read from: a download that broke off leaves some of it."""

from collections.abc import Iterator
from pathlib import Path

from lingyu.errors import LingyuError

from ..fingerprints import weight_files
from ..importing import VOCABULARIES, has_safetensors, pickle_files, source_type_in


def lacking_in(folder: Path) -> Iterator[str]:
    """Of "config", "weights", "tokenizer", what is not there. No weights are read."""
    if source_type_in(folder) is None:
        yield "config"
    if not _has_weights(folder):
        yield "weights"
    if not any((folder / name).is_file() for name in VOCABULARIES):
        yield "tokenizer"


def _has_weights(folder: Path) -> bool:
    """All files of them: there may be an index without some of its parts."""
    try:
        files = weight_files(folder) if has_safetensors(folder) else pickle_files(folder)
    except LingyuError:
        return False
    return all(file.is_file() for file in files)
