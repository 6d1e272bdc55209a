"""Tokens a second of masked-LM pretraining: ours beside the two loops that people write with Trainer.

    python benchmarks/dapt.py TEXTS                     writes docs/results/dapt.json, prints the table
    python benchmarks/dapt.py TEXTS --base bases/hotel --steps 10 --out /tmp/dapt.json

TEXTS is a file with a text a line, or a folder of `lingyu data corpus`. Each loop trains the same base (its own
dropout) on the same texts in the same precision, in a process of its own, one after another:

    line by line    Trainer and DataCollatorForLanguageModeling, each text padded or cut to 128
    chunks          the same, texts put together and cut every 128 tokens
    ours            dapt.py's: whole words, packed, no padding, the vocabulary at masked positions alone

Tokens are those of texts and their special tokens, never padding. The first steps are not counted. Useful arithmetic
is what these tokens need of the encoder's matrix products, and the vocabulary at their masked positions: padding and
the vocabulary elsewhere do not count. The machine's peak is its largest square matrix product in that precision.
"""

import argparse
import itertools
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
LENGTH, ROWS = 128, 64  # a batch of 8,192 places in every loop
SHARE = 0.15  # masked
WARM_UP = 3  # steps


def main() -> None:
    arguments = parsed()
    if arguments.loop:
        print(json.dumps(LOOPS[arguments.loop](arguments)))
        return
    from lingyu.bases import find_base

    found = {loop: in_own_process(arguments, loop) for loop in LOOPS}
    content = {
        "command": shlex.join(["python", "benchmarks/dapt.py", *sys.argv[1:]]),
        "machine": {
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "base": arguments.base,
        "weights_fingerprint": find_base(arguments.base).weights_fingerprint,
        "steps": arguments.steps,
        **found,
    }
    arguments.out.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(table(content))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--base", default="embedded")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "results" / "dapt.json")
    parser.add_argument("--loop", choices=list(LOOPS), help=argparse.SUPPRESS)
    return parser.parse_args()


def in_own_process(arguments: argparse.Namespace, loop: str) -> dict[str, Any]:
    command = [sys.executable, __file__, str(arguments.texts), "--base", arguments.base, "--loop", loop]
    run = subprocess.run([*command, "--steps", str(arguments.steps)], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    print(loop, found, file=sys.stderr, flush=True)
    return found


class Clock:
    """Seconds from the end of the warm-up to the end of the last step."""

    def __init__(self) -> None:
        from transformers import TrainerCallback

        class Callback(TrainerCallback):  # type: ignore[misc]
            def on_step_end(inner, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: N805
                if state.global_step == WARM_UP:
                    self.began = time.perf_counter()
                self.ended = time.perf_counter()

        self.callback = Callback()
        self.began = self.ended = 0.0

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def texts_of(path: Path) -> list[str]:
    """The first 20,000."""
    from lingyu.data import corpus_paragraphs

    if path.is_dir():
        return list(itertools.islice(corpus_paragraphs(path), 20_000))
    return [line for line in path.read_text("utf-8").split("\n") if line.strip()][:20_000]


def by_trainer(arguments: argparse.Namespace, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Trainer's own loop. rows: as a tokenizer gives them."""
    from transformers import AutoModelForMaskedLM, DataCollatorForLanguageModeling, Trainer, TrainingArguments

    from lingyu.bases import find_base

    base = find_base(arguments.base)
    collator = DataCollatorForLanguageModeling(base.tokenizer, mlm_probability=SHARE)
    clock, counted = Clock(), []

    def collate(batch: list[dict[str, Any]]) -> Any:
        counted.append(sum(sum(row["attention_mask"]) for row in batch))
        return collator(batch)

    settings = TrainingArguments(
        tempfile.mkdtemp(),
        max_steps=arguments.steps,
        per_device_train_batch_size=ROWS,
        bf16=precision() == "bfloat16",
        use_cpu=not has_gpu(),
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
    model = AutoModelForMaskedLM.from_pretrained(base.folder, dtype="float32")
    Trainer(model, settings, train_dataset=rows, data_collator=collate, callbacks=[clock.callback]).train()
    tokens = sum(counted[WARM_UP : arguments.steps])
    return measured(base, tokens, clock.seconds)


def line_by_line(arguments: argparse.Namespace) -> dict[str, Any]:
    from lingyu.bases import find_base

    tokenizer = find_base(arguments.base).tokenizer
    encoded = tokenizer(texts_of(arguments.texts), truncation=True, max_length=LENGTH, padding="max_length")
    return by_trainer(arguments, as_rows(encoded))


def chunks(arguments: argparse.Namespace) -> dict[str, Any]:
    from lingyu.bases import find_base

    tokenizer = find_base(arguments.base).tokenizer
    ids = list(itertools.chain.from_iterable(tokenizer(texts_of(arguments.texts))["input_ids"]))
    whole = [ids[at : at + LENGTH] for at in range(0, len(ids) - LENGTH, LENGTH)]
    return by_trainer(arguments, [{"input_ids": chunk, "attention_mask": [1] * LENGTH} for chunk in whole])


def as_rows(encoded: Any) -> list[dict[str, Any]]:
    pairs = zip(encoded["input_ids"], encoded["attention_mask"], strict=True)
    return [{"input_ids": ids, "attention_mask": mask} for ids, mask in pairs]


def ours(arguments: argparse.Namespace) -> dict[str, Any]:
    """dapt.py's own trainer, on the same texts, with texts cut at the same length."""
    from lingyu.dapt.job import no_progress, prepare
    from lingyu.dapt.model.learner import make_learner
    from lingyu.dapt.trainer import build_trainer
    from lingyu.recipe import Dapt, Pretraining, PretrainingRecipe, PublishBase
    from lingyu.training import training_arguments

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.txt"
        file.write_text("\n".join(" ".join(text.split()) for text in texts_of(arguments.texts)), "utf-8")
        recipe = PretrainingRecipe(
            name="bench-dapt",
            base=arguments.base,
            dapt=Dapt(corpus=(str(file),), clean=(), mlm_probability=SHARE),
            train=Pretraining(max_steps=arguments.steps, tokens_per_batch=ROWS * LENGTH, max_length=LENGTH),
            publish=PublishBase(to="runs/bench-dapt/base"),
        )
        job = prepare(recipe, no_progress)
        learner = make_learner(recipe, job.start, job.parent)
        trainer = build_trainer(
            learner,
            recipe,
            texts=job.corpus.train,
            held_out=job.corpus.held_out,
            composers=(job.composer, job.measuring),
            arguments=without_measuring(training_arguments(recipe.train, Path(folder) / "checkpoints", job.precision)),
            steps=arguments.steps,
            callbacks=[clock.callback],
        )
        trainer.train()
    tokens = round(job.tokens_per_step * (arguments.steps - WARM_UP))
    return measured(job.start, tokens, clock.seconds)


def without_measuring(arguments: Any) -> Any:
    arguments.eval_strategy = arguments.save_strategy = "no"
    arguments.load_best_model_at_end = False
    return arguments


LOOPS = {"line by line": line_by_line, "chunks": chunks, "ours": ours}


def measured(base: Any, tokens: int, seconds: float) -> dict[str, Any]:
    """tflops: of useful arithmetic. Three products a layer's weight, of two operations each: one forward, two back."""
    config = base.config
    width, layers, inner = config.hidden_size, config.num_hidden_layers, config.intermediate_size
    of_layers = layers * (4 * width * width + 2 * width * inner)
    of_head = SHARE * (width * width + width * config.vocab_size)
    peak = matmul_peak()
    useful = 6 * (of_layers + of_head) * tokens / seconds / 1e12
    return {
        "tokens_per_second": round(tokens / seconds),
        "seconds": round(seconds, 1),
        "tokens": tokens,
        "precision": precision(),
        "useful_tflops": round(useful, 4),
        "peak_tflops": round(peak, 3),
        "share_of_peak": round(useful / peak, 3),
    }


def matmul_peak(size: int = 2048) -> float:
    """TFLOP/s of the best of ten square products, in the precision that is trained in."""
    import torch

    device = "cuda" if has_gpu() else "cpu"
    one = torch.randn(size, size, device=device).to(getattr(torch, precision()))
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        one @ one
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best / 1e12


def precision() -> str:
    from lingyu.recipe import Pretraining
    from lingyu.training import chosen_precision

    return chosen_precision(Pretraining()).name


def has_gpu() -> bool:
    from lingyu.training import uses_cpu

    return not uses_cpu()


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())


def table(content: dict[str, Any]) -> str:
    heading = "| loop | tokens a second | ours is | useful arithmetic | share of the peak |"
    lines = [heading, "| --- | ---: | ---: | ---: | ---: |"]
    best = content["ours"]["tokens_per_second"]
    for loop in LOOPS:
        found = content[loop]
        lines.append(
            f"| {loop} | {found['tokens_per_second']:,} | {best / found['tokens_per_second']:.2f} x | "
            f"{found['useful_tflops']:.3f} TFLOP/s | {found['share_of_peak']:.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
