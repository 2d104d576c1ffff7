"""Two institutions that send each other notices, before chains in memory; their inboxes are real files.

The way between them is ``Wire``: it carries letters to the other home, unless it is ``down``, and can lose the answer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.contract_parties import Consortium, Party, found_consortium
from tests.support.fake_context import FakeLedger
from tests.support.fake_private_chain import FakePrivateChain
from xinglin.carrier.access.governance.contract import CONTRACT as GOVERNANCE
from xinglin.carrier.access.registry.contract import CONTRACT as REGISTRY
from xinglin.carrier.crypto.suite import Suite, suite
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.errors import Unavailable
from xinglin.service.basic.correction.contract import CONTRACT as CORRECTION
from xinglin.service.basic.episodes.contract import CONTRACT as EPISODE
from xinglin.service.basic.notices.contract import CONTRACT as NOTICE
from xinglin.service.basic.notices.moving import Office
from xinglin.service.basic.notices.service import Notices
from xinglin.service.basic.notices.store import NoticeStore
from xinglin.service.lifecycle.storage.hierarchy import InstitutionKeys
from xinglin.stakeholders.kinds import Role

PRIVATE = (REGISTRY, GOVERNANCE, NOTICE, CORRECTION, EPISODE)
START = 1_700_000_100_000


class HandClock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = START

    def now_ms(self) -> int:
        return self.time


class Wire:
    """The port ``Post``; ``homes`` are reached by member. ``delivered`` counts what arrived."""

    def __init__(self) -> None:
        self.homes: dict[str, Notices] = {}
        self.down = False
        self.lose_answers = 0
        self.delivered = 0
        self.returned = 0

    def deliver(self, member: str, letter: bytes) -> bytes | None:
        self._check()
        answer = self.homes[member].receive(letter)
        self.delivered += 1
        self._lose()
        return answer

    def acknowledged(self, member: str, acknowledgement: bytes) -> None:
        self._check()
        self.homes[member].acknowledged(acknowledgement)
        self.returned += 1
        self._lose()

    def _check(self) -> None:
        if self.down:
            raise Unavailable

    def _lose(self) -> None:
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable


@dataclass
class NoticeHome:
    """One institution: its party, private chain, inbox and what sends and receives."""

    party: Party
    chain: FakePrivateChain
    office: Office
    store: NoticeStore
    notices: Notices

    @property
    def member(self) -> str:
        """The member's id."""
        return self.party.member

    def account(self, role: Role) -> str:
        """Return the id of the account of a role."""
        return self.party.accounts[role][0]

    def signer(self, role: Role) -> Signer:
        """Return the signer of the account of a role."""
        key = self.party.accounts[role][1]
        return Signer(key.public, key.sign)


class NoticeHomes:
    """See the module: ``here`` is the hospital, ``there`` the other one."""

    def __init__(self, folder: Path, chosen: Suite | None = None) -> None:
        self.suite = chosen or suite("gm")
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.consortium: Consortium = found_consortium(self.suite, FakeLedger, (REGISTRY, GOVERNANCE))
        self.clock = HandClock()
        self.wire = Wire()
        self.chains = {p.member: FakePrivateChain(p, PRIVATE) for p in self._parties()}
        self.keys = {p.member: InstitutionKeys(self.suite, os.urandom(32)) for p in self._parties()}
        self.open()

    def _parties(self) -> tuple[Party, Party]:
        return self.consortium.hospital, self.consortium.other

    def open(self) -> None:
        """Open both homes; their chains, keys and files outlive ``close``."""
        self.here, self.there = (self._home(party) for party in self._parties())
        self.wire.homes = {one.member: one.notices for one in (self.here, self.there)}

    def close(self) -> None:
        """Close both homes."""
        for home in (self.here, self.there):
            home.store.close()

    def _home(self, party: Party) -> NoticeHome:
        key = party.accounts[Role.SERVICE][1]
        office = Office(
            chain=self.consortium.ledger.chain,
            suite=self.suite,
            member=party.member,
            signer=Signer(key.public, key.sign),
            values=self.consortium.ledger.state.get,
            randomness=os.urandom,
            clock=self.clock,
        )
        store = NoticeStore(self.folder / party.member, self.keys[party.member])
        store.open()
        chain = self.chains[party.member]
        return NoticeHome(party, chain, office, store, Notices(office, store, chain, self.wire))
