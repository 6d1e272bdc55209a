"""A tiny random base of every family, in the files that the family's publishers ship. torch is imported inside only."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .conftest import TINY_SHAPE, tiny_vocabulary

SAYINGS = ("房间很干净，下次还来", "早餐差，服务态度不好", "物流快，书便宜", "前台热情，酒店满意，推荐", "贵，失望！")
RARE_WORDS = ("酒店", "服务", "前台", "早餐", "物流")  # what jieba finds in the reviews, and a vocabulary of words has
_SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "sep": 3}


def word_pieces(folder: Path) -> int:
    """vocab.txt and little beside it: BERT's own tokenizer, whatever the model is."""
    return _write_vocabulary(folder, tiny_vocabulary(), {"tokenizer_class": "BertTokenizer"})


def bare_word_pieces(folder: Path) -> int:
    """As hfl publishes it: the class of the tokenizer is only told by model_type."""
    return _write_vocabulary(folder, tiny_vocabulary(), {"init_inputs": []})


def words_by_jieba(folder: Path) -> int:
    """RoFormer's: jieba cuts, and the vocabulary has whole words."""
    return _write_vocabulary(folder, [*tiny_vocabulary(), *RARE_WORDS], {"tokenizer_class": "RoFormerTokenizer"})


def byte_pairs(folder: Path) -> int:
    """ModernBERT's: byte-level BPE between [CLS] and [SEP], in a tokenizer.json alone."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SAYINGS * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    return _save_tokenizer(folder, tokenizer, {"tokenizer_class": "PreTrainedTokenizerFast", **names})


def unigrams(folder: Path) -> int:
    """XLM-R's: a Unigram model of sentencepiece, with its own names for the special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    characters = [word for word in tiny_vocabulary() if len(word) == 1]
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(character, -5.0) for character in characters] + [(word, -6.0) for word in RARE_WORDS]
    pieces.append(("<mask>", 0.0))
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return _save_tokenizer(folder, tokenizer, {"tokenizer_class": "XLMRobertaTokenizer"})


@dataclass(frozen=True)
class Shipped:
    """model: transformers' class that the published weights are of. tokenizer: writes its files, says how many entries.

    config: what the family's published configs set besides the shape.
    """

    model_type: str
    model: str
    tokenizer: Callable[[Path], int] = bare_word_pieces
    config: dict[str, Any] = field(default_factory=dict)


SHIPPED = {
    "BERT": Shipped("bert", "BertForMaskedLM"),
    "RoBERTa-wwm": Shipped("bert", "BertForPreTraining"),
    "MacBERT": Shipped("bert", "BertForPreTraining", word_pieces),
    "ERNIE 3.0": Shipped(
        "ernie", "ErnieForMaskedLM", config={"use_task_id": True, "task_type_vocab_size": 3, "type_vocab_size": 4}
    ),
    "ELECTRA": Shipped("electra", "ElectraForPreTraining", config={"embedding_size": 16}),
    "RoFormer": Shipped("roformer", "RoFormerForMaskedLM", words_by_jieba, {"embedding_size": 16}),
    "DeBERTa-v2": Shipped(
        "deberta-v2",
        "DebertaV2ForMaskedLM",
        word_pieces,
        {
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
            "position_buckets": 8,
            "position_biased_input": False,
            "norm_rel_ebd": "layer_norm",
            "type_vocab_size": 0,
        },
    ),
    "MegatronBERT": Shipped("megatron-bert", "MegatronBertForMaskedLM"),
    "ModernBERT": Shipped(
        "modernbert",
        "ModernBertForMaskedLM",
        byte_pairs,
        {
            "global_attn_every_n_layers": 2,
            "local_attention": 8,
            "classifier_pooling": "mean",
            **{f"{name}_token_id": number for name, number in _SPECIAL.items() if name != "unk"},
            "bos_token_id": 2,
            "eos_token_id": 3,
        },
    ),
    "XLM-R": Shipped("xlm-roberta", "XLMRobertaForMaskedLM", unigrams, {"type_vocab_size": 1, "pad_token_id": 1}),
}
"""By the names that docs/bases.md calls them."""


def write_family(folder: Path, name: str, *, layers: int = 2, seed: int = 3) -> Path:
    """The base in its own folder: config.json, model.safetensors, the tokenizer's files."""
    import torch
    import transformers

    shipped = SHIPPED[name]
    folder.mkdir(parents=True)
    entries = shipped.tokenizer(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = transformers.AutoConfig.for_model(
            shipped.model_type,
            initializer_range=0.2,  # of a fresh head too: else all texts get nearly the same logits
            **{**TINY_SHAPE, "num_hidden_layers": layers, "vocab_size": entries, **shipped.config},
        )
        model = getattr(transformers, shipped.model)(config)
        for parameter in model.parameters():  # norms and biases of a trained model are not 1 and 0
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    return folder


def _write_vocabulary(folder: Path, words: list[str], config: dict[str, Any]) -> int:
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    _write_json(folder / "tokenizer_config.json", {"do_lower_case": True, **config})
    return len(words)


def _save_tokenizer(folder: Path, tokenizer: Any, config: dict[str, Any]) -> int:
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", {"model_max_length": TINY_SHAPE["max_position_embeddings"], **config})
    return int(tokenizer.get_vocab_size())


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
