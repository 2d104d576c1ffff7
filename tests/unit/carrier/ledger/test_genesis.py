"""The rules of a genesis and of epochs: a valid one, each rule broken once, the rule that the refusal names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from tests.support.contract_parties import Party, genesis_of, next_epoch
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.errors import GenesisInvalid
from xinglin.carrier.ledger.genesis import (
    chain_id,
    check_epoch,
    check_genesis,
    epoch_hash,
    epoch_zero,
    genesis_hash,
    key_proof_message,
)
from xinglin.carrier.ledger.model import ZERO, Epoch, Founder, Genesis, Parameters, Profile
from xinglin.kernel.encoding import decode, encode
from xinglin.kernel.identifiers import base32, identifier

Parties = Sequence[Party]
Change = Callable[[Genesis, Parties], Genesis]


@pytest.fixture(scope="module")
def genesis(founders: list[Party]) -> Genesis:
    """Return what three founders found."""
    return genesis_of(*founders)[1]


def founder(genesis: Genesis, index: int, change: Callable[[Founder], Founder]) -> Genesis:
    """Return the genesis with one founder changed."""
    founders = list(genesis.founders)
    founders[index] = change(founders[index])
    return replace(genesis, founders=tuple(founders))


def account(genesis: Genesis, index: int, **changes: object) -> Genesis:
    """Return the genesis with the first account of a founder changed."""
    return founder(
        genesis, index, lambda one: replace(one, accounts=(replace(one.accounts[0], **changes), *one.accounts[1:]))
    )


def reproven(genesis: Genesis, parties: Parties, index: int, key: int) -> Genesis:
    """Return the genesis in which a founder's cosigning key is another's, with that key's own proof."""
    chosen = parties[key].key
    proof = chosen.prove("genesis", parties[index].member, "")
    return founder(genesis, index, lambda one: replace(one, key=chosen.public, proof=proof))


def test_a_genesis_of_three_founders_holds(genesis: Genesis, gm: Suite) -> None:
    check_genesis(genesis, gm.hash, gm.verify)


def test_a_private_chain_of_one_founder_holds(founders: list[Party], gm: Suite) -> None:
    check_genesis(genesis_of(founders[0], profile=Profile.PRIVATE)[1], gm.hash, gm.verify)


