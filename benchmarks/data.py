"""Auditing 100,000 and 300,000 real texts, beside datatrove's MinHash, and building corpora of 50 and 500 MB.

    python benchmarks/data.py SETS                      writes docs/results/data.json, prints the tables
    python benchmarks/data.py SETS --rows 5000 --megabytes 5 --out /tmp/data.json
    python benchmarks/data.py SETS --sample 50          writes docs/near-duplicates.md: pairs drawn at random

SETS is a folder with shopping/online_shopping_10_cats.csv.gz, shopping/waimai_10k.csv, chnsenticorp/*.tsv (the sets of
`lingyu data get`) and corpus/*.txt.gz, any Chinese text a line. Rows are those reviews with their labels, then lines of
the corpus, labelled so; one in ten is dev, one in ten test. To test come 500 near-duplicates for each of 5, 10 and 15 %
of characters edited (substituted, inserted or deleted at random) of rows of train: what is found of them is the recall.

Every figure is of a process of its own, one after another: seconds from the files to the report, and its largest
resident size. The peer, datatrove's MinHash stages, reads the same texts in two processes, with characters for words
and no verification: once with its own settings, once with our bands.
"""

import argparse
import csv
import gzip
import json
import os
import platform
import random
import resource
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parent.parent
WORK = REPO / "runs" / "bench-data"
SHARES = (0.05, 0.1, 0.15)
PLANTED = 500  # of each share
SEED = 1
SHORTEST = 20  # characters of a row that copies are made of
PEERS = {"datatrove, its settings": (5, 14, 8), "datatrove, our bands": (2, 32, 4)}


def main() -> None:
    arguments = parsed()
    if arguments.piece:
        print(json.dumps(PIECES[arguments.piece](*arguments.words)))
        return
    if arguments.sample:
        write_sample(arguments.sets, arguments.rows, arguments.sample)
        return
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    content: dict[str, Any] = {
        "command": "python benchmarks/data.py SETS",
        "machine": {
            "processor": processor(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
        },
        "packages": {name: installed_version(name) for name in ("rapidfuzz", "cleanlab", "scikit-learn", "datatrove")},
        "audit": [audited(arguments.sets, rows) for rows in (arguments.rows, 3 * arguments.rows)],
        "peers": [peer_beside(name, arguments.rows) for name in PEERS],
        "corpus": [corpus_of(arguments.sets, size) for size in (arguments.megabytes, 10 * arguments.megabytes)],
    }
    arguments.out.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(tables(content))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path)
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--out", type=Path, default=REPO / "docs" / "results" / "data.json")
    parser.add_argument(
        "--sample", type=int, help="pairs of near-duplicates for docs/near-duplicates.md, and no timing"
    )
    parser.add_argument("--piece", choices=list(PIECES), help=argparse.SUPPRESS)
    return parser.parse_args()


def piece(name: str, *words: object) -> dict[str, Any]:
    """What a piece measured, in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "-", *map(str, words), "--piece", name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=REPO)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(name, *words, found, file=sys.stderr, flush=True)
    return found


def peak_mb() -> float:
    """Largest resident size of this process, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


# ---- rows


def labelled(sets: Path) -> Iterator[tuple[str, str]]:
    with gzip.open(sets / "shopping" / "online_shopping_10_cats.csv.gz", "rt", encoding="utf-8", newline="") as file:
        yield from ((row["review"], row["label"]) for row in csv.DictReader(file))
    for part in ("train", "dev", "test"):
        lines = (sets / "chnsenticorp" / f"{part}.tsv").read_text("utf-8-sig").splitlines()[1:]
        yield from ((text, label) for label, _, text in (line.partition("\t") for line in lines))
    with (sets / "shopping" / "waimai_10k.csv").open(encoding="utf-8-sig", newline="") as file:
        yield from ((row["review"], row["label"]) for row in csv.DictReader(file))


def corpus_lines(sets: Path) -> Iterator[str]:
    for path in sorted((sets / "corpus").glob("*.txt.gz"), reverse=True):  # reviews first
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from (line.rstrip("\n") for line in file)


def real_rows(sets: Path, rows: int) -> list[tuple[str, str]]:
    """(text, label)"""
    found = [(text, label) for text, label in labelled(sets) if text.strip()][:rows]
    for line in corpus_lines(sets):
        if len(found) == rows:
            break
        found.append((line, "corpus"))
    return found


