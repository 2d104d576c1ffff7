"""A small consortium and one private chain, executed by the real ledger: what chain vectors are taken from.

Four founders, an insurer that joins by vote, batches of records, a destruction, two anchors, refusals of each kind. Ten
blocks; times, ids and keys are fixed, so every run makes the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.vectors.accesses import Accesses
from tools.vectors.dossiers import Dossiers
from tools.vectors.keys import FixedKey, fixed_bytes, fixed_id, sm2_encrypt
from tools.vectors.members import START, cast, cosigned, genesis_of
from xinglin.carrier.access.governance.model import Approve, Propose
from xinglin.carrier.access.registry.model import AddAccount, AddKey, AddNode, EndKey
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.build import build_transaction, operation
from xinglin.carrier.ledger.bundle_model import Opened, Opening, Part
from xinglin.carrier.ledger.checkpoint import SignedNote
from xinglin.carrier.ledger.genesis import epoch_hash, epoch_zero
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Epoch, Operation, Profile
from xinglin.carrier.ledger.reading import Tip
from xinglin.carrier.ledger.transition import Result
from xinglin.kernel.encoding import ChainObject, encode
from xinglin.node.chains import rules_of
from xinglin.service.basic.coordination.anchoring import chain_head
from xinglin.service.basic.coordination.batching import Entry, close_batch
from xinglin.service.basic.coordination.commitments import RecordDigests, RecordParts, commit_many
from xinglin.service.basic.coordination.locators import audience_key_commitment, seal_batch
from xinglin.service.basic.coordination.model import (
    Behaviour,
    CertifyDestruction,
    CommitAnchor,
    ConfirmDestruction,
    IssueEpochKey,
    NoteHead,
    NoteIntake,
    OpenAnchor,
    OrderDestruction,
    RecordReference,
    RegisterBatch,
    SealedKey,
)
from xinglin.stakeholders.kinds import Role

VALID_MS = 300_000
NODES = ("hospital-a", "hospital-b")
SUPER, SERVICE = Role.SUPER_ADMINISTRATOR, Role.SERVICE


@dataclass(frozen=True)
class Block:
    """A block as it was executed: its transactions, what became of each, and the chain after it."""

    time: int
    transactions: Sequence[bytes]
    results: Sequence[Result]
    tip: Tip


@dataclass(frozen=True)
class Record:
    """A record of the world: its parts, their digests and the commitment, and its handle."""

    parts: RecordParts
    digests: RecordDigests
    handle: bytes

    def opening(self, *shown: str) -> Opening:
        """Return the opening that shows the named parts and of the others their digests."""
        parts = {
            name: Part(
                getattr(self.digests, name),
                (Opened(getattr(self.parts, f"{name}_salt"), getattr(self.parts, name)),) if name in shown else (),
            )
            for name in ("behaviour", "original", "copy")
        }
        return Opening(parts["behaviour"], parts["original"], parts["copy"])


@dataclass
class Chain:
    """A chain of the world: its ledger, its blocks so far, the operations that wait for the next one."""

    ledger: Ledger
    blocks: list[Block] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)
    count: int = 0

    @property
    def suite(self) -> Suite:
        """The chain's suite."""
        return self.ledger.rules.suite

    @property
    def time(self) -> int:
        """Block time of the next block: one second after the last."""
        return START + 1000 * (self.ledger.tip.height + 1)

    def submit(self, operations: Sequence[Operation], *keys: FixedKey, valid_until: int = 0) -> bytes:
        """Sign operations, put them into the next block, return the transaction's bytes."""
        nonce = fixed_bytes(f"nonce {self.ledger.rules.chain} {self.count}", 16)
        self.count += 1
        until = valid_until or self.time + VALID_MS
        signers = [key.signer for key in keys]
        raw = build_transaction(self.suite, self.ledger.rules.chain, nonce, until, operations, signers).raw
        self.waiting.append(raw)
        return raw

    def call(self, key: FixedKey, contract: str, method: str, arguments: ChainObject) -> bytes:
        """Submit one operation signed by one key."""
        return self.submit([operation(self.suite, contract, method, arguments)], key)

    def block(self) -> Block:
        """Execute and commit what waits."""
        raws, self.waiting = self.waiting, []
        time = self.time
        candidate = self.ledger.execute(self.ledger.tip.height + 1, time, raws)
        tip = self.ledger.commit(candidate)
        block = Block(time, raws, candidate.results, tip)
        self.blocks.append(block)
        return block


