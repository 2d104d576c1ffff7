"""The access entries, twins and aggregates of the vectors' private chain (docs/spec/access.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tools.vectors.keys import FixedKey, fixed_bytes, fixed_id
from xinglin.carrier.ledger.build import operation
from xinglin.kernel.encoding import ChainObject, encode
from xinglin.service.basic.audit.messages import AccessReceipt, AccessRequest, Asked
from xinglin.service.basic.audit.model import (
    NO_RECORD,
    AccessEntry,
    Aggregate,
    AnswerTwin,
    AskTwin,
    LogAccess,
    OpenedCopy,
    Proven,
    ReaderProof,
    SourceCount,
)
from xinglin.service.basic.audit.receipts import receipt_hash, receipt_of, request_hash, sign_receipt, sign_request
from xinglin.service.basic.audit.rules import entry_hash
from xinglin.stakeholders.kinds import Role

if TYPE_CHECKING:
    from tools.vectors.world import World

MINUTE = 60_000


class Accesses:
    """What is asked of the first hospital for its records, and what it asks itself."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.entries: list[AccessEntry] = []

    def log(self, name: str) -> None:
        """Submit what belongs to a block: entries in the second, further ones, twins and an aggregate in the third."""
        calls = self._second() if name == "second" else self._third()
        for call in calls:
            self._world.private.submit([call], self._world.key("hospital-a"))

    def _second(self) -> list[Any]:
        """The second hospital reads a record and a search of it finds nothing; own staff read; a refusal."""
        record, other = (self._world.records[number].digests.commitment for number in (0, 2))
        return [
            self._logged(
                self._entry("hospital-b", record),
                self._entry("hospital-b", NO_RECORD, action="search", copy=OpenedCopy.NONE),
                self._entry("", record, basis="care", reference=b""),
                self._entry("hospital-b", other, outcome=5601, basis="none", reference=b"", copy=OpenedCopy.NONE),
            )
        ]

    def _third(self) -> list[Any]:
        """The platform reads a de-identified copy; a refused batch; a twin opened and closed; an aggregate."""
        record, world = self._world.records[0].digests.commitment, self._world
        read = self._entry("platform", record, purpose="hqualimp", copy=OpenedCopy.DEIDENTIFIED)
        refused = self._entry("platform", record, outcome=5601)
        asked = request_hash(world.suite.hash, self.request("hospital-a", record))
        ask = AskTwin(asked, world.members["hospital-b"].member, world.members["hospital-a"].account(Role.SERVICE))
        answer = AnswerTwin(asked, receipt_hash(world.suite.hash, self.receipt()), 0)
        minute = world.private.time // MINUTE * MINUTE - MINUTE
        sources = [encode(SourceCount(source, 3)) for source in (bytes(32), fixed_bytes("source", 32))]
        return [
            self._logged(read),
            self._call("log", LogAccess(), [encode(refused)]),
            self._call("ask", ask),
            self._call("answered", answer),
            self._call("aggregate", Aggregate(minute), sources),
        ]

    def request(self, label: str, commitment: bytes, number: int = 0) -> AccessRequest:
        """Return the request of a member's service account for a record."""
        reader = self._world.members[label]
        return AccessRequest(
            chain=self._world.chain.ledger.rules.chain,
            id=fixed_bytes(f"request {label} {number}", 16),
            account=reader.account(Role.SERVICE),
            member=reader.member,
            custodian=fixed_id("node hospital-a"),
            asked=Asked("record", commitment),
            action="read",
            purpose="treat",
            consents=(),
            valid_until=self._world.private.time + MINUTE,
        )

    def receipt(self) -> AccessReceipt:
        """Return the receipt of the first entry."""
        entry = self.entries[0]
        hash_ = entry_hash(self._world.suite.hash, encode(entry))
        return receipt_of(self._world.private.ledger.rules.chain, entry, hash_, index=4, item=0)

    def signed(self) -> tuple[bytes, bytes]:
        """Return a signed request and a signed receipt, encoded."""
        hash_, world = self._world.suite.hash, self._world
        request = self.request("hospital-b", world.records[0].digests.commitment)
        signed = sign_request(hash_, request, world.key("hospital-b").signer)
        return encode(signed), encode(sign_receipt(hash_, self.receipt(), world.key("hospital-a").signer))

    def _entry(self, label: str, commitment: bytes, **fields: Any) -> AccessEntry:
        world, number = self._world, len(self.entries)
        reader = world.members[label or "hospital-a"]
        request = request_hash(world.suite.hash, self.request(label or "hospital-a", commitment, number))
        key: FixedKey = reader.account_key(Role.SERVICE)
        proof = (ReaderProof(key.public, key.sign(request)),) if label else ()
        given: dict[str, Any] = {
            "commitment": commitment,
            "member": reader.member,
            "account": reader.account(Role.SERVICE),
            "action": "read",
            "outcome": 0,
            "basis": "consent",
            "reference": fixed_bytes("consent", 16),
            "purpose": "treat",
            "copy": OpenedCopy.ORIGINAL,
            "request": request,
            "proven": Proven.SIGNATURE if label else Proven.SESSION,
            "proof": proof,
            "seen_height": world.chain.ledger.tip.height,
            "seen_time": world.chain.ledger.tip.time,
            "time": world.private.time,
        }
        self.entries.append(AccessEntry(**(given | fields)))
        return self.entries[-1]

    def _logged(self, *entries: AccessEntry) -> Any:
        return self._call("log", LogAccess(), [encode(entry) for entry in entries])

    def _call(self, method: str, arguments: ChainObject, items: Sequence[bytes] = ()) -> Any:
        return operation(self._world.suite, "access", method, arguments, items)
