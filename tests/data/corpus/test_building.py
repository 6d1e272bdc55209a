"""A corpus holds each clean paragraph once, in the order of the input, and says what became of every other."""

import gzip
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from lingyu.data import (
    CorpusRequest,
    build_corpus,
    corpus_hashes,
    corpus_paragraphs,
    read_corpus_manifest,
)
from lingyu.data.corpus import shards, sources
from lingyu.data.near import NearIndex
from lingyu.errors import LingyuError
from lingyu.folders import HIDDEN, REPLACED
from lingyu.text import clean, content_hashes, same_text_form

REVIEW = "房间很干净，服务员的态度也非常好，早餐种类很多，离地铁站只有五分钟，下次还会再来住的！"
STEPS = ("html", "control", "width", "urls", "personal")


def contents(folder: Path | str) -> dict[str, str]:
    """File -> sha256, of all but the manifest, which says when it was written."""
    files = [path for path in Path(folder).iterdir() if path.name != "corpus.json"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_paragraphs_are_cleaned_and_each_is_there_once_the_first_in_its_place(build, write_lines):
    write_lines("raw/a.txt", "早餐<br/>很丰富", "房间很大！", "", "好", "打13800138000找老板")
    write_lines("raw/b.txt", "房间很大", "ＷＩＦＩ很快", "早餐 很丰富。")
    manifest = build("raw")
    assert list(corpus_paragraphs("out")) == ["早餐 很丰富", "房间很大！", "打[电话]找老板", "WIFI很快"]
    assert manifest.counts.model_dump() == {
        "read": 8,
        "removed": {"empty": 1, "repeats": 2, "too short": 1},
        "kept": 4,
    }
    assert [(source.name, source.rows) for source in manifest.sources] == [("raw/a.txt", 5), ("raw/b.txt", 3)]
    assert manifest.characters == sum(map(len, corpus_paragraphs("out")))
    assert corpus_hashes("out").tolist() == sorted(content_hashes(corpus_paragraphs("out")).tolist())
    assert read_corpus_manifest("out") == manifest


def test_nothing_that_touches_a_test_text_is_kept_and_each_set_says_what_was_removed_for_it(build, write_lines):
    page = f"大众点评网友于去年十月入住这家酒店的豪华大床房，住了两个晚上以后写下了这样一条评论：{REVIEW}有用"
    write_lines(
        "raw/a.txt", REVIEW, "很好吃的面馆", REVIEW.replace("非常", "特别"), page, "很好！", REVIEW + "~", REVIEW
    )
    write_lines("test.csv", "text", REVIEW)
    write_lines("other.csv", "label,review", "1,很好")
    manifest = build("raw", exclude=("test.csv", "other.csv:review"), shortest=1)
    assert list(corpus_paragraphs("out")) == ["很好吃的面馆"]
    assert manifest.counts.removed == {"touch an excluded set": 6}
    found = [(each.name, each.texts, each.exact, each.same, each.near, each.inside) for each in manifest.excluded]
    assert found == [("test.csv", 1, 2, 1, 1, 1), ("other.csv", 1, 0, 1, 0, 0)]


PARAGRAPH = st.sampled_from([REVIEW, REVIEW[:-5], "很好", "很 好", "ab", "", " ", "<p>", "&lt;", "\u200b"]) | st.text(
    max_size=6
)


@settings(max_examples=25)
@given(st.lists(PARAGRAPH, max_size=25), st.lists(PARAGRAPH, max_size=3), st.integers(1, 5), st.integers(16, 200))
def test_what_is_kept_is_what_a_plain_reading_of_the_rules_keeps(tmp_path_factory, lines, tests, shortest, batch):
    folder = tmp_path_factory.mktemp("any")
    lines = [line.replace("\n", " ").encode("utf-8", "replace").decode() for line in lines]
    tests = [text.replace("\n", " ").encode("utf-8", "replace").decode() for text in tests]
    (folder / "a.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines) or "\n", "utf-8")
    (folder / "t.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in [*tests, "还有"]), "utf-8")
    kept = kept_by_the_rules(lines, [text for text in [*tests, "还有"] if text.strip()], shortest)
    request = CorpusRequest(
        (folder / "a.jsonl",), folder / "out", exclude=(str(folder / "t.jsonl"),), shortest=shortest, workers=1
    )
    patch = pytest.MonkeyPatch()
    patch.setattr(sources, "BATCH_BYTES", batch)
    try:
        manifest = build_corpus(request, lambda *_: None)
    except LingyuError:
        manifest = None
    finally:
        patch.undo()
    if manifest is None:  # nothing was left
        assert not kept
        return
    assert list(corpus_paragraphs(folder / "out")) == kept
    assert manifest.counts.read == len(lines)


def kept_by_the_rules(lines, tests, shortest):
    tests = [*tests, *(clean(text, STEPS) for text in tests)]
    test_forms = {same_text_form(text.strip()) for text in tests if text.strip()}
    near, kept, seen = NearIndex(sorted(test_forms)), [], set()
    for line in lines:
        text = clean(line, STEPS)
        form = same_text_form(text)
        touches = form in test_forms or any(len(test) >= 20 and test in form for test in test_forms)
        if len(text) >= shortest and text and not touches and not len(near.near([text])) and form not in seen:
            seen.add(form)
            kept.append(text)
    return kept


def test_the_number_of_workers_changes_no_byte(build, place, write_lines, shared_data, monkeypatch):
    monkeypatch.setattr(sources, "BATCH_BYTES", 1 << 16)
    monkeypatch.setattr(shards, "SHARD_BYTES", 1 << 17)
    monkeypatch.setattr(shards, "_ROW_GROUP_BYTES", 1 << 15)
    with gzip.open(shared_data / "corpus" / "hotel_travel.txt.gz", "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in itertools.islice(file, 3_000)]
    write_lines("raw/a.txt", *lines)
    write_lines("raw/b.txt", *lines[1_000:1_500])
    write_lines("test.txt", *lines[:400:4])
    one = build("raw", exclude=("test.txt",))
    two = build("raw", exclude=("test.txt",), out=Path("two"), workers=2)
    assert contents("out") == contents("two")
    assert len(one.shards) > 2
    assert one.model_copy(update={"created": two.created}) == two
    assert sum(shard.rows for shard in one.shards) == one.counts.kept == len(list(corpus_paragraphs("two")))
    assert not np.isin(content_hashes(lines[:400:4]), corpus_hashes("two")).any()


def test_a_corpus_built_of_a_corpus_is_the_same(build, write_lines):
    write_lines("raw/a.txt", "早餐<br/>很丰富", "房间很大！", "打13800138000找老板", "&amp;lt;b&amp;gt;很好吃")
    build("raw")
    again = build("out", out=Path("again"))
    assert list(corpus_paragraphs("again")) == list(corpus_paragraphs("out"))
    assert again.counts.removed == {}


def test_shards_are_parquet_with_one_column_and_are_what_the_manifest_says(build, write_lines):
    write_lines("raw/a.txt", *(f"第{number}段很长的话" for number in range(100)))
    (shard,) = build("raw").shards
    file = Path("out") / shard.file
    assert pq.read_table(file).to_pydict() == {"text": [f"第{number}段很长的话" for number in range(100)]}
    assert pq.ParquetFile(file).metadata.row_group(0).column(0).compression == "ZSTD"
    assert (shard.rows, shard.bytes) == (100, file.stat().st_size)
    assert shard.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_licences_and_origins_are_those_of_the_source_or_its_folder(build, write_lines):
    write_lines("raw/a.txt", "第一段很长的话")
    write_lines("raw/b.txt", "第二段很长的话")
    manifest = build("raw", licences={"raw/a.txt": "MIT", "raw": "CC0"}, origins={"b.txt": "https://example.org"})
    assert [(each.licence, each.origin) for each in manifest.sources] == [("MIT", None), ("CC0", "https://example.org")]
    with pytest.raises(LingyuError, match=r"--licence: no source is called 'raw/c.txt'\. Did you mean raw/[ab]\.txt"):
        build("raw", out=Path("other"), licences={"raw/c.txt": "MIT"})


def test_of_several_names_the_one_that_says_most_exactly_which_source_is_meant_counts(build, write_lines, place):
    (place / "raw" / "deep").mkdir()
    write_lines("raw/a.txt", "一二三四")
    write_lines("raw/deep/a.txt", "五六七八")
    write_lines("raw/deep/b.txt", "九十甲乙")
    licences = {"raw": "CC0", "raw/deep": "MIT", "raw/deep/a.txt": "GPL"}
    for notes in (licences, dict(reversed(licences.items()))):
        manifest = build("raw", licences=notes, force=True)
        assert [each.licence for each in manifest.sources] == ["CC0", "GPL", "MIT"]
    with pytest.raises(LingyuError, match=r"--licence: every source of 'raw' has a name nearer to it\. Leave it out"):
        build("raw/deep", out=Path("other"), licences={"raw": "CC0", "raw/deep": "MIT"})


def test_where_a_corpus_can_not_take_its_place_the_old_one_stays(build, write_lines, monkeypatch, place):
    write_lines("raw/a.txt", "一二三四")
    before = build("raw")
    rename = Path.rename

    def full(path, target):
        if path.name == "corpus":
            raise OSError(28, "the disk is full")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(LingyuError, match=r"disk is full.*Nothing half-written was kept"):
        build("raw", force=True)
    assert read_corpus_manifest("out") == before
    assert sorted(path.name for path in place.iterdir()) == ["out", "raw"]


def test_the_manifest_names_no_path_of_the_machine_and_holds_no_text(build, place, write_lines):
    write_lines("raw/a.txt", "第一段很长的话", "secret 13800138000")
    write_lines("test.csv", "text", REVIEW)
    build(str(place / "raw"), exclude=(str(place / "test.csv"),))
    shown = Path("out/corpus.json").read_text("utf-8")
    assert str(place) not in shown
    assert "第一段" not in shown
    assert REVIEW[:4] not in shown


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"steps": ("html", "ctrl")}, "--steps: 'ctrl': no such text step. Did you mean control?"),
        ({"shortest": 50}, "raw: no paragraph is left of 2: too short 2. See --shortest, --exclude and the sources"),
        ({"out": Path("raw")}, "a source that lies in --out"),
        ({"exclude": ("no.csv",)}, "no.csv: no such file"),
        ({"encoding": "ascii"}, "raw/a.txt: 2 of 2 lines are not ASCII. Say what it is with --encoding"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(build, place, write_lines, settings, says):
    write_lines("raw/a.txt", "第一段很长的话", "第二段很长的话")
    with pytest.raises(LingyuError) as caught:
        build("raw", **settings)
    assert says in str(caught.value)
    assert sorted(path.name for path in place.iterdir()) == ["raw"]


def test_the_folder_that_one_is_in_is_no_place_for_a_corpus(build, place, write_lines, monkeypatch):
    write_lines("raw/a.txt", "第一段很长的话")
    (place / "empty").mkdir()
    monkeypatch.chdir(place / "empty")
    with pytest.raises(LingyuError, match=r"^\.: --out can't be the name of a folder\. Name it like data/corpus/hotel"):
        build("../raw", out=Path())
    assert sorted(path.name for path in place.rglob("*")) == ["a.txt", "empty", "raw"]


def test_a_corpus_that_is_there_is_replaced_by_force_only_and_anything_else_never(build, place, write_lines):
    write_lines("raw/a.txt", "第一段很长的话")
    build("raw")
    write_lines("raw/a.txt", "第二段很长的话")
    with pytest.raises(LingyuError, match="the corpus is there already"):
        build("raw")
    assert list(corpus_paragraphs("out")) == ["第一段很长的话"]
    build("raw", force=True)
    assert list(corpus_paragraphs("out")) == ["第二段很长的话"]
    (place / "photos").mkdir()
    write_lines("photos/a.txt", "不是语料")
    with pytest.raises(LingyuError, match="a folder that holds something else"):
        build("raw", out=Path("photos"), force=True)
    assert sorted(path.name for path in place.iterdir()) == ["out", "photos", "raw"]


def test_what_lies_in_the_folder_of_a_corpus_is_never_lost(build, place, write_lines):
    write_lines("raw/a.txt", "第一段很长的话")
    build("raw")
    build("raw", out=Path("out/mine"))
    write_lines("raw/a.txt", "第二段很长的话")
    with pytest.raises(LingyuError, match="out: the folder holds mine, which would be lost"):
        build("raw", force=True)
    assert list(corpus_paragraphs("out/mine")) == ["第一段很长的话"]
    build("raw", out=Path("out/mine"), force=True)
    assert list(corpus_paragraphs("out/mine")) == ["第二段很长的话"]


def test_what_a_killed_build_left_is_removed_and_a_build_that_goes_on_is_not_disturbed(build, place, write_lines):
    write_lines("raw/a.txt", "第一段很长的话")
    left = place / f"{HIDDEN}0" / "corpus"
    left.mkdir(parents=True)
    write_lines(str(left / "part-00000.parquet"), "half")
    with FileLock(place / ".out.lock"), pytest.raises(LingyuError, match="another process is building"):
        build("raw")
    build("raw")
    assert sorted(path.name for path in place.iterdir()) == ["out", "raw"]
    assert sorted(contents("out")) == ["hashes.safetensors", "part-00000.parquet"]


@pytest.mark.parametrize("force", [True, False])
def test_a_corpus_that_a_killed_build_had_put_aside_comes_back_and_stays_where_the_next_one_fails(
    build, place, write_lines, force
):
    write_lines("raw/a.txt", "第一段很长的话")
    before = build("raw")
    Path("out").rename(f"{REPLACED}out")
    (place / f"{HIDDEN}0" / "corpus").mkdir(parents=True)
    with pytest.raises(LingyuError, match="no paragraph is left" if force else "the corpus is there already"):
        build("raw", force=force, shortest=50)
    assert read_corpus_manifest("out") == before
    assert sorted(path.name for path in place.iterdir()) == ["out", "raw"]


def test_a_corpus_that_a_signal_meets_as_it_is_put_aside_stays(build, write_lines, monkeypatch, place):
    write_lines("raw/a.txt", "第一段很长的话")
    before = build("raw")
    rename = Path.rename

    def stopped(path, target):
        renamed = rename(path, target)
        if path.name == "out":
            raise KeyboardInterrupt
        return renamed

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(KeyboardInterrupt):
        build("raw", force=True)
    assert read_corpus_manifest("out") == before
    assert sorted(path.name for path in place.iterdir()) == ["out", "raw"]


def test_a_damaged_corpus_is_told(build, place, write_lines):
    write_lines("raw/a.txt", "第一段很长的话")
    build("raw")
    Path("out/part-00000.parquet").write_bytes(b"PAR1")
    Path("out/hashes.safetensors").write_bytes(b"")
    with pytest.raises(LingyuError, match=r"part-00000\.parquet: a shard that can't be read"):
        list(corpus_paragraphs("out"))
    with pytest.raises(LingyuError, match="can't be read as a corpus's hashes"):
        corpus_hashes("out")
    manifest = Path("out/corpus.json")
    for now, says in [('"kept": 2', "read is not kept"), ('"shards": 1', "shards"), ('"format": 2', "has format 2")]:
        key = now.partition(":")[0]
        text = manifest.read_text("utf-8")
        document = json.loads(text)
        (document["counts"] if key == '"kept"' else document)[key.strip('"')] = int(now[-1])
        manifest.write_text(json.dumps(document), "utf-8")
        with pytest.raises(LingyuError, match=says):
            read_corpus_manifest("out")
        manifest.write_text(text, "utf-8")
    with pytest.raises(LingyuError, match=r"raw: is no corpus: it has no corpus\.json"):
        read_corpus_manifest("raw")


BUILD = """
import sys
from pathlib import Path
from lingyu.data import CorpusRequest, build_corpus

if __name__ == "__main__":
    build_corpus(CorpusRequest((Path("raw"),), Path("out"), workers=2), lambda *_: None)
"""


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "parent"])
def test_a_killed_process_leaves_no_corpus_and_no_other_process(build, place, write_lines, victim):
    write_lines("raw/a.txt", *(f"第{number}段很长很长的话，说了又说" * 8 for number in range(300_000)))
    write_lines("build.py", BUILD)
    with subprocess.Popen([sys.executable, "build.py"], cwd=place, stderr=subprocess.PIPE) as process:
        assert process.stderr
        workers = until(lambda: workers_of(process.pid))
        time.sleep(1)
        os.kill(workers[0] if victim == "worker" else process.pid, signal.SIGKILL)
        process.wait(timeout=60)
        said = process.stderr.read().decode()
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    assert not (place / "out").exists()
    if victim == "worker":
        assert "a worker process was killed" in said
        assert not list(place.glob(f"{HIDDEN}*"))


def until(true):
    for _ in range(300):
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError("it never came true")


def workers_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    workers = [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return workers if len(workers) == 2 else []
