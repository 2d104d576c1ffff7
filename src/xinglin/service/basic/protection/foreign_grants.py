"""Emergency grants between institutions: signed by the one that gave them, checked by the custodian (BG6 to BG8).

The reader's institution binds a grant to one account, one custodian's node and one patient, named by the link that both
share. The custodian believes nothing but the registry, and lets it in under its own rules with a review of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from xinglin.carrier.crypto.suite import Suite
from xinglin.carrier.ledger.build import Signer
from xinglin.kernel.hashing import Hash, Tag, tagged
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.audit.messages import EmergencyGrant, SignedGrant
from xinglin.service.basic.audit.receipts import MAX_AHEAD_MS, in_force
from xinglin.service.basic.protection.break_glass import BreakGlass, OpenedGlass
from xinglin.service.basic.protection.break_glass_errors import GrantNotTheirs, GrantRefused
from xinglin.service.basic.protection.permit_errors import BreakGlassEnded
from xinglin.service.basic.protection.ports import ConsortiumFacts
from xinglin.service.basic.protection.service import Asked
from xinglin.service.basic.protection.store_model import KeptGrant
from xinglin.stakeholders.kinds import Role, Status
from xinglin.stakeholders.labels import Level

ANOTHER: Final = "it is for another patient"
"""What is said too of a link that names nobody."""
LinkedPerson = Callable[[bytes, str], bytes | None]
"""Gives the person whom a link names that this node shares with a member, None for nobody."""


def grant_hash(hash_: Hash, grant: EmergencyGrant) -> bytes:
    """Return H("emergency-grant", grant), which the institution's service account signs."""
    return tagged(hash_, Tag.EMERGENCY_GRANT, grant)


def issue(hash_: Hash, chain: str, kept: KeptGrant, custodian: str, link: bytes, signer: Signer) -> SignedGrant:
    """Return an own grant as it is presented at one other node for the patient whom a link names there.

    Args:
        hash_: of the consortium chain's suite.
        chain: the consortium chain.
        kept: the grant, of this institution.
        custodian: the node that is asked.
        link: what both institutions name the patient by.
        signer: this institution's service account.

    Raises:
        GrantNotTheirs: another institution gave it.
    """
    if kept.admitted:
        raise GrantNotTheirs(grant=identifier(kept.id))
    grant = EmergencyGrant(
        chain=chain,
        id=kept.id,
        member=kept.member,
        account=kept.account,
        custodian=custodian,
        link=link,
        reason=kept.reason,
        level=min(kept.level, Level.NARROW),
        from_ms=kept.from_ms,
        until_ms=kept.until_ms,
    )
    return SignedGrant(grant=grant, key=signer.key, signature=signer.sign(grant_hash(hash_, grant)))


class ForeignGrants:
    """Lets in what other institutions present.

    Args:
        suite: the consortium chain's suite.
        node: this node's id.
        chain: the consortium chain as this node has it.
        break_glass: the grants of this node.
        linked: whom links name.
    """

    def __init__(
        self, suite: Suite, node: str, chain: ConsortiumFacts, break_glass: BreakGlass, linked: LinkedPerson
    ) -> None:
        self._suite = suite
        self._node = node
        self._chain = chain
        self._break_glass = break_glass
        self._linked = linked

    def admit(self, signed: SignedGrant, asked: Asked, now_ms: int) -> OpenedGlass:
        """Check a grant and let it in for the patient whom its link names; the same again is let in as it was.

        Whether that is the patient whose records are asked for, the caller compares with the notice, and only then: so
        nobody learns whose a record is by a grant that is not let in.

        Args:
            signed: as presented with the request.
            asked: who presents it; the request's signature has been checked.
            now_ms: the node's clock.

        Raises:
            GrantRefused: it is not what the institution signed for this account and node, or its link names nobody.
            BreakGlassEnded: its hours are over.
            PlatformError: this node's own rules, see ``BreakGlass.admit``.
        """
        grant = signed.grant
        fault = self._fault(grant, asked, now_ms) or self._unsigned(signed, now_ms)
        person = None if fault else self._linked(grant.link, grant.member)
        if person is None:
            raise GrantRefused(reason=fault or ANOTHER)
        if now_ms >= grant.until_ms:
            raise BreakGlassEnded
        return self._break_glass.admit(grant, person, now_ms)

    def _fault(self, grant: EmergencyGrant, asked: Asked, now_ms: int) -> str:
        """Return why a grant is not for this request, empty where it is."""
        if (grant.chain, grant.custodian) != (self._chain.chain, self._node):
            return "it is for another node"
        if (grant.member, grant.account) != (asked.member, asked.account):
            return "it is another account's"
        if grant.from_ms >= grant.until_ms or grant.from_ms > now_ms + MAX_AHEAD_MS:
            return "its hours have not begun, or are none"
        return ""

    def _unsigned(self, signed: SignedGrant, now_ms: int) -> str:
        """Return why a grant is not signed by the institution's service account, empty where it is."""
        key = self._chain.key(signed.key)
        account = None if key is None else self._chain.account(key.account)
        late = max(now_ms, self._chain.time_ms())
        known = key is not None and key.member == signed.grant.member and in_force(key, late)
        serves = account is not None and account.status is Status.ACTIVE and Role.SERVICE in account.roles
        if not (known and serves):
            return "its key is none of the institution's service account"
        message = grant_hash(self._suite.hash, signed.grant)
        return "" if self._suite.verify(signed.key, message, signed.signature) else "its signature does not hold"
