"""`lingyu check`, as a user calls it."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from lingyu.cli import main
from lingyu.recipe import json_schema, load_recipe
from lingyu.store import Store

ROOT = Path(__file__).parents[2]
RECIPES = sorted(str(path) for path in (ROOT / "recipes").glob("*.yaml"))
CHAIN = str(ROOT / "recipes" / "hotel-chain.yaml")
DAPT = str(ROOT / "recipes" / "dapt-hotel.yaml")
HOTEL = str(ROOT / "recipes" / "hotel.yaml")

Captured = pytest.CaptureFixture[str]


def test_a_line_for_each_recipe_that_is_fine(capsys: Captured) -> None:
    assert main(["check", *RECIPES]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(RECIPES) >= 8
    assert f"{HOTEL}: fine (single_label, 2 labels, base embedded)" in lines
    assert f"{DAPT}: fine (dapt full, mlm, base embedded -> bases/dapt-hotel)" in lines
    assert f"{CHAIN}: fine (5 stages: corpus, dapt, tapt, adapter, evaluate)" in lines


def test_paths_of_this_machine_that_go_out_with_the_adapter_are_noted(capsys: Captured) -> None:
    assert main(["check", HOTEL, "data.test=/home/me/test.csv"]) == 0
    fine, note = capsys.readouterr().out.splitlines()
    assert fine == f"{HOTEL}: fine (single_label, 2 labels, base embedded)"
    assert "the paths of this machine in data.test" in note
    assert main(["check", HOTEL, "data.test=/home/me/test.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recipes"][0]["notes"] == [note.strip()]


def test_checking_imports_neither_torch_nor_readers_of_data() -> None:
    words = ["check", *RECIPES]
    code = f"import sys; from lingyu.cli import main; assert main({words!r}) == 0; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert "lingyu.recipe" in modules
    assert not modules & {"torch", "transformers", "datasets", "numpy", "pandas", "sklearn"}


def bad_recipe(folder: Path, name: str) -> str:
    path = folder / f"{name}.yaml"
    path.write_text(f"name: {name}\ntask: single_label\nlora: {{rank: 3}}\n", encoding="utf-8")
    return str(path)


def test_faults_of_all_files_are_told_and_fine_files_too(tmp_path: Path, capsys: Captured) -> None:
    one, two = bad_recipe(tmp_path, "one"), bad_recipe(tmp_path, "two")
    assert main(["check", one, HOTEL, two, str(tmp_path / "three.yaml")]) == 2
    output = capsys.readouterr()
    assert output.out == f"{HOTEL}: fine (single_label, 2 labels, base embedded)\n"
    assert output.err.splitlines() == [
        f"{one}:1: data: missing. Add the section data: with train and labels",
        f"{one}:3: lora.rank: no such key. Did you mean lora.r?",
        f"{two}:1: data: missing. Add the section data: with train and labels",
        f"{two}:3: lora.rank: no such key. Did you mean lora.r?",
        f"{tmp_path}/three.yaml: no such file. Paths are taken from the folder you are in",
    ]


def test_a_fault_of_the_command_line_is_told_once(capsys: Captured) -> None:
    recipes = [recipe for recipe in RECIPES if recipe != CHAIN]
    assert main(["check", *recipes, "lora.rank=3"]) == 2
    assert capsys.readouterr().err == "command line: lora.rank: no such key. Did you mean lora.r?\n"


def test_a_chain_has_no_overrides_of_its_own(capsys: Captured) -> None:
    assert main(["check", CHAIN, "train.seed=3"]) == 2
    assert capsys.readouterr().err == (
        f"{CHAIN}: train.seed=3: a chain has no overrides. "
        "Write it into the file, under set of the stage that runs the recipe\n"
    )


def test_faults_of_the_recipes_of_a_chain_stand_at_its_stages(tmp_path: Path, capsys: Captured) -> None:
    one, chain = bad_recipe(tmp_path, "one"), tmp_path / "chain.yaml"
    chain.write_text(
        f"name: c\nstages:\n  - name: a\n    recipe: {DAPT}\n    set: {{lora.rank: 3}}\n"
        "  - name: b\n    recipe: one.yaml\n",
        encoding="utf-8",
    )
    assert main(["check", str(chain)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{chain}:5: stages.set: lora.rank: no such key. Did you mean lora.r?",
        f"{chain}:7: stages.recipe: {one}:1: data: missing. Add the section data: with train and labels",
        f"{chain}:7: stages.recipe: {one}:3: lora.rank: no such key. Did you mean lora.r?",
    ]


def test_pretraining_and_chains_say_what_they_are_in_json(capsys: Captured) -> None:
    assert main(["check", DAPT, CHAIN, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recipes"] == [
        {
            "file": DAPT,
            "fine": True,
            "name": "dapt-hotel",
            "dapt": "full",
            "objective": ["mlm"],
            "base": "embedded",
            "to": "bases/dapt-hotel",
        },
        {
            "file": CHAIN,
            "fine": True,
            "name": "hotel-chain",
            "stages": ["corpus", "dapt", "tapt", "adapter", "evaluate"],
        },
    ]


def test_data_of_a_pretraining_recipe_is_gated_where_it_is_read(capsys: Captured) -> None:
    assert main(["check", DAPT, "--data"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"  a corpus is read and gated by: python dapt.py {DAPT} --dry-run"
    ]


def test_json_is_one_document_of_recipes_or_of_errors(tmp_path: Path, capsys: Captured) -> None:
    assert main(["check", HOTEL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "recipes": [
            {
                "file": HOTEL,
                "fine": True,
                "name": "hotel",
                "task": "single_label",
                "labels": ["负面", "正面"],
                "base": "embedded",
            }
        ]
    }
    assert main(["check", HOTEL, bad_recipe(tmp_path, "one"), "--json"]) == 2
    output = capsys.readouterr()
    assert [error["what"] for error in json.loads(output.out)["errors"]] == ["data: missing", "lora.rank: no such key"]
    assert output.err == ""


def test_resolved_with_overrides_is_a_recipe_again(tmp_path: Path, capsys: Captured) -> None:
    assert main(["check", HOTEL, "--resolved", "lora.r=3", "data.labels={neg: 负, pos: 正}"]) == 0
    path = tmp_path / "resolved.yaml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_recipe(path) == load_recipe(HOTEL, ["lora.r=3", "data.labels={neg: 负, pos: 正}"])


def test_resolved_as_json_has_the_values(capsys: Captured) -> None:
    assert main(["check", HOTEL, "--resolved", "--json", "train.seed=7"]) == 0
    resolved = json.loads(capsys.readouterr().out)["recipes"][0]["resolved"]
    assert resolved["train"]["seed"] == 7
    assert resolved["data"]["labels"] == {"0": "负面", "1": "正面"}


def test_the_schema_is_printed(capsys: Captured) -> None:
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


def test_a_key_is_explained(capsys: Captured) -> None:
    assert main(["check", "--explain", "lora.r"]) == 0
    assert capsys.readouterr().out == (
        "lora.r: whole number at least 1, at most 8192; default 8\n    Rank of the update.\n"
        "In a recipe with dapt:\nlora.r: whole number at least 1, at most 8192; default 64\n    Rank of the update.\n"
    )
    assert main(["check", "--explain", "dapt.mlm_probability"]) == 0
    assert capsys.readouterr().out.startswith("dapt.mlm_probability: number more than 0, less than 1; default 0.2\n")
    assert main(["check", "--explain", "lora.rank"]) == 2
    assert capsys.readouterr().err == "lora.rank: no such key. Did you mean lora.r?\n"


def test_no_recipe_is_wrong_use(capsys: Captured) -> None:
    assert main(["check"]) == 2
    assert capsys.readouterr().err == ("lingyu check: no recipe is named. For instance: lingyu check recipes/*.yaml\n")


TENANTS = "tenants:\n  acme: hotel\n  beta: {adapters: [hotel, hotel@v1], thresholds: {正面: 0.6}}\n"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with hotel@v1 and hotel@v2 (stable), in a folder `adapters`."""
    publisher = runpy.run_path(str(ROOT / "tests/store/publisher.py"))
    for _ in range(2):
        Store(tmp_path / "adapters").publish("hotel", publisher["write_hotel"], why="a test")
    return tmp_path / "adapters"


