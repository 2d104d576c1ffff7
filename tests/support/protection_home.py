"""One node's protection on the real disk, over a consortium in memory: services, persons, clocks; for tests.

``LedgerWorld`` implements the port ``ConsortiumFacts`` over the state of a ``FakeLedger``; ``KnownPersons`` and the
like implement theirs by dictionaries.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from tests.support.contract_parties import Consortium, Party
from xinglin.carrier.access.registry.model import AccountState, AddNode, KeyState, MemberState, NodeState
from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.encoding import ChainObject, decode, pack
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.protection.break_glass import BreakGlass
from xinglin.service.basic.protection.consents.drafts import Addressee
from xinglin.service.basic.protection.consents.model import (
    Acknowledgement,
    ConsentOpenings,
    ConsentProposal,
    ConsentState,
    ConsentStatus,
)
from xinglin.service.basic.protection.consents.service import Consents
from xinglin.service.basic.protection.guardians import Guardians
from xinglin.service.basic.protection.mandates import Mandates
from xinglin.service.basic.protection.model import Episode
from xinglin.service.basic.protection.service import Situations, Sources
from xinglin.service.basic.protection.store import ProtectionStore
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys
from xinglin.stakeholders.kinds import Role

T = TypeVar("T", bound=ChainObject)


@dataclass
class LedgerWorld:
    """The consortium chain of a test, as a node has it."""

    consortium: Consortium

    @property
    def chain(self) -> str:
        return self.consortium.ledger.chain

    def time_ms(self) -> int:
        return self.consortium.ledger.time

    def member(self, member: str) -> MemberState | None:
        return self._value(MemberState, "registry", "member", member)

    def account(self, account: str) -> AccountState | None:
        return self._value(AccountState, "registry", "account", account)

    def key(self, key: bytes) -> KeyState | None:
        return self._value(KeyState, "registry", "key", key)

    def node(self, node: str) -> NodeState | None:
        return self._value(NodeState, "registry", "node", node)

    def consents(self) -> Iterator[str]:
        prefix = b"\x93" + pack("consent") + pack("consent")
        return iter([decode(Any, key)[-1] for key in sorted(self.consortium.ledger.state) if key.startswith(prefix)])

    def granted_since(self, time_ms: int) -> list[str]:
        states = ((consent, self.consent(consent)) for consent in self.consents())
        return [
            consent
            for consent, state in states
            if state is not None and state.status is ConsentStatus.GRANTED and max(state.granted_ms) >= time_ms
        ]

    def consent(self, consent: str) -> ConsentState | None:
        return self._value(ConsentState, "consent", "consent", consent)

    def proposed_ms(self, consent: str) -> int | None:
        found = self._value(ConsentProposal, "consent", "proposed", consent)
        return None if found is None else found.time

    def openings(self, consent: str) -> tuple[bytes, ...]:
        found = self._value(ConsentOpenings, "consent", "openings", consent)
        return () if found is None else found.sealed

    def acknowledged(self, consent: str) -> Mapping[str, int]:
        prefix = b"\x94" + pack("consent") + pack("acknowledged") + pack(consent)
        nodes = [decode(Any, key)[-1] for key in self.consortium.ledger.state if key.startswith(prefix)]
        return {node: time for node in nodes if (time := self.acknowledged_by(consent, node)) is not None}

    def acknowledged_by(self, consent: str, node: str) -> int | None:
        found = self._value(Acknowledgement, "consent", "acknowledged", consent, node)
        return None if found is None else found.time

    def _value(self, kind: type[T], *key: str | bytes) -> T | None:
        return self.consortium.ledger.value(kind, *key)


@dataclass
class KnownPersons:
    """Persons of one node's index: birth dates, and deaths."""

    births: dict[bytes, date | None] = field(default_factory=dict)
    deaths: dict[bytes, int] = field(default_factory=dict)
    merged: dict[bytes, list[bytes]] = field(default_factory=dict)
    into: dict[bytes, list[tuple[bytes, int]]] = field(default_factory=dict)
    apart: dict[bytes, list[tuple[bytes, int, int]]] = field(default_factory=dict)
    links: dict[tuple[str, bytes], bytes] = field(default_factory=dict)

    def linked(self, member: str, handle: bytes) -> bytes | None:
        return self.links.get((member, handle))

    def knows(self, person: bytes) -> bool:
        return person in self.births

    def joined(self, person: bytes) -> list[bytes]:
        return [person, *self.merged.get(person, [])]

    def followed(self, person: bytes) -> list[tuple[bytes, int]]:
        return [(person, 0), *self.into.get(person, [])]

    def parted(self, person: bytes) -> list[tuple[bytes, int, int]]:
        return self.apart.get(person, [])

    def born(self, person: bytes) -> date | None:
        return self.births.get(person)

    def died_ms(self, person: bytes) -> int | None:
        return self.deaths.get(person)


