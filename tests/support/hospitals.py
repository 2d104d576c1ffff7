"""Two hospitals that ask each other for records, as far as the audit goes: requests, twins, entries, receipts, anchors.

Homes, chains and engines are real; whether a reader may read, and the record itself, are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.product import CHEAP, PASSPHRASE
from xinglin.carrier.access.registry.model import KeyState
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import ChainObject, decode, state_key
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import SERVICE
from xinglin.node.node import Group, Node, open_node, run_group
from xinglin.node.opening import anchoring, open_for_business
from xinglin.node.records.access import access_log, open_trace
from xinglin.node.setup import GROUP, adopt, consortium_genesis, make_home
from xinglin.service.basic.audit.auditing import AccessFinding, Anchored, anchors_of, overdue
from xinglin.service.basic.audit.messages import AccessReceipt, AccessRequest, Asked, SignedReceipt, SignedRequest
from xinglin.service.basic.audit.model import AccessEntry, AnswerTwin, AskTwin, OpenedCopy, Proven, ReaderProof
from xinglin.service.basic.audit.projection import AccessRow, Twin
from xinglin.service.basic.audit.receipts import (
    Here,
    authenticate,
    check_receipt,
    check_receipt_time,
    receipt_hash,
    receipt_of,
    request_hash,
    sign_receipt,
    sign_request,
)
from xinglin.stakeholders.kinds import MemberKind

STALE_MS = 3_600_000
"""How long a machine may stand still in a test without making an anchor late; what the lag is, its own tests show."""
LATER_MS = 2 * STALE_MS
"""So much later every receipt of a test is due."""


@dataclass
class Hospitals:
    """Two open homes: the first keeps records, the second asks."""

    group: Group
    receipts: list[AccessReceipt] = field(default_factory=list)

    @property
    def custodian(self) -> Node:
        return self.group.nodes[0]

    @property
    def reader(self) -> Node:
        return self.group.nodes[1]

    @property
    def suite(self) -> Suite:
        return self.consortium.rules.suite

    @property
    def consortium(self) -> Ledger:
        return self.custodian.consortium

    @property
    def private(self) -> Ledger:
        return self.custodian.private_ledger()

    def account(self, node: Node) -> str:
        """Return the account whose key a home signs with."""
        stored = self.consortium.value(state_key("registry", "key", node.keys.public(SERVICE)))
        return decode(KeyState, stored or b"").account

    def request(self, commitment: bytes) -> SignedRequest:
        """Return a request that the reader signed."""
        request = AccessRequest(
            chain=self.consortium.rules.chain,
            id=os.urandom(16),
            account=self.account(self.reader),
            member=self.reader.member,
            custodian=self.custodian.settings.node,
            asked=Asked("record", commitment),
            action="read",
            purpose="treat",
            consents=(),
            valid_until=SystemClock().now_ms() + 60_000,
        )
        return sign_request(self.suite.hash, request, self.reader.signer(SERVICE))

    def ask(self, signed: SignedRequest) -> None:
        """Open the twin before the request leaves."""
        request = request_hash(self.suite.hash, signed.request)
        self.private_call(self.reader, "ask", AskTwin(request, self.custodian.member, signed.request.account))

    def entry(self, signed: SignedRequest, outcome: int = 0, **fields: Any) -> AccessEntry:
        """Return the entry that the custodian makes of a request."""
        request, seen = signed.request, self.consortium.tip
        given = {
            "commitment": request.asked.name,
            "member": request.member,
            "account": request.account,
            "action": request.action,
            "outcome": outcome,
            "basis": "consent",
            "reference": b"",
            "purpose": request.purpose,
            "copy": OpenedCopy(int(outcome == 0)),
            "request": request_hash(self.suite.hash, request),
            "proven": Proven.SIGNATURE,
            "proof": (ReaderProof(signed.key, signed.signature),),
            "seen_height": seen.height,
            "seen_time": seen.time,
            "time": SystemClock().now_ms(),
        }
        return AccessEntry(**(given | fields))

    def serve(self, signed: SignedRequest, outcome: int = 0) -> SignedReceipt:
        """Check who asks, log the entry, and give the receipt."""
        here = Here(self.consortium.rules.chain, self.custodian.settings.node, SystemClock().now_ms())
        authenticate(self.suite, signed, here, self.consortium.value)
        entry = self.entry(signed, outcome)
        with access_log(self.custodian) as log:
            place = log.log(entry)
        return self.receipt(entry, place.entry, place.index, place.item)

    def receipt(self, entry: AccessEntry, hash_: bytes, index: int, item: int) -> SignedReceipt:
        """Return the receipt of an entry, whether it is there or not."""
        receipt = receipt_of(self.private.rules.chain, entry, hash_, index, item)
        return sign_receipt(self.suite.hash, receipt, self.custodian.signer(SERVICE))

    def accept(self, signed: SignedRequest, receipt: SignedReceipt) -> None:
        """Check a receipt, keep it, and close the twin."""
        request = request_hash(self.suite.hash, signed.request)
        check_receipt(self.suite, receipt, request, self.custodian.member, self.consortium.value)
        check_receipt_time(receipt.receipt, self.reader.consortium.tip.time, SystemClock().now_ms())
        self.receipts.append(receipt.receipt)
        answer = AnswerTwin(request, receipt_hash(self.suite.hash, receipt.receipt), receipt.receipt.outcome)
        self.private_call(self.reader, "answered", answer)

    def read(self, commitment: bytes, outcome: int = 0) -> SignedRequest:
        """Ask, serve, accept."""
        signed = self.request(commitment)
        self.ask(signed)
        self.accept(signed, self.serve(signed, outcome))
        return signed

    def log(self, *entries: AccessEntry) -> None:
        """Log entries at the custodian, one after the other."""
        with access_log(self.custodian) as log:
            for entry in entries:
                log.log(entry)

    def anchor(self) -> bool:
        """Anchor the custodian's private chain."""
        return anchoring(self.custodian).step()

    def private_call(self, node: Node, method: str, arguments: ChainObject) -> None:
        ledger = node.private_ledger()
        call = operation(ledger.rules.suite, "access", method, arguments)
        node.client(ledger).call([call], [node.signer(SERVICE)])

    def anchors(self) -> list[Anchored]:
        """Return the anchors of the custodian's chain."""
        return list(anchors_of(self.consortium, self.private.rules.chain))

    def overdue(self, later: int = LATER_MS, receipts: Sequence[AccessReceipt] | None = None) -> list[AccessFinding]:
        """Return the findings about the receipts that the reader holds."""
        with open_trace(self.custodian) as trace:

            def place(hash_: bytes) -> tuple[int, int] | None:
                row = trace.entry(hash_)
                return None if row is None else (row.index, row.item)

            now = self.consortium.tip.time + later
            return overdue(self.receipts if receipts is None else receipts, self.anchors(), place, now, STALE_MS)

    def twins(self) -> list[Twin]:
        """Return the requests that the reader's institution sent to the custodian."""
        with open_trace(self.reader) as trace:
            return [twin for twin in trace.twins() if twin.custodian == self.custodian.member]

    def entries(self) -> list[AccessRow]:
        """Return the custodian's entries of the reader's institution."""
        with open_trace(self.custodian) as trace:
            return trace.entries_of_member(self.reader.member)


def make_hospitals(folder: Path) -> None:
    """Make the two homes, open for business."""
    homes = [
        make_home(folder / name, name, MemberKind.MEDICAL_INSTITUTION, PASSPHRASE, random_bytes, CHEAP)
        for name in ("custodian", "reader")
    ]
    genesis = consortium_genesis(homes, random_bytes)
    for home in homes:
        adopt(home, genesis, GROUP, random_bytes)
    with hospitals(folder) as opened:
        open_for_business(opened.group.nodes, opened.custodian)


@contextmanager
def hospitals(folder: Path, receipts: Sequence[AccessReceipt] = ()) -> Iterator[Hospitals]:
    """Give the two homes, open; ``receipts`` are those that the reader holds from before."""
    group = run_group([open_node(folder / name, PASSPHRASE) for name in ("custodian", "reader")])
    try:
        yield Hospitals(group, list(receipts))
    finally:
        group.close()