class World:
    """Makes the two chains in a folder; ``close`` when done."""

    def __init__(self, folder: Path, suite_name: str) -> None:
        self.suite = suite(suite_name)
        self.members = cast(self.suite)
        founders = [self.members[label] for label in ("hospital-a", "hospital-b", "platform", "regulator")]
        genesis = genesis_of(founders, Profile.CONSORTIUM, threshold=2, quorum=3)
        private = genesis_of([self.members["hospital-a"]], Profile.PRIVATE, threshold=1, quorum=1)
        self.chain = Chain(Ledger.create(folder / "consortium", rules_of(genesis), 1 << 24, sync=False))
        self.private = Chain(Ledger.create(folder / "private", rules_of(private), 1 << 24, sync=False))
        self.epoch_key = fixed_bytes("transmission key", self.suite.key_size)
        self.records = [self._record(number) for number in range(5)]
        self.batches: dict[str, tuple[RegisterBatch, list[bytes]]] = {}
        self.accesses = Accesses(self)
        self.dossiers = Dossiers(self)
        self._run()

    def close(self) -> None:
        """Close both chains."""
        self.chain.ledger.close()
        self.private.ledger.close()

    def key(self, label: str, role: Role = SERVICE) -> FixedKey:
        """Return the key of a member's account."""
        return self.members[label].account_key(role)

    def note(self, height: int, labels: Sequence[str] = ("hospital-a", "hospital-b", "platform")) -> SignedNote:
        """Return the consortium's checkpoint of a height, cosigned by members."""
        return cosigned(self.chain.ledger.head_at(height), [self.members[label] for label in labels])

    # --- the story ---

    def _run(self) -> None:
        for step in (
            self._h1_nodes_and_staff,
            self._h2_audience_and_proposal,
            self._h3_votes,
            self._h4_batches,
            lambda: None,  # height 5 is an empty block
            self._h6_private_chain,
            self._h7_anchor,
            self._h8_order,
            self._h9_certificate,
            self._h10_second_anchor,
        ):
            step()
            self.chain.block()

    def _h1_nodes_and_staff(self) -> None:
        for label in NODES:
            node = AddNode(fixed_id(f"node {label}"), self._sealing_key(label).public)
            self.chain.call(self.key(label, SUPER), "registry", "add_node", node)
        for name in ("second", "stolen"):
            self._add_service(name)

    def _add_service(self, name: str) -> None:
        """Add one more service account to the first hospital."""
        member, key, account = self.members["hospital-a"].member, FixedKey(self.suite, name), fixed_id(name)
        proof = key.prove(self.chain.ledger.rules.chain, member, account)
        person = self.members["hospital-a"].person(SERVICE)
        call = AddAccount(account, (SERVICE,), person, key.public, proof)
        self.chain.call(self.key("hospital-a", SUPER), "registry", "add_account", call)

    def _h2_audience_and_proposal(self) -> None:
        commitment = audience_key_commitment(self.suite.hash, "treatment", 1, self.epoch_key)
        keys = sorted((SealedKey(fixed_id(f"node {label}"), self.sealed_key(label)) for label in NODES), key=_node)
        call = IssueEpochKey("treatment", 1, commitment, tuple(keys))
        self.chain.call(self.key("platform"), "audience", "epoch", call)
        insurer = self.members["insurer"].founder(self.chain.ledger.rules.chain)
        proposal = Propose(fixed_id("proposal"), self.epoch_one(), (insurer,), (), ())
        self.chain.call(self.key("hospital-a", SUPER), "governance", "propose", proposal)

    def _h3_votes(self) -> None:
        for label in ("hospital-a", "platform", "hospital-b"):  # the third comes too late: its receipt is a refusal
            epoch = self.epoch_one()
            vote = self.members[label].vote(epoch)
            call = Approve(fixed_id("proposal"), epoch_hash(self.suite.hash, epoch), vote)
            self.chain.call(self.key(label, SUPER), "governance", "approve", call)

    def _h4_batches(self) -> None:
        first = self._register("first", self.records[:3])
        self.chain.submit([first], self.key("hospital-a"))
        both = [self._register("second", self.records[3:4]), self._register("third", self.records[4:5])]
        self.chain.submit(both, self.key("hospital-a", Role.PRACTITIONER), FixedKey(self.suite, "second"))
        self.chain.submit([first], self.key("hospital-a"))  # the batch id is taken: refused
        self.chain.submit([self._register("stolen", self.records[4:5])], FixedKey(self.suite, "stolen"))

    def _h6_private_chain(self) -> None:
        admin = self.key("hospital-a", SUPER)
        self.chain.call(admin, "anchor", "open", OpenAnchor(self.private.ledger.rules.genesis))
        self.chain.call(admin, "registry", "end_key", EndKey(self.key("hospital-a", Role.PRACTITIONER).public, ()))
        stolen = EndKey(FixedKey(self.suite, "stolen").public, (START,))
        self.chain.call(admin, "registry", "end_key", stolen)
        self._grow_private("first")

    def _h7_anchor(self) -> None:
        self._anchor(0)
        key = FixedKey(self.suite, "further")
        account = fixed_id("second")
        proof = key.prove(self.chain.ledger.rules.chain, self.members["hospital-a"].member, account)
        call = AddKey(account, key.public, proof)
        self.chain.call(FixedKey(self.suite, "second"), "registry", "add_key", call)

    def _h8_order(self) -> None:
        batch, items = self.batches["first"]
        index = [pack_commitment(item) for item in items].index(self.records[1].digests.commitment)
        path = self.suite.merkle_path(self.suite.leaf_hashes(items), index)
        commitment, locator = items[index][3:35], items[index][37:]
        reference = RecordReference(batch.batch, index, commitment, locator, tuple(path))
        order = OrderDestruction(reference, "retention.ended")
        self.chain.call(self.key("hospital-a", SUPER), "records", "order", order)
        confirm = ConfirmDestruction(commitment)
        self.chain.call(self.key("hospital-a", Role.COMPLIANCE_OFFICER), "records", "confirm", confirm)

    def _h9_certificate(self) -> None:
        certificate = fixed_bytes("certificate", 32)
        call = CertifyDestruction(self.records[1].digests.commitment, certificate)
        self.chain.call(self.key("hospital-a"), "records", "certify", call)
        self.chain.waiting.append(self.chain.blocks[3].transactions[0])  # a replay: passed over
        self.chain.submit([self._register("late", self.records[:1])], self.key("hospital-a"), valid_until=START)
        self.chain.submit([self._register("copied", self.records[2:3])], self.key("hospital-b"))

    def _h10_second_anchor(self) -> None:
        first = self.private.ledger.tip.log_size
        self._grow_private("second")
        self._grow_private("third")
        self._anchor(first)

    # --- parts of it ---

    def epoch_one(self) -> Epoch:
        """Return the epoch by which the insurer joins, in force from height 6."""
        rules = self.chain.ledger.rules
        before = epoch_zero(rules.chain, rules.genesis)
        members = sorted((member.entry() for member in self.members.values()), key=lambda entry: entry.member)
        return Epoch(
            chain=rules.chain,
            number=1,
            previous=epoch_hash(self.suite.hash, before),
            from_height=6,
            threshold=3,
            quorum=3,
            members=tuple(members),
        )

    def sealed_key(self, label: str) -> bytes:
        """Return the transmission key sealed to a node; under ``intl`` placeholder bytes, as HPKE is randomised."""
        if self.suite.name == "intl":
            return fixed_bytes(f"sealed {label}", 32 + self.suite.encryption_overhead)
        return sm2_encrypt(self._sealing_key(label).public, self.epoch_key, label)

    def _sealing_key(self, label: str) -> FixedKey:
        return FixedKey(self.suite, f"sealing {label}")

    def _record(self, number: int) -> Record:
        hospital = self.members["hospital-a"]
        behaviour = Behaviour(
            record=fixed_id(f"record {number}"),
            institution=hospital.member,
            recorder=hospital.account(Role.PRACTITIONER),
            time=START - 86_400_000 + number,
            type=("Observation", "Condition", "Encounter", "Procedure", "Immunization")[number],
            occasion=f"encounter {number}".encode(),
        )
        salts = [fixed_bytes(f"salt {number} {part}", 16) for part in ("behaviour", "original", "copy")]
        original = b'{"resourceType":"%b","status":"final"}' % behaviour.type.encode()
        parts = RecordParts(salts[0], encode(behaviour), salts[1], original, salts[2])
        digests = commit_many(self.suite.hash_many, [parts])[0]
        return Record(parts, digests, fixed_bytes(f"handle {number}", 16))

    def _register(self, name: str, records: Sequence[Record]) -> Operation:
        if name not in self.batches:
            batch = RegisterBatch(fixed_id(f"batch {name}"), "treatment", 1, fixed_bytes(f"batch salt {name}", 16))
            entries = [Entry(record.digests.commitment, record.handle) for record in records]
            closed = close_batch(entries, lambda count: fixed_bytes(f"dummy {name}", count))
            node = fixed_id("node hospital-a")
            self.batches[name] = (batch, seal_batch(self.suite, self.epoch_key, batch, node, closed))
        batch, items = self.batches[name]
        return operation(self.suite, "records", "register", batch, items)

    def _grow_private(self, name: str) -> None:
        """Add a block to the private chain: the consortium head that it saw, and an intake."""
        seen, service = self.chain.ledger, self.key("hospital-a")
        head = NoteHead(seen.rules.chain, chain_head(seen.head_at(seen.tip.height)))
        if name != "third":
            self.private.call(service, "journal", "head", head)
        intake = NoteIntake(fixed_id(f"run {name}"), 5, 1, (fixed_id("batch first"),))
        self.private.call(service, "journal", "intake", intake)
        if name != "first":
            self.accesses.log(name)
            self.dossiers.log(name)
        self.private.block()

    def _anchor(self, previous: int) -> None:
        ledger = self.private.ledger
        head = ledger.head_at(ledger.tip.height)
        proof = ledger.tiles().consistency(previous, head.size)
        signature = self.members["hospital-a"].key.sign(head.text)
        call = CommitAnchor(head.chain, previous, chain_head(head), proof, signature)
        self.chain.call(self.key("hospital-a"), "anchor", "commit", call)


def pack_commitment(item: bytes) -> bytes:
    """Return the commitment in the bytes of a batch's item."""
    return item[3:35]


def _node(key: SealedKey) -> str:
    return key.node
