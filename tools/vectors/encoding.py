"""Vectors of docs/spec/encoding.md: encodings good and bad by rule, identifiers and URNs, hashes by tag."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.vectors.form import Case, file, shown
from tools.vectors.keys import fixed_bytes, fixed_id
from tools.vectors.proofs import ProvenWorld
from xinglin.carrier.access.registry.model import KeyState, MemberState
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.model import ReceiptFact
from xinglin.kernel.encoding import MAX_INTEGER, ChainObject, encode, pack
from xinglin.kernel.hashing import Tag, preimage
from xinglin.kernel.identifiers import identifier, urn
from xinglin.service.basic.coordination.model import AnchorState, RecordItem, RecordStatus
from xinglin.stakeholders.kinds import MemberKind, Status

FACT = b"\x92\xa4fact"
"""A receipt's fact up to its value: the place where any integer, byte string or string may stand."""
BAD_VALUES: tuple[tuple[str, str, str], ...] = (
    ("E1", "nil", "c0"),
    ("E1", "false", "c2"),
    ("E1", "true", "c3"),
    ("E1", "a float of 32 bits", "ca3f800000"),
    ("E1", "a float of 64 bits", "cb3ff0000000000000"),
    ("E1", "an empty map", "80"),
    ("E1", "a map", "81a16101"),
    ("E1", "a map of 16 bits", "de0000"),
    ("E1", "an extension", "d40100"),
    ("E1", "a timestamp", "d6ff00000000"),
    ("E1", "the byte that MessagePack never uses", "c1"),
    ("E2", "minus one", "ff"),
    ("E2", "a negative of 8 bits", "d0ff"),
    ("E2", "a positive in a signed form", "d001"),
    ("E2", "a positive of 64 bits in a signed form", "d30000000000000001"),
    ("E2", "127 in two bytes", "cc7f"),
    ("E2", "255 in three bytes", "cd00ff"),
    ("E2", "65535 in five bytes", "ce0000ffff"),
    ("E2", "2^32 - 1 in nine bytes", "cf00000000ffffffff"),
    ("E2", "2^63", "cf8000000000000000"),
    ("E2", "2^64 - 1", "cfffffffffffffffff"),
    ("E3", "a short byte string as bin 16", "c5000101"),
    ("E3", "a short byte string as bin 32", "c60000000101"),
    ("E3", "a short string as str 8", "d90161"),
    ("E3", "a short string as str 16", "da000161"),
    ("E3", "a string that is not ASCII", "a2c3a9"),
    ("E3", "a string that is not UTF-8", "a1ff"),
    ("E8", "a byte string that ends early", "c40201"),
    ("E8", "a string that ends early", "a26100"[:4]),
    ("E8", "an integer that ends early", "cd01"),
    ("E8", "a length without its bytes", "c6ffffffff00"),
    ("E8", "nothing", ""),
)
GOOD_VALUES: tuple[tuple[str, Any], ...] = (
    ("zero", 0),
    ("127", 127),
    ("128", 128),
    ("255", 255),
    ("256", 256),
    ("65535", 65535),
    ("65536", 65536),
    ("2^32 - 1", 2**32 - 1),
    ("2^32", 2**32),
    ("2^63 - 1", MAX_INTEGER),
    ("no bytes", b""),
    ("one byte", b"\x00"),
    ("128 bytes", bytes(128)),
    ("no characters", ""),
    ("31 characters", "x" * 31),
    ("32 characters", "x" * 32),
    ("128 characters", "~" * 128),
)


def encodings(world: ProvenWorld) -> str:
    """Return encoding.json."""
    cases = [*_good(world), *_bad_values(), *_bad_arrays(), *_bad_fields()]
    how = "A case is read as the object that it names, which the page of that object describes."
    return file(how, cases)


