"""Every row of a mixed batch is its adapter alone in plain PEFT, whatever else is in the batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModel, DebertaV2Config, DebertaV2Model, ElectraConfig, ElectraModel

from lingyu.bases import FAMILIES, find_base
from lingyu.errors import LingyuError
from lingyu.serving.engine import Engine, Resident
from lingyu.store import open_version

from ..conftest import TINY_SHAPE, tiny_vocabulary
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
]


@pytest.fixture(scope="module")
def residents(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Resident]:
    store = tmp_path_factory.mktemp("mixing") / "adapters"
    engine = Engine(find_base(str(tiny_base)))
    return [engine.admit(publish(store, f"a{kind.seed}", tiny_base, kind)) for kind in KINDS]


rows_of = st.lists(
    st.tuples(st.integers(0, len(KINDS) - 1), st.lists(st.integers(5, 100), min_size=1, max_size=30)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of)
def test_every_row_of_a_random_mix_equals_its_adapter_alone_in_plain_peft(
    rows: list[tuple[int, list[int]]], residents: list[Resident], tiny_base: Path
) -> None:
    index, input_ids = np.array([which for which, _ in rows]), [[2, *ids, 3] for _, ids in rows]
    engine = residents[0].engine
    logits = engine.logits(engine.stack(tuple(residents)), index, input_ids)
    for which in set(index.tolist()):
        mine = np.flatnonzero(index == which)
        resident = residents[which]
        alone = logits_by_plain_peft(resident.version.folder, tiny_base, [input_ids[row] for row in mine])
        for row, expected in zip(mine, alone, strict=True):
            found = logits[row, : len(expected)]
            assert np.abs(found - expected.numpy()).max() < TOLERANCE
            assert not logits[row, len(expected) :].any(), "no label of another adapter gets a say"


def test_the_random_adapters_differ_enough_to_be_told_apart(residents: list[Resident]) -> None:
    engine = residents[0].engine
    ids = [[2, 20, 30, 40, 3]] * len(residents)
    logits = engine.logits(engine.stack(tuple(residents)), np.arange(len(residents)), ids)[:, :2]
    apart = np.abs(logits[:, None] - logits[None]).max(axis=2) + np.eye(len(residents))
    assert apart.min() > 0.01


def test_one_adapter_alone_and_the_same_in_a_mix_agree(residents: list[Resident]) -> None:
    engine = residents[0].engine
    ids = [[2, *range(10, 10 + length), 3] for length in (1, 5, 30)]
    mixed = engine.logits(engine.stack(tuple(residents)), np.array([4, 4, 4]), ids)[:, :2]
    alone = engine.logits(engine.stack((residents[4],)), np.array([0, 0, 0]), ids)
    np.testing.assert_allclose(mixed, alone, atol=TOLERANCE)


def test_outside_a_mix_the_bare_base_answers_nobody(residents: list[Resident]) -> None:
    with pytest.raises(LookupError):
        residents[0].engine._model(input_ids=torch.tensor([[2, 3]]))


def test_an_exception_in_a_forward_leaves_nothing_behind(residents: list[Resident]) -> None:
    engine = residents[0].engine
    stack, ids = engine.stack(tuple(residents)), [[2, 20, 30, 3], [2, 40, 3]]
    before = engine.logits(stack, np.array([0, 1]), ids)
    with pytest.raises(IndexError):
        engine.logits(stack, np.array([2, 3]), [[2, 10**6, 3], [2, 3]])
    np.testing.assert_array_equal(engine.logits(stack, np.array([0, 1]), ids), before)
    with pytest.raises(LookupError):
        engine._model(input_ids=torch.tensor([[2, 3]]))


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


@pytest.mark.parametrize("model_type", sorted(FAMILIES.keys() - {"electra", "deberta-v2", "bert"}))
def test_every_other_family_mixes_too(model_type: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = AutoModel.from_config(AutoConfig.for_model(model_type, vocab_size=len(tiny_vocabulary()), **TINY_SHAPE))
    base = write_base(tmp_path / "bases" / model_type, model)
    _assert_mixes(base, tmp_path / "adapters", targets=("query", "value", "output.dense"))


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
        Kind(seed=2, labels=("a", "b", "c"), r=2, target_modules=targets[:1]),
        Kind(seed=3, use_dora=True, target_modules=targets[1:]),
    ]
    engine = Engine(find_base(str(base)))
    residents = tuple(engine.admit(publish(store, f"a{kind.seed}", base, kind)) for kind in kinds)
    index = np.array([2, 0, 1, 1, 0, 2])
    ids = [[2, *range(10, 10 + length), 3] for length in (3, 9, 1, 20, 9, 4)]
    logits = engine.logits(engine.stack(residents), index, ids)
    for row, which in enumerate(index):
        (alone,) = logits_by_plain_peft(residents[which].version.folder, base, [ids[row]])
        assert np.abs(logits[row, : len(alone)] - alone.numpy()).max() < TOLERANCE


# What does not fit


def test_an_adapter_of_another_shape_is_refused(residents: list[Resident], tiny_base: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    version = publish(tmp_path / "adapters", "odd", tiny_base, Kind(seed=1))
    odd = replace(version, manifest=version.manifest.model_copy(update={"labels": ("a", "b", "c")}))
    with pytest.raises(LingyuError, match=r"classifier has shape \(2, 32\), but needs \(3, 32\)"):
        residents[0].engine.admit(odd)
    assert residents[0].engine.admit(open_version(version.folder)).task.num_outputs == 2
