"""What holds for the repository as a whole: locked versions, make targets, public names, no unsafe loading."""

import ast
import importlib
import pkgutil
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import lingyu

REPO = Path(__file__).resolve().parents[2]
SOURCES = sorted((REPO / "src").rglob("*.py"))
ROOMS = sorted(module.name for module in pkgutil.iter_modules(lingyu.__path__) if module.ispkg)
TARGETS = ("help", "setup", "demo", "test", "test-slow", "check", "format", "lock", "oracle", "clean")


def canonical(package: str) -> str:
    """PEP 503's one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", package).lower()


def required_packages() -> set[str]:
    project = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return {canonical(re.match(r"[\w.-]+", requirement)[0]) for group in groups for requirement in group}


def pins() -> dict[str, str]:
    lines = (REPO / "constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_every_dependency_of_every_extra_is_locked():
    assert len(required_packages()) > 20
    assert required_packages() - {canonical(name) for name in pins()} == set()


def test_the_lock_is_sorted_exact_and_free_of_a_machines_build():
    names = list(pins())
    assert names == sorted(names, key=str.lower)
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins().values())  # no local part: +cpu, +cu130
    assert pins()["torch"] == "2.13.0"


def test_every_promised_make_target_is_there_and_stands_in_the_help(run_command):
    shown = run_command("make", "--no-print-directory", "help", cwd=REPO)
    assert shown.returncode == 0, shown.stderr
    assert tuple(re.findall(r"^make ([a-z-]+) +\S", shown.stdout, re.MULTILINE)) == TARGETS


def test_make_without_a_target_shows_the_help(run_command):
    assert run_command("make", cwd=REPO).stdout.startswith("make help")


@pytest.mark.parametrize("target", ["setup", "demo", "test", "check"])
def test_a_make_target_can_be_planned_without_running_it(target, run_command):
    planned = run_command("make", "--dry-run", target, cwd=REPO)
    assert planned.returncode == 0, planned.stderr


def test_ci_runs_the_two_words_that_a_developer_types():
    script = (REPO / ".ci" / "run").read_text("utf-8")
    assert re.findall(r"^step (.+)$", script, re.MULTILINE) == ["make test", "make check"]
    assert (REPO / ".ci" / "run").stat().st_mode & 0o111


def test_a_machine_without_a_fitting_python_is_told_so_and_nothing_is_made(run_command, tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((REPO / name).read_bytes())
    told = run_command("make", "setup", "PYTHON=", cwd=tmp_path)
    assert told.returncode != 0
    assert "No Python 3.11 or newer" in told.stderr
    assert not (tmp_path / ".venv").exists()


def test_every_package_that_the_sources_import_is_a_declared_dependency():
    imported = set().union(*(imported_modules(ast.parse(source.read_text("utf-8"))) for source in SOURCES))
    foreign = imported - sys.stdlib_module_names - {"lingyu", "pydantic_core"}  # pydantic's other half, pinned by it
    providers = packages_distributions()
    # modelscope is of an extra that make setup leaves out: called as it is imported
    declared = {name: {canonical(dist) for dist in providers.get(name, [name])} for name in foreign}
    undeclared = {name for name in foreign if not declared[name] & required_packages()}
    assert len(foreign) > 10
    assert undeclared == set()


# What the sources never do


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call with its dotted name, as far as it is written as one: ("torch.load", node)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imported_modules(tree: ast.AST) -> set[str]:
    """Top-level names of what a file imports from outside."""
    plain = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    return {(module or "").partition(".")[0] for module in plain | froms}


def unsafe_loading(tree: ast.AST) -> list[str]:
    """Calls that could run code out of a file: torch.load without weights_only=True, and any trust_remote_code."""
    found = []
    for name, call in calls(tree):
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        weights_only = keywords.get("weights_only")
        if name == "torch.load" and not (isinstance(weights_only, ast.Constant) and weights_only.value is True):
            found.append(f"line {call.lineno}: torch.load without weights_only=True")
        if "trust_remote_code" in keywords:
            found.append(f"line {call.lineno}: {name}(trust_remote_code=...)")
        if "allow_pickle" in keywords:
            found.append(f"line {call.lineno}: {name}(allow_pickle=...)")
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(REPO / "src")))
def test_no_source_can_run_code_out_of_a_file(source):
    tree = ast.parse(source.read_text("utf-8"))
    assert unsafe_loading(tree) == []
    assert imported_modules(tree) & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"} == set()


def test_the_walk_sees_unsafe_loading():
    assert unsafe_loading(ast.parse("torch.load(f)"))
    assert unsafe_loading(ast.parse("torch.load(f, weights_only=False)"))
    assert unsafe_loading(ast.parse("AutoModel.from_pretrained(x, trust_remote_code=True)"))
    assert not unsafe_loading(ast.parse("torch.load(f, weights_only=True)"))
    assert imported_modules(ast.parse("import pickle.x\nfrom joblib import load\nfrom .dill import a")) == {
        "pickle",
        "joblib",
    }


# Rooms


def names_bound_by(init: Path) -> set[str]:
    """Public names that an __init__.py takes from its room, defines or assigns; what it needs itself is none."""
    bound: set[str] = set()
    body = ast.parse(init.read_text("utf-8")).body
    # names that are imported when they are asked for
    later = [node for node in body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    for node in [
        *body,
        *(inner for each in later for inner in each.body),
    ]:
        if isinstance(node, ast.ImportFrom) and node.level:
            bound |= {name.asname or name.name for name in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign):
            bound |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in bound if not name.startswith("_")}


def test_the_import_order_places_every_room_and_nothing_else():
    contract = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    placed = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    assert placed == {module.name for module in pkgutil.iter_modules(lingyu.__path__)}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_shows_exactly_what_its_all_lists(room):
    init = REPO / "src" / "lingyu" / room / "__init__.py"
    bound = names_bound_by(init)
    if room == "cli" or not bound:
        pytest.skip("this room has no public face")
    module = importlib.import_module(f"lingyu.{room}")
    assert len(module.__all__) == len(set(module.__all__))
    assert bound == set(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