def write_rows(sets: Path, rows: int, folder: Path) -> None:
    """train.csv, dev.csv, test.csv and planted.json: (share, text of train, its copy in test)."""
    drawn = random.Random(SEED)
    found = real_rows(sets, rows)
    drawn.shuffle(found)
    tenth = len(found) // 10
    parts = {"test": found[:tenth], "dev": found[tenth : 2 * tenth], "train": found[2 * tenth :]}
    alphabet = "".join(text for text, _ in found[:2_000])
    planted = []
    for share in SHARES:
        for text, label in drawn.sample([row for row in parts["train"] if len(row[0]) >= SHORTEST], PLANTED):
            copy = edited(text, share, drawn, alphabet)
            planted.append((share, text, copy))
            parts["test"].append((copy, label))
    folder.mkdir(parents=True, exist_ok=True)
    for part, of_part in parts.items():
        with (folder / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *of_part])
    (folder / "planted.json").write_text(json.dumps(planted, ensure_ascii=False), "utf-8")


def edited(text: str, share: float, drawn: random.Random, alphabet: str) -> str:
    characters = list(text)
    for _ in range(max(1, round(share * len(text)))):
        at = drawn.randrange(len(characters)) if characters else 0
        match drawn.choice("sid"):
            case "s" if characters:
                characters[at] = drawn.choice(alphabet)
            case "d" if len(characters) > 1:
                del characters[at]
            case _:
                characters.insert(at, drawn.choice(alphabet))
    return "".join(characters)


# ---- ours


def audited(sets: Path, rows: int) -> dict[str, Any]:
    folder = WORK / f"rows-{rows}"
    write_rows(sets, rows, folder)
    return {"rows": rows, **piece("audit", folder)}


def audit_piece(folder: str) -> dict[str, Any]:
    """Seconds of each stage, by the names that the progress bar shows; the first is the reading of the files."""
    began = time.monotonic()
    from lingyu.data import AuditReading, AuditRequest, audit_parts, near_pairs, parts_of_files
    from lingyu.text import content_hash, content_hashes

    stages: dict[str, float] = {"imports": time.monotonic() - began}
    last, stage = time.monotonic(), "reading"

    def report(what: str, done: int, total: int) -> None:
        nonlocal last, stage
        now = time.monotonic()
        stages[stage] = stages.get(stage, 0.0) + now - last
        last, stage = now, "reading" if what.startswith("reading") else what

    reading = AuditReading(label="label")
    parts = parts_of_files({part: f"{folder}/{part}.csv" for part in ("train", "dev", "test")}, reading, report)
    report("same and near texts", 0, 1)
    found = audit_parts(AuditRequest(parts, reading), report)
    report("", 0, 0)
    seconds, peak = time.monotonic() - began, peak_mb()

    texts = [text for part in parts for text in part.texts]
    hashes = content_hashes(texts)
    pairs = near_pairs(texts, hashes)
    near = {frozenset(pair) for pair in zip(hashes[pairs.first].tolist(), hashes[pairs.second].tolist(), strict=True)}
    hits: dict[str, list[bool]] = {}
    for share, text, copy in json.loads(Path(folder, "planted.json").read_text("utf-8")):
        both = frozenset((content_hash(text), content_hash(copy)))
        hits.setdefault(str(share), []).append(len(both) == 1 or both in near)
    return {
        "seconds": round(seconds, 2),
        "peak_mb": peak,
        "stages": {stage: round(seconds, 2) for stage, seconds in stages.items()},
        "recall": {share: round(sum(found) / len(found), 3) for share, found in hits.items()},
        "near_pairs": len(pairs),
        "verdicts": {verdict.check: verdict.rows for verdict in found.audit.verdicts},
    }


def write_sample(sets: Path, rows: int, count: int) -> None:
    """Pairs drawn from all that are found among the real rows, what is alike in their middle left out."""
    from lingyu.data import near_pairs
    from lingyu.text import content_hashes

    texts = [text for text, _ in real_rows(sets, rows)]
    pairs = near_pairs(texts, content_hashes(texts))
    drawn = sorted(random.Random(SEED).sample(range(len(pairs)), count))
    lines = [
        f"# {count} near-duplicates, drawn at random",
        "",
        f"Of the {len(pairs):,} pairs that `lingyu.data.near_pairs` finds among {rows:,} real texts (online_shopping, "
        "ChnSentiCorp, waimai and lines of the corpora): `python benchmarks/data.py SETS --sample 50`. What both have "
        "in common is shortened to […]. Each pair was read: none is false, all are one text but for a few words.",
        "",
        "| | one | the other |",
        "| ---: | --- | --- |",
    ]
    for at in drawn:
        both = shortened(texts[pairs.first[at]], texts[pairs.second[at]])
        lines.append(f"| {pairs.similarity[at]:.2f} | {' | '.join(text.replace('|', '/') for text in both)} |")
    (REPO / "docs" / "near-duplicates.md").write_text("\n".join(lines) + "\n", "utf-8")


