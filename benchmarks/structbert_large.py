"""LoRA on StructBERT-large's shape: examples and tokens a second, peak memory, share of the machine's peak.

    python benchmarks/structbert_large.py --steps 60              recipes/hotel-structbert-large.yaml, on a GPU
    python benchmarks/structbert_large.py --steps 60 --recipe recipes/hotel-structbert-large-4bit.yaml
    python benchmarks/structbert_large.py --steps 2 train.tokens_per_batch=256 train.max_length=64    a CPU's smoke run

The recipe as it is, with whatever overrides follow, but for its base: 24 layers, 1,024 wide, 21,128 entries, random
weights, made in a temporary folder. Real reviews (`lingyu data get hotel`), batches, precision, optimiser and steps are
train_lora.py's own; nothing is measured on dev, saved or published. The first steps do not count.

Tokens are those of the texts and their special tokens, never padding. Useful arithmetic is what they need of linear
layers: two operations a weight forward and two back, two more for a weight that is trained; attention's own products
are not counted. The peak is the machine's largest square matrix product in the same precision. Memory is the process's
(on a GPU what torch took of it), the base's loading included. It all goes into docs/results/RECIPE-DEVICE.json.
"""

import argparse
import json
import tempfile
import time
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from merge import LARGE, make_base, max_resident_bytes
from recorded import REPO, RESULTS

from dapt import has_gpu, matmul_peak, precision, processor, without_measuring

WARM_UP = 3  # steps
SIZE_OF_PEAK = {"cpu": 2048, "cuda": 8192}


def main() -> None:
    asked = parsed()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(asked.recipe, asked.steps, asked.overrides, Path(folder))
    out = asked.out or RESULTS / f"{asked.recipe.stem}-{found['device']}.json"
    out.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(line(found))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of the recipe")
    parser.add_argument("--recipe", type=Path, default=REPO / "recipes" / "hotel-structbert-large.yaml")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--out", type=Path)
    return parser.parse_intermixed_args()


def measured(recipe_file: Path, steps: int, overrides: list[str], folder: Path) -> dict[str, Any]:
    """A training of so many steps, in this process."""
    from lingyu.lora.training import prepare
    from lingyu.recipe import load_recipe
    from lingyu.training import build_trainer, training_arguments

    make_base(folder / "base", LARGE)
    recipe = load_recipe(recipe_file, [*overrides, f"train.max_steps={steps}", "report_to=[]"])
    recipe = recipe.model_copy(
        update={"base": str(folder / "base")}
    )  # a path that no version may record, and none will
    job = prepare(recipe)
    assert job.precision.name == precision(), "the peak would be of another precision"
    model = job.fresh_model()
    counted = Counted(model, warm_up=min(WARM_UP, steps - 1))
    trainer = build_trainer(
        model,
        job.task,
        recipe.train,
        train_rows=job.train_rows,
        dev_rows=job.dev.rows,
        pad_token_id=job.base.tokenizer.pad_token_id,
        arguments=without_measuring(training_arguments(recipe.train, folder / "checkpoints", job.precision)),
        rate_factor=job.method.rate_factor(model, job.base, recipe),
        callbacks=[counted.callback()],
    )
    trainer.train()
    command = " ".join(("python benchmarks/structbert_large.py", f"--steps {steps}", *overrides))
    about = {"recipe": recipe.name, "precision": job.precision.name, "quantization": recipe.quantization}
    return {"command": command, **about, "shape": LARGE, "steps": steps, **figures(counted.a_second(), model)}


def figures(speed: dict[str, float], model: Any) -> dict[str, Any]:
    """speed: rows, tokens, places and steps a second."""
    memory = peak_memory_bytes()
    useful = speed["tokens"] * operations_a_token(model) / 1e12
    device = "cuda" if has_gpu() else "cpu"
    peak = matmul_peak(SIZE_OF_PEAK[device])
    return {
        "device": device,
        "machine": name_of(device),
        "examples_per_second": round(speed["rows"], 2),
        "tokens_per_second": round(speed["tokens"], 1),
        "share_of_padding": round(1 - speed["tokens"] / speed["places"], 3),
        "seconds_per_step": round(1 / speed["steps"], 3),
        "peak_memory_bytes": memory,
        "useful_tflops": round(useful, 4),
        "peak_tflops": round(peak, 3),
        "share_of_peak": round(useful / peak, 3),
        "packages": {name: installed_version(name) for name in ("lingyu", "torch", "transformers", "peft")},
    }


class Counted:
    """What went through a model after the warm-up, and how long it took."""

    def __init__(self, model: Any, warm_up: int) -> None:
        self.warm_up, self.steps = warm_up, 0
        self.began = self.ended = 0.0
        self.batches: list[
            tuple[int, Any, int]
        ] = []  # rows, tokens (a tensor: reading it would make a GPU wait), places
        model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, _: Any, positional: Any, named: dict[str, Any]) -> None:
        if self.steps >= self.warm_up:
            mask = named["attention_mask"]
            self.batches.append((len(mask), mask.sum(), mask.numel()))

    def callback(self) -> Any:
        from transformers import TrainerCallback

        class Callback(TrainerCallback):  # type: ignore[misc]
            def on_step_end(inner, *_: Any, **__: Any) -> None:  # noqa: N805
                self.steps += 1
                if self.steps == self.warm_up:
                    self.began = now()

            def on_train_begin(inner, *_: Any, **__: Any) -> None:  # noqa: N805
                self.began = now()

            def on_train_end(inner, *_: Any, **__: Any) -> None:  # noqa: N805
                self.ended = now()

        return Callback()

    def a_second(self) -> dict[str, float]:
        seconds = self.ended - self.began
        rows, tokens, places = (sum(int(batch[at]) for batch in self.batches) for at in range(3))
        done = {"rows": rows, "tokens": tokens, "places": places, "steps": self.steps - self.warm_up}
        return {what: number / seconds for what, number in done.items()}


def now() -> float:
    """Once everything that was asked of a GPU is done."""
    import torch

    if has_gpu():
        torch.cuda.synchronize()
    return time.perf_counter()


def operations_a_token(model: Any) -> int:
    """Of all linear layers but the head's, which see a token a row."""
    linears = [
        module
        for name, module in model.named_modules()
        if hasattr(module, "in_features") and not hasattr(module, "base_layer") and ".encoder." in name
    ]
    sizes = [(module.in_features * module.out_features, module.weight.requires_grad) for module in linears]
    return sum((6 if is_trained else 4) * size for size, is_trained in sizes)


def peak_memory_bytes() -> int:
    import torch

    return int(torch.cuda.max_memory_allocated()) if has_gpu() else max_resident_bytes()


def name_of(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else f"{processor()}, {torch.get_num_threads()} threads"


def line(found: dict[str, Any]) -> str:
    return (
        f"{found['recipe']} on {found['machine']} in {found['precision']}: "
        f"{found['examples_per_second']:,} examples/s, {found['tokens_per_second']:,} tokens/s "
        f"({found['share_of_padding']:.0%} padding), {found['seconds_per_step']:.2f} s a step, "
        f"{found['peak_memory_bytes'] / 1e9:.1f} GB, {found['useful_tflops']:.3f} TFLOP/s, "
        f"{found['share_of_peak']:.0%} of the peak of {found['peak_tflops']:.2f}"
    )


if __name__ == "__main__":
    main()