def _good(world: ProvenWorld) -> Iterator[Case]:
    for name, value in GOOD_VALUES:
        yield _case(name, "receipt fact", ReceiptFact("fact", value))
    entry = world.ledger.entry(world.place(4).entry)
    refused = world.ledger.entry(world.entry("records", "register", 2))
    rules, item = world.ledger.rules, world.batches["first"][1][0]
    yield _case("a genesis", "genesis", rules.genesis)
    yield _case("an epoch", "epoch", world.epoch_one())
    yield _case("a header with two signers", "header", entry.transaction.header)
    yield _case("an operation with a batch", "operation head", entry.transaction.operations[0].head)
    anchor = world.ledger.entry(world.entry("anchor", "commit", 1)).transaction.operations[0].head
    yield _case("an operation without a batch", "operation head", anchor)
    yield _case("a receipt", "receipt", entry.receipt)
    yield _case("a receipt of a refusal", "receipt", refused.receipt)
    yield _case("a leaf", "leaf", entry.leaf)
    yield _case("a record item", "record item", RecordItem(item[3:35], item[37:]))
    yield _case("the arguments of records.register", "register batch", world.batches["first"][0])
    yield {
        "name": "behaviour data",
        "object": "behaviour",
        "valid": True,
        "hex": world.records[0].parts.behaviour.hex(),
    }
    yield from _states()


def _states() -> Iterator[Case]:
    member, account = fixed_id("hospital-a"), fixed_id("hospital-a service")
    yield _case("a record's status", "record status", RecordStatus(certificate=fixed_bytes("certificate", 32)))
    key = KeyState(account=account, member=member, from_ms=1, until=(5,), compromised=())
    yield _case("a key that ended", "key state", key)
    name = "杏林".encode()
    kind = MemberKind.MEDICAL_INSTITUTION
    state = MemberState(member_kind=kind, name=name, status=Status.SUSPENDED, from_height=7)
    yield _case("a member that is suspended", "member state", state)


def _case(name: str, kind: str, value: ChainObject) -> Case:
    return {"name": name, "object": kind, "valid": True, "hex": encode(value).hex(), "fields": shown(value)}


def _bad(rule: str, name: str, kind: str, data: bytes) -> Case:
    return {"name": name, "object": kind, "valid": False, "rule": rule, "hex": data.hex()}


def _bad_values() -> Iterator[Case]:
    for rule, name, value in BAD_VALUES:
        yield _bad(rule, name, "receipt fact", FACT + bytes.fromhex(value))
    yield _bad("receipt", "129 bytes", "receipt fact", FACT + pack(bytes(129)))
    yield _bad("receipt", "129 characters", "receipt fact", FACT + pack("x" * 129))
    yield _bad("receipt", "a control character", "receipt fact", FACT + pack("\x1f"))


def _bad_arrays() -> Iterator[Case]:
    batch = [7, bytes(32)]
    yield _bad("E4", "array 16 for two fields", "batch", b"\xdc\x00\x02" + pack(batch)[1:])
    yield _bad("E4", "array 32 for two fields", "batch", b"\xdd\x00\x00\x00\x02" + pack(batch)[1:])
    yield _bad("E4", "a field left out", "batch", pack(batch[:1]))
    yield _bad("E4", "a field added", "batch", pack([*batch, 0]))
    yield _bad("E4", "fields in another order", "batch", pack(batch[::-1]))
    yield _bad("E4", "a map of fields", "batch", pack({"count": 7, "root": bytes(32)}))
    yield _bad("E4", "a length without its elements", "batch", b"\xdd\xff\xff\xff\xff")
    yield _bad("E8", "a byte after the value", "batch", pack(batch) + b"\x00")
    yield _bad("E8", "the value twice", "batch", pack(batch) * 2)
    status = ["record-status", 1, bytes(32)]
    yield _bad("E5", "another kind", "record status", pack(["status", *status[1:]]))
    yield _bad("E5", "another version", "record status", pack([status[0], 2, status[2]]))
    yield _bad("E5", "no kind", "record status", pack(status[1:]))
    yield _bad("E5", "a version that is a string", "record status", pack([status[0], "1", status[2]]))
    key = ["key", 1, fixed_id("a"), fixed_id("b"), 0, [], []]
    yield _bad("E6", "two values where one is optional", "key state", pack([*key[:5], [1, 2], []]))
    yield _bad("E6", "an optional value without its array", "key state", pack([*key[:5], 1, []]))
    anchor = AnchorState(member=fixed_id("a"), head=_head(), frozen=0, successor=(), acknowledged=0, predecessor=())
    apart = [*_fields(anchor)]
    yield _bad("E6", "a truth value of 2", "anchor state", pack([*apart[:4], 2, *apart[5:]]))


