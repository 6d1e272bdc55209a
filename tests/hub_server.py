"""A hub in a thread: what huggingface_hub's real client asks of huggingface.co, answered from memory over HTTP.

Repositories of models with branches, tags and commits; new ones, commits with regular and LFS files, downloads with
ranges. It can demand tokens, be out of order, and break off a download. No Xet: run the client with
HF_HUB_DISABLE_XET=1. `Hub.environment` is what a command needs to find it.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

WRITER = "hf_writer"
READER = "hf_reader"

Files = dict[str, bytes]


@dataclass
class Repository:
    """commits: commit: files. branches, tags: name: commit. gated: its owner lets people in one by one."""

    private: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    gated: bool = False

    def commit(self, files: Mapping[str, bytes], branch: str = "main") -> str:
        """A branch's next commit, which holds these files and no others."""
        said = f"{len(self.commits)}{sorted((name, _git_oid(data)) for name, data in files.items())}"
        commit = hashlib.sha1(said.encode()).hexdigest()
        self.commits[commit] = dict(files)
        self.branches[branch] = commit
        return commit

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch, tag or commit; None where there is none."""
        known = {**{commit: commit for commit in self.commits}, **self.tags, **self.branches}
        return known.get(revision)

    def files(self, revision: str = "main") -> Files:
        return self.commits[str(self.resolve(revision))]


@dataclass
class Hub:
    """tokens: token: whether it may write. break_off: path of a file: after how many bytes its download ends.

    mends: whether such a download breaks off once only. out_of_order: the status that answers everything.
    refuse_uploads: the status that answers the large files of a push.
    requests: what was asked, in order. resumed: path of a file: from which bytes on it was asked for.
    """

    endpoint: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    tokens: dict[str, bool] = field(default_factory=lambda: {WRITER: True, READER: False})
    break_off: dict[str, int] = field(default_factory=dict)
    mends: bool = False
    out_of_order: int | None = None
    refuse_uploads: int | None = None
    requests: list[str] = field(default_factory=list)
    resumed: dict[str, list[int]] = field(default_factory=dict)
    lfs: dict[str, bytes] = field(default_factory=dict)

    def publish(self, name: str, files: Mapping[str, bytes], *, private: bool = False) -> Repository:
        """A repository with one commit, as its owner left it."""
        repository = self.repositories.setdefault(name, Repository(private))
        repository.commit({".gitattributes": b"*.safetensors filter=lfs\n", **files})
        return repository

    def environment(self, token: str | None = WRITER) -> dict[str, str]:
        found = {"HF_ENDPOINT": self.endpoint, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        return {**found, "HF_TOKEN": token} if token else found


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


class _Refusal(Exception):  # noqa: N818 - an answer
    """status, and the hub's own headers that say why."""

    def __init__(self, status: int, code: str = "", message: str = "", body: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"X-Error-Code": code, "X-Error-Message": message or code}
        self.body = {"error": message or code} if body is None else body


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        """stderr is pytest's."""

    def _answer(self) -> None:
        self._body = self._read_body()
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        method = "GET" if self.command == "HEAD" else self.command
        try:
            if self.hub.out_of_order:
                raise _Refusal(self.hub.out_of_order, message="out of order")
            for wanted, pattern, action in _ROUTES:
                match = re.fullmatch(pattern, path)
                if wanted == method and match:
                    if wanted == "POST":  # what is PUT goes to an address that only a writer was told
                        self._require_writer()
                    action(self, **match.groupdict())
                    return
            raise _Refusal(404, message="no such page")
        except _Refusal as refusal:
            self._send_json(refusal.body, refusal.status, refusal.headers)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    # access

    def _token(self) -> str | None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme and token not in self.hub.tokens:
            raise _Refusal(401, message="Invalid credentials in Authorization header")
        return token or None

    def _require_writer(self) -> None:
        token = self._token()
        if token is None:
            raise _Refusal(401, message="Invalid username or password.")
        if not self.hub.tokens[token]:
            raise _Refusal(403, message="You don't have the rights to write here")

    def _repository(self, name: str) -> Repository:
        token, found = self._token(), self.hub.repositories.get(name)
        if found is None or (found.private and token is None):
            raise _Refusal(404 if token else 401, "RepoNotFound", "Repository not found")
        return found

    def _commit_of(self, name: str, revision: str | None) -> tuple[Repository, str]:
        repository = self._repository(name)
        commit = repository.resolve(revision or "main")
        if commit is None:
            raise _Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repository, commit

    # answers

    def _send_json(self, document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        self._send_head(status, {"Content-Type": "application/json", **(headers or {})}, len(data))
        if self.command != "HEAD":
            self.wfile.write(data)

    def _send_head(self, status: int, headers: Mapping[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    # reading

    def info(self, name: str, revision: str | None = None) -> None:
        repository, commit = self._commit_of(name, revision)
        siblings = [{"rfilename": path} for path in sorted(repository.commits[commit])]
        self._send_json(
            {
                "id": name,
                "modelId": name,
                "sha": commit,
                "private": repository.private,
                "siblings": siblings,
                "tags": [],
            }
        )

    def tree(self, name: str, revision: str) -> None:
        repository, commit = self._commit_of(name, revision)
        files = repository.commits[commit]
        folders = {path.rpartition("/")[0] for path in files} - {""}
        self._send_json(
            [
                *({"type": "directory", "path": path, "oid": _git_oid(path.encode()), "size": 0} for path in folders),
                *(_tree_entry(path, data) for path, data in sorted(files.items())),
            ]
        )

    def refs(self, name: str) -> None:
        repository = self._repository(name)
        kinds = {"branches": ("heads", repository.branches), "tags": ("tags", repository.tags), "converts": ("", {})}
        self._send_json(
            {
                kind: [
                    {"name": ref, "ref": f"refs/{path}/{ref}", "targetCommit": commit} for ref, commit in refs.items()
                ]
                for kind, (path, refs) in kinds.items()
            }
        )

    def resolve(self, name: str, revision: str, path: str) -> None:
        repository, commit = self._commit_of(name, revision)
        if repository.gated:
            raise _Refusal(403, "GatedRepo", "Access to this model is restricted")
        data = repository.commits[commit].get(path)
        if data is None:
            raise _Refusal(404, "EntryNotFound", "Entry not found")
        headers = {"ETag": f'"{_oid(path, data)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        first = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
        if first:
            self.hub.resumed.setdefault(path, []).append(first)
            headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
        self._send_head(206 if first else 200, headers, len(data) - first)
        if self.command == "HEAD":
            return
        end = self.hub.break_off.get(path, len(data))
        self.wfile.write(data[first:end])
        self.close_connection = end < len(data)
        if self.close_connection and self.hub.mends:
            del self.hub.break_off[path]

    # writing

    def create(self) -> None:
        asked = json.loads(self._body)
        name = f"{asked.get('organization') or 'somebody'}/{asked['name']}"
        url = {"url": f"{self.hub.endpoint}/{name}"}
        if name in self.hub.repositories:
            raise _Refusal(409, message="You already created this model repo", body=url)
        is_private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.hub.publish(name, {}, private=is_private)
        self._send_json(url)

    def validate_yaml(self) -> None:
        """As the real one: a base that no hub can have is an error."""
        base = re.search(r"^base_model: *(.+)$", json.loads(self._body)["content"], re.MULTILINE)
        if base and re.fullmatch(r"[\w.-]+(/[\w.-]+)?", base[1].strip()) is None:
            message = f'"base_model" with value "{base[1]}" is not valid. Use a model id from https://hf.co/models.'
            raise _Refusal(400, body={"errors": [{"message": message}], "warnings": []})
        self._send_json({"errors": [], "warnings": []})

    def preupload(self, name: str, revision: str) -> None:
        repository, commit = self._commit_of(name, revision)
        present = repository.commits[commit]
        self._send_json(
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if _is_lfs(file["path"]) else "regular",
                        "shouldIgnore": False,
                        "oid": _oid(file["path"], present[file["path"]]) if file["path"] in present else None,
                    }
                    for file in json.loads(self._body)["files"]
                ]
            }
        )

    def lfs_batch(self, name: str) -> None:
        self._repository(name)
        wanted = json.loads(self._body)["objects"]
        self._send_json({"transfer": "basic", "objects": [self._lfs_object(entry) for entry in wanted]})

    def _lfs_object(self, entry: Mapping[str, Any]) -> dict[str, object]:
        upload = {"upload": {"href": f"{self.hub.endpoint}/lfs/{entry['oid']}", "header": {}}}
        return {**entry, **({} if entry["oid"] in self.hub.lfs else {"actions": upload})}

    def lfs_put(self, oid: str) -> None:
        if self.hub.refuse_uploads:
            raise _Refusal(self.hub.refuse_uploads, message="not taken in")
        if hashlib.sha256(self._body).hexdigest() != oid:
            raise _Refusal(400, message="the object is not what it is called")
        self.hub.lfs[oid] = self._body
        self._send_json({})

    def commit(self, name: str, revision: str) -> None:
        repository, before = self._commit_of(name, revision)
        files = dict(repository.commits[before])
        for line in self._body.splitlines():
            item = json.loads(line)
            value = item["value"]
            match item["key"]:
                case "header":
                    if value.get("parentCommit") not in (None, before):
                        raise _Refusal(412, message="the branch has moved on")
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.hub.lfs[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        after = repository.commit(files, revision)
        url = f"{self.hub.endpoint}/{name}/commit/{after}"
        self._send_json({"success": True, "commitOid": after, "commitUrl": url, "hookOutput": ""})

    def tag(self, name: str, revision: str) -> None:
        repository, commit = self._commit_of(name, revision)
        tag = json.loads(self._body)["tag"]
        if tag in repository.tags:
            raise _Refusal(409, message=f"tag {tag} exists")
        repository.tags[tag] = commit
        self._send_json({})


_NAME = r"(?P<name>[^/]+/[^/]+)"
_REVISION = r"(?P<revision>.+?)"

_ROUTES: tuple[tuple[str, str, Callable[..., None]], ...] = (
    ("POST", r"/api/repos/create", _Handler.create),
    ("POST", r"/api/validate-yaml", _Handler.validate_yaml),
    ("GET", rf"/api/models/{_NAME}", _Handler.info),
    ("GET", rf"/api/models/{_NAME}/revision/{_REVISION}", _Handler.info),
    ("GET", rf"/api/models/{_NAME}/tree/{_REVISION}", _Handler.tree),
    ("GET", rf"/api/models/{_NAME}/refs", _Handler.refs),
    ("GET", rf"/{_NAME}/resolve/{_REVISION}/(?P<path>.+)", _Handler.resolve),
    ("POST", rf"/api/models/{_NAME}/preupload/{_REVISION}", _Handler.preupload),
    ("POST", rf"/{_NAME}\.git/info/lfs/objects/batch", _Handler.lfs_batch),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", _Handler.lfs_put),
    ("POST", rf"/api/models/{_NAME}/commit/{_REVISION}", _Handler.commit),
    ("POST", rf"/api/models/{_NAME}/tag/{_REVISION}", _Handler.tag),
)
"""Method, path, what answers. HEAD is answered as GET without its body."""


def _is_lfs(path: str) -> bool:
    return path.endswith((".safetensors", ".png", ".bin"))


def _oid(path: str, data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if _is_lfs(path) else _git_oid(data)


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _tree_entry(path: str, data: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(data), "oid": _git_oid(data)}
    if _is_lfs(path):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 127}
    return entry
