"""Submissions whose signed bytes lie in a file until their outcome is certain (docs/spec/membership.md, MB25).

What brings a new key onto a chain must not be signed anew while it may still be committed, also by a process that was
killed: the file is there before the transaction goes out, and whoever comes next hands in the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Built
from xinglin.carrier.ledger.errors import TransactionExpired
from xinglin.carrier.ledger.model import Transaction
from xinglin.kernel.encoding import decode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node.remote.claims import Assurance, Assured
from xinglin.node.remote.errors import SubmissionUnknown


class Submits(Protocol):
    """What submits; ``RemoteChain`` does."""

    suite: Suite

    def call_built(self, built: Built, *, again: bool = False) -> Assured:
        """See ``RemoteChain.call_built``."""
        ...


def submit_kept(chain: Submits, kept: Path, sign: Callable[[], Built]) -> Assured:
    """Submit what a file keeps, else what is signed now; the file stays when it is committed, for the caller to remove.

    Args:
        chain: submits it.
        kept: the file; removed when the transaction is refused for good.
        sign: returns a new transaction; called only when none is kept, or the one that is will never be in a block.

    Returns: where it went, by a quorum's signature or this user's own node.

    Raises:
        SubmissionUnknown: the outcome is open, or one node's word alone; the file stays.
        PlatformError: the refusal.
    """
    if kept.exists():
        with suppress(TransactionExpired):  # then it is in no block, and a new one may be made
            return _submitted(chain, kept_transaction(chain.suite, kept), kept, again=True)
    built = sign()
    write_durably(kept, built.raw)
    return _submitted(chain, built, kept, again=False)


def kept_transaction(suite: Suite, kept: Path) -> Built:
    """Return the transaction that a file keeps; raises EncodingInvalid where it is none."""
    raw = kept.read_bytes()
    header = decode(Transaction, raw).header
    return Built(raw, tagged(suite.hash, Tag.BODY, header), header.valid_until)


def _submitted(chain: Submits, built: Built, kept: Path, *, again: bool) -> Assured:
    try:
        committed = chain.call_built(built, again=again)
    except SubmissionUnknown:
        raise
    except PlatformError:
        kept.unlink(missing_ok=True)
        raise
    if committed.assurance is Assurance.NODE:  # one node's word, by which nothing is done for good
        raise SubmissionUnknown(body=built.body, valid_until=built.valid_until)
    return committed
