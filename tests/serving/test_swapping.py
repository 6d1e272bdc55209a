"""Who answers while adapters come, go and change: always the tenant's own, by the version that it says."""

import errno
import json
import os
import random
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from lingyu import Lingyu
from lingyu.bases import Base, find_base
from lingyu.errors import Faults, LingyuError
from lingyu.lora import find_base_of
from lingyu.serving import engine, tenancy
from lingyu.serving.engine import Resident
from lingyu.serving.pool import Pool
from lingyu.store import (
    ADAPTER_CONFIG,
    MANIFEST,
    AdapterReference,
    Store,
    Tenant,
    Version,
    VersionFacts,
    read_tenants,
    write_tensors,
)
from lingyu.store.manifest import sealed
from lingyu.tasks import Failed, Result

from .random_adapters import Kind, facts_of, publish, write_adapter

ADAPTERS, VERSIONS = 64, 2
LABELS = tuple(f"label-{number}" for number in range(ADAPTERS * VERSIONS))
TEXTS = ["房间很好", "早餐差", "物流快", "书很满意", "很贵", "服务态度好，下次还来住", "a", "前台 wifi 失望"]
WEIGHTS = "adapter_model.safetensors"


def own_label(name: str, version: str) -> str:
    """The one that only this version of this adapter gives."""
    return LABELS[int(name.removeprefix("a")) * VERSIONS + int(version.removeprefix("v")) - 1]


@dataclass(frozen=True)
class Maker:
    """Publishes adapters fast: one trained form, and for each version other numbers and a head for its own label."""

    store: Path
    form: Path
    fingerprints: tuple[str, str]

    def publish(self, name: str) -> Version:
        draw = np.random.default_rng(len(list((self.store / name).glob("v*"))) * 1000 + int(name[1:]))

        def write(folder: Path, version: str) -> VersionFacts:
            shutil.copyfile(self.form / ADAPTER_CONFIG, folder / ADAPTER_CONFIG)
            tensors = {
                key: array + draw.normal(size=array.shape).astype(np.float32) * 0.05
                for key, array in load_file(self.form / WEIGHTS).items()
            }
            bias = next(key for key in tensors if key.endswith("classifier.bias"))
            tensors[bias][LABELS.index(own_label(name, version))] += 9
            write_tensors(folder / WEIGHTS, tensors, {"format": "pt"})
            return facts_of(*self.fingerprints, Kind(labels=LABELS))

        return Store(self.store).publish(name, write, why="a test")


