"""The README's commands, run as they stand there, and its two languages side by side."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from .conftest import write_reviews

READMES = ("README.md", "README.zh-CN.md")


def blocks(page: str, language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    return [block for marked, block in fenced if marked == language]


def block_with(repo: Path, readme: str, language: str, words: str) -> str:
    (found,) = [block for block in blocks((repo / readme).read_text("utf-8"), language) if words in block]
    return found


def run_script(script: str, folder: Path, repo: Path) -> subprocess.CompletedProcess[str]:
    """A block as a user pastes it, in this environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name in ("train_lora.py", "dapt.py", "merge.py"):
        script = script.replace(f" {name} ", f" {repo / name} ")
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )


def run_python(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ}
    del environment["WANDB_MODE"]  # with it set, a library says so on stdout when it is imported
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def checkout(tmp_path: Path, repo: Path) -> Path:
    """What the commands need of a checkout, where they may write."""
    shutil.copytree(repo / "recipes", tmp_path / "recipes")
    shutil.copytree(repo / "adapters", tmp_path / "adapters")
    (tmp_path / "data").mkdir()
    return tmp_path


def test_training_on_your_own_rows_is_the_lines_of_the_readme(checkout: Path, repo: Path) -> None:
    write_reviews(checkout / "data/mine.csv")
    done = run_script(block_with(repo, "README.md", "bash", "cat > recipes/mine.yaml"), checkout, repo)
    assert done.returncode == 0, done.stderr
    assert "recipes/mine.yaml: fine" in done.stdout
    assert "published mine@v1" in done.stdout
    assert done.stdout.strip().splitlines()[-1].endswith("房间很干净，下次还来")


def test_pretraining_on_raw_text_is_the_lines_of_the_readme(checkout: Path, repo: Path) -> None:
    write_reviews(checkout / "data/mine.csv")
    recipe = re.search(r"mine\.yaml <<'YAML'\n(.*?)YAML\n", (repo / "README.md").read_text("utf-8"), flags=re.DOTALL)
    assert recipe is not None
    (checkout / "recipes/mine.yaml").write_text(recipe[1], "utf-8")
    (checkout / "raw").mkdir()
    pages = [f"第{number}天住在湖边的酒店，早餐有{number % 7}种，房间很安静。" for number in range(100)]
    (checkout / "raw/pages.txt").write_text("\n".join(pages), "utf-8")
    done = run_script(block_with(repo, "README.md", "bash", "dapt.py recipes/dapt-mine.yaml"), checkout, repo)
    assert done.returncode == 0, done.stderr
    assert "published bases/mine" in done.stdout
    assert "published mine@v1" in done.stdout


def test_rows_of_a_spreadsheet_go_through_the_tools_as_the_readme_says(checkout: Path, repo: Path) -> None:
    write_reviews(checkout / "rows.csv")
    with (checkout / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    (checkout / "raw").mkdir()
    book = openpyxl.Workbook()
    for row in [*rows, *rows[1:5]]:
        book.active.append(row)
    book.save(checkout / "raw/reviews.xlsx")
    column = rows[0].index("review")
    (checkout / "raw/pages.txt").write_text("\n".join(["网页的导航", *(row[column] for row in rows[1:])]), "utf-8")

    done = run_script(block_with(repo, "README.md", "bash", "lingyu data import"), checkout, repo)
    assert done.returncode == 0, done.stderr
    assert f"kept {len(rows) + 3:,} of {len(rows) + 3:,} rows" in done.stdout
    assert "duplicates" in (checkout / "data/mended/dropped.csv").read_text("utf-8")
    tests = len((checkout / "data/split/test.csv").read_text("utf-8").splitlines()) - 1
    corpus = json.loads((checkout / "data/corpus/pages/corpus.json").read_text("utf-8"))
    assert corpus["counts"]["removed"]["touch an excluded set"] >= tests > 0


def test_predict_answers_as_the_readme_says(checkout: Path, repo: Path) -> None:
    write_reviews(checkout / "in.csv", rows=5)
    (checkout / "lines.txt").write_text("房间很干净\n前台态度很差\n", "utf-8")
    done = run_script(block_with(repo, "README.md", "bash", "lines.txt"), checkout, repo)
    assert done.returncode == 0, done.stderr
    assert len((checkout / "out.csv").read_text("utf-8").splitlines()) == 6
    assert done.stdout.count('"version": "hotel@v') == 2


def test_the_tenants_and_the_python_lines_answer_as_the_readme_says(checkout: Path, repo: Path) -> None:
    rows = "acme,房间很干净\nbeta,手机不错\nnobody,书很好\n"
    (checkout / "mixed.csv").write_text(f"customer,review\n{rows}", "utf-8")
    done = run_script(block_with(repo, "README.md", "bash", "tenants.yaml"), checkout, repo)
    assert done.returncode == 2, "one row of the file has no tenant"
    assert "tenants.yaml: fine" in done.stdout
    answers = (checkout / "answers.csv").read_text("utf-8").splitlines()
    assert ["no tenant 'nobody'" in line for line in answers] == [False, False, False, True]

    done = run_python(block_with(repo, "README.md", "python", "Lingyu.load"), checkout)
    assert done.returncode == 0, done.stderr
    (shown,) = [block for block in blocks((repo / "README.md").read_text("utf-8"), "") if "+ecommerce@" in block]
    assert done.stdout.splitlines() == shown.splitlines()


def test_merging_and_exporting_are_the_lines_of_the_readme(checkout: Path, repo: Path) -> None:
    done = run_script(block_with(repo, "README.md", "bash", "merge.py"), checkout, repo)
    assert done.returncode == 0, done.stderr
    assert "no label changed" in done.stdout
    assert "merged/hotel: verified" in done.stdout
    done = run_python(block_with(repo, "README.md", "python", "Graph.load"), checkout)
    assert done.stdout == "正面\n", done.stderr


def test_both_languages_give_the_same_commands(repo: Path) -> None:
    pages = [(repo / readme).read_text("utf-8") for readme in READMES]
    for language in ("bash", "python"):
        commands = [[_without_comments(block) for block in blocks(page, language)] for page in pages]
        assert commands[0] == commands[1]


@pytest.mark.parametrize("readme", READMES)
def test_every_link_of_the_readme_leads_somewhere(readme: str, repo: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (repo / readme).read_text("utf-8"))
    assert links
    assert [link for link in links if not (repo / link).exists()] == []


@pytest.mark.parametrize("readme", READMES)
def test_the_first_command_stands_on_the_first_screen(readme: str, repo: Path) -> None:
    head = (repo / readme).read_text("utf-8").splitlines()[:30]
    assert "```bash" in head


def _without_comments(block: str) -> list[str]:
    return [re.sub(r"\s+# .*", "", line).rstrip() for line in block.splitlines()]
