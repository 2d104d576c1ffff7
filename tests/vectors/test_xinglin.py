"""The project's own vectors, read by the product and by the independent verifier; both must say what the files say.

Where the verifier has no such part (blocks, transactions), the rules are applied here with its primitives alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from xinglin_verify import chain as their_chain
from xinglin_verify import contract_objects as their_contracts
from xinglin_verify import merkle as their_merkle
from xinglin_verify import note as their_note
from xinglin_verify import objects as theirs
from xinglin_verify import schema
from xinglin_verify.errors import VerifierError
from xinglin_verify.schema import Octets, Signature, parse
from xinglin_verify.state_proof import verify_state_proof as verify_their_state
from xinglin_verify.suites import SUITES
from xinglin_verify.suites import Suite as TheirSuite
from xinglin_verify.trust import parse_trust as parse_their_trust
from xinglin_verify.verify import verify_bundle

from tests.support.naive_merkle import naive_root
from tests.support.proof_bundles import StateTree
from tools.make_vectors import FOLDER, made
from tools.vectors.form import shown
from xinglin.carrier.access.registry.model import KeyState, MemberState
from xinglin.carrier.crypto.errors import OpenFailed
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.bundle_model import EpochStep
from xinglin.carrier.ledger.check import Checked
from xinglin.carrier.ledger.checkpoint import Head, SignatureType, key_id, parse_note, signed_text
from xinglin.carrier.ledger.errors import CheckpointInvalid, GenesisInvalid, ProofInvalid, TrustInvalid
from xinglin.carrier.ledger.genesis import (
    chain_id,
    check_genesis,
    epoch_hash,
    epoch_zero,
    genesis_hash,
    key_proof_message,
)
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.log import TileLog
from xinglin.carrier.ledger.merkle import verify_consistency, verify_inclusion
from xinglin.carrier.ledger.model import (
    Batch,
    Epoch,
    EpochMember,
    Genesis,
    Header,
    Leaf,
    OperationHead,
    Receipt,
    ReceiptFact,
    SuiteNumber,
)
from xinglin.carrier.ledger.state.native_tree import NativeTree
from xinglin.carrier.ledger.state.proof import verify_state_proof
from xinglin.carrier.ledger.trust import check_cosignatures, check_epochs, encode_trust, parse_trust
from xinglin.kernel.encoding import decode, encode, pack
from xinglin.kernel.errors import IdentifierInvalid, Invalid
from xinglin.kernel.hashing import Tag, preimage, tagged
from xinglin.kernel.identifiers import identifier, identifier_bytes, parse_urn, urn
from xinglin.node.chains import rules_of
from xinglin.service.basic.audit.errors import ReceiptInvalid, RequestMalformed
from xinglin.service.basic.audit.model import AccessEntry
from xinglin.service.basic.audit.receipts import read_receipt, read_request, receipt_hash, request_hash
from xinglin.service.basic.audit.rules import EMPTY_HEAD, entry_hash, next_head, source_commitment
from xinglin.service.basic.coordination.anchors.rules import contradict
from xinglin.service.basic.coordination.locators import audience_key_commitment, locator_key, open_locator
from xinglin.service.basic.coordination.model import (
    AnchorState,
    Behaviour,
    ChainHead,
    RecordItem,
    RecordStatus,
    RegisterBatch,
)
from xinglin.service.basic.episodes.bundles.check import check_proof

Case = dict[str, Any]
NUMBERS = {"gm": 1, "intl": 2}
GENESIS_RULES = {
    "there is no founder": "G1",
    "a private chain has one founder": "G1",
    "members are not in order or not distinct": "G2",
    "two members have one cosigning key": "G2",
    "the threshold is not a majority of the votes": "G2",
    "the quorum is not a majority of the cosigners": "G2",
    "two accounts have one id": "G3",
    "two accounts have one key": "G3",
    "a key is not proven": "G4",
    "a parameter is zero": "G5",
}


@cache
def read(name: str) -> dict[str, Any]:
    """Return a vector file."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


