"""Every row of a mixed batch is its adapter alone in plain PEFT, whatever else is in the batch."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig, AutoModel, DebertaV2Config, DebertaV2Model, ElectraConfig, ElectraModel

from lingyu.bases import FAMILIES, find_base
from lingyu.errors import LingyuError
from lingyu.serving import Lingyu, mixing
from lingyu.serving.answering import _Ask, _groups
from lingyu.serving.engine import Engine, Logits, Resident
from lingyu.serving.mixing import Fitted, Spot, Stack, stackable
from lingyu.serving.mixing import Head as HeadWeights
from lingyu.store import open_version
from lingyu.tasks import Failed, Result
from lingyu.text import Encoded

from ..conftest import TINY_SHAPE, tiny_vocabulary
from ..tiny_families import write_family
from .random_adapters import DENSE, Kind, logits_by_plain_peft, publish

TOLERANCE = 1e-5

KINDS = [
    Kind(seed=1),
    Kind(seed=2, labels=("差评", "中评", "好评"), r=2, lora_alpha=3, target_modules=("query", "key", "value", *DENSE)),
    Kind(seed=3, r=7, use_rslora=True, target_modules=DENSE),
    Kind(seed=4, labels=tuple("甲乙丙丁戊己庚"), r=16, lora_alpha=32, target_modules=("intermediate.dense",)),
    Kind(seed=5, r=3, use_dora=True, target_modules=("query", "output.dense")),
    Kind(seed=6, use_dora=True, use_rslora=True, target_modules=("key", *DENSE)),
    Kind(seed=7, labels=("否", "是", "难说"), r=1, target_modules=("layer.1.attention.self.value",)),
    Kind(seed=8, task="token", labels=("品牌",)),
    Kind(seed=9, task="token", labels=tuple("地时人"), r=3, use_dora=True, target_modules=("value", *DENSE)),
    Kind(seed=10, task="multi_label", labels=("味道", "服务", "价格", "环境"), r=6),
    Kind(seed=11, task="ordinal", labels=tuple("12345"), use_rslora=True),
    Kind(seed=12, task="regression", labels=()),
    Kind(seed=13, task="preference", labels=(), text_pair=True, target_modules=DENSE),
]


@pytest.fixture(scope="module")
def residents(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Resident]:
    store = tmp_path_factory.mktemp("mixing") / "adapters"
    engine = Engine(find_base(str(tiny_base)))
    return [engine.admit(publish(store, f"a{kind.seed}", tiny_base, kind)) for kind in KINDS]


ids_of = st.lists(st.integers(5, 100), min_size=1, max_size=15)
rows_of = st.lists(
    st.tuples(st.integers(0, len(KINDS) - 1), ids_of, st.none() | ids_of),
    min_size=1,
    max_size=12,
)


def encoded(*rows: tuple[list[int], list[int] | None]) -> Encoded:
    """Of texts, or of pairs of them, by their token ids."""
    ids = [[2, *first, 3] + ([*second, 3] if second else []) for first, second in rows]
    types = [[0] * (len(first) + 2) + [1] * (len(second) + 1 if second else 0) for first, second in rows]
    return Encoded(ids, [False] * len(ids), types if any(second for _, second in rows) else None)


def of_row(logits: Logits, row: int) -> np.ndarray:
    """(outputs,) or (tokens, outputs), as many as any adapter of the mix has."""
    return logits.tokens.get(row, logits.rows[row])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of)
def test_every_row_of_a_random_mix_equals_its_adapter_alone_in_plain_peft(
    rows: list[tuple[int, list[int], list[int] | None]], residents: list[Resident], tiny_base: Path
) -> None:
    index, batch = np.array([which for which, *_ in rows]), encoded(*((first, second) for _, first, second in rows))
    engine = residents[0].engine
    logits = engine.logits(engine.stack(tuple(residents)), index, batch)
    for which in set(index.tolist()):
        mine = np.flatnonzero(index == which)
        resident = residents[which]
        alone = logits_by_plain_peft(resident.version.folder, tiny_base, batch.take(mine.tolist()))
        for row, expected in zip(mine.tolist(), alone, strict=True):
            found, outputs = of_row(logits, row), resident.task.num_outputs
            assert found.ndim == expected.ndim
            assert np.abs(found[..., :outputs] - expected.numpy()).max() < TOLERANCE
            assert not found[..., outputs:].any(), "no label of another adapter gets a say"


def test_the_random_adapters_differ_enough_to_be_told_apart(residents: list[Resident]) -> None:
    engine = residents[0].engine
    batch = encoded(*[([20, 30, 40], None)] * len(residents))
    logits = engine.logits(engine.stack(tuple(residents)), np.arange(len(residents)), batch)
    first = np.array([np.atleast_2d(of_row(logits, row))[0, :1] for row in range(len(residents))])
    apart = np.abs(first[:, None] - first[None]).max(axis=2) + np.eye(len(residents))
    assert apart.min() > 0.003


@pytest.mark.parametrize("which", [4, 8, 12])
def test_one_adapter_alone_and_the_same_in_a_mix_agree(which: int, residents: list[Resident]) -> None:
    engine = residents[0].engine
    batch = encoded(*((list(range(10, 10 + length)), None) for length in (1, 5, 30)))
    mixed = engine.logits(engine.stack(tuple(residents)), np.full(3, which), batch)
    alone = engine.logits(engine.stack((residents[which],)), np.zeros(3, dtype=np.int64), batch)
    outputs = residents[which].task.num_outputs
    for row in range(3):
        expected = of_row(alone, row)[..., :outputs]
        np.testing.assert_allclose(of_row(mixed, row)[..., :outputs], expected, atol=TOLERANCE)


def test_all_tokens_go_through_the_last_layer_only_where_a_row_needs_them(
    residents: list[Resident], monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []
    engine = residents[0].engine
    engine._encoder.encoder.layer[-1].output.dense.register_forward_hook(
        lambda module, inputs, output: widths.append(output.shape[1])
    )
    stack, batch = engine.stack(tuple(residents)), encoded(([20, 30, 40], None), ([20, 30], None))
    by_row, by_token = 0, 7
    for index in ([by_row, by_row], [by_row, by_token], [by_token, by_token], [by_row, by_row]):
        engine.logits(stack, np.array(index), batch)
    assert widths == [1, 5, 5, 1]


def test_outside_a_mix_the_bare_base_answers_nobody(residents: list[Resident]) -> None:
    with pytest.raises(LookupError):
        residents[0].engine._encoder(input_ids=torch.tensor([[2, 3]]))
    with pytest.raises(LookupError):
        residents[0].engine._forms["row"].classifier(input_ids=torch.tensor([[2, 3]]))


def test_an_exception_in_a_forward_leaves_nothing_behind(residents: list[Resident]) -> None:
    engine = residents[0].engine
    stack, batch = engine.stack(tuple(residents)), encoded(([20, 30], None), ([40], None))
    before = engine.logits(stack, np.array([0, 1]), batch)
    with pytest.raises(IndexError):
        engine.logits(stack, np.array([2, 7]), encoded(([10**6], None), ([20], None)))
    after = engine.logits(stack, np.array([0, 1]), batch)
    np.testing.assert_array_equal(after.rows, before.rows)
    assert not after.tokens
    with pytest.raises(LookupError):
        engine._encoder(input_ids=torch.tensor([[2, 3]]))


def test_nothing_of_a_batch_is_kept_for_the_next(residents: list[Resident]) -> None:
    engine = residents[0].engine
    engine.logits(engine.stack(tuple(residents)), np.array([0, 7]), encoded(([20, 30], None), ([40], None)))
    with pytest.raises(LookupError):
        mixing.EncodedAlready()()


def test_a_base_whose_biases_are_other_than_zero_is_mixed_too(tiny_base: Path, tmp_path: Path) -> None:
    """Those of a base that was never trained are 0. DoRA changes what a layer gives without its bias."""
    base, draw = shutil.copytree(tiny_base, tmp_path / "bases/biased"), np.random.default_rng(4)
    tensors = load_file(base / "model.safetensors")
    for name, tensor in tensors.items():
        if name.endswith(".bias"):
            tensors[name] = tensor + draw.normal(size=tensor.shape).astype(np.float32)
    save_file(tensors, base / "model.safetensors", {"format": "pt"})
    _assert_mixes(base, tmp_path / "adapters", targets=("query", "value", "output.dense"))


# Other families


def write_base(folder: Path, model: torch.nn.Module) -> Path:
    from transformers import BertTokenizer

    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(tiny_vocabulary()) + "\n", "utf-8")
    BertTokenizer(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    return folder


def test_a_family_whose_head_is_composite_mixes_too(tmp_path: Path) -> None:
    torch.manual_seed(3)
    config = ElectraConfig(vocab_size=len(tiny_vocabulary()), embedding_size=16, **TINY_SHAPE)
    base = write_base(tmp_path / "bases/electra", ElectraModel(config))
    _assert_mixes(base, tmp_path / "adapters", targets=("query", "value", "embeddings_project"))


@pytest.mark.parametrize("model_type", sorted(FAMILIES.keys() - {"electra", "deberta-v2", "bert", "modernbert"}))
def test_every_other_family_mixes_too(model_type: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = AutoModel.from_config(AutoConfig.for_model(model_type, vocab_size=len(tiny_vocabulary()), **TINY_SHAPE))
    base = write_base(tmp_path / "bases" / model_type, model)
    _assert_mixes(base, tmp_path / "adapters", targets=("query", "value", "output.dense"))


def test_a_family_whose_heads_have_a_layer_in_common_keeps_them_apart(tmp_path: Path) -> None:
    """ModernBERT's `head.dense` stands before either classifier, and each adapter trains its own."""
    base = write_family(tmp_path / "bases/modernbert", "ModernBERT")
    _assert_mixes(base, tmp_path / "adapters", targets=("attn.Wqkv", "mlp.Wi", "mlp.Wo"))


