"""An adapter as a graph: what is written, that it answers as torch does, that nothing is written where it does not."""

import importlib
import importlib.metadata
import logging
import os
import shutil
import sys
import threading
from pathlib import Path

import numpy as np
import onnx as onnx_format
import pytest
import torch
from torch import nn

from lingyu.errors import LingyuError
from lingyu.lora import find_base_of, load_adapter
from lingyu.release import Exported, Graph, export_graph
from lingyu.release.graphs.folder import MODEL_FILES, Comparison, RuntimeName
from lingyu.release.graphs.gate import compare, require_agreement, require_same_logits
from lingyu.release.graphs.runtimes import open_runtime, untracked
from lingyu.release.graphs.speed import texts_per_s, timed_batches
from lingyu.release.graphs.tracing import quantise, quiet, require_packages, trace
from lingyu.store import Version
from lingyu.tasks import Calibration, Regression, SingleLabel
from lingyu.text import Encoded

from .ready_adapters import FAMILY_SHAPES, MAX_LENGTH, TEXTS, publish, write_base

RUNTIMES: tuple[RuntimeName, ...] = ("onnx", "openvino")
TOLERANCE = 1e-5
SHAPES = ((1, 1), (1, 24), (2, 3), (7, 11), (13, 24))


def torch_logits(version: Version, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """By plain PEFT, unmerged: the independent reference."""
    model = load_adapter(find_base_of(version), version.manifest.labels, version.folder)
    with torch.no_grad():
        return model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits.numpy()


def distance_from_torch(version: Version, folder: Path, runtime: RuntimeName) -> float:
    """The largest difference of a logit, on random ids and masks of several shapes, one row and one token included."""
    differences = []
    draw = np.random.default_rng(11)
    run = open_runtime(runtime, folder, 1)
    size = find_base_of(version).config.vocab_size
    for rows, length in SHAPES:
        ids = draw.integers(5, size, (rows, length))
        mask = (np.arange(length)[None, :] < draw.integers(1, length + 1, (rows, 1))).astype(np.int64)
        ids[mask == 0] = 0
        expected = torch_logits(version, ids, mask)
        assert np.abs(expected).max() > 0.1, "a logit that is nearly 0 proves nothing"
        differences.append(float(np.abs(run(ids, mask) - expected).max()))
    return float(np.max(differences))  # NaN where one is


def family_adapter(model_type: str, folder: Path) -> Version:
    base = write_base(folder / "bases" / model_type, model_type)
    return publish(base, folder / "adapters", target_modules="all-linear", exclude_modules=r".*(pooler|classifier).*")


def test_a_family_with_a_dense_head_answers_as_in_torch(tmp_path: Path) -> None:
    """In openvino. ONNX of another, ELECTRA, is written where families go all the way."""
    version = family_adapter("roberta", tmp_path)
    export_graph(version, tmp_path / "graph", runtime="openvino", texts=TEXTS)
    assert distance_from_torch(version, tmp_path / "graph", "openvino") < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("model_type", FAMILY_SHAPES)
def test_every_family_answers_as_in_torch(model_type: str, runtime: RuntimeName, tmp_path: Path) -> None:
    version = family_adapter(model_type, tmp_path)
    export_graph(version, tmp_path / "graph", runtime=runtime, texts=TEXTS)
    assert distance_from_torch(version, tmp_path / "graph", runtime) < TOLERANCE


@pytest.mark.parametrize("lora", [{"use_dora": True}, {"use_rslora": True, "r": 3}], ids=["DoRA", "rsLoRA"])
@pytest.mark.slow
def test_kinds_of_lora_answer_as_in_torch(lora: dict[str, object], tmp_path: Path) -> None:
    version = publish(write_base(tmp_path / "bases" / "tiny", "bert"), tmp_path / "adapters", **lora)
    export_graph(version, tmp_path / "graph", runtime="onnx", texts=TEXTS)
    assert distance_from_torch(version, tmp_path / "graph", "onnx") < TOLERANCE


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_bert_answers_as_in_torch(name: RuntimeName, adapter: Version, request: pytest.FixtureRequest) -> None:
    exported: Exported = request.getfixturevalue(name)
    assert distance_from_torch(adapter, exported.folder, name) < TOLERANCE


def test_the_onnx_file_is_of_the_opset_in_which_attention_is_one_node(onnx: Exported) -> None:
    model = onnx_format.load(onnx.folder / "model.onnx")
    onnx_format.checker.check_model(model, full_check=True)
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 23}
    operations = [node.op_type for node in model.graph.node]
    assert operations.count("Attention") == 2
    assert "Softmax" not in operations
    shapes = [[d.dim_param for d in value.type.tensor_type.shape.dim] for value in model.graph.input]
    assert shapes == [["rows", "length"], ["rows", "length"]]


