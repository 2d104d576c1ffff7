"""The contract access: entries and heads, twins, aggregates; each rule and each refusal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.access import READER, entry, item
from tests.support.contract_parties import Consortium, Party
from xinglin.carrier.access.policy.errors import KindDenied, RoleDenied
from xinglin.carrier.crypto.suite import suite
from xinglin.kernel.encoding import ChainObject, encode, state_key
from xinglin.kernel.errors import Fact, PlatformError
from xinglin.kernel.hashing import Tag, tagged
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.audit.errors import (
    AggregateFormInvalid,
    AggregateMinuteInvalid,
    AggregateOrderInvalid,
    EntryCopyInvalid,
    EntryFormInvalid,
    EntryProofInvalid,
    EntryTimeInvalid,
    TwinClosed,
    TwinExists,
    TwinUnknown,
)
from xinglin.service.basic.audit.model import (
    NO_RECORD,
    AccessHead,
    Aggregate,
    AnswerTwin,
    AskTwin,
    LastMinute,
    LogAccess,
    OpenedCopy,
    Proven,
    ReaderProof,
    SourceCount,
    TwinAnswer,
    TwinState,
)
from xinglin.service.basic.audit.rules import EMPTY_HEAD, MAX_AGE_MS, MAX_AHEAD_MS, entry_hash, head_of
from xinglin.stakeholders.kinds import Role

RECORD = bytes(range(32))
CUSTODIAN = identifier(b"the custodian...")
MINUTE = 1_699_999_920_000
"""A whole minute that is over at the chain's time."""


def call(c: Consortium, method: str, arguments: ChainObject, items: Sequence[bytes] = ()) -> dict[str, Fact]:
    """Call the contract by the hospital's service account."""
    return c.ledger.call(c.hospital.caller(Role.SERVICE), f"access.{method}", arguments, items)


def log(c: Consortium, *items: bytes) -> dict[str, Fact]:
    """Log entries."""
    return call(c, "log", LogAccess(), items)


def refused(
    c: Consortium, method: str, arguments: ChainObject, refusal: type[PlatformError], items: Sequence[bytes] = ()
) -> PlatformError:
    """Call, expect a refusal and an unchanged state; return the refusal."""
    before = dict(c.ledger.state)
    with pytest.raises(refusal) as caught:
        call(c, method, arguments, items)
    assert type(caught.value) is refusal
    assert c.ledger.state == before
    return caught.value


def naive_head(c: Consortium, *items: bytes) -> AccessHead:
    """Return the head of entries, worked out from the words of the specification."""
    hash_, last = c.ledger.suite.hash, bytes(32)
    for one in items:
        last = tagged(hash_, Tag.ACCESS_HEAD, last, tagged(hash_, Tag.ACCESS_ENTRY, msgspec.msgpack.decode(one)))
    return AccessHead(count=len(items), last=last)


@pytest.mark.requirement("H4", "W9")
def test_entries_move_the_heads_of_their_records(consortium: Consortium) -> None:
    first, second, third = item(commitment=RECORD), item(), item(commitment=RECORD, outcome=5601, copy=OpenedCopy.NONE)
    before = set(consortium.ledger.state)
    assert log(consortium, first, second) == {"entries": 2}
    assert log(consortium, third) == {"entries": 1}
    head = consortium.ledger.value(AccessHead, "access", "head", RECORD)
    assert head == naive_head(consortium, first, third) == head_of(consortium.ledger.suite.hash, [first, third])
    other = msgspec.msgpack.decode(second)[2]
    assert consortium.ledger.value(AccessHead, "access", "head", other) == naive_head(consortium, second)
    assert set(consortium.ledger.state) - before == {
        state_key("access", "head", RECORD),
        state_key("access", "head", other),
    }


def test_one_batch_or_several_lead_to_the_same_head(consortium: Consortium) -> None:
    items = [item(commitment=RECORD) for _ in range(5)]
    log(consortium, *items[:3])
    log(consortium, items[3])
    log(consortium, items[4])
    assert consortium.ledger.value(AccessHead, "access", "head", RECORD) == naive_head(consortium, *items)


