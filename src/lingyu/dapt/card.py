"""The card of a base that was made here (README.md): from the run's record, never by hand. What is unknown is left out.

Front matter, then what it is, how to use it, what it gained and forgot, texts and licences, stages and their hours,
the recipe in full, limits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lingyu.bases import Base, encoder_tensors, is_hub_id
from lingyu.store import Interval, bullets, fenced, front_matter, inline, section, table

from .corpus.record import CorpusRecord, SourceRecord
from .lineage import Stage, duration, hours_of
from .measuring import NAMES

_MODES = {
    "full": "encoder and masked-LM head of its base were trained further",
    "lora": "LoRA was trained on its base and merged into it in float32",
    "scratch": "its encoder and its vocabulary are new, made from the texts named below",
    "distil": "it is a student, trained to give the hidden states of its teacher",
}
_SPECIAL_TOKENS = {False: 2, True: 3}
"""Around a text, and between its halves where their order is learnt."""


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
        _front_matter(card),
        f"# {inline(card.name)}",
        _what_it_is(card),
        *section("How to use it", _how_to_use(card)),
        *section("What it gained and what it forgot", _measured(card)),
        *section("Texts", _texts(card)),
        *section("Stages", _stages(card)),
        *section("Recipe", iter([fenced(card.recipe, "yaml")])),
        *section("Versions", _versions(card)),
        *section("Limits", _limits(card)),
    )
    return "\n\n".join(sections) + "\n"


def _front_matter(card: CardFacts) -> str:
    parent = card.parent.id if card.parent and is_hub_id(card.parent.id) else None
    return front_matter(
        {
            "library_name": "transformers",
            "base_model": parent,
            "pipeline_tag": "fill-mask",
            "language": "zh",
            "license": card.license,
            "tags": ["masked-lm", "chinese", "lingyu"],
        }
    )


def _what_it_is(card: CardFacts) -> str:
    config, stage = card.base.config, card.stage
    origin = f", made from {inline(card.parent.id)}" if card.parent else ""
    source = f" on {inline(card.source)}" if card.source else ""
    stages = f"{len(card.stages)} {'stage' if len(card.stages) == 1 else 'stages'}"
    return (
        f"A Chinese encoder ({inline(config.model_type)}, {config.num_hidden_layers} layers, "
        f"{config.hidden_size} wide, {config.vocab_size:,} entries){origin}, pretrained{source} by "
        f"{inline(', '.join(stage.objective))}: {_MODES.get(stage.mode, stage.mode)}. "
        f"{duration(hours_of(card.stages))} of training in {stages}. {_parts(card)}"
    )


def _parts(card: CardFacts) -> str:
    """What lies beside the encoder, and which of it was trained."""
    if not _has_pooler(card.base):
        return "The masked-LM head is part of it; there is no pooler."
    if any("sentence_order" in stage.objective for stage in card.stages):
        pooler = "was trained by the order of sentences"
    elif card.parent is None or not _has_pooler(card.parent) or card.stages[0].mode == "scratch":
        pooler = "holds random numbers, which nothing has trained"
    else:
        pooler = "was not trained"
    return f"Masked-LM head and pooler are part of it; the pooler {pooler}."


def _has_pooler(base: Base) -> bool:
    return any(name.startswith("pooler.") for name in encoder_tensors(base.folder))


def _how_to_use(card: CardFacts) -> Iterator[str]:
    yield "In a training recipe:"
    yield fenced(f"base: {card.name}", "yaml")
    yield (
        "Or by transformers alone. The name is a path, seen from where the base was made: give the one that it has now."
    )
    yield fenced(
        "from transformers import AutoModelForMaskedLM, AutoTokenizer\n\n"
        f'tokenizer = AutoTokenizer.from_pretrained("{card.name}")\n'
        f'model = AutoModelForMaskedLM.from_pretrained("{card.name}")',
        "python",
    )
    if _has_pooler(card.base):
        yield (
            "transformers reports the pooler as UNEXPECTED there, since AutoModelForMaskedLM has no place for one; "
            "AutoModel and AutoModelForSequenceClassification read it."
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
    yield "What they were made of, with the licences as their sources state them:"
    yield table(
        ("source", "part", "rows read", "from", "licence"),
        (row for source in sources.values() for row in _parts_of(source)),
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


def _parts_of(source: SourceRecord) -> Iterator[tuple[str, ...]]:
    """A row for each; a raw file is one part, of which nobody said anything."""
    name = inline(source.name)
    if not source.parts:
        yield name, "", f"{source.texts:,}", _stated(None), _stated(None)
    for part in source.parts:
        yield name, inline(part.name), f"{part.texts:,}", _stated(part.origin), _stated(part.licence)


def _stated(words: str | None) -> str:
    return inline(words) if words else "not stated"


def _counts(corpus: CorpusRecord) -> str:
    return (
        f"{corpus.sum_in_words}; {corpus.train.tokens:,} tokens to train on, {corpus.unknown_share:.2%} of them "
        f"unknown; words by {inline(corpus.segmenter_in_short)}."
    )


def _stages(card: CardFacts) -> Iterator[str]:
    yield table(
        ("stage", "made", "mode", "objective", "steps (kept)", "tokens read", "training", "loss before", "loss after"),
        (
            (
                inline(stage.name),
                inline(stage.made),
                inline(stage.mode),
                inline(", ".join(stage.objective)),
                f"{stage.steps:,} ({stage.best_step:,})",
                f"{stage.tokens:,}",
                duration(stage.hours),
                *(f"{stage.measured['held_out'][when]['loss']:.3f}" for when in ("before", "after")),
            )
            for stage in card.stages
        ),
    )
    yield f"In all {duration(hours_of(card.stages))} of training."


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


def _longest(stage: Stage) -> int:
    """Tokens of a text as the encoder saw it."""
    return stage.corpus.max_tokens + _SPECIAL_TOKENS["sentence_order" in stage.objective]


def _limits(card: CardFacts) -> Iterator[str]:
    yield bullets(
        [
            "It answers nothing by itself: an adapter is trained on it.",
            "What masked words are worth for a task, only the task's own test says.",
            f"It reads up to {card.base.max_length:,} tokens, special ones included; in its last stage it saw "
            f"{_longest(card.stage):,} at most.",
            "The content hashes of its texts lie in hashes.safetensors, so that training can say which test texts it "
            "has read. Near-duplicates are not found by them.",
        ]
    )
