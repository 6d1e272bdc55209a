"""Every shipped adapter in each form that it answers in, beside plain PEFT alone, on its dev rows.

    python benchmarks/parity.py          writes docs/results/parity.json, prints the table

- mixed: rows of all the adapters shuffled into one call of lingyu.serving;
- merged: merge.py's own gate;
- onnx, openvino: lingyu export's own gate, float32 and int8.

Data: lingyu data get NAME for each of them.
"""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from lingyu.data import Part
from lingyu.errors import LingyuError
from lingyu.lora import find_base_of, load_adapter
from lingyu.release import dev_rows_of, export_graph, merge
from lingyu.serving import Lingyu
from lingyu.store import Store, Version
from lingyu.tasks import task_named
from lingyu.training import logits_of

REPO = Path(__file__).resolve().parent.parent
WORK = REPO / "runs" / "bench-parity"
RESULTS = REPO / "docs" / "results" / "parity.json"


def main() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    store = Store(REPO / "adapters")
    versions = [store.open(name) for name in store.adapters()]
    parts = {version.name: dev_rows_of(version) for version in versions}
    mixed = mixed_differences(versions, parts)
    rows = [{"adapter": v.reference, "texts": parts[v.name].rows, "mixed": mixed[v.name], **gates(v)} for v in versions]
    content = {"command": "python benchmarks/parity.py", "adapters": rows}
    RESULTS.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(table(rows))


def mixed_differences(versions: list[Version], parts: dict[str, Part]) -> dict[str, dict[str, float]]:
    """Largest difference of a probability, and changed labels, of each adapter's rows in a mix."""
    asked = [(version.name, row) for version in versions for row in range(parts[version.name].rows)]
    random.Random(0).shuffle(asked)
    answers = Lingyu.load(REPO / "adapters").classify(
        [parts[name].texts[row] for name, row in asked],
        [name for name, _ in asked],
        text_pairs=[None if (pairs := parts[name].pairs) is None else pairs[row] for name, row in asked],
    )
    found = dict(zip(asked, answers, strict=True))
    differences = {}
    for version in versions:
        alone = probabilities_alone(version, parts[version.name])
        ours = [found[version.name, row].probabilities for row in range(len(alone))]
        mixed = np.array([list(each.values()) for each in ours])
        differences[version.name] = {
            "largest_difference": float(np.abs(mixed - alone).max()),
            "changed_labels": int((mixed.argmax(axis=1) != alone.argmax(axis=1)).sum()),
        }
    return differences


def probabilities_alone(version: Version, part: Part) -> np.ndarray:
    """(texts, labels): the adapter in plain PEFT, with no other."""
    manifest, base = version.manifest, find_base_of(version)
    model = load_adapter(base, manifest.labels, version.folder)
    rows = base.encode(part.texts, manifest.max_length, part.pairs)
    logits = logits_of(model, rows, pad_token_id=base.tokenizer.pad_token_id).numpy()
    return task_named(manifest.task, manifest.labels).probabilities(logits, manifest.calibration)


def gates(version: Version) -> dict[str, Any]:
    gate = merge(version, WORK / "merged" / version.name).certificate.gate
    found = {"merged": {"largest_difference": gate.largest_difference, "changed_labels": gate.changed_labels}}
    for runtime in ("onnx", "openvino"):
        for int8 in (False, True):
            name = f"{runtime} {'int8' if int8 else 'float32'}"
            try:
                exported = export_graph(version, WORK / name / version.name, runtime=runtime, int8=int8)
            except LingyuError as error:
                found[name] = {"refused": str(error)}
                continue
            gap = exported.manifest.gate.int8 if int8 else exported.manifest.gate.float32
            measured = exported.measured["int8" if int8 else "float32"]
            found[name] = {
                "largest_difference": gap.largest_difference,
                "changed_labels": gap.changed_labels,
                "size_bytes": measured.size_bytes,
                "speed_to_torch": measured.texts_per_s / exported.measured["torch"].texts_per_s,
            }
    return found


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| adapter | dev texts | form | largest difference | changed labels | MB | speed to torch |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        for form, found in row.items():
            if form in ("adapter", "texts"):
                continue
            lines.append(f"| {row['adapter']} | {row['texts']:,} | {form} | {cells(found)} |")
    return "\n".join(lines)


def cells(found: dict[str, Any]) -> str:
    if "refused" in found:
        return f"refused: {found['refused']} | | | "
    size = f"{found['size_bytes'] / 1e6:.1f}" if "size_bytes" in found else ""
    speed = f"{found['speed_to_torch']:.2f}" if "speed_to_torch" in found else ""
    return f"{found['largest_difference']:.1e} | {found['changed_labels']} | {size} | {speed}"


if __name__ == "__main__":
    main()
