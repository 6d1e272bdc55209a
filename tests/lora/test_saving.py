"""What was trained is in the file, for every variant, and a file that is not whole is refused."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from lingyu.bases import Base, find_base
from lingyu.errors import LingyuError
from lingyu.lora import load_adapter
from lingyu.lora.attaching import attach_lora, count_parameters
from lingyu.lora.saving import adapter_tensors, require_same_answers, save_adapter, save_tensors
from lingyu.recipe import Lora
from lingyu.store import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from lingyu.training import logits_of, pad

from .foreign import save_foreign

LABELS = ("负面", "中性", "正面")
VARIANTS = {
    "LoRA": Lora(),
    "rsLoRA": Lora(r=4, use_rslora=True),
    "DoRA": Lora(r=4, use_dora=True),
    "PiSSA": Lora(r=4, init_lora_weights="pissa"),
    "PiSSA with a random SVD": Lora(r=4, init_lora_weights="pissa_niter_4"),
    "PiSSA with rsLoRA": Lora(r=4, init_lora_weights="pissa", use_rslora=True),
    "OLoRA": Lora(r=4, init_lora_weights="olora"),
    "orthogonal": Lora(r=4, init_lora_weights="orthogonal"),
}


def trained(base: Base, lora: Lora, folder: Path) -> torch.nn.Module:
    """A model after a few steps that move every trained weight, and its saved form in the folder."""
    torch.manual_seed(1)
    model = attach_lora(base.load_classifier(LABELS, seed=1), base, lora)
    initial = None
    if lora.changes_base:
        initial = folder / "initial.safetensors"
        folder.mkdir(parents=True)
        save_tensors(adapter_tensors(model), initial)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-2)
    rows = pad(base.encode(["房间很干净", "服务差", "好"], 64).input_ids, 0)
    for _ in range(12):
        torch.nn.functional.cross_entropy(model(**rows).logits, torch.tensor([2, 0, 1])).backward()
        optimizer.step()
        optimizer.zero_grad()
    save_adapter(model, base, lora, folder, initial=initial)
    return model.eval()


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_comes_back_as_it_was_trained(variant: str, tiny_base: Path, tmp_path: Path) -> None:
    base = find_base(str(tiny_base))
    live = trained(base, VARIANTS[variant], tmp_path / "adapter")
    rows = base.encode(["早餐很差", "下次还来", "前台态度好，推荐"], 64)
    untouched = logits_of(base.load_classifier(LABELS, seed=1).model, rows, pad_token_id=0)
    assert (logits_of(live, rows, pad_token_id=0) - untouched).abs().max() > 0.1, "nothing was trained"
    reloaded = load_adapter(base, LABELS, tmp_path / "adapter", seed=99)
    assert require_same_answers(live, reloaded, rows, 0) < 1e-5


@pytest.mark.parametrize("init", ["pissa", "pissa_niter_4", "olora"])
def test_no_layer_is_taken_apart_into_more_directions_than_it_has(init: str, tiny_base: Path, tmp_path: Path) -> None:
    base = find_base(str(tiny_base))
    most = base.load_classifier(LABELS).model.config.hidden_size
    with pytest.raises(
        LingyuError, match=rf"lora\.r: .*query \({most} x {most}\) has {most} directions, not {most + 1}"
    ):
        attach_lora(base.load_classifier(LABELS), base, Lora(r=most + 1, init_lora_weights=init))
    live = trained(base, Lora(r=most, init_lora_weights=init), tmp_path / "adapter")
    rows = base.encode(["早餐很差"], 64)
    require_same_answers(live, load_adapter(base, LABELS, tmp_path / "adapter"), rows, 0)


def test_plain_peft_in_a_new_process_gives_the_same_logits(tiny_base: Path, tmp_path: Path) -> None:
    base = find_base(str(tiny_base))
    live = trained(base, Lora(), tmp_path / "adapter")
    encoded = base.encode(["早餐很差"], 64)
    script = f"""
import json, torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification
torch.manual_seed(5)
base = AutoModelForSequenceClassification.from_pretrained({str(tiny_base)!r}, num_labels=3)
model = PeftModel.from_pretrained(base, {str(tmp_path / "adapter")!r}).eval()
print(json.dumps(model(input_ids=torch.tensor({encoded.input_ids})).logits.tolist()))
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    logits = torch.tensor(json.loads(answer.stdout.splitlines()[-1]))
    assert torch.allclose(logits, logits_of(live, encoded, pad_token_id=0), atol=1e-6)