BREACHES: dict[str, tuple[str, Change]] = {
    "G1 nobody": ("there is no founder", lambda g, _: replace(g, founders=())),
    "G1 private with two": (
        "a private chain has one founder",
        lambda _, p: genesis_of(p[0], p[1], profile=Profile.PRIVATE)[1],
    ),
    "G2 a member twice": (
        "members are not in order or not distinct",
        lambda g, _: founder(g, 1, lambda one: replace(one, member=g.founders[0].member)),
    ),
    "G2 one key for two": ("two members have one cosigning key", lambda g, p: reproven(g, p, 1, 0)),
    "G2 half the votes": ("the threshold is not a majority of the votes", lambda g, _: replace(g, threshold=1)),
    "G2 more than the votes": ("the threshold is not a majority of the votes", lambda g, _: replace(g, threshold=4)),
    "G2 no threshold": ("the threshold is not a majority of the votes", lambda g, _: replace(g, threshold=0)),
    "G2 half the cosigners": ("the quorum is not a majority of the cosigners", lambda g, _: replace(g, quorum=1)),
    "G2 more than the cosigners": ("the quorum is not a majority of the cosigners", lambda g, _: replace(g, quorum=4)),
    "G3 one account id for two": (
        "two accounts have one id",
        lambda g, _: account(g, 1, account=g.founders[0].accounts[0].account),
    ),
    "G3 one account key for two": (
        "two accounts have one key",
        lambda g, _: account(g, 1, key=g.founders[0].accounts[0].key),
    ),
    "G4 a cosigning key unproven": (
        "a key is not proven",
        lambda g, _: founder(g, 2, lambda one: replace(one, proof=bytes(64))),
    ),
    "G4 an account key unproven": ("a key is not proven", lambda g, _: account(g, 2, proof=bytes(64))),
    "G4 proven for another account": (
        "a key is not proven",
        lambda g, _: account(g, 2, account=identifier(b"\xff" * 16)),
    ),
    "G4 proven for a chain": (
        "a key is not proven",
        lambda g, p: founder(g, 0, lambda _: p[0].founder(scope="c" + "a" * 26)),
    ),
    "G4 a key that is no point": (
        "a key is not proven",
        lambda g, _: founder(g, 0, lambda one: replace(one, key=b"\x04" + bytes(64))),
    ),
    "G5 a parameter is zero": (
        "a parameter is zero",
        lambda g, _: replace(g, parameters=Parameters(quota_window_ms=0)),
    ),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_genesis_that_breaks_a_rule_is_refused_by_it(
    breach: str, genesis: Genesis, founders: list[Party], gm: Suite
) -> None:
    rule, change = BREACHES[breach]
    with pytest.raises(GenesisInvalid) as refusal:
        check_genesis(change(genesis, founders), gm.hash, gm.verify)
    assert refusal.value.facts == {"rule": rule}


def test_the_chain_id_is_the_profile_and_the_hash(genesis: Genesis, gm: Suite) -> None:
    digest = gm.hash(b"genesis\x00\x91" + encode(genesis))
    assert genesis_hash(gm.hash, genesis) == digest
    assert chain_id(gm.hash, genesis) == "c" + base32(digest)[:26]
    for profile, letter in ((Profile.PRIVATE, "p"), (Profile.SUPERVISION, "s")):
        assert chain_id(gm.hash, replace(genesis, profile=profile))[0] == letter


@pytest.mark.parametrize("field", ["time", "threshold", "quorum", "nonce", "founders"])
def test_every_field_is_in_the_chain_id(field: str, genesis: Genesis, gm: Suite) -> None:
    value = {"nonce": bytes(16), "founders": genesis.founders[:2]}.get(field, 9)
    assert chain_id(gm.hash, replace(genesis, **{field: value})) != chain_id(gm.hash, genesis)


def test_epoch_zero_is_the_founders_ascending(genesis: Genesis, gm: Suite) -> None:
    chain = chain_id(gm.hash, genesis)
    epoch = epoch_zero(chain, replace(genesis, founders=genesis.founders[::-1]))
    assert (epoch.chain, epoch.number, epoch.previous, epoch.from_height) == (chain, 0, ZERO, 0)
    assert [one.member for one in epoch.members] == sorted(one.member for one in genesis.founders)
    assert (epoch.threshold, epoch.quorum) == (genesis.threshold, genesis.quorum)


def test_a_proof_of_key_is_for_one_scope_member_account_and_key(founders: list[Party], gm: Suite) -> None:
    key = founders[0].key.public
    messages = {
        key_proof_message(gm.hash, scope, member, account, public)
        for scope in ("genesis", "c" + "a" * 26)
        for member in (founders[0].member, founders[1].member)
        for account in ("", founders[0].member)
        for public in (key, founders[1].key.public)
    }
    assert len(messages) == 16


@pytest.fixture(scope="module")
def epoch(founders: list[Party], genesis: Genesis, gm: Suite) -> Epoch:
    """Return an epoch after the first, of the same members."""
    first = epoch_zero(chain_id(gm.hash, genesis), genesis)
    return next_epoch(first, epoch_hash(gm.hash, first), 5, *(party.entry() for party in founders))


EPOCH_BREACHES: dict[str, tuple[str, Callable[[Epoch], Epoch]]] = {
    "out of order": (
        "members are not in order or not distinct",
        lambda e: replace(e, members=e.members[::-1]),
    ),
    "a member twice": (
        "members are not in order or not distinct",
        lambda e: replace(e, members=(e.members[0], *e.members)),
    ),
    "one key for two": (
        "two members have one cosigning key",
        lambda e: replace(e, members=(*e.members[:2], replace(e.members[2], key=e.members[0].key))),
    ),
    "votes are too few": (
        "the threshold is not a majority of the votes",
        lambda e: replace(e, members=(e.members[0], *(replace(one, votes=0) for one in e.members[1:]))),
    ),
    "a minority decides": ("the threshold is not a majority of the votes", lambda e: replace(e, threshold=1)),
    "cosigners are too few": (
        "the quorum is not a majority of the cosigners",
        lambda e: replace(e, members=tuple(replace(one, cosigns=0) for one in e.members)),
    ),
    "nobody": ("the threshold is not a majority of the votes", lambda e: replace(e, members=())),
}


@pytest.mark.parametrize("breach", EPOCH_BREACHES)
def test_an_epoch_that_breaks_a_rule_is_refused_by_it(breach: str, epoch: Epoch) -> None:
    check_epoch(epoch)
    rule, change = EPOCH_BREACHES[breach]
    with pytest.raises(GenesisInvalid) as refusal:
        check_epoch(change(epoch))
    assert refusal.value.facts == {"rule": rule}


def test_a_genesis_comes_back_from_its_bytes(genesis: Genesis) -> None:
    assert decode(Genesis, encode(genesis)) == genesis
