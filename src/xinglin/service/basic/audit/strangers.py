"""Counts refusals of whoever could not show who it is, and logs them by source and minute (design D13; AC9 to AC11).

A flood of strangers costs one transaction a minute, and of each source the chain holds a commitment alone. What was
counted since the last minute that was logged is lost in a crash: nobody was served.
"""

from __future__ import annotations

import threading
from collections import Counter

from xinglin.carrier.ledger.build import Signer, operation
from xinglin.kernel.encoding import decode, encode, state_key
from xinglin.service.basic.audit.model import NAMESPACE, Aggregate, LastMinute, SourceCount
from xinglin.service.basic.audit.ports import PrivateChain
from xinglin.service.basic.audit.rules import MINUTE_MS, source_commitment

FURTHER = bytes(32)
"""Stands for all sources beyond those that are told apart in one minute."""
MAX_SOURCES = 255
"""So many are told apart; with the further ones they fill a batch."""
_WAIT_SECONDS = 60.0


class Strangers:
    """The counts of the minutes that are not logged yet.

    Args:
        chain: the private chain, whose engine runs.
        signer: the institution's service account.
        salt: 16 bytes that the institution keeps, so that it can find a source again and nobody else can.
    """

    def __init__(self, chain: PrivateChain, signer: Signer, salt: bytes) -> None:
        self._chain = chain
        self._signer = signer
        self._salt = salt
        self._suite = chain.ledger.rules.suite
        self._minutes: dict[int, Counter[bytes]] = {}
        stored = chain.ledger.value(state_key(NAMESPACE, "minute"))
        self._first = 0 if stored is None else decode(LastMinute, stored).minute + MINUTE_MS
        self._lock = threading.Lock()

    def note(self, source: bytes, now: int) -> None:
        """Count one refusal.

        Args:
            source: whence it came, such as a network address.
            now: the node's clock, ms.
        """
        commitment = source_commitment(self._suite.hash, self._salt, source)
        with self._lock:
            minute = max(now // MINUTE_MS * MINUTE_MS, self._first)  # a clock may go back, minutes are logged once
            counts = self._minutes.setdefault(minute, Counter())
            counts[commitment if commitment in counts or len(counts) < MAX_SOURCES else FURTHER] += 1

    def flush(self, now: int) -> int:
        """Log the minutes that are over, oldest first, and return how many there were. For one thread at a time.

        Raises:
            PlatformError: the chain takes nothing now; the counts are kept for the next call.
        """
        with self._lock:
            over = sorted(minute for minute in self._minutes if minute + MINUTE_MS <= now)
        for minute in over:
            with self._lock:
                counts, self._first = self._minutes.pop(minute), minute + MINUTE_MS
            try:
                self._log(minute, counts)
            except BaseException:
                with self._lock:
                    self._minutes[minute] = counts
                raise
        return len(over)

    def _log(self, minute: int, counts: Counter[bytes]) -> None:
        items = [encode(SourceCount(source, count)) for source, count in sorted(counts.items())]
        call = operation(self._suite, NAMESPACE, "aggregate", Aggregate(minute), items)
        committed = self._chain.submit(self._chain.build([call], [self._signer]).raw).result(_WAIT_SECONDS)
        if committed.code:
            raise self._chain.refusal(committed)
