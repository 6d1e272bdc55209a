"""`lingyu verify PATH`: an adapter, base, merged model or graph proves what it is, or a line says where it does not."""

import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from lingyu.cli.screen import say_json
from lingyu.errors import Faults, LingyuError, did_you_mean, printable

if TYPE_CHECKING:
    from lingyu.bases import Base, Classifier
    from lingyu.store import Store, Version
    from lingyu.tasks import Task

_CERTIFICATE = "certificate.json"
_GRAPH = "graph.json"
_EMBEDDED = "embedded"
_MERGED_PAGE = "- merged\n- lingyu\n"  # tags of the README.md of every merged model, and of nothing else


@dataclass(frozen=True)
class Proof:
    """What was verified, and what was found to be true of it, a line each."""

    what: str
    lines: tuple[str, ...]


@click.command()
@click.argument("path")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def verify(path: str, as_json: bool) -> None:
    """Prove that an adapter, a base, a merged model or a graph is what it says.

    PATH is the folder of a version, of an adapter, of a whole store, of a base, of a merged model or of an exported
    graph; or `embedded`.
    The status is 0 where all of it is as it should be, 1 where it is not, and 2 where PATH is nothing of the kind.

    \b
    Example: lingyu verify adapters/hotel/v3
      lingyu verify merged/hotel
    """
    kind, prove = _kind_of(path)
    # stdout is for answers: libraries talk there when they are imported
    with redirect_stdout(sys.stderr), Console(stderr=True).status(Text(f"Verifying {printable(path)} …")):
        proofs = _proved(prove)
    if as_json:
        document = {"path": path, "kind": kind, "verified": [asdict(proof) for proof in proofs]}
        say_json(document)
        return
    for proof in proofs:
        click.echo(printable(f"{proof.what}: verified"))
        for line in proof.lines:
            click.echo(f"  {printable(line)}")


_Prove = Callable[[], Iterator[Proof | LingyuError]]


def _proved(prove: _Prove) -> list[Proof]:
    """Raises what is wrong, all of it, with the status of an answer that is no."""
    proofs: list[Proof] = []
    faults: list[LingyuError] = []
    try:
        for found in prove():
            proofs.append(found) if isinstance(found, Proof) else faults.append(found)
    except LingyuError as error:
        faults.append(error)
    if faults:
        no = Faults(faults) if len(faults) > 1 else LingyuError(faults[0].what, faults[0].where, faults[0].next)
        no.status = 1
        raise no
    return proofs


def _kind_of(path: str) -> tuple[str, _Prove]:
    """What lies there, and how it is proved. Raises LingyuError, status 2, where it is nothing of the kind."""
    from lingyu.store import ADAPTER_CONFIG, MANIFEST

    folder = Path(path)
    if path == _EMBEDDED:
        return "base", lambda: _base(path)
    if not folder.is_dir():
        return "version", _of_reference(path)
    if (folder / _CERTIFICATE).exists():
        return "merged", lambda: _merged(folder)
    if (folder / _GRAPH).exists():
        return "graph", lambda: _graph(folder)
    if (folder / MANIFEST).exists():
        return "version", lambda: _versions([folder])
    if _is_adapter(folder):
        return "adapter", lambda: _adapter(folder, _Fit())
    if (folder / "config.json").exists():
        return "base", lambda: _base(path)
    if (folder / ADAPTER_CONFIG).exists():
        raise LingyuError(
            f"is a PEFT adapter without a {MANIFEST}, so nothing says what it should be",
            where=path,
            next="Make a version of it: lingyu adapters import --help",
        )
    if any(_is_adapter(entry) for entry in folder.iterdir()):
        return "store", lambda: _store(folder)
    raise LingyuError(
        "is no adapter, no base, no merged model and no graph", where=path, next="Name the folder of one, or embedded"
    )


def _of_reference(path: str) -> _Prove:
    """adapters/hotel@canary, which is no folder's name."""
    from lingyu.store import open_adapter

    folder = Path(path)
    name, at, _ = folder.name.partition("@")
    if name and at and _is_adapter(folder.parent / name):
        return lambda: _versions([open_adapter(path, "").folder])
    if folder.exists():
        raise LingyuError("is a file", where=path, next=f"Name its folder: lingyu verify {folder.parent}")
    siblings = [str(entry) for entry in folder.parent.iterdir()] if folder.parent.is_dir() else []
    near = did_you_mean(path, [*siblings, _EMBEDDED])
    next = f"Did you mean {near}?" if near else "Name a folder, or embedded"
    raise LingyuError("no such folder", where=path, next=next)