def cases(name: str, **wanted: object) -> pytest.MarkDecorator:
    """Give a test each case of a file that has these values."""
    found = [case for case in read(name)["cases"] if all(case.get(key) == value for key, value in wanted.items())]
    names = [
        " ".join(str(case[key]) for key in ("suite", "what", "name", "tag", "text") if key in case) for case in found
    ]
    return pytest.mark.parametrize("case", found, ids=[f"{number} {one[:60]}" for number, one in enumerate(names)])


def hex_of(case: Case, *names: str) -> list[bytes]:
    """Return fields of a case that are bytes."""
    return [bytes.fromhex(case[name]) for name in names]


def both(case: Case) -> tuple[Suite, TheirSuite]:
    """Return the suite of a case, ours and the verifier's."""
    return suite(case["suite"]), SUITES[NUMBERS[case["suite"]]]


def spliced(data: bytes, splice: Sequence[Any]) -> bytes:
    """Return bytes with a stretch replaced."""
    offset, removed, new = splice
    return data[:offset] + bytes.fromhex(new) + data[offset + removed :]


def test_the_generator_makes_these_files() -> None:
    files = made()
    assert sorted(files) == sorted(path.name for path in FOLDER.iterdir())
    for name, text in files.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, name


def test_the_files_are_few_and_each_says_how_it_was_made() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_400_000
    for path in FOLDER.iterdir():
        assert read(path.stem)["how"].startswith("python -m tools.make_vectors")


# --- encoding, identifiers, hashes ---

OBJECTS: dict[str, tuple[Any, Any]] = {
    "anchor state": (AnchorState, their_contracts.AnchorState),
    "batch": (Batch, theirs.Batch),
    "behaviour": (Behaviour, their_contracts.Behaviour),
    "epoch": (Epoch, theirs.Epoch),
    "genesis": (Genesis, theirs.Genesis),
    "header": (Header, theirs.Header),
    "key state": (KeyState, their_contracts.KeyState),
    "leaf": (Leaf, theirs.Leaf),
    "member state": (MemberState, their_contracts.MemberState),
    "operation head": (OperationHead, theirs.OperationHead),
    "receipt": (Receipt, theirs.Receipt),
    "receipt fact": (ReceiptFact, theirs.ReceiptFact),
    "record item": (RecordItem, their_contracts.RecordItem),
    "record status": (RecordStatus, their_contracts.RecordStatus),
    "register batch": (RegisterBatch, their_contracts.RegisterBatch),
}


@cases("encoding", valid=True)
def test_good_encodings(case: Case) -> None:
    ours, verifiers = OBJECTS[case["object"]]
    (data,) = hex_of(case, "hex")
    value = decode(ours, data)
    assert encode(value) == data
    assert parse(verifiers, data, "vector").encoded() == data
    if "fields" in case:
        assert json.loads(json.dumps(shown(value))) == case["fields"]


@cases("encoding", valid=False)
def test_bad_encodings(case: Case) -> None:
    ours, verifiers = OBJECTS[case["object"]]
    (data,) = hex_of(case, "hex")
    with pytest.raises(Invalid):
        decode(ours, data)
    with pytest.raises(VerifierError):
        parse(verifiers, data, "vector")


@cases("identifiers", kind="id")
def test_ids(case: Case) -> None:
    their_form = get_args(schema.Id)[1]
    assert bool(their_form.holds(case["text"])) == case["valid"]
    if case["valid"]:
        assert identifier(bytes.fromhex(case["bytes"])) == case["text"]
        assert identifier_bytes(case["text"]).hex() == case["bytes"]
        return
    with pytest.raises(IdentifierInvalid):
        identifier_bytes(case["text"])


@cases("identifiers", kind="urn")
def test_urns(case: Case) -> None:
    if case["valid"]:
        assert urn(case["chain"], case["asset"], case["id"]) == case["text"]
        assert parse_urn(case["text"]) == (case["chain"], case["asset"], case["id"])
        return
    with pytest.raises(IdentifierInvalid):
        parse_urn(case["text"])


