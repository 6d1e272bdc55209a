"""From a recipe's corpus to encoded texts on disk: what is in them, what is not, and when they are made anew."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import save_file

from lingyu.bases import Base, find_base
from lingyu.dapt.corpus.encoded import EncodedTexts, encode_batch
from lingyu.dapt.corpus.prepared import Corpus, corpus_texts, prepare_corpus
from lingyu.dapt.corpus.record import CorpusRecord
from lingyu.dapt.corpus.segmenters import segmenter_for
from lingyu.dapt.corpus.surveying import find_inputs, vocabulary_inputs
from lingyu.data import load_splits
from lingyu.errors import LingyuError
from lingyu.recipe import Dapt, load_recipe
from lingyu.text import clean, content_hashes

CACHE = Path("runs/.encoded")
TEXTS = [f"第{number}次入住，房间很干净。服务也好！早餐有{number}样" for number in range(120)]

Prepare = Callable[..., Corpus]


def _silent(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total, what


def _write_lines(path: Path | str, *lines: str) -> None:
    Path(path).write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _dapt(**settings: object) -> Dapt:
    asked = {"corpus": ["raw.txt"], "segmenter": "characters", "held_out": 0.1, **settings}
    return Dapt.model_validate(asked)


@pytest.fixture(scope="module")
def base() -> Base:
    return find_base("embedded")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    _write_lines("raw.txt", *TEXTS)
    return tmp_path


@pytest.fixture
def prepare(place: Path, base: Base) -> Prepare:
    """prepare(max_tokens=30, drop_test_texts=True, ...): the corpus of raw.txt, unless another is named."""

    def prepare(max_tokens: int = 60, parent: Base | None = None, **settings: object) -> Corpus:
        return prepare_corpus(find_inputs(_dapt(**settings), parent), base, max_tokens, CACHE, _silent)

    return prepare


def _same(first: EncodedTexts, second: EncodedTexts) -> bool:
    names = ("ids", "starts_word", "offsets", "keys", "middles")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


def _texts(texts: EncodedTexts, base: Base) -> list[str]:
    parts = (texts.ids[begin:end].tolist() for begin, end in zip(texts.offsets[:-1], texts.offsets[1:], strict=True))
    return ["".join(base.tokenizer.convert_ids_to_tokens(part)).replace("##", "") for part in parts]


def test_train_and_held_out_are_the_corpus_and_share_no_text(prepare: Prepare, base: Base) -> None:
    corpus = prepare()
    train, held_out = _texts(corpus.train, base), _texts(corpus.held_out, base)
    assert sorted(train + held_out) == sorted(TEXTS)
    assert len(held_out) == 12
    assert corpus.hashes.tolist() == sorted(content_hashes(TEXTS).tolist())
    assert corpus.general is None
    record = corpus.record
    assert (record.read, record.empty, record.removed, record.repeats) == (120, 0, 0, 0)
    assert (record.train.texts, record.train.tokens) == (108, len(corpus.train.ids))


def test_what_lies_on_disk_is_what_encoding_in_memory_gives(prepare: Prepare, base: Base) -> None:
    corpus = prepare(max_tokens=9, segmenter="jieba")
    held = set(_texts(prepare().held_out, base))
    train = [text for text in TEXTS if text not in held]
    assert _same(corpus.train, encode_batch(train, base.tokenizer, segmenter_for("jieba"), 9).texts)
    assert corpus.record.train.pieces > corpus.record.train.texts == 108


def test_copies_of_a_text_are_trained_on_and_measured_once(prepare: Prepare, base: Base) -> None:
    _write_lines("raw.txt", *TEXTS, *(f"{text}！" for text in TEXTS))  # the same texts, as content hashes have it
    corpus = prepare()
    train, held_out = ([text.rstrip("！") for text in _texts(part, base)] for part in (corpus.train, corpus.held_out))
    assert set(train).isdisjoint(held_out)
    assert (len(train), len(held_out)) == (216, 12)
    record = corpus.record
    assert (record.held_out.texts, record.held_out_repeats, record.repeats) == (12, 12, 108)
    assert record.read == 240 == record.train.texts + record.held_out.texts + record.held_out_repeats
    assert corpus.held_out_hashes.tolist() == sorted(content_hashes(held_out).tolist())


def test_it_is_known_which_pieces_are_of_one_text(prepare: Prepare) -> None:
    held_out = prepare(max_tokens=9).held_out
    assert len(held_out) > 12
    assert np.unique(held_out.came_from).tolist() == list(range(12))


def test_empty_texts_are_counted(prepare: Prepare) -> None:
    _write_lines("raw.txt", *TEXTS, "", "  ", "<br>", "\u200b")
    assert prepare().record.empty == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"raw\.txt: an empty corpus"),
        (b"\n<br>\n", r"raw\.txt: no text is left of 2 \(2 empty, 0 test texts\)"),
        ("很好\n很好！\n".encode(), r"raw\.txt: one distinct text, and none to measure the gain on"),
        ("好\n坏\n".encode(), r"raw\.txt: no text to measure on has two tokens, of which one could be masked"),
        (b"\x89PNG\n\0", r"raw\.txt:1: a NUL byte: this is no text file"),
    ],
)
def test_a_corpus_without_text_is_one_line_and_leaves_nothing(
    prepare: Prepare, place: Path, content: bytes, message: str
) -> None:
    (place / "raw.txt").write_bytes(content)
    with pytest.raises(LingyuError, match=message):
        prepare()
    assert not [path for path in CACHE.iterdir() if path.is_dir()]


# ---- the gate


@pytest.fixture
def excluded_sets(place: Path) -> list[str]:
    rows = "\n".join(f"{text.replace('，', ',，').upper()},1" for text in ("不在里面", "也不在"))
    (place / "other.csv").write_text(f"review,label\n{rows.replace(',，', '，')}\n", "utf-8")
    (place / "test.csv").write_text(f'text\n"{TEXTS[3]}"\n"【{TEXTS[5]}】"\n', "utf-8")
    return ["test.csv", "other.csv:review"]


def test_a_test_text_in_the_corpus_stops_and_names_the_set_and_the_count(
    prepare: Prepare, excluded_sets: list[str]
) -> None:
    with pytest.raises(LingyuError) as error:
        prepare(exclude=excluded_sets)
    assert error.value.status == 1
    assert str(error.value) == (
        "raw.txt: 2 texts of the test set test.csv stand in the corpus. Set dapt.drop_test_texts=true to leave them "
        "out and count them, or build the corpus with: lingyu data corpus --exclude test.csv --exclude other.csv:review"
    )


def test_dropped_test_texts_are_on_no_side_and_counted_for_each_set(
    prepare: Prepare, base: Base, excluded_sets: list[str]
) -> None:
    corpus = prepare(exclude=excluded_sets, drop_test_texts=True)
    assert {excluded.name: excluded.removed for excluded in corpus.record.excluded} == {"test.csv": 2, "other.csv": 0}
    assert len(corpus.hashes) == 118
    assert not {TEXTS[3], TEXTS[5]} & {*_texts(corpus.train, base), *_texts(corpus.held_out, base)}


def test_the_gate_sees_a_test_text_through_the_corpus_s_own_steps_and_line_by_line(prepare: Prepare) -> None:
    _write_lines("raw.txt", *TEXTS, "房间<br>１２号很好", "第一行的内容足够长可以单独被找到的")
    Path("test.jsonl").write_text(
        '{"text": "房间 12号很<b>好</b>"}\n{"text": "第一行的内容足够长可以单独被找到的\\n另一行"}\n', "utf-8"
    )
    assert prepare(exclude=["test.jsonl"], drop_test_texts=True).record.removed == 2


def test_a_test_set_without_its_column_is_one_line_that_speaks_of_the_recipe(
    prepare: Prepare, excluded_sets: list[str]
) -> None:
    with pytest.raises(LingyuError, match=r"Name its column: dapt\.exclude: other\.csv:COLUMN"):
        prepare(exclude=["other.csv"])


def test_the_texts_for_a_vocabulary_are_those_that_are_trained_on(
    prepare: Prepare, base: Base, excluded_sets: list[str]
) -> None:
    settings = {"exclude": excluded_sets, "drop_test_texts": True}
    assert list(corpus_texts(find_inputs(_dapt(**settings), None), _silent)) == _texts(prepare(**settings).train, base)
    with pytest.raises(LingyuError, match="2 texts of the test set"):
        next(corpus_texts(find_inputs(_dapt(exclude=excluded_sets), None), _silent))


WRITTEN = {
    "repeats": "第{}间太太太太太太太太小了",
    "urls": "第{}间见 http://example.com/a/{} 的照片",
    "personal": "第{}间请打 13800138{:03d} 订",
    "simplified": "第{}間房間很乾淨",
}


@pytest.mark.parametrize("step", WRITTEN)
def test_a_corpus_holds_the_texts_of_a_recipe_as_they_were_before_its_text_steps(
    step: str, place: Path, prepare: Prepare
) -> None:
    rows = [WRITTEN[step].format(number, number) for number in range(40)]
    assert all(clean(row, [step]) != row for row in rows)
    _write_lines("rows.csv", "label,text", *(f"{number % 2},{row}" for number, row in enumerate(rows)))
    _write_lines(
        "rooms.yaml",
        "name: rooms",
        "task: single_label",
        f"data: {{train: rows.csv, labels: {{0: 差, 1: 好}}, clean: [{step}]}}",
    )
    _write_lines("raw.txt", *TEXTS, *rows)
    data = load_recipe("rooms.yaml").data
    splits = load_splits(data, "single_label")
    with pytest.raises(LingyuError, match=f"{splits.dev.rows + splits.test.rows} texts of the test set rooms.yaml"):
        prepare(exclude=["rooms.yaml"])
    kept = prepare(exclude=["rooms.yaml"], drop_test_texts=True)
    assert kept.record.removed == splits.dev.rows + splits.test.rows
    assert kept.record.train.texts + kept.record.held_out.texts == len(TEXTS) + splits.train.rows


def test_what_else_a_vocabulary_is_counted_on_goes_through_the_same_gate(place: Path, excluded_sets: list[str]) -> None:
    asked = _dapt(
        corpus=["other.txt"], vocabulary_from=["raw.txt"], exclude=excluded_sets, drop_test_texts=True, mode="scratch"
    )
    _write_lines("other.txt", *TEXTS[:20])
    learnt = find_inputs(asked, None)
    counted_on = vocabulary_inputs(asked, learnt)
    assert [source.name for source in counted_on.sources] == ["raw.txt"]
    counted = list(corpus_texts(counted_on, _silent, without=np.sort(content_hashes(TEXTS[:20]))))
    assert set(counted) <= set(TEXTS[20:])
    assert len(counted) > 80
    assert vocabulary_inputs(_dapt(), learnt) is learnt
    with pytest.raises(LingyuError, match=r"raw\.txt: dapt\.vocabulary_from names it twice"):
        vocabulary_inputs(_dapt(vocabulary_from=["raw.txt", "./raw.txt"]), learnt)


# ---- what the base has learnt


@pytest.fixture
def parent_of(tiny_base: Path, tmp_path: Path) -> Callable[..., Base]:
    """parent_of(read, held_out): a base that says what it has read, and what of that it was not trained on."""

    def made(read: list[str], held_out: list[str]) -> Base:
        folder = tmp_path / f"parent-{len(read)}-{len(held_out)}"
        shutil.copytree(tiny_base, folder)
        tensors = {"corpus": np.unique(content_hashes(read)), "held_out": np.unique(content_hashes(held_out))}
        save_file(tensors, folder / "hashes.safetensors")
        return find_base(str(folder))

    return made


def test_what_the_base_was_trained_on_measures_nothing(
    prepare: Prepare, base: Base, parent_of: Callable[..., Base]
) -> None:
    general = [f"天气预报第{number}条，明天有雨" for number in range(50)]
    _write_lines("general.txt", *general)
    parent = parent_of(TEXTS[:100] + general[:40], TEXTS[90:100])
    assert len(parent.learnt_hashes) == 130
    corpus = prepare(parent=parent, general=["general.txt"])
    held_out = _texts(corpus.held_out, base)
    assert len(held_out) == 12
    assert set(held_out) <= set(TEXTS[90:])
    assert corpus.general is not None
    assert sorted(_texts(corpus.general, base)) == sorted(general[40:])
    assert corpus.record.held_out.seen_by_base == 0
    assert corpus.record.notes() == []
    assert corpus.fingerprint != prepare(general=["general.txt"]).fingerprint


def test_of_few_texts_that_are_new_to_the_base_all_are_held_out(
    prepare: Prepare, base: Base, parent_of: Callable[..., Base]
) -> None:
    held_out = _texts(prepare(parent=parent_of(TEXTS[:115], [])).held_out, base)
    assert sorted(held_out) == sorted(TEXTS[115:])


def test_where_the_base_was_trained_on_everything_the_figures_say_so(
    prepare: Prepare, parent_of: Callable[..., Base]
) -> None:
    _write_lines("general.txt", "天气预报，明天有雨", "天气预报，今天有雨")
    parent = parent_of([*TEXTS, "天气预报，明天有雨"], [TEXTS[0]])
    record = prepare(parent=parent, general=["general.txt"]).record
    smallest = np.sort(content_hashes(TEXTS))[:12]
    seen = 12 - int(np.isin(content_hashes(TEXTS[:1]), smallest).sum())
    assert record.held_out.seen_by_base == seen
    assert record.notes() == [
        f"{seen} of 12 held-out texts were trained on by the base: the gain is understated.",
        "1 of 2 general texts were trained on by the base: what is forgotten is overstated.",
    ]
    assert record.lines()[-2:] == record.notes()


# ---- general text


def test_general_text_is_distinct_stands_not_in_the_corpus_and_is_counted(prepare: Prepare, base: Base) -> None:
    general = [f"天气预报第{number}条，明天有雨" for number in range(50)]
    _write_lines("general.txt", *general, general[0], TEXTS[0], f"{TEXTS[1]}。", "")
    corpus = prepare(general=["general.txt"])
    assert corpus.general is not None
    assert corpus.record.general is not None
    assert sorted(_texts(corpus.general, base)) == sorted(general)
    record = corpus.record.general
    assert (record.read, record.drawn.texts, record.in_corpus, record.not_drawn, record.empty) == (54, 50, 2, 1, 1)
    assert not np.isin(content_hashes(general), corpus.hashes).any()


def test_at_most_two_thousand_general_texts_are_drawn_whatever_their_order(prepare: Prepare) -> None:
    general = [f"天气{number}" for number in range(2_500)]
    _write_lines("general.txt", *general)
    first = prepare(general=["general.txt"]).general
    _write_lines("general.txt", *reversed(general))
    second = prepare(general=["general.txt"]).general
    assert first is not None
    assert second is not None
    assert len(first) == 2_000
    assert _same(first, second)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (TEXTS[:3], "no text is left of 3: 3 stand in the corpus"),
        (["好", "坏"], r"general\.txt: no text to measure on has two tokens"),
    ],
)
def test_general_text_that_measures_nothing_is_one_line(prepare: Prepare, lines: list[str], message: str) -> None:
    _write_lines("general.txt", *lines)
    with pytest.raises(LingyuError, match=message):
        prepare(general=["general.txt"])


# ---- the cache


def _folders() -> list[Path]:
    return sorted(path for path in CACHE.iterdir() if path.is_dir())


def test_an_encoded_corpus_is_used_again_until_anything_that_it_depends_on_changes(prepare: Prepare) -> None:
    first = prepare()
    (folder,) = _folders()
    written = (folder / "train" / "ids.bin").stat().st_mtime_ns
    assert _same(prepare().train, first.train)
    assert (folder / "train" / "ids.bin").stat().st_mtime_ns == written
    _write_lines("words.txt", "江景房")
    _write_lines("other.txt", "不在里面", "也不在")
    changes: list[dict[str, object]] = [
        {"max_tokens": 20},
        {"segmenter": "whitespace"},
        {"segmenter": "jieba"},
        {"segmenter": "jieba", "user_dict": "words.txt"},
        {"clean": ["html"]},
        {"held_out": 0.2},
        {"exclude": ["other.txt"]},
        {"general": ["other.txt"]},
        {"mlm_probability": 0.3},  # says nothing of the texts
    ]
    fingerprints = {first.fingerprint, *(prepare(**change).fingerprint for change in changes)}
    assert len(fingerprints) == len(_folders()) == len(changes)
    _write_lines("raw.txt", *TEXTS[:-1])
    assert prepare().fingerprint not in fingerprints


def test_another_tokenizer_makes_another_corpus(prepare: Prepare, tiny_base: Path) -> None:
    other = prepare_corpus(find_inputs(_dapt(), None), find_base(str(tiny_base)), 60, CACHE, _silent)
    assert other.fingerprint != prepare().fingerprint


@pytest.mark.parametrize("damage", ["cut", "gone", "json", "link"])
def test_what_is_not_whole_is_made_again(prepare: Prepare, damage: str) -> None:
    before = prepare()
    ids = before.train.ids.copy()
    (folder,) = _folders()
    match damage:
        case "cut":
            os.truncate(folder / "train" / "keys.bin", 8)
        case "gone":
            (folder / "held_out" / "ids.bin").unlink()
        case "json":
            (folder / "corpus.json").write_text("{}")
        case "link":
            folder.rename(folder.with_name("elsewhere"))
            folder.symlink_to("elsewhere")
    assert np.array_equal(prepare().train.ids, ids)
    assert not folder.is_symlink()


def _stop_while_encoding(said: "multiprocessing.Queue[str]") -> None:
    def report(what: str, done: int, total: int) -> None:
        if what.startswith("segmenting"):
            said.put(what)
            time.sleep(60)

    prepare_corpus(find_inputs(_dapt(held_out=0.3), None), find_base("embedded"), 60, CACHE, report)


def test_a_killed_build_leaves_a_hidden_folder_that_the_next_build_removes(prepare: Prepare) -> None:
    context = multiprocessing.get_context("fork")
    said = context.Queue()
    process = context.Process(target=_stop_while_encoding, args=(said,))
    process.start()
    said.get(timeout=60)
    (left,) = _folders()
    assert left.name.startswith(".")
    prepare()  # another corpus: what a living process builds stays
    assert left in _folders()
    process.kill()
    process.join(10)
    prepare(held_out=0.2)
    assert left not in _folders()
    assert len(_folders()) == 2


def _prepare_slowly(out: "multiprocessing.Queue[int]") -> None:
    reports = 0

    def report(what: str, done: int, total: int) -> None:
        nonlocal reports
        reports += 1
        time.sleep(0.2)

    prepare_corpus(find_inputs(_dapt(), None), find_base("embedded"), 60, CACHE, report)
    out.put(reports)


def test_of_two_processes_one_makes_the_corpus_and_the_other_waits_for_it(place: Path) -> None:
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    both = [context.Process(target=_prepare_slowly, args=(out,)) for _ in range(2)]
    for process in both:
        process.start()
    reports = sorted(out.get(timeout=60) for _ in both)
    for process in both:
        process.join()
    assert reports[0] == 0 < reports[1]
    assert len(_folders()) == 1


def test_a_record_whose_counts_do_not_add_up_is_none(prepare: Prepare) -> None:
    record = prepare().record
    again = CorpusRecord.model_validate_json(record.model_dump_json())
    assert again == record
    with pytest.raises(ValidationError, match="read is not empty"):
        CorpusRecord.model_validate({**record.model_dump(), "empty": 1})
    assert any("read 120 = train 108 + held out 12" in line for line in record.lines())


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(place: Path) -> None:
    script = """
import resource, sys
from pathlib import Path
from lingyu.bases import find_base
from lingyu.dapt.corpus.prepared import prepare_corpus
from lingyu.dapt.corpus.surveying import find_inputs
from lingyu.recipe import Dapt

dapt = Dapt.model_validate({"corpus": [sys.argv[1]], "segmenter": "rjieba"})
prepare_corpus(find_inputs(dapt, None), find_base("embedded"), 60, Path("runs/.encoded"), lambda *_: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
    peaks = []
    for count in (6_000, 120_000):
        _write_lines(f"{count}.txt", *(f"第{number}次入住，房间很干净。服务也好！" for number in range(count)))
        found = subprocess.run([sys.executable, "-c", script, f"{count}.txt"], capture_output=True, check=True)
        peaks.append(int(found.stdout))
    assert peaks[1] < peaks[0] + 40
