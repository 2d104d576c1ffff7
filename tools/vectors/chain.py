"""Vectors of whole chains: blocks with receipts, leaves, roots and app hashes, and transactions good and bad.

What docs/spec/transaction.md and transition.md say, as the real ledger did it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from tools.vectors.form import Case, file
from tools.vectors.keys import FixedKey, fixed_bytes
from tools.vectors.proofs import ProvenWorld
from tools.vectors.world import VALID_MS, Block
from xinglin.carrier.ledger.build import build_transaction, operation
from xinglin.carrier.ledger.check import Checked
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Batch, Header, Operation, OperationHead, Transaction
from xinglin.kernel.encoding import decode, pack
from xinglin.kernel.hashing import Tag, tagged
from xinglin.service.basic.coordination.model import ConfirmDestruction
from xinglin.stakeholders.kinds import Role


def chain(world: ProvenWorld) -> str:
    """Return chain-gm.json or chain-intl.json: both chains of a world."""
    cases = []
    for name, one in (("consortium", world.chain), ("private", world.private)):
        rules = one.ledger.rules
        cases.append(
            {
                "name": name,
                "chain": rules.chain,
                "genesis": pack(rules.genesis).hex(),
                "founding": _state_at(one.ledger, 0),
                "blocks": [_block(one.ledger, height, block) for height, block in enumerate(one.blocks, 1)],
            }
        )
    how = (
        "Executed by the ledger and contracts of src/xinglin. founding is the state of height 0, changes of a block map"
        " keys to values (null: removed). A transaction without receipt was passed over with the code beside it."
    )
    return file(how, cases, suite=world.suite.name)


def _state_at(ledger: Ledger, height: int) -> dict[str, str]:
    """Return all keys and values at a height; the world's contracts remove no key, so the tip has them all."""
    with ledger.state() as view:
        keys = sorted(key for key, _ in view.scan(b""))
    values = zip(keys, (value for value, _ in ledger.prove_state(height, keys)), strict=True)
    return {key.hex(): value.hex() for key, value in values if value is not None}


def _block(ledger: Ledger, height: int, block: Block) -> Case:
    before, after = _state_at(ledger, height - 1), _state_at(ledger, height)
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return {
        "height": height,
        "time": block.time,
        "transactions": [
            {
                "hex": raw.hex(),
                "receipt": pack(result.receipt).hex() if result.receipt else None,
                "leaf": pack(result.leaf).hex() if result.leaf else None,
                "passed_over": result.passed_over.code if result.passed_over else None,
            }
            for raw, result in zip(block.transactions, block.results, strict=True)
        ],
        "changes": {key: after.get(key) for key in sorted(changed)},
        "state_root": block.tip.state_root.hex(),
        "log_size": block.tip.log_size,
        "log_root": block.tip.log_root.hex(),
        "app_hash": block.tip.app_hash.hex(),
    }


def transactions(worlds: dict[str, ProvenWorld]) -> str:
    """Return transactions.json."""
    cases = [case for world in worlds.values() for case in _transactions(world)]
    how = (
        "Looked at as for a block after the last one of the consortium chain in chain-gm.json or chain-intl.json, at"
        " the time given. code is the refusal of the check's stage (a) or (b), null where the transaction would be run."
    )
    return file(how, cases)


def _transactions(world: ProvenWorld) -> Iterator[Case]:
    chain, time = world.chain, world.chain.ledger.tip.time + 1000
    for name, raw in (*_good(world), *_not_admitted(world), *_malformed(world)):
        (answer,) = chain.ledger.check([raw], time)
        case = {"suite": world.suite.name, "name": name, "time": time, "hex": raw.hex()}
        if not isinstance(answer, Checked):
            yield case | {"code": answer.code}
            continue
        body, hash_ = answer.body.hex(), answer.hash.hex()
        yield case | {"code": None, "body": body, "transaction": hash_}


def _call(number: int = 0) -> Operation:
    """Return an operation; checking does not run it."""
    head = OperationHead("records", 1, "confirm", pack(ConfirmDestruction(bytes([number]) * 32)))
    return Operation(head)


def _built(world: ProvenWorld, name: str, *keys: FixedKey, valid_until: int = 0, chain: str = "") -> bytes:
    """Return a signed transaction; by default by the first hospital's service, for a while from now on."""
    ledger = world.ledger
    nonce = fixed_bytes(f"transaction {name}", 16)
    until = valid_until or ledger.tip.time + VALID_MS
    signers = [key.signer for key in keys or (world.key("hospital-a"),)]
    return build_transaction(world.suite, chain or ledger.rules.chain, nonce, until, [_call()], signers).raw


def _good(world: ProvenWorld) -> Iterator[tuple[str, bytes]]:
    two = (world.key("hospital-a"), world.key("hospital-b"))
    time = world.ledger.tip.time + 1000
    yield "one signer", _built(world, "one")
    yield "two signers", _built(world, "two", *two)
    yield "valid until this very block", _built(world, "now", valid_until=time)
    yield "valid as long as may be", _built(world, "long", valid_until=time + 600_000)
    yield "a batch and two operations", _batch(world, "batch")


def _batch(world: ProvenWorld, name: str, change: Callable[[Transaction], Transaction] | None = None) -> bytes:
    """Return a transaction of a batch and a call; a change is made before it is signed."""
    register = operation(world.suite, "records", "register", ConfirmDestruction(bytes(32)), [b"one", b"two", b"three"])
    built = build_transaction(
        world.suite,
        world.ledger.rules.chain,
        fixed_bytes(f"transaction {name}", 16),
        world.ledger.tip.time + VALID_MS,
        [register, _call()],
        [world.key("hospital-a").signer],
    )
    if change is None:
        return built.raw
    return _signed(world, change(decode(Transaction, built.raw)))