@cases("hashes")
def test_hashes(case: Case) -> None:
    ours, verifiers = both(case)
    expected = bytes.fromhex(case["hash"])
    if "tag" in case:
        values = [bytes.fromhex(one[4:]) if str(one).startswith("hex:") else one for one in case["values"]]
        assert preimage(Tag(case["tag"]), *values).hex() == case["hashed"]
        assert tagged(ours.hash, Tag(case["tag"]), *values) == expected
        assert verifiers.tagged(case["tag"], *values) == expected
    elif case["tree"] == "leaf":
        (data,) = hex_of(case, "data")
        assert ours.leaf_hash(data) == their_merkle.leaf_hash(verifiers.hash, data) == expected
    elif case["tree"] == "node":
        left, right = hex_of(case, "left", "right")
        assert ours.node_hash(left, right) == verifiers.hash(b"\x01" + left + right) == expected
    else:
        assert ours.merkle_root([]) == verifiers.hash(b"") == expected


# --- genesis and epochs ---


@cases("genesis", valid=True)
def test_good_geneses(case: Case) -> None:
    ours, verifiers = both(case)
    data, digest, zero = hex_of(case, "hex", "hash", "epoch_zero")
    genesis = decode(Genesis, data)
    check_genesis(genesis, ours.hash, ours.verify)
    assert genesis_hash(ours.hash, genesis) == digest
    assert chain_id(ours.hash, genesis) == case["chain"]
    assert encode(epoch_zero(case["chain"], genesis)) == zero
    parsed = parse(theirs.Genesis, data, "genesis")
    assert their_chain.chain_id(verifiers, parsed) == (case["chain"], digest)
    assert their_chain.check_genesis(verifiers, parsed, case["chain"]).encoded() == zero


@cases("genesis", valid=False)
def test_bad_geneses(case: Case) -> None:
    ours, verifiers = both(case)
    first = next(one for one in read("genesis")["cases"] if one["suite"] == case["suite"])
    data = spliced(bytes.fromhex(first["hex"]), case["splice"])
    genesis = decode(Genesis, data)
    with pytest.raises(GenesisInvalid) as refusal:
        check_genesis(genesis, ours.hash, ours.verify)
    assert GENESIS_RULES[str(refusal.value.facts["rule"])] == case["rule"]
    parsed = parse(theirs.Genesis, data, "genesis")
    with pytest.raises(VerifierError):
        their_chain.check_genesis(verifiers, parsed, their_chain.chain_id(verifiers, parsed)[0])


@cases("key-proofs")
def test_key_proofs(case: Case) -> None:
    ours, verifiers = both(case)
    key, message, signature = hex_of(case, "key", "message", "signature")
    named = (case["scope"], case["member"], case["account"], key)
    assert key_proof_message(ours.hash, *named) == verifiers.tagged("key-proof", *named) == message
    assert ours.verify(key, message, signature) == case["valid"]
    assert verifiers.verify(key, message, signature) == case["valid"]


@cases("epochs")
def test_epochs(case: Case) -> None:
    ours, verifiers = both(case)
    genesis = bytes.fromhex(read("epochs")["geneses"][case["suite"]])
    steps = [bytes.fromhex(step) for step in case["steps"]]
    made_of = decode(Genesis, genesis)
    first = epoch_zero(chain_id(ours.hash, made_of), made_of)
    if case["valid"]:
        epochs = check_epochs(ours, first, [decode(EpochStep, step) for step in steps])
        assert [epoch_hash(ours.hash, epoch).hex() for epoch in epochs[1:]] == case["hashes"]
        assert their_epochs(verifiers, genesis, steps) == case["hashes"]
        return
    with pytest.raises(ProofInvalid):
        check_epochs(ours, first, [decode(EpochStep, step) for step in steps])
    with pytest.raises(VerifierError):
        their_epochs(verifiers, genesis, steps)


def their_epochs(verifiers: TheirSuite, genesis: bytes, steps: Sequence[bytes]) -> list[str]:
    """Return the hashes of epochs after 0, checked by the verifier."""
    parsed = parse(theirs.Genesis, genesis, "genesis")
    before = their_chain.check_genesis(verifiers, parsed, their_chain.chain_id(verifiers, parsed)[0])
    hashes = []
    for step in steps:
        read_step = parse(theirs.EpochStep, step, "step")
        their_chain.check_next_epoch(verifiers, before, read_step.epoch, read_step.votes)
        before = read_step.epoch
        hashes.append(verifiers.tagged("epoch", before.value()).hex())
    return hashes


