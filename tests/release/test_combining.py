"""Several adapters into one: what is published is their average, what can't be averaged leaves no trace."""

import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import ElectraConfig, ElectraModel

from lingyu.bases import find_base
from lingyu.data import Part
from lingyu.data.labelling import Labelled
from lingyu.errors import LingyuError
from lingyu.lora.attaching import attach_head
from lingyu.lora.saving import save_adapter
from lingyu.recipe import Lora
from lingyu.release import Combined, combine
from lingyu.release.combined import making as room
from lingyu.release.combined import parents_dev
from lingyu.store import (
    HASHES,
    PartRecord,
    Store,
    Version,
    VersionFacts,
    open_version,
    read_hashes,
    read_scores,
    write_hashes,
)
from lingyu.text import Encoded, content_hashes

from ..conftest import TINY_SHAPE, tiny_vocabulary
from ..serving.random_adapters import Kind, facts_of, logits_by_plain_peft, plain_base, publish, write_adapter

LABELS = ("差评", "中评", "好评")
TOLERANCE = 2e-5
ROWS = [[2, 7, 9, 11, 3], [2, 30, 3], [2, *range(5, 25), 3]]


@pytest.fixture
def place(tmp_path: Path, tiny_base: Path) -> Path:
    """A folder with a base and no adapters yet."""
    shutil.copytree(tiny_base, tmp_path / "bases/tiny")
    return tmp_path


def published(place: Path, *kinds: Kind) -> list[Version]:
    """Adapters a0, a1, ... of these kinds."""
    return [publish(place / "adapters", f"a{at}", place / "bases/tiny", kind) for at, kind in enumerate(kinds)]


def combined(place: Path, adapters: Sequence[Version], **options: object) -> Combined:
    return combine(adapters, place / "adapters", "both", **options)  # type: ignore[arg-type]


