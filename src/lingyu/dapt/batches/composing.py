"""From rows of the corpus to the arguments of the model's forward: laid out, masked, packed without padding."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lingyu.errors import LingyuError
from lingyu.recipe import Dapt

from ..corpus.encoded import EncodedTexts
from .draws import Draws
from .layout import NOTHING, Ints, Layout, Parts, lay_out, whole_texts
from .masking import Masking, ordinary_ids
from .sentence_order import arrange_halves
from .word_order import shuffle_trigrams

# Held-out texts have masks of their own: the same before and after, in every run and for every seed. Those by which
# the best checkpoint is chosen are others than those of the figures that are reported.
HELD_OUT = Draws(seed=0, epoch=-1)
CHOOSING = Draws(seed=0, epoch=-2)


@dataclass(frozen=True)
class Composer:
    """How texts become batches. word_order_share: None without that objective."""

    seed: int
    cls_id: int
    sep_id: int
    masking: Masking
    word_order_share: float | None
    sentence_order: bool

    @classmethod
    def from_recipe(cls, dapt: Dapt, tokenizer: Any, vocab_size: int, seed: int) -> "Composer":
        """vocab_size: rows of the model's embeddings. Raises LingyuError for a tokenizer without a special token."""
        special = {name: getattr(tokenizer, f"{name}_token_id") for name in ("cls", "sep", "mask")}
        missing = [f"{name}_token" for name, token_id in special.items() if token_id is None]
        if missing:
            raise LingyuError(
                f"its tokenizer has no {', '.join(missing)}: it can't learn by masked words",
                where=str(tokenizer.name_or_path),
                next="Name a base that was pretrained so, or make one with dapt.mode: scratch",
            )
        ordinary = ordinary_ids(tokenizer.get_vocab(), set(tokenizer.all_special_ids), vocab_size)
        return cls(
            seed=seed,
            cls_id=special["cls"],
            sep_id=special["sep"],
            masking=Masking(dapt.mlm_probability, dapt.max_ngram, special["mask"], ordinary),
            word_order_share=dapt.word_order_probability if "word_order" in dapt.objective else None,
            sentence_order="sentence_order" in dapt.objective,
        )

    @property
    def specials(self) -> int:
        """Special tokens that are added to a text of two halves; one of a single sentence has two."""
        return 3 if self.sentence_order else 2

    def compose(self, texts: EncodedTexts, rows: Ints, epoch: int) -> dict[str, torch.Tensor]:
        """What the model's forward takes, for n texts of T tokens in all, M of them to be guessed; the shortest first.

        input_ids, position_ids, token_type_ids (T,); lengths (n,); masked_positions, labels (M,); with the objective
        sentence_labels (n,). All int64. Of each text a pure function of (seed, epoch, text), and of the corpus where
        it has a random second half. Without rows, one text that is nothing but [CLS] and [SEP] and has nothing to
        guess: every process has to take part in every step, whether a text is left for it or not.
        """
        draws = Draws(self.seed, epoch)
        parts = self._parts(texts, rows, draws).by_length() if len(rows) else NOTHING
        batch = self._masked(lay_out(texts, parts, self.cls_id, self.sep_id), draws, self.word_order_share)
        if self.sentence_order:
            batch["sentence_labels"] = torch.from_numpy(parts.sentence_labels)
        return batch

    def compose_held_out(self, texts: EncodedTexts, rows: Ints, masks: Draws = HELD_OUT) -> dict[str, torch.Tensor]:
        """The same for measuring: masked words alone, whatever is trained, and the same masks at any time."""
        parts = whole_texts(texts, rows).by_length()
        return self._masked(lay_out(texts, parts, self.cls_id, self.sep_id), masks, word_order_share=None)

    def _parts(self, texts: EncodedTexts, rows: Ints, draws: Draws) -> Parts:
        return arrange_halves(texts, rows, draws) if self.sentence_order else whole_texts(texts, rows)

    def _masked(self, layout: Layout, draws: Draws, word_order_share: float | None) -> dict[str, torch.Tensor]:
        guessed = self.masking.choose(layout, draws)
        ids = self.masking.corrupt(layout, guessed, draws)
        if word_order_share is not None:
            ids, moved = shuffle_trigrams(layout, ids, guessed, word_order_share, draws)
            guessed = guessed | moved
        positions = np.flatnonzero(guessed)
        batch = {
            "input_ids": ids,
            "position_ids": layout.position,
            "token_type_ids": layout.second.astype(np.int64),
            "lengths": layout.lengths,
            "masked_positions": positions,
            "labels": layout.ids[positions],
        }
        return {name: torch.from_numpy(values) for name, values in batch.items()}
