"""The signer directory: whose a key is at a time, and the founding state that it first reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import GENESIS_TIME, Consortium, Party, genesis_of
from xinglin.carrier.access.founding import founding
from xinglin.carrier.access.governance.model import EpochState, LatestEpoch
from xinglin.carrier.access.registry.directory import RegistryDirectory
from xinglin.carrier.access.registry.model import (
    AccountState,
    EndAccount,
    EndKey,
    KeyState,
    MemberState,
    SuperAdministrator,
    SuperAdministrators,
)
from xinglin.carrier.contracts.api import Caller
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.errors import GenesisInvalid, SignerEnded, SignerUnknown
from xinglin.carrier.ledger.genesis import check_genesis, epoch_zero
from xinglin.kernel.encoding import decode, encode, state_key
from xinglin.stakeholders.kinds import MemberKind, Role, Status

DIRECTORY = RegistryDirectory()


class Reader:
    """A reader of a dictionary that notes which keys were asked for."""

    def __init__(self, state: Mapping[bytes, bytes]) -> None:
        self.state, self.asked = state, set[bytes]()

    def get(self, key: bytes) -> bytes | None:
        self.asked.add(key)
        return self.state.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(item for item in self.state.items() if item[0].startswith(prefix)))


def test_a_founders_key_is_resolved(consortium: Consortium) -> None:
    doctor = consortium.hospital.caller(Role.PRACTITIONER)
    reader = Reader(consortium.ledger.state)
    assert DIRECTORY.resolve(reader, doctor.key, GENESIS_TIME) == doctor
    assert doctor.member_kind is MemberKind.MEDICAL_INSTITUTION
    assert len(reader.asked) == 3


def test_a_key_that_is_not_registered_is_unknown(consortium: Consortium) -> None:
    cosigning = consortium.hospital.key.public
    with pytest.raises(SignerUnknown) as caught:
        DIRECTORY.resolve(Reader(consortium.ledger.state), cosigning, GENESIS_TIME)
    assert caught.value.facts == {"key": cosigning}


def resolved(c: Consortium, who: Caller, time: int) -> bool:
    """Tell whether a caller's key is in force at a time."""
    try:
        return DIRECTORY.resolve(Reader(c.ledger.state), who.key, time) == who
    except SignerEnded:
        return False


@pytest.mark.requirement("S6.3a")
def test_a_key_is_in_force_through_the_block_that_ends_it(consortium: Consortium) -> None:
    device, now = consortium.hospital.caller(Role.DEVICE), consortium.ledger.time
    assert not resolved(consortium, device, GENESIS_TIME - 1)
    assert resolved(consortium, device, now + 1)
    consortium.ledger.call(device, "registry.end_key", EndKey(device.key, ()))
    assert resolved(consortium, device, now)
    assert not resolved(consortium, device, now + 1)


def test_a_compromised_key_is_not_in_force_from_then_on(consortium: Consortium) -> None:
    device, now = consortium.hospital.caller(Role.DEVICE), consortium.ledger.time
    manager = consortium.hospital.caller(Role.ADMINISTRATOR)
    consortium.ledger.call(manager, "registry.end_key", EndKey(device.key, (now - 7,)))
    assert resolved(consortium, device, now - 8)
    assert not resolved(consortium, device, now - 7)


def test_an_ended_account_does_not_sign(consortium: Consortium) -> None:
    device = consortium.hospital.caller(Role.DEVICE)
    consortium.ledger.call(device, "registry.end_account", EndAccount(device.account))
    assert not resolved(consortium, device, consortium.ledger.time)


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.ENDED])
def test_a_member_that_is_not_active_does_not_sign(consortium: Consortium, status: Status) -> None:
    device = consortium.hospital.caller(Role.DEVICE)
    key = state_key("registry", "member", device.member)
    member = decode(MemberState, consortium.ledger.state[key])
    consortium.ledger.state[key] = encode(replace(member, status=status))
    assert not resolved(consortium, device, consortium.ledger.time)


@pytest.mark.requirement("S6.3a", "S5.2")
def test_the_founding_state_is_exactly_the_founders(gm: Suite) -> None:
    party = Party(gm, MemberKind.SUPPLIER, (Role.SUPER_ADMINISTRATOR, Role.DEVICE))
    chain, genesis = genesis_of(party)
    check_genesis(genesis, gm.hash, gm.verify)
    member, (boss, boss_key) = party.member, party.accounts[Role.SUPER_ADMINISTRATOR]
    device, device_key = party.accounts[Role.DEVICE]

    def account(role: Role) -> bytes:
        state = AccountState(member=member, roles=(role,), person=bytes(32), status=Status.ACTIVE)
        return encode(state)

    def key(name: str) -> bytes:
        return encode(KeyState(account=name, member=member, from_ms=GENESIS_TIME, until=(), compromised=()))

    assert founding(chain, genesis) == {
        state_key("registry", "member", member): encode(
            MemberState(member_kind=MemberKind.SUPPLIER, name=b"member", status=Status.ACTIVE, from_height=0)
        ),
        state_key("registry", "account", boss): account(Role.SUPER_ADMINISTRATOR),
        state_key("registry", "account", device): account(Role.DEVICE),
        state_key("registry", "key", boss_key.public): key(boss),
        state_key("registry", "key", device_key.public): key(device),
        state_key("registry", "super", member): encode(SuperAdministrators(accounts=(SuperAdministrator(boss, 1),))),
        state_key("governance", "epoch", 0): encode(EpochState(epoch=epoch_zero(chain, genesis), votes=())),
        state_key("governance", "latest"): encode(LatestEpoch(number=0)),
    }


def test_roles_out_of_form_found_nothing(gm: Suite) -> None:
    chain, genesis = genesis_of(Party(gm, MemberKind.SUPPLIER))
    founder = genesis.founders[0]
    account = replace(founder.accounts[0], roles=(Role.DEVICE, Role.SUPER_ADMINISTRATOR))
    with pytest.raises(GenesisInvalid):
        founding(chain, replace(genesis, founders=(replace(founder, accounts=(account,)),)))