# --- trees ---


def log_of(ours: Suite, size: int) -> tuple[TileLog, dict[tuple[int, int], bytes]]:
    """Return the vectors' log of a size and its tiles."""
    log = TileLog(ours)
    tiles = log.append(ours.leaf_hashes([index.to_bytes(2, "big") for index in range(size)]))
    return log, tiles


@cases("log", what="root")
def test_log_roots(case: Case) -> None:
    ours, verifiers = both(case)
    leaves = [their_merkle.leaf_hash(verifiers.hash, index.to_bytes(2, "big")) for index in range(case["size"])]
    assert log_of(ours, case["size"])[0].root().hex() == naive_root(verifiers.hash, leaves).hex() == case["root"]


@cases("log", what="tile")
def test_log_tiles(case: Case) -> None:
    ours, verifiers = both(case)
    tile = log_of(ours, 300)[1][case["level"], case["index"]]
    assert len(tile) == 32 * case["count"]
    assert verifiers.hash(tile).hex() == case["hash"]


@cases("log", what="inclusion")
def test_inclusion(case: Case) -> None:
    ours, verifiers = both(case)
    leaf, root = hex_of(case, "leaf", "root")
    path = [bytes.fromhex(one) for one in case["path"]]
    index, size = case["index"], case["size"]
    assert verify_inclusion(ours, ours.leaf_hash(leaf), index, size, path, root) == case["valid"]
    leaf_hash = their_merkle.leaf_hash(verifiers.hash, leaf)
    assert their_merkle.verify_inclusion(verifiers.hash, leaf_hash, index, size, path, root) == case["valid"]


@cases("log", what="consistency")
def test_consistency(case: Case) -> None:
    ours, verifiers = both(case)
    roots = hex_of(case, "old_root", "new_root")
    proof = [bytes.fromhex(one) for one in case["proof"]]
    assert verify_consistency(ours, case["old"], case["new"], proof, *roots) == case["valid"]
    assert their_merkle.verify_consistency(verifiers.hash, case["old"], case["new"], proof, *roots) == case["valid"]


@cases("state-tree")
def test_state_trees(case: Case) -> None:
    ours, verifiers = both(case)
    entries = {bytes.fromhex(key): bytes.fromhex(value) for key, value in case["entries"]}
    tree = NativeTree(ours)
    version = tree.update(tree.empty(), ours.hash_many(list(entries)), ours.hash_many(list(entries.values())))
    assert tree.root(version).hex() == StateTree(verifiers.hash, entries).root().hex() == case["root"]
    (root,) = hex_of(case, "root")
    for proof in case["proofs"]:
        key, data = hex_of(proof, "key", "proof")
        value = None if proof["value"] is None else bytes.fromhex(proof["value"])
        assert verify_state_proof(ours.hash, root, key, value, data) == proof["valid"]
        assert verify_their_state(verifiers.hash, root, key, value, data) == proof["valid"]
        if proof["valid"]:
            assert tree.prove_many(version, [ours.hash(key)]) == [data]
    tree.close()


# --- checkpoints ---


def cosigning(case: Case, chain: str, keys: dict[str, bytes]) -> Epoch:
    """Return an epoch whose members may cosign."""
    members = tuple(EpochMember(member, key, 1, 1) for member, key in sorted(keys.items()))
    return Epoch(chain=chain, number=0, previous=bytes(32), from_height=0, threshold=2, quorum=1, members=members)


