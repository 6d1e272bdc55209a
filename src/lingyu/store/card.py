"""The card of a version (README.md): made from the run's record, never by hand. What is unknown is left out.

PEFT's front matter, then what it is, how to load it, labels, scores beside a baseline without an encoder and what
follows from them, data and leaks, the recipe in full, versions, limits.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .manifest import SplitRecord, VersionFacts
from .markdown import bullets, fenced, front_matter, inline, section, table
from .scores import Figures, Interval, Measured, ParentDev, Scores
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

    metrics: as in metrics.json (see Scores); None for a version that was trained elsewhere and imported. recipe: the
    resolved recipe, YAML. counts: (what, rows), the way of the rows from read to kept. dataset: the hub's id, where the
    rows come from there. larger: the recipe or base to take where this one is too small. leaks: one sentence each, on
    test texts that were seen elsewhere. audit: of the rows, None where there was none. pictures: files of the version
    to show. command, notes: in place of a recipe, what combined a version from others, and what was decided there.
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


def render_card(card: CardFacts) -> str:
    """The whole page, Markdown with front matter."""
    scores = None if card.metrics is None else Scores.model_validate(card.metrics)
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
    known = {
        "library_name": "peft",
        "base_model": base,
        "pipeline_tag": "text-classification",
        "language": "zh",
        "license": card.license,
        "datasets": [card.dataset] if card.dataset else None,
        "metrics": None if card.metrics is None else ["accuracy", "f1"],
        "tags": [*([f"base_model:adapter:{base}"] if base else []), "lora", "transformers", "lingyu"],
    }
    return front_matter(known)


def _what_it_is(card: CardFacts) -> str:
    facts = card.facts
    revision = f" at revision {inline(facts.base.revision)}" if facts.base.revision else ""
    source = f", trained on {inline(card.source)}" if card.source else ""
    if card.metrics is None:
        source = ", trained elsewhere and imported"
    if facts.parents:
        source = f", combined from {inline(', '.join(parent.reference for parent in facts.parents))}"
    return (
        f"A LoRA adapter for the Chinese encoder {inline(facts.base.id)}{revision}{source}. "
        f"It gives a text one of {len(facts.labels)} labels. "
        f"Texts are read up to {facts.max_length} tokens; longer ones are cut."
    )


def _how_to_use(card: CardFacts) -> Iterator[str]:
    yield fenced(f"lingyu predict --adapter {card.reference} 这里写一句话", "bash")
    yield fenced(
        "from lingyu import Lingyu\n\n"
        'lingyu = Lingyu.load("adapters")\n'
        f'answers = lingyu.classify(["这里写一句话"], tenants="{card.reference}")',
        "python",
    )
    base = " ".join(card.facts.base.id.split())
    yield f"With plain PEFT: `lingyu base path` prints the folder of the base. {_steps_of(card.facts)}".rstrip()
    yield fenced(f"lingyu base path {shlex.quote(base)}", "bash")
    yield fenced(
        "from peft import PeftModel\n"
        "from transformers import AutoModelForSequenceClassification\n\n"
        'base = "…"  # what that command prints\n'
        f"model = AutoModelForSequenceClassification.from_pretrained(base, num_labels={len(card.facts.labels)})\n"
        f'model = PeftModel.from_pretrained(model, "adapters/{card.name}/{card.version}").eval()',
        "python",
    )


def _steps_of(facts: VersionFacts) -> str:
    if not facts.text_steps:
        return ""
    return f"`lingyu.text.clean` must have taken the texts through {inline(', '.join(facts.text_steps))} first."


def _labels(card: CardFacts) -> Iterator[str]:
    yield table(("logit", "label"), ((str(index), inline(label)) for index, label in enumerate(card.facts.labels)))


def _scores(card: CardFacts, scores: Scores) -> Iterator[str]:
    if scores.test:
        yield table(
            ("", "test texts", "accuracy (95 % interval)", "macro-F1 (95 % interval)", "calibration error"),
            _score_rows(scores.test, scores),
        )
    if scores.parents_dev:
        yield from _dev_scores(scores.parents_dev)
    difference = scores.fair_difference
    if scores.baseline and difference:
        yield _verdict(difference.accuracy, inline(scores.baseline.name), card.larger)
    if scores.alarms:
        yield bullets(f"**Alarm:** {inline(alarm)}" for alarm in scores.alarms)
    if card.pictures:
        yield "\n".join(f"![{inline(name)}]({name})" for name in card.pictures)


def _dev_scores(parents_dev: tuple[ParentDev, ...]) -> Iterator[str]:
    yield "It has no test set of its own. On the dev sets of the adapters that it was combined from:"
    rows = (
        (inline(dev.parent), f"{dev.rows:,}", inline(figures.adapter), *_figures(figures))
        for dev in parents_dev
        for figures in dev.scores or ()
    )
    if any(dev.scores for dev in parents_dev):
        head = ("dev set of", "dev texts", "adapter", "accuracy (95 % interval)", "macro-F1 (95 % interval)")
        yield table(head, rows)
    notes = [f"{inline(dev.parent)}: not measured. {inline(dev.reason)}" for dev in parents_dev if dev.reason]
    notes += [
        f"{inline(dev.parent)}: {dev.left_out:,} dev texts are left out, since they stand in a train set."
        for dev in parents_dev
        if dev.left_out
    ]
    if notes:
        yield bullets(notes)


def _score_rows(test: Measured, scores: Scores) -> Iterator[tuple[str, ...]]:
    baseline, clean = scores.baseline, scores.test_without_leaks
    yield _measured("this adapter", test)
    if baseline:
        yield (inline(baseline.name), f"{test.rows:,}", *_figures(baseline), "")
    if clean:
        yield _measured("this adapter, without texts that stand in train", clean)
    if clean and baseline and baseline.test_without_leaks:
        name = f"{inline(baseline.name)}, without texts that stand in train"
        yield (name, f"{clean.rows:,}", *_figures(baseline.test_without_leaks), "")


def _measured(name: str, scores: Measured) -> tuple[str, ...]:
    return (name, f"{scores.rows:,}", *_figures(scores), "" if scores.ece is None else f"{scores.ece:.3f}")


def _figures(figures: Figures) -> tuple[str, str]:
    accuracy, macro_f1 = (
        f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})" for figure in (figures.accuracy, figures.macro_f1)
    )
    return accuracy, macro_f1


def _verdict(difference: Interval, baseline: str, larger: str | None) -> str:
    """Whether the encoder earns its keep, plainly: only an interval that leaves out zero decides it."""
    points = (
        f"{difference.value * 100:+.1f} points of accuracy over {baseline} "
        f"(95 % interval {difference.low * 100:+.1f} to {difference.high * 100:+.1f})"
    )
    if difference.low > 0:
        return f"**The encoder earns its keep:** {points}."
    instead = f" Take instead: {inline(larger)}." if larger else ""
    if difference.high < 0:
        return f"**The encoder does not earn its keep, {baseline} is better:** {points}.{instead}"
    return f"**Whether the encoder earns its keep is open:** {points} is no more than noise.{instead}"


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


def _how_it_was_made(card: CardFacts, scores: Scores) -> Iterator[str]:
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
        yield "The base goes back to, the nearest first:"
        yield bullets(
            f"{inline(entry.id)} ({entry.weights_fingerprint[:12]})" + (f": {inline(entry.note)}" if entry.note else "")
            for entry in facts.lineage
        )


def _limits(card: CardFacts) -> Iterator[str]:
    limits = [
        "It always answers with one of its labels, for a text of another domain too; "
        "`--threshold` has it say `uncertain` instead.",
        _WORD_OF_WHO_IMPORTED if card.metrics is None else _what_scores_are_worth(card.facts),
    ]
    if card.facts.calibration.temperature == 1.0:
        limits.append("Its probabilities are not calibrated.")
    yield bullets(limits)


def _what_scores_are_worth(facts: VersionFacts) -> str:
    if facts.parents:
        return (
            "A dev set is not a test: training was stopped by it, and the calibration is fitted on it. "
            "Measure on a test set before you rely on this adapter."
        )
    return "The scores hold for texts like those of the test set. On yours, measure again."