@pytest.fixture(scope="module")
def maker(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """64 adapters, two versions of each; the second is stable. The base is beside the store."""
    place = tmp_path_factory.mktemp("swapping")
    shutil.copytree(tiny_base, place / "bases/tiny")
    write_adapter(place / "form", tiny_base, Kind(labels=LABELS, target_modules=("query", "value", "output.dense")))
    base = find_base(str(tiny_base))
    maker = Maker(place / "adapters", place / "form", (base.weights_fingerprint, base.tokenizer_fingerprint))
    for number in range(ADAPTERS):
        for _ in range(VERSIONS):
            maker.publish(f"a{number}")
    return maker


@pytest.fixture
def fresh(maker: Maker, tmp_path: Path) -> Maker:
    """Four of the adapters, to be changed."""
    shutil.copytree(maker.store.parent / "bases", tmp_path / "bases")
    for number in range(4):
        shutil.copytree(maker.store / f"a{number}", tmp_path / f"adapters/a{number}")
        Store(tmp_path / "adapters").set_channel(f"a{number}", "stable", "v2", why="a test")
    return Maker(tmp_path / "adapters", maker.form, maker.fingerprints)


def one_size(maker: Maker) -> int:
    lingyu = Lingyu.load(maker.store)
    lingyu.classify(["好"], "a0")
    return lingyu._pool.size_bytes


# The storm


def test_sixteen_threads_get_no_wrong_answer_while_adapters_are_swapped_loaded_and_thrown_out(maker: Maker) -> None:
    names = [f"a{number}" for number in range(ADAPTERS)]
    alone = {
        (text, version): result
        for text in TEXTS
        for version, result in zip(
            [f"{name}@v{number}" for name in names for number in (1, 2)],
            Lingyu.load(maker.store).classify([text] * 128, [f"{name}@v{n}" for name in names for n in (1, 2)]),
            strict=True,
        )
    }
    # not room for all of them, so that loading and throwing out never ends
    lingyu = Lingyu.load(maker.store, budget_bytes=one_size(maker) * ADAPTERS)
    over = threading.Event()
    swaps = [0]

    def swap() -> None:
        draw, store = random.Random(1), Store(maker.store)
        while not over.is_set():
            store.set_channel(draw.choice(names), "stable", f"v{draw.randint(1, VERSIONS)}", why="a storm")
            swaps[0] += 1

    def ask(seed: int) -> list[str]:
        draw, wrong = random.Random(seed), []
        for _ in range(25):
            texts = [draw.choice(TEXTS) for _ in range(50)]
            tenants = [draw.choice(names) for _ in texts]
            answers = lingyu.classify(texts, tenants)
            of_tenant: dict[str, set[str]] = {}
            for text, tenant, answer in zip(texts, tenants, answers, strict=True):
                name, _, version = answer.version.partition("@")
                of_tenant.setdefault(tenant, set()).add(version)
                expected = alone[text, answer.version]
                near = abs(answer.probability - expected.probability) < 1e-5
                if name != tenant or answer.label != own_label(name, version) or not near:
                    wrong.append(f"{tenant}: {answer}")
            wrong += [f"{name} by {seen} in one call" for name, seen in of_tenant.items() if len(seen) > 1]
        return wrong

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        with ThreadPoolExecutor(16) as threads:
            wrong = [line for lines in threads.map(ask, range(16)) for line in lines]
    finally:
        over.set()
        swapper.join()
    assert wrong == []
    assert swaps[0] > 50
    assert all(result.label == own_label(*version.split("@")) for (_, version), result in alone.items())


def test_threads_whose_adapters_read_more_or_less_of_a_text_do_not_cut_each_others(
    fresh: Maker, tiny_base: Path
) -> None:
    """The length at which a tokenizer cuts is its state, between being set and being used."""
    lengths = {"x": 8, "y": 16, "z": 32}
    for seed, (name, length) in enumerate(lengths.items()):
        publish(fresh.store, name, tiny_base, Kind(seed=seed, max_length=length))
    lingyu, texts = Lingyu.load(fresh.store), ["好" * 10, "很差" * 20] * 8
    alone = {name: lingyu.classify(texts, name) for name in lengths}

    def ask(name: str) -> list[str]:
        return [
            f"{name}: {found}"
            for _ in range(40)
            for found, expected in zip(lingyu.classify(texts, name), alone[name], strict=True)
            if found.truncated != expected.truncated or abs(found.probability - expected.probability) > 1e-5
        ]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(6) as threads:
            wrong = [line for lines in threads.map(ask, [*lengths, *lengths]) for line in lines]
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_threads_that_ask_first_at_the_same_time_share_one_base(fresh: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Base] = []
    monkeypatch.setattr(engine, "find_base_of", lambda version: loaded.append(find_base_of(version)) or loaded[-1])
    lingyu, together = Lingyu.load(fresh.store), threading.Barrier(4)

    def ask(number: int) -> str:
        together.wait()
        return lingyu.classify(["好"], f"a{number}")[0].version

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(4))) == [f"a{number}@v2" for number in range(4)]
    assert len(loaded) == 1