@cases("checkpoints")
def test_checkpoints(case: Case) -> None:
    ours, verifiers = both(case)
    chain = read("checkpoints")["chains"][case["suite"]]
    keys = {member: bytes.fromhex(key) for member, key in chain["keys"].items()}
    note, number = case["note"].encode("utf-8"), SuiteNumber(NUMBERS[case["suite"]])
    for member, key in keys.items():
        expected = chain["key_ids"][member]
        assert key_id(member, number, SignatureType.CHECKPOINT, key).hex() == expected
        assert their_note.key_id(member, verifiers.checkpoint_label, key).hex() == expected
    epoch = cosigning(case, chain["chain"], keys)
    if case["valid"]:
        parsed = parse_note(note)
        assert parsed.head == head_of(case["head"], chain["chain"])
        assert parsed.head.text.decode("ascii") == case["text"]
        assert check_cosignatures(ours, number, parsed, epoch, None).counted == 3
        assert their_note.verify_note(note, chain["chain"], keys, verifiers).text == parsed.head.text
        return
    if case["fails"] == "form":
        with pytest.raises(CheckpointInvalid):
            parse_note(note)
    else:
        with pytest.raises(ProofInvalid):
            check_cosignatures(ours, number, parse_note(note), epoch, None)
    with pytest.raises(VerifierError):
        their_note.verify_note(note, chain["chain"], keys, verifiers)


def head_of(fields: Case, chain: str) -> Head:
    """Return a head as a file shows it."""
    log_root, state_root = hex_of(fields, "log_root", "state_root")
    return Head(chain, fields["size"], log_root, state_root, fields["height"], fields["time"])


@cases("witnesses")
def test_witnesses(case: Case) -> None:
    ours, verifiers = both(case)
    key, signature = hex_of(case, "key", "signature")
    number = SuiteNumber(NUMBERS[case["suite"]])
    message = signed_text(case["text"].encode("ascii"), SignatureType.WITNESS)
    assert message == case["signed"].encode("ascii")
    assert ours.verify(key, message, signature)
    assert verifiers.verify(key, message, signature)
    assert key_id(case["member"], number, SignatureType.WITNESS, key).hex() == case["key_id"]
    note = parse_note(case["note"].encode("utf-8"))
    assert [(line.member, line.key_id.hex()) for line in note.signatures] == [(case["member"], case["key_id"])]
    with pytest.raises(VerifierError):
        their_note.verify_note(case["note"].encode("utf-8"), note.head.chain, {case["member"]: key}, verifiers)


@cases("contradictions")
def test_contradictions(case: Case) -> None:
    heads = [head_of(case[name], "c" + "a" * 26) for name in ("first", "second")]
    first, second = (ChainHead(one.size, one.log_root, one.state_root, one.height, one.time) for one in heads)
    assert contradict(first, second) == contradict(second, first) == (case["contradicts"] is not None)


# --- records ---


@cases("commitments")
def test_commitments(case: Case) -> None:
    ours, verifiers = both(case)
    if case["what"] == "person":
        salt, statement, expected = hex_of(case, "salt", "statement", "commitment")
        assert tagged(ours.hash, Tag.PERSON, salt, statement) == expected
        assert verifiers.tagged("person", salt, statement) == expected
        return
    digests = []
    for name in ("behaviour", "original", "copy"):
        salt, data = hex_of(case[name], "salt", "data")
        digest = tagged(ours.hash, Tag(name), salt, data)
        assert digest == verifiers.tagged(name, salt, data)
        assert digest.hex() == case["digests"][name]
        digests.append(digest)
    assert tagged(ours.hash, Tag.RECORD, *digests).hex() == case["commitment"]
    assert verifiers.tagged("record", *digests).hex() == case["commitment"]


@cases("locators", what="key")
def test_sealed_keys(case: Case) -> None:
    private, sealed, epoch_key = hex_of(case, "private", "sealed", "epoch_key")
    assert suite(case["suite"]).decrypt(private, sealed) == epoch_key


@cases("locators", what="commitment")
def test_key_commitments(case: Case) -> None:
    ours, verifiers = both(case)
    epoch_key, expected = hex_of(case, "epoch_key", "commitment")
    assert audience_key_commitment(ours.hash, case["audience"], case["number"], epoch_key) == expected
    assert verifiers.tagged("audience-key", case["audience"], case["number"], epoch_key) == expected


