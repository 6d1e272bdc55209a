"""Bases of the hubs: huggingface_hub's real client against a hub in a thread; ModelScope's client by its interface."""

import errno
import json
import logging
import re
import shutil
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file

from lingyu.bases import base_here, bases_here, find_base, hub_asked_for
from lingyu.errors import LingyuError
from lingyu.lora import find_base_of
from lingyu.store import Store

from ..hub_server import READER, Hub, running_hub
from .test_importing import checkpoint

ID = "hfl/chinese-tiny"
STRUCTBERT = "modelscope:iic/nlp_structbert_tiny"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """With a cache of its own, in an empty folder."""
    with running_hub() as hub:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_TOKEN", READER)
        monkeypatch.setattr("huggingface_hub.file_download.constants.DEFAULT_REQUEST_TIMEOUT", 5)
        (tmp_path / "work").mkdir()
        monkeypatch.chdir(tmp_path / "work")
        yield hub


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def as_pickle(base: Path, tmp_path: Path) -> dict[str, bytes]:
    """The files of a base as the hub has many: with a pickle, and code that nobody asked for."""
    torch.save(load_file(base / "model.safetensors"), tmp_path / "pytorch_model.bin")
    files = files_of(base) | {"pytorch_model.bin": (tmp_path / "pytorch_model.bin").read_bytes()}
    del files["model.safetensors"]
    return files | {"modeling_evil.py": b"raise SystemExit", "tf_model.h5": b"\x89HDF"}


