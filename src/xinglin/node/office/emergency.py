"""Break-glass at a home: what other institutions present is let in, and patients are told (BG5 to BG8; S6.3c, H10).

A grant is kept first, then the patient's notice goes on record on the private chain; what a crash left untold is told
when the home serves again. Nobody is told twice: a grant's notice has one id.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from xinglin.carrier.access.registry.model import MemberState
from xinglin.kernel.encoding import decode, state_key
from xinglin.kernel.hashing import Tag, tagged
from xinglin.node.chains import random_bytes
from xinglin.node.founding import SERVICE
from xinglin.node.node import Node
from xinglin.node.office.accounts import MayNotAct
from xinglin.node.office.notices import NO_POST, open_notices
from xinglin.node.records.archive import Archive
from xinglin.service.basic.audit.messages import SignedGrant
from xinglin.service.basic.notices.model import NoticeKind, Recipient
from xinglin.service.basic.notices.ports import Post
from xinglin.service.basic.notices.rules import notice_id
from xinglin.service.basic.notices.service import NewNotice, NoticeView
from xinglin.service.basic.notices.store import Opening
from xinglin.service.basic.protection.break_glass_errors import GrantRefused
from xinglin.service.basic.protection.consents.rules import subject_commitment
from xinglin.service.basic.protection.foreign_grants import ANOTHER, ForeignGrants, issue
from xinglin.service.basic.protection.service import Asked
from xinglin.service.basic.protection.store import Row
from xinglin.service.basic.protection.store_model import KeptGrant


class HomeEmergencies:
    """Implements the port ``Emergencies`` of reading for one home.

    Args:
        archive: the home's; its private chain runs.
        grants: checks and keeps what is presented.
    """

    def __init__(self, archive: Archive, grants: ForeignGrants) -> None:
        self._archive = archive
        self._grants = grants
        self._telling = threading.Lock()
        self._told: set[bytes] = set()

    def admit(self, signed: SignedGrant, asked: Asked, person: bytes, now_ms: int) -> None:
        """See ``Emergencies.admit``."""
        opened = self._grants.admit(signed, asked, now_ms)
        self._tell(opened.grant, opened.notice.person)
        if opened.notice.person != self._archive.persons.found_as(person):  # a link names whom a patient is found as
            raise GrantRefused(reason=ANOTHER)

    def tell_all(self, rows: Iterable[Row[KeptGrant]]) -> None:
        """Tell the patients of grants who were not told: a crash came between."""
        for row in rows:
            self._tell(row.value, row.person)

    def _tell(self, grant: KeptGrant, person: bytes) -> None:
        with self._telling:
            if grant.id not in self._told:
                tell_patient(self._archive, grant, person)
                self._told.add(grant.id)


def tell_patient(archive: Archive, grant: KeptGrant, person: bytes, post: Post = NO_POST) -> NoticeView:
    """Send the patient the notice of a grant, once however often it is called."""
    node, hash_ = archive.node, archive.node.consortium.rules.suite.hash
    opening = Opening(random_bytes(16), person)
    institution, reason = _name(node, grant.member), grant.reason.decode()
    new = NewNotice(
        notice=notice_id(hash_, NoticeKind.BREAK_GLASS, grant.id),
        kind=NoticeKind.BREAK_GLASS,
        recipient=Recipient(node.member, subject=(subject_commitment(hash_, opening.salt, person),)),
        about=tagged(hash_, Tag.BREAK_GLASS, grant.id),
        facts={"institution": (institution, institution), "reason": (reason, reason)},
        due=grant.review_by_ms,
        opening=opening,
    )
    with open_notices(archive, post) as notices:
        return notices.send(new)


def issued_grant(node: Node, kept: KeptGrant, account: str, custodian: str, link: bytes) -> SignedGrant:
    """Return a grant of this home as it is presented at another node, signed by the service account.

    Args:
        node: the home of the practitioner.
        kept: the grant.
        account: who presents it, to whom it was given.
        custodian: the node that is asked.
        link: what both institutions name the patient by.

    Raises:
        MayNotAct: it was given to another account.
        GrantNotTheirs: another institution gave it.
    """
    if kept.account != account:
        raise MayNotAct(account=account)
    rules = node.consortium.rules
    return issue(rules.suite.hash, rules.chain, kept, custodian, link, node.signer(SERVICE))


def _name(node: Node, member: str) -> str:
    stored = node.consortium.value(state_key("registry", "member", member))
    return decode(MemberState, stored or b"").name.decode()