@cases("locators", what="locator")
def test_locators(case: Case) -> None:
    ours, verifiers = both(case)
    epoch_key, batch_key, data = hex_of(case, "epoch_key", "batch_key", "item")
    fields = case["arguments"] | {"salt": bytes.fromhex(case["arguments"]["salt"][4:])}
    batch, item = RegisterBatch(**fields), decode(RecordItem, data)
    if case["valid"]:
        assert locator_key(ours, epoch_key, batch.salt) == batch_key
        assert verifiers.tagged("locator-key", epoch_key, batch.salt)[: ours.key_size] == batch_key
        opened = open_locator(ours, epoch_key, batch, case["index"], item)
        assert opened.node == case["node"]
        assert case["handle"] in (opened.handle.hex(), None)
        return
    with pytest.raises(OpenFailed):
        open_locator(ours, epoch_key, batch, case["index"], item)


# --- chains and transactions ---


@dataclass(frozen=True)
class TheirOperation(theirs.Object):
    """An operation (transaction.md), which no bundle shows whole."""

    head: theirs.OperationHead
    items: tuple[Octets, ...]


@dataclass(frozen=True)
class TheirTransaction(theirs.Object):
    """A transaction (transaction.md)."""

    header: theirs.Header
    signatures: tuple[Signature, ...]
    operations: tuple[TheirOperation, ...]


def executed(case: Case, folder: Path) -> Ledger:
    """Return the ledger that executed a chain of the vectors, compared with them block by block."""
    ledger = Ledger.create(folder, rules_of(decode(Genesis, bytes.fromhex(case["genesis"]))), 1 << 24, sync=False)
    for block in case["blocks"]:
        raws = [bytes.fromhex(one["hex"]) for one in block["transactions"]]
        candidate = ledger.execute(block["height"], block["time"], raws)
        for one, result in zip(block["transactions"], candidate.results, strict=True):
            assert (pack(result.receipt).hex() if result.receipt else None) == one["receipt"]
            assert (pack(result.leaf).hex() if result.leaf else None) == one["leaf"]
            assert (result.passed_over.code if result.passed_over else None) == one["passed_over"]
        tip = ledger.commit(candidate)
        assert [tip.state_root.hex(), tip.log_size, tip.log_root.hex(), tip.app_hash.hex()] == [
            block[name] for name in ("state_root", "log_size", "log_root", "app_hash")
        ]
    return ledger


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Ledger]]:
    """Return the chains of the vectors by suite and name, executed by the product."""
    opened = {
        (name, case["name"]): executed(case, tmp_path_factory.mktemp(f"{name}-{case['name']}"))
        for name in ("gm", "intl")
        for case in read(f"chain-{name}")["cases"]
    }
    yield opened
    for ledger in opened.values():
        ledger.close()


@pytest.mark.requirement("S9.2")
@pytest.mark.parametrize("name", ["gm", "intl"])
def test_chains_executed_by_the_product(name: str, ledgers: dict[tuple[str, str], Ledger]) -> None:
    for case in read(f"chain-{name}")["cases"]:
        ledger = ledgers[name, case["name"]]
        assert ledger.rules.chain == case["chain"]
        state = dict(case["founding"])
        for block in case["blocks"]:
            state |= block["changes"]
        with ledger.state() as view:
            assert {key.hex(): value.hex() for key, value in view.scan(b"")} == state


@pytest.mark.parametrize("name", ["gm", "intl"])
def test_chains_by_the_specification_alone(name: str) -> None:
    """Ids, leaves, receipts, roots and app hashes, by the verifier's primitives and the naive trees."""
    verifiers = SUITES[NUMBERS[name]]
    for case in read(f"chain-{name}")["cases"]:
        state = {bytes.fromhex(key): bytes.fromhex(value) for key, value in case["founding"].items()}
        leaves: list[bytes] = []
        for block in case["blocks"]:
            for one in block["transactions"]:
                if one["leaf"] is not None:
                    check_leaf(verifiers, case["chain"], block, one, len(leaves))
                    leaves.append(their_merkle.leaf_hash(verifiers.hash, bytes.fromhex(one["leaf"])))
            for key, value in block["changes"].items():
                state[bytes.fromhex(key)] = bytes.fromhex(value)
            state_root = StateTree(verifiers.hash, state).root()
            log_root = naive_root(verifiers.hash, leaves)
            assert (state_root.hex(), log_root.hex()) == (block["state_root"], block["log_root"])
            app_hash = verifiers.tagged("app", case["chain"], state_root, len(leaves), log_root)
            assert (len(leaves), app_hash.hex()) == (block["log_size"], block["app_hash"])


