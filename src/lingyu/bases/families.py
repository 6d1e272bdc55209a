"""Where LoRA goes, which leaf Linears are the head and where masked-LM's lies, family by family: the one table of it.

A head is named by its leaf Linears, never by a composite module: PEFT can't answer a mixed batch with a composite
head, and 'pooler' as a whole would hide that `pooler.dense` is what has to be trained and saved. LoRA goes to every
other Linear of the model: the encoder's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from lingyu.errors import LingyuError

Head = Literal["row", "token"]
"""Whether a head answers once a row, or once a token."""


@dataclass(frozen=True)
class MaskedLM:
    """Names in the state dict of transformers' ...ForMaskedLM: a dense layer, its norm, and a bias for each token.

    The decoder's weight is the word embeddings' own, and has no name here. activation: between dense layer and norm;
    None for the config's hidden_act.
    """

    dense: str
    norm: str
    bias: str
    activation: str | None = None


@dataclass(frozen=True)
class Family:
    """head: ends of the module paths that are trained whole and saved with the adapter.

    token_head: the same of a model that answers once a token.

    fixed: ends of the paths of norms within a head, which are 1 and 0 wherever the base does not bring them: the same
    at every load, so no adapter has to save them.

    mixes_rows: whether every linear layer sees the batch row by row, so that each row may have an adapter of its own.
    DeBERTa's key and query layers also see the relative positions, once for all rows.
    reads_first_token: whether the head reads no other, of layers that are BERT's own in form.
    counts_from_padding: whether its position ids begin at padding_idx + 1, RoBERTa's way, and not at 0.
    masked_lm: None where it can't be pretrained here: transformers gives no way to put our attention into its layers,
    or they look at neighbours only, which ours does not.
    """

    head: tuple[str, ...]
    token_head: tuple[str, ...] = ("classifier",)
    fixed: tuple[str, ...] = ()
    mixes_rows: bool = True
    reads_first_token: bool = False
    counts_from_padding: bool = False
    masked_lm: MaskedLM | None = None

    @property
    def leaves(self) -> frozenset[str]:
        """Ends of the module paths of either head."""
        return frozenset((*self.head, *self.token_head))

    def head_of(self, head: Head) -> tuple[str, ...]:
        """Ends of the module paths that are trained whole and saved, for an answer a row or a token."""
        return self.head if head == "row" else self.token_head

    def peft_task_type(self, head: Head = "row") -> str | None:
        """PEFT adds `classifier` to the saved modules of such a model: wrong where that is a composite module."""
        if "classifier" not in self.head_of(head):
            return None
        return "SEQ_CLS" if head == "row" else "TOKEN_CLS"

    def fixed_value(self, name: str) -> float | None:
        """What a weight of this name is where the base does not bring it; None for one that would be random."""
        path, _, part = name.rpartition(".")
        if not _is_named(path, self.fixed):
            return None
        return 1.0 if part == "weight" else 0.0


_POOLED = Family(head=("pooler.dense", "classifier"))
_DENSE_HEAD = Family(head=("classifier.dense", "classifier.out_proj"))
_BERT = replace(
    _POOLED,
    reads_first_token=True,
    masked_lm=MaskedLM(
        "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"
    ),
)
_ROBERTA = replace(
    _DENSE_HEAD,
    reads_first_token=True,
    counts_from_padding=True,
    masked_lm=MaskedLM("lm_head.dense", "lm_head.layer_norm", "lm_head.bias", activation="gelu"),
)
_ELECTRA = replace(
    _DENSE_HEAD,
    reads_first_token=True,
    masked_lm=MaskedLM(
        "generator_predictions.dense",
        "generator_predictions.LayerNorm",
        "generator_lm_head.bias",
        activation="gelu",
    ),
)
_MODERN_HEAD = ("head.dense", "classifier")

FAMILIES: dict[str, Family] = {
    "bert": _BERT,
    "ernie": _BERT,
    "megatron-bert": _POOLED,
    "deberta-v2": replace(_POOLED, mixes_rows=False),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "electra": _ELECTRA,
    "roformer": _DENSE_HEAD,
    "modernbert": Family(head=_MODERN_HEAD, token_head=_MODERN_HEAD, fixed=("head.norm",)),
}


def family_of(model_type: str, where: object) -> Family:
    """Raises LingyuError for an architecture that has no row in the table."""
    try:
        return FAMILIES[model_type]
    except KeyError:
        raise LingyuError(
            f"the architecture {model_type!r} is not known here",
            where=where,
            next=f"Take a base of one of these: {', '.join(FAMILIES)}",
        ) from None


def masked_lm_of(model_type: str, where: object) -> MaskedLM:
    """Raises LingyuError for a family that can't be pretrained here."""
    masked_lm = family_of(model_type, where).masked_lm
    if masked_lm is None:
        able = ", ".join(name for name, family in FAMILIES.items() if family.masked_lm is not None)
        raise LingyuError(
            f"a base of the architecture {model_type!r} can't be pretrained here, only trained with LoRA",
            where=where,
            next=f"Take a base of one of these: {able}",
        )
    return masked_lm