def _signed(world: ProvenWorld, transaction: Transaction) -> bytes:
    """Return a transaction signed again by the first hospital's service, once for each of its signers."""
    body = tagged(world.suite.hash, Tag.BODY, transaction.header)
    signature = world.key("hospital-a").sign(body)
    return pack(replace(transaction, signatures=tuple(signature for _ in transaction.header.signers)))


def _not_admitted(world: ProvenWorld) -> Iterator[tuple[str, bytes]]:
    time = world.ledger.tip.time + 1000
    yield "expired", _built(world, "expired", valid_until=time - 1)
    yield "too far ahead", _built(world, "ahead", valid_until=time + 600_001)
    logged = world.chain.blocks[3].transactions[0]
    yield "logged before", logged
    if world.suite.name == "gm":  # Ed25519 gives one signature only
        yield "logged before, signed again", _resigned(world, decode(Transaction, logged))
    yield "by a key that is not registered", _built(world, "unknown", FixedKey(world.suite, "nobody"))
    yield "by a key that has ended", _built(world, "ended", world.key("hospital-a", Role.PRACTITIONER))
    yield "by a key that is compromised", _built(world, "stolen", FixedKey(world.suite, "stolen"))


def _resigned(world: ProvenWorld, transaction: Transaction) -> bytes:
    """Return a logged transaction with another signature of the same body: under SM2 any nonce gives one."""
    body = tagged(world.suite.hash, Tag.BODY, transaction.header)
    return pack(replace(transaction, signatures=(world.key("hospital-a").sign(body, nonce="another"),)))


def _malformed(world: ProvenWorld) -> Iterator[tuple[str, bytes]]:
    raw = _built(world, "malformed")
    good = decode(Transaction, raw)
    key, chain = world.key("hospital-a"), "c" + world.members["hospital-a"].member
    yield "for another chain", _built(world, "other", chain=chain)
    yield "a byte after it", raw + b"\x00"
    yield "cut short", raw[:-1]
    yield "not in canonical form", b"\xdc\x00\x03" + raw[1:]
    yield "a garbled signature", pack(replace(good, signatures=(bytes(64),)))
    swapped = decode(Transaction, _built(world, "swapped", key, world.key("hospital-b")))
    yield "signatures in another order", pack(replace(swapped, signatures=swapped.signatures[::-1]))
    yield "a signature too few", pack(replace(swapped, signatures=swapped.signatures[:1]))
    yield "a signature too many", pack(replace(good, signatures=good.signatures * 2))
    yield "a header changed after signing", pack(replace(good, header=replace(good.header, nonce=bytes(16))))

    def with_header(**changes: object) -> bytes:
        return _signed(world, replace(good, header=replace(good.header, **changes)))

    yield "no signer", with_header(signers=())
    yield "a signer twice", with_header(signers=good.header.signers * 2)
    yield "nine signers", with_header(signers=tuple(_some_key(world, number) for number in range(9)))
    yield "a key of the other suite's length", with_header(signers=(bytes(97 - len(key.public)),))
    yield "another root of operations", with_header(operations_root=bytes(32))
    yield "another number of operations", with_header(operation_count=2)
    yield "an operation changed after signing", pack(replace(good, operations=(_call(1),)))
    yield "no operation", _signed(world, _rooted(world, replace(good, operations=())))
    many = tuple(_call(number) for number in range(65))
    yield "65 operations", _signed(world, _rooted(world, replace(good, operations=many)))
    yield from _malformed_batches(world)


def _some_key(world: ProvenWorld, number: int) -> bytes:
    return FixedKey(world.suite, f"signer {number}").public


def _rooted(world: ProvenWorld, transaction: Transaction) -> Transaction:
    """Return a transaction whose header has number and root of its operations."""
    heads = [tagged(world.suite.hash, Tag.OPERATION, one.head) for one in transaction.operations]
    (root,) = world.suite.merkle_roots_of([heads])
    header: Header = replace(transaction.header, operation_count=len(heads), operations_root=root)
    return replace(transaction, header=header)


def _malformed_batches(world: ProvenWorld) -> Iterator[tuple[str, bytes]]:
    def batch(name: str, change: Callable[[Operation], Operation]) -> tuple[str, bytes]:
        def changed(transaction: Transaction) -> Transaction:
            first, *others = transaction.operations
            return _rooted(world, replace(transaction, operations=(change(first), *others)))

        return name, _batch(world, name, changed)

    def items(*data: bytes) -> Callable[[Operation], Operation]:
        (root,) = world.suite.merkle_roots_of([list(data)])
        return lambda one: replace(one, head=replace(one.head, batch=(Batch(len(data), root),)), items=data)

    yield batch("another item", lambda one: replace(one, items=(b"other", *one.items[1:])))
    yield batch("items in another order", lambda one: replace(one, items=one.items[::-1]))
    yield batch("an item too few", lambda one: replace(one, items=one.items[:-1]))
    yield batch("items without a batch", lambda one: replace(one, head=replace(one.head, batch=())))
    yield batch("a batch of no items", lambda one: replace(one, head=_emptied(one.head), items=()))
    yield batch("an empty item", items(b"one", b""))
    yield batch("an item of 1025 bytes", items(bytes(1025)))
    yield batch("257 items", items(*[b"x"] * 257))


def _emptied(head: OperationHead) -> OperationHead:
    return replace(head, batch=(replace(head.batch[0], count=0),))
