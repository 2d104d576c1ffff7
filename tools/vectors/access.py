"""Vectors of docs/spec/access.md: hashes of entries, requests and receipts, heads, signed messages good and bad."""

from __future__ import annotations

from collections.abc import Iterator

from tools.vectors.form import Case, file, shown
from tools.vectors.proofs import ProvenWorld
from xinglin.kernel.encoding import encode
from xinglin.service.basic.audit.receipts import read_receipt, read_request, receipt_hash, request_hash
from xinglin.service.basic.audit.rules import head_of, source_commitment


def access(worlds: dict[str, ProvenWorld]) -> str:
    """Return access.json."""
    cases: list[Case] = []
    for world in worlds.values():
        cases += [*_entries(world), *_heads(world), *_messages(world), _source(world)]
    how = (
        "Entries, heads, requests and receipts of the private chains of chain-gm.json and chain-intl.json. A head is of"
        " the entries named, in that order. key signs hash in signature; a bad case is not of the form."
    )
    return file(how, cases)


def _entries(world: ProvenWorld) -> Iterator[Case]:
    for row in world.access_rows():
        yield {
            "suite": world.suite.name,
            "what": "entry",
            "fields": shown(row.entry),
            "hex": row.raw.hex(),
            "hash": row.hash.hex(),
            "place": [row.index, row.item],
        }


def _heads(world: ProvenWorld) -> Iterator[Case]:
    rows = world.access_rows()
    for chosen in ([], rows[:1], rows[:3], rows[2::-1]):
        head = head_of(world.suite.hash, [row.raw for row in chosen])
        yield {
            "suite": world.suite.name,
            "what": "head",
            "entries": [row.hash.hex() for row in chosen],
            "count": head.count,
            "last": head.last.hex(),
        }


def _messages(world: ProvenWorld) -> Iterator[Case]:
    request, receipt = world.accesses.signed()
    asked, answered = read_request(request), read_receipt(receipt)
    hash_ = world.suite.hash
    for what, data, key, signature, hashed in (
        ("request", request, asked.key, asked.signature, request_hash(hash_, asked.request)),
        ("receipt", receipt, answered.key, answered.signature, receipt_hash(hash_, answered.receipt)),
    ):
        case = {"suite": world.suite.name, "what": what}
        signed = {"hash": hashed.hex(), "key": key.hex(), "signature": signature.hex()}
        yield case | {"valid": True, "hex": data.hex()} | signed
        yield case | {"valid": False, "name": "cut short", "hex": data[:-1].hex()}
        yield case | {"valid": False, "name": "a byte after it", "hex": (data + b"\x00").hex()}
        other = data.replace(b"access-re", b"axcess-re")
        yield case | {"valid": False, "name": "another kind", "hex": other.hex()}
    person = encode(asked).replace(b"\xa6record\xc4\x20", b"\xa6person\xc4\x20", 1)
    name = "a person named by 32 bytes"
    yield {"suite": world.suite.name, "what": "request", "valid": False, "name": name, "hex": person.hex()}


def _source(world: ProvenWorld) -> Case:
    salt, source = bytes(range(16)), b"203.0.113.7"
    commitment = source_commitment(world.suite.hash, salt, source).hex()
    case = {"suite": world.suite.name, "what": "source", "salt": salt.hex(), "source": source.hex()}
    return case | {"commitment": commitment}
