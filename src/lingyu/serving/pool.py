"""Adapters in memory: each loaded once, the least recently used out when they take more than a budget of bytes."""

import logging
import threading
from collections import OrderedDict
from concurrent.futures import Future

from lingyu.errors import LingyuError, from_os_error
from lingyu.store import MANIFEST, AdapterReference, Store, Version

from .engine import Engines, Resident

_log = logging.getLogger(__name__)

# A version, and the manifest that stood there when it was loaded: whoever puts another store in its place, under
# the same names, gets that one's answers.
_Key = tuple[str, int, int]


class Pool:
    """The adapters of a store. Threads may share it; loading one keeps nobody waiting who asks for another.

    What a batch holds stays alive until the batch is done, in the pool or not: residents never change.
    """

    def __init__(self, store: Store, budget_bytes: int) -> None:
        self._store = store
        self._budget_bytes = budget_bytes
        self._engines = Engines()
        self._residents: OrderedDict[_Key, Future[Resident]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, found: AdapterReference) -> Resident:
        """A version, verified when it is loaded. found: its channel followed.

        Raises LingyuError where it fails verification, or does not fit its base; it is tried again when it is next
        asked for.
        """
        key = self._key(found)
        with self._lock:
            future = self._residents.get(key)
            if future is None:
                mine = self._residents[key] = Future()
            else:
                self._residents.move_to_end(key)
        if future is not None:
            return future.result()
        try:
            mine.set_result(self._load(found))
        except BaseException as error:
            with self._lock:
                del self._residents[key]
            mine.set_exception(error)
            raise
        self._evict()
        return mine.result()

    def _key(self, found: AdapterReference) -> _Key:
        try:
            status = (self._store.root / found.name / found.selector / MANIFEST).stat()
        except OSError:
            return str(found), 0, 0  # whoever opens it says what is wrong
        return str(found), status.st_ino, status.st_mtime_ns

    def _load(self, found: AdapterReference) -> Resident:
        try:
            version = self._store.open(found)
            return self._engines.of(version).admit(version)
        except LingyuError:
            raise
        except OSError as error:
            raise from_os_error(error) from error
        except Exception as error:
            _log.exception("%s could not be loaded", found)
            what = f"could not be loaded ({type(error).__name__})"
            raise LingyuError(what, where=found, next="The log says more: please report it") from error

    @property
    def versions(self) -> tuple[Version, ...]:
        """Those in memory, the least recently used first."""
        with self._lock:
            return tuple(resident.version for resident in self._in_memory().values())

    @property
    def size_bytes(self) -> int:
        with self._lock:
            return self._size()

    def _evict(self) -> None:
        """Out with the oldest while the rest is over the budget; the newest stays even if it alone is."""
        with self._lock:
            for key in list(self._in_memory())[:-1]:
                if self._size() <= self._budget_bytes:
                    return
                del self._residents[key]

    def _size(self) -> int:
        return sum(resident.size_bytes for resident in self._in_memory().values())

    def _in_memory(self) -> dict[_Key, Resident]:
        """Without those that are being loaded. One that fails is taken out before it is done."""
        return {key: future.result() for key, future in self._residents.items() if future.done()}