def test_who_has_a_base_does_not_wait_for_another_to_be_loaded(fresh: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it takes to fetch one from a hub."""
    lingyu = Lingyu.load(fresh.store)
    assert lingyu.classify(["好"], "a0")[0].version == "a0@v2"
    manifest = fresh.store / "a1/v2" / MANIFEST
    manifest.write_bytes(sealed(json.loads(manifest.read_text("utf-8").replace(fresh.fingerprints[0], "0" * 64))))
    searching, answered = threading.Event(), threading.Event()

    def search(version: Version) -> Base:
        searching.set()
        assert answered.wait(30)
        return find_base_of(version)

    monkeypatch.setattr(engine, "find_base_of", search)
    with ThreadPoolExecutor(2) as threads:
        other = threads.submit(lingyu.classify, ["好"], "a1")
        assert searching.wait(30)
        assert threads.submit(lingyu.classify, ["好"], "a2").result(20)[0].version == "a2@v2"
        assert lingyu.resident == ("a0@v2", "a2@v2")
        answered.set()
        assert isinstance(other.result()[0], Failed)


# A swap


def test_a_promotion_and_a_rollback_count_from_the_next_call_on_head_included(fresh: Maker) -> None:
    lingyu, store = Lingyu.load(fresh.store), Store(fresh.store)
    for version in ("v2", "v1", "v2", "v1"):
        store.set_channel("a1", "stable", version, why="a test")
        answer = lingyu.classify(["房间很好"], "a1")[0]
        assert (answer.version, answer.label) == (f"a1@{version}", own_label("a1", version))


def test_a_new_version_is_answered_by_as_soon_as_it_is_published(fresh: Maker) -> None:
    lingyu = Lingyu.load(fresh.store)
    assert lingyu.classify(["好"], "a3")[0].version == "a3@v2"
    for name in ("a5", "a6"):
        failed = lingyu.classify(["好"], name)[0]
        assert isinstance(failed, Failed)
        fresh.publish(name)
        assert lingyu.classify(["好"], name)[0].version == f"{name}@v1"


def test_another_store_put_in_the_place_of_one_is_not_answered_from_memory(fresh: Maker) -> None:
    lingyu = Lingyu.load(fresh.store)
    before = lingyu.classify(["房间很好"], "a2@v2")[0]
    shutil.rmtree(fresh.store / "a2")
    other = Maker(fresh.store, fresh.form, fresh.fingerprints)
    other.publish("a2")
    (fresh.store / "a2/v1").rename(fresh.store / "a2/v2")
    failed = lingyu.classify(["房间很好"], "a2@v2")[0]
    assert isinstance(failed, Failed)
    assert "says a2@v1" in str(failed.error)
    assert before.version == "a2@v2"


@pytest.mark.parametrize("same", ["file", "time"])
def test_a_manifest_of_another_time_or_another_file_of_the_same_time_is_not_answered_from_memory(
    same: str, fresh: Maker
) -> None:
    """As a store that is copied with its times has, or one whose file system gives numbers of files once more."""
    lingyu, manifest = Lingyu.load(fresh.store), fresh.store / "a2/v2" / MANIFEST
    assert lingyu.classify(["好"], "a2")[0].version == "a2@v2"
    before, other = manifest.stat(), (fresh.store / "a2/v1" / MANIFEST).read_bytes()
    if same == "time":
        (fresh.store / "new").write_bytes(other)
        (fresh.store / "new").rename(manifest)
        os.utime(manifest, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        manifest.write_bytes(other)
    failed = lingyu.classify(["好"], "a2")[0]
    assert isinstance(failed, Failed)
    assert "has SHA-256" in str(failed.error)


# One tenant's trouble is nobody else's


def test_what_is_wrong_with_a_row_is_that_rows_error_alone(fresh: Maker) -> None:
    spoilt = fresh.store / "a1/v2" / WEIGHTS
    content = bytearray(spoilt.read_bytes())
    content[-1] ^= 1
    spoilt.write_bytes(content)
    manifest = fresh.store / "a2/v2" / MANIFEST
    manifest.write_bytes(sealed(json.loads(manifest.read_text("utf-8").replace(fresh.fingerprints[0], "0" * 64))))
    lingyu = Lingyu.load(fresh.store)
    answers = lingyu.classify(["好"] * 7, ["a0", "a1", "a0", "a2", "nobody", "../a0", "a3"])
    assert [type(answer) for answer in answers] == [Result, Failed, Result, Failed, Failed, Failed, Result]
    assert [answer.label for answer in answers if isinstance(answer, Result)] == [
        own_label("a0", "v2"),
        own_label("a0", "v2"),
        own_label("a3", "v2"),
    ]
    says = [str(answer.error) for answer in answers if isinstance(answer, Failed)]
    assert "SHA-256" in says[0]
    assert "was trained on" in says[1]
    assert "no adapter named `nobody`" in says[2]
    assert "can't name an adapter" in says[3]


def test_what_failed_to_load_is_tried_again(fresh: Maker) -> None:
    file = fresh.store / "a1/v2" / WEIGHTS
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    lingyu = Lingyu.load(fresh.store)
    assert isinstance(lingyu.classify(["好"], "a1")[0], Failed)
    file.write_bytes(whole)
    assert lingyu.classify(["好"], "a1")[0].label == own_label("a1", "v2")


def test_all_who_wait_for_an_adapter_that_fails_to_load_are_told(fresh: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    lingyu, told, keys = Lingyu.load(fresh.store), list[object](), list[object]()
    both_ask, key_of = threading.Event(), Pool._key

    def search(_: Version) -> Base:
        assert both_ask.wait(30)
        raise LingyuError("its base is nowhere")

    def key(pool: Pool, found: AdapterReference) -> object:
        keys.append(key_of(pool, found))
        if len(keys) == 2:
            both_ask.set()
        return keys[-1]

    monkeypatch.setattr(engine, "find_base_of", search)
    monkeypatch.setattr(Pool, "_key", key)
    threads = [threading.Thread(target=lambda: told.extend(lingyu.classify(["好"], "a1")), daemon=True) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [str(failed.error) for failed in told if isinstance(failed, Failed)] == ["its base is nowhere"] * 2


def test_a_bug_in_loading_fails_the_rows_of_that_adapter_and_stands_in_the_log(
    fresh: Maker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    admit = engine.Engine.admit

    def breaks(own: engine.Engine, version: Version) -> Resident:
        if version.name == "a1":
            raise ValueError("机密")
        return admit(own, version)

    monkeypatch.setattr(engine.Engine, "admit", breaks)
    good, failed = Lingyu.load(fresh.store).classify(["好"] * 2, ["a0", "a1"])
    assert isinstance(good, Result)
    assert isinstance(failed, Failed)
    assert str(failed.error).startswith("a1@v2: could not be loaded (ValueError). ")
    assert "机密" in caplog.text


# Memory


def test_the_least_recently_used_goes_out_when_the_budget_is_used_up(fresh: Maker) -> None:
    lingyu = Lingyu.load(fresh.store, budget_bytes=one_size(fresh) * 2)
    for name in ("a0", "a1", "a0", "a2"):
        assert lingyu.classify(["好"], name)[0].label == own_label(name, "v2")
    assert lingyu.resident == ("a0@v2", "a2@v2")
    assert lingyu.classify(["好"] * 4, ["a0", "a1", "a2", "a3"])[3].label == own_label("a3", "v2")
    assert len(lingyu.resident) == 2


def test_a_budget_smaller_than_one_adapter_still_answers(fresh: Maker) -> None:
    lingyu = Lingyu.load(fresh.store, budget_bytes=1)
    assert lingyu.classify(["好", "好"], ["a0", "a1"])[0].label == own_label("a0", "v2")
    assert len(lingyu.resident) == 1


def test_a_thousand_registered_adapters_cost_nothing_until_they_are_asked(maker: Maker, tmp_path: Path) -> None:
    shutil.copytree(maker.store.parent / "bases", tmp_path / "bases")
    for number in range(1000):
        folder = tmp_path / f"adapters/t{number}"
        folder.parent.mkdir(exist_ok=True)
        shutil.copytree(maker.store / f"a{number % ADAPTERS}", folder, copy_function=_link)
        for version in ("v1", "v2"):
            manifest = folder / version / MANIFEST
            renamed = {**json.loads(manifest.read_bytes()), "name": f"t{number}"}
            manifest.unlink()
            manifest.write_bytes(sealed(renamed))
    began = time.perf_counter()
    lingyu = Lingyu.load(tmp_path / "adapters", budget_bytes=one_size(maker) * 10)
    assert lingyu.resident == ()
    assert time.perf_counter() - began < 1
    names = [f"t{number}@v2" for number in range(0, 1000, 9)]
    answers = lingyu.classify(["好"] * len(names), names)
    for name, answer in zip(names, answers, strict=True):
        assert answer.version == name
        assert answer.label == own_label(f"a{int(name[1:-3]) % ADAPTERS}", "v2")
    assert len(lingyu.resident) == 10


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


# Several adapters on a text


def test_a_list_of_tenants_for_a_text_is_answered_by_each(fresh: Maker) -> None:
    lingyu = Lingyu.load(fresh.store)
    lists = lingyu.classify(["房间很好", "早餐差"], [["a0", "a1"], ["a2"]])
    assert [[answer.version for answer in answers] for answers in lists] == [["a0@v2", "a1@v2"], ["a2@v2"]]
    assert lists[0][1].probability == pytest.approx(lingyu.classify(["房间很好"], "a1")[0].probability, abs=1e-6)
    assert lingyu.classify(["好"], [[]]) == [[]]


# tenants.yaml


def write_tenants(maker: Maker, text: str) -> None:
    temporary = maker.store / ".new"
    temporary.write_text(text, "utf-8")
    temporary.rename(maker.store / "tenants.yaml")


def test_a_tenant_has_its_adapter_its_thresholds_and_nobody_elses(fresh: Maker) -> None:
    strict = own_label("a0", "v2")
    write_tenants(
        fresh,
        f"tenants:\n  acme: a0\n  北京分公司: a1@v1\n"
        f"  strict:\n    adapter: a0\n    thresholds: {{{strict}: 1.0}}\n"
        f"  odd:\n    adapter: a0\n    thresholds: {{label-9999: 0.5}}\n",
    )
    lingyu = Lingyu.load(fresh.store)
    acme, beijing, careful, odd, unknown, by_adapter, nobody = lingyu.classify(
        ["好"] * 7, ["acme", "北京分公司", "strict", "odd", "acmee", "a0", ""]
    )
    assert (acme.version, acme.label) == ("a0@v2", strict)
    assert beijing.version == "a1@v1"
    assert (careful.label, careful.probability) == ("uncertain", acme.probability)
    assert "no label 'label-9999'" in str(odd.error)
    assert "tenants.yaml:" in str(odd.error)
    assert "Did you mean `acme`?" in str(unknown.error)
    assert "no tenant 'a0'" in str(by_adapter.error), "an adapter's name is no way around the tenants"
    assert "no tenant is named. Fill in the cell" in str(nobody.error)


def test_an_ensemble_averages_the_probabilities_of_adapters_that_share_their_labels(fresh: Maker) -> None:
    write_tenants(fresh, "tenants:\n  both:\n    adapters: [a0, a1]\n  zero: a0\n  one: a1\n")
    lingyu = Lingyu.load(fresh.store)
    both, zero, one = lingyu.classify(["房间很好"] * 3, ["both", "zero", "one"])
    assert both.version == "a0@v2+a1@v2"
    for label in LABELS:
        mean = (zero.probabilities[label] + one.probabilities[label]) / 2
        assert both.probabilities[label] == pytest.approx(mean, abs=1e-6)
    assert both.probability == max(both.probabilities.values())


def test_a_member_that_is_replaced_while_another_is_loaded_is_answered_by_as_it_is_now(
    fresh: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = fresh.publish("a1"), fresh.publish("a2")
    (fresh.store / "tenants.yaml").write_text("tenants:\n  both: {adapters: [a1, a2]}\n", "utf-8")
    load, store, replaced = Pool._load, Store(fresh.store), list[Version]()

    def load_slowly(pool: Pool, found: AdapterReference) -> Resident:
        if not replaced:
            replaced.append(fresh.publish("a2"))
            store.set_channel("a2", "stable", replaced[0].version, "a test")
            store.remove("a2", second.version, "a test")
        return load(pool, found)

    monkeypatch.setattr(Pool, "_load", load_slowly)
    answer = Lingyu.load(fresh.store).classify(TEXTS[:1], "both")[0]
    assert isinstance(answer, Result)
    assert answer.version == f"{first.reference}+{replaced[0].reference}"


def test_an_ensemble_knows_labels_by_name_not_by_place(fresh: Maker, tiny_base: Path) -> None:
    there, back = ("差", "好"), ("好", "差")
    publish(fresh.store, "x", tiny_base, Kind(seed=1, labels=there))
    publish(fresh.store, "y", tiny_base, Kind(seed=2, labels=back))
    publish(fresh.store, "z", tiny_base, Kind(seed=3, labels=("好", "坏")))
    write_tenants(fresh, "tenants:\n  xy: {adapters: [x, y]}\n  x: x\n  y: y\n  xz: {adapters: [x, z]}\n")
    xy, x, y, xz = Lingyu.load(fresh.store).classify(["房间很好"] * 4, ["xy", "x", "y", "xz"])
    assert xy.probabilities["好"] == pytest.approx((x.probabilities["好"] + y.probabilities["好"]) / 2)
    assert isinstance(xz, Failed)
    assert "same labels" in str(xz.error)


def test_tenants_that_are_changed_count_from_the_next_call_on_and_a_broken_file_changes_nothing(
    fresh: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    write_tenants(fresh, "tenants:\n  acme: a0\n")
    lingyu = Lingyu.load(fresh.store)
    assert lingyu.classify(["好"], "acme")[0].version == "a0@v2"
    write_tenants(fresh, "tenants:\n  acme: a1\n")
    assert lingyu.classify(["好"], "acme")[0].version == "a1@v2"
    write_tenants(fresh, "tenants:\n  acme: [\n")
    assert lingyu.classify(["好"], "acme")[0].version == "a1@v2"
    assert "stay in force" in caplog.text
    (fresh.store / "tenants.yaml").unlink()
    assert lingyu.classify(["好"], "acme")[0].version == "a1@v2"
    assert isinstance(lingyu.classify(["好"], "a0")[0], Failed), "nobody gets in because a file went away"


def test_a_named_pipe_in_the_place_of_the_tenants_is_not_waited_for(
    fresh: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    write_tenants(fresh, "tenants:\n  acme: a0\n")
    lingyu = Lingyu.load(fresh.store)
    (fresh.store / "tenants.yaml").unlink()
    os.mkfifo(fresh.store / "tenants.yaml")
    assert lingyu.classify(["好"], "acme")[0].version == "a0@v2"
    assert "a named pipe" in caplog.text


def test_tenants_that_may_not_be_looked_at_any_more_stay_in_force(
    fresh: Maker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tenants(fresh, "tenants:\n  acme: a0\n")
    lingyu = Lingyu.load(fresh.store)
    write_tenants(fresh, "tenants:\n  acme: a1\n")

    def forbidden(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "is_fifo", forbidden)
    (fresh.store / "tenants.yaml").unlink()
    assert lingyu.classify(["好"], "acme")[0].version == "a0@v2"
    assert "stay in force" in caplog.text


def test_many_faults_of_changed_tenants_are_one_line_in_the_log(fresh: Maker, caplog: pytest.LogCaptureFixture) -> None:
    write_tenants(fresh, "tenants:\n  acme: a0\n")
    lingyu = Lingyu.load(fresh.store)
    write_tenants(fresh, "tenants:\n  acme: ../a0\n  beta: ../a1\n")
    for _ in range(2):  # what has been read once is not read anew
        assert lingyu.classify(["好"], "acme")[0].version == "a0@v2"
    (line,) = [record.getMessage() for record in caplog.records]
    assert "\n" not in line
    assert "tenants.acme" in line
    assert "tenants.beta" in line


def test_while_one_thread_reads_the_tenants_others_answer_by_those_in_force_and_the_last_change_counts_then(
    fresh: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tenants(fresh, "tenants:\n  acme: a0\n")
    lingyu = Lingyu.load(fresh.store)
    reading, answered = threading.Event(), threading.Event()

    def read_slowly(path: Path) -> dict[str, Tenant]:
        found = read_tenants(path)
        if found["acme"].adapters[0].name == "a1":
            reading.set()
            assert answered.wait(60)
        return found

    monkeypatch.setattr(tenancy, "read_tenants", read_slowly)
    write_tenants(fresh, "tenants:\n  acme: a1\n")
    with ThreadPoolExecutor(2) as threads:
        try:
            earlier = threads.submit(lingyu.classify, ["好"], "acme")
            assert reading.wait(30)
            write_tenants(fresh, "tenants:\n  acme: a2\n")
            later = threads.submit(lingyu.classify, ["好"], "acme")
            assert later.result(timeout=30)[0].version == "a0@v2"
        finally:
            answered.set()
        assert earlier.result()[0].version == "a1@v2"
    assert lingyu.classify(["好"], "acme")[0].version == "a2@v2"


def test_a_faulty_tenants_file_stops_the_start(fresh: Maker) -> None:
    write_tenants(fresh, "tenants:\n  acme: ../a0\n  beta: {adaptor: a0}\n")
    with pytest.raises(Faults) as caught:
        Lingyu.load(fresh.store)
    lines = str(caught.value).splitlines()
    assert "tenants.yaml:2: tenants.acme" in lines[0]
    assert "tenants.yaml:3: tenants.beta" in lines[-1]


def test_a_tenants_file_in_the_store_is_no_symlink(fresh: Maker, tmp_path: Path) -> None:
    (tmp_path / "mounted.yaml").write_text("tenants:\n  acme: a0\n", "utf-8")
    (fresh.store / "tenants.yaml").symlink_to(tmp_path / "mounted.yaml")
    with pytest.raises(LingyuError, match="symlink"):
        Lingyu.load(fresh.store)
    (tmp_path / "mounted.yaml").rename(tmp_path / "gone.yaml")
    with pytest.raises(LingyuError, match="symlink"):
        Lingyu.load(fresh.store)  # a link to nowhere does not open the store to everybody who knows a name
    (tmp_path / "gone.yaml").rename(tmp_path / "mounted.yaml")
    (fresh.store / "tenants.yaml").unlink()
    (tmp_path / "link.yaml").symlink_to(tmp_path / "mounted.yaml")
    named = Lingyu.load(fresh.store, tenants=tmp_path / "link.yaml")
    assert named.classify(["好"], "acme")[0].version == "a0@v2"
    with pytest.raises(LingyuError, match="no such file"):
        Lingyu.load(fresh.store, tenants=tmp_path / "nowhere.yaml")
