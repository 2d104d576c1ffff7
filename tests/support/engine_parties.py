"""Engines of members for tests: keys of validators, peers, and the calls and founding transactions that name them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.chain import Chain
from tests.support.contract_parties import Key, Party, new_id
from xinglin.carrier.access.founding_block import founding_transaction
from xinglin.carrier.access.registry.model import AddNode, SetPeer, SetValidator
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.kernel.hashing import Hash
from xinglin.stakeholders.kinds import Role


def engine_key() -> Key:
    """Return a fresh key of an engine."""
    return Key(suite("intl"))


def peer_id(key: Key) -> bytes:
    """Return the peer id of a node key, by the rule of the engine."""
    return hashlib.sha256(key.public).digest()[:20]


def prove(hash_: Hash, scope: str, member: str, key: Key) -> bytes:
    """Return the proof that a member's validator holds its engine key."""
    return key.sign(key_proof_message(hash_, scope, member, "validator", key.public))


@dataclass
class Node:
    """A node of a member: its id, its engine's node key and validator key, where it listens."""

    party: Party
    name: str = field(default_factory=new_id)
    key: Key = field(default_factory=engine_key)
    validator: Key = field(default_factory=engine_key)
    address: str = "node.example:26656"

    @property
    def peer(self) -> bytes:
        """Return its peer id."""
        return peer_id(self.key)

    @property
    def add(self) -> AddNode:
        """Return the call that registers it."""
        suite_ = self.party.suite
        return AddNode(self.name, suite_.encryption_public_key(suite_.generate_encryption_key()))

    @property
    def set_peer(self) -> SetPeer:
        """Return the call that registers its peer id."""
        return SetPeer(self.name, self.peer, self.address)

    def set_validator(self, chain: str) -> SetValidator:
        """Return the call by which its member validates on it."""
        proof = prove(self.party.suite.hash, chain, self.party.member, self.validator)
        return SetValidator(self.name, self.validator.public, proof)

    def founding(self, chain: Chain, *, validates: bool = True) -> bytes:
        """Return its member's founding transaction."""
        _, key = self.party.accounts[Role.SUPER_ADMINISTRATOR]
        validator = self.set_validator(chain.rules.chain) if validates else None
        nonce, signer = chain.random.randbytes(16), Signer(key.public, key.sign)
        return founding_transaction(chain.rules, nonce, signer, self.add, self.set_peer, validator)


def founders_of(chain: Chain) -> list[Node]:
    """Return a node for each founder."""
    return [Node(party) for party in chain.parties]


def powers(nodes: Sequence[Node]) -> dict[bytes, int]:
    """Return the validators that nodes are."""
    return {node.validator.public: 10 for node in nodes}
