"""The README.md of a merged model: what it is, how a text is prepared, what it was made of, and the gate."""

from collections.abc import Iterator
from dataclasses import dataclass

from lingyu.store import (
    LineageEntry,
    Manifest,
    ancestry_paragraphs,
    bullets,
    fenced,
    front_matter,
    inline,
    section,
    table,
)
from lingyu.tasks import SingleLabel, Task, task_named

from .certificate import CastProof, GateProof


@dataclass(frozen=True)
class PageFacts:
    """All that the page says. license: of the adapter, where its recipe names one."""

    manifest: Manifest
    lineage: tuple[LineageEntry, ...]
    dtype: str
    gate: GateProof
    cast: CastProof | None
    license: str | None


@dataclass(frozen=True)
class _Use:
    """How transformers' pipeline answers by a head. cuts: what cuts a long text, as a sentence begins."""

    pipeline: str
    cuts: str
    option: str = ""
    asked: str = ""


_USES = {
    "row": _Use("text-classification", "`truncation=True` cuts", asked=", truncation=True"),
    # it cuts by itself, and knows no truncation=True; without the strategy it answers a tag for each token
    "token": _Use("token-classification", "The pipeline cuts", option=', aggregation_strategy="simple"'),
}


def render_page(facts: PageFacts) -> str:
    """Markdown with front matter."""
    sections = (
        _front_matter(facts),
        f"# {facts.manifest.name} {facts.manifest.version}, merged",
        _what_it_is(facts),
        *section("How to use it", _how_to_use(facts)),
        *section("Labels", _labels(facts)),
        *section("Is it the same model?", _gate(facts)),
        *section("Made of", _made_of(facts)),
    )
    return "\n\n".join(sections) + "\n"


def _front_matter(facts: PageFacts) -> str:
    base = facts.manifest.base.id
    return front_matter(
        {
            "library_name": "transformers",
            "base_model": base,
            "pipeline_tag": _USES[_task(facts).head].pipeline,
            "language": "zh",
            "license": facts.license,
            "tags": [
                f"base_model:finetune:{base}",
                *(["lora"] if facts.manifest.method == "lora" else []),
                "merged",
                "lingyu",
            ],
        }
    )


def _what_it_is(facts: PageFacts) -> str:
    manifest, task = facts.manifest, _task(facts)
    return (
        f"The {manifest.what} {inline(manifest.reference)} merged into its base "
        f"{inline(manifest.base.id)}, in {facts.dtype}: one model that transformers loads alone. "
        f"It {task.gives(text_pair=manifest.text_pair)}."
    )


def _how_to_use(facts: PageFacts) -> Iterator[str]:
    manifest, task = facts.manifest, _task(facts)
    use = _USES[task.head]
    made = f'classify = pipeline("{use.pipeline}", "this folder"{use.option})'
    yield fenced(f"from transformers import pipeline\n\n{made}\n{_call(facts)}", "python")
    notes = [f"{use.cuts} a text at {manifest.max_length} tokens, as in training."]
    if manifest.text_steps:
        notes.append(
            f"In training, texts went through {inline(', '.join(manifest.text_steps))} first. Do the same: "
            f"`lingyu.text.clean(text, {list(manifest.text_steps)})`."
        )
    temperature = manifest.calibration.temperature
    if task.name != SingleLabel.name:
        notes.append(task.of_logits(manifest.calibration))
    elif temperature != 1.0:
        notes.append(
            f"Calibrated probabilities are the softmax of the logits divided by {temperature:.4f}. A plain pipeline "
            "does not know that: its labels are right, its probabilities are not calibrated."
        )
    yield bullets(notes)


def _labels(facts: PageFacts) -> Iterator[str]:
    rows = ((str(index), inline(name)) for index, name in enumerate(_task(facts).output_names))
    yield table(("logit", "label"), rows)


def _task(facts: PageFacts) -> Task:
    return task_named(facts.manifest.task, facts.manifest.labels)


def _call(facts: PageFacts) -> str:
    if facts.manifest.text_pair:
        return 'classify({"text": "这里写一句话", "text_pair": "这里写另一句话"}, truncation=True)'
    return f'classify("这里写一句话"{_USES[_task(facts).head].asked})'


def _gate(facts: PageFacts) -> Iterator[str]:
    gate = facts.gate
    yield (
        f"Before it was written, its logits in float32 were compared with those of the adapter on its unmerged base, "
        f"on {gate.texts:,} texts ({inline(gate.source)})."
    )
    rows = [("float32", f"{gate.largest_difference:.1e} (allowed: {gate.tolerance:g})", str(gate.changed_labels))]
    if facts.cast:
        rows.append((facts.dtype, f"{facts.cast.largest_difference:.1e}", str(facts.cast.changed_labels)))
    yield table(("", "largest difference of a logit", "changed labels"), rows)
    yield "`lingyu verify` checks this folder against certificate.json."


def _made_of(facts: PageFacts) -> Iterator[str]:
    base = facts.manifest.base
    revision = f" at revision {inline(base.revision)}" if base.revision else ""
    yield f"Adapter {inline(facts.manifest.reference)}; base {inline(base.id)}{revision}."
    yield from ancestry_paragraphs(facts.lineage)
