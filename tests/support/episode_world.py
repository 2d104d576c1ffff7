"""A hospital's home with a sealed episode: registered, read, corrected, anchored, cosigned; for tests of its proof."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.access import entry
from tests.support.product import make_hospital, opened
from xinglin.carrier.ledger.trust import Trust
from xinglin.node.node import Node
from xinglin.node.office.accounts import account_signer, add_account
from xinglin.node.office.episodes import (
    PersonKey,
    draft_episode,
    new_person_key,
    open_episode,
    open_episodes,
    prove_episode,
    seal_episode,
)
from xinglin.node.office.proofs import collect_checkpoint, trust_of
from xinglin.node.opening import anchoring
from xinglin.node.records.access import access_log
from xinglin.node.records.archive import Archive, open_archive
from xinglin.service.basic.audit.model import Proven, ReaderProof
from xinglin.service.basic.episodes.model import SealReason
from xinglin.service.basic.episodes.service import NewEpisode
from xinglin.service.basic.intake.model import Incoming
from xinglin.service.lifecycle.collection.fhir.model import CollectedResource
from xinglin.stakeholders.kinds import Role

STATEMENT = "儿子 张三, identity card seen by two staff"


@dataclass
class EpisodeWorld:
    """The open home, the account that seals, the other side's key, and the episode."""

    node: Node
    archive: Archive
    account: str
    person: PersonKey
    episode: str = ""

    @property
    def trust(self) -> Trust:
        """What an auditor pins."""
        return trust_of(self.node.consortium)

    def take(self, *numbers: int, encounter: str = "stay-1") -> None:
        """Take Observations of an encounter in."""
        self.archive.take_in("his", [Incoming([observation(number, encounter) for number in numbers])])

    def seal(self) -> None:
        """Seal the encounter by both sides."""
        new = NewEpisode(
            source="his",
            encounter="stay-1",
            reason=SealReason.DISPUTE,
            account=self.account,
            account_key=account_signer(self.node, self.account).key,
            statement=STATEMENT,
            person_key=self.person.signer.key,
        )
        with open_episodes(self.archive) as episodes:
            draft = draft_episode(self.archive, episodes, new)
            seal_episode(self.archive, episodes, draft, self.account, self.person.signer.sign(draft.message))
        self.episode = draft.episode

    def mark_late(self) -> int:
        """Mark what came to the encounter since."""
        with open_episodes(self.archive) as episodes:
            return episodes.add_late()

    def open_by(self, *sides: str) -> None:
        """Let sides sign to open the episode: ``institution``, ``patient``."""
        with open_episodes(self.archive) as episodes:
            for side in sides:
                who = self.account if side == "institution" else self.person.signer
                open_episode(self.archive, episodes, self.episode, who)

    def read(self, number: int, *, signed: bool = True) -> None:
        """Log that the account read a record, by its signature or on the institution's own word."""
        commitment = self.archive.vault.index.by_number(number).details.commitment  # type: ignore[union-attr]
        signer, request = account_signer(self.node, self.account), os.urandom(32)
        proof = (ReaderProof(signer.key, signer.sign(request)),) if signed else ()
        now = self.node.private_ledger().tip.time
        made = entry(
            commitment=commitment,
            member=self.node.member,
            account=self.account,
            request=request,
            proven=Proven.SIGNATURE if signed else Proven.SESSION,
            proof=proof,
            seen_time=self.node.consortium.tip.time,
            time=now,
        )
        with access_log(self.node) as log:
            log.log(made)

    def cosign(self) -> None:
        """Anchor the private chain and keep a cosigned checkpoint of the consortium chain."""
        anchoring(self.node).step()
        collect_checkpoint([self.node])

    def prove(self, *, registrations: bool = True, reads: bool = True) -> bytes:
        """Return the episode's proof bundle."""
        return prove_episode(self.archive, self.episode, registrations=registrations, reads=reads)


def observation(number: int, encounter: str) -> CollectedResource:
    """Return an Observation of one patient."""
    original = json.dumps({"resourceType": "Observation", "id": f"o{number}", "value": number}).encode()
    return CollectedResource(
        position=number,
        resource_type="Observation",
        logical_id=f"o{number}",
        original=original,
        subject="p1",
        occasion=encounter,
    )


@contextmanager
def episode_world(folder: Path) -> Iterator[EpisodeWorld]:
    """Give a hospital with five records of encounter stay-1 and two of another; nothing is sealed."""
    path = make_hospital(folder / "home")
    with opened(path, running=True) as node, open_archive(node) as archive:
        account = add_account(node, [Role.PRACTITIONER], "Dr. Li").account
        world = EpisodeWorld(node, archive, account, new_person_key(archive))
        world.take(0, 1, 2, 3, 4)
        world.take(5, 6, encounter="stay-2")
        yield world


@dataclass(frozen=True)
class Proofs:
    """Proofs of one episode at three times, and the trust under which they hold."""

    trust: Trust
    bundles: dict[str, bytes]


def proofs(folder: Path) -> Proofs:
    """Return the proofs of an episode: just sealed; read and added to; opened by both sides."""
    bundles = {}
    with episode_world(folder) as world:
        world.seal()
        world.cosign()
        bundles["sealed"] = world.prove(registrations=False, reads=False)
        world.read(1)
        world.read(1, signed=False)
        world.read(3)
        world.take(7, 8)
        world.mark_late()
        world.open_by("patient")
        world.cosign()
        bundles["added to"] = world.prove()
        world.open_by("institution")
        world.cosign()
        bundles["opened"] = world.prove(reads=False)
        return Proofs(world.trust, bundles)