def test_openvino_runs_attention_as_one_step(openvino: Exported) -> None:
    core = importlib.import_module("openvino").Core()
    compiled = core.compile_model(
        str(openvino.folder / "openvino_model.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    kinds = {str(op.get_rt_info()["layerType"].value) for op in compiled.get_runtime_model().get_ops()}
    assert "Softmax" not in kinds
    assert "FullyConnected" in kinds, "these are no kinds of layers"


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_nothing_written_names_this_machine(name: str, request: pytest.FixtureRequest, adapter: Version) -> None:
    exported: Exported = request.getfixturevalue(name)
    places = {str(adapter.folder.parent), str(exported.folder.parent), os.path.dirname(torch.__file__), sys.prefix}
    for file in exported.folder.iterdir():
        found = [place for place in places if place.encode() in file.read_bytes()]
        assert not found, file.name


def test_the_manifest_says_what_the_version_said(adapter: Version, onnx: Exported) -> None:
    manifest, facts = Graph.load(onnx.folder).manifest, adapter.manifest
    assert manifest == onnx.manifest
    assert (manifest.labels, manifest.max_length, manifest.text_steps) == (
        facts.labels,
        facts.max_length,
        facts.text_steps,
    )
    assert manifest.temperature == facts.calibration.temperature
    assert manifest.adapter.reference == "hotel@v1"
    assert manifest.adapter.sha256 == facts.files["adapter_model.safetensors"].sha256
    assert (
        manifest.base.weights_fingerprint == facts.base.weights_fingerprint == manifest.lineage[0].weights_fingerprint
    )
    assert manifest.base.tokenizer_fingerprint == facts.base.tokenizer_fingerprint
    assert (manifest.runtime, manifest.precision, manifest.opset) == ("onnx", "float32", 23)
    assert set(manifest.files) == {"README.md", "model.onnx", "tokenizer.json", "vocab.txt"}
    assert {"lingyu", "torch", "transformers", "onnx", "onnxruntime"} <= set(manifest.packages)


def test_the_page_tells_other_programs_what_the_graph_takes(onnx: Exported) -> None:
    page = (onnx.folder / "README.md").read_text("utf-8")
    assert f"Rows are free, and so is the length up to {MAX_LENGTH}.\n- tokenizer.json cuts there." in page
    assert "html, control, width" in page
    assert "divided by 1.2500" in page
    assert "{" not in page


def test_the_gate_is_told_with_its_figures(onnx: Exported) -> None:
    gate = onnx.manifest.gate
    assert gate.source == "sentences of lingyu"
    assert gate.texts > 40
    assert 0 < gate.float32.largest_difference < 1e-5
    assert gate.float32.changed_labels == 0
    assert gate.int8 is None
    assert any("dev split is not at hand" in note for note in onnx.notes)


@pytest.mark.parametrize("name", RUNTIMES)
def test_int8_gives_nearly_the_same_logits_from_a_smaller_file(
    name: RuntimeName, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    exported: Exported = request.getfixturevalue(name)
    folder = tmp_path / "int8"
    shutil.copytree(exported.folder, folder)
    quantise(name, folder)
    assert {file.name for file in folder.iterdir()} == {file.name for file in exported.folder.iterdir()}
    weights = MODEL_FILES[name][-1]
    assert (folder / weights).stat().st_size < (exported.folder / weights).stat().st_size
    ids = np.random.default_rng(2).integers(5, 60, (9, 20))
    float32, int8 = (open_runtime(name, place, 1)(ids, np.ones_like(ids)) for place in (exported.folder, folder))
    assert 1e-5 < np.abs(float32 - int8).max() < 0.1 * np.abs(float32).max()


def test_int8_reaches_every_linear_layer_of_an_onnx_graph(onnx: Exported, tmp_path: Path) -> None:
    shutil.copy(onnx.folder / "model.onnx", tmp_path)
    quantise("onnx", tmp_path)
    operations = [node.op_type for node in onnx_format.load(tmp_path / "model.onnx").graph.node]
    assert operations.count("MatMulInteger") == 14, "six a layer, the pooler, the head"
    assert "MatMul" not in operations


def test_a_graph_of_another_model_is_not_written(
    adapter: Version, onnx: Exported, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_another(program: object, runtime: RuntimeName, folder: Path) -> None:
        model = onnx_format.load(onnx.folder / "model.onnx")
        bias = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("classifier.bias"))
        bias.CopyFrom(onnx_format.numpy_helper.from_array(onnx_format.numpy_helper.to_array(bias) + 2e-4, bias.name))
        onnx_format.save(model, folder / "model.onnx")

    monkeypatch.setattr("lingyu.release.graphs.export.trace", lambda model, max_length, has_types: None)
    monkeypatch.setattr("lingyu.release.graphs.export.write_graph", write_another)
    says = r"hotel@v1: the graph answers differently .* by 0\.0002 \(allowed: 0\.0001\)"
    with pytest.raises(LingyuError, match=says) as no:
        export_graph(adapter, nowhere, runtime="onnx", texts=TEXTS)
    assert no.value.status == 1
    assert "\n" not in str(no.value)
    assert not nowhere.parent.exists()


def test_a_logit_may_differ_by_the_order_of_sums_alone() -> None:
    require_same_logits(Comparison(largest_difference=1e-4, changed_labels=1), "hotel@v1")
    with pytest.raises(LingyuError, match=r"allowed: 0\.0001") as no:
        require_same_logits(Comparison(largest_difference=1.01e-4, changed_labels=0), "hotel@v1")
    assert no.value.status == 1


def test_int8_may_change_one_label_of_two_hundred() -> None:
    require_agreement(Comparison(largest_difference=9.0, changed_labels=1), 200, "hotel@v1")
    with pytest.raises(LingyuError, match=r"2 of 399 texts another label: 0\.9950 agree .* Leave --int8 out") as no:
        require_agreement(Comparison(largest_difference=0.1, changed_labels=2), 399, "hotel@v1")
    assert no.value.status == 1


def test_logits_that_are_no_numbers_are_refused() -> None:
    sound = np.zeros((2, 3), dtype=np.float32)
    spoilt = sound.copy()
    spoilt[1, 2] = np.nan
    task, calibration = SingleLabel(("a", "b", "c")), Calibration()
    assert compare(sound, sound, task, calibration, "hotel@v1") == Comparison(largest_difference=0.0, changed_labels=0)
    with pytest.raises(LingyuError, match="no finite numbers") as no:
        compare(spoilt, sound, task, calibration, "hotel@v1")
    assert no.value.status == 1


def test_a_comparison_counts_changed_labels_where_a_task_has_labels() -> None:
    one = np.array([[2, 0, 0], [0, 2, 0]], dtype=np.float32)
    other = np.array([[2, 0, 0], [0, 0, 2]], dtype=np.float32)
    found = compare(one, other, SingleLabel(("a", "b", "c")), Calibration(), "hotel@v1")
    assert found == Comparison(largest_difference=2.0, changed_labels=1)
    found = compare(one[:, :1], other[:, :1] + 1, Regression(), Calibration(), "price@v1")
    assert found == Comparison(largest_difference=1.0, changed_labels=0)


def test_an_existing_folder_stays_as_it_is(adapter: Version, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(LingyuError, match="exists already"):
        export_graph(adapter, tmp_path, runtime="onnx")
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]


def test_a_missing_package_is_told_by_the_extra_that_brings_it(
    adapter: Version, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    require_packages("onnx", int8=True)
    with pytest.raises(LingyuError, match=r"needs the package nncf\. Install it with: pip install 'lingyu\[export\]'"):
        export_graph(adapter, nowhere, runtime="openvino", int8=True)


def test_a_package_that_is_not_needed_need_not_be_there(
    adapter: Version, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nncf, for int8 alone; and onnxruntime-gpu brings onnxruntime under another name."""
    installed = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("nncf", "openvino"):
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setitem(sys.modules, "nncf", None)
    monkeypatch.setattr("importlib.metadata.version", version)
    monkeypatch.setattr("lingyu.release.graphs.export.installed_version", version, raising=False)
    packages = export_graph(adapter, nowhere, runtime="openvino", texts=TEXTS).manifest.packages
    assert "openvino" in packages
    assert "nncf" not in packages


def test_an_architecture_that_can_not_be_traced_is_named() -> None:
    class Undecided(nn.Module):
        class config:  # noqa: N801 - transformers' name
            model_type = "undecided"

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return input_ids if input_ids.sum() > 3 else attention_mask

    with pytest.raises(LingyuError, match="the architecture 'undecided' can't be traced") as caught:
        trace(Undecided(), max_length=8)
    assert "\n" not in str(caught.value)


def test_more_weights_than_one_onnx_file_holds_are_told_before_it_is_written(
    adapter: Version, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lingyu.release.graphs.tracing._LARGEST_ONNX_BYTES", 1000)
    with pytest.raises(LingyuError, match="--to openvino"):
        export_graph(adapter, nowhere, runtime="onnx", texts=TEXTS)
    assert not nowhere.parent.exists()


def test_quiet_gives_the_loggers_back_their_voice() -> None:
    before, stdout = logging.root.manager.disable, sys.stdout
    with pytest.raises(ZeroDivisionError), quiet():
        print(1 / 0)
    assert (logging.root.manager.disable, sys.stdout) == (before, stdout)


def test_use_is_reported_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """openvino's telemetry thread would be seen; the environment is as it was."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("NNCF_CI", "mine")
    with untracked():
        assert os.environ["CI"] == "true"
        import openvino_telemetry
    assert "CI" not in os.environ
    assert os.environ["NNCF_CI"] == "mine"
    sent = openvino_telemetry.Telemetry  # a singleton, made when openvino was imported
    assert sent("lingyu", "0", "", "ga4", False, True).consent is False
    assert not any("telemetry" in thread.name.lower() for thread in threading.enumerate())


def test_speeds_are_medians_of_turns_on_the_same_batches() -> None:
    batches = timed_batches(Encoded([[1] * (1 + row % 7) for row in range(1000)], [False] * 1000), 0, 64)
    assert sum(len(batch.rows) for batch in batches) == 256
    calls: list[str] = []

    def run(name: str):
        return lambda ids, mask: calls.append(name)

    rounds: list[tuple[int, int]] = []
    speeds = texts_per_s({"a": run("a"), "b": run("b")}, batches, lambda done, total: rounds.append((done, total)))
    assert set(speeds) == {"a", "b"}
    assert rounds == [(done, 8) for done in range(1, 9)]
    assert calls == (["a"] * len(batches) + ["b"] * len(batches)) * 4
