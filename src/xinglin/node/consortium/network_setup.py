"""Founding a consortium on CometBFT: genesis, founding transactions, engines' files, each home's chain (D5.1, D7).

All founders' keys are at hand here, as on one machine for development; the same pieces serve founders who bring them
together from several.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from xinglin.carrier.access.founding_block import (
    check_founding,
    first_block_time,
    founding_transaction,
)
from xinglin.carrier.access.registry.model import VALIDATOR, AddNode, SetPeer, SetValidator
from xinglin.carrier.consensus.comet.files import (
    EngineHome,
    EngineIdentity,
    make_keys,
    sign_as_validator,
    write_genesis,
)
from xinglin.carrier.consensus.comet.genesis import EngineGenesis
from xinglin.carrier.consensus.comet.opening import app_state
from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.genesis import genesis_hash, key_proof_message
from xinglin.carrier.ledger.model import Genesis
from xinglin.node.chains import Randomness, rules_of
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.home import Setting
from xinglin.node.setup import COMETBFT, NewHome, adopt, consortium_genesis

_FIRST_PORT, _PORTS = 20_000, 10_000
"""Below those that systems give to clients."""
_BLOCK_ROOM = 4 << 20
"""Bytes of a block beside its transactions: header, votes, evidence."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node listens, as ``host:port``: its engine for others' engines and its RPC, the node, its metrics.

    ``peers``: others' engines, as ``id@host:port``, that it begins with besides those that its chain knows.
    ``external``: where others reach its engine, empty if that is ``p2p``. ``ca_file``: of the authorities for members
    whose nodes are behind TLS, empty for the system's.
    """

    p2p: str
    rpc: str
    listen: str = ""
    metrics: str = ""
    peers: tuple[str, ...] = ()
    external: str = ""
    ca_file: str = ""

    def settings(self, members: Sequence[str] = ()) -> dict[str, dict[str, Setting]]:
        """Return them as settings of a home; ``members``: where the other members' nodes listen."""
        others = tuple(place for place in members if place and place != self.listen)
        engine: dict[str, Setting] = {"p2p_listen": self.p2p, "rpc_listen": self.rpc}
        listener: dict[str, Setting] = {"listen": self.listen, "metrics": self.metrics, "members": others}
        if self.peers:
            engine["peers"] = self.peers
        if self.external not in ("", self.p2p):
            engine["external_address"] = self.external
        if self.ca_file:
            listener["ca_file"] = self.ca_file
        return {"engine": engine, "listener": listener}


def local_places(count: int, base_port: int, host: str = "127.0.0.1") -> list[Place]:
    """Return places on one machine, three ports each from ``base_port`` on."""
    ports = [base_port + 3 * number for number in range(count)]
    return [Place(f"{host}:{port}", f"127.0.0.1:{port + 1}", f"{host}:{port + 2}") for port in ports]


def free_places(count: int, host: str = "127.0.0.1") -> list[Place]:
    """Return places on loopback whose ports nobody listens on now."""
    return local_places(count, free_ports(3 * count, host), host)


def free_ports(count: int, host: str = "127.0.0.1") -> int:
    """Return the first of so many ports in a row that nobody listens on now."""
    while True:
        base = _FIRST_PORT + secrets.randbelow(_PORTS - count)
        with ExitStack() as stack:
            try:
                for port in range(base, base + count):
                    stack.enter_context(socket.socket()).bind((host, port))
            except OSError:
                continue
            return base


def found_network(homes: Sequence[NewHome], places: Sequence[Place], randomness: Randomness) -> Genesis:
    """Give homes one consortium chain that their engines make; each validates whose member has a vote.

    Args:
        homes: of the founders, with keys and no chain.
        places: where each listens.
        randomness: for nonces and keys.

    Returns: the genesis of the chain.
    """
    genesis = consortium_genesis(homes, randomness)
    rules = rules_of(genesis)
    engines = [EngineHome(new.home.engine(rules.chain).resolve()) for new in homes]
    transactions = [
        _founding(rules, new, engine, place, randomness(16))
        for new, engine, place in zip(homes, engines, places, strict=True)
    ]
    document = engine_genesis(rules, transactions)
    for new, engine, place in zip(homes, engines, places, strict=True):
        write_genesis(engine, document)
        adopt(new, genesis, COMETBFT, randomness, more=place.settings([one.listen for one in places]))
    return genesis


def join_network(
    new: NewHome,
    genesis: Genesis,
    transactions: Sequence[bytes],
    place: Place,
    randomness: Randomness,
    members: Sequence[str] = (),
) -> EngineIdentity:
    """Give the home of a later member the consortium chain at height 0, and an engine that will bring it up to date.

    Args:
        new: the home.
        genesis: of the chain.
        transactions: the founding transactions, as ``genesis.json`` of any member has them.
        place: where it listens.
        randomness: for keys.
        members: where the other members' nodes listen, as in the settings.

    Returns: who its engine is, for ``registry.set_peer`` and ``registry.set_validator``.
    """
    rules = rules_of(genesis)
    engine = EngineHome(new.home.engine(rules.chain).resolve())
    who = make_keys(engine)
    write_genesis(engine, engine_genesis(rules, transactions))
    adopt(new, genesis, COMETBFT, randomness, more=place.settings(members))
    return who


def engine_genesis(rules: ChainRules, transactions: Sequence[bytes]) -> EngineGenesis:
    """Return CometBFT's genesis of a chain: the same on every node.

    Raises:
        FoundingTransactionInvalid, FoundingSetInvalid: see ``check_founding``.
    """
    opening = check_founding(rules, transactions)
    return EngineGenesis(
        chain=rules.chain,
        time_ms=first_block_time(rules.genesis),
        validators=opening.validators,
        app_state=app_state(genesis_hash(rules.suite.hash, rules.genesis), transactions),
        max_block_bytes=rules.parameters.max_block_bytes + _BLOCK_ROOM,
    )


def set_validator(rules: ChainRules, member: str, node: str, engine: EngineHome) -> SetValidator:
    """Return the call that makes a home's engine its member's validator."""
    return SetValidator(node, *validator_of(rules.suite, rules.chain, member, engine))


def validator_of(chosen: Suite, chain: str, member: str, engine: EngineHome) -> tuple[bytes, bytes]:
    """Return the key by which a home's engine validates for a member of a chain, and the proof of it (RG12)."""
    key = make_keys(engine).validator_key
    return key, sign_as_validator(engine, key_proof_message(chosen.hash, chain, member, VALIDATOR, key))


def _founding(rules: ChainRules, new: NewHome, engine: EngineHome, place: Place, nonce: bytes) -> bytes:
    who, organisation = make_keys(engine), new.organisation
    administrator = Signer(new.keys.public(ADMINISTRATOR), lambda message: new.keys.sign(ADMINISTRATOR, message))
    validates = set_validator(rules, organisation.member, organisation.node, engine) if organisation.votes else None
    return founding_transaction(
        rules,
        nonce,
        administrator,
        AddNode(organisation.node, new.keys.public(SEALING)),
        SetPeer(organisation.node, who.peer, place.p2p),
        validates,
    )
