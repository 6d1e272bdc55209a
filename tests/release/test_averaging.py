"""The average against PEFT's own concatenation, and against dense arithmetic."""

import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from lingyu.lora import AdapterWeights, LinearWeights, LoraWeights, read_weights
from lingyu.release.combined.averaging import average, cut, in_label_order, linears_of

LAYERS = ("narrow", "wide", "square")


class Layers(nn.Module):
    """Three linear layers, one with fewer outputs than two adapters' ranks together."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Linear(24, 6)
        self.wide = nn.Linear(6, 40)
        self.square = nn.Linear(24, 24)


@st.composite
def configs(draw: st.DrawFn, *, is_first: bool = False) -> LoraConfig:
    return LoraConfig(
        r=draw(st.integers(1, 8)),
        lora_alpha=draw(st.sampled_from([1, 8, 16, 64])),
        # of a first adapter with rsLoRA PEFT keeps the flag, and so scales what it concatenated once more
        use_rslora=False if is_first else draw(st.booleans()),
        target_modules=sorted(draw(st.sets(st.sampled_from(LAYERS), min_size=1))),
    )


def headless(first: LoraConfig, others: list[LoraConfig], seed: int) -> PeftModel:
    """Adapters a0, a1, ... with random weights, and no head, on random layers."""
    torch.manual_seed(seed)
    model = get_peft_model(Layers(), first, adapter_name="a0")
    for number, config in enumerate(others, 1):
        model.add_adapter(f"a{number}", config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn_like(parameter))
    return model


def read(model: PeftModel, folder: Path) -> list[AdapterWeights]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that such a model has no config of transformers
        model.save_pretrained(str(folder))
    return [read_weights(folder / name) for name in model.peft_config]


@settings(max_examples=25)
@given(configs(is_first=True), st.lists(configs(), min_size=1, max_size=2), st.integers(0, 99), st.data())
def test_the_concatenation_is_pefts_own(
    tmp_path_factory: pytest.TempPathFactory,
    first: LoraConfig,
    others: list[LoraConfig],
    seed: int,
    data: st.DataObject,
) -> None:
    weights = data.draw(st.lists(st.floats(0.01, 2), min_size=1 + len(others), max_size=1 + len(others)))
    model = headless(first, others, seed)
    adapters = read(model, tmp_path_factory.mktemp("headless"))
    names = list(model.peft_config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.add_weighted_adapter(names, weights, "all", combination_type="cat")

    made = average(adapters, weights, linears_of(Layers()))
    targeted = {layer for config in (first, *others) for layer in config.target_modules}
    assert set(made.lora) == targeted
    assert made.share_kept == made.least_kept == 1.0
    for layer, lora in made.lora.items():
        theirs = getattr(model.base_model.model, layer).get_delta_weight("all").detach()
        assert relative_error(lora.delta(), theirs) < 1e-5
        assert len(lora.A) == sum(config.r for config in (first, *others) if layer in config.target_modules)


def relative_error(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


def random_lora(out: int, in_: int, rank: int, seed: int) -> LoraWeights:
    draw = torch.Generator().manual_seed(seed)
    return LoraWeights(torch.randn(rank, in_, generator=draw), torch.randn(out, rank, generator=draw))


def adapter(lora: dict[str, LoraWeights], head: dict[str, LinearWeights]) -> AdapterWeights:
    return AdapterWeights(LoraConfig(), lora, head, Path("an-adapter"))


@settings(max_examples=40)
@given(
    out=st.integers(2, 30),
    in_=st.integers(2, 30),
    ranks=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    rank=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_the_cut_is_the_truncated_svd_of_the_dense_average(
    out: int, in_: int, ranks: list[int], rank: int, seed: int
) -> None:
    parts = [random_lora(out, in_, r, seed + number) for number, r in enumerate(ranks)]
    weights = [(number + 1) / sum(range(1, len(parts) + 1)) for number in range(len(parts))]
    layer = {"layer": nn.Linear(in_, out)}
    whole = average([adapter({"layer": part}, {}) for part in parts], weights, layer)
    made = cut(whole, rank)

    dense = sum(weight * (part.B.double() @ part.A.double()) for part, weight in zip(parts, weights, strict=True))
    singular = torch.linalg.svdvals(dense)
    lora = made.lora["layer"]
    assert len(lora.A) == min(rank, out, in_, sum(ranks))
    assert lora.A.dtype == lora.B.dtype == torch.float32
    # no matrix of that rank lies nearer (Eckart and Young), whichever of equal singular values were kept
    size = float(dense.norm())
    assert float((lora.delta() - dense).norm()) == pytest.approx(float(singular[rank:].norm()), abs=1e-5 * size)
    torch.testing.assert_close(
        torch.linalg.svdvals(lora.delta().double())[:rank], singular[:rank], atol=1e-5 * size, rtol=0
    )
    assert made.share_kept == pytest.approx(float(singular[:rank].norm()) / size, abs=1e-5)
    assert made.least_kept == made.share_kept


def test_what_is_kept_is_told_of_all_layers_and_of_the_worst() -> None:
    easy = LoraWeights(torch.eye(2, 4), torch.diag(torch.tensor([3.0, 0.0])))
    hard = LoraWeights(torch.eye(2, 4), torch.diag(torch.tensor([3.0, 4.0])))
    layers = {"easy": nn.Linear(4, 2), "hard": nn.Linear(4, 2)}
    made = cut(average([adapter({"easy": easy, "hard": hard}, {})], [1.0], layers), 1)
    assert made.least_kept == pytest.approx(4 / 5)
    assert made.share_kept == pytest.approx(((9 + 16) / (9 + 25)) ** 0.5)


def test_an_adapter_that_changes_nothing_loses_nothing_by_a_cut() -> None:
    nothing = LoraWeights(torch.randn(3, 8), torch.zeros(5, 3))
    made = cut(average([adapter({"layer": nothing}, {})], [1.0], {"layer": nn.Linear(8, 5)}), 2)
    assert made.share_kept == 1.0
    assert not made.lora["layer"].delta().any()


def test_a_layer_that_one_adapter_holds_whole_is_averaged_whole() -> None:
    layers = {"pooler": nn.Linear(4, 3), "classifier": nn.Linear(3, 2)}
    classifier = LinearWeights(torch.randn(2, 3), torch.randn(2))
    whole = LinearWeights(torch.randn(3, 4), torch.randn(3))
    lora = random_lora(3, 4, 2, seed=1)
    adapters = [
        adapter({}, {"pooler": whole, "classifier": classifier}),
        adapter({"pooler": lora}, {"classifier": classifier}),
        adapter({}, {"classifier": classifier}),  # leaves the base's pooler as it is
    ]
    made = average(adapters, [0.5, 0.3, 0.2], layers)
    base = layers["pooler"]
    assert made.lora == {}
    torch.testing.assert_close(
        made.head["pooler"].weight, 0.5 * whole.weight + 0.3 * (base.weight + lora.B @ lora.A) + 0.2 * base.weight
    )
    torch.testing.assert_close(made.head["pooler"].bias, 0.5 * whole.bias + 0.5 * base.bias)
    torch.testing.assert_close(made.head["classifier"].weight, classifier.weight)


def test_labels_in_another_order_have_the_last_layers_rows_permuted_and_no_others() -> None:
    layers = {"dense": nn.Linear(3, 3), "out": nn.Linear(3, 3)}
    head = {name: LinearWeights(torch.randn(3, 3), torch.randn(3)) for name in layers}
    found = in_label_order(adapter({}, head), (2, 0, 1), layers)
    assert found.head["dense"] is head["dense"]
    assert torch.equal(found.head["out"].weight, head["out"].weight[[2, 0, 1]])
    assert torch.equal(found.head["out"].bias, head["out"].bias[[2, 0, 1]])
