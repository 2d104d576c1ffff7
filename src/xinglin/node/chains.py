"""The chains of a node: which contracts they have, and how a genesis becomes rules, a ledger, an engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection

from xinglin.carrier.access.founding import founding
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.governance.validators import EngineMembership
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.access.registry.directory import RegistryDirectory
from xinglin.carrier.consensus.comet.genesis import EVIDENCE_BLOCKS, EVIDENCE_MS
from xinglin.carrier.consensus.embedded import EmbeddedEngine
from xinglin.carrier.consensus.group import EmbeddedGroup, GroupMember
from xinglin.carrier.contracts.api import Contract
from xinglin.carrier.contracts.application import LedgerApplication
from xinglin.carrier.contracts.ports import Opening
from xinglin.carrier.contracts.retaining import Retention
from xinglin.carrier.contracts.runtime import NativeRuntime
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.chain import ChainRules
from xinglin.carrier.ledger.cosign import NoteStore
from xinglin.carrier.ledger.genesis import chain_id, check_genesis
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Genesis, Profile, SuiteNumber
from xinglin.node.consortium.marks import PackagedHeights
from xinglin.node.home import Home
from xinglin.service.basic.audit.contract import CONTRACT as ACCESS
from xinglin.service.basic.coordination.anchors.contract import CONTRACT as ANCHOR
from xinglin.service.basic.coordination.audience.contract import CONTRACT as AUDIENCE
from xinglin.service.basic.coordination.journal.contract import CONTRACT as JOURNAL
from xinglin.service.basic.coordination.records.contract import CONTRACT as RECORDS
from xinglin.service.basic.correction.contract import CONTRACT as CORRECTION
from xinglin.service.basic.destruction.contract import CONTRACT as HOLD
from xinglin.service.basic.episodes.contract import CONTRACT as EPISODE
from xinglin.service.basic.notices.contract import CONTRACT as NOTICE
from xinglin.service.basic.patient_index.identity.contract import CONTRACT as IDENTITY
from xinglin.service.basic.protection.consents.contract import CONTRACT as CONSENT
from xinglin.service.basic.sharing.agreements.contract import CONTRACT as AGREEMENT

SUITES = {SuiteNumber.GM: "gm", SuiteNumber.INTL: "intl"}
CONTRACTS: dict[Profile, tuple[Contract, ...]] = {
    Profile.CONSORTIUM: (REGISTRY, GOVERNANCE, RECORDS, AUDIENCE, ANCHOR, CONSENT, AGREEMENT),
    Profile.PRIVATE: (REGISTRY, GOVERNANCE, JOURNAL, ACCESS, NOTICE, CORRECTION, EPISODE, HOLD, IDENTITY),
    Profile.SUPERVISION: (REGISTRY, GOVERNANCE),
}
"""Which native contracts a chain of each profile has."""

MARKS = 4
"""Of how many of the newest checkpoints that a home keeps its engine offers marks to engines without blocks."""
Randomness = Callable[[int], bytes]


class SystemClock:
    """The real clock (kernel port ``Clock``)."""

    def now_ms(self) -> int:
        """Return the present time in ms."""
        return time.time_ns() // 1_000_000


def random_bytes(count: int) -> bytes:
    """Return bytes from the system's generator: the one source of randomness of a node."""
    return secrets.token_bytes(count)


def suite_of(genesis: Genesis) -> Suite:
    """Return the suite that a genesis fixes."""
    return suite(SUITES[genesis.suite])


def rules_of(genesis: Genesis) -> ChainRules:
    """Return the rules of a chain.

    Raises:
        GenesisInvalid: the genesis breaks a rule.
    """
    chosen = suite_of(genesis)
    check_genesis(genesis, chosen.hash, chosen.verify)
    chain = chain_id(chosen.hash, genesis)
    runtime = NativeRuntime(chain, chosen, CONTRACTS[genesis.profile], founding)
    return ChainRules(chain, genesis, chosen, runtime, RegistryDirectory())


def comet_application(
    home: Home,
    ledger: Ledger,
    opening: Opening,
    keep_blocks: int = 0,
    named: Callable[[], Collection[bytes]] = tuple,
) -> LedgerApplication:
    """Return what CometBFT drives in a home: its ledger, whose members' engines count, and how block 1 begins.

    Args:
        home: the home.
        ledger: its consortium chain.
        opening: the founding transactions.
        keep_blocks: how many of the newest blocks the engine keeps, and never fewer than evidence needs; 0 for all.
        named: the peers that the owner has let in besides, for now.
    """
    retention = Retention(max(keep_blocks, EVIDENCE_BLOCKS), EVIDENCE_MS) if keep_blocks else None
    folder = home.chain(ledger.rules.chain)
    notes = NoteStore(folder)
    packaged = PackagedHeights(folder)

    def marks() -> list[int]:
        return sorted({*notes.heights()[-MARKS:], *packaged.heights()})

    return LedgerApplication(ledger, EngineMembership(), opening, retention, marks, named)


def group_member(name: str, home: Home, ledger: Ledger) -> GroupMember:
    """Return a home's part in a group."""
    application = LedgerApplication(ledger, EngineMembership())
    return GroupMember(name, application, ledger.blocks, ledger.app_hash_at, home.keep_evidence)


def start_engine(members: list[GroupMember], genesis: Genesis, heartbeat_seconds: float = 2.0) -> EmbeddedEngine:
    """Bring homes to one height and start making blocks."""
    group = EmbeddedGroup(members)
    limits = genesis.parameters
    return EmbeddedEngine(
        group,
        SystemClock(),
        limits.max_block_bytes,
        heartbeat_seconds,
        max_transaction_bytes=limits.max_transaction_bytes,
    )