def mean_of_merged(adapters: Sequence[Version], weights: Sequence[float], base: Path) -> torch.nn.Module:
    """The mean of the models that PEFT merges each adapter into, in the labels' order of the first."""
    labels = adapters[0].manifest.labels
    mean: dict[str, torch.Tensor] = {}
    for version, weight in zip(adapters, weights, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = PeftModel.from_pretrained(plain_base(base, len(labels)), str(version.folder))
        merged = loaded.merge_and_unload().state_dict()
        rows = [version.manifest.labels.index(label) for label in labels]
        for name, tensor in merged.items():
            last = name.startswith(("classifier.out_proj.", "classifier.weight", "classifier.bias"))
            mean[name] = mean.get(name, 0) + weight * (tensor[rows] if last else tensor)
    model = plain_base(base, len(labels))
    model.load_state_dict(mean)
    return model.eval()


def distance_from_mean(made: Version, adapters: Sequence[Version], weights: Sequence[float], base: Path) -> float:
    """The largest difference of a logit to the mean of what PEFT merges."""
    reference = mean_of_merged(adapters, weights, base)
    ours = logits_by_plain_peft(made.folder, base, Encoded(ROWS, [False] * len(ROWS)))
    with torch.inference_mode():
        theirs = [reference(input_ids=torch.tensor([row])).logits[0] for row in ROWS]
    return float((torch.stack(list(ours)) - torch.stack(theirs)).abs().max())  # NaN where one is


def kinds(draw: st.DrawFn, seed: int) -> Kind:
    return Kind(
        seed=seed,
        labels=tuple(draw(st.permutations(LABELS))),
        r=draw(st.integers(1, 6)),
        lora_alpha=draw(st.sampled_from([2, 8, 16])),
        use_rslora=draw(st.booleans()),
        target_modules=draw(st.sampled_from([("query", "value"), ("key",), ("intermediate.dense", "query")])),
        max_length=draw(st.sampled_from([16, 32])),
    )


@st.composite
def several_kinds(draw: st.DrawFn) -> list[Kind]:
    return [kinds(draw, seed) for seed in range(draw(st.integers(2, 3)))]


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several_kinds(), st.data())
def test_any_mix_is_the_mean_of_what_peft_merges(
    tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, mix: list[Kind], data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("mix")
    shutil.copytree(tiny_base, place / "bases/tiny")
    adapters = published(place, *mix)
    weights = data.draw(st.lists(st.floats(0.1, 3), min_size=len(mix), max_size=len(mix)))
    made = combined(place, adapters, weights=weights)
    shares = [weight / sum(weights) for weight in weights]
    assert made.version.manifest.labels == mix[0].labels
    assert made.version.manifest.max_length == max(kind.max_length for kind in mix)
    assert [parent.weight for parent in made.version.manifest.parents] == pytest.approx(shares)
    assert distance_from_mean(made.version, adapters, shares, place / "bases/tiny") < TOLERANCE


def test_an_svd_of_the_full_rank_is_the_concatenation_in_fewer_rows(place: Path) -> None:
    kind = Kind(labels=LABELS, r=20)
    adapters = published(place, kind, replace(kind, seed=1))
    whole = combined(place, adapters)
    made = combined(place, adapters, combination_type="svd", svd_rank=40)
    assert distance_from_mean(made.version, adapters, [0.5, 0.5], place / "bases/tiny") < TOLERANCE
    assert made.combination.share_kept == pytest.approx(1)
    ranks = {
        version: {tensor.shape[0] for name, tensor in load_file(folder).items() if "lora_A" in name}
        for version, folder in (
            (version.version, version.folder / "adapter_model.safetensors") for version in (whole.version, made.version)
        )
    }
    assert ranks == {"v1": {40}, "v2": {32}}  # the tiny base is 32 wide


def test_an_svd_takes_the_largest_rank_and_says_what_it_keeps(place: Path) -> None:
    adapters = published(place, Kind(r=2), Kind(seed=1, r=5))
    made = combined(place, adapters, combination_type="svd")
    assert made.combination.rank == 5
    assert 0.3 < made.combination.least_kept <= made.combination.share_kept < 1
    assert made.combination.largest_logit_difference < 1e-4
    card = (made.version.folder / "README.md").read_text("utf-8")
    assert f"cut to rank 5 (svd), which keeps {made.combination.share_kept:.1%} of their Frobenius norm" in card
    assert "--weights 0.5,0.5 --combination-type svd --svd-rank 5" in card
    written = read_scores(made.version.folder)
    assert written.combination == made.combination
    assert written.test is None


def test_a_base_with_a_pooler_and_adapters_that_hold_it_or_leave_it(place: Path, tiny_base_with_pooler: Path) -> None:
    shutil.rmtree(place / "bases/tiny")
    base = Path(shutil.copytree(tiny_base_with_pooler, place / "bases/tiny"))
    adapters = [
        publish_configured(place, "holds", 1, target_modules=["query"], modules_to_save=["pooler.dense"]),
        publish_configured(place, "changes", 2, target_modules=["query", "pooler.dense"]),
        publish_configured(place, "leaves", 3, target_modules=["value"]),
    ]
    made = combined(place, adapters, weights=[2, 1, 1])
    assert distance_from_mean(made.version, adapters, [0.5, 0.25, 0.25], base) < TOLERANCE


def publish_configured(place: Path, name: str, seed: int, **config: object) -> Version:
    """An adapter of any config, with random weights."""
    base, kind = place / "bases/tiny", Kind(seed=seed)
    found = find_base(str(base))

    def write(folder: Path, version: str) -> VersionFacts:
        torch.manual_seed(seed)
        model = get_peft_model(plain_base(base, 2), LoraConfig(task_type="SEQ_CLS", r=3, **config))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.2 if parameter.requires_grad else 0)
        model.save_pretrained(str(folder))
        (folder / "README.md").unlink()
        return facts_of(found.weights_fingerprint, found.tokenizer_fingerprint, kind)

    return Store(place / "adapters").publish(name, write, why="a test")


def test_a_head_of_several_layers(place: Path) -> None:
    base = place / "bases/tiny"
    torch.manual_seed(3)
    ElectraModel(ElectraConfig(vocab_size=len(tiny_vocabulary()), embedding_size=16, **TINY_SHAPE)).save_pretrained(
        base
    )
    adapters = published(place, Kind(labels=LABELS), Kind(seed=1, labels=LABELS[::-1], r=2))
    made = combined(place, adapters)
    assert distance_from_mean(made.version, adapters, [0.5, 0.5], base) < TOLERANCE


# What is published


