"""The ledger's objects: each has one encoding, and a field out of its form is refused when written and when read."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Party, genesis_of
from xinglin.carrier.ledger.model import (
    Batch,
    Block,
    Epoch,
    EpochMember,
    FoundingAccount,
    Genesis,
    Header,
    Leaf,
    Operation,
    OperationHead,
    Receipt,
    ReceiptFact,
    Transaction,
)
from xinglin.kernel.encoding import MAX_INTEGER, ChainObject, decode, encode, pack
from xinglin.kernel.errors import EncodingInvalid, EncodingNotCanonical

CHAIN, ID, KEY = "c" + "a" * 26, "a" * 26, b"\x04" + bytes(64)
HEADER = Header(
    chain=CHAIN, nonce=bytes(16), valid_until=1, signers=(KEY,), operation_count=1, operations_root=bytes(32)
)
HEAD = OperationHead("records", 1, "register", b"\x90", (Batch(2, bytes(32)),))
EPOCH = Epoch(
    chain=CHAIN,
    number=1,
    previous=bytes(32),
    from_height=1,
    threshold=1,
    quorum=1,
    members=(EpochMember(ID, KEY, 1, 0),),
)
LEAF = Leaf(height=1, time=2, index=3, body=bytes(32), valid_until=4, transaction=bytes(32), receipt=bytes(32))
RECEIPT = Receipt(number=0, facts=(ReceiptFact("batch", ID), ReceiptFact("size", 7), ReceiptFact("root", bytes(32))))
OBJECTS: dict[str, ChainObject] = {
    "header": HEADER,
    "operation head": HEAD,
    "transaction": Transaction(HEADER, (bytes(64),), (Operation(HEAD, (b"x", b"y")),)),
    "receipt": RECEIPT,
    "leaf": LEAF,
    "epoch": EPOCH,
    "block": Block(height=1, time=2, transactions=(b"raw",)),
}
BAD: dict[str, Callable[[], ChainObject]] = {
    "a chain of no profile": lambda: replace(HEADER, chain="x" + "a" * 26),
    "a chain with a newline": lambda: replace(HEADER, chain=CHAIN + "\n"),
    "a short nonce": lambda: replace(HEADER, nonce=bytes(15)),
    "a time below zero": lambda: replace(HEADER, valid_until=-1),
    "a time over 63 bits": lambda: replace(HEADER, valid_until=MAX_INTEGER + 1),
    "a key of 31 bytes": lambda: replace(HEADER, signers=(bytes(31),)),
    "a key of 66 bytes": lambda: replace(HEADER, signers=(bytes(66),)),
    "a root of 33 bytes": lambda: replace(HEADER, operations_root=bytes(33)),
    "no operation": lambda: replace(HEADER, operation_count=0),
    "another kind": lambda: replace(HEADER, kind="header"),
    "another version": lambda: replace(HEADER, version=2),
    "a contract in capitals": lambda: replace(HEAD, contract="Records"),
    "a method that is empty": lambda: replace(HEAD, method=""),
    "a method of 65 characters": lambda: replace(HEAD, method="m" * 65),
    "two batches": lambda: replace(HEAD, batch=HEAD.batch * 2),
    "a batch of nothing": lambda: Batch(0, bytes(32)),
    "a signature of 63 bytes": lambda: Transaction(HEADER, (bytes(63),), ()),
    "a flag of two": lambda: EpochMember(ID, KEY, 2, 0),
    "an id with spare bits": lambda: EpochMember("a" * 25 + "b", KEY, 1, 0),
    "an unknown role": lambda: FoundingAccount(ID, (8,), bytes(32), KEY, bytes(64)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_comes_back_from_its_bytes(name: str) -> None:
    value = OBJECTS[name]
    assert decode(type(value), encode(value)) == value


@pytest.mark.parametrize("name", OBJECTS)
def test_a_field_more_or_less_is_refused(name: str) -> None:
    value = OBJECTS[name]
    fields = msgspec.msgpack.decode(encode(value))
    for other in ([*fields, 0], fields[:-1]):
        with pytest.raises((EncodingInvalid, EncodingNotCanonical)):
            decode(type(value), pack(other))


@pytest.mark.parametrize("name", BAD)
def test_a_field_out_of_its_form_is_refused(name: str) -> None:
    value = BAD[name]()
    with pytest.raises(EncodingInvalid):
        encode(value)
    with pytest.raises(EncodingInvalid):
        decode(type(value), pack(value))


@pytest.mark.parametrize("value", [0, MAX_INTEGER, b"", bytes(128), "", "~ " * 64])
def test_a_fact_is_a_number_bytes_or_a_string(value: int | bytes | str) -> None:
    fact = ReceiptFact("fact", value)
    assert decode(ReceiptFact, encode(fact)) == fact


@pytest.mark.parametrize(
    "value", [-1, MAX_INTEGER + 1, bytes(129), "x" * 129, "é", "a\n", "\x7f", True, None, 1.5, [1], {}]
)
def test_a_fact_is_nothing_else(value: object) -> None:
    with pytest.raises(ValueError, match="fact"):
        ReceiptFact("fact", value)
    with pytest.raises(EncodingInvalid):
        decode(ReceiptFact, pack(["fact", value]))


def test_an_object_of_the_other_suite_has_the_same_form(founders: list[Party]) -> None:
    genesis = genesis_of(*founders)[1]
    short = replace(genesis, founders=tuple(replace(one, key=bytes(32)) for one in genesis.founders))
    assert decode(Genesis, encode(short)) == short, "which length a key must have is the suite's to say"