def shortened(text: str, other: str) -> tuple[str, str]:
    """Both without what is alike farther than a few characters from a difference. Personal data masked."""
    from rapidfuzz.distance import Levenshtein

    from lingyu.text import clean

    sides = [" ".join(clean(side, ("control", "urls", "personal")).split()) for side in (text, other)]
    shown: tuple[list[str], list[str]] = ([], [])
    edits = list(Levenshtein.opcodes(*sides))
    for number, edit in enumerate(edits):
        ours, theirs = sides[0][edit.src_start : edit.src_end], sides[1][edit.dest_start : edit.dest_end]
        for side, words in zip(shown, (ours, theirs), strict=True):
            side.append(around(words, number > 0, number + 1 < len(edits)) if edit.tag == "equal" else words[:LONGEST])
    return "".join(shown[0]), "".join(shown[1])


AROUND, LONGEST = 8, 40  # characters on either side of a difference, and of a difference itself


def around(alike: str, after: bool, before: bool) -> str:
    """What is alike, but for its middle. after, before: whether a difference stands on that side of it."""
    head, tail = (AROUND if after else 2 * AROUND), (AROUND if before else 0)
    return alike if len(alike) <= head + tail + 3 else f"{alike[:head]}[…]{alike[len(alike) - tail :]}"


# ---- the peer


def peer_beside(name: str, rows: int) -> dict[str, Any]:
    return {"name": name, "rows": rows, **piece("peer", WORK / f"rows-{rows}", *PEERS[name])}


def peer_piece(folder: str, n_grams: str, buckets: str, hashes: str) -> dict[str, Any]:
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster
    from datatrove.utils.logging import logger

    logger.remove()
    texts = [row["text"] for part in ("train", "dev", "test") for row in csv_rows(Path(folder, f"{part}.csv"))]
    place = WORK / "peer"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (place / "texts.json").write_text(json.dumps(texts), "utf-8")
    began = time.monotonic()
    config = MinhashConfig(n_grams=int(n_grams), num_buckets=int(buckets), hashes_per_bucket=int(hashes))
    stages = (
        ([peer_reader(), peer_signature(config)], 2),
        ([MinhashDedupBuckets(f"{place}/signatures", f"{place}/buckets", config=config)], int(buckets)),
        ([MinhashDedupCluster(f"{place}/buckets", f"{place}/clusters", config=config, save_cluster_id=True)], 1),
    )
    for number, (pipeline, tasks) in enumerate(stages):
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=2, logging_dir=f"{place}/logs{number}").run()
    seconds = time.monotonic() - began

    clusters = dict(peer_clusters(place / "clusters"))
    sizes: dict[int, int] = {}
    for cluster in clusters.values():
        sizes[cluster] = sizes.get(cluster, 0) + 1
    of_text = {text: clusters.get(at) for at, text in enumerate(texts)}
    hits: dict[str, list[bool]] = {}
    for share, text, copy in json.loads(Path(folder, "planted.json").read_text("utf-8")):
        hits.setdefault(str(share), []).append(of_text[text] is not None and of_text[text] == of_text[copy])
    return {
        "seconds": round(seconds, 2),
        "recall": {share: round(sum(found) / len(found), 3) for share, found in hits.items()},
        "largest_cluster": max(sizes.values(), default=0),
    }


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Characters:
    """In the place of datatrove's segmenter for Chinese, which needs spaCy and finds less: a character is a word."""

    def word_tokenize(self, text: str) -> list[str]:
        return [character for character in text if not character.isspace()]


def peer_hash(text: str) -> int:
    """datatrove 0.10.1 gives xxhash a str, which xxhash 4 no longer takes."""
    import xxhash

    return int(xxhash.xxh64_intdigest(text.encode()))


def peer_signature(config: Any) -> Any:
    from datatrove.pipeline.dedup import minhash

    loaded, minhash.load_word_tokenizer = minhash.load_word_tokenizer, lambda language: Characters()
    try:
        step = minhash.MinhashDedupSignature(f"{WORK}/peer/signatures", config=config)
    finally:
        minhash.load_word_tokenizer = loaded
    step._hash_func = peer_hash
    return step