def one_line(id: str, revision: str | None = None) -> str:
    with pytest.raises(LingyuError) as caught:
        find_base(id, revision)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_branch_leads_to_its_commit_and_offline_the_cache_is_enough(
    hub: Hub, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = hub.publish(ID, files_of(tiny_base) | {"pytorch_model.bin": b"never asked for", "run.py": b""})
    first = repository.branches["main"]
    found = find_base(ID)
    assert (found.id, found.revision) == (ID, first)
    assert found.weights_fingerprint == find_base(str(tiny_base)).weights_fingerprint
    assert not [asked for asked in hub.requests if asked.endswith((".bin", ".py"))]
    second = repository.commit(files_of(tiny_base) | {"README.md": b"# new"})
    assert find_base(ID).revision == second
    assert find_base(ID, first).revision == first
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    before = len(hub.requests)
    assert [find_base(ID, revision).revision for revision in (None, "main", first)] == [second, second, first]
    assert len(hub.requests) == before
    assert not Path("bases").exists()


def test_what_is_here_is_opened_without_asking_the_hub(hub: Hub, tiny_base: Path, tmp_path: Path) -> None:
    first = hub.publish(ID, files_of(tiny_base)).branches["main"]
    assert base_here(ID) is None
    find_base(ID)
    hub.publish("team/pickled", as_pickle(tiny_base, tmp_path))
    hub.requests.clear()
    for revision in (None, "main", first):
        here = base_here(ID, revision)
        assert here is not None
        assert (here.id, here.revision, here.weights_fingerprint) == (
            ID,
            first,
            find_base(str(tiny_base)).weights_fingerprint,
        )
    assert base_here(ID, "v9") is None
    assert base_here("team/pickled") is None
    assert hub.requests == []
    made = find_base("team/pickled")
    hub.requests.clear()
    assert base_here("team/pickled") == made
    assert (hub.requests, hub_asked_for("team/pickled"), hub_asked_for("embedded")) == ([], None, None)
    asked = hub_asked_for(ID)
    assert asked is not None
    assert asked.endpoint == hub.endpoint


def test_a_mirror_that_is_out_of_order_is_no_matter_where_the_cache_has_it(hub: Hub, tiny_base: Path) -> None:
    hub.publish(ID, files_of(tiny_base))
    commit = find_base(ID).revision
    hub.out_of_order = 503
    assert find_base(ID).revision == commit
    assert f"can't be fetched from {hub.endpoint} and is not in the cache" in one_line("hfl/another")


def test_what_the_hub_refuses_is_one_line_that_says_what_to_do(
    hub: Hub, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish(ID, files_of(tiny_base))
    assert f"no such repository on {hub.endpoint}, or a private one" in one_line("hfl/chinese-tinny")
    assert "no revision v9" in one_line(ID, "v9")
    hub.publish("team/gated", files_of(tiny_base)).gated = True
    assert "its owner grants access one by one. Ask for it on its page" in one_line("team/gated")
    assert "HF_TOKEN" in one_line("hfl/chinese-tinny")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    said = one_line("team/private")
    assert "hf_wrong" not in said
    assert "HF_TOKEN" in said


def test_a_token_that_no_request_may_hold_is_one_line(
    hub: Hub, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish(ID, files_of(tiny_base))
    monkeypatch.setenv("HF_TOKEN", "hf_蜂蜜")
    said = one_line(ID)
    assert f"nothing can be asked of {hub.endpoint}" in said
    assert "Mend or unset HF_ENDPOINT and HF_TOKEN" in said
    assert "蜂蜜" not in said


def test_a_download_that_breaks_off_goes_on_where_it_stopped(
    hub: Hub, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 4096)  # what is written at a time; as it comes, 10 MB
    hub.publish(ID, files_of(tiny_base))
    hub.break_off["model.safetensors"], hub.mends = 20_000, True
    assert find_base(ID).weights_fingerprint == find_base(str(tiny_base)).weights_fingerprint
    assert hub.resumed == {"model.safetensors": [4 * 4096]}


def test_a_download_that_does_not_go_on_says_what_to_do_and_keeps_whole_files(
    hub: Hub, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    hub.publish(ID, files_of(tiny_base))
    hub.break_off["model.safetensors"] = 20_000
    said = one_line(ID)
    assert f"its download from {hub.endpoint} broke off" in said
    assert "Run the same again: files that are whole are kept" in said
    whole = {asked for asked in hub.requests if asked.startswith("GET") and asked.endswith("config.json")}
    hub.break_off.clear()
    hub.requests.clear()
    assert find_base(ID).weights_fingerprint == find_base(str(tiny_base)).weights_fingerprint
    assert not whole & set(hub.requests)


def test_a_pickle_is_made_into_a_base_once_and_found_again_without_the_hub(
    hub: Hub, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    commit = hub.publish(ID, as_pickle(tiny_base, tmp_path)).branches["main"]
    with caplog.at_level(logging.WARNING, logger="lingyu.bases"):
        found = find_base(ID)
    assert caplog.messages == [
        f"{ID} holds a pickle only: made bases/hfl--chinese-tiny-{commit[:12]} of it, once. bert with keys under bert"
    ]
    assert (found.id, found.revision) == (ID, commit)
    assert found.folder == Path(f"bases/hfl--chinese-tiny-{commit[:12]}")
    assert found.weights_fingerprint == find_base(str(tiny_base)).weights_fingerprint
    assert found.tokenizer_fingerprint == find_base(str(tiny_base)).tokenizer_fingerprint
    assert found.lineage[0].id == ID
    assert not [asked for asked in hub.requests if asked.endswith((".py", ".h5"))]
    made = (found.folder / "lineage.json").stat().st_mtime_ns
    caplog.clear()
    assert find_base(ID).folder == found.folder
    shutil.rmtree(tmp_path / "cache")
    hub.out_of_order = 503
    assert [find_base(ID, revision).folder for revision in (None, commit)] == [found.folder] * 2
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find_base(ID).folder == found.folder
    assert ((found.folder / "lineage.json").stat().st_mtime_ns, caplog.messages) == (made, [])


def test_a_pinned_commit_that_was_made_is_not_asked_for(hub: Hub, tiny_base: Path, tmp_path: Path) -> None:
    commit = hub.publish(ID, as_pickle(tiny_base, tmp_path)).branches["main"]
    find_base(ID)
    hub.requests.clear()
    assert find_base(ID, commit).revision == commit
    assert hub.requests == []


def test_a_branch_that_moved_on_is_another_base(hub: Hub, tiny_base: Path, tmp_path: Path) -> None:
    repository = hub.publish(ID, as_pickle(tiny_base, tmp_path))
    first = find_base(ID)
    torch.save({n: t + 1 for n, t in load_file(tiny_base / "model.safetensors").items()}, tmp_path / "new.bin")
    repository.commit(repository.files() | {"pytorch_model.bin": (tmp_path / "new.bin").read_bytes()})
    second = find_base(ID)
    assert second.weights_fingerprint != first.weights_fingerprint
    assert find_base(ID, first.revision).weights_fingerprint == first.weights_fingerprint
    shutil.rmtree(tmp_path / "cache")
    hub.out_of_order = 503
    assert "is not in the cache" in one_line(ID), "which of the two is meant, nobody can say"


def test_a_pickle_that_is_not_of_tensors_leaves_nothing(hub: Hub, tiny_base: Path, tmp_path: Path) -> None:
    files = as_pickle(tiny_base, tmp_path)
    torch.save({"model": [1, 2]}, tmp_path / "other.bin")
    hub.publish(ID, files | {"pytorch_model.bin": (tmp_path / "other.bin").read_bytes()})
    assert "something else than tensors: 'model' is a list" in one_line(ID)
    config = json.loads(files["config.json"]) | {"auto_map": {"AutoModel": "modeling_evil.Model"}}
    hub.publish("team/code", files | {"config.json": json.dumps(config).encode()})
    assert "asks to run code of its own" in one_line("team/code")
    assert [path.name for path in Path("bases").iterdir()] == [".locks"]


def test_an_adapter_on_a_base_that_was_made_finds_it_again(
    hub: Hub, tiny_base: Path, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its id and commit; and from another folder, by its fingerprint, in bases/ beside the store."""
    from dataclasses import replace

    hub.publish(ID, as_pickle(tiny_base, tmp_path))
    base = find_base(ID)
    shutil.copytree(repo / "adapters", "adapters", ignore=shutil.ignore_patterns(".locks"))
    version = Store(Path("adapters").resolve()).open("hotel")
    record = version.manifest.base.model_copy(
        update={
            "id": ID,
            "revision": base.revision,
            "weights_fingerprint": base.weights_fingerprint,
            "tokenizer_fingerprint": base.tokenizer_fingerprint,
        }
    )
    version = replace(version, manifest=version.manifest.model_copy(update={"base": record, "max_length": 64}))
    hub.out_of_order = 503
    shutil.rmtree(tmp_path / "cache")
    assert find_base_of(version).folder == base.folder
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = find_base_of(version)
    assert (found.id, found.revision) == (ID, base.revision)
    assert found.weights_fingerprint == base.weights_fingerprint


class FileDownloadError(Exception):
    """modelscope_hub's, of which version 1.40.2 is made: raised after every file was tried."""

    def __init__(self, failed_files: dict[str, Exception]) -> None:
        super().__init__(f"{len(failed_files)} file(s) failed, token=secret")
        self.failed_files = failed_files


@pytest.fixture
def modelscope(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Stands where ModelScope's client would: its signature, its cache, its exceptions.

    folder: what the hub has. error: what any answer of it ends in. fails: by a file's name, what its download ends in.
    """
    state: dict[str, Any] = {"folder": tmp_path / "published", "asked": [], "error": None, "fails": {}}

    def snapshot_download(model_id: str, revision: str | None = None, **options: Any) -> str:
        state["asked"].append((model_id, revision, options))
        cached = tmp_path / "cache" / "models" / model_id.replace("/", "--") / "snapshots" / str(revision)
        if options.get("local_files_only"):
            if not cached.is_dir() or not any(cached.iterdir()):
                raise ValueError("no cached snapshot")
            return str(cached)
        if state["error"]:
            raise state["error"]
        cached.mkdir(parents=True, exist_ok=True)
        wanted = [f for f in state["folder"].iterdir() if any(f.match(p) for p in options["allow_patterns"])]
        for file in wanted:
            if file.name not in state["fails"]:
                shutil.copyfile(file, cached / file.name)
        failed = {file.name: state["fails"][file.name] for file in wanted if file.name in state["fails"]}
        if failed:
            raise FileDownloadError(failed)
        return str(cached)

    client = types.ModuleType("modelscope.hub.snapshot_download")
    client.snapshot_download = snapshot_download  # type: ignore[attr-defined]
    for name in ("modelscope", "modelscope.hub"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "modelscope.hub.snapshot_download", client)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return state


def test_structbert_of_modelscope_is_made_into_a_base_once(modelscope: dict[str, Any]) -> None:
    checkpoint("head-sequence", modelscope["folder"])
    found = find_base(STRUCTBERT)
    assert (found.id, found.revision) == (STRUCTBERT, "master")
    assert found.folder == Path("bases/iic--nlp_structbert_tiny-master")
    assert found.config.id2label == {0: "负面", 1: "中性", 2: "正面"}
    assert [asked[:2] for asked in modelscope["asked"]] == [("iic/nlp_structbert_tiny", "master")] * 2
    assert [found.id for found in bases_here()] == ["embedded", str(found.folder), STRUCTBERT]
    modelscope["asked"].clear()
    assert base_here(STRUCTBERT) == found
    assert base_here(STRUCTBERT, "v1.0") is None
    assert find_base(STRUCTBERT).folder == find_base(STRUCTBERT, "master").folder == found.folder
    assert modelscope["asked"] == []
    assert find_base(STRUCTBERT, "v1.0").folder == Path("bases/iic--nlp_structbert_tiny-v1.0")


def test_a_copy_of_what_was_made_does_not_hide_it(modelscope: dict[str, Any]) -> None:
    checkpoint("head-sequence", modelscope["folder"])
    made = find_base(STRUCTBERT).folder
    shutil.copytree(made, "bases/a-copy")
    modelscope["error"] = ConnectionError("no route")
    assert [find_base(STRUCTBERT, revision).folder for revision in (None, "master")] == [made] * 2
    shutil.rmtree(made)
    shutil.copytree("bases/a-copy", "bases/b-copy")
    assert find_base(STRUCTBERT).folder == Path("bases/a-copy")


def test_a_base_of_modelscope_that_is_one_already_stays_in_its_cache(
    modelscope: dict[str, Any], tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_base, modelscope["folder"])
    found = find_base("modelscope:AI-ModelScope/tiny")
    assert found.folder.parts[-4:] == ("models", "AI-ModelScope--tiny", "snapshots", "master")
    modelscope["error"] = ConnectionError("no route")
    assert find_base("modelscope:AI-ModelScope/tiny").folder == found.folder
    modelscope["asked"].clear()
    assert base_here("modelscope:AI-ModelScope/tiny") == found
    assert modelscope["asked"] == []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find_base("modelscope:AI-ModelScope/tiny").folder == found.folder
    assert all(options == {"local_files_only": True} for _, _, options in modelscope["asked"])
    assert not Path("bases").exists()


def test_what_modelscope_refuses_is_one_line(modelscope: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "https://somebody:secret@mirror.example")
    refusal = OSError("404 for url ...?token=secret")
    refusal.response = types.SimpleNamespace(status_code=404)  # type: ignore[attr-defined]
    modelscope["error"] = refusal
    said = one_line("modelscope:iic/nothing")
    assert "https://mirror.example has no such repository or no revision master" in said
    modelscope["error"] = RuntimeError("broken pipe, token=secret")
    assert "Run the same again, which goes on where it stopped; or set MODELSCOPE_ENDPOINT to a mirror" in (
        one_line("modelscope:iic/nothing")
    )
    assert "secret" not in said


def refused(status: int) -> Exception:
    """As version 1.40.2 raises it: requests' HTTPError without a response, of the hub's own error."""
    error = OSError(f"[E3020] [{status}] url?token=secret")
    error.__cause__ = RuntimeError("not found")
    error.__cause__.status_code = status  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("lacking", ["model.safetensors", "vocab.txt", "config.json"])
def test_a_download_of_modelscope_that_breaks_off_is_not_taken_for_a_base(
    lacking: str, modelscope: dict[str, Any], tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_base, modelscope["folder"])
    (modelscope["folder"] / "tokenizer.json").unlink()
    modelscope["fails"] = {lacking: ConnectionError("reset, token=secret")}
    said = one_line("modelscope:iic/tiny")
    assert f"its download from https://www.modelscope.cn broke off at {lacking} (ConnectionError)" in said
    assert "Run the same again, which goes on where it stopped" in said
    assert "secret" not in said
    modelscope["fails"] = {"vocab.txt": ConnectionError(), lacking: OSError(errno.ENOSPC, "No space left on device")}
    assert "the disk is full. Make room" in one_line("modelscope:iic/tiny")
    modelscope["error"] = ConnectionError("no route")
    assert "is not whole in the cache (ConnectionError)" in one_line("modelscope:iic/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "is not whole in the cache" in one_line("modelscope:iic/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    modelscope["fails"], modelscope["error"] = {}, None
    found = find_base("modelscope:iic/tiny")
    assert found.weights_fingerprint == find_base(str(tiny_base)).weights_fingerprint


def test_a_pickle_of_modelscope_of_which_a_part_is_missing_is_not_whole(
    modelscope: dict[str, Any], tiny_base: Path
) -> None:
    shutil.copytree(tiny_base, modelscope["folder"])
    tensors = load_file(modelscope["folder"] / "model.safetensors")
    (modelscope["folder"] / "model.safetensors").unlink()
    parts = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    torch.save(tensors, modelscope["folder"] / parts[0])
    torch.save({}, modelscope["folder"] / parts[1])
    index = {"weight_map": {**dict.fromkeys(tensors, parts[0]), "x": parts[1]}}
    (modelscope["folder"] / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    modelscope["fails"] = {parts[1]: TimeoutError()}
    assert f"broke off at {parts[1]} (TimeoutError)" in one_line("modelscope:iic/tiny")
    modelscope["error"] = ConnectionError("no route")
    assert "is not whole in the cache (ConnectionError)" in one_line("modelscope:iic/tiny")
    assert [found.state for found in bases_here() if found.id == "modelscope:iic/tiny"] == ["incomplete"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (refused(404), r"no such repository or no revision master of it, or keeps it private \(404\)"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (RuntimeError("what the client did not expect"), r"broke off \(RuntimeError\)"),
    ],
)
def test_only_a_hub_that_is_out_of_reach_is_answered_by_the_cache(
    error: Exception, says: str, modelscope: dict[str, Any], tiny_base: Path
) -> None:
    shutil.copytree(tiny_base, modelscope["folder"])
    folder = find_base("modelscope:iic/tiny").folder
    modelscope["error"] = error
    assert re.search(says, one_line("modelscope:iic/tiny"))
    for out_of_reach in (ConnectionError(), TimeoutError(errno.ETIMEDOUT, "timed out"), refused(503)):
        modelscope["error"] = out_of_reach
        assert find_base("modelscope:iic/tiny").folder == folder


def test_what_is_here_is_listed_with_what_it_lacks(
    hub: Hub, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_base, "bases/hotel")
    shutil.copytree(tiny_base, "bases/torn")
    Path("bases/torn/model.safetensors").unlink()
    checkpoint("sequence", Path("bases/structbert"))
    commit = hub.publish(ID, files_of(tiny_base)).branches["main"]
    find_base(ID)
    hub.publish("team/pickled", as_pickle(tiny_base, tmp_path))
    made = find_base("team/pickled")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = {(base.id, base.state, base.lacking) for base in bases_here()}
    assert found == {
        ("embedded", "ready", ()),
        ("bases/hotel", "ready", ()),
        ("bases/torn", "incomplete", ("weights",)),
        ("bases/structbert", "import", ()),
        (str(made.folder), "ready", ()),
        (ID, "ready", ()),
        ("team/pickled", "import", ()),
    }
    assert next(base for base in bases_here() if base.id == ID).revision == commit
    assert {base.family for base in bases_here()} == {"bert", "structbert"}
