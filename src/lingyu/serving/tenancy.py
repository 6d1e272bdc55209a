"""Which adapters a tenant means at this moment."""

import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lingyu.errors import LingyuError, did_you_mean, printable
from lingyu.store import AdapterReference, Store, Tenant, read_tenants, refuse_symlink

_log = logging.getLogger(__name__)

_Signature = tuple[int, int, int]


class Tenancy:
    """tenants.yaml as it stands; without one, every adapter of the store is a tenant of its own name.

    A file that is changed counts once a refresh has read it. One that is changed for the worse, or goes away, does not:
    the last good one goes on, with a line in the log. For falling back to names would let anybody ask any adapter.
    """

    def __init__(self, store: Store, file: Path) -> None:
        """Raises LingyuError for a file with faults."""
        self._store = store
        self._file = file
        self._signature = _signature(file)
        # a link to nowhere is a file with a fault, not a store without tenants
        self._tenants = self._read() if os.path.lexists(file) else None
        self._reading = threading.Lock()

    def refresh(self) -> None:
        """Read the file again where it has changed. One thread at a time, so that what is read last is what counts;
        the others go on by the tenants in force meanwhile, since thousands of them take seconds to read."""
        if not self._reading.acquire(blocking=False):
            return
        try:
            self._read_again()
        finally:
            self._reading.release()

    def _read_again(self) -> None:
        signature = _signature(self._file)
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._tenants = self._read()
        except LingyuError as error:
            _log.warning("%s; the tenants that were read before stay in force", printable(str(error)))

    def _read(self) -> Mapping[str, Tenant]:
        if self._file.parent == self._store.root:  # elsewhere, in a mounted configuration, links are the custom
            refuse_symlink(self._file)
        if _is_pipe(self._file):
            raise LingyuError("a named pipe, which may never end", where=self._file, next="Write a file in its place")
        return read_tenants(self._file)

    def now(self, name: str) -> Tenant:
        """The tenant, its channels followed to the versions that they name at this moment.

        Raises LingyuError for an unknown tenant, adapter or channel, with what was nearly meant.
        """
        tenant = self._named(name)
        return replace(tenant, adapters=tuple(self._store.find(reference) for reference in tenant.adapters))

    def _named(self, name: str) -> Tenant:
        tenants: Mapping[str, Tenant] | None = self._tenants
        if tenants is None:
            return Tenant(
                name=name, adapters=(AdapterReference.parse(name),), thresholds={}, where=str(self._store.root)
            )
        if not name:
            raise LingyuError("no tenant is named", where=self._file, next="Fill in the cell, or take the row out")
        if name not in tenants:
            near = did_you_mean(name, tenants)
            next_step = f"Did you mean `{near}`?" if near else f"Write it into {self._file}"
            raise LingyuError(f"no tenant {name!r:.80}", where=self._file, next=next_step)
        return tenants[name]


def _is_pipe(file: Path) -> bool:
    try:
        return file.is_fifo()
    except OSError:  # whoever reads it says what is wrong
        return False


def _signature(file: Path) -> _Signature | None:
    """What changes when the file does, or who may read it: a rename gives another inode, the rest another ctime."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns, status.st_size