def test_a_family_whose_layers_see_more_than_rows_is_answered_adapter_by_adapter(tmp_path: Path) -> None:
    torch.manual_seed(3)
    config = DebertaV2Config(
        vocab_size=len(tiny_vocabulary()),
        **TINY_SHAPE,
        relative_attention=True,
        pos_att_type=["c2p", "p2c"],
        share_att_key=True,
        position_buckets=8,
        position_biased_input=False,
        norm_rel_ebd="layer_norm",
        type_vocab_size=0,
    )
    base = write_base(tmp_path / "bases/deberta", DebertaV2Model(config))
    _assert_mixes(base, tmp_path / "adapters", targets=("query_proj", "key_proj", "value_proj"))


def _assert_mixes(base: Path, store: Path, targets: tuple[str, ...]) -> None:
    kinds = [
        Kind(seed=1, target_modules=targets),
        Kind(seed=2, labels=("a", "b", "c"), r=2, target_modules=targets[:1], text_pair=True),
        Kind(seed=3, use_dora=True, target_modules=targets[1:]),
        Kind(seed=4, task="token", labels=("a", "b"), target_modules=targets),
    ]
    found_base = find_base(str(base))
    engine = Engine(found_base)
    residents = tuple(engine.admit(publish(store, f"a{kind.seed}", base, kind)) for kind in kinds)
    has_types = getattr(found_base.config, "type_vocab_size", 0) > 1
    index = np.array([2, 0, 1, 3, 1, 0, 2, 3])
    texts = [(list(range(10, 10 + length)), None) for length in (3, 9, 1, 7, 20, 9, 4, 12)]
    batch = encoded(*texts[:2], ([10, 11], [12] if has_types else None), *texts[3:])
    logits = engine.logits(engine.stack(residents), index, batch)
    for row, which in enumerate(index.tolist()):
        (alone,) = logits_by_plain_peft(residents[which].version.folder, base, batch.take([row]))
        found = of_row(logits, row)[..., : alone.shape[-1]]
        assert found.shape == alone.shape
        assert np.abs(found - alone.numpy()).max() < TOLERANCE


