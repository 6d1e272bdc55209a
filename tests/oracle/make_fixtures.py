"""Random StructBERT models as ModelScope saves and reads them, with its own hidden states and logits: `make oracle`.

Runs in an environment of its own (requirements.txt beside it), never within Lingyu's. For every way in which a
checkpoint lies in a folder it writes tests/bases/oracle/CASE/: the JSON files, tensors.safetensors (the original keys;
a weight that two keys share is there twice) and answers.safetensors (inputs, and what modelscope's model answers after
it has read the folder itself). Weights are rounded to float16 to keep them small, and hold these very numbers as
float32 again when a test packs them into pytorch_model.bin: no difference is due to that.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from modelscope.models.nlp.structbert import (
    SbertConfig,
    SbertForMaskedLM,
    SbertForSequenceClassification,
    SbertForTokenClassification,
    SbertModel,
)
from modelscope.models.nlp.task_models.fill_mask import ModelForFillMask
from modelscope.models.nlp.task_models.text_classification import ModelForTextClassification
from modelscope.models.nlp.task_models.token_classification import ModelForTokenClassification
from safetensors.torch import save_file
from transformers import BertForSequenceClassification

FIXTURES = Path(__file__).resolve().parent.parent / "bases" / "oracle"
LARGEST_BYTES = 300_000

SMALL = {
    "vocab_size": 180,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
# as many layers and heads as StructBERT-large, four times as wide within: with 16 instead of 1,024 numbers a token
LARGE = SMALL | {"hidden_size": 16, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 64}
# not stored: what StructBERT-large really is
REAL_LARGE = {
    "vocab_size": 21128,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "max_position_embeddings": 512,
}

Tensors = dict[str, torch.Tensor]
Document = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One way to ship a model. files: beside the weights. load: modelscope's own reading of such a folder.

    keys: what was done to the keys afterwards; modelscope reads the folder before that.
    """

    name: str
    model: Callable[[Path], torch.nn.Module]
    files: dict[str, Document]
    load: Callable[[Path], torch.nn.Module]
    keys: Callable[[Tensors], Tensors] = dict


def config_json(shape: Document, architecture: str, **more: object) -> Document:
    return {"model_type": "structbert", "architectures": [architecture], **shape, **more}


def configuration_json(shape: Document, task: str, model: Document | None = None) -> Document:
    """The form with a backbone and a head, after the example that modelscope ships."""
    backbone = {"type": "structbert", "prefix": "encoder", "easynlp_version": "0.0.3", **shape}
    head = {"type": task, "hidden_dropout_prob": 0.1, **shape}
    return {
        "framework": "pytorch",
        "task": task,
        "model": {"type": task, "backbone": backbone, "head": head, **(model or {})},
        "pipeline": {"type": task},
    }


TASKS = {
    SbertModel: "backbone",
    SbertForSequenceClassification: "text-classification",
    SbertForTokenClassification: "token-classification",
    SbertForMaskedLM: "fill-mask",
}


def sbert(model: type, files: dict[str, Document]) -> dict[str, Any]:
    """Of a class that reads config.json, and its own labels; configuration.json says no more than the task."""
    flat = {"framework": "pytorch", "task": TASKS[model], "model": {"type": "structbert"}}
    files = {"configuration.json": flat, **files}
    outputs = len(files.get("label_mapping.json", {}) or files["config.json"].get("id2label", {"0": "", "1": ""}))
    # a key that SbertConfig has no name for is set on it too
    config = {key: value for key, value in files["config.json"].items() if key not in ("id2label", "label2id")}
    return {
        "model": lambda folder: model(SbertConfig(**config, num_labels=outputs)),
        "files": files,
        "load": lambda folder: model._instantiate(model_dir=str(folder)),
    }


