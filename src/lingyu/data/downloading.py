"""Fetching a file over HTTP: bounded in size and time, whole or not at all."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lingyu.errors import LingyuError

_CHUNK_BYTES = 1 << 16
_NEXT = (
    "Try again, set LINGYU_DATA_MIRROR to a mirror of raw.githubusercontent.com, or give a local copy with --from DIR"
)

Progress = Callable[[str, int, int | None], None]  # name of the file, bytes so far, bytes in all where that is known


@dataclass(frozen=True)
class Limits:
    """timeout_s: of a single wait for the server. deadline_s: of a whole file, for servers that drip."""

    timeout_s: float = 30.0
    deadline_s: float = 900.0
    size_bytes: int = 256 * 1024 * 1024


def download(url: str, to: Path, limits: Limits, progress: Progress | None = None) -> None:
    """Write what the URL holds to a file.

    Raises LingyuError, with no file left, for an answer that is no, a server that hangs, and a transfer that breaks off
    or outgrows the limits.
    """
    if not url.startswith(("http://", "https://")):
        raise LingyuError("not an http or https address", url, "Correct LINGYU_DATA_MIRROR")
    try:
        _fetch(url, to, limits, progress)
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer, and holds the connection
        raise _failed(f"the server answers {error.code} {error.reason}", url, to) from error
    except TimeoutError as error:
        raise _failed("the server stopped answering", url, to) from error
    except urllib.error.URLError as error:
        hung = isinstance(error.reason, TimeoutError)
        raise _failed("the server does not answer" if hung else f"no connection ({error.reason})", url, to) from error
    except (http.client.HTTPException, ConnectionError) as error:
        raise _failed("the transfer broke off", url, to) from error
    except BaseException:
        to.unlink(missing_ok=True)
        raise


def _fetch(url: str, to: Path, limits: Limits, progress: Progress | None) -> None:
    until = time.monotonic() + limits.deadline_s
    request = urllib.request.Request(url, headers={"User-Agent": "lingyu"})  # noqa: S310 - download() checks the scheme
    with urllib.request.urlopen(request, timeout=limits.timeout_s) as answer, to.open("wb") as file:  # noqa: S310
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
        done = 0
        while chunk := answer.read(_CHUNK_BYTES):
            done += len(chunk)
            if done > limits.size_bytes or time.monotonic() > until:
                over = "larger" if done > limits.size_bytes else "slower"
                raise _failed(f"the file comes {over} than any known set should", url, to)
            file.write(chunk)
            if progress:
                progress(to.name, done, total)
    if total is not None and done < total:
        raise _failed(f"the transfer broke off after {done:,} of {total:,} bytes", url, to)


def _failed(what: str, url: str, to: Path) -> LingyuError:
    to.unlink(missing_ok=True)
    return LingyuError(what, url, _NEXT)