# What goes into one stack


def of_rank(rank: int) -> Fitted:
    """Of one layer of 1,000 inputs and outputs and a head of two labels: 8,000 bytes a rank and 8,008."""
    spot = Spot(torch.zeros(1000, rank), torch.zeros(rank, 1000), None)
    return Fitted({"query": spot}, {"classifier": HeadWeights(torch.zeros(2, 1000), torch.zeros(2))}, "row")


def test_a_large_adapter_does_not_blow_up_the_stack_of_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = [of_rank(rank) for rank in [8] * 30 + [256] + [8] * 33]
    assert [len(group) for group in stackable(adapters, 100)] == [64], "little memory, whatever it is of"
    monkeypatch.setattr(mixing, "_SMALL_STACK_BYTES", 0)
    small, large = stackable(adapters, 100)
    assert (small, large) == ([*range(30), *range(31, 64)], [30])
    for group in (small, large):
        stack = Stack.of([adapters[number] for number in group])
        tensors = [stack.spots["query"].A, stack.spots["query"].B]
        tensors += list(vars(stack.heads["row"].layers["classifier"]).values())
        own = sum(adapters[number].size_bytes for number in group)
        assert sum(tensor.nbytes for tensor in tensors) <= 2 * own
    assert [len(group) for group in stackable(adapters[:8], 3)] == [3, 3, 2]
    assert stackable([], 3) == []


RANKS = st.integers(1, 40)


