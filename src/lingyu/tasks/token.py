"""token: the entities of a text, spans of characters with a label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from .answers import EntitiesAnswer, Entity
from .arrays import IGNORED, Logits, Probabilities, Statistics, Targets
from .bio import Ints, bears_tag, own_characters, spans_in, tag_names
from .calibration import PLAIN, Calibration
from .counts import LabelCounts, label_counts, micro_f1, share, statistics_of
from .probabilities import softmax
from .task import NOTHING_ASKED, READS, Asked, Head
from .temperature import fit_temperature
from .traits import Traits

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Token:
    """labels: of the entities; the logits are of their tags."""

    labels: tuple[str, ...]

    name: ClassVar[str] = "token"
    head: ClassVar[Head] = "token"
    primary: ClassVar[str] = "span_f1"
    figures: ClassVar[tuple[str, ...]] = ("span_f1", "precision", "recall")
    traits: ClassVar[Traits] = Traits(
        labels_a_row="any",
        columns=("entities",),
        in_python="answer.entities",
        of_any_text="It looks for its kinds of entities in a text of another domain too. No two of them overlap.",
        problem_type=None,
        has_temperature=True,
    )

    @property
    def output_names(self) -> tuple[str, ...]:
        return tag_names(self.labels)

    @property
    def num_outputs(self) -> int:
        return 1 + 2 * len(self.labels)

    def loss(self, logits: Tensor, targets: Tensor, num_items: Tensor | int) -> Tensor:
        """Cross entropy over tags. logits: (rows, tokens, tags), targets: (rows, tokens). num_items counts tokens."""
        from torch.nn import functional

        total = functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        return total / num_items

    def calibrate(self, logits: Logits, targets: Targets) -> Calibration:
        """The temperature over all tokens; no answer changes by it."""
        counted = targets != IGNORED
        return Calibration(temperature=fit_temperature(logits[counted], targets[counted]))

    def probabilities(self, logits: Logits, calibration: Calibration) -> Probabilities:
        """(rows, tokens, tags) -> the same shape, the tags of a token sum to 1."""
        return softmax(logits, calibration.temperature)

    def predictions(self, probabilities: Probabilities, calibration: Calibration) -> NDArray[np.int64]:
        """(rows, tokens, tags) -> (rows, tokens): the most probable tag, whatever stands beside it."""
        return np.asarray(probabilities.argmax(axis=-1), dtype=np.int64)

    def statistics(self, predictions: Targets, targets: Targets) -> Statistics:
        """(rows, 3 * labels): of each label the entities that are right in both ends, those answered, those true.

        Entities are read where targets is not IGNORED.
        """
        counts = LabelCounts(*np.zeros((3, len(targets), len(self.labels))))
        for row, (predicted, true) in enumerate(zip(predictions, targets, strict=True)):
            counted = true != IGNORED
            answered, wanted = set(spans_in(predicted[counted].tolist())), set(spans_in(true[counted].tolist()))
            for spans, column in zip((answered & wanted, answered, wanted), counts, strict=True):
                for span in spans:
                    column[row, span.label] += 1
        return statistics_of(counts)

    def figures_of(self, sums: Statistics) -> dict[str, NDArray[np.float64]]:
        """Over all labels together; 0 where there is nothing to divide by."""
        counts = label_counts(sums, len(self.labels))
        right = counts.right.sum(axis=-1)
        return {
            "span_f1": micro_f1(counts),
            "precision": share(right, counts.predicted.sum(axis=-1)),
            "recall": share(right, counts.true.sum(axis=-1)),
        }

    def answer(
        self, probabilities: Probabilities, calibration: Calibration = PLAIN, asked: Asked = NOTHING_ASKED
    ) -> EntitiesAnswer:
        """The answer that (tokens, tags) probabilities give. Thresholds are not for it.

        probabilities: perhaps longer than read.spans, by the padding of a batch.
        """
        read = asked.read
        assert read is not None, "entities are characters of a text, which has to be given"
        places = np.flatnonzero(bears_tag(read.spans))
        characters = own_characters(read.spans)[places]
        tags = probabilities[places].argmax(axis=-1)
        certainty = probabilities[places].max(axis=-1)
        return EntitiesAnswer(
            tuple(
                _entity(
                    read.text,
                    self.labels[span.label],
                    characters[span.start : span.end],
                    certainty[span.start : span.end],
                )
                for span in spans_in(tags.tolist())
            )
        )

    def gives(self, *, text_pair: bool) -> str:
        return f"finds the entities of {READS[text_pair]}, of {len(self.labels)} kinds"

    def of_logits(self, calibration: Calibration) -> str:
        return (
            f"Probabilities are the softmax of the logits divided by {calibration.temperature:.4f}. A B- begins an "
            "entity, an I- of its label goes on with it, and one that follows neither begins one, too."
        )


def _entity(text: str, label: str, characters: Ints, certainty: NDArray[np.float64]) -> Entity:
    start, end = int(characters[0, 0]), int(characters[-1, 1])
    return Entity(start, end, label, text[start:end], float(certainty.mean()))
