"""Sealing and opening an encounter at the counter: who may, the relative's key, and what makes it provable (S1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from xinglin.kernel.encoding import state_key
from xinglin.kernel.errors import Denied, PlatformError
from xinglin.node.node import Node
from xinglin.node.office.accounts import account_signer
from xinglin.node.office.directory import Directory
from xinglin.node.office.episodes import draft_episode, new_person_key, seal_episode
from xinglin.node.office.proofs import collect_checkpoint
from xinglin.node.opening import anchoring
from xinglin.node.records.archive import Archive
from xinglin.service.basic.destruction.contract import NAMESPACE as HOLD
from xinglin.service.basic.destruction.errors import HoldTooLate
from xinglin.service.basic.episodes.model import SealReason
from xinglin.service.basic.episodes.service import Episodes, NewEpisode
from xinglin.service.basic.episodes.store import Step
from xinglin.service.basic.protection.tables import SEALING_ROLES


class SealingRole(Denied):
    """An account wants to seal or open an episode that has no role for it."""

    code, number, clause = "episode.role", 6070, "S1.1"
    en = "Account {account} may not seal or open episodes."
    zh = "账户 {account} 无权封存或启封就诊。"
    hint_en = "An administrator or a compliance officer of this institution does."
    hint_zh = "由本机构的管理员或合规专员办理。"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be sealed: source system, its id of the encounter, why, by which account, who the other side is."""

    source: str
    encounter: str
    reason: SealReason
    account: str
    statement: str


class NotBegun:
    """Implements the port ``Holds`` of episodes: destruction asks what is sealed; sealing asks what it has begun.

    Args:
        archive: the home's.
    """

    def __init__(self, archive: Archive) -> None:
        self._node = archive.node

    def place(self, episode: str, commitments: Sequence[bytes]) -> None:
        """Refuse a record whose shredding was begun and has not ended.

        Raises:
            HoldTooLate: there is one.
        """
        del episode
        node, private = self._node, self._node.private_ledger()
        for one in commitments:
            begun = private.value(state_key(HOLD, "begun", one)) is not None
            if begun and node.consortium.value(state_key("record-status", node.member, one)) is None:
                raise HoldTooLate(commitment=one)

    def lift(self, episode: str, commitments: Sequence[bytes]) -> None:
        """Do nothing: an episode that is open holds nothing."""
        del episode, commitments


def require_sealer(node: Node, account: str) -> None:
    """Refuse an account that may not seal or open; raises SealingRole, or AccountKeyMissing."""
    account_signer(node, account)
    if SEALING_ROLES.isdisjoint(Directory(node.consortium).account(account).roles):
        raise SealingRole(account=account)


class Handover(Protocol):
    """Hands the other side the private half of its key."""

    def give(self, private: bytes) -> None:
        """Hand it over; refuse where that can't be done."""

    def take_back(self) -> None:
        """Take it back, for nothing was sealed by it; never refuses."""


def seal_at_counter(archive: Archive, episodes: Episodes, wish: Wish, handover: Handover) -> dict[str, Any]:
    """Seal an encounter by an account whose key is here and by a fresh key of the other side, who stands by.

    Args:
        archive: the home's; its chains run.
        episodes: the home's.
        wish: what is to be sealed.
        handover: gives the other side the private half of its key, before anything is sealed by it; it is kept nowhere
            else, and without it the episode is never opened. It is taken back where sealing is refused for good, not
            where both sides have signed: ``resume`` seals that.

    Raises:
        SealingRole: the account has no role for it.
        EpisodeEmpty, EpisodeNotRegistered, NotOfAccount, EpisodeChanged: see ``Episodes``.
    """
    require_sealer(archive.node, wish.account)
    person = new_person_key(archive)
    new = NewEpisode(
        source=wish.source,
        encounter=wish.encounter,
        reason=wish.reason,
        account=wish.account,
        account_key=account_signer(archive.node, wish.account).key,
        statement=wish.statement,
        person_key=person.signer.key,
    )
    draft = draft_episode(archive, episodes, new)
    handover.give(person.private)
    try:
        return seal_episode(archive, episodes, draft, wish.account, person.signer.sign(draft.message))
    except PlatformError:
        if episodes.looking.found(draft.episode)[0] is Step.DRAFT:
            handover.take_back()
        raise


def make_provable(nodes: Sequence[Node]) -> None:
    """Anchor the first home's private chain, and have the homes that are open cosign a checkpoint that covers it."""
    anchoring(nodes[0]).step()
    collect_checkpoint(nodes)
