"""The card of a base that was made here (README.md): from the run's record, never by hand. What is unknown is left out.

Front matter, then what it is, how to use it, what it gained and forgot, texts and licences, stages and their hours,
the recipe in full, limits.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from lingyu.bases import Base, is_hub_id
from lingyu.evaluation import Interval
from lingyu.store import bullets, fenced, inline, table

from .corpus.record import CorpusRecord
from .lineage import Stage, hours_of
from .measuring import NAMES

_MODES = {
    "full": "all of its parameters went on learning",
    "lora": "it learnt by LoRA, which was merged into it in float32",
    "scratch": "it was made from nothing, with a vocabulary of its own",
    "distil": "it is a student, which learnt from the hidden states of its teacher",
}


@dataclass(frozen=True)
class CardFacts:
    """All that a card says. base: the new one. stages: all that led to it, this run's last. metrics: of this run.

    notes: a sentence each. recipe: the resolved one, YAML. picture: a file of the folder.
    """

    name: str
    base: Base
    parent: Base | None
    stages: tuple[Stage, ...]
    metrics: Mapping[str, Any]
    verdict: Sequence[str]
    notes: Sequence[str]
    recipe: str
    license: str | None
    source: str | None
    data_license: str | None
    picture: str

    @property
    def stage(self) -> Stage:
        return self.stages[-1]


def render_card(card: CardFacts) -> str:
    """The whole page, Markdown with front matter."""
    sections = (
        f"---\n{_front_matter(card)}---",
        f"# {inline(card.name)}",
        _what_it_is(card),
        *_section("How to use it", _how_to_use(card)),
        *_section("What it gained and what it forgot", _measured(card)),
        *_section("Texts", _texts(card)),
        *_section("Stages", _stages(card)),
        *_section("Recipe", iter([fenced(card.recipe, "yaml")])),
        *_section("Versions", _versions(card)),
        *_section("Limits", _limits(card)),
    )
    return "\n\n".join(sections) + "\n"


def _section(title: str, paragraphs: Iterator[str]) -> Iterator[str]:
    yield f"## {title}"
    yield from paragraphs


def _front_matter(card: CardFacts) -> str:
    parent = card.parent.id if card.parent and is_hub_id(card.parent.id) else None
    known = {
        "library_name": "transformers",
        "base_model": parent,
        "pipeline_tag": "fill-mask",
        "language": "zh",
        "license": card.license,
        "tags": ["masked-lm", "chinese", "lingyu"],
    }
    text = io.StringIO()
    YAML().dump({key: value for key, value in known.items() if value is not None}, text)
    return text.getvalue()


def _what_it_is(card: CardFacts) -> str:
    config, stage = card.base.config, card.stage
    origin = f", made from {inline(card.parent.id)}" if card.parent else ""
    source = f" on {inline(card.source)}" if card.source else ""
    stages = f"{len(card.stages)} {'stage' if len(card.stages) == 1 else 'stages'}"
    return (
        f"A Chinese encoder ({inline(config.model_type)}, {config.num_hidden_layers} layers, "
        f"{config.hidden_size} wide, {config.vocab_size:,} entries){origin}, pretrained{source} by "
        f"{inline(' and '.join(stage.objective))}: {_MODES.get(stage.mode, stage.mode)}. "
        f"{hours_of(card.stages):.2f} hours of training in {stages}. Pooler and masked-LM head are part of it."
    )


def _how_to_use(card: CardFacts) -> Iterator[str]:
    yield "In a training recipe:"
    yield fenced(f"base: {card.name}", "yaml")
    yield "Or by transformers alone:"
    yield fenced(
        "from transformers import AutoModelForMaskedLM, AutoTokenizer\n\n"
        f'tokenizer = AutoTokenizer.from_pretrained("{card.name}")\n'
        f'model = AutoModelForMaskedLM.from_pretrained("{card.name}")',
        "python",
    )


def _measured(card: CardFacts) -> Iterator[str]:
    yield table(
        ("", "texts", "masked tokens", "loss", "perplexity", "masked accuracy (95 % interval)"),
        (
            _measured_row(name, card.metrics[part], when)
            for part, name in NAMES.items()
            if part in card.metrics
            for when in ("before", "after")
        ),
    )
    yield bullets(inline(line) for line in (*card.verdict, *card.notes))
    yield f"![{inline(card.picture)}]({card.picture})"


def _measured_row(name: str, measured: Mapping[str, Any], when: str) -> tuple[str, ...]:
    figures = measured[when]
    accuracy = Interval(**figures["accuracy"])
    return (
        f"{name}, {when}",
        f"{measured['texts']:,}",
        f"{measured['masked_tokens']:,}",
        f"{figures['loss']:.3f}",
        f"{figures['perplexity']:,.1f}",
        f"{accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})",
    )


def _texts(card: CardFacts) -> Iterator[str]:
    """Of every stage, since the base has read them all."""
    yield table(
        ("stage", "source", "texts read", "SHA-256"),
        (
            (inline(stage.name), inline(source.name), f"{source.texts:,}", source.fingerprint[:12])
            for stage in card.stages
            for source in stage.corpus.sources
        ),
    )
    sources = {source.fingerprint: source for stage in card.stages for source in stage.corpus.sources}
    parts = [(source, part) for source in sources.values() for part in source.parts]
    if parts:
        yield "What they were made of, with the licences as their sources state them:"
        yield table(
            ("source", "part", "paragraphs", "from", "licence"),
            (
                (inline(source.name), inline(part.name), f"{part.texts:,}", _stated(part.origin), _stated(part.licence))
                for source, part in parts
            ),
        )
    if card.data_license:
        yield f"Licence of the texts, as the recipe states it: {inline(card.data_license)}."
    yield bullets(f"{inline(stage.name)}: {_counts(stage.corpus)}" for stage in card.stages)
    excluded = [
        f"{inline(stage.name)}: texts of {inline(test.name)} are left out, {test.removed:,} of them stood in it."
        for stage in card.stages
        for test in stage.corpus.excluded
    ]
    if excluded:
        yield bullets(excluded)


def _stated(words: str | None) -> str:
    return inline(words) if words else "not stated"


def _counts(corpus: CorpusRecord) -> str:
    return (
        f"read {corpus.read:,} = train {corpus.train.texts:,} + held out {corpus.held_out.texts:,} + empty "
        f"{corpus.empty:,} + texts of test sets {corpus.removed:,}; {corpus.train.tokens:,} tokens to train on, "
        f"{corpus.unknown_share:.2%} of them unknown; words by {inline(corpus.segmenter)}."
    )


def _stages(card: CardFacts) -> Iterator[str]:
    yield table(
        ("stage", "made", "mode", "objective", "steps (kept)", "tokens read", "hours", "loss before", "loss after"),
        (
            (
                inline(stage.name),
                inline(stage.made),
                inline(stage.mode),
                inline(", ".join(stage.objective)),
                f"{stage.steps:,} ({stage.best_step:,})",
                f"{stage.tokens:,}",
                f"{stage.hours:.2f}",
                *(f"{stage.measured['held_out'][when]['loss']:.3f}" for when in ("before", "after")),
            )
            for stage in card.stages
        ),
    )
    yield f"In all {hours_of(card.stages):.2f} hours of training."


def _versions(card: CardFacts) -> Iterator[str]:
    rows = [
        ("weights", card.base.weights_fingerprint[:12]),
        ("tokenizer", card.base.tokenizer_fingerprint[:12]),
        *((inline(package), inline(version)) for package, version in sorted(card.stage.packages.items())),
    ]
    yield table(("", "version"), rows)
    if card.parent:
        yield "It goes back to, the nearest first:"
        yield bullets(f"{inline(entry.id)} ({entry.weights_fingerprint[:12]})" for entry in card.parent.lineage)


def _limits(card: CardFacts) -> Iterator[str]:
    yield bullets(
        [
            "It answers nothing by itself: an adapter is trained on it.",
            "What masked words are worth for a task, only the task's own test says.",
            f"It reads up to {card.base.max_length:,} tokens; in its last stage it saw texts of "
            f"{card.stage.corpus.max_tokens:,} at most.",
            "The content hashes of its texts lie in hashes.safetensors, so that training can say which test texts it "
            "has read. Near-duplicates are not found by them.",
        ]
    )