def test_the_version_names_its_parents_and_what_was_decided(place: Path) -> None:
    adapters = published(place, Kind(labels=LABELS), Kind(seed=1, labels=LABELS[::-1], max_length=48))
    made = combined(place, adapters, weights=[3, 1], channel="canary", why="one for all reviews")
    found = Store(place / "adapters").open("both@canary")
    assert found.manifest == open_version(made.version.folder).manifest
    assert [(parent.reference, parent.weight) for parent in found.manifest.parents] == [
        ("a0@v1", 0.75),
        ("a1@v1", 0.25),
    ]
    for parent, version in zip(found.manifest.parents, adapters, strict=True):
        assert parent.sha256 == version.manifest.files["adapter_model.safetensors"].sha256
    assert found.manifest.base == adapters[0].manifest.base
    assert found.manifest.lineage == adapters[0].manifest.lineage
    assert found.manifest.data == {}
    assert set(found.manifest.files) == {
        "README.md", "adapter_config.json", "adapter_model.safetensors", "metrics.json",
    }  # fmt: skip
    assert Store(place / "adapters").history("both")[0].why == "one for all reviews"
    assert "Texts are cut at 48 tokens; before, a0@v1 at 32 tokens, a1@v1 at 48 tokens." in made.notes
    assert "The labels of a1@v1 stood in another order, and were brought into a0@v1's." in made.notes


def test_its_config_is_plain_lora_that_names_every_layer(place: Path) -> None:
    adapters = published(place, Kind(use_rslora=True, r=2), Kind(seed=1, target_modules=("query", "key")))
    made = combined(place, adapters)
    config = json.loads((made.version.folder / "adapter_config.json").read_text("utf-8"))
    assert (config["use_rslora"], config["use_dora"], config["init_lora_weights"]) == (False, False, True)
    assert config["rank_pattern"] == config["alpha_pattern"]
    ranks = {name: config["rank_pattern"].get(name, config["r"]) for name in config["target_modules"]}
    layer = "bert.encoder.layer.1.attention.self"
    assert [ranks[f"{layer}.{name}"] for name in ("query", "key", "value")] == [6, 4, 2]
    assert config["lora_alpha"] == config["r"]
    assert sorted(set(config["modules_to_save"])) == ["bert.pooler.dense", "classifier"]
    assert config["base_model_name_or_path"] == "./bases/tiny"


def test_without_dev_rows_it_says_so_and_is_not_calibrated(place: Path) -> None:
    made = combined(place, published(place, Kind(), Kind(seed=1)))
    assert [(dev.rows, dev.scores, dev.reason) for dev in made.parents_dev] == [
        (None, None, f"{name}@v1 names no recipe") for name in ("a0", "a1")
    ]
    assert not any("cut at" in note or "another order" in note for note in made.notes), "both have the same"
    assert made.version.manifest.calibration.temperature == 1.0
    card = (made.version.folder / "README.md").read_text("utf-8")
    assert "a0@v1: not measured. a0@v1 names no recipe" in card
    assert "Its probabilities are not calibrated." in card
    assert "A dev set is not a test" in card


def test_what_was_combined_can_be_combined_again(place: Path) -> None:
    first, second, third = published(place, Kind(), Kind(seed=1), Kind(seed=2))
    half = combined(place, [first, second]).version
    made = combined(place, [half, third], weights=[2, 1]).version
    assert distance_from_mean(made, [first, second, third], [1 / 3, 1 / 3, 1 / 3], place / "bases/tiny") < TOLERANCE


def test_a_text_that_one_was_trained_on_is_train(place: Path) -> None:
    first = with_hashes(place, "first", 1, train=[1, 2, 2], dev=[3, 4], test=[5, 6])
    second = with_hashes(place, "second", 2, train=[4, 7], dev=[8, 6], test=[1, 9, 3])
    made = combined(place, [first, second])
    kept = read_hashes(made.version.folder / HASHES)
    assert {part: hashes.tolist() for part, hashes in kept.items()} == {
        "train": [1, 2, 4, 7],
        "dev": [3, 6, 8],
        "test": [5, 9],
    }


def test_hashes_that_one_does_not_keep_are_not_half_kept(place: Path) -> None:
    first = with_hashes(place, "first", 1, train=[1], dev=[3], test=[5])
    made = combined(place, [first, *published(place, Kind())])
    assert HASHES not in made.version.manifest.files
    assert any(note.startswith("What a0@v1 was trained on is not known") for note in made.notes)