@given(st.lists(st.tuples(RANKS, RANKS), min_size=1, max_size=9))
def test_no_stack_takes_more_than_twice_what_its_adapters_do(ranks: list[tuple[int, int]]) -> None:
    head = {"classifier": HeadWeights(torch.zeros(2, 10), torch.zeros(2))}
    adapters = [
        Fitted(
            {f"layer.{at}": Spot(torch.zeros(10, r), torch.zeros(r, 10), None) for at, r in enumerate(both)},
            head,
            "row",
        )
        for both in ranks
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixing, "_SMALL_STACK_BYTES", 0)
        groups = stackable(adapters, 4)
    assert sorted(number for group in groups for number in group) == list(range(len(adapters)))
    for group in groups:
        stack = Stack.of([adapters[number] for number in group])
        spots = sum(tensor.nbytes for spot in stack.spots.values() for tensor in (spot.A, spot.B))
        heads = len(group) * (20 + 2) * 4
        assert len(group) <= 4
        assert spots + heads <= 2 * sum(adapters[number].size_bytes for number in group)


def test_an_adapter_alone_is_no_copy_of_itself() -> None:
    adapter = of_rank(4)
    stack = Stack.of([adapter])
    ours, head = stack.spots["query"], stack.heads["row"].layers["classifier"]
    assert (ours.A.shape, head.weight.shape) == ((1, 1000, 4), (1, 2, 1000))
    assert ours.A.data_ptr() == adapter.spots["query"].A.data_ptr()
    assert head.weight.data_ptr() == adapter.heads["classifier"].weight.data_ptr()


def test_what_is_asked_of_more_adapters_than_a_stack_holds_goes_through_in_several(residents: list[Resident]) -> None:
    asks = [_Ask(number, replace(residents[0]), "", None, "") for number in range(130)]
    groups = list(_groups([*asks, *asks]))
    assert [len(group) for group in groups] == [2 * 64, 2 * 64, 2 * 2]
    assert sorted(number for group in groups for number in group) == list(range(260))


# What does not fit


def test_an_adapter_that_reads_more_than_its_base_can_is_refused(
    residents: list[Resident], tiny_base: Path, tmp_path: Path
) -> None:
    version = publish(tmp_path / "adapters", "long", tiny_base, Kind(seed=1, max_length=100_000))
    with pytest.raises(LingyuError, match=r"reads 100,000 tokens of a text, but its base .* 64 at most"):
        residents[0].engine.admit(version)


@pytest.mark.parametrize("max_length", [1, 2])
def test_an_adapter_that_reads_nothing_of_a_text_fails_alone(max_length: int, tiny_base: Path, tmp_path: Path) -> None:
    """A tokenizer can't cut to less than its special tokens, and the base would be given the whole text."""
    shutil.copytree(tiny_base, tmp_path / "bases/tiny")
    for name, length in (("good", 24), ("none", max_length)):
        publish(tmp_path / "adapters", name, tiny_base, Kind(seed=1, max_length=length))
    good, none = Lingyu.load(tmp_path / "adapters").classify(["好" * 80] * 2, ["good", "none"])
    assert isinstance(good, Result)
    assert isinstance(none, Failed)
    assert f"reads {max_length} tokens of a text, of which the 2 special ones leave none" in str(none.error)


def test_an_adapter_with_a_text_step_of_a_later_lingyu_is_refused_before_it_is_asked(
    residents: list[Resident], tiny_base: Path, tmp_path: Path
) -> None:
    version = publish(tmp_path / "adapters", "later", tiny_base, Kind(seed=1))
    later = version.manifest.model_copy(update={"text_steps": ("html", "pinyin")})
    with pytest.raises(LingyuError, match="pinyin"):
        residents[0].engine.admit(replace(version, manifest=later))


def test_an_adapter_of_another_shape_is_refused(residents: list[Resident], tiny_base: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    version = publish(tmp_path / "adapters", "odd", tiny_base, Kind(seed=1))
    odd = replace(version, manifest=version.manifest.model_copy(update={"labels": ("a", "b", "c")}))
    with pytest.raises(LingyuError, match=r"classifier has shape \(2, 32\), but needs \(3, 32\)"):
        residents[0].engine.admit(odd)
    assert residents[0].engine.admit(open_version(version.folder)).task.num_outputs == 2


def test_a_head_of_another_kind_than_the_task_says_is_refused(
    residents: list[Resident], tiny_base: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    version = publish(tmp_path / "adapters", "odd", tiny_base, Kind(seed=1, labels=("a", "b", "c")))
    odd = replace(version, manifest=version.manifest.model_copy(update={"task": "token", "labels": ("a",)}))
    with pytest.raises(LingyuError, match=r"holds head tensors without a place: bert\.pooler\.dense"):
        residents[0].engine.admit(odd)
