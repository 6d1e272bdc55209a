"""A base on disk: its tokenizer, its weights, what is known of it, loading it as a classifier."""

import copy
import json
import re
import shutil
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from lingyu.errors import LingyuError, missing_extra
from lingyu.text import Encoded, Hashes, TextTokenizer, cut_by_jieba

from .classifiers import Classifier, classifier_class, quiet_transformers
from .families import Family, Head, MaskedLM, family_of, masked_lm_of, max_positions
from .fingerprints import encoder_tensors, plain_name, tokenizer_fingerprint, weight_files, weights_fingerprint

EMBEDDED = Path(__file__).parent / "embedded"
LINEAGE = "lineage.json"
VOCABULARY = "vocab.txt"
_COPY_ANEW = "Copy the base from the publisher anew"
_COPY_TOKENIZER = "Copy the tokenizer's files from the publisher anew"

# A head of tokens reads no pooler, and a table of embeddings may be one that the config does without.
_MAY_LACK_A_PLACE = re.compile(r"pooler\.|embeddings\.")


@dataclass(frozen=True)
class Ancestor:
    """One base of the chain that a base was made by, each from the next. id: as whoever made it wrote it.

    parent: the weights fingerprint of the one that it was made from; None for one that was published or brought.
    """

    id: str
    weights_fingerprint: str
    note: str | None = None
    parent: str | None = None