def test_tenants_are_checked_with_the_store_they_lie_in(store: Path, capsys: Captured) -> None:
    file = store / "tenants.yaml"
    file.write_text(TENANTS, encoding="utf-8")
    assert main(["check", str(file), HOTEL]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{file}: fine (2 tenants, 2 adapters of the store {store})",
        f"{HOTEL}: fine (single_label, 2 labels, base embedded)",
    ]
    file.write_text(TENANTS.replace("@v1", "@v3").replace("正面", "正"), encoding="utf-8")
    assert main(["check", str(file)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:3: tenants.beta: {store / 'hotel'}: no version v3. There are: v1, v2",
        f"{file}:3: tenants.beta.thresholds.正: hotel@v2 has no such label. Did you mean 正面?",
    ]


def test_an_adapter_that_is_averaged_with_itself_is_noted(store: Path, capsys: Captured) -> None:
    file = store / "tenants.yaml"
    file.write_text(TENANTS.replace("@v1", "@v2"), encoding="utf-8")
    assert main(["check", str(file)]) == 0
    note = "tenants.beta: hotel@stable and hotel@v2 are one adapter now, hotel@v2: it counts 2 times in the average"
    assert capsys.readouterr().out.splitlines()[1:] == [f"  {note}"]
    assert main(["check", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tenants"][0]["notes"] == [note]


def test_tenants_elsewhere_are_known_by_their_key_and_need_the_store(
    store: Path, tmp_path: Path, capsys: Captured
) -> None:
    file = tmp_path / "customers.yaml"
    file.write_text(TENANTS, encoding="utf-8")
    assert main(["check", str(file)]) == 2
    assert f"{file}:2: tenants.acme: {tmp_path}: no adapter named `hotel`" in capsys.readouterr().err
    assert main(["check", str(file), "--store", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "recipes": [],
        "tenants": [
            {
                "file": str(file),
                "fine": True,
                "store": str(store),
                "tenants": {
                    "acme": {"adapters": ["hotel@stable"], "thresholds": {}},
                    "beta": {"adapters": ["hotel@stable", "hotel@v1"], "thresholds": {"正面": 0.6}},
                },
            }
        ],
    }


def test_tenants_that_are_a_link_in_their_store_are_refused_as_by_those_who_answer(
    store: Path, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "customers.yaml").write_text(TENANTS, encoding="utf-8")
    file = store / "tenants.yaml"
    file.symlink_to(tmp_path / "customers.yaml")
    assert main(["check", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"{file}: is a symlink; in a store none is followed. ")


def test_faults_of_tenants_stand_among_those_of_recipes(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text("tenant: {a: ../hotel}\n", encoding="utf-8")
    assert main(["check", str(file), bad_recipe(tmp_path, "one")]) == 2
    assert [line.split(". ")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"{file}:1: tenant: no such key",
        f"{file}:1: tenants: missing",
        f"{tmp_path}/one.yaml:1: data: missing",
        f"{tmp_path}/one.yaml:3: lora.rank: no such key",
    ]
    assert main(["check", str(file), "lora.r=3"]) == 2
    assert capsys.readouterr().err == f"{file}: lora.r=3: tenants have no overrides. Write it into the file\n"


def test_a_file_with_an_equals_sign_in_its_name_is_a_file(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "lora.r=8.yaml"
    path.write_text("name: a\ntask: single_label\ndata: {train: x.csv, labels: [a, b]}\n", encoding="utf-8")
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: fine (single_label, 2 labels, base embedded)\n"


def reviews(numbers: range) -> str:
    return "label,text\n" + "".join(f"{n % 2},第{n}条评论很{'好' if n % 2 else '差'}\n" for n in numbers)


def test_data_reads_the_rows_and_a_leak_is_told(tmp_path: Path, capsys: Captured) -> None:
    train, test, path = tmp_path / "train.csv", tmp_path / "test.csv", tmp_path / "r.yaml"
    train.write_text(reviews(range(60)), encoding="utf-8")
    test.write_text(reviews(range(55, 75)), encoding="utf-8")
    data = f"{{train: {train}, test: {test}, labels: {{0: 差, 1: 好}}}}"
    path.write_text(f"name: a\ntask: single_label\ndata: {data}\npublish: {{to: {tmp_path}}}\n", encoding="utf-8")
    assert main(["check", str(path), "--data", "data.drop_leaked=true"]) == 0
    fine, *lines = capsys.readouterr().out.splitlines()
    assert fine == f"{path}: fine (single_label, 2 labels, base embedded)"
    assert "80 rows" in lines[0]
    assert main(["check", str(path), "--data", "--json"]) == 1
    fault = json.loads(capsys.readouterr().out)["errors"][0]
    assert "stand in data.train" in fault["what"]
