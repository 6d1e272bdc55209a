"""An adapter's two files as data: whole, understood, and fitting, or refused by name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lingyu.bases import Classifier, find_base
from lingyu.errors import LingyuError
from lingyu.lora import read_weights
from lingyu.store import ADAPTER_CONFIG, ADAPTER_WEIGHTS

from ..serving.random_adapters import Kind, write_adapter

QUERY = "bert.encoder.layer.0.attention.self.query"
KEY = f"base_model.model.{QUERY}"


@pytest.fixture(scope="module")
def written(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "adapter"
    write_adapter(folder, tiny_base, Kind(seed=1, r=4, lora_alpha=8))
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "adapter"))


@pytest.fixture(scope="module")
def classifier(tiny_base: Path) -> Classifier:
    return find_base(str(tiny_base)).load_classifier(("负面", "正面"))


def change_config(folder: Path, **keys: object) -> None:
    file = folder / ADAPTER_CONFIG
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **keys}), "utf-8")


def change_tensors(folder: Path, changed: dict[str, np.ndarray | None]) -> None:
    """None takes a tensor out."""
    tensors = {**load_file(folder / ADAPTER_WEIGHTS), **changed}
    save_file({name: array for name, array in tensors.items() if array is not None}, folder / ADAPTER_WEIGHTS)


def test_the_scaling_is_in_b_and_the_delta_is_pefts(written: Path) -> None:
    lora = read_weights(written).lora[QUERY]
    tensors = load_file(written / ADAPTER_WEIGHTS)
    a, b = tensors[f"{KEY}.lora_A.weight"], tensors[f"{KEY}.lora_B.weight"]
    np.testing.assert_allclose(lora.delta().numpy(), 8 / 4 * b @ a, rtol=1e-5)


def test_rslora_divides_by_the_root_of_the_rank(folder: Path) -> None:
    plain = read_weights(folder).lora[QUERY].delta().numpy()
    change_config(folder, use_rslora=True)
    np.testing.assert_allclose(read_weights(folder).lora[QUERY].delta().numpy(), plain * 2, rtol=1e-5)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"peft_type": "LOHA"}, "peft_type"),
        ({"bias": "all"}, "bias is 'all', which is not read here"),
        ({"lora_bias": True}, "lora_bias"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"layer_replication": [[0, 1], [0, 2]]}, "layer_replication"),
        ({"trainable_token_indices": [1, 2]}, "trainable_token_indices"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa'"),
        ({"init_lora_weights": "olora"}, "init_lora_weights"),
        ({"use_qalora": True}, "use_qalora"),
        ({"alora_invocation_tokens": [5]}, "alora_invocation_tokens"),
        ({"of_a_later_peft": True}, "of_a_later_peft"),
        ({"megatron_config": {"a": 1}}, "code that comes with an adapter is never run"),
        ({"auto_map": {"a": "b"}}, "code that comes with an adapter is never run"),
        ({"r": 5}, r"has rank 5 in its config, but tensors \(4, 32\) and \(32, 4\)"),
        ({"use_dora": True}, "lacks LoRA's A and B and magnitude"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(keys: dict[str, object], says: str, folder: Path) -> None:
    change_config(folder, **keys)
    with pytest.raises(LingyuError, match=says) as caught:
        read_weights(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"r": 0}, "r: "),
        ({"r": "4"}, "r: "),
        ({"lora_alpha": None}, "lora_alpha: "),
        ({"lora_alpha": "16"}, "lora_alpha: "),
        ({"lora_alpha": True}, "lora_alpha: "),
        ({"lora_alpha": float("nan")}, "lora_alpha: "),
        ({"lora_alpha": float("inf")}, "lora_alpha: "),
        ({"lora_alpha": 10**400}, "lora_alpha: "),
        ({"lora_alpha": 1e39, "use_rslora": True}, r": B times its scaling 5e\+38 is too large"),
        ({"lora_alpha": 1e308}, "too large for float32"),
        ({"rank_pattern": [1]}, "rank_pattern: "),
        ({"rank_pattern": {"(": 8}}, r"rank_pattern\.\(.*is no pattern"),
        ({"rank_pattern": {"query": 0}}, r"rank_pattern\.query: "),
        ({"alpha_pattern": {"query": "x"}}, r"alpha_pattern\.query: "),
        ({"alpha_pattern": None}, "alpha_pattern: "),
        ({"alpha_pattern": {"query": float("-inf")}}, r"alpha_pattern\.query: "),
        ({"use_rslora": "yes"}, "use_rslora: "),
        ({"modules_to_save": 5}, "modules_to_save: "),
        ({"modules_to_save": ["("]}, r"modules_to_save\.0: .*is no pattern"),
        ({"target_modules": 5}, "target_modules"),
        ({"target_modules": "a{99999999999999999999}"}, "target_modules"),
        ({"exclude_modules": "("}, "exclude_modules"),
        ({"layers_to_transform": "all"}, "layers_to_transform"),
        ({"layers_pattern": 3}, "layers_pattern"),
        ({"exclude_modules": r"(([a-z0-9_]+)*\.?)+!"}, "exclude_modules.*could take for ever"),
        ({"target_modules": ".*a.*b.*c.*d"}, "target_modules.*could take for ever"),
        ({"target_modules": "(a|a)(a|a)(a|a)"}, "target_modules.*could take for ever"),
        ({"modules_to_save": ["(?:x+)+"]}, r"modules_to_save\.0.*could take for ever"),
        ({"rank_pattern": {"(a*)*": 4}}, "rank_pattern.*could take for ever"),
        ({"alpha_pattern": {f".*{number}": 4 for number in range(17)}}, "17 patterns with repeats"),
    ],
)
def test_a_config_with_values_that_mean_nothing_is_one_line(keys: dict[str, object], says: str, folder: Path) -> None:
    change_config(folder, **keys)
    with pytest.raises(LingyuError, match=says) as caught:
        read_weights(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    [
        r".*\.(query|value)",
        r".*layer\.[0-9]+\.attention\.self\.(query|value)",
        "(.*?)(query|value)",
        r".*\(\)\*\+[(*+?{]+",
    ],
)
def test_patterns_as_people_write_them_are_read(pattern: str, folder: Path) -> None:
    change_config(folder, target_modules=pattern)
    assert read_weights(folder).config.target_modules == pattern


def test_a_path_longer_than_any_modules_is_no_place(folder: Path) -> None:
    change_tensors(folder, {f"base_model.model.{'a' * 300}.weight": np.zeros((2, 2), "f4")})
    with pytest.raises(LingyuError, match=r"holds tensors without a place: 'base_model\.model\.aaa"):
        read_weights(folder)


def test_alphas_and_ranks_of_single_layers_are_read(folder: Path) -> None:
    plain = read_weights(folder).lora[QUERY].delta().numpy()
    change_config(folder, lora_alpha=0.5, alpha_pattern={"self.query": 2.5}, rank_pattern={".*": 4})
    np.testing.assert_allclose(read_weights(folder).lora[QUERY].delta().numpy(), plain * 2.5 / 8, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({f"{KEY}.lora_A.weight": None}, "query lacks LoRA's A and B"),
        ({f"{KEY}.lora_B.weight": None, f"{KEY}.lora_A.weight": None}, "lacks LoRA tensors: bert.encoder.layer.0"),
        ({"base_model.model.bert.embeddings.odd": np.zeros(3, "f4")}, "without a place"),
        ({"odd": np.zeros(3, "f4")}, "without a place"),
        ({f"{KEY.replace('query', 'key')}.lora_A.weight": np.zeros((4, 32), "f4")}, "lacks LoRA's A and B"),
        ({f"{KEY}.lora_A.weight": np.full((4, 32), np.nan, "f4")}, "no finite numbers"),
        ({f"{KEY}.lora_A.weight": np.full((4, 32), 1e300)}, "too large for float32"),
        ({f"{KEY}.lora_A.weight": np.zeros((4, 31), "f4")}, r"has shape \(32, 31\), but needs \(32, 32\)"),
        ({"base_model.model.classifier.weight": None}, "is no linear layer"),
        (
            {f"base_model.model.bert.pooler.dense.{part}": None for part in ("weight", "bias")},
            "lacks head tensors: bert.pooler.dense",
        ),
        ({"base_model.model.classifier.bias": None}, "classifier lacks its bias"),
        ({"base_model.model.classifier.bias": np.zeros(3, "f4")}, "is no linear layer"),
    ],
)
def test_tensors_that_are_missing_surplus_misshapen_or_not_finite_are_refused(
    changed: dict[str, np.ndarray | None], says: str, folder: Path, classifier: Classifier
) -> None:
    change_tensors(folder, changed)
    with pytest.raises(LingyuError, match=says) as caught:
        read_weights(folder).require_fit(classifier.model, classifier.fresh, 2)
    assert "\n" not in str(caught.value)


def test_a_pooler_that_the_base_lacks_has_to_come_with_the_adapter(folder: Path, classifier: Classifier) -> None:
    change_tensors(folder, {f"base_model.model.bert.pooler.dense.{part}": None for part in ("weight", "bias")})
    change_config(folder, modules_to_save=["classifier"])
    with pytest.raises(LingyuError, match=r"its base does not bring: bert\.pooler\.dense"):
        read_weights(folder).require_fit(classifier.model, classifier.fresh, 2)


def test_another_number_of_labels_is_refused(written: Path, classifier: Classifier) -> None:
    read_weights(written).require_fit(classifier.model, classifier.fresh, 2)
    with pytest.raises(LingyuError, match=r"classifier has shape \(2, 32\), but needs \(3, 32\)"):
        read_weights(written).require_fit(classifier.model, classifier.fresh, 3)
