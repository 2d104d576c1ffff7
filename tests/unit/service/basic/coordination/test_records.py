"""The contract records: registration of batches, destruction, each refusal."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.contract_parties import Consortium, Party, new_id
from xinglin.carrier.access.policy.errors import KindDenied, RoleDenied
from xinglin.carrier.contracts.api import Caller
from xinglin.kernel.encoding import ChainObject, decode, encode, state_key
from xinglin.kernel.errors import Invalid, PlatformError
from xinglin.service.basic.coordination.errors import (
    AudienceEpochUnknown,
    BatchExists,
    BatchSizeInvalid,
    BatchUnknown,
    ItemFormInvalid,
    ItemOrderInvalid,
    NotInBatch,
    OrderConfirmed,
    OrderExists,
    OrderNotConfirmed,
    OrderUnknown,
    RecordDestroyed,
    SameAccount,
)
from xinglin.service.basic.coordination.model import (
    BatchState,
    CertifyDestruction,
    ConfirmDestruction,
    OrderDestruction,
    OrderState,
    RecordItem,
    RecordReference,
    RecordStatus,
    RegisterBatch,
)
from xinglin.service.basic.coordination.records.rules import item_bytes, items_in_form, items_in_order
from xinglin.stakeholders.kinds import Role


def some_items(count: int) -> list[bytes]:
    """Return items in form and order."""
    return sorted(item_bytes(os.urandom(32), os.urandom(48)) for _ in range(count))


def batch(audience: str = "treatment", epoch: int = 1) -> RegisterBatch:
    """Return the arguments of a batch."""
    return RegisterBatch(new_id(), audience, epoch, bytes(16))


def register(c: Consortium, call: RegisterBatch, items: Sequence[bytes], by: Party | None = None) -> None:
    """Register a batch by a service account."""
    c.ledger.call((by or c.hospital).caller(Role.SERVICE), "records.register", call, items)


def refused(
    c: Consortium,
    role: Role,
    method: str,
    call: ChainObject,
    refusal: type[PlatformError],
    items: Sequence[bytes] = (),
    by: Party | None = None,
) -> None:
    """Call, expect a refusal and an unchanged state."""
    before = dict(c.ledger.state)
    with pytest.raises(refusal) as caught:
        c.ledger.call((by or c.hospital).caller(role), f"records.{method}", call, items)
    assert type(caught.value) is refusal
    assert c.ledger.state == before


@pytest.mark.requirement("S6.2d", "S8.6a", "W1")
@pytest.mark.parametrize("count", [1, 2, 128, 256])
@pytest.mark.usefixtures("audience")
def test_a_batch_is_registered_by_one_entry_of_state(consortium: Consortium, count: int) -> None:
    call, items, before = batch(), some_items(count), set(consortium.ledger.state)
    register(consortium, call, items)
    key = state_key("records", "batch", consortium.hospital.member, call.batch)
    assert set(consortium.ledger.state) - before == {key}
    root = consortium.ledger.suite.merkle_roots_of([items])[0]
    assert decode(BatchState, consortium.ledger.state[key]) == BatchState(count=count, root=root)


@pytest.mark.parametrize("count", [3, 255, 257, 512])
@pytest.mark.usefixtures("audience")
def test_a_batch_of_another_size_is_refused(consortium: Consortium, count: int) -> None:
    refused(consortium, Role.SERVICE, "register", batch(), BatchSizeInvalid, some_items(count))


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda items: [*items[:-1], items[-1] + b"\x00"], ItemFormInvalid),
        (lambda items: [items[0][:-1], *items[1:]], ItemFormInvalid),
        (lambda items: [*items[:2], b"\x93" + items[2][1:], items[3]], ItemFormInvalid),
        (lambda items: items[::-1], ItemOrderInvalid),
        (lambda items: [items[0], *items[:-1]], ItemOrderInvalid),
        (
            lambda items: [*items[:3], item_bytes(items[2][3:35], b"\xff" * 48)],
            ItemOrderInvalid,
        ),
    ],
)
@pytest.mark.usefixtures("audience")
def test_one_change_of_the_items_and_the_batch_is_refused(
    consortium: Consortium, change: Callable[[list[bytes]], list[bytes]], refusal: type[PlatformError]
) -> None:
    items = some_items(4)
    refused(consortium, Role.SERVICE, "register", batch(), refusal, change(items))
    register(consortium, batch(), items)


@pytest.mark.usefixtures("audience")
def test_a_batch_needs_a_transmission_key_that_was_issued(consortium: Consortium) -> None:
    items = some_items(1)
    for call in (batch("research"), batch(epoch=0), batch(epoch=2)):
        refused(consortium, Role.SERVICE, "register", call, AudienceEpochUnknown, items)


@pytest.mark.requirement("S9.1")
@pytest.mark.usefixtures("audience")
def test_a_batch_id_serves_its_member_once(consortium: Consortium) -> None:
    call = batch()
    register(consortium, call, some_items(2))
    refused(consortium, Role.SERVICE, "register", call, BatchExists, some_items(2))
    register(consortium, call, some_items(2), by=consortium.other)  # a copied id blocks nobody


@pytest.mark.usefixtures("audience")
def test_who_may_register(consortium: Consortium) -> None:
    items = some_items(1)
    consortium.ledger.call(consortium.hospital.caller(Role.PRACTITIONER), "records.register", batch(), items)
    for role in set(Role) - {Role.PRACTITIONER, Role.SERVICE}:
        refused(consortium, role, "register", batch(), RoleDenied, items)
    refused(consortium, Role.SERVICE, "register", batch(), KindDenied, items, by=consortium.platform)


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=9), st.data())
def test_the_fast_check_of_items_is_the_decoder_s(commitments: list[bytes], data: st.DataObject) -> None:
    items = [item_bytes(commitment, bytes(48)) for commitment in commitments]
    assert items == [encode(RecordItem(commitment, bytes(48))) for commitment in commitments]
    assert items_in_order(items) == (commitments == sorted(set(commitments)))
    at = data.draw(st.integers(0, len(items) - 1))
    changed = bytearray(items[at])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    items[at] = bytes(changed)
    try:
        decode(RecordItem, items[at])
        decodes = True
    except Invalid:
        decodes = False
    assert items_in_form(items) == decodes


@pytest.fixture
def reference(consortium: Consortium, audience: str) -> RecordReference:
    """Return a registered record of the hospital: the third of a batch of eight."""
    suite, call, items = consortium.ledger.suite, batch(audience), some_items(8)
    register(consortium, call, items)
    item = decode(RecordItem, items[2])
    path = suite.merkle_path(suite.leaf_hashes(items), 2)
    return RecordReference(call.batch, 2, item.commitment, item.locator, tuple(path))


def order(c: Consortium, record: RecordReference) -> None:
    """Order a destruction."""
    call = OrderDestruction(record, "retention-ended")
    c.ledger.call(c.hospital.caller(Role.ADMINISTRATOR), "records.order", call)


def confirm(c: Consortium, record: RecordReference) -> None:
    """Confirm a destruction."""
    call = ConfirmDestruction(record.commitment)
    c.ledger.call(c.hospital.caller(Role.COMPLIANCE_OFFICER), "records.confirm", call)


def status(c: Consortium, party: Party, record: RecordReference) -> RecordStatus | None:
    """Return the status of a record of a member."""
    return c.ledger.value(RecordStatus, "record-status", party.member, record.commitment)


def test_two_accounts_order_and_the_node_certifies(consortium: Consortium, reference: RecordReference) -> None:
    order(consortium, reference)
    confirm(consortium, reference)
    hospital, commitment = consortium.hospital, reference.commitment
    assert consortium.ledger.value(OrderState, "records", "order", hospital.member, commitment) == OrderState(
        ground="retention-ended",
        ordered_by=hospital.accounts[Role.ADMINISTRATOR][0],
        confirmed_by=(hospital.accounts[Role.COMPLIANCE_OFFICER][0],),
    )
    assert status(consortium, hospital, reference) is None
    certify = CertifyDestruction(commitment, b"c" * 32)
    consortium.ledger.call(hospital.caller(Role.SERVICE), "records.certify", certify)
    assert status(consortium, hospital, reference) == RecordStatus(certificate=b"c" * 32)
    refused(consortium, Role.SERVICE, "certify", certify, RecordDestroyed)
    refused(consortium, Role.ADMINISTRATOR, "order", OrderDestruction(reference, "again"), OrderExists)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, index=3),
        lambda r: replace(r, index=10),
        lambda r: replace(r, commitment=bytes(32)),
        lambda r: replace(r, locator=bytes(48)),
        lambda r: replace(r, path=r.path[:-1]),
        lambda r: replace(r, path=(*r.path, bytes(32))),
        lambda r: replace(r, path=(bytes(32), *r.path[1:])),
    ],
)
def test_a_record_that_is_not_in_the_batch_is_not_destroyed(
    consortium: Consortium, reference: RecordReference, change: Callable[[RecordReference], RecordReference]
) -> None:
    call = OrderDestruction(change(reference), "retention-ended")
    refused(consortium, Role.ADMINISTRATOR, "order", call, NotInBatch)
    order(consortium, reference)


def test_the_steps_of_a_destruction_have_one_order(consortium: Consortium, reference: RecordReference) -> None:
    c, commitment = consortium, reference.commitment
    confirmation, certificate = ConfirmDestruction(commitment), CertifyDestruction(commitment, bytes(32))
    refused(c, Role.ADMINISTRATOR, "confirm", confirmation, OrderUnknown)
    refused(c, Role.SERVICE, "certify", certificate, OrderUnknown)
    order(c, reference)
    refused(c, Role.ADMINISTRATOR, "confirm", confirmation, SameAccount)
    refused(c, Role.SERVICE, "certify", certificate, OrderNotConfirmed)
    confirm(c, reference)
    refused(c, Role.SUPER_ADMINISTRATOR, "confirm", confirmation, OrderConfirmed)
    for role in (Role.SERVICE, Role.PRACTITIONER, Role.AUDITOR):
        refused(c, role, "order", OrderDestruction(reference, "x"), RoleDenied)
    refused(c, Role.ADMINISTRATOR, "certify", certificate, RoleDenied)


@pytest.mark.requirement("S9.1")
def test_a_copied_commitment_destroys_nothing_of_its_owner(consortium: Consortium, reference: RecordReference) -> None:
    c, thief = consortium, consortium.other
    foreign = OrderDestruction(reference, "mine-now")
    refused(c, Role.SUPER_ADMINISTRATOR, "order", foreign, BatchUnknown, by=thief)
    items = [item_bytes(reference.commitment, reference.locator)]
    call = batch()
    register(c, call, items, by=thief)
    copied = RecordReference(call.batch, 0, reference.commitment, reference.locator, ())
    boss = thief.caller(Role.SUPER_ADMINISTRATOR)
    c.ledger.call(boss, "records.order", OrderDestruction(copied, "mine-now"))
    c.ledger.call(second_administrator(thief), "records.confirm", ConfirmDestruction(reference.commitment))
    certificate = CertifyDestruction(reference.commitment, bytes(32))
    c.ledger.call(thief.caller(Role.SERVICE), "records.certify", certificate)
    assert status(c, thief, reference) is not None
    assert status(c, c.hospital, reference) is None
    order(c, reference)


def second_administrator(party: Party) -> Caller:
    """Return a second administrator of a member, as the directory would resolve it."""
    return Caller(b"k", new_id(), party.member, party.kind, frozenset({Role.ADMINISTRATOR}))