def with_hashes(place: Path, name: str, seed: int, **parts: list[int]) -> Version:
    base, kind = place / "bases/tiny", Kind(seed=seed)
    found = find_base(str(base))

    def write(folder: Path, version: str) -> VersionFacts:
        write_adapter(folder, base, kind)
        (folder / "README.md").unlink()
        write_hashes(folder / HASHES, **{part: np.array(rows, dtype=np.int64) for part, rows in parts.items()})
        facts = facts_of(found.weights_fingerprint, found.tokenizer_fingerprint, kind)
        data = {part: PartRecord(rows=len(rows), fingerprint="a" * 64) for part, rows in parts.items()}
        return facts.model_copy(update={"data": data})

    return Store(place / "adapters").publish(name, write, why="a test")


# What is refused


def refusal(place: Path, adapters: Sequence[Version], status: int = 2, **options: object) -> str:
    """The one line of an error that left nothing behind."""
    before = sorted(place.rglob("*"))
    with pytest.raises(LingyuError) as caught:
        combined(place, adapters, **options)
    assert caught.value.status == status
    assert "\n" not in str(caught.value)
    assert sorted(place.rglob("*")) == before
    return str(caught.value)


def test_different_labels_are_refused_with_both_sides(place: Path) -> None:
    said = refusal(place, published(place, Kind(), Kind(seed=1, labels=LABELS)))
    assert "a0@v1 and a1@v1 have different labels: 负面, 正面 and 差评, 中评, 好评" in said


def test_dora_is_refused_by_name_with_what_to_do(place: Path) -> None:
    said = refusal(place, published(place, Kind(), Kind(seed=1, use_dora=True)))
    assert said.startswith("a1@v1: is DoRA")
    assert "lora.use_dora=false" in said


def other_facts(version: Version, **update: object) -> Version:
    return replace(version, manifest=version.manifest.model_copy(update=update))


def test_other_bases_tokenizers_tasks_and_text_steps_are_refused_with_both_sides(place: Path) -> None:
    first, second = published(place, Kind(), Kind(seed=1))
    base = second.manifest.base
    for update, says in (
        (
            {"base": base.model_copy(update={"id": "other", "weights_fingerprint": "ab" * 32})},
            "for different bases: ./b",
        ),
        ({"base": base.model_copy(update={"tokenizer_fingerprint": "cd" * 32})}, "for different tokenizers: "),
        ({"task": "multi_label"}, "different tasks: single_label and multi_label"),
        ({"text_steps": ("html",)}, "different steps: none and html"),
    ):
        said = refusal(place, [first, other_facts(second, **update)])
        assert "a0@v1 and a1@v1" in said
        assert says in said


def test_another_base_of_the_same_name_is_refused(place: Path) -> None:
    adapters = published(place, Kind(), Kind(seed=1))
    file = place / "bases/tiny/model.safetensors"
    tensors = load_file(file)
    tensors["bert.encoder.layer.0.attention.self.query.weight"][0, 0] += 1
    save_file(tensors, file, metadata={"format": "pt"})
    assert "was trained on ./bases/tiny (weights" in refusal(place, adapters)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"weights": [1]}, "--weights: 1 weights for 2 adapters"),
        ({"weights": [1, -1]}, "--weights: 1,-1 are no weights of an average"),
        ({"weights": [1, float("nan")]}, "1,nan are no weights"),
        ({"weights": [float("inf"), 1]}, "inf,1 are no weights"),
        ({"weights": [0, 0]}, "every weight is 0"),
        ({"combination_type": "linear"}, "linear gives no average of adapters. There are cat and svd"),
        ({"combination_type": "svdd"}, "Did you mean svd?"),
        ({"svd_rank": 4}, "--svd-rank: cat keeps the ranks of all adapters"),
        ({"combination_type": "svd", "svd_rank": 0}, "0 is no rank"),
        ({"channel": "v2"}, "v2 can't name a channel"),
        ({"why": "长" * 1001}, "the reason has over 1,000 characters"),
    ],
)
def test_what_is_no_average_is_refused(place: Path, options: dict[str, object], says: str) -> None:
    assert says in refusal(place, published(place, Kind(), Kind(seed=1)), **options)


def test_huge_and_tiny_weights_are_weights(place: Path) -> None:
    adapters = published(place, Kind(), Kind(seed=1))
    made = combined(place, adapters, weights=[1.5e308, 1.5e308])
    assert [parent.weight for parent in made.version.manifest.parents] == [0.5, 0.5]
    made = combined(place, adapters, weights=[0, 1e-300])
    assert distance_from_mean(made.version, adapters, [0, 1], place / "bases/tiny") < TOLERANCE


