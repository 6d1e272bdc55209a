"""A merged model answers as the adapter does on its base by plain PEFT, whatever was merged, or it is not written."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from lingyu.bases import Base, find_base
from lingyu.errors import LingyuError
from lingyu.lora.attaching import attach_lora
from lingyu.lora.saving import adapter_tensors, save_adapter, save_tensors
from lingyu.recipe import Lora
from lingyu.release import Merged, merge, verify_merged
from lingyu.release.gate import Difference, difference_of, require_same_answers
from lingyu.release.merged.plan import PlannedTensor
from lingyu.store import Store, Version, VersionFacts
from lingyu.tasks import Calibration, Regression, SingleLabel
from lingyu.text import clean, content_hashes

from .ready_adapters import (
    FAMILY_SHAPES,
    LABELS,
    MAX_LENGTH,
    TEXTS,
    facts_of,
    publish,
    rewrite_weights,
    write_base,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # PEFT's and transformers', on missing keys

ALL = {"target_modules": "all-linear", "exclude_modules": r".*(pooler|classifier).*"}
VARIANTS = {
    "LoRA": {},
    "LoRA on every linear layer": ALL,
    "rsLoRA": {**ALL, "use_rslora": True, "lora_alpha": 3},
    "DoRA": {**ALL, "use_dora": True},
    "patterns": {**ALL, "rank_pattern": {"query": 2, r"layer\.1\..*value": 7}, "alpha_pattern": {"key": 32}},
    "one layer": {"layers_to_transform": [1], "layers_pattern": "layer"},
}


def base_of(version: Version) -> Path:
    return version.folder.parents[2] / version.manifest.base.id


def by_plain_peft(version: Version, texts: tuple[str, ...] = TEXTS, *, adapted: bool = True) -> torch.Tensor:
    """Logits one text at a time, without a line of lingyu; adapted=False: of the base with the adapter's head."""
    folder = base_of(version)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(23)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(version.manifest.labels))
    model = PeftModel.from_pretrained(model, str(version.folder)).eval()
    if not adapted:
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.data.zero_()
    return logits_of(model, tokenizer, texts, max_length=MAX_LENGTH)


def by_transformers(folder: Path, texts: tuple[str, ...] = TEXTS) -> torch.Tensor:
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    return logits_of(model, AutoTokenizer.from_pretrained(folder), texts)


def logits_of(model: torch.nn.Module, tokenizer: object, texts: tuple[str, ...], **cut: int) -> torch.Tensor:
    rows = [tokenizer(t, truncation=True, split_special_tokens=True, return_tensors="pt", **cut) for t in texts]
    with torch.no_grad():
        return torch.cat([model(**row).logits.float() for row in rows])


# Parity


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_lora_answers_merged_as_by_plain_peft(variant: str, tmp_path: Path, nowhere: Path) -> None:
    version = publish(write_base(tmp_path / "bases/tiny", "bert"), tmp_path / "adapters", **VARIANTS[variant])
    merged = merge(version, nowhere)
    unmerged = by_plain_peft(version)
    assert (by_transformers(nowhere) - unmerged).abs().max() < 1e-5
    assert (unmerged - by_plain_peft(version, adapted=False)).abs().max() > 1e-2, "the adapter does nothing"
    assert merged.certificate.gate.largest_difference < 1e-5
    assert merged.certificate.gate.changed_labels == 0


@pytest.mark.parametrize("family", FAMILY_SHAPES)
def test_every_family_answers_merged_as_by_plain_peft(family: str, tmp_path: Path, nowhere: Path) -> None:
    targets = {"target_modules": ["query_proj", "value_proj"] if family == "deberta-v2" else ["query", "value"]}
    version = publish(write_base(tmp_path / "bases/tiny", family), tmp_path / "adapters", **targets)
    merge(version, nowhere)
    unmerged = by_plain_peft(version)
    assert (by_transformers(nowhere) - unmerged).abs().max() < 1e-5
    assert unmerged.std(dim=0).min() > 1e-3, "the same answer to everything would prove nothing"
    verify_merged(nowhere)