def _bad_fields() -> Iterator[Case]:
    batch = [fixed_id("batch"), "treatment", 1, bytes(16)]
    for name, place, value in (
        ("an id of 25 characters", 0, "a" * 25),
        ("an id of 27 characters", 0, "a" * 27),
        ("an id in capitals", 0, "A" * 26),
        ("an id with a digit that is none of base32", 0, "1" + "a" * 25),
        ("an id with spare bits", 0, "a" * 25 + "b"),
        ("an id with a newline", 0, "a" * 26 + "\n"),
        ("an empty name", 1, ""),
        ("a name that begins with a digit", 1, "1st"),
        ("a name with a capital", 1, "Treatment"),
        ("a name of 65 characters", 1, "t" * 65),
        ("a name with a newline", 1, "treatment\n"),
        ("a string where a number stands", 2, "1"),
        ("a salt of 15 bytes", 3, bytes(15)),
        ("a salt of 17 bytes", 3, bytes(17)),
        ("a salt that is a string", 3, "s" * 16),
    ):
        yield _bad("types", name, "register batch", pack([*batch[:place], value, *batch[place + 1 :]]))
    for count in (31, 33):
        yield _bad("types", f"a digest of {count} bytes", "record status", pack(["record-status", 1, bytes(count)]))
    yield _bad("transaction", "a batch of no items", "batch", pack([0, bytes(32)]))
    for size in (47, 49):
        yield _bad("locator", f"a locator of {size} bytes", "record item", pack([bytes(32), bytes(size)]))
    text = ["member", 1, 2, bytes(1025), 1, 0]
    yield _bad("types", "a text of 1025 bytes", "member state", pack(text))
    yield _bad("enumeration", "a kind of member that there is not", "member state", pack(["member", 1, 6, b"", 1, 0]))
    yield _bad("enumeration", "a status that there is not", "member state", pack(["member", 1, 2, b"", 0, 0]))


def _head() -> Any:
    return [1, bytes(32), bytes(32), 1, 1]


def _fields(value: ChainObject) -> Iterator[Any]:
    return (getattr(value, field) for field in value.__struct_fields__)


def identifiers() -> str:
    """Return identifiers.json."""
    random = [bytes(16), b"\xff" * 16, fixed_bytes("an id", 16)]
    cases: list[Case] = [{"kind": "id", "valid": True, "bytes": one.hex(), "text": identifier(one)} for one in random]
    good = identifier(random[2])
    bad = ("", good[:-1], good + "a", good.upper(), good[:-1] + "b", "0" + good[1:], good + "\n", good[:-1] + "=")
    cases += [{"kind": "id", "valid": False, "text": text} for text in bad]
    chain = "c" + fixed_id("chain")
    cases.append(
        {
            "kind": "urn",
            "valid": True,
            "chain": chain,
            "asset": "record",
            "id": good,
            "text": urn(chain, "record", good),
        }
    )
    for text in (
        f"urn:xinglin:{chain}:record",
        f"urn:xinglin:x{chain[1:]}:record:{good}",
        f"urn:xinglin:{chain}:Record:{good}",
        f"URN:xinglin:{chain}:record:{good}",
        f"urn:xinglin:{chain}:record:{good[:-1]}",
        f"urn:xinglin:{chain}:record:{good}:more",
        f"urn:xinglin:{chain}:record:{good}\n",
    ):
        cases.append({"kind": "urn", "valid": False, "text": text})
    return file("Ids stand for 16 bytes each.", cases)


def hashes() -> str:
    """Return hashes.json."""
    cases: list[Case] = []
    for name in ("gm", "intl"):
        chosen = suite(name)
        for tag in Tag:
            values = ("x", 1, b"\x00\xff")
            data = preimage(tag, *values)
            cases.append(
                {
                    "suite": name,
                    "tag": tag.value,
                    "values": shown(values),
                    "hashed": data.hex(),
                    "hash": chosen.hash(data).hex(),
                }
            )
        left, right = chosen.leaf_hash(b""), chosen.leaf_hash(b"\x00")
        cases += [
            {"suite": name, "tree": "empty", "hash": chosen.hash(b"").hex()},
            {"suite": name, "tree": "leaf", "data": "", "hash": left.hex()},
            {"suite": name, "tree": "leaf", "data": "00", "hash": right.hex()},
            {
                "suite": name,
                "tree": "node",
                "left": left.hex(),
                "right": right.hex(),
                "hash": chosen.node_hash(left, right).hex(),
            },
        ]
    how = "H(tag, values...) for each tag, over the same three values; and the hashes of RFC 6962 trees."
    return file(how, cases)