def check_leaf(verifiers: TheirSuite, chain: str, block: Case, one: Case, index: int) -> None:
    """Check a logged transaction against its leaf and receipt."""
    transaction = parse(TheirTransaction, bytes.fromhex(one["hex"]), "transaction")
    assert stage_a(verifiers, chain, transaction)
    leaf, receipt = bytes.fromhex(one["leaf"]), bytes.fromhex(one["receipt"])
    body, hash_ = ids(verifiers, transaction)
    parse(theirs.Receipt, receipt, "receipt")
    assert parse(theirs.Leaf, leaf, "leaf") == theirs.Leaf(
        height=block["height"],
        time=block["time"],
        index=index,
        body=body,
        valid_until=transaction.header.valid_until,
        transaction=hash_,
        receipt=verifiers.hash(b"receipt\x00\x91" + receipt),
    )


def ids(verifiers: TheirSuite, transaction: TheirTransaction) -> tuple[bytes, bytes]:
    """Return body id and transaction hash."""
    header = transaction.header.value()
    return verifiers.tagged("body", header), verifiers.tagged("transaction", header, transaction.signatures)


def stage_a(verifiers: TheirSuite, chain: str, transaction: TheirTransaction) -> bool:
    """Apply A2 to A5 of docs/spec/transaction.md, with the default parameters."""
    header, operations = transaction.header, transaction.operations
    signers = header.signers
    if header.chain != chain or not 1 <= len(signers) <= 8 or len(set(signers)) != len(signers):
        return False
    if len(transaction.signatures) != len(signers) or not header.operation_count == len(operations) <= 64:
        return False
    for one in operations:
        count = one.head.batch[0].count if one.head.batch else 0
        if len(one.items) != count or count > 256 or not all(1 <= len(item) <= 1024 for item in one.items):
            return False
        if one.head.batch and root_of(verifiers, one.items) != one.head.batch[0].root:
            return False
    heads = [verifiers.tagged("operation", one.head.value()) for one in operations]
    if root_of(verifiers, heads) != header.operations_root:
        return False
    body, _ = ids(verifiers, transaction)
    signed = zip(signers, transaction.signatures, strict=True)
    return all(verifiers.is_key(key) and verifiers.verify(key, body, signature) for key, signature in signed)