def _is_adapter(folder: Path) -> bool:
    return (folder / "channels.json").exists() or any(folder.glob("v[1-9]*/lingyu.json"))


def _store(root: Path) -> Iterator[Proof | LingyuError]:
    """Every adapter, those too of which no version is left, or that have a name which `list` passes over."""
    from lingyu.store import Store

    fit, listed = _Fit(), Store(root).adapters()
    for entry in sorted(root.iterdir()):
        if entry.is_symlink():
            what = "is a symlink; in a store none is followed"
            yield LingyuError(what, where=entry, next="Put what it points to there")
        elif entry.name in listed or _is_adapter(entry):
            yield from _adapter(entry, fit)


def _adapter(folder: Path, fit: "_Fit") -> Iterator[Proof | LingyuError]:
    """Every version, and that its channels name some of them."""
    from lingyu.store import Store

    store = Store(folder.parent)
    try:
        versions = store.versions(folder.name)
    except LingyuError as error:  # its name is none: that of the next may be
        yield LingyuError(error.what, where=folder, next=error.next)
        return
    for version in versions:
        yield from _caught(partial(_version, folder / version, fit))
    yield from _caught(partial(_channels, store, folder, versions))


def _channels(store: "Store", folder: Path, versions: tuple[str, ...]) -> Proof:
    channels = store.channels(folder.name)
    for channel, version in channels.items():
        if version not in versions:
            raise LingyuError(
                f"channel {channel} names {version}, which is not there",
                where=folder,
                next=f"Restore {version} from a copy, or set the channel to another: lingyu adapters promote --help",
            )
    count = len(store.history(folder.name))
    named = ", ".join(f"{channel} is {version}" for channel, version in sorted(channels.items())) or "no channel is set"
    return Proof(folder.name, (named, f"history: {count:,} lines, all readable"))


def _versions(folders: list[Path]) -> Iterator[Proof | LingyuError]:
    fit = _Fit()
    for folder in folders:
        yield _version(folder, fit)


def _caught(prove: Callable[[], Proof]) -> Iterator[Proof | LingyuError]:
    try:
        yield prove()
    except LingyuError as error:
        yield error


def _version(folder: Path, fit: "_Fit") -> Proof:
    """Its files by its manifest, its name by its folder, its base by its fingerprints, its tensors by that base."""
    from lingyu.store import ANSWERS, HASHES, open_version, read_answers, read_hashes, require_own_name

    version = open_version(folder)
    require_own_name(version)
    files = version.manifest.files
    if HASHES in files:
        read_hashes(folder / HASHES)
    if ANSWERS in files:
        read_answers(folder / ANSWERS)
    size = sum(record.size for record in files.values())
    return Proof(version.reference, (f"{len(files)} files, {size:,} bytes, as in its manifest", *fit.lines_of(version)))


class _Fit:
    """Proves versions against their bases; a base that several have in common is found and loaded once."""

    def __init__(self) -> None:
        self._bases: dict[tuple[str, str, str], tuple[Base, Classifier]] = {}

    def lines_of(self, version: "Version") -> Iterator[str]:
        from lingyu.lora import BaseNotFound, read_weights
        from lingyu.tasks import task_named
        from lingyu.text import clean

        clean("", version.manifest.text_steps)  # raises for a step of a later lingyu, as whoever is to answer does
        weights = read_weights(version.folder)
        record = version.manifest.base
        task = task_named(version.manifest.task, version.manifest.labels)
        try:
            base, classifier = self._base_of(version, task)
        except BaseNotFound as error:
            yield f"its base is not here, so whether it fits was not checked: {error}"
            return
        weights.require_fit(classifier.model, classifier.fresh, task.num_outputs)
        fingerprints = f"weights {record.weights_fingerprint[:12]}, tokenizer {record.tokenizer_fingerprint[:12]}"
        yield f"base {base.id} has the fingerprints that it was trained on: {fingerprints}"
        head = ", ".join(sorted(weights.head))
        lora = f"LoRA on {len(weights.lora)} layers" if weights.lora else "no LoRA"
        yield f"every tensor has its place there and is finite: {lora}, head {head}"

    def _base_of(self, version: "Version", task: "Task") -> "tuple[Base, Classifier]":
        from lingyu.lora import find_base_of

        record = version.manifest.base
        key = (record.weights_fingerprint, record.tokenizer_fingerprint, task.head)
        if key not in self._bases:
            base = find_base_of(version)
            self._bases[key] = (base, base.load_classifier(task.output_names, head=task.head))
        return self._bases[key]