def test_entries_about_no_record_are_chained_under_the_reader_s_member(consortium: Consortium) -> None:
    mine = [item(commitment=NO_RECORD, copy=OpenedCopy.NONE, action="search") for _ in range(2)]
    other = identifier(b"another member..")
    theirs = item(commitment=NO_RECORD, copy=OpenedCopy.NONE, member=other)
    log(consortium, mine[0], theirs, mine[1])
    ledger = consortium.ledger
    assert ledger.value(AccessHead, "access", "reader", READER) == naive_head(consortium, *mine)
    assert ledger.value(AccessHead, "access", "reader", other) == naive_head(consortium, theirs)
    assert ledger.value(AccessHead, "access", "head", NO_RECORD) is None


@given(st.lists(st.binary(min_size=1, max_size=4), max_size=6), st.data())
def test_dropping_adding_or_moving_an_entry_leads_to_another_head(contents: list[bytes], data: st.DataObject) -> None:
    hash_ = suite("gm").hash
    items = [item(request=content.rjust(32, b"\0"), commitment=RECORD) for content in contents]
    changed = data.draw(st.lists(st.sampled_from([*items, item(commitment=RECORD)]), max_size=7))
    assert (head_of(hash_, changed) == head_of(hash_, items)) == (changed == items)


def test_the_hash_of_an_entry_is_that_of_its_object(consortium: Consortium) -> None:
    made = entry()
    assert entry_hash(consortium.ledger.suite.hash, encode(made)) == tagged(
        consortium.ledger.suite.hash, Tag.ACCESS_ENTRY, made
    )
    assert head_of(consortium.ledger.suite.hash, []) == EMPTY_HEAD


@pytest.mark.parametrize(
    "bad",
    [
        lambda good: good + b"\x00",
        lambda good: good[:-1],
        lambda good: b"\x92" + good[1:],
        lambda good: encode(LogAccess()),
        lambda good: good.replace(b"access-entry\x01", b"access-entry\x02"),
        lambda good: good.replace(b"\xa5treat", b"\xa5Treat"),
        lambda good: good.replace(b"\xa5treat", b"\xd9\x05treat"),
    ],
    ids=["one more byte", "cut", "another array", "another object", "version", "no name", "not the shortest form"],
)
def test_ac2_an_item_that_is_no_entry(consortium: Consortium, bad: Any) -> None:
    good = item()
    assert bad(good) != good
    refusal = refused(consortium, "log", LogAccess(), EntryFormInvalid, [good, bad(good)])
    assert refusal.facts == {"item": 1}


@pytest.mark.requirement("H11")
@pytest.mark.parametrize("late", [-MAX_AGE_MS, MAX_AHEAD_MS])
def test_ac3_an_entry_is_logged_soon(consortium: Consortium, late: int) -> None:
    time, beyond = consortium.ledger.time + late, 1 if late > 0 else -1
    log(consortium, item(time=time))
    refused(consortium, "log", LogAccess(), EntryTimeInvalid, [item(time=time + beyond)])


@pytest.mark.requirement("H11")
def test_ac4_a_reader_elsewhere_is_proven_by_a_signature(consortium: Consortium) -> None:
    own = consortium.hospital.member
    for fields in (
        {"proof": ()},
        {"proven": Proven.TOKEN},
        {"proven": Proven.TOKEN, "proof": ()},
        {"proven": Proven.SESSION, "proof": (), "member": identifier(bytes(16))},
        {"proven": Proven.SESSION, "proof": (ReaderProof(bytes(32), bytes(64)),), "member": own},
    ):
        refused(consortium, "log", LogAccess(), EntryProofInvalid, [item(**fields)])
    for proven in (Proven.TOKEN, Proven.SESSION):
        log(consortium, item(proven=proven, proof=(), member=own))


def test_ac5_a_copy_is_opened_of_a_record_that_was_permitted(consortium: Consortium) -> None:
    for copy in (OpenedCopy.ORIGINAL, OpenedCopy.DEIDENTIFIED):
        log(consortium, item(copy=copy))
        for fields in ({"outcome": 5601}, {"commitment": NO_RECORD}):
            refused(consortium, "log", LogAccess(), EntryCopyInvalid, [item(copy=copy, **fields)])
            log(consortium, item(copy=OpenedCopy.NONE, **fields))


def test_one_entry_that_is_refused_refuses_the_batch(consortium: Consortium) -> None:
    refused(consortium, "log", LogAccess(), EntryFormInvalid, [item(commitment=RECORD), b"\x90"])


