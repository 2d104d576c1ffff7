"""A process of its own that looks whether an access entry is in a private chain's store on disk.

``python -m tests.support.witness`` reads lines (home, chain, log index, item as JSON), opens the store anew for each,
for reading only, and writes the entry in hexadecimal, or an empty line where there is none. ``Witness`` talks to it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from tests.support.product import child, child_environment
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.model import Transaction
from xinglin.carrier.ledger.records import read_entry
from xinglin.carrier.ledger.store import Store, chain_folder
from xinglin.kernel.encoding import decode
from xinglin.service.basic.audit.model import AccessEntry, OpenedCopy
from xinglin.service.basic.audit.rules import entry_hash
from xinglin.service.basic.reading.model import Answer

_HASH = suite("gm").hash


class Unwitnessed(AssertionError):
    """An answer was handed out whose entry is not on disk, or says something else."""


class Witness:
    """The other process. ``looked`` counts the entries that it found."""

    def __init__(self) -> None:
        self.looked = 0
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Witness:
        """The process is started when it is first asked."""
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """End it."""
        if self._process is not None:
            self._process.communicate()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = child(module="tests.support.witness")
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, env=child_environment(), stdin=pipe, stdout=pipe)
        return self._process

    def entry(self, home: Path, chain: str, index: int, item: int) -> bytes:
        """Return the entry that a store on disk has at a place, empty if none."""
        with self._turn:
            process = self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([str(home), chain, index, item]).encode() + b"\n")
            process.stdin.flush()
            return bytes.fromhex(process.stdout.readline().decode())

    def check(self, home: Path, answer: Answer) -> AccessEntry:
        """Compare an answer with the entry on disk and return that.

        Raises:
            Unwitnessed: there is none at the receipt's place, or it does not say what was answered.
        """
        receipt = answer.receipt.receipt
        raw = self.entry(home, receipt.chain, receipt.index, receipt.item)
        if not raw:
            raise Unwitnessed(f"no entry at {receipt.index}, {receipt.item}")
        entry = decode(AccessEntry, raw)
        served = answer.disclosed or answer.found or answer.link
        if entry_hash(_HASH, raw) != receipt.entry or entry.request != receipt.request:
            raise Unwitnessed("the entry is not that of the receipt")
        if entry.outcome != receipt.outcome or (served and entry.outcome):
            raise Unwitnessed("served on an entry of a refusal")
        copies = {OpenedCopy(one.copy) for one in answer.disclosed} or {OpenedCopy.NONE}
        if copies != {entry.copy} or any(one.commitment != entry.commitment for one in answer.disclosed):
            raise Unwitnessed("another copy or record was served than the entry says")
        self.looked += 1
        return entry


def main() -> None:
    """Answer lines until there are no more."""
    for line in sys.stdin:
        home, chain, index, item = json.loads(line)
        store = Store(chain_folder(Path(home), chain), chain, writable=False)
        try:
            with store.snapshot() as view:
                found = read_entry(view, chain, index)
            transaction = decode(Transaction, found.transaction)
            items = [one for each in transaction.operations for one in each.items]
            said = items[item].hex()
        except Exception:  # noqa: BLE001  (whatever it is, there is no such entry)
            said = ""
        finally:
            store.close()
        sys.stdout.write(said + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