def test_the_base_is_named_as_the_recipe_writes_it(tiny_base: Path, tmp_path: Path) -> None:
    base = Base(id="./bases/tiny", revision=None, folder=tiny_base)
    trained(base, Lora(), tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / ADAPTER_CONFIG).read_text())
    assert config["base_model_name_or_path"] == "./bases/tiny"
    assert str(tiny_base) not in (tmp_path / "adapter" / ADAPTER_CONFIG).read_text()
    assert "pooler.dense" in config["modules_to_save"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("base_model.model.bert.pooler.dense.weight"), "does not fit"),
        (lambda t: t.pop(next(name for name in t if ".lora_B." in name)), "lacks"),
        (lambda t: t.update(surplus=torch.zeros(2)), "without a place"),
        (lambda t: t.update({"base_model.model.classifier.weight": torch.zeros(5, 32)}), "does not fit"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(change: object, says: str, tiny_base: Path, tmp_path: Path) -> None:
    base = find_base(str(tiny_base))
    trained(base, Lora(), tmp_path / "adapter")
    tensors = load_file(tmp_path / "adapter" / ADAPTER_WEIGHTS)
    change(tensors)  # type: ignore[operator]
    save_file(tensors, tmp_path / "adapter" / ADAPTER_WEIGHTS)
    with pytest.raises(LingyuError, match=says):
        load_adapter(base, LABELS, tmp_path / "adapter")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", [".lora_A.", ".lora_B.", "classifier", "pooler"])
def test_a_value_that_is_no_finite_number_is_refused_wherever_it_stands(
    value: float, part: str, tiny_base: Path, tmp_path: Path
) -> None:
    base = find_base(str(tiny_base))
    base_model = attach_lora(base.load_classifier(LABELS, seed=1), base, Lora())
    save_adapter(base_model, base, Lora(), tmp_path / "adapter", initial=None)
    tensors = load_file(tmp_path / "adapter" / ADAPTER_WEIGHTS)
    name = next(name for name in tensors if part in name)
    tensors[name].view(-1)[-1] = value
    save_file(tensors, tmp_path / "adapter" / ADAPTER_WEIGHTS)
    with pytest.raises(LingyuError, match="no finite numbers") as caught:
        load_adapter(base, LABELS, tmp_path / "adapter")
    assert name[-50:] in str(caught.value)


@pytest.mark.parametrize("spoil", ["pickle under its name", "pickle beside", "header longer than the file", "overlap"])
def test_nothing_but_sound_safetensors_is_read(spoil: str, tiny_base: Path, tmp_path: Path) -> None:
    base = find_base(str(tiny_base))
    folder = tmp_path / "adapter"
    save_adapter(attach_lora(base.load_classifier(LABELS, seed=1), base, Lora()), base, Lora(), folder, initial=None)
    trap = b"cos\nmkdir\n(S'" + str(tmp_path / "sprung").encode() + b"'\ntR."  # os.mkdir(...), as protocol 0 writes it
    header = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    header["b"] = {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}
    text = json.dumps(header).encode()
    content = {
        "pickle under its name": trap,
        "pickle beside": None,
        "header longer than the file": struct.pack("<Q", 10**6) + b"{}",
        "overlap": struct.pack("<Q", len(text)) + text + b"\0" * 12,
    }[spoil]
    (folder / ADAPTER_WEIGHTS).unlink()
    (folder / ADAPTER_WEIGHTS if content else folder / "adapter_model.bin").write_bytes(content or trap)
    with pytest.raises(LingyuError, match=r"adapter_model\.safetensors"):
        load_adapter(base, LABELS, folder)
    assert not (tmp_path / "sprung").exists()


def test_an_adapter_without_the_pooler_is_refused_on_a_base_without_one(
    tiny_base: Path, tiny_base_with_pooler: Path, tmp_path: Path
) -> None:
    from peft import LoraConfig, get_peft_model

    model = find_base(str(tiny_base)).load_classifier(LABELS).model
    plain = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"]))
    plain.save_pretrained(str(tmp_path))
    with pytest.raises(LingyuError, match=r"weights that its base does not bring: .*pooler"):
        load_adapter(find_base(str(tiny_base)), LABELS, tmp_path)
    load_adapter(find_base(str(tiny_base_with_pooler)), LABELS, tmp_path)


def test_a_head_that_is_not_saved_is_noticed(tiny_base: Path, tmp_path: Path) -> None:
    base = find_base(str(tiny_base))
    live = trained(base, Lora(), tmp_path / "adapter")
    other = base.load_classifier(LABELS, seed=3).model
    with pytest.raises(LingyuError, match="answers differently"):
        require_same_answers(live, other, base.encode(["好"], 64), 0)


def test_heads_and_lora_are_float32_on_a_half_precision_base(tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    classifier = base.load_classifier(LABELS)
    classifier.model.to(torch.bfloat16)
    model = attach_lora(classifier, base, Lora())
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    counted = count_parameters(model)
    assert counted.trained == sum(tensor.numel() for tensor in adapter_tensors(model).values())


def test_what_is_no_plain_lora_never_reaches_peft(tiny_base: Path, tmp_path: Path) -> None:
    """PEFT would open the adapters that an X-LoRA names, wherever they lie, and change the base by PiSSA."""
    save_foreign(tiny_base, tmp_path / "secret")
    folder = save_foreign(tiny_base, tmp_path / "foreign")
    config = json.loads((folder / ADAPTER_CONFIG).read_text("utf-8"))
    elsewhere = {"peft_type": "XLORA", "hidden_size": 32, "adapters": {"0": str(tmp_path / "secret")}}
    opened: list[str] = []

    def hook(event: str, about: tuple[object, ...]) -> None:  # there is no way to take one away
        if event == "open" and str(tmp_path) in str(about[0]):
            opened.append(str(about[0]))

    sys.addaudithook(hook)
    for changes, says in ((elsewhere, "peft_type is 'XLORA'"), ({"init_lora_weights": "pissa"}, "'pissa'")):
        (folder / ADAPTER_CONFIG).write_text(json.dumps({**config, **changes}), "utf-8")
        with pytest.raises(LingyuError, match=says):
            load_adapter(find_base(str(tiny_base)), LABELS, folder)
    assert any("foreign" in path for path in opened), "the hook sees what is opened"
    assert not any("secret" in path for path in opened)