def _base(id: str) -> Iterator[Proof | LingyuError]:
    """Its files by its lineage's list; every tensor is read; the tokenizer fits; a classifier lacks its head alone."""
    from lingyu.bases import LINEAGE, find_base, require_saved
    from lingyu.dapt import published_as, require_files

    base = find_base(id)
    _require_no_merged_model(base.folder)
    listed = require_files(base)
    tensors = _count_finite(base.folder)
    classifier = base.load_classifier(("A", "B"))
    require_saved(classifier.fresh, base.family, id)
    pooler = "with a pooler" if not any("pooler" in key for key in classifier.fresh) else "without a pooler"
    tokens = len(base.tokenizer)
    yield Proof(
        id,
        (
            f"{listed} files, as its {LINEAGE} lists them" if listed else "nothing lists its files",
            f"{base.config.model_type}, {pooler}; {tensors} tensors, all finite",
            f"tokenizer: {tokens:,} entries for {base.config.vocab_size:,} embeddings, and it knows Chinese",
            f"weights fingerprint {base.weights_fingerprint}",
            f"tokenizer fingerprint {base.tokenizer_fingerprint}",
            f"lineage: {' <- '.join((published_as(base), *(ancestor.id for ancestor in base.lineage[1:])))}",
        ),
    )


def _require_no_merged_model(folder: Path) -> None:
    """Raises LingyuError for one that has lost its certificate: as a base it would be believed whatever it holds."""
    page = folder / "README.md"
    if page.is_file() and _MERGED_PAGE in page.read_text("utf-8", "replace"):
        what = f"is a merged model by its {page.name}, and holds no {_CERTIFICATE}: nothing says what it should be"
        raise LingyuError(what, where=folder, next="Copy it anew, or merge the adapter again")


def _count_finite(folder: Path) -> int:
    """How many tensors its files hold. Raises LingyuError for one with NaN or infinity, or a file that is not sound."""
    import torch
    from safetensors import SafetensorError, safe_open

    count = 0
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as opened:
                for name in opened.keys():  # noqa: SIM118 - not a mapping
                    if not torch.isfinite(opened.get_tensor(name)).all():
                        what = f"tensor {name!r:.100} holds values that are no finite numbers"
                        raise LingyuError(what, where=file, next="Copy or download the base anew")
                    count += 1
        except SafetensorError as error:
            what = f"is no sound safetensors file ({error})"
            raise LingyuError(what, where=file, next="Copy or download the base anew") from None
    return count


def _merged(folder: Path) -> Iterator[Proof | LingyuError]:
    from lingyu.release import verify_merged

    found = verify_merged(folder)
    gate, cast = found.gate, found.cast
    lines = [
        f"{len(found.result.files)} files, as in its {_CERTIFICATE}; every tensor is finite",
        f"{found.adapter.reference} merged into {found.base.id} (weights {found.base.weights_fingerprint[:12]})",
        f"weights fingerprint {found.result.weights_fingerprint}, {found.result.dtype}",
        f"against the unmerged adapter on {gate.texts:,} texts ({gate.source}): logits differ by at most "
        f"{gate.largest_difference:.1g}, {gate.changed_labels} labels changed",
    ]
    if cast:
        lines.append(
            f"as {found.result.dtype}: by at most {cast.largest_difference:.1g}, {cast.changed_labels} labels changed"
        )
    yield Proof(str(folder), tuple(lines))


def _graph(folder: Path) -> Iterator[Proof | LingyuError]:
    from lingyu.release import verify_graph

    verified = verify_graph(folder)
    found, gate = verified.manifest, verified.manifest.gate
    lines = [
        f"{len(found.files)} files, as in its {_GRAPH}",
        f"{found.adapter.reference} on {found.base.id} (weights {found.base.weights_fingerprint[:12]}) "
        f"for {found.runtime}, {found.precision}",
        f"{'before it was made int8, ' if gate.int8 else ''}against the adapter in torch on {gate.texts:,} texts "
        f"({gate.source}): logits differ by at most {gate.float32.largest_difference:.1g}, "
        f"{gate.float32.changed_labels} labels changed",
    ]
    if gate.int8:
        lines.append(
            f"as int8: logits differ by at most {gate.int8.largest_difference:.1g}, "
            f"{gate.int8.changed_labels} labels changed"
        )
    lines.append(
        "it answers on this machine as where it was made"
        if verified.answers_as_made
        else "the lingyu that made it has other sentences: whether it answers here as there was not checked"
    )
    yield Proof(str(folder), tuple(lines))
