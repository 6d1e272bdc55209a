"""The card of a base, whole, from facts made by hand; names that are Markdown break nothing."""

from pathlib import Path

import pytest

from lingyu.bases import find_base
from lingyu.dapt.card import CardFacts, render_card
from lingyu.dapt.corpus.record import CorpusRecord
from lingyu.dapt.lineage import Stage, duration

SHARE = {"value": 0.25, "low": 0.2, "high": 0.3}
MEASURED = {
    "held_out": {
        "texts": 20,
        "masked_tokens": 61,
        "before": {"loss": 5.0, "perplexity": 148.41, "accuracy": SHARE},
        "after": {"loss": 4.0, "perplexity": 54.6, "accuracy": SHARE},
    }
}
CORPUS = {
    "sources": [
        {"name": "a|b.txt", "kind": "text", "fingerprint": "a" * 64, "parts": [], "texts": 203},
        {
            "name": "data/<b>",
            "kind": "corpus",
            "fingerprint": "b" * 64,
            "parts": [{"name": "*x*", "licence": "CC-BY-4.0", "origin": None, "texts": 7}],
            "texts": 7,
        },
    ],
    "excluded": [{"name": "`test`", "fingerprint": "c" * 64, "texts": 30, "removed": 5}],
    "empty": 3,
    "train": {"texts": 182, "pieces": 182, "tokens": 3592},
    "held_out": {"texts": 20, "pieces": 20, "tokens": 411},
    "general": None,
    "repeats": 0,
    "unknown_share": 0.0012,
    "steps": ["html"],
    "segmenter": "jieba 0.42.1, dictionary " + "d" * 64,
    "tokenizer": "e" * 64,
    "max_tokens": 62,
}


def a_stage(**changes: object) -> Stage:
    stage = {
        "name": "tiny",
        "made": "2026-11-22",
        "mode": "full",
        "parent": "f" * 64,
        "objective": ["mlm", "word_order"],
        "masking": {},
        "corpus": CorpusRecord.model_validate(CORPUS),
        "seed": 42,
        "steps": 16,
        "best_step": 12,
        "tokens": 3732,
        "hours": 0.01,
        "measured": MEASURED,
        "packages": {"torch": "2.9.0"},
    }
    return Stage.model_validate(stage | changes)


def a_card(base: Path, *stages: Stage, parent: Path | None = None) -> str:
    return render_card(
        CardFacts(
            name="bases/[hotel](x)",
            base=find_base(str(base)),
            parent=find_base(str(parent)) if parent else None,
            stages=stages,
            metrics=MEASURED,
            verdict=["Held-out text: better."],
            notes=["A note."],
            recipe="name: tiny\n```\n",
            license="apache-2.0",
            source="reviews # of hotels",
            data_license="as <them>",
            picture="curves.png",
        )
    )


def test_the_whole_page(tiny_base: Path) -> None:
    base = find_base(str(tiny_base))
    assert a_card(tiny_base, a_stage()) == PAGE.format(weights=base.weights_fingerprint, tok=base.tokenizer_fingerprint)


def test_what_is_said_of_a_pooler_is_true(tiny_base: Path, tiny_base_with_pooler: Path) -> None:
    assert "there is no pooler" in a_card(tiny_base, a_stage())
    assert "UNEXPECTED" not in a_card(tiny_base, a_stage())
    made = a_card(tiny_base_with_pooler, a_stage(mode="scratch"))
    assert "the pooler holds random numbers, which nothing has trained" in made
    assert "UNEXPECTED" in made
    later = a_card(tiny_base_with_pooler, a_stage(mode="scratch"), a_stage(), parent=tiny_base_with_pooler)
    assert "the pooler holds random numbers, which nothing has trained" in later
    given = a_card(tiny_base_with_pooler, a_stage(), parent=tiny_base)
    assert "the pooler holds random numbers, which nothing has trained" in given, "its parent had none"
    assert "the pooler was not trained" in a_card(tiny_base_with_pooler, a_stage(), parent=tiny_base_with_pooler)
    ordered = a_card(tiny_base_with_pooler, a_stage(), a_stage(objective=["mlm", "sentence_order"]))
    assert "the pooler was trained by the order of sentences" in ordered
    assert "it saw 65 at most" in ordered


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59, "59 s"), (101, "2 min"), (5400, "90 min"), (7200, "2.0 h")]
)
def test_a_duration_is_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert duration(seconds / 3600) == words


PAGE = """\
---
library_name: transformers
pipeline_tag: fill-mask
language: zh
license: apache-2.0
tags:
- masked-lm
- chinese
- lingyu
---

# bases/\\[hotel\\](x)

A Chinese encoder (bert, 2 layers, 32 wide, 154 entries), pretrained on reviews \\# of hotels by mlm, word_order: \
encoder and masked-LM head of its base were trained further. 36 s of training in 1 stage. The masked-LM head is part \
of it; there is no pooler.

## How to use it

In a training recipe:

```yaml
base: bases/[hotel](x)
```

Or by transformers alone. The name is a path, seen from where the base was made: give the one that it has now.

```python
from transformers import AutoModelForMaskedLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("bases/[hotel](x)")
model = AutoModelForMaskedLM.from_pretrained("bases/[hotel](x)")
```

## What it gained and what it forgot

|  | texts | masked tokens | loss | perplexity | masked accuracy (95 % interval) |
| --- | --- | --- | --- | --- | --- |
| held-out text, before | 20 | 61 | 5.000 | 148.4 | 0.250 (0.200 to 0.300) |
| held-out text, after | 20 | 61 | 4.000 | 54.6 | 0.250 (0.200 to 0.300) |

- Held-out text: better.
- A note.

![curves.png](curves.png)

## Texts

| stage | source | texts read | SHA-256 |
| --- | --- | --- | --- |
| tiny | a\\|b.txt | 203 | aaaaaaaaaaaa |
| tiny | data/&lt;b&gt; | 7 | bbbbbbbbbbbb |

What they were made of, with the licences as their sources state them:

| source | part | rows read | from | licence |
| --- | --- | --- | --- | --- |
| a\\|b.txt |  | 203 | not stated | not stated |
| data/&lt;b&gt; | \\*x\\* | 7 | not stated | CC-BY-4.0 |

Licence of the texts, as the recipe states it: as &lt;them&gt;.

- tiny: read 210 = train 182 + held out 20 + empty 3 + test texts 5; 3,592 tokens to train on, 0.12% of them unknown; \
words by jieba 0.42.1, dictionary dddddddddddd.

- tiny: texts of \\`test\\` are left out, 5 of them stood in it.

## Stages

| stage | made | mode | objective | steps (kept) | tokens read | training | loss before | loss after |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| tiny | 2026-11-22 | full | mlm, word_order | 16 (12) | 3,732 | 36 s | 5.000 | 4.000 |

In all 36 s of training.

## Recipe

````yaml
name: tiny
```
````

## Versions

|  | version |
| --- | --- |
| weights | {weights:.12} |
| tokenizer | {tok:.12} |
| torch | 2.9.0 |

## Limits

- It answers nothing by itself: an adapter is trained on it.
- What masked words are worth for a task, only the task's own test says.
- It reads up to 64 tokens, special ones included; in its last stage it saw 64 at most.
- The content hashes of its texts lie in hashes.safetensors, so that training can say which test texts it has read. \
Near-duplicates are not found by them.
"""