def task_model(model: type, files: dict[str, Document]) -> dict[str, Any]:
    """Of a class with a backbone and a head, which reads configuration.json alone."""

    def kwargs(folder: Path) -> Document:
        # a copy: the classes write into what they are given
        return {"model_dir": str(folder), **json.loads(json.dumps(files["configuration.json"]["model"]))}

    return {
        "model": lambda folder: model(**kwargs(folder)),
        "files": files,
        "load": lambda folder: model._instantiate(**kwargs(folder)),
    }


def wrapped(tensors: Tensors) -> Tensors:
    """As a model that torch.nn.DataParallel held is saved by whoever forgot to unwrap it."""
    return {f"module.{name}": tensor for name, tensor in tensors.items()}


def old_norms(tensors: Tensors) -> Tensors:
    """As BERT's first release, and the English StructBERT, called them."""
    names = {".weight": ".gamma", ".bias": ".beta"}
    return {
        next((name.removesuffix(new) + old for new, old in names.items() if name.endswith(f"LayerNorm{new}")), name): t
        for name, t in tensors.items()
    }


def bare(tensors: Tensors) -> Tensors:
    return {name.removeprefix("bert."): tensor for name, tensor in tensors.items()}


MOODS = {"负面": 0, "中性": 1, "正面": 2}
TAGS = ["O", "B-品牌", "I-品牌"]
CLASSIFIER = config_json(SMALL, "SbertForSequenceClassification")


def cases() -> list[Case]:
    tags = {str(number): tag for number, tag in enumerate(TAGS)}
    classifier = sbert(SbertForSequenceClassification, {"config.json": CLASSIFIER, "label_mapping.json": MOODS})
    tokens = config_json(SMALL, "SbertForTokenClassification", id2label=tags)
    prefixed = {"config.json": {**CLASSIFIER, "base_model_prefix": "encoder"}, "label_mapping.json": MOODS}
    with_head = task_model(
        ModelForTextClassification,
        {"configuration.json": configuration_json(SMALL, "text-classification", {"label2id": MOODS})},
    )
    return [
        Case("backbone", **sbert(SbertModel, {"config.json": config_json(SMALL, "SbertModel")})),
        Case("backbone-large", **sbert(SbertModel, {"config.json": config_json(LARGE, "SbertModel")})),
        Case("sequence", **classifier),
        Case(
            "sequence-large",
            **sbert(
                SbertForSequenceClassification,
                {
                    "config.json": config_json(LARGE, "SbertForSequenceClassification"),
                    "label_mapping.json": {"负面": 0, "正面": 1},
                },
            ),
        ),
        Case("sequence-bare", **classifier, keys=bare),
        Case("sequence-wrapped", **classifier, keys=wrapped),
        Case("sequence-gamma-beta", **classifier, keys=old_norms),
        Case("sequence-encoder-prefix", **sbert(SbertForSequenceClassification, prefixed)),
        Case("masked-lm", **sbert(SbertForMaskedLM, {"config.json": config_json(SMALL, "SbertForMaskedLM")})),
        Case(
            "masked-lm-untied",
            **sbert(
                SbertForMaskedLM,
                {"config.json": config_json(SMALL, "SbertForMaskedLM", tie_word_embeddings=False)},
            ),
        ),
        Case("token", **sbert(SbertForTokenClassification, {"config.json": tokens})),
        Case("head-sequence", **with_head),
        Case("head-sequence-wrapped", **with_head, keys=wrapped),
        Case(
            "head-token",
            **task_model(
                ModelForTokenClassification,
                {"configuration.json": configuration_json(SMALL, "token-classification", {"id2label": tags})},
            ),
        ),
        Case(
            "head-masked-lm",
            **task_model(ModelForFillMask, {"configuration.json": configuration_json(SMALL, "fill-mask")}),
        ),
    ]


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    """Norms and biases too: as they are made, 1 and 0, a mistaken name would change nothing. Rounded to float16."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn_like(weight) * 0.2
            weight.copy_((noise + 1 if name.endswith("LayerNorm.weight") else noise).half().float())
    return model.eval()


def inputs(vocab_size: int) -> Tensors:
    """Three rows, two of them padded, with first and second texts."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(5, vocab_size, (3, 12), generator=generator)
    mask = (torch.arange(12) < torch.tensor([[12], [7], [9]])).long()
    types = (torch.arange(12) >= torch.tensor([[5], [12], [4]])).long() * mask
    return {"input_ids": ids * mask, "attention_mask": mask, "token_type_ids": types}


