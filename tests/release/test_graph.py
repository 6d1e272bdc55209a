"""An exported graph answers raw texts as torch does, from what stands in its folder, and refuses what was changed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.bases import find_base
from lingyu.errors import LingyuError
from lingyu.lora import find_base_of
from lingyu.release import Exported, Graph, verify_graph
from lingyu.release.graphs.folder import SEAL, open_graph_folder
from lingyu.release.graphs.graph import VerifiedGraph
from lingyu.release.graphs.runtimes import open_runtime
from lingyu.release.graphs.token_rows import TokenFile, batches_of
from lingyu.serving import load
from lingyu.store import Version
from lingyu.tasks import Failed, Result
from lingyu.text import Encoded, sealed

from .ready_adapters import MAX_LENGTH, TEXTS

HARD_TEXTS = (
    *TEXTS,
    "[CLS][SEP][PAD][UNK][MASK]",
    "ＷＩＦＩ１２３",
    "半个\ud83d字",
    "&lt;b&gt;好&lt;/b&gt;",
    "天\u200b气\u0000好\r\n差",
    "👨‍👩‍👧龘",
)
quickly = settings(max_examples=60)
# what a tokenizer may trip over: its own special tokens, marks that join or split words, and anything else
pieces = st.sampled_from(
    ["[MASK]", "[SEP]", "[CLS]", "[PAD]", "[UNK]", "##a", "好", "wifi", " ", "\u200d", "é", "１", "\n"]
)
any_text = st.lists(pieces | st.text(max_size=4), max_size=30).map("".join)


@pytest.fixture(scope="module", params=["onnx", "openvino"])
def exported(request: pytest.FixtureRequest) -> Exported:
    return request.getfixturevalue(request.param)


@pytest.fixture
def copy(onnx: Exported, tmp_path: Path) -> Path:
    """A graph to be spoilt."""
    return Path(shutil.copytree(onnx.folder, tmp_path / "graph"))


def test_answers_equal_those_of_torch(exported: Exported, adapter: Version) -> None:
    answers = Graph.load(exported.folder).classify(HARD_TEXTS)
    expected = load(adapter).classify(HARD_TEXTS)
    assert np.ptp([answer.probability for answer in answers]) > 0.01, "one answer for all proves little"
    for answer, reference in zip(answers, expected, strict=True):
        assert isinstance(reference, Result)
        assert (answer.text, answer.label, answer.version, answer.truncated) == (
            reference.text,
            reference.label,
            reference.version,
            reference.truncated,
        )
        assert answer.probabilities == pytest.approx(reference.probabilities, abs=1e-4)
        assert answer.probability == pytest.approx(reference.probability, abs=1e-4)
        assert list(answer.as_json()) == list(reference.as_json())
    assert any(answer.truncated for answer in answers)


def test_an_answer_does_not_depend_on_the_texts_beside_it(exported: Exported) -> None:
    graph = Graph.load(exported.folder, threads=1)
    texts = [text * (1 + n % 3) for n, text in enumerate(TEXTS * 40)]
    together = graph.classify(texts)
    assert [answer.text for answer in together] == texts
    for row in (0, 1, 3, len(texts) - 1):
        alone = graph.classify([texts[row]])[0]
        assert alone.probabilities == pytest.approx(together[row].probabilities, abs=1e-5)


def test_threads_do_not_mix_up_their_answers(exported: Exported) -> None:
    graph = Graph.load(exported.folder, threads=1)
    expected = {text: graph.classify([text])[0].probabilities for text in TEXTS}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: graph.classify([text])[0], TEXTS * 30))
    for text, answer in zip(TEXTS * 30, answers, strict=True):
        assert answer.probabilities == pytest.approx(expected[text], abs=1e-5)


def test_below_the_threshold_the_label_is_uncertain(onnx: Exported) -> None:
    graph = Graph.load(onnx.folder)
    plain = graph.classify(TEXTS)
    between = float(np.median([answer.probability for answer in plain]))
    for answer, thresholded in zip(plain, graph.classify(TEXTS, threshold=between), strict=True):
        assert thresholded.label == (answer.label if answer.probability >= between else "uncertain")
        assert thresholded.probabilities == answer.probabilities


def test_a_threshold_of_a_task_that_has_none_is_refused_as_with_torch(onnx: Exported) -> None:
    graph = Graph.load(onnx.folder)
    scale = Graph(onnx.manifest.model_copy(update={"task": "ordinal"}), graph._tokens, graph._run)
    with pytest.raises(LingyuError, match="hotel@v1 is for the task ordinal, whose answers have no threshold"):
        scale.classify(["好"], threshold=0.5)


@pytest.mark.parametrize("overflown", [np.nan, np.inf])
def test_logits_that_are_no_finite_numbers_fail_their_row_alone_as_with_torch(onnx: Exported, overflown: float) -> None:
    graph = Graph.load(onnx.folder)

    def run(*inputs: np.ndarray) -> np.ndarray:
        logits = graph._run(*inputs)
        logits[inputs[0].shape[1] - inputs[1].sum(axis=1) == 0, 0] = overflown  # the longest text of the batch
        return logits

    failed, answered = Graph(graph.manifest, graph._tokens, run).classify(["房间很干净，下次还来", "好"])
    assert isinstance(failed, Failed)
    assert str(failed.error).startswith("hotel@v1: gives logits that are no finite numbers. ")
    assert isinstance(answered, Result)


def test_no_texts_have_no_answers(onnx: Exported) -> None:
    assert Graph.load(onnx.folder).classify([]) == []


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda graph: graph.classify("好"), r"takes a list of texts\. Write classify\(\[text\], \.\.\.\)"),
        (lambda graph: graph.classify(["好"], text_pairs="差"), r"takes a list of second texts\. Write text_pairs="),
        (lambda graph: graph.classify(["好"], text_pairs=["差"]), r"hotel@v1 reads one text, and here are two\. Leave"),
        (lambda graph: graph.classify(["好", None]), r"a text is a NoneType\. Give strings only"),
        (lambda graph: graph.classify(["好"], threshold=1.1), "is no probability"),
    ],
)
def test_a_wrong_question_is_one_line(onnx: Exported, ask: Callable[[Graph], object], says: str) -> None:
    with pytest.raises(LingyuError, match=says):
        ask(Graph.load(onnx.folder))


def test_a_text_of_which_nothing_is_left_is_an_error_of_its_own(onnx: Exported) -> None:
    graph = Graph.load(onnx.folder)
    good, failed = graph.classify(["好", " \u200b\n"])
    assert good == graph.classify(["好"])[0]
    assert isinstance(failed, Failed)
    assert (failed.text, failed.error.what) == (" \u200b\n", "the text is empty")


@given(st.lists(any_text, min_size=1, max_size=4))
@quickly
def test_token_ids_are_those_of_the_base(tiny_tokens: tuple[TokenFile, object], texts: list[str]) -> None:
    tokens, base = tiny_tokens
    readable = [text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") for text in texts]
    found, expected = tokens.encode(readable), base.encode(readable, MAX_LENGTH)
    assert found.input_ids == expected.input_ids
    assert found.truncated == expected.truncated


@pytest.fixture(scope="module")
def tiny_tokens(onnx: Exported, adapter: Version) -> tuple[TokenFile, object]:
    return TokenFile(onnx.folder / "tokenizer.json"), find_base_of(adapter)


def test_token_ids_are_those_of_the_embedded_base(tmp_path: Path) -> None:
    """A real vocabulary, and every bad input that the fingerprint of a tokenizer is taken of."""
    from lingyu.bases.fingerprints import PROBES
    from lingyu.release.graphs.export import _write_tokenizer

    base = find_base("embedded")
    base.encode(["padded", "by others"], 5)  # leaves its truncation behind
    _write_tokenizer(base, 12, "right", tmp_path)
    found = TokenFile(tmp_path / "tokenizer.json").encode(PROBES)
    expected = base.encode(PROBES, 12)
    assert (found.input_ids, found.truncated) == (expected.input_ids, expected.truncated)
    assert any(expected.truncated)
    assert (tmp_path / "vocab.txt").read_bytes() == (base.folder / "vocab.txt").read_bytes()


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 200))
@quickly
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    rows = [[7 + row] * length for row, length in enumerate(lengths)]
    seen = []
    for batch in batches_of(Encoded(rows, [False] * len(rows)), 0, budget):
        seen += batch.rows
        assert batch.input_ids.shape == batch.attention_mask.shape
        assert batch.input_ids.size <= budget or len(batch.rows) == 1
        for at, row in enumerate(batch.rows):
            assert batch.input_ids[at][batch.attention_mask[at] == 1].tolist() == rows[row]
            assert not batch.input_ids[at][batch.attention_mask[at] == 0].any()
    assert sorted(seen) == list(range(len(lengths)))


def flip_a_bit(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 4
    (folder / name).write_bytes(data)


def rewrite_manifest(folder: Path, **changes: object) -> None:
    document = json.loads((folder / "graph.json").read_text("utf-8"))
    (folder / "graph.json").write_bytes(sealed(document | changes, SEAL))


def link_in_place(folder: Path, name: str) -> None:
    moved = folder.parent / name
    (folder / name).rename(moved)
    (folder / name).symlink_to(moved)


SPOILT = {
    "a flipped bit in the graph": (
        lambda f: flip_a_bit(f, "model.onnx"),
        r"model\.onnx: has SHA-256 .* in graph\.json: the file was changed",
    ),
    "a flipped bit in the tokenizer": (lambda f: flip_a_bit(f, "tokenizer.json"), r"tokenizer\.json: has SHA-256"),
    "another page": (lambda f: (f / "README.md").write_text("hi"), r"README\.md: has 2 bytes, but "),
    "a missing file": (lambda f: (f / "model.onnx").unlink(), r"model\.onnx is missing"),
    "a surplus file": (lambda f: (f / "model.onnx.data").write_text("x"), r"model\.onnx\.data: is not listed"),
    "a folder in it": (lambda f: (f / "more").mkdir(), "is not a file"),
    "a symlink in it": (lambda f: link_in_place(f, "model.onnx"), "is a symlink"),
    "no manifest": (lambda f: (f / "graph.json").unlink(), r"holds no graph\.json"),
    "a manifest that is none": (lambda f: (f / "graph.json").write_text("[1]"), "holds no JSON object"),
    "a later format": (lambda f: rewrite_manifest(f, format=2), "has format 2, but this lingyu reads format 1"),
    "no labels": (lambda f: rewrite_manifest(f, labels=[]), "with 0 labels answers nothing"),
    "a later task": (lambda f: rewrite_manifest(f, task="later"), "does not know the task 'later'"),
    "a later step": (lambda f: rewrite_manifest(f, text_steps=["html2"]), "does not know the text step 'html2'"),
    "a path for a file": (lambda f: rewrite_manifest(f, files={"../x": {"sha256": "0" * 64, "size": 1}}), "files"),
    "a flipped bit in the manifest": (lambda f: flip_a_bit(f, "graph.json"), r"graph\.json: "),
    "labels in another order": (
        lambda f: (f / "graph.json").write_text((f / "graph.json").read_text("utf-8").replace("正面", "中立"), "utf-8"),
        r"graph\.json: is not what its graph_sha256 says",
    ),
    "a label too many": (
        lambda f: rewrite_manifest(f, labels=["负面", "中性", "正面", "无"]),
        "4 labels, but logits of 3",
    ),
    "a probe cut short": (
        lambda f: rewrite_manifest(f, probe={"sentences_sha256": "0" * 64, "logits": [[0.0, 0.0, 0.0], [0.0]]}),
        "3 labels, but logits of 1",
    ),
    "a temperature of 0": (lambda f: rewrite_manifest(f, temperature=0.0), "temperature: "),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_was_changed_is_refused(copy: Path, how: str) -> None:
    spoil, says = SPOILT[how]
    spoil(copy)
    with pytest.raises(LingyuError, match=says) as caught:
        Graph.load(copy).classify(["好"])
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_told_with_the_one_beside_it(copy: Path) -> None:
    with pytest.raises(LingyuError, match=r"no such folder\. Did you mean .*/graph\?"):
        open_graph_folder(copy.parent / "grph")
    (copy.parent / "link").symlink_to(copy)
    with pytest.raises(LingyuError, match="is a symlink"):
        open_graph_folder(copy.parent / "link")


def test_a_graph_that_its_runtime_can_not_open_is_one_line(copy: Path) -> None:
    (copy / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(LingyuError, match=r"can't be opened by onnxruntime .* Update it: pip install -U") as caught:
        open_runtime("onnx", copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
def test_a_missing_runtime_is_told_by_its_extra(copy: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        LingyuError, match=rf"needs the package {package}\. Install it with: pip install 'lingyu\[export"
    ):
        Graph.load(copy)


def test_a_graph_proves_that_it_answers_as_where_it_was_made(exported: Exported) -> None:
    assert verify_graph(exported.folder) == VerifiedGraph(exported.manifest, answers_as_made=True)


def test_a_graph_with_the_sentences_of_another_lingyu_is_whole_and_not_asked(copy: Path) -> None:
    probe = json.loads((copy / "graph.json").read_text("utf-8"))["probe"]
    rewrite_manifest(copy, probe={**probe, "sentences_sha256": "0" * 64, "logits": [[9.0, 9.0, 9.0]]})
    assert verify_graph(copy).answers_as_made is False


def test_fewer_probed_sentences_than_there_are_is_one_line(copy: Path) -> None:
    probe = json.loads((copy / "graph.json").read_text("utf-8"))["probe"]
    rewrite_manifest(copy, probe={**probe, "logits": probe["logits"][:3]})
    with pytest.raises(LingyuError, match=r"graph\.json: has the answers to 3 of \d+ sentences"):
        verify_graph(copy)


def test_a_graph_that_answers_differently_here_is_told(copy: Path) -> None:
    probe = json.loads((copy / "graph.json").read_text("utf-8"))["probe"]
    probe["logits"][0][0] += 0.01
    rewrite_manifest(copy, probe=probe)
    with pytest.raises(LingyuError, match=r"answers differently on this machine: a logit by 0\.01") as no:
        verify_graph(copy)
    assert no.value.status == 1
    rewrite_manifest(copy, precision="int8")  # whose logits may move, but not its labels
    verify_graph(copy)


PACKAGES = ("numpy", "onnxruntime", "tokenizers", "pydantic", "pydantic_core", "typing_extensions", "annotated_types",
            "typing_inspection", "lingyu")  # fmt: skip
THREE_LINES = """
from lingyu import Graph
graph = Graph.load("hotel")
print(graph.classify(["房间很干净，下次还来"])[0].label)
"""
WITHOUT_TORCH = """
import importlib.util, sys
for name in ("torch", "transformers", "peft", "safetensors", "huggingface_hub", "ruamel", "filelock", "scipy", "click"):
    assert importlib.util.find_spec(name) is None, name
{}
assert "torch" not in sys.modules
"""


def link_packages(folder: Path, source: Path) -> None:
    """A folder of links to what a graph needs, and to nothing else."""
    folder.mkdir()
    for package in PACKAGES:
        found = distribution(package)
        for top in {Path(str(file)).parts[0] for file in found.files or () if ".." not in file.parts}:
            place = Path(str(found.locate_file(top)))
            if not top.endswith((".pth", "__pycache__")) and not (folder / top).exists():
                (folder / top).symlink_to(place)
    (folder / "lingyu").unlink(missing_ok=True)
    (folder / "lingyu").symlink_to(source)


def test_three_lines_classify_raw_text_where_there_is_no_torch(onnx: Exported, repo: Path, tmp_path: Path) -> None:
    link_packages(tmp_path / "packages", repo / "src" / "lingyu")
    names = {entry.name for entry in (tmp_path / "packages").iterdir()}
    assert "onnxruntime" in names
    assert not {"torch", "transformers", "onnx", "openvino"} & names
    shutil.copytree(onnx.folder, tmp_path / "hotel")
    run = subprocess.run(
        [sys.executable, "-S", "-B", "-X", "utf8", "-c", WITHOUT_TORCH.format(THREE_LINES)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "packages"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == Graph.load(onnx.folder).classify(["房间很干净，下次还来"])[0].label
    assert run.stderr == ""
