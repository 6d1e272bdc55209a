"""Training in 4 bits beside training in full precision: memory and time a step on a large shape, accuracy on a recipe.

    python benchmarks/qlora.py shape           StructBERT-large's shape, random weights: qlora-shape-large-16x128.json
    python benchmarks/qlora.py shape --size small --steps 2
    python benchmarks/qlora.py recipe recipes/hotel.yaml [KEY=VALUE]...     the same recipe twice: qlora-hotel.json

shape: each way in a process of its own, on Linux. Memory is its largest resident size while it trains; what the imports
take of it is said apart, and the peak of loading, when full-precision weights are there in both ways. On a GPU it is
what torch had allocated at most. Time is the median of the steps after the first. A step is a
forward and a backward of one batch through LoRA, with AdamW.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from merge import SHAPES
from recorded import RESULTS, launch

WAYS = {"full_precision": None, "nf4": "nf4"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=("shape", "recipe"))
    parser.add_argument("words", nargs="*", help="a recipe and its overrides")
    parser.add_argument("--size", choices=SHAPES, default="large")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)  # in a process of its own
    asked = parser.parse_args()
    if asked.way:
        print(json.dumps(measured_steps(asked.way, SHAPES[asked.size], asked.steps, asked.rows, asked.tokens)))
        return
    asked.results.mkdir(parents=True, exist_ok=True)
    outcome = compare_shape(asked) if asked.question == "shape" else compare_recipe(asked.words)
    shape = f"shape-{asked.size}-{asked.rows}x{asked.tokens}"
    name = shape if asked.question == "shape" else Path(asked.words[0]).stem
    text = json.dumps(outcome, ensure_ascii=False, indent=1)
    (asked.results / f"qlora-{name}.json").write_text(text + "\n", "utf-8")
    print(text)


def compare_shape(asked: argparse.Namespace) -> dict[str, Any]:
    options = [f"--{name}={getattr(asked, name)}" for name in ("size", "steps", "rows", "tokens")]
    ways = {}
    for way in WAYS:
        command = [sys.executable, __file__, "shape", *options, "--way", way]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        ways[way] = json.loads(said.stdout.splitlines()[-1])
    return {
        "command": " ".join(["python benchmarks/qlora.py shape", *options]),
        "machine": platform.processor() or platform.machine(),
        "ways": ways,
    }


def measured_steps(way: str, shape: dict[str, int], steps: int, rows: int, tokens: int) -> dict[str, Any]:
    """Peak memory and seconds a step of LoRA on all linear layers, r 8, in this process."""
    import torch

    from lingyu.bases import Classifier, find_base
    from lingyu.lora.attaching import attach_lora
    from lingyu.lora.quantizing import FourBits
    from lingyu.recipe import Lora, Train
    from lingyu.training import chosen_precision, uses_cpu

    imports = peak_bytes()
    device, precision = torch.device("cpu" if uses_cpu() else "cuda"), chosen_precision(Train())
    base = find_base("embedded")  # its family is the shape's
    torch.manual_seed(0)
    model = random_classifier(shape)
    if WAYS[way]:
        FourBits(getattr(torch, precision.name), device).quantize(model, base.family)
    attached = attach_lora(Classifier(model, frozenset(), "row"), base, Lora()).to(device).train()
    loading = peak_bytes()
    forget_peak()
    ids = torch.randint(5, shape["vocab_size"], (rows, tokens), device=device)
    taken, last_loss = trained(attached, ids, steps, in_bfloat16=precision.name == "bfloat16")
    return {
        "precision": precision.name,
        "imports_bytes": imports,
        "loading_peak_bytes": loading,
        "peak_bytes": peak_bytes() if uses_cpu() else torch.cuda.max_memory_allocated(),
        "weights_bytes": sum(p.numel() * p.element_size() for p in attached.parameters()),
        "seconds_per_step": statistics.median(taken[1:] or taken),
        "last_loss": last_loss,
    }


def trained(model: Any, ids: Any, steps: int, *, in_bfloat16: bool) -> tuple[list[float], float]:
    """Seconds of each step over the same rows, and the last loss. ids: (rows, tokens)."""
    import torch

    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    labels = torch.arange(len(ids), device=ids.device) % 2
    taken, last_loss = [], 0.0
    for _ in range(steps):
        begun = time.perf_counter()
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=in_bfloat16):
            logits = model(input_ids=ids).logits
        loss = torch.nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        last_loss = float(loss)  # waits for a GPU
        taken.append(time.perf_counter() - begun)
    return taken, last_loss


def random_classifier(shape: dict[str, int]) -> Any:
    from transformers import BertConfig, BertForSequenceClassification

    return BertForSequenceClassification(BertConfig(num_labels=2, **shape))


def peak_bytes() -> int:
    """Largest resident size since forget_peak, or of the process."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "utf-8")  # proc(5): resets VmHWM


def compare_recipe(words: list[str]) -> dict[str, Any]:
    """The same recipe both ways: the figures of the two adapters, each served in full precision."""
    with tempfile.TemporaryDirectory() as store:
        ways = {way: figures_of(words, way, Path(store) / way) for way in WAYS}
    return {"command": f"python benchmarks/qlora.py recipe {' '.join(words)}", "ways": ways}


def figures_of(words: list[str], way: str, store: Path) -> dict[str, Any]:
    quantization = WAYS[way] or "null"
    launch("train_lora.py", *words, f"quantization={quantization}", f"publish.to={store}", "report_to=none")
    (version,) = store.glob("*/v1")
    metrics = json.loads((version / "metrics.json").read_text("utf-8"))
    return {part: metrics[part] for part in ("dev", "test", "quantization") if part in metrics}


if __name__ == "__main__":
    main()