def answers(model: torch.nn.Module, asked: Tensors) -> Tensors:
    """hidden_states: (layers + 1, rows, tokens, width), after the embeddings and after each layer. logits, pooled."""
    encoder = next(part for part in model.modules() if isinstance(part, SbertModel))
    with torch.no_grad():
        whole = model(**asked)
        inner = encoder(**asked, output_hidden_states=True, return_dict=True)
    found = {"hidden_states": torch.stack(inner.hidden_states)}
    if inner.pooler_output is not None:
        found["pooled"] = inner.pooler_output
    if getattr(whole, "logits", None) is not None:
        found["logits"] = whole.logits
    return {name: tensor.contiguous() for name, tensor in found.items()}


def saved(case: Case, folder: Path) -> Tensors:
    """The folder as modelscope's users have it. The weights as they lie in it."""
    for name, document in case.files.items():
        (folder / name).write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    torch.manual_seed(sum(case.name.encode()))
    model = randomised(case.model(folder))
    if hasattr(model, "tie_weights"):
        model.tie_weights()  # as from_pretrained does, before anything is trained
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return dict(model.state_dict())


def write(case: Case, root: Path) -> None:
    out = root / case.name
    out.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        tensors = saved(case, Path(scratch))
        model = case.load(Path(scratch)).eval()
        for name, tensor in model.state_dict().items():
            assert tensor.equal(tensors[name]), f"{case.name}: modelscope itself read another {name}"
        asked = inputs(SMALL["vocab_size"])
        for name in case.files:
            shutil.copyfile(Path(scratch) / name, out / name)
    kept = {name: t.half() if t.is_floating_point() else t for name, t in case.keys(tensors).items()}
    save_file({name: t.clone().contiguous() for name, t in kept.items()}, out / "tensors.safetensors")
    save_file({**asked, **answers(model, asked)}, out / "answers.safetensors")
    size = sum(file.stat().st_size for file in out.iterdir())
    assert size < LARGEST_BYTES, f"{case.name} has {size:,} bytes"
    print(f"{case.name:<24} {size:>8,} bytes, {len(tensors)} tensors")


def check_real_large() -> None:
    """The real shape, against transformers 4.57.6's BERT with the same keys. Nothing of it is stored."""
    torch.manual_seed(0)
    ours = SbertForSequenceClassification(SbertConfig(**REAL_LARGE, num_labels=2)).eval()
    config = {key: value for key, value in ours.config.to_dict().items() if key in REAL_LARGE}
    from transformers import BertConfig

    theirs = BertForSequenceClassification(BertConfig(**config, num_labels=2)).eval()
    missing = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert missing.missing_keys == [], missing
    assert missing.unexpected_keys == ["bert.embeddings.position_ids"], missing
    asked = inputs(REAL_LARGE["vocab_size"])
    with torch.no_grad():
        difference = (ours(**asked).logits - theirs(**asked).logits).abs().max().item()
    count = sum(weight.numel() for weight in ours.parameters())
    print(f"StructBERT-large, {count:,} weights: logits differ from transformers' BERT by {difference:.1e}")
    assert difference < 1e-5


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--skip-large", action="store_true", help="without the real shape, which takes 3 GB")
    asked = arguments.parse_args()
    if not asked.skip_large:
        check_real_large()
    shutil.rmtree(FIXTURES, ignore_errors=True)
    FIXTURES.mkdir(parents=True)
    for case in cases():
        write(case, FIXTURES)


if __name__ == "__main__":
    main()