def test_two_adapters_of_one_name_are_refused(place: Path) -> None:
    first, second = published(place, Kind(), Kind(seed=1))
    assert "two different adapters are called a0@v1" in refusal(place, [first, replace(second, name="a0")])


def test_one_adapter_alone_or_twice_is_refused(place: Path) -> None:
    first, second = published(place, Kind(), Kind(seed=1))
    assert "one adapter alone" in refusal(place, [first])
    assert "a0@v1 and a0@v1 are one and the same adapter" in refusal(place, [first, second, first])


@pytest.mark.parametrize("name", ["../both", "Both", "a/b", ""])
def test_a_name_that_is_none_is_refused(place: Path, name: str) -> None:
    adapters = published(place, Kind(), Kind(seed=1))
    with pytest.raises(LingyuError, match="can't name an adapter"):
        combine(adapters, place / "adapters", name)


def test_the_folder_of_an_adapter_is_no_store(place: Path) -> None:
    adapters = published(place, Kind(), Kind(seed=1))
    with pytest.raises(LingyuError, match="is the folder of an adapter, not a store"):
        combine(adapters, place / "adapters/a0", "both")
    open_version(place / "adapters/a0/v1")


def test_what_reads_back_as_something_else_is_not_published(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = published(place, Kind(), Kind(seed=1))
    write = room.write_plain_lora

    def write_wrongly(folder: Path, *rest: object) -> None:
        write(folder, *rest)  # type: ignore[arg-type]
        tensors = load_file(folder / "adapter_model.safetensors")
        name = next(name for name in tensors if "lora_B" in name)
        save_file({**tensors, name: tensors[name] * 3}, folder / "adapter_model.safetensors")

    monkeypatch.setattr(room, "write_plain_lora", write_wrongly)
    said = refusal(place, adapters, status=1)
    assert "what was written answers differently from the average" in said


def publish_head(place: Path, name: str, seed: int) -> Version:
    """As method: head leaves it: no LoRA."""
    base = find_base(str(place / "bases/tiny"))
    kind = Kind(seed=seed, labels=LABELS)

    def write(folder: Path, version: str) -> VersionFacts:
        save_adapter(attach_head(base.load_classifier(LABELS, seed=seed), base), base, Lora(), folder, initial=None)
        (folder / "README.md").unlink(missing_ok=True)
        facts = facts_of(base.weights_fingerprint, base.tokenizer_fingerprint, kind)
        return facts.model_copy(update={"method": "head"})

    return Store(place / "adapters").publish(name, write, why="a test")


def test_heads_without_lora_are_averaged_and_stay_heads(place: Path) -> None:
    heads = [publish_head(place, "one", 1), publish_head(place, "two", 2)]
    made = combined(place, heads, weights=[3, 1]).version
    assert made.manifest.method == "head"
    assert distance_from_mean(made, heads, (0.75, 0.25), place / "bases/tiny") < TOLERANCE
    with pytest.raises(LingyuError, match="heads without LoRA, so there is nothing to cut"):
        combined(place, heads, combination_type="svd")


def test_a_head_and_a_lora_are_averaged_to_a_lora(place: Path) -> None:
    adapters = [publish_head(place, "one", 1), *published(place, Kind(seed=2, labels=LABELS))]
    made = combined(place, adapters).version
    assert made.manifest.method == "lora"
    assert distance_from_mean(made, adapters, (0.5, 0.5), place / "bases/tiny") < TOLERANCE


def test_the_labels_of_a_dev_set_are_brought_into_the_order_agreed_on(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three labels in a circle: an order and its inverse are two things."""
    version = publish(place / "adapters", "shop", place / "bases/tiny", Kind(labels=("乙", "丙", "甲")))
    texts = ("二", "三", "一")
    own = np.array([0, 1, 2])
    rows = Part(texts, Labelled(own, own, own), content_hashes(texts))
    monkeypatch.setattr(parents_dev, "dev_rows_of", lambda _: rows)
    found = parents_dev.read_dev_set(version, (2, 0, 1), content_hashes(["三"])).rows
    assert found is not None
    assert [("甲", "乙", "丙")[label] for label in found.labels] == ["乙", "甲"]
    assert found.texts == ("二", "一")