@pytest.mark.requirement("H11")
def test_a_twin_is_opened_and_closed_once(consortium: Consortium) -> None:
    c, request, account = consortium, os.urandom(32), identifier(bytes(16))
    opened = TwinState(custodian=CUSTODIAN, account=account, time=c.ledger.time, answer=())
    assert call(c, "ask", AskTwin(request, CUSTODIAN, account)) == {"request": request}
    assert c.ledger.value(TwinState, "access", "twin", request) == opened
    refused(c, "ask", AskTwin(request, CUSTODIAN, account), TwinExists)
    c.ledger.time += 5
    answer = AnswerTwin(request, b"r" * 32, 5601)
    assert call(c, "answered", answer) == {"request": request}
    closed = msgspec.structs.replace(opened, answer=(TwinAnswer(b"r" * 32, 5601, c.ledger.time),))
    assert c.ledger.value(TwinState, "access", "twin", request) == closed
    refused(c, "answered", answer, TwinClosed)
    refused(c, "ask", AskTwin(request, CUSTODIAN, account), TwinExists)


def test_an_answer_to_nothing_that_was_asked(consortium: Consortium) -> None:
    refused(consortium, "answered", AnswerTwin(bytes(32), bytes(32), 0), TwinUnknown)


def test_refusals_of_strangers_are_aggregated_by_source_and_minute(consortium: Consortium) -> None:
    items = [encode(SourceCount(bytes([n]) * 32, n + 1)) for n in range(3)]
    assert call(consortium, "aggregate", Aggregate(MINUTE), items) == {"sources": 3}
    assert consortium.ledger.value(LastMinute, "access", "minute") == LastMinute(minute=MINUTE)
    refused(consortium, "aggregate", Aggregate(MINUTE), AggregateMinuteInvalid, items)
    refused(consortium, "aggregate", Aggregate(MINUTE - 60_000), AggregateMinuteInvalid, items)
    consortium.ledger.time = MINUTE + 120_000
    call(consortium, "aggregate", Aggregate(MINUTE + 60_000), items)


def test_a_minute_is_whole_and_over(consortium: Consortium) -> None:
    items = [encode(SourceCount(bytes(32), 1))]
    consortium.ledger.time = MINUTE + 60_000
    for minute in (MINUTE - 1, MINUTE + 1, MINUTE + 60_000):
        refused(consortium, "aggregate", Aggregate(minute), AggregateMinuteInvalid, items)
    consortium.ledger.time -= 1
    refused(consortium, "aggregate", Aggregate(MINUTE), AggregateMinuteInvalid, items)
    consortium.ledger.time += 1
    call(consortium, "aggregate", Aggregate(MINUTE), items)


def test_the_items_of_an_aggregate_are_in_form_and_order(consortium: Consortium) -> None:
    good = [encode(SourceCount(bytes([n]) * 32, 1)) for n in range(2)]
    none = encode(SourceCount(bytes(32), 1))[:-1] + b"\x00"
    for items in ([good[0], good[1] + b"\x00"], [none]):
        refused(consortium, "aggregate", Aggregate(MINUTE), AggregateFormInvalid, items)
    for items in (good[::-1], [good[0], good[0]]):
        refused(consortium, "aggregate", Aggregate(MINUTE), AggregateOrderInvalid, items)


CALLS: list[tuple[str, ChainObject, list[bytes]]] = [
    ("log", LogAccess(), [item()]),
    ("ask", AskTwin(bytes(32), CUSTODIAN, CUSTODIAN), []),
    ("answered", AnswerTwin(bytes(32), bytes(32), 0), []),
    ("aggregate", Aggregate(MINUTE), [encode(SourceCount(bytes(32), 1))]),
]


@pytest.mark.parametrize(("method", "arguments", "items"), CALLS, ids=[one[0] for one in CALLS])
def test_who_may_call(consortium: Consortium, method: str, arguments: ChainObject, items: list[bytes]) -> None:
    for role in set(Role) - {Role.SERVICE}:
        with pytest.raises(RoleDenied):
            consortium.ledger.call(consortium.hospital.caller(role), f"access.{method}", arguments, items)
    if method in ("log", "aggregate"):
        by: Party = consortium.platform
        with pytest.raises(KindDenied):
            consortium.ledger.call(by.caller(Role.SERVICE), f"access.{method}", arguments, items)
