"""merge.py as it is typed: from the store to one model, refused, and stopped."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lingyu.release import verify_merged
from lingyu.serving import load
from lingyu.store import Store

from ..serving.trained import copy_of, reviews, trained
from .conftest import Workplace


@pytest.fixture(scope="module")
def place(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """hotel and shop, really trained, in a folder where merged models may be put."""
    return copy_of(trained(tiny_base), tmp_path_factory.mktemp("merging") / "work")


def merge_py(place: Workplace, repo: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(repo / "merge.py"), *words]
    return subprocess.run(command, cwd=place.folder, capture_output=True, text=True, timeout=120, check=False)


def in_process(place: Workplace, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    from lingyu.cli.merge import main

    monkeypatch.chdir(place.folder)
    return main(words)


def test_a_trained_adapter_becomes_one_model_compared_on_its_dev_split(place: Workplace, repo: Path) -> None:
    said = merge_py(place, repo, "adapters/hotel", "--out", "merged/hotel")
    assert said.returncode == 0, said.stderr
    assert "not at hand" not in said.stderr
    assert "hotel@v1 into ./bases/tiny" in said.stdout
    assert "(dev split of the recipe)" in said.stdout
    assert "no label changed" in " ".join(said.stdout.split())
    assert said.stdout.endswith("check it later: lingyu verify merged/hotel\n")
    certificate = verify_merged(place.folder / "merged/hotel")
    assert certificate.gate.largest_difference < 1e-5


@pytest.mark.filterwarnings("ignore")
def test_a_plain_pipeline_gives_the_labels_that_lingyu_gives(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import pipeline

    assert in_process(place, monkeypatch, "shop", "--out", "merged/shop", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["folder"] == "merged/shop"
    assert document["adapter"]["name"] == "shop"
    texts = [*reviews(place)[:30], "差" * 60]
    ours = load(Store("adapters").open("shop")).classify(texts)
    theirs = pipeline("text-classification", "merged/shop")(texts, truncation=True)
    assert [answer["label"] for answer in theirs] == [answer.label for answer in ours]
    assert len({answer["label"] for answer in theirs}) > 1


def test_texts_of_a_file_are_compared_on(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("hotel", "--out", "merged/given", "--texts", "data/reviews.csv", "--column", "review", "--json")
    assert in_process(place, monkeypatch, *words, "--dtype", "bfloat16") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["gate"]["source"], document["gate"]["texts"]) == ("texts that were given", 300)
    assert document["result"]["dtype"] == "bfloat16"
    assert document["cast"]["largest_difference"] > 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("hotell", "--out", "merged/x"), "Did you mean `hotel`?"),
        (("hotel",), "--out is missing. Add --out merged/hotel"),
        (("hotel", "--out", "data"), "exists already, and is never written over"),
        (("hotel", "shop", "--out", "merged/x"), "--out takes one adapter, and here are 2. Combine them"),
        (("hotel", "--out", "merged/x", "--dtype", "fp16"), "no such dtype: fp16"),
        (("hotel", "--out", "merged/x", "--texts", "data/review.csv"), "Did you mean data/reviews.csv?"),
        (("hotel", "--out", "merged/x", "--texts", "data/reviews.csv"), "no column `text` (--column)"),
        (("hotel", "--out", "merged/x", "--force"), "--force: no such option"),
        ((), "Missing argument"),
    ],
)
def test_what_is_typed_wrong_is_one_line_and_writes_nothing(
    words: tuple[str, ...],
    says: str,
    place: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert in_process(place, monkeypatch, *words) == 2
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.count("\n") == 1
    assert not (place.folder / "merged/x").exists()


@pytest.mark.parametrize("words", [("hotell",), ("hotel", "--dtype", "fp16"), ("hotel", "--texts", "none.csv")])
def test_what_is_typed_wrong_is_told_before_torch_is_waited_for(words: tuple[str, ...], place: Workplace) -> None:
    script = (
        "import sys; from lingyu.cli.merge import main; status = main(sys.argv[1:]); "
        "sys.exit('torch' in sys.modules or status)"
    )
    command = [sys.executable, "-c", script, *words, "--out", "merged/x"]
    said = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)
    assert said.returncode == 2, said.stderr


def test_another_encoding_is_told_as_the_option_that_reads_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.folder / "gbk.csv").write_bytes("text\n房间很干净\n早餐差\n".encode("gbk"))
    words = ("hotel", "--out", "merged/gbk", "--texts", "gbk.csv")
    assert in_process(place, monkeypatch, *words) == 2
    said = capsys.readouterr().err
    assert "Add --encoding gb18030, or save the file as UTF-8" in said
    assert in_process(place, monkeypatch, *words, "--encoding", "gb18030", "--json") == 0
    assert json.loads(capsys.readouterr().out)["gate"]["texts"] == 2


def test_the_help_has_an_example_and_waits_for_no_torch(repo: Path) -> None:
    script = (
        "import sys; from lingyu.cli.merge import main; status = main(['--help']); "
        "sys.exit(status or 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "python merge.py adapters/hotel --out merged/hotel" in said.stdout
    assert "--force" not in said.stdout


def begun(place: Workplace, repo: Path, out: str) -> subprocess.Popen[bytes]:
    """merge.py, comparing on so many texts that there is time to stop it, with its weights written."""
    texts = place.folder / "many.csv"
    texts.write_text("text\n" + "房间很干净下次还来早餐差\n" * 20_000, "utf-8")
    words = ("hotel", "--out", out, "--texts", str(texts))
    process = subprocess.Popen(
        [sys.executable, str(repo / "merge.py"), *words], cwd=place.folder, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 90
    while not list((place.folder / out).parent.glob(".releasing-*/vocab.txt")):
        assert process.poll() is None, out
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def test_ctrl_c_in_the_middle_leaves_nothing(place: Workplace, repo: Path) -> None:
    stopped = begun(place, repo, "stopped/hotel")
    stopped.send_signal(signal.SIGINT)
    assert stopped.wait(timeout=60) == 130
    assert not (place.folder / "stopped").exists()
