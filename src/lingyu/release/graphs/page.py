"""README.md of an exported graph: how to ask it, and how closely it answers as the adapter does."""

from .folder import MODEL_FILES, GraphManifest
from .runtimes import INPUTS

_NAMES = {"onnx": "ONNX", "openvino": "OpenVINO"}
_RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino"}
_FIRST_WORDS = "Words are found by jieba first, which no tokenizer.json can say (`lingyu.text.cut_by_jieba`). "


def render_graph_page(manifest: GraphManifest) -> str:
    """Markdown. Holds nothing that a recipe or a base's publisher chose but the adapter's checked name."""
    return "\n\n".join((_title(manifest), _how_to_use(manifest), _inside(manifest), _gate(manifest))) + "\n"


def _title(manifest: GraphManifest) -> str:
    name = _NAMES[manifest.runtime]
    return (
        f"# {manifest.adapter.reference} as {name}\n\n"
        f"The adapter {manifest.adapter.reference} merged into its base, as a graph with weights in "
        f"{manifest.precision}. It {manifest.answers.gives(text_pair=manifest.text_pair)}, and needs no torch."
    )


def _how_to_use(manifest: GraphManifest) -> str:
    texts = '["这里写一句话"], text_pairs=["这里写另一句话"]' if manifest.text_pair else '["这里写一句话"]'
    needed = (_RUNTIMES[manifest.runtime], *(["rjieba"] if manifest.words else []), "tokenizers", "numpy")
    return (
        "## How to use it\n\n"
        "```python\n"
        "from lingyu import Graph\n\n"
        'graph = Graph.load("this folder")\n'
        f"print(graph.classify({texts})[0].{manifest.answers.traits.in_python})\n"
        "```\n\n"
        f"That needs lingyu, {', '.join(needed)} and pydantic. Text steps, tokenizer, calibration and labels come from "
        "graph.json and tokenizer.json."
    )


def _inside(manifest: GraphManifest) -> str:
    steps = ", ".join(manifest.text_steps) or "none"
    names = "`, `".join(INPUTS if manifest.token_type_ids else INPUTS[:2])
    return (
        "## For other programs\n\n"
        f"- {MODEL_FILES[manifest.runtime][0]}: inputs `{names}`, int64, (rows, length); "
        f"output `logits`, float32, (rows, {manifest.answers.num_outputs}). "
        f"Rows are free, and so is the length up to {manifest.max_length}.\n"
        f"- {_FIRST_WORDS if manifest.words else ''}tokenizer.json cuts there. A literal `[MASK]` in a text is text: "
        "set `encode_special_tokens`.\n"
        f"- Text steps before the tokenizer: {steps} (`lingyu.text.clean`).\n"
        f"- {manifest.answers.of_logits(manifest.calibration)}"
        + (
            "\n- openvino by itself computes in bf16 where the processor can: set `INFERENCE_PRECISION_HINT` to `f32`."
            if manifest.runtime == "openvino"
            else ""
        )
    )


def _gate(manifest: GraphManifest) -> str:
    gate = manifest.gate
    rows = [("float32", gate.float32)] + ([("int8", gate.int8)] if gate.int8 else [])
    lines = "\n".join(f"| {name} | {found.largest_difference:.1e} | {found.changed_labels:,} |" for name, found in rows)
    said = (
        f"## Is it the same model?\n\n"
        f"Before it was written, it was compared with the adapter on its unmerged base in torch, on {gate.texts:,} "
        f"texts ({gate.source}).\n\n"
        f"| | largest difference of a logit | changed labels |\n| --- | --- | --- |\n{lines}\n\n"
    )
    if manifest.precision == "int8" and manifest.runtime == "onnx":
        said += (
            "In int8 what the layers read is scaled by the batch it comes in, so a logit may move a little with the "
            "texts beside it.\n\n"
        )
    return said + "`lingyu verify` checks this folder, and that it answers as it did where it was made."