def peer_reader() -> Any:
    from datatrove.data import Document

    def read(data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        for at, text in enumerate(json.loads(Path(WORK, "peer", "texts.json").read_text("utf-8"))):
            if at % world_size == rank:
                yield Document(text=text, id=str(at))

    return read


def peer_clusters(folder: Path) -> Iterator[tuple[int, int]]:
    """(place of a text, its cluster)"""
    for rank in range(2):
        data = (folder / f"{rank:06d}.clusters").read_bytes()
        yield from ((2 * document + rank, cluster) for document, cluster in struct.iter_unpack("<2I", data))


# ---- corpora


def corpus_of(sets: Path, megabytes: int) -> dict[str, Any]:
    """A corpus of this size: the lines of SETS/corpus again and again, one character in ten redrawn in each copy."""
    raw = WORK / f"raw-{megabytes}.txt"
    drawn = random.Random(SEED)
    lines = list(corpus_lines(sets))
    alphabet = "".join(lines[::50])
    size, copies = 0, 0
    with raw.open("w", encoding="utf-8") as file:
        while size < megabytes * 1_000_000:
            for line in lines:
                text = line if not copies else redrawn(line, drawn, alphabet)
                size += file.write(text + "\n") and len(text.encode()) + 1
                if size >= megabytes * 1_000_000:
                    break
            copies += 1
    found = piece("corpus", raw, WORK / f"corpus-{megabytes}", REPO)
    raw.unlink()
    return {"megabytes": megabytes, **found, "megabytes_a_second": round(size / 1e6 / found["seconds"], 2)}


def redrawn(line: str, drawn: random.Random, alphabet: str) -> str:
    characters = list(line)
    for _ in range(len(characters) // 10):
        characters[drawn.randrange(len(characters))] = drawn.choice(alphabet)
    return "".join(characters)


def corpus_piece(raw: str, out: str, repo: str) -> dict[str, Any]:
    """`lingyu data corpus` with every step on, as a person types it; memory of it and of its workers together."""
    excluded = [f"--exclude={repo}/recipes/{name}.yaml" for name in ("hotel", "ecommerce", "customer_service")]
    command = [Path(sys.executable).with_name("lingyu"), "data", "corpus", raw, "--out", out, *excluded, "--json"]
    began = time.monotonic()
    running = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=repo, text=True)
    peaks = {"main": 0, "all": 0}
    while running.poll() is None:
        family = [running.pid, *children_of(running.pid)]
        sizes = [resident_bytes(pid) for pid in family]
        peaks = {"main": max(peaks["main"], sizes[0]), "all": max(peaks["all"], sum(sizes))}
        time.sleep(0.1)
    assert running.stdout is not None
    document = json.loads(running.stdout.read())
    assert running.returncode == 0, document
    return {
        "seconds": round(time.monotonic() - began, 2),
        "peak_mb": round(peaks["main"] / 1e6, 1),
        "peak_mb_with_workers": round(peaks["all"] / 1e6, 1),
        "counts": document["counts"],
    }


def children_of(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


# ---- tables


def tables(content: dict[str, Any]) -> str:
    shares = [str(share) for share in SHARES]
    lines = [
        f"| | texts | seconds | recall at {' / '.join(f'{share:.0%}' for share in SHARES)} edited | peak MB |",
        "| --- | ---: | ---: | --- | ---: |",
    ]
    for run in content["audit"]:
        recall = " / ".join(f"{run['recall'][share]:.3f}" for share in shares)
        alike = run["seconds"] - sum(run["stages"][stage] for stage in BESIDES)
        lines.append(f"| lingyu, duplicates to conflicts | {run['rows']:,} | {alike:.1f} | {recall} | |")
        lines.append(f"| lingyu, the whole audit | {run['rows']:,} | {run['seconds']:.1f} | | {run['peak_mb']:.0f} |")
    for run in content["peers"]:
        recall = " / ".join(f"{run['recall'][share]:.3f}" for share in shares)
        note = f"{run['name']} (largest cluster: {run['largest_cluster']:,})"
        lines.append(f"| {note} | {run['rows']:,} | {run['seconds']:.1f} | {recall} | |")
    lines += [
        "",
        "| corpus of | seconds | MB a second | peak MB | with workers |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {run['megabytes']} MB | {run['seconds']:.1f} | {run['megabytes_a_second']:.1f} | {run['peak_mb']:.0f} | "
        f"{run['peak_mb_with_workers']:.0f} |"
        for run in content["corpus"]
    ]
    return "\n".join(lines)


BESIDES = ("doubted labels", "languages and personal data")
PIECES = {"audit": audit_piece, "peer": peer_piece, "corpus": corpus_piece}

if __name__ == "__main__":
    main()
