"""Rows of a part as a model reads them, with targets in the form that their task takes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from lingyu.bases import Base
from lingyu.data import Part
from lingyu.tasks import Targets, Task, lost_entities, padded_tags, regression_targets, tag_ids
from lingyu.training import EncodedComparisons, EncodedRows, TrainingRows, logits_of


@dataclass(frozen=True)
class EncodedPart:
    """targets: (rows, ...), as the task takes them. truncated: rows of which a text was cut.

    lost: entities that the tokens can't tell from one that is a piece longer or shorter, or that were cut off.
    """

    rows: TrainingRows
    targets: Targets
    truncated: int
    lost: int = 0

    @property
    def spans(self) -> list[NDArray[np.int64]] | None:
        """Of a head a token: which characters each row's tokens are."""
        return self.rows.sequences.spans

    def logits(self, model: nn.Module, pad_token_id: int) -> NDArray[np.float32]:
        """(rows, ...) in the order of the part, as the task's probabilities take them."""
        found: NDArray[np.float32] = self.rows.of_rows(
            logits_of(model, self.rows.sequences, pad_token_id=pad_token_id)
        ).numpy()
        return found


def encode_part(base: Base, part: Part, task: Task, max_length: int) -> EncodedPart:
    """The part's rows, cut at max_length tokens. None is left out."""
    if part.rejected is not None:
        return _comparisons(base, part, task, max_length)
    if task.head == "token":
        return _tagged(base, part, max_length)
    encoded = base.encode(part.texts, max_length, part.pairs)
    targets: NDArray[Any] = regression_targets(part.labels) if task.traits.answers_number else part.labels
    return EncodedPart(EncodedRows(encoded, targets), targets, sum(encoded.truncated))


def _tagged(base: Base, part: Part, max_length: int) -> EncodedPart:
    encoded = base.encode(part.texts, max_length, spans=True)
    assert encoded.spans is not None, "spans were asked for"
    both = list(zip(part.labels, encoded.spans, strict=True))
    tags = [tag_ids(entities, spans) for entities, spans in both]
    lost = sum(lost_entities(entities, spans) for entities, spans in both)
    return EncodedPart(EncodedRows(encoded, tags), padded_tags(tags), sum(encoded.truncated), lost)


def _comparisons(base: Base, part: Part, task: Task, max_length: int) -> EncodedPart:
    """Of each context with either reply, in two segments."""
    assert part.rejected is not None, "no second reply"
    chosen, rejected = (
        base.encode(part.texts, max_length, replies, truncation_side=task.traits.truncation_side)
        for replies in (part.pairs, part.rejected)
    )
    cut = sum(one or other for one, other in zip(chosen.truncated, rejected.truncated, strict=True))
    return EncodedPart(EncodedComparisons(chosen, rejected), part.labels, cut)
