"""A card on scores: the test beside the baselines, what follows from that, and what the test says of each label."""

from collections.abc import Iterator, Mapping, Sequence

from lingyu.recipe import FIGURES
from lingyu.tasks import Task

from .judging import Interval, Judgement, judgement_by, judgement_of
from .markdown import bullets, inline, table
from .scores import Figures, Measured, ParentDev, StoredScores


def score_paragraphs(
    task: Task, scores: StoredScores, thresholds: tuple[float, ...] = (), larger: str | None = None
) -> Iterator[str]:
    """thresholds: of multi_label, from which probability on an answer has each label. larger: what to take instead."""
    figures = task.figures
    if scores.test:
        ece = ("calibration error",) if scores.test.ece is not None else ()
        head = ("", "test pairs" if task.traits.compares_replies else "test texts", *_heads(figures), *ece)
        yield table(head, (row[: len(head)] for row in _score_rows(scores.test, scores, figures)))
        meanings = [FIGURES[figure].meaning for figure in figures]
        if any(meanings):
            yield f"{'; '.join(filter(None, meanings))}."
    if scores.parents_dev:
        yield from _dev_scores(scores.parents_dev, figures)
    yield from _verdicts(task, scores, larger)
    if scores.alarms:
        yield bullets(f"**Alarm:** {inline(alarm)}" for alarm in scores.alarms)
    if scores.test:
        yield from _by_label(task, scores.test, thresholds)


def _heads(figures: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{FIGURES[figure].title} (95 % interval)" for figure in figures)


def _dev_scores(parents_dev: tuple[ParentDev, ...], figures: Sequence[str]) -> Iterator[str]:
    yield "It has no test set of its own. On the dev sets of the adapters that it was combined from:"
    rows = (
        (inline(dev.parent), f"{dev.rows:,}", inline(measured.adapter), *_figures(measured, figures))
        for dev in parents_dev
        for measured in dev.scores or ()
    )
    if any(dev.scores for dev in parents_dev):
        yield table(("dev set of", "dev texts", "adapter", *_heads(figures)), rows)
    notes = [f"{inline(dev.parent)}: not measured. {inline(dev.reason)}" for dev in parents_dev if dev.reason]
    notes += [
        f"{inline(dev.parent)}: {dev.left_out:,} dev texts are left out, since they stand in a train set."
        for dev in parents_dev
        if dev.left_out
    ]
    if notes:
        yield bullets(notes)


def _score_rows(test: Measured, scores: StoredScores, figures: Sequence[str]) -> Iterator[tuple[str, ...]]:
    clean, rivals = scores.test_without_leaks, (scores.baseline, scores.column_baseline)
    yield _measured("this adapter", test, figures)
    for rival in (*rivals, scores.trivial):
        if rival:
            yield (inline(rival.name), f"{test.rows:,}", *_figures(rival, figures), "")
    if not clean:
        return
    yield _measured("this adapter, without texts that stand in train", clean, figures)
    for rival in rivals:
        if rival and rival.test_without_leaks:
            name = f"{inline(rival.name)}, without texts that stand in train"
            yield (name, f"{clean.rows:,}", *_figures(rival.test_without_leaks, figures), "")


def _measured(name: str, scores: Measured, figures: Sequence[str]) -> tuple[str, ...]:
    ece = "" if scores.ece is None else f"{scores.ece:.3f}"
    return (name, f"{scores.rows:,}", *_figures(scores, figures), ece)


def _figures(scores: Figures, figures: Sequence[str]) -> tuple[str, ...]:
    """A cell each; an empty one for a figure that is not known."""
    found = (scores.figures.get(figure) for figure in figures)
    return tuple(f"{part.value:.3f} ({part.low:.3f} to {part.high:.3f})" if part else "" for part in found)


def _verdicts(task: Task, scores: StoredScores, larger: str | None) -> Iterator[str]:
    """Against the baseline, and against a column beside the text, where there is one."""
    for baseline, versus in (
        (scores.baseline, scores.versus_baseline),
        (scores.column_baseline, scores.versus_column_baseline),
    ):
        if baseline and versus and {task.primary, task.figures[0]} <= versus.fair.figures.keys():
            yield _verdict(task, versus.fair.figures, inline(baseline.name), larger)


def _verdict(task: Task, differences: Mapping[str, Interval], baseline: str, larger: str | None) -> str:
    """Whether the encoder earns its keep, plainly; and of the figure that lists show where it says otherwise."""
    judged, shown = judgement_by(task, differences), task.figures[0]
    agrees = judgement_of(shown, differences[shown]) == judged
    told = shown if agrees else task.primary
    value, interval = _in_units(told, differences[told])
    points = f"{value} of {FIGURES[told].title} over {baseline} ({interval})"
    sentences = [_SENTENCES[judged].format(points=points, baseline=baseline)]
    if not agrees:
        own = _BY_ANOTHER[judgement_of(shown, differences[shown])]
        sentences.append(f"By {FIGURES[shown].title} {own}: {' ('.join(_in_units(shown, differences[shown]))}).")
    if larger and judged != "better":
        sentences.append(f"Take instead: {inline(larger)}.")
    return " ".join(sentences)


_SENTENCES: Mapping[Judgement, str] = {
    "better": "**The encoder earns its keep:** {points}.",
    "worse": "**The encoder does not earn its keep, {baseline} is better:** {points}.",
    "mixed": "**Whether the encoder earns its keep is mixed:** {points}.",
    "noise": "**Whether the encoder earns its keep is open:** {points} is no more than noise.",
}
_BY_ANOTHER: Mapping[Judgement, str] = {"better": "it is better", "worse": "it is worse", "noise": "that is open"}


def _in_units(figure: str, difference: Interval) -> tuple[str, str]:
    """A difference and its interval: of a share in points, of what is no share as it is."""
    ends = (difference.value, difference.low, difference.high)
    is_share = FIGURES[figure].is_share
    value, low, high = (f"{100 * end:+.1f}" if is_share else f"{end:+.3f}" for end in ends)
    return f"{value} points" if is_share else value, f"95 % interval {low} to {high}"


def _by_label(task: Task, test: Measured, thresholds: tuple[float, ...]) -> Iterator[str]:
    """A table by label where a row has several, and of a scale what was answered for what."""
    known = [label for label in task.labels if label in test.per_class]
    if known and task.traits.labels_a_row == "any":
        threshold_of = dict(zip(task.labels, thresholds, strict=True)) if thresholds else {}
        yield _of_each_label(known, test, threshold_of, "entities" if task.head == "token" else "label")
    if task.traits.order_matters and test.confusion:
        yield "Test texts by their true label (a line each) and by the answer (a column each):"
        rows = zip(map(inline, task.labels), test.confusion, strict=True)
        cells = ((label, *(f"{count:,}" for count in counts)) for label, counts in rows)
        yield table(("", *map(inline, task.labels)), cells)


def _of_each_label(labels: Sequence[str], test: Measured, threshold_of: Mapping[str, float], heading: str) -> str:
    extra = ("threshold",) if threshold_of else ()
    found = ((label, test.per_class[label]) for label in labels)
    rows = (
        (
            inline(label),
            f"{of.support:,}",
            *(f"{share:.3f}" for share in (of.precision, of.recall, of.f1)),
            *([f"{threshold_of[label]:.3f}"] if threshold_of else []),
        )
        for label, of in found
    )
    return table((heading, "in the test", "precision", "recall", "F1", *extra), rows)
