"""mode: distil. A student of fewer layers and words learns its teacher's hidden states beside the masked words."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lingyu.bases import Base
from lingyu.errors import LingyuError
from lingyu.recipe import Shape

from .packed_attention import Packing
from .pretrainer import Pretrainer, pack

_BARE = 2  # [CLS] and [SEP]: of this length is only what stands where a process has no text


class Distiller(nn.Module):
    """The student in training, its teacher beside it. Same arguments and outputs as the student, and hidden_loss.

    The teacher is no submodule: neither checkpoints nor optimisers see it, it never leaves eval mode, and gets no
    gradient. It follows the student to its device.
    """

    teacher_ids: Tensor

    def __init__(self, student: Pretrainer, teacher: Pretrainer, layers: Sequence[int], teacher_ids: Tensor) -> None:
        """layers: for each of the student's layers the one of the teacher's that it learns, counted from 1.

        teacher_ids: (student's vocabulary,) the teacher's id of each of the student's tokens.
        """
        super().__init__()
        self.student = student
        self._teacher = (teacher.eval().requires_grad_(False),)
        self.layers = (0, *layers)  # 0: the embeddings
        self.register_buffer("teacher_ids", teacher_ids, persistent=False)

    @property
    def teacher(self) -> Pretrainer:
        return self._teacher[0]

    def teacher_in_own_words(self) -> Pretrainer:
        """The teacher with the student's vocabulary: of what it says, what the student can say."""
        if len(self.teacher.head.bias) == len(self.teacher_ids):
            return self.teacher
        narrowed = copy.deepcopy(self.teacher)
        for holder, name in ((narrowed.encoder.get_input_embeddings(), "weight"), (narrowed.head, "bias")):
            rows = getattr(holder, name)[self.teacher_ids]
            setattr(holder, name, nn.Parameter(rows, requires_grad=False))
        return narrowed

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        lengths: Tensor,
        masked_positions: Tensor,
        labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """As Pretrainer.forward, without the order of sentences.

        hidden_loss: the sum over tokens of the mean squared difference to the teacher's hidden states, over the width
        and over the embeddings and layers that are compared; so its weight means the same at any depth. 0 for a piece
        without a text, be it empty or the [CLS] and [SEP] that stand for one: no text has so few tokens.
        """
        packing = pack(lengths, input_ids.device)
        states = self.student.encode(input_ids, position_ids, token_type_ids, packing, every_layer=True)
        outputs = self.student.predict(states[-1], masked_positions, labels)
        theirs = self._teacher_states(input_ids, position_ids, token_type_ids, packing)
        tokens = len(input_ids) if max(packing.lengths) > _BARE else 0
        differences = [
            (own[:tokens].float() - other[:tokens].float()).square().mean(-1).sum()
            for own, other in zip(states, theirs, strict=True)
        ]
        return outputs | {"hidden_loss": torch.stack(differences).mean()}

    @torch.no_grad()
    def _teacher_states(
        self, input_ids: Tensor, position_ids: Tensor, token_type_ids: Tensor, packing: Packing
    ) -> list[Tensor]:
        ids = self.teacher_ids[input_ids]
        states = self.teacher.encode(ids, position_ids, token_type_ids, packing, every_layer=True)
        return [states[layer] for layer in self.layers]

    def activation_checkpointing_enable(self, **settings: Any) -> None:
        self.student.activation_checkpointing_enable(**settings)

    def activation_checkpointing_disable(self) -> None:
        self.student.activation_checkpointing_disable()

    def gradient_checkpointing_enable(self, **settings: Any) -> None:
        self.student.gradient_checkpointing_enable(**settings)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Distiller":
        """What .to() and its like go through."""
        self.teacher._apply(fn)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def student_layers(teacher: Base, shape: Shape) -> tuple[int, ...]:
    """The teacher's layers, counted from 1, that the student's start as and learn: evenly spread, the last among them.

    Raises LingyuError for more than the teacher has.
    """
    theirs = int(teacher.config.num_hidden_layers)
    own = shape.num_hidden_layers or max(1, theirs // 2)
    if own > theirs:
        raise LingyuError(
            f"dapt.shape.num_hidden_layers is {own}, but the teacher has {theirs} layers",
            where=teacher.id,
            next=f"Set dapt.shape.num_hidden_layers={theirs} or fewer",
        )
    return tuple(theirs * (layer + 1) // own for layer in range(own))


def teacher_ids_of(student: Base, teacher: Base) -> Tensor:
    """(student's vocabulary,) int64: the teacher's id of the same token, [UNK]'s for a row that is no token's.

    Raises LingyuError for a token that the teacher does not know.
    """
    theirs = teacher.tokenizer.get_vocab()
    ids = torch.full((student.config.vocab_size,), teacher.tokenizer.unk_token_id, dtype=torch.int64)
    for token, own in student.tokenizer.get_vocab().items():
        if token not in theirs:
            raise LingyuError(
                f"the teacher {teacher.id} does not know its token {token!r}",
                where=student.id,
                next="A student's vocabulary is part of its teacher's",
            )
        ids[own] = theirs[token]
    return ids