@given(
    ranks=st.dictionaries(st.sampled_from(["query", "key", r"layer\.1\..*dense"]), st.integers(1, 9), max_size=3),
    alphas=st.dictionaries(st.sampled_from(["query", "value"]), st.integers(1, 64), max_size=2),
    targets=st.sets(st.sampled_from(["query", "key", "value", "output.dense"]), min_size=1),
    rank=st.integers(1, 16),
    alpha=st.integers(1, 64),
    rslora=st.booleans(),
    dora=st.booleans(),
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mix_of_ranks_targets_and_alphas_answers_as_by_plain_peft(
    ranks: dict[str, int],
    alphas: dict[str, int],
    targets: set[str],
    rank: int,
    alpha: int,
    rslora: bool,
    dora: bool,
    adapter: Version,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("mix")
    shutil.copytree(base_of(adapter), place / "bases/tiny")
    version = publish(
        place / "bases/tiny",
        place / "adapters",
        r=rank,
        lora_alpha=alpha,
        target_modules=sorted(targets),
        exclude_modules=r".*pooler.*",
        rank_pattern=ranks,
        alpha_pattern=alphas,
        use_rslora=rslora,
        use_dora=dora,
    )
    merge(version, place / "merged")
    unmerged = by_plain_peft(version)
    scale = max(1.0, float(unmerged.abs().max()))
    assert (by_transformers(place / "merged") - unmerged).abs().max() < 1e-5 * scale


@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_an_adapter_whose_start_changed_the_base_merges_into_the_untouched_base(
    init: str, tiny_base: Path, tmp_path: Path, nowhere: Path
) -> None:
    shutil.copytree(tiny_base, tmp_path / "bases/tiny")
    base = Base("./bases/tiny", None, tmp_path / "bases/tiny")
    lora = Lora(r=4, init_lora_weights=init)
    model = attach_lora(base.load_classifier(LABELS), base, lora)
    save_tensors(adapter_tensors(model), tmp_path / "initial.safetensors")
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)

    def write(folder: Path, version: str) -> VersionFacts:
        save_adapter(model, base, lora, folder, initial=tmp_path / "initial.safetensors")
        (folder / "README.md").unlink(missing_ok=True)
        return facts_of(base, LABELS)

    version = Store(tmp_path / "adapters").publish("hotel", write, why="a test")
    merge(version, nowhere)
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    live = logits_of(model.eval(), tokenizer, TEXTS, max_length=MAX_LENGTH)
    assert (by_transformers(nowhere) - live).abs().max() < 1e-4


def renamed(tensors: dict[str, torch.Tensor], *, prefix: str, old_norms: bool) -> dict[str, torch.Tensor]:
    def name_of(name: str) -> str:
        if old_norms:
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        return prefix + name

    return {name_of(name): tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("prefix", "old_norms", "shards"), [("bert.", False, 1), ("", True, 1), ("bert.", True, 3), ("", False, 2)]
)
def test_a_base_may_lie_in_several_files_with_a_prefix_and_old_names(
    prefix: str, old_norms: bool, shards: int, tmp_path: Path, adapter: Version, merged: Merged
) -> None:
    place = tmp_path / "place"
    shutil.copytree(adapter.folder.parents[2], place)
    folder = place / "bases/tiny"
    plain = load_file(folder / "model.safetensors")
    rewrite_weights(folder, renamed(plain, prefix=prefix, old_norms=old_norms), shards)
    version = Store(place / "adapters").open("hotel")
    again = merge(version, tmp_path / "again")
    assert again.certificate.result.files["model.safetensors"] == merged.certificate.result.files["model.safetensors"]


def test_a_half_precision_base_is_merged_in_float32(tmp_path: Path, nowhere: Path) -> None:
    folder = write_base(tmp_path / "bases/tiny", "bert")
    halves = {name: tensor.bfloat16() for name, tensor in load_file(folder / "model.safetensors").items()}
    rewrite_weights(folder, halves)
    version = publish(folder, tmp_path / "adapters")
    merge(version, nowhere)
    written = load_file(nowhere / "model.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {torch.float32}
    name = "encoder.layer.0.attention.self.query.weight"
    lora = load_file(version.folder / "adapter_model.safetensors")
    a, b = (lora[f"base_model.model.bert.{name.removesuffix('weight')}lora_{side}.weight"] for side in "AB")
    assert torch.allclose(written[f"bert.{name}"], halves[name].float() + 2.0 * b @ a, atol=1e-6)


# What is written


def test_plain_transformers_in_a_new_process_gives_the_labels(adapter: Version, merged: Merged) -> None:
    script = f"""
import json, sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
model, loading = AutoModelForSequenceClassification.from_pretrained({str(merged.folder)!r}, output_loading_info=True)
assert not any(loading.values()), loading
assert type(model).__name__ == "BertForSequenceClassification", model
classify = pipeline("text-classification", {str(merged.folder)!r})
answers = classify({list(TEXTS)!r}, truncation=True, top_k=None)
print(json.dumps([model.config.problem_type, str(model.dtype), answers, "lingyu" in sys.modules]))
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    problem_type, dtype, answers, used_lingyu = json.loads(said.splitlines()[-1])
    assert (problem_type, dtype, used_lingyu) == ("single_label_classification", "torch.float32", False)
    probabilities = torch.softmax(by_plain_peft(adapter), dim=1)
    for answer, row in zip(answers, probabilities, strict=True):
        found = {entry["label"]: entry["score"] for entry in answer}
        assert found == pytest.approx(dict(zip(LABELS, row.tolist(), strict=True)), abs=1e-5)


def test_the_folder_holds_a_whole_model_and_names_no_path_of_this_machine(adapter: Version, merged: Merged) -> None:
    files = {file.name for file in merged.folder.iterdir()}
    assert files == {
        "README.md", "certificate.json", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "vocab.txt",
    }  # fmt: skip
    for file in merged.folder.iterdir():
        assert str(adapter.folder.parents[3]).encode() not in file.read_bytes(), file
    tokenizer = AutoTokenizer.from_pretrained(merged.folder)
    assert tokenizer.model_max_length == MAX_LENGTH
    vocabulary = (merged.folder / "vocab.txt").read_text("utf-8").splitlines()
    assert vocabulary == sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)


def test_vocab_txt_is_made_where_the_base_has_none(tmp_path: Path, nowhere: Path) -> None:
    folder = write_base(tmp_path / "bases/tiny", "bert")
    vocabulary = (folder / "vocab.txt").read_bytes()
    (folder / "vocab.txt").unlink()
    merge(publish(folder, tmp_path / "adapters"), nowhere)
    assert (nowhere / "vocab.txt").read_bytes() == vocabulary


def test_a_vocabulary_that_holds_a_word_twice_goes_along_as_it_is(tmp_path: Path, nowhere: Path) -> None:
    folder = write_base(tmp_path / "bases/tiny", "bert")
    words = (folder / "vocab.txt").read_text("utf-8").splitlines()
    words[words.index("z")] = words[words.index("的")]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    (folder / "tokenizer.json").unlink()
    merge(publish(folder, tmp_path / "adapters"), nowhere)
    assert (nowhere / "vocab.txt").read_text("utf-8").splitlines() == words


def test_code_that_a_bases_tokenizer_names_does_not_go_along(tmp_path: Path, nowhere: Path) -> None:
    folder = write_base(tmp_path / "bases/tiny", "bert")
    file = folder / "tokenizer_config.json"
    named = {"AutoTokenizer": [None, "theirs/model--tokenization.Theirs"]}
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "auto_map": named}), "utf-8")
    merge(publish(folder, tmp_path / "adapters"), nowhere)
    assert "auto_map" not in (nowhere / "tokenizer_config.json").read_text("utf-8")
    verify_merged(nowhere)


def test_the_page_says_what_a_text_must_go_through_and_the_temperature(merged: Merged) -> None:
    page = (merged.folder / "README.md").read_text("utf-8")
    assert "library_name: transformers" in page
    assert "html, control, width" in page
    assert "divided by 1.2500" in page
    assert f"cuts a text at {MAX_LENGTH} tokens" in page
    assert "sentences of lingyu" in page
    assert "| 1 | 中性 |" in page


def test_the_certificate_proves_adapter_base_and_texts(adapter: Version, merged: Merged) -> None:
    certificate = merged.certificate
    weights = (adapter.folder / "adapter_model.safetensors").read_bytes()
    assert certificate.adapter.reference == "hotel@v1"
    assert certificate.adapter.weights_sha256 == hashlib.sha256(weights).hexdigest()
    assert (
        certificate.adapter.manifest_sha256 == hashlib.sha256((adapter.folder / "lingyu.json").read_bytes()).hexdigest()
    )
    assert certificate.base == adapter.manifest.base
    assert certificate.result.weights_fingerprint == find_base(str(merged.folder)).weights_fingerprint
    assert certificate.result.weights_fingerprint != certificate.base.weights_fingerprint
    assert certificate.labels == LABELS
    assert certificate.gate.texts >= 36
    written = json.loads((merged.folder / "certificate.json").read_text("utf-8"))
    assert written.pop("certificate_sha256")
    assert written == certificate.model_dump(mode="json")


def test_texts_that_are_given_are_compared_on_and_only_their_hashes_are_kept(adapter: Version, nowhere: Path) -> None:
    secret = "这句话谁也不能看见"
    merged = merge(adapter, nowhere, texts=["好", f"<b>{secret}</b>", " ", secret])
    gate = merged.certificate.gate
    assert (gate.source, gate.texts) == ("texts that were given", 3)
    hashes = sorted(content_hashes([clean(text, adapter.manifest.text_steps) for text in ("好", secret, secret)]))
    packed = b"".join(int(number).to_bytes(8, "little", signed=True) for number in hashes)
    assert gate.texts_sha256 == hashlib.sha256(packed).hexdigest()
    assert not any(secret.encode() in file.read_bytes() for file in nowhere.iterdir())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_cast_is_made_after_the_gate_and_its_own_differences_are_said(
    dtype: str, adapter: Version, merged: Merged, nowhere: Path
) -> None:
    cast = merge(adapter, nowhere, dtype=dtype)
    full = load_file(merged.folder / "model.safetensors")
    written = load_file(nowhere / "model.safetensors")
    wanted = getattr(torch, dtype)
    assert all(torch.equal(written[name], tensor.to(wanted)) for name, tensor in full.items())
    assert AutoModelForSequenceClassification.from_pretrained(nowhere).dtype == wanted
    assert cast.certificate.gate.largest_difference < 1e-5, "the gate is passed in float32"
    assert cast.certificate.cast is not None
    assert 1e-5 < cast.certificate.cast.largest_difference < 0.5
    assert cast.certificate.result.dtype == dtype
    assert verify_merged(nowhere) == cast.certificate


def test_progress_is_told_in_bytes_and_in_texts(adapter: Version, nowhere: Path) -> None:
    told: list[tuple[str, int, int]] = []
    merge(adapter, nowhere, dtype="bfloat16", texts=TEXTS, report=lambda *step: told.append(step))
    for what, total in {(what, total) for what, _, total in told}:
        done = [step[1] for step in told if (step[0], step[2]) == (what, total)]
        assert done == sorted(done)
        assert done[-1] == total
    assert {what for what, _, _ in told} == {"writing", "writing bfloat16", "comparing"}


# What is refused


def refused(version: Version, out: Path, **asked: object) -> LingyuError:
    """The one line with which nothing is written."""
    with pytest.raises(LingyuError) as caught:
        merge(version, out, **asked)
    assert "\n" not in str(caught.value)
    assert not out.parent.exists() or not any(out.parent.iterdir())
    return caught.value


def test_what_answers_otherwise_is_not_written(
    adapter: Version, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = PlannedTensor.value
    monkeypatch.setattr(PlannedTensor, "value", lambda self: right(self) * 1.01)
    error = refused(adapter, nowhere)
    assert error.status == 1
    assert "answers differently from the adapter on its base: a logit by " in str(error)
    assert not nowhere.parent.exists()


def test_one_changed_label_is_enough(adapter: Version, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lingyu.release.gate.TOLERANCE", 1e9)
    right = PlannedTensor.value
    monkeypatch.setattr(
        PlannedTensor, "value", lambda self: right(self).flip(0) if self.shape == (len(LABELS), 32) else right(self)
    )
    error = refused(adapter, nowhere)
    assert error.status == 1
    assert "labels change" in str(error)


@pytest.mark.parametrize(("value", "dtype"), [(float("nan"), "float32"), (1e6, "float16")])
def test_values_that_are_not_finite_in_what_is_written_are_refused(
    value: float, dtype: str, adapter: Version, tmp_path: Path, nowhere: Path
) -> None:
    place = tmp_path / "place"
    shutil.copytree(adapter.folder.parents[2], place)
    tensors = load_file(place / "bases/tiny/model.safetensors")
    tensors["embeddings.position_embeddings.weight"][MAX_LENGTH + 1, 0] = value  # where no text of the gate reaches
    rewrite_weights(place / "bases/tiny", tensors)
    error = refused(republished(place, adapter), nowhere, dtype=dtype)
    assert error.status == 1
    assert f"position_embeddings.weight would hold values that are no finite numbers in {dtype}" in str(error)


def test_a_cast_whose_logits_are_no_numbers_is_refused(adapter: Version, tmp_path: Path, nowhere: Path) -> None:
    """Every weight is finite in float16, and what a layer makes of them is not."""
    place = tmp_path / "place"
    shutil.copytree(adapter.folder.parents[2], place)
    tensors = load_file(place / "bases/tiny/model.safetensors")
    tensors["encoder.layer.0.intermediate.dense.bias"][:] = 60_000.0
    tensors["encoder.layer.0.output.dense.weight"][0, :] = 1.0
    rewrite_weights(place / "bases/tiny", tensors)
    error = refused(republished(place, adapter), nowhere, dtype="float16")
    assert error.status == 1
    assert "in float16 it gives logits that are no finite numbers" in str(error)


def test_logits_that_are_no_numbers_pass_no_gate() -> None:
    sound = torch.zeros(2, 3)
    spoilt = sound.clone()
    spoilt[1, 2] = float("nan")
    task, calibration = SingleLabel(LABELS), Calibration()
    require_same_answers(difference_of(sound, sound, task, calibration), "hotel@v1")
    for pair in ((spoilt, sound), (sound, spoilt), (spoilt, spoilt)):
        with pytest.raises(LingyuError, match="answers differently"):
            require_same_answers(difference_of(*pair, task, calibration), "hotel@v1")


def test_changed_labels_are_counted_where_a_task_has_labels() -> None:
    one, other = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]), torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    assert difference_of(one, other, SingleLabel(LABELS), Calibration()) == Difference(2.0, 1)
    assert difference_of(one[:, :1], other[:, :1] + 1, Regression(), Calibration()) == Difference(1.0, 0)
    with pytest.raises(LingyuError, match=r"a logit by 2 \(allowed: 0\.0001\), 1 label changes"):
        require_same_answers(Difference(2.0, 1), "hotel@v1")


def test_a_dtype_that_is_none_is_a_slip_of_the_pen(adapter: Version, nowhere: Path) -> None:
    assert "Did you mean bfloat16?" in str(refused(adapter, nowhere, dtype="bfloat"))
    assert "Take one of float32, bfloat16, float16" in str(refused(adapter, nowhere, dtype="int8"))


def test_texts_without_a_character_compare_nothing(adapter: Version, nowhere: Path) -> None:
    assert "none of the texts has a character" in str(refused(adapter, nowhere, texts=[" ", "<br>"]))


def test_what_stands_there_is_never_written_over(adapter: Version, tmp_path: Path) -> None:
    for name, make in {"empty": Path.mkdir, "file": Path.touch}.items():
        make(tmp_path / name)
        with pytest.raises(LingyuError, match="exists already"):
            merge(adapter, tmp_path / name)
    assert (tmp_path / "file").read_bytes() == b""


def spoilt(adapter: Version, place: Path, change: dict[str, torch.Tensor | None]) -> Version:
    """A version of its own, whose manifest agrees with a changed adapter file. None: the tensor is left out."""
    shutil.copytree(adapter.folder.parents[2], place)

    def write(folder: Path, version: str) -> VersionFacts:
        tensors = {**load_file(adapter.folder / "adapter_model.safetensors"), **change}
        kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
        save_file(kept, folder / "adapter_model.safetensors", {"format": "pt"})
        shutil.copyfile(adapter.folder / "adapter_config.json", folder / "adapter_config.json")
        return VersionFacts(**{key: getattr(adapter.manifest, key) for key in VersionFacts.model_fields})

    return Store(place / "adapters").publish("hotel", write, why="a test")


QUERY = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_{}.weight"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"base_model.model.classifier.weight": None, "base_model.model.classifier.bias": None}, "classifier"),
        ({QUERY.format("A"): None, QUERY.format("B"): None}, "lacks LoRA tensors: bert.encoder.layer.0"),
        ({QUERY.format("A").replace("layer.0", "layer.9"): torch.zeros(4, 32)}, "layer.9"),
        ({QUERY.format("A"): torch.full((4, 32), float("nan"))}, "no finite numbers"),
        ({"base_model.model.bert.pooler.dense.weight": torch.zeros(8, 32)}, "bert.pooler.dense"),
    ],
)
def test_an_adapter_that_does_not_fit_is_refused_by_the_tensors_name(
    change: dict[str, torch.Tensor | None], says: str, adapter: Version, tmp_path: Path, nowhere: Path
) -> None:
    assert says in str(refused(spoilt(adapter, tmp_path / "place", change), nowhere))


def republished(place: Path, adapter: Version) -> Version:
    """The adapter as a version that was made on the base as it lies in the place now."""
    base = Base("./bases/tiny", None, place / "bases/tiny")

    def write(folder: Path, version: str) -> VersionFacts:
        for name in ("adapter_model.safetensors", "adapter_config.json"):
            shutil.copyfile(adapter.folder / name, folder / name)
        return facts_of(base, LABELS)

    return Store(place / "adapters").publish("hotel", write, why="a test")


def test_a_tensor_that_neither_base_nor_adapter_brings_is_refused_by_name(
    adapter: Version, tmp_path: Path, nowhere: Path
) -> None:
    place = tmp_path / "place"
    shutil.copytree(adapter.folder.parents[2], place)
    tensors = load_file(place / "bases/tiny/model.safetensors")
    del tensors["encoder.layer.1.output.dense.bias"]
    rewrite_weights(place / "bases/tiny", tensors)
    assert "bert.encoder.layer.1.output.dense.bias" in str(refused(republished(place, adapter), nowhere))


def test_a_base_in_integers_is_refused(tmp_path: Path, adapter: Version, nowhere: Path) -> None:
    place = tmp_path / "place"
    shutil.copytree(adapter.folder.parents[2], place)
    tensors = load_file(place / "bases/tiny/model.safetensors")
    tensors["embeddings.word_embeddings.weight"] = tensors["embeddings.word_embeddings.weight"].to(torch.int8)
    rewrite_weights(place / "bases/tiny", tensors)
    assert "has type I8" in str(refused(republished(place, adapter), nowhere))


def test_another_base_under_the_same_name_is_refused_with_both_sides(
    adapter: Version, tmp_path: Path, nowhere: Path
) -> None:
    place = tmp_path / "place"
    shutil.copytree(adapter.folder.parents[2], place)
    tensors = load_file(place / "bases/tiny/model.safetensors")
    tensors["encoder.layer.0.output.dense.bias"][0] += 1
    rewrite_weights(place / "bases/tiny", tensors)
    line = str(refused(Store(place / "adapters").open("hotel"), nowhere))
    assert adapter.manifest.base.weights_fingerprint[:12] in line
    assert find_base(str(place / "bases/tiny")).weights_fingerprint[:12] in line