@dataclass
class KnownEpisodes:
    """Open episodes by person."""

    open: dict[bytes, Episode] = field(default_factory=dict)

    def of(self, person: bytes, at_ms: int) -> Episode | None:
        episode = self.open.get(person)
        return episode if episode is not None and episode.from_ms <= at_ms else None


@dataclass
class UsedQuotas:
    """Accounts that are over their quota."""

    used: set[str] = field(default_factory=set)

    def over(self, account: str, at_ms: int) -> bool:
        return account in self.used

    def take(self, account: str, at_ms: int) -> bool:
        return account not in self.used


class ProtectionHome:
    """Everything of protection at one member's node."""

    def __init__(self, consortium: Consortium, party: Party, folder: Path) -> None:
        self.consortium, self.party = consortium, party
        self.suite: Suite = consortium.ledger.suite
        self.world = LedgerWorld(consortium)
        self.persons, self.episodes, self.quotas = KnownPersons(), KnownEpisodes(), UsedQuotas()
        self.node = identifier(os.urandom(16))
        self._sealing = self.suite.generate_encryption_key()
        self.sealing_key = self.suite.encryption_public_key(self._sealing)
        boss = party.caller(Role.SUPER_ADMINISTRATOR)
        consortium.ledger.call(boss, "registry.add_node", AddNode(self.node, self.sealing_key))
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.keys = folder, InstitutionKeys(self.suite, bytes(31) + b"k")
        ProtectionStore(folder, self.keys).create()
        self.reopen()

    def reopen(self) -> None:
        """Build every service anew over what the disk has."""
        self.store = ProtectionStore(self.folder, self.keys)
        self.store.check()
        self.consents = Consents(
            self.suite,
            self.node,
            self.world,
            self.store,
            self.persons,
            lambda sealed: self.suite.decrypt(self._sealing, sealed),
        )
        self.break_glass = BreakGlass(self.party.member, self.world, self.store, os.urandom)
        self.guardians = Guardians(self.store, self.persons, os.urandom)
        self.mandates = Mandates(self.store, os.urandom)
        sources = Sources(
            self.world,
            self.consents,
            self.break_glass,
            self.guardians,
            self.mandates,
            self.episodes,
            self.quotas,
            self.persons.followed,
        )
        self.situations = Situations(self.party.member, sources)

    def patient(self, born: date | None = None) -> bytes:
        """Return a new person of this node's index."""
        person = os.urandom(16)
        self.persons.births[person] = born
        return person

    def addressee(self, person: bytes) -> Addressee:
        """Return this node as a custodian of a person, as the hospital names it, which vouches for the patients."""
        voucher = self.consortium.hospital.member
        if self.party.member == voucher:
            return Addressee(self.node, self.sealing_key, person)
        handle = os.urandom(16)
        self.persons.links[voucher, handle] = person
        return Addressee(self.node, self.sealing_key, handle)

    def take_in(self, consent: str) -> None:
        """Take a consent in and acknowledge it."""
        call = self.consents.take_in(consent)
        assert call is not None
        self.consortium.ledger.call(self.party.caller(Role.SERVICE), "consent.acknowledge", call)
