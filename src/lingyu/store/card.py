"""The card of a version (README.md): made from the run's record, never by hand. What is unknown is left out.

PEFT's front matter, then what it is, how to load it, labels, scores beside a baseline without an encoder and what
follows from them, data and leaks, the recipe in full, versions, limits.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingyu.recipe import FIGURES
from lingyu.tasks import Task, task_named

from .card_scores import score_paragraphs
from .manifest import LineageEntry, SplitRecord, VersionFacts
from .markdown import bullets, fenced, front_matter, inline, section, table
from .scores import StoredScores
from .verification import AUDIT

if TYPE_CHECKING:  # whoever answers from a store does not wait for what reads tables
    from lingyu.data import Audit

# A hub refuses a card whose base_model is a folder; bases/ is where our own lie.
_HUB_ID = re.compile(r"(?!bases/)\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_WORD_OF_WHO_IMPORTED = (
    "That it was trained on this base, and what its labels mean, is the word of whoever imported it: "
    "its tensors prove only that they fit."
)
_NO_SCORES = "No scores are known. Measure it on texts of your own before you rely on it."


@dataclass(frozen=True)
class CardFacts:
    """All that a card says.

    metrics: as in metrics.json (see StoredScores); None for a version that was trained elsewhere and imported. recipe:
    the resolved recipe, YAML. counts: (what, rows), the way of the rows from read to kept. dataset: the hub's id, where
    the rows come from there. larger: the recipe or base to take where this one is too small. leaks: one sentence each,
    on test texts that were seen elsewhere. audit: of the rows, None where there was none. pictures: files of the
    version to show. command, notes: in place of a recipe, what combined a version from others, and what was decided
    there.
    """

    name: str
    version: str
    facts: VersionFacts
    metrics: Mapping[str, object] | None
    recipe: str = ""
    counts: tuple[tuple[str, int], ...] = ()
    source: str | None = None
    dataset: str | None = None
    license: str | None = None
    data_license: str | None = None
    larger: str | None = None
    leaks: tuple[str, ...] = ()
    audit: "Audit | None" = None
    pictures: tuple[str, ...] = ()
    command: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def task(self) -> Task:
        return task_named(self.facts.task, self.facts.labels)


def render_card(card: CardFacts) -> str:
    """The whole page, Markdown with front matter."""
    scores = None if card.metrics is None else StoredScores.model_validate(card.metrics)
    sections = (
        _front_matter(card),
        f"# {card.name} {card.version}",
        _what_it_is(card),
        *section("How to use it", _how_to_use(card)),
        *section("Labels", _labels(card)),
        *section("Scores", _scores(card, scores) if scores else iter([_NO_SCORES])),
        *section("Data", _data(card)),
        *(section("Data audit", _data_audit(card, card.audit)) if card.audit else ()),
        *(section("How it was made", _how_it_was_made(card, scores)) if scores and card.facts.parents else ()),
        *(section("Recipe", iter([fenced(card.recipe, "yaml")])) if card.recipe else ()),
        *section("Versions", _versions(card)),
        *section("Limits", _limits(card)),
    )
    return "\n\n".join(sections) + "\n"


def _front_matter(card: CardFacts) -> str:
    base = card.facts.base.id if _HUB_ID.fullmatch(card.facts.base.id) else None
    made_by = ["lora"] if card.facts.method == "lora" else []
    known = {
        "library_name": "peft",
        "base_model": base,
        "pipeline_tag": "token-classification" if card.task.head == "token" else "text-classification",
        "language": "zh",
        "license": card.license,
        "datasets": [card.dataset] if card.dataset else None,
        "metrics": None if card.metrics is None else _hub_metrics(card.task),
        "tags": [*([f"base_model:adapter:{base}"] if base else []), *made_by, "transformers", "lingyu"],
    }
    return front_matter(known)


def _hub_metrics(task: Task) -> list[str]:
    """As far as the hub has a name for them."""
    return list(dict.fromkeys(name for figure in task.figures if (name := FIGURES[figure].hub)))


def _what_it_is(card: CardFacts) -> str:
    facts = card.facts
    revision = f" at revision {inline(facts.base.revision)}" if facts.base.revision else ""
    source = f", trained on {inline(card.source)}" if card.source else ""
    if card.metrics is None:
        source = ", trained elsewhere and imported"
    if facts.parents:
        source = f", combined from {inline(', '.join(parent.reference for parent in facts.parents))}"
    return (
        f"A {facts.what} for the Chinese encoder {inline(facts.base.id)}{revision}{source}. "
        f"It {card.task.gives(text_pair=facts.text_pair)}. "
        f"{_how_far_it_reads(card)}"
    )


def _how_far_it_reads(card: CardFacts) -> str:
    length = card.facts.max_length
    if not card.facts.text_pair:
        return f"Texts are read up to {length} tokens; longer ones are cut."
    where = "beginning" if card.task.traits.truncation_side == "left" else "end"
    return f"Both together are read up to {length} tokens; of longer ones the longer text is cut at its {where}."


def _how_to_use(card: CardFacts) -> Iterator[str]:
    example = _example(card)
    yield fenced(f"lingyu predict --adapter {card.reference} {example.on_the_command_line}", "bash")
    yield fenced(
        "from lingyu import Lingyu\n\n"
        'lingyu = Lingyu.load("adapters")\n'
        f'answers = lingyu.classify({example.in_python}, tenants="{card.reference}")\n'
        f"print([answer.{card.task.traits.in_python} for answer in answers])",
        "python",
    )
    base = " ".join(card.facts.base.id.split())
    yield f"With plain PEFT: `lingyu base path` prints the folder of the base. {_steps_of(card.facts)}".rstrip()
    yield fenced(f"lingyu base path {shlex.quote(base)}", "bash")
    model = "AutoModelForTokenClassification" if card.task.head == "token" else "AutoModelForSequenceClassification"
    yield fenced(
        "from peft import PeftModel\n"
        f"from transformers import {model}\n\n"
        'base = "…"  # what that command prints\n'
        f"model = {model}.from_pretrained(base, num_labels={card.task.num_outputs})\n"
        f'model = PeftModel.from_pretrained(model, "adapters/{card.name}/{card.version}").eval()',
        "python",
    )
    if card.facts.text_pair:
        side = ', and a tokenizer with `truncation_side="left"`' if card.task.traits.truncation_side == "left" else ""
        asked = f"tokenizer(text, text_pair, truncation=True, max_length={card.facts.max_length})"
        yield f"Both texts go into it in that order, together: `{asked}`{side}."


@dataclass(frozen=True)
class _Example:
    """Texts to try an adapter with."""

    on_the_command_line: str
    in_python: str


def _example(card: CardFacts) -> _Example:
    if card.task.traits.compares_replies:
        return _Example("这里写上文 --pair 这里写回复", '["这里写上文"] * 2, text_pairs=["一个回复", "另一个回复"]')
    if card.facts.text_pair:
        return _Example("这里写一句话 --pair 第二句话", '["这里写一句话"], text_pairs=["第二句话"]')
    return _Example("这里写一句话", '["这里写一句话"]')


def _steps_of(facts: VersionFacts) -> str:
    if not facts.text_steps:
        return ""
    return f"`lingyu.text.clean` must have taken the texts through {inline(', '.join(facts.text_steps))} first."


def _labels(card: CardFacts) -> Iterator[str]:
    """What each logit stands for."""
    task = card.task
    if task.output_names == task.labels:
        yield table(("logit", "label"), ((str(index), inline(label)) for index, label in enumerate(task.labels)))
        return
    if task.labels:
        yield f"{'In order' if task.traits.order_matters else 'Kinds'}: {inline(', '.join(task.labels))}."
    yield table(("logit", "stands for"), ((str(index), inline(name)) for index, name in enumerate(task.output_names)))


def _scores(card: CardFacts, scores: StoredScores) -> Iterator[str]:
    yield from score_paragraphs(card.task, scores, card.facts.calibration.thresholds, card.larger)
    if card.pictures:
        yield "\n".join(f"![{inline(name)}]({name})" for name in card.pictures)


def _data(card: CardFacts) -> Iterator[str]:
    if card.facts.data:
        yield table(
            ("part", "rows", "fingerprint"),
            ((inline(part), f"{record.rows:,}", record.fingerprint[:12]) for part, record in card.facts.data.items()),
        )
    elif card.metrics is None:
        yield "Which rows it was trained on is not known."
    elif card.facts.parents:
        yield "It was trained on no rows of its own; the cards of the adapters that it was combined from name theirs."
    if card.counts:
        yield "From read to kept: " + "; ".join(f"{inline(what)} {rows:,}" for what, rows in card.counts) + "."
    if card.facts.split:
        yield _split(card.facts.split)
    if card.data_license:
        yield f"Licence of the rows, as their source states it: {inline(card.data_license)}."
    if card.leaks:
        yield bullets(inline(leak) for leak in card.leaks)


def _split(split: SplitRecord) -> str:
    """How the rows came into those of train, dev and test that are of the split."""
    made = f"by `lingyu data split` (seed {split.seed}) from a file with SHA-256 {split.source[:12]}"
    if len(split.parts) < 2:
        return f"Of these parts {inline(' and '.join(split.parts))} alone was dealt {made}."
    shares = ", ".join(f"{inline(part)} {share:g}" for part, share in split.shares.items() if part in split.parts)
    groups = f", and so are rows with one {inline(split.group)}" if split.group is not None else ""
    by_time = f" The latest rows by {inline(split.time)} went to test." if split.time is not None else ""
    return (
        f"Dealt to {inline(', '.join(split.parts))} {made}; shares: {shares}. Between these, same texts and "
        f"near-duplicates (similarity >= {split.near_similarity:g}, {split.near_shortest} characters or more) are on "
        f"one side{groups}.{by_time}"
    )


_GRADES = {
    "ok": "nothing was found",
    "look": "nothing that forbids training, but worth a look",
    "stop": "not to be trained on before it is mended",
}


def _data_audit(card: CardFacts, audit: "Audit") -> Iterator[str]:
    """What was found in the rows, each check in a line; where the figures stand, and how to see the rows."""
    yield f"**{audit.grade.upper()}:** {_GRADES[audit.grade]}."
    yield table(
        ("check", "grade", "what was found"),
        ((inline(verdict.check.replace("_", " ")), verdict.grade, inline(verdict.says)) for verdict in audit.verdicts),
    )
    yield f"All figures: [{AUDIT}]({AUDIT}). They hold no row; a page that shows the worst ones is made by"
    yield fenced(f"lingyu data audit adapters/{card.name}/{card.version}/recipe.yaml --html audit.html", "bash")


def _how_it_was_made(card: CardFacts, scores: StoredScores) -> Iterator[str]:
    if card.command:
        yield fenced(card.command, "bash")
    yield table(
        ("combined from", "weight", "SHA-256 of its adapter_model.safetensors"),
        ((inline(parent.reference), f"{parent.weight:.3f}", parent.sha256[:12]) for parent in card.facts.parents),
    )
    done = scores.combination
    if done:
        how = "The changes to each layer are averaged, and so are the heads. "
        if done.rank is None:
            how += "Nothing is lost of the changes: they stand beside each other (cat)."
        else:
            how += (
                f"The changes are cut to rank {done.rank} (svd), which keeps {done.share_kept:.1%} of their Frobenius "
                f"norm, and {done.least_kept:.1%} in the layer that lost most."
            )
        yield how
    if card.notes:
        yield bullets(inline(note) for note in card.notes)


def _versions(card: CardFacts) -> Iterator[str]:
    facts = card.facts
    rows = [
        ("base, weights", facts.base.weights_fingerprint[:12]),
        ("base, tokenizer", facts.base.tokenizer_fingerprint[:12]),
        *((inline(package), inline(version)) for package, version in sorted(facts.packages.items())),
    ]
    yield table(("", "version"), rows)
    if facts.lineage:
        yield from ancestry_paragraphs(facts.lineage)


def ancestry_paragraphs(lineage: Iterable[LineageEntry]) -> Iterator[str]:
    yield "The base goes back to, the nearest first:"
    yield bullets(
        f"{inline(entry.id)} ({entry.weights_fingerprint[:12]})" + (f": {inline(entry.note)}" if entry.note else "")
        for entry in lineage
    )


def _limits(card: CardFacts) -> Iterator[str]:
    limits = [
        card.task.traits.of_any_text,
        _WORD_OF_WHO_IMPORTED if card.metrics is None else _what_scores_are_worth(card.facts),
    ]
    if card.task.traits.has_temperature and card.facts.calibration.temperature == 1.0:
        limits.append("Its probabilities are not calibrated.")
    yield bullets(limits)


def _what_scores_are_worth(facts: VersionFacts) -> str:
    if facts.parents:
        return (
            "A dev set is not a test: training was stopped by it, and the calibration is fitted on it. "
            "Measure on a test set before you rely on this adapter."
        )
    return "The scores hold for texts like those of the test set. On yours, measure again."
