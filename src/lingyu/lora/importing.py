"""A PEFT adapter that was trained elsewhere becomes a version of a store: proved to fit, rewritten, never believed.

What plain PEFT saves does not say which labels its outputs mean, nor which weights its base had. So both are asked
for, the fit is proved tensor by tensor, and the version records the base's fingerprints from then on. An adapter of
whole texts becomes one of single_label, one of tokens (TOKEN_CLS) one of entities; one with a single output is refused,
for nothing says whether that is a number in some unit, a score, or something else.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from lingyu.bases import Base, Head
from lingyu.errors import LingyuError, did_you_mean
from lingyu.recipe import KEEPS_PLACES, Train
from lingyu.store import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    BaseRecord,
    CardFacts,
    LineageEntry,
    Store,
    Version,
    VersionFacts,
    preparing,
    refuse_remote_code,
    render_card,
)
from lingyu.tasks import SingleLabel, Task, Token, task_named
from lingyu.text import STEPS

from .publishing import package_versions
from .saving import place_adapter, save_tensors
from .weights import read_weights

_MAX_LENGTH: int = Train.model_fields["max_length"].default
_PICKLES = ("adapter_model.bin", "adapter_model.pt", "pytorch_model.bin")
_HEADS = ("classifier.weight", "classifier.out_proj.weight", "score.weight")
_HEADS_BY_TYPE: Mapping[str | None, Head] = {None: "row", "SEQ_CLS": "row", "TOKEN_CLS": "token"}


@dataclass(frozen=True)
class Foreign:
    """What the folder of a PEFT adapter says of itself. outputs: rows of its last layer; None where it has no head.

    head: whether it answers once a row, or once a token.
    """

    folder: Path
    base: str | None
    revision: str | None
    outputs: int | None
    head: Head = "row"


def read_foreign(folder: Path) -> Foreign:
    """Raises LingyuError for what is no LoRA adapter of a text classifier, wants to run code, or is a pickle only."""
    config, weights = folder / ADAPTER_CONFIG, folder / ADAPTER_WEIGHTS
    if not folder.is_dir():
        raise LingyuError("no such folder", where=folder, next="Give the folder that PEFT's save_pretrained wrote")
    _require_files(folder)
    refuse_remote_code(config)
    written = json.loads(config.read_bytes())
    peft_type, task_type = written.get("peft_type"), written.get("task_type")
    if peft_type != "LORA":
        raise LingyuError(
            f"is a PEFT adapter of type {str(peft_type)!r:.40}; only LORA is taken in (DoRA and rsLoRA are LORA too)",
            where=config,
            next="Train a LoRA instead, or merge it into its base and take that as a base",
        )
    if not isinstance(task_type, str | None) or task_type not in _HEADS_BY_TYPE:
        raise LingyuError(
            f"is for task {str(task_type)!r:.40}; an adapter here classifies texts (SEQ_CLS) or tokens (TOKEN_CLS)",
            where=config,
            next="Take one that was trained on AutoModelForSequenceClassification",
        )
    base, revision = written.get("base_model_name_or_path"), written.get("revision")
    head = _HEADS_BY_TYPE[task_type]
    return Foreign(folder, str(base) if base else None, str(revision) if revision else None, _outputs(weights), head)


def import_adapter(
    foreign: Foreign,
    store: Store,
    name: str,
    base: Base,
    labels: Sequence[str],
    *,
    max_length: int | None = None,
    text_steps: Sequence[str] = (),
    channel: str | None = None,
    why: str = "imported",
) -> Version:
    """The next version of an adapter, from a foreign one. max_length: in tokens; a recipe's default without one.

    labels: what its outputs mean, in their order; of TOKEN_CLS the tags: O, B-LOC, I-LOC ... Raises LingyuError, and
    leaves nothing behind, unless every tensor has its place on this base and every place its tensor, all finite.
    """
    _check_labels(labels, foreign)
    _check_steps(text_steps)
    task = _task(foreign, labels, text_steps)
    max_length = min(_MAX_LENGTH, base.max_length) if max_length is None else max_length
    base.require_length(max_length)
    facts = _facts(base, task, max_length, text_steps)
    with preparing(store.root) as prepared:
        _rewrite(foreign, base, prepared)
        try:
            # what is read here, and has its place by that, is all that is ever mixed, merged or combined
            classifier = base.load_classifier(task.output_names, head=task.head)
            read_weights(prepared).require_fit(classifier.model, classifier.fresh, task.num_outputs)
            place_adapter(classifier, prepared, base.id)
        except LingyuError as error:
            raise _at(foreign.folder, error) from None

        def write(folder: Path, version: str) -> VersionFacts:
            for file in (ADAPTER_WEIGHTS, ADAPTER_CONFIG):
                (folder / file).write_bytes((prepared / file).read_bytes())
            card = CardFacts(name=name, version=version, facts=facts, metrics=None)
            (folder / "README.md").write_text(render_card(card), "utf-8")
            return facts

        return store.publish(name, write, channel=channel, why=why)


def _require_files(folder: Path) -> None:
    for path in (folder / ADAPTER_CONFIG, folder / ADAPTER_WEIGHTS):
        if path.is_symlink():
            raise LingyuError(
                "is a symlink, as in the hub's cache; none is followed",
                where=path,
                next="Copy the folder with its files (cp -rL), or fetch it with hf download ... --local-dir FOLDER",
            )
    if not (folder / ADAPTER_CONFIG).is_file():
        raise LingyuError(
            f"holds no {ADAPTER_CONFIG}, so no PEFT adapter",
            where=folder,
            next="Give the folder that PEFT's save_pretrained wrote",
        )
    pickles = [name for name in _PICKLES if (folder / name).exists()]
    if not (folder / ADAPTER_WEIGHTS).is_file():
        what = f"its weights are a pickle ({pickles[0]}), which can run code when it is read" if pickles else None
        raise LingyuError(
            what or f"holds no {ADAPTER_WEIGHTS}",
            where=folder,
            next="Have whoever trained it save it as safetensors: model.save_pretrained(folder), PEFT 0.6 or newer",
        )


def _outputs(weights: Path) -> int | None:
    """Rows of the tensor that ends in the name of a last layer. Raises LingyuError for no sound safetensors file."""
    try:
        with safe_open(weights, framework="pt") as opened:
            heads = [key for key in opened.keys() if key.endswith(_HEADS) and ".lora_" not in key]  # noqa: SIM118
            shapes = [opened.get_slice(key).get_shape() for key in heads]
    except (SafetensorError, OSError) as error:
        raise LingyuError(
            f"is no sound safetensors file ({error})", where=weights, next="Copy the adapter anew"
        ) from None
    return int(shapes[0][0]) if len(shapes) == 1 and len(shapes[0]) == 2 else None


def _rewrite(foreign: Foreign, base: Base, folder: Path) -> None:
    """PEFT's two files as ours are: float32, and the base under its own name, never a path.

    Every other key stays as it is, for read_weights to judge: PEFT itself drops those that it does not know.
    """
    tensors = load_file(foreign.folder / ADAPTER_WEIGHTS)
    widened = {name: t.to(torch.float32) if t.is_floating_point() else t for name, t in tensors.items()}
    save_tensors(widened, folder / ADAPTER_WEIGHTS)
    config = json.loads((foreign.folder / ADAPTER_CONFIG).read_bytes())
    ours = {"base_model_name_or_path": base.id, "revision": base.revision, "inference_mode": True, "auto_mapping": None}
    (folder / ADAPTER_CONFIG).write_text(json.dumps({**config, **ours}, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _at(folder: Path, error: LingyuError) -> LingyuError:
    """The error as one of the folder that a user named, not of the one that was prepared from it."""
    if str(error.where).endswith((ADAPTER_CONFIG, ADAPTER_WEIGHTS)):
        return LingyuError(error.what, where=folder / Path(str(error.where)).name, next=error.next)
    return LingyuError(error.what, where=folder, next="Is this the base that it was trained on?")


def _task(foreign: Foreign, labels: Sequence[str], text_steps: Sequence[str]) -> Task:
    """What the adapter answers. Raises LingyuError for tags in another order than ours, or steps that move them."""
    if foreign.head == "row":
        return task_named(SingleLabel.name, labels)
    task = task_named(Token.name, tuple(dict.fromkeys(tag[2:] for tag in labels[1:])))
    if tuple(labels) != task.output_names:
        raise LingyuError(
            f"its outputs are said to be {', '.join(labels[:6])}, which are no tags in the order that is read here",
            where="--labels",
            next=f"Take one whose outputs are {', '.join(task.output_names[:5])}, ...: O, then B- and I- of each label",
        )
    moving = [step for step in text_steps if step not in KEEPS_PLACES]
    if moving:
        raise LingyuError(
            f"{', '.join(moving)}: moves the characters that tags stand at",
            where="--text-steps",
            next=f"Give {', '.join(KEEPS_PLACES)}, or none",
        )
    return task


def _check_labels(labels: Sequence[str], foreign: Foreign) -> None:
    if foreign.outputs is None:
        raise LingyuError(
            "holds no trained head, so its answers would be random",
            where=foreign.folder / ADAPTER_WEIGHTS,
            next="Take one that was trained with task_type SEQ_CLS, or with modules_to_save",
        )
    if foreign.outputs == 1:
        raise LingyuError(
            "its head has one output: a number or a score, and which of them nothing says",
            where=foreign.folder,
            next="Take a classifier, or train one here: task: regression, or task: preference",
        )
    if len(labels) != foreign.outputs:
        raise LingyuError(
            f"its head has {foreign.outputs} outputs, but {len(labels)} labels are given",
            where=foreign.folder,
            next=f"Give {foreign.outputs}, in the order of the outputs: --labels {_example(foreign.outputs)}",
        )
    if len(set(labels)) != len(labels) or not all(label.strip() for label in labels):
        raise LingyuError("a label is empty or stands there twice", where="--labels", next="Give each output its own")


def _example(outputs: int) -> str:
    return ",".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:outputs]) if outputs <= 5 else "A,B,C,..."


def _check_steps(steps: Sequence[str]) -> None:
    for step in steps:
        if step not in STEPS:
            near = did_you_mean(step, STEPS)
            hint = f"Did you mean {near}?" if near else f"There are {', '.join(STEPS)}"
            raise LingyuError(f"{step!r:.40}: no such text step", where="--text-steps", next=hint)


def _facts(base: Base, task: Task, max_length: int, text_steps: Sequence[str]) -> VersionFacts:
    return VersionFacts(
        task=task.name,
        labels=task.labels,
        max_length=max_length,
        base=BaseRecord(
            id=base.id,
            revision=base.revision,
            weights_fingerprint=base.weights_fingerprint,
            tokenizer_fingerprint=base.tokenizer_fingerprint,
        ),
        text_steps=tuple(text_steps),
        data={},
        lineage=tuple(LineageEntry(**asdict(ancestor)) for ancestor in base.lineage),
        packages=package_versions(),
    )
