"""Makes access bundles by the words of docs/spec/ alone: a hospital's private chain, anchored, with access entries.

As in ``proof_bundles``, every stage can be changed before what depends on it is hashed, proven or signed. Further
stages, in this order: requests (who asks what), accesses (the entries), calls, private_header, private_signatures,
private_receipt, private_leaf, access_head, private_state, reader_key, shown_accesses, shown_head, shown_keys, access.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from tests.support.naive_merkle import naive_path, naive_root
from tests.support.proof_bundles import DAY, EMPTY, BundleMaker, StateTree, Tweak, canonical, identifier, random_bytes
from tests.support.signing import GM, TestSuite

RECORD = random_bytes("record commitment")
OTHER = random_bytes("other commitment")
ASKED = (
    ("platform", RECORD, 0),
    ("regulator", OTHER, 0),
    ("regulator", RECORD, 5601),
    ("", RECORD, 0),
)
"""Who asks for which record with which outcome; without a name it is the hospital's own staff, in a session."""
TRANSACTIONS = ((0, 1), (2, 3))
"""Which entries are in which transaction."""


class AccessMaker(BundleMaker):
    """One access bundle in the making.

    Args:
        claim: ``access`` or ``access-list``.
        suite: of both chains.
        tweaks: by stage.
        shown: number of the one entry that ``access`` is about.
        asked: who asks for what.
    """

    def __init__(
        self,
        claim: str = "access-list",
        suite: TestSuite = GM,
        tweaks: dict[str, Tweak] | None = None,
        shown: int = 0,
        asked: tuple[tuple[str, bytes, int], ...] = ASKED,
    ) -> None:
        super().__init__("anchor", suite, tweaks)
        self.access_claim, self.number, self.asked = claim, shown, asked

    def make(self) -> bytes:
        """Return the bundle's bytes."""
        inner = msgspec.msgpack.decode(super().make())
        shown = [number for number, entry in enumerate(self.accesses) if entry[2] == RECORD]
        whole = self.access_claim == "access-list"
        subject = RECORD if whole else self.hashed("access-entry", self.accesses[self.number])
        entries = [self._logged(number) for number in (shown if whole else [self.number])]
        entries = self.stage("shown_accesses", entries)
        head = self.stage("shown_head", self.private_head() if whole else [])
        proofs = [self.accesses[number][13] for number in (shown if whole else [self.number])]
        keys = sorted({canonical(("registry", "key", proof[0][0])) for proof in proofs if proof})
        tree = StateTree(self.suite.hash, self.state)
        keys = self.stage("shown_keys", [tree.entry(key) for key in keys])
        access = ["access-bundle", 1, self.access_claim, subject, inner, entries, head, keys]
        access = self.stage("access", access)
        return access if isinstance(access, bytes) else canonical(access)

    def _prepare_anchor(self) -> None:
        """The private chain and its head, in the place of a head of which nothing is known."""
        self.private = "p" + base64.b32encode(random_bytes("private")).decode().lower()[:26]
        self.accesses = self.stage("accesses", [self._entry(*one) for one in self.stage("requests", list(self.asked))])
        self.logged = [self._private_transaction(number) for number in range(len(TRANSACTIONS))]
        leaves = [random_bytes("leaf 0", 200), *(canonical(one["leaf"]) for one in self.logged), random_bytes("leaf 3")]
        self.log = [self._leaf_hash(one) for one in leaves]
        self._private_state()
        roots = naive_root(self.suite.hash, self.log), self.private_tree.root()
        head = self.stage("head", [len(leaves), *roots, 9, DAY + 4500])
        signature = self.key("hospital").sign(self.text(self.private, *head))
        self.call = ["anchor", 1, "commit", self.stage("arguments", [self.private, 0, head, [], signature])]
        self.subject = canonical([self.private, head[0]])
        anchored = ["anchor", 1, identifier("hospital"), head, 0, [], 0, []]
        self.put(("anchor", "chain", self.private), self.stage("anchored", anchored))
        for name in ("platform", "regulator"):
            own = self.key(f"{name} reader").public
            state = ["key", 1, identifier(f"{name} reader"), identifier(name), DAY, [], []]
            self.put(("registry", "key", own), self.stage("reader_key", state))

    def _entry(self, name: str, commitment: bytes, outcome: int) -> list[Any]:
        request = random_bytes(f"request {name} {outcome} {commitment.hex()}")
        reader = self.key(f"{name} reader") if name else None
        who = [identifier(name or "hospital"), identifier(f"{name or 'hospital'} reader")]
        basis = ["consent", random_bytes("consent", 16), "treat"]
        proof = [[reader.public, reader.sign(request)]] if reader else []
        entry = ["access-entry", 1, commitment, *who, "read", outcome, *basis, int(outcome == 0), request]
        return [*entry, 1 if reader else 3, proof, 3, DAY + 3000, DAY + 3500]

    def _private_transaction(self, number: int) -> dict[str, Any]:
        """A transaction of access.log and one more operation, its receipt and its leaf."""
        items = [canonical(self.accesses[entry]) for entry in TRANSACTIONS[number]]
        batch = [len(items), naive_root(self.suite.hash, [self._leaf_hash(item) for item in items])]
        calls = [["access", 1, "log", canonical([]), [batch]], ["journal", 1, "intake", canonical([number]), []]]
        calls = self.stage("calls", calls)
        heads = [self._leaf_hash(self.hashed("operation", call)) for call in calls]
        service = self.key("hospital service")
        header = ["transaction", 1, self.private, random_bytes(f"access tx {number}", 16), DAY + 600000]
        header = [*header, [service.public], len(calls), naive_root(self.suite.hash, heads)]
        header = self.stage("private_header", header)
        body = self.hashed("body", header)
        signatures = self.stage("private_signatures", [service.sign(body)])
        receipt = self.stage("private_receipt", ["receipt", 1, 0, [["entries", len(items)]]])
        leaf = ["leaf", 1, 7 + number, DAY + 4000 + number, 1 + number, body, header[4]]
        leaf += [self.hashed("transaction", header, signatures), self.hashed("receipt", receipt)]
        leaf = self.stage("private_leaf", leaf)
        return {
            "items": items,
            "calls": calls,
            "heads": heads,
            "header": header,
            "signatures": signatures,
            "receipt": receipt,
            "leaf": leaf,
        }

    def _private_state(self) -> None:
        """The access heads of both records, and other keys."""
        state: dict[bytes, bytes] = {}
        for commitment in (RECORD, OTHER):
            count, last = 0, EMPTY
            for entry in self.accesses:
                if entry[2] == commitment:
                    count, last = count + 1, self.hashed("access-head", last, self.hashed("access-entry", entry))
            if count:
                head = self.stage("access_head", ["access-head", 1, count, last])
                state[canonical(("access", "head", commitment))] = canonical(head)
        for one in range(5):
            state[canonical(("other", str(one)))] = canonical(["value", 1, one])
        self.private_tree = StateTree(self.suite.hash, self.stage("private_state", state))

    def private_head(self) -> list[Any]:
        """Return the proven access head of the record, as a bundle shows it."""
        return [self.private_tree.entry(self._head_key())]

    def _head_key(self) -> bytes:
        return canonical(("access", "head", RECORD))

    def _logged(self, number: int) -> list[Any]:
        """Return an entry's operation and item with their paths up to the anchored log root."""
        at = next(at for at, entries in enumerate(TRANSACTIONS) if number in entries)
        one, item = self.logged[at], TRANSACTIONS[at].index(number)
        hashed = [self._leaf_hash(data) for data in one["items"]]
        shown = [one["items"][item], item, naive_path(self.suite.hash, item, hashed)]
        entry = [one["header"], one["signatures"], one["calls"][0], 0, naive_path(self.suite.hash, 0, one["heads"])]
        return [*entry, [shown], one["leaf"], one["receipt"], naive_path(self.suite.hash, 1 + at, self.log)]