@dataclass(frozen=True)
class Base:
    """An encoder on disk. id and revision are what the recipe says; folder is where that was found."""

    id: str
    revision: str | None
    folder: Path

    @cached_property
    def config(self) -> Any:
        """transformers', without what the file says of the code that attends: it could name one to be fetched."""
        from transformers import AutoConfig

        with in_one_line("its config.json can't be read", self.id, _COPY_ANEW):
            config = AutoConfig.from_pretrained(self.folder)
        config._attn_implementation = None
        return config

    @contextmanager
    def building(self) -> Iterator[None]:
        """Around whatever makes a model of its config. Raises LingyuError where that can't be done."""
        with in_one_line("no model can be built by its config.json", self.id, _COPY_ANEW):
            yield

    @cached_property
    def family(self) -> Family:
        return family_of(self.config.model_type, self.id)

    @cached_property
    def weights_fingerprint(self) -> str:
        return weights_fingerprint(self.folder)

    @cached_property
    def tokenizer_fingerprint(self) -> str:
        return tokenizer_fingerprint(self.tokenizer)

    @cached_property
    def tokenizer(self) -> Any:
        """Raises LingyuError for one that can't be read, does not fit the weights or knows no Chinese."""
        tokenizer = self.load_tokenizer()
        if len(tokenizer) > self.config.vocab_size:
            raise LingyuError(
                f"its tokenizer has {len(tokenizer):,} entries, its embeddings {self.config.vocab_size:,}",
                where=self.id,
                next=_COPY_TOKENIZER,
            )
        probe = tokenizer("酒店的服务很好")["input_ids"]
        if probe.count(tokenizer.unk_token_id) * 2 > len(probe):
            raise LingyuError(
                "its tokenizer does not know common Chinese characters",
                where=self.id,
                next="Is vocab.txt or tokenizer.json missing or of another model?",
            )
        return tokenizer

    def load_tokenizer(self) -> Any:
        """Another one, unchecked, whose settings are the caller's. Raises LingyuError for one that can't be read."""
        from transformers import AutoTokenizer

        with in_one_line("its tokenizer can't be read", self.id, _COPY_TOKENIZER):
            tokenizer = AutoTokenizer.from_pretrained(self.folder)
        if _cuts_by_jieba(tokenizer):
            cut_by_jieba(tokenizer.backend_tokenizer)
        return tokenizer

    @cached_property
    def _text_tokenizer(self) -> TextTokenizer:
        """Of its own, whose settings nobody changes: those of the other are what it was last called with."""
        return TextTokenizer(self.load_tokenizer().backend_tokenizer)

    @property
    def cuts_by_jieba(self) -> bool:
        """Whether its tokenizer finds words before word pieces, which no tokenizer.json can say."""
        return _cuts_by_jieba(self.tokenizer)

    @cached_property
    def corpus_hashes(self) -> Hashes:
        """Content hashes of the texts that it was pretrained or measured on, sorted; empty where it does not say."""
        return self._hashes("corpus")

    @cached_property
    def held_out_hashes(self) -> Hashes:
        """Those of corpus_hashes whose texts were measured on, and trained on by no stage that led to it."""
        return self._hashes("held_out")

    @cached_property
    def learnt_hashes(self) -> Hashes:
        """Those of corpus_hashes whose texts its weights have been trained on, as far as is known."""
        learnt: Hashes = np.setdiff1d(self.corpus_hashes, self.held_out_hashes)
        return learnt

    def _hashes(self, tensor: str) -> Hashes:
        file = self.folder / "hashes.safetensors"
        none: Hashes = np.zeros(0, dtype=np.int64)
        try:
            hashes = load_file(file).get(tensor, none) if file.is_file() else none
        except (SafetensorError, OSError, TypeError):  # numpy knows no bfloat16
            hashes = None
        if hashes is None or hashes.dtype != np.int64 or hashes.ndim != 1:
            raise LingyuError(
                "holds no hashes that can be read", where=file, next="Copy the base anew from where it was made"
            )
        return hashes

    @cached_property
    def lineage(self) -> tuple[Ancestor, ...]:
        """The chain down to the published base, the nearest first: this base itself, then what lineage.json says.

        Raises LingyuError where that file can't be read, or is of a base with other weights.
        """
        itself = Ancestor(self.id, self.weights_fingerprint)
        file = self.folder / LINEAGE
        if not file.is_file():
            return (itself,)
        try:
            chain = tuple(Ancestor(**entry) for entry in json.loads(file.read_text("utf-8"))["lineage"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise LingyuError("is no lineage", where=file, next="Copy the base anew from where it was made") from None
        if not chain or chain[0].weights_fingerprint != itself.weights_fingerprint:
            found = chain[0].weights_fingerprint[:12] if chain else "nothing"
            raise LingyuError(
                f"begins with weights {found}, but beside it lie {itself.weights_fingerprint[:12]}",
                where=file,
                next="The base was changed, or the file is another's: copy the base anew from where it was made",
            )
        return (replace(chain[0], id=self.id), *chain[1:])

    def encode(
        self,
        texts: Sequence[str],
        max_length: int,
        pairs: Sequence[str] | None = None,
        *,
        spans: bool = False,
        truncation_side: Literal["right", "left"] = "right",
    ) -> Encoded:
        """Token ids, cut at max_length. A literal '[MASK]' in a text is text, never the special token.

        pairs: a second text for each; of the two the longer one is cut. spans: of which characters the tokens are.
        """
        own_side = self.tokenizer.truncation_side  # raises where it can't be read, or is not the weights' own
        return self._text_tokenizer.encode(
            texts,
            max_length,
            pairs,
            types=pairs is not None and getattr(self.config, "type_vocab_size", 0) > 1,
            spans=spans,
            truncation_side="left" if truncation_side == "left" else own_side,
        )

    @property
    def max_length(self) -> int:
        """How many tokens of a text it can read."""
        return max_positions(self.config)

    @cached_property
    def trained_length(self) -> int | None:
        """The longest text of its pretraining, in tokens, where it was made here from nothing; else nobody knows.

        Positions behind it are as they were drawn at the start, although the base reads them (max_length).
        """
        file = self.folder / LINEAGE
        if not file.is_file():
            return None
        try:
            stages = json.loads(file.read_text("utf-8"))["stages"]
            lengths = [stage["settings"]["train"]["max_length"] for stage in stages]
            return max(lengths) if stages[0]["mode"] == "scratch" else None
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            return None  # a lineage from before this was kept, or none at all: `lineage` says what is wrong with it

    def require_length(self, max_length: int) -> None:
        if max_length > max_positions(self.config):
            raise LingyuError(
                f"train.max_length is {max_length}, but the base reads {max_positions(self.config)} tokens at most",
                where=self.id,
                next=f"Set train.max_length={max_positions(self.config)}",
            )

    def load_classifier(self, labels: Sequence[str], seed: int = 0, head: Head = "row") -> Classifier:
        """The encoder with a fresh head, in float32. seed: of every weight that the base does not bring.

        labels: a name for each logit. head: one answer a row, or one a token.
        Loaded is what the fingerprint counts, and nothing else: a published classifier's own head makes way for ours,
        and no other file of the folder has a say.
        Raises LingyuError for an encoder that holds what its config has no place for.
        """
        from accelerate.utils import set_seed  # transformers' own brings peft, and bitsandbytes with it

        config = copy.deepcopy(self.config)
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: i for i, label in enumerate(labels)}
        weights = _tensors_named({tensor.name for tensor in encoder_tensors(self.folder).values()}, self.folder)
        set_seed(seed)
        with warnings.catch_warnings(), quiet_transformers(), self.building():
            warnings.simplefilter("ignore")
            model, info = classifier_class(config, head).from_pretrained(
                None,
                config=config,
                state_dict=weights,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # a weight of another shape is one that the base does not bring
                output_loading_info=True,
            )
        self._require_placed(info["unexpected_keys"])
        model.name_or_path = model.config.name_or_path = str(self.folder)  # where PEFT looks for the config
        lacking = {*info["missing_keys"], *(entry[0] for entry in info["mismatched_keys"])}
        return Classifier(model, frozenset(key for key in lacking if self.family.fixed_value(key) is None), head)

    def _require_placed(self, unexpected: Iterable[str]) -> None:
        """A config with fewer layers than its weights makes another encoder than what was fingerprinted."""
        foreign = sorted(name for name in unexpected if not _MAY_LACK_A_PLACE.match(plain_name(name) or ""))
        if foreign:
            more = " ..." if foreign[3:] else ""
            raise LingyuError(
                f"holds {', '.join(foreign[:3])}{more}, for which its config.json has no place",
                where=self.id,
                next=f"Config and weights are of two models. {_COPY_ANEW}",
            )

    @property
    def masked_lm(self) -> MaskedLM:
        """Raises LingyuError for a family that can't be pretrained here."""
        return masked_lm_of(self.config.model_type, self.id)

    def encoder_weights(self) -> dict[str, torch.Tensor]:
        """What the fingerprint counts, by its plain names, in the type that it is stored in."""
        stored = encoder_tensors(self.folder)
        weights = _tensors_named({tensor.name for tensor in stored.values()}, self.folder)
        return {plain: weights[tensor.name] for plain, tensor in stored.items()}

    def masked_lm_weights(self) -> dict[str, torch.Tensor]:
        """The masked-LM head's dense.weight, dense.bias, norm.weight, norm.bias and bias: those that the base brings.

        None of one whose decoder is not tied to the embeddings: its head is made for another decoder than ours.
        """
        if not getattr(self.config, "tie_word_embeddings", True):
            return {}
        names = _masked_lm_names(self.masked_lm)
        weights = _tensors_named({name for those in names.values() for name in those}, self.folder)
        return {part: weights[name] for part, those in names.items() for name in those if name in weights}

    @property
    def word_pieces(self) -> list[str]:
        """The vocabulary in the order of the ids; empty where a line a word can't say what the tokenizer is."""
        words = sorted(self.tokenizer.get_vocab().items(), key=lambda item: item[1])
        is_whole = [number for _, number in words] == list(range(len(words)))
        has_pieces = type(self.tokenizer.backend_tokenizer.model).__name__ == "WordPiece"
        return [word for word, _ in words] if has_pieces and is_whole else []

    def save_vocabulary(self, folder: Path) -> None:
        """vocab.txt, which other tools read and transformers 5 no longer writes: its own, or its word pieces where it
        has none. No file where a line a word can't say what the tokenizer is."""
        own = self.folder / VOCABULARY
        if own.is_file():
            shutil.copyfile(own, folder / VOCABULARY)
        elif words := self.word_pieces:
            (folder / VOCABULARY).write_text("".join(f"{word}\n" for word in words), "utf-8")


def _tensors_named(names: Collection[str], folder: Path) -> dict[str, torch.Tensor]:
    """Those of the names that stand in the base's files, in the type that they are stored in."""
    weights: dict[str, torch.Tensor] = {}
    for file in weight_files(folder):
        try:
            with safe_open(file, framework="pt") as opened:
                weights |= {name: opened.get_tensor(name) for name in opened.keys() if name in names}  # noqa: SIM118
        except SafetensorError as error:
            raise LingyuError(
                f"is no sound safetensors file ({error})", where=file, next="Copy or download the base anew"
            ) from None
    return weights


def _masked_lm_names(place: MaskedLM) -> dict[str, tuple[str, ...]]:
    """Part of the head -> the names that it may have in a file, the usual one last."""
    stem = place.bias.removesuffix(".bias")
    return {
        "dense.weight": (f"{place.dense}.weight",),
        "dense.bias": (f"{place.dense}.bias",),
        "norm.weight": (f"{place.norm}.gamma", f"{place.norm}.weight"),
        "norm.bias": (f"{place.norm}.beta", f"{place.norm}.bias"),
        "bias": (f"{stem}.decoder.bias", place.bias),  # StructBERT's is the decoder's
    }


def _cuts_by_jieba(tokenizer: Any) -> bool:
    """Whether it is RoFormer's own, which finds words before word pieces."""
    from transformers import RoFormerTokenizer

    return isinstance(tokenizer, RoFormerTokenizer)


@contextmanager
def in_one_line(what: str, where: str, next: str) -> Iterator[None]:
    """For files that others wrote: transformers and tokenizers raise whatever their parsers do, bare Exception too."""
    try:
        yield
    except Exception as error:
        if isinstance(error, ImportError) and "rjieba" in str(error):
            raise missing_extra("rjieba", "dapt") from None
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise LingyuError(f"{what} ({reason})", where=where, next=next) from error