def encoder_linears(model: nn.Module, family: Family) -> list[str]:
    """Paths of all linear layers but the head's, in the model's order."""
    return [
        path
        for path, module in model.named_modules()
        if isinstance(module, nn.Linear) and not _is_named(path, family.leaves)
    ]


def auto_target_modules(model: nn.Module, family: Family) -> list[str]:
    """`target_modules: auto` in PEFT's terms: the ends of all encoder linears' paths after the layer number, sorted."""
    ends = set()
    for path in encoder_linears(model, family):
        parts = path.split(".")
        last_number = max((i for i, part in enumerate(parts) if part.isdigit()), default=-1)
        ends.add(".".join(parts[last_number + 1 :]) if last_number >= 0 else path)
    return sorted(ends)


def check_target_modules(model: nn.Module, family: Family, names: Iterable[str], where: object) -> list[str]:
    """The names as given, sorted. Raises LingyuError for one that matches no layer, or that matches the head."""
    linears = encoder_linears(model, family)
    leaves = sorted({path.rsplit(".", 1)[-1] for path in linears})
    head = [path for path, module in model.named_modules() if isinstance(module, nn.Linear) and path not in linears]
    for name in names:
        if any(_is_named(path, (name,)) for path in head):
            raise LingyuError(
                f"lora.target_modules: {name!r} is or catches part of the head, which is trained whole",
                where=where,
                next=f"Name the encoder's layers more closely, for example {auto_target_modules(model, family)[0]}",
            )
        if not any(_is_named(path, (name,)) for path in linears):
            raise LingyuError(
                f"lora.target_modules: {name!r} matches no layer",
                where=where,
                next=f"Its linear layers are {', '.join(leaves)}. `auto` takes them all",
            )
    return sorted(names)


def require_saved(missing: Iterable[str], family: Family, where: object, head: Head = "row") -> None:
    """The guard: every weight that the base did not bring must be saved with the adapter.

    missing: Classifier.fresh, so random. Raises LingyuError naming those that would be lost, since the adapter would
    answer with other random numbers after a reload.
    """
    lost = sorted(key for key in missing if not _is_named(key.rpartition(".")[0], family.head_of(head)))
    if lost:
        raise LingyuError(
            f"the base lacks {', '.join(lost[:3])}{' ...' if len(lost) > 3 else ''}, and no adapter would save it",
            where=where,
            next="These weights would be random at every load. Take a complete encoder",
        )


def _is_named(path: str, ends: Iterable[str]) -> bool:
    return any(path == end or path.endswith("." + end) for end in ends)


def max_positions(config: Any) -> int:
    """How many tokens the base can read; relative positions have no limit of their own."""
    positions: int = getattr(config, "max_position_embeddings", 0) or 1 << 20
    return positions - first_position(config)


def first_position(config: Any) -> int:
    """The position id of a text's first token."""
    family = FAMILIES.get(config.model_type)
    return int(config.pad_token_id) + 1 if family is not None and family.counts_from_padding else 0