def root_of(verifiers: TheirSuite, data: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root over data."""
    return naive_root(verifiers.hash, [their_merkle.leaf_hash(verifiers.hash, one) for one in data])


PASSES_A = (
    None,
    *("transaction.expired", "transaction.too_far_ahead", "transaction.replayed", "signer.unknown", "signer.ended"),
)


@pytest.mark.requirement("S9.1")
@cases("transactions")
def test_transactions(case: Case, ledgers: dict[tuple[str, str], Ledger]) -> None:
    _, verifiers = both(case)
    ledger = ledgers[case["suite"], "consortium"]
    (raw,) = hex_of(case, "hex")
    (answer,) = ledger.check([raw], case["time"])
    assert (None if isinstance(answer, Checked) else answer.code) == case["code"]
    try:
        transaction = parse(TheirTransaction, raw, "transaction")
    except VerifierError:
        assert case["code"] not in PASSES_A
        return
    assert stage_a(verifiers, ledger.rules.chain, transaction) == (case["code"] in PASSES_A)
    if isinstance(answer, Checked):
        assert (answer.body, answer.hash) == ids(verifiers, transaction)
        assert [answer.body.hex(), answer.hash.hex()] == [case["body"], case["transaction"]]


# --- access ---


@pytest.mark.requirement("H11")
@cases("access", what="entry")
def test_access_entries(case: Case) -> None:
    ours, verifiers = both(case)
    data, hashed = hex_of(case, "hex", "hash")
    entry = decode(AccessEntry, data)
    assert shown(entry) == case["fields"]
    assert encode(entry) == data
    theirs_ = parse(their_contracts.AccessEntry, data, "entry")
    assert theirs_.encoded() == data
    assert entry_hash(ours.hash, data) == verifiers.tagged("access-entry", theirs_.value()) == hashed


@cases("access", what="head")
def test_access_heads(case: Case) -> None:
    ours, verifiers = both(case)
    head, last = EMPTY_HEAD, bytes(32)
    for entry in map(bytes.fromhex, case["entries"]):
        head, last = next_head(ours.hash, head, entry), verifiers.tagged("access-head", last, entry)
    assert (head.count, head.last.hex()) == (case["count"], case["last"])
    assert last.hex() == case["last"]


@cases("access", what="request")
def test_access_requests(case: Case) -> None:
    ours, verifiers = both(case)
    (data,) = hex_of(case, "hex")
    if not case["valid"]:
        with pytest.raises(RequestMalformed):
            read_request(data)
        return
    hashed, key, signature = hex_of(case, "hash", "key", "signature")
    signed = read_request(data)
    assert (request_hash(ours.hash, signed.request), signed.key, signed.signature) == (hashed, key, signature)
    assert verifiers.verify(key, hashed, signature)


@cases("access", what="receipt")
def test_access_receipts(case: Case) -> None:
    ours, verifiers = both(case)
    (data,) = hex_of(case, "hex")
    if not case["valid"]:
        with pytest.raises(ReceiptInvalid):
            read_receipt(data)
        return
    hashed, key, signature = hex_of(case, "hash", "key", "signature")
    signed = read_receipt(data)
    assert (receipt_hash(ours.hash, signed.receipt), signed.key, signed.signature) == (hashed, key, signature)
    assert verifiers.verify(key, hashed, signature)


@cases("access", what="source")
def test_access_sources(case: Case) -> None:
    ours, verifiers = both(case)
    salt, source, commitment = hex_of(case, "salt", "source", "commitment")
    assert source_commitment(ours.hash, salt, source) == verifiers.tagged("access-source", salt, source) == commitment


# --- bundles ---


def bundle_case(name: str) -> Callable[..., Any]:
    """Give a test each case of a bundle file."""
    return cases(f"bundles-{name}")


def check_bundle_case(suite_name: str, case: Case) -> None:
    """Check a bundle by both verifiers."""
    content = read(f"bundles-{suite_name}")
    good = {one["name"]: bytes.fromhex(one["hex"]) for one in content["cases"] if "hex" in one}
    data = bytes.fromhex(case["hex"]) if "hex" in case else spliced(good[case["of"]], case["splice"])
    trust = None if case["trust"] is None else content["trusts"][case["trust"]].encode("utf-8")
    ours = check_proof(data, None if trust is None else parse_trust(trust))
    verifiers = verify_bundle(data, trust)
    assert (int(ours.verdict), verifiers.verdict.value) == (case["exit"], case["exit"])
    steps = [failed.number if failed else None for failed in (ours.failed, verifiers.failed)]
    assert steps == [case["step"]] * 2


@pytest.mark.requirement("S9.2")
@bundle_case("gm")
def test_bundles_under_gm(case: Case) -> None:
    check_bundle_case("gm", case)


@bundle_case("intl")
def test_bundles_under_intl(case: Case) -> None:
    check_bundle_case("intl", case)


def test_bundles_fail_at_every_step_that_can_fail() -> None:
    for name in ("gm", "intl"):
        steps = {case["step"] for case in read(f"bundles-{name}")["cases"]}
        assert steps == {None, *range(1, 28)}


@cases("trust")
def test_trust_files(case: Case) -> None:
    data = case["text"].encode("utf-8")
    if case["valid"]:
        assert parse_trust(encode_trust(parse_trust(data))) == parse_trust(data)
        assert parse_their_trust(data).quorum == parse_trust(data).quorum
        return
    with pytest.raises(TrustInvalid):
        parse_trust(data)
    with pytest.raises(VerifierError):
        parse_their_trust(data)
