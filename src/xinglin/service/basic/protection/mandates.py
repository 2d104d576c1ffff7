"""Court orders and legal duties on record at a node (docs/spec/permit.md, tables L and M).

Entered by an account of the institution with the hash of the document; what a mandate opens, and for whom, the policy
decides by the row of its article. Nothing is changed or removed: a mandate ends with its period.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.service.basic.protection.consents.drafts import Randomness
from xinglin.service.basic.protection.errors import MandateInvalid
from xinglin.service.basic.protection.model import Article, Grantees, Mandate
from xinglin.service.basic.protection.store import ProtectionStore
from xinglin.service.basic.protection.store_model import KeptMandate
from xinglin.service.basic.protection.tables import ARTICLES, DAY_MS
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Copy, Purpose


@dataclass(frozen=True, slots=True)
class StatedMandate:
    """What a document says: whom it names (empty: any), for what, how far, from when until when (ms)."""

    article: Article
    document: bytes
    purposes: Sequence[Purpose]
    categories: Sequence[Category]
    level: Level
    from_ms: int
    until_ms: int
    members: Sequence[str] = ()
    roles: Sequence[Role] = ()
    accounts: Sequence[str] = ()
    special: Special = Special.NONE
    copy: Copy = Copy.ORIGINAL


class Mandates:
    """The mandates of one node."""

    def __init__(self, store: ProtectionStore, randomness: Randomness) -> None:
        self._store = store
        self._randomness = randomness

    def enter(self, person: bytes, stated: StatedMandate, account: str) -> str:
        """Enter a mandate and return its id.

        Args:
            person: whom it concerns, in the node's index.
            stated: what the document says.
            account: who enters it.

        Raises:
            MandateInvalid: it reaches beyond the row of its article, or names nothing.
        """
        limit = ARTICLES[stated.article]
        days = limit.days * DAY_MS
        within = (
            set(stated.purposes) <= limit.purposes
            and stated.level <= limit.level
            and not stated.special & ~limit.special
            and 0 < stated.until_ms - stated.from_ms <= days
        )
        names = stated.purposes and stated.categories and stated.copy is not Copy.NONE and len(stated.document) == 32
        if not within or not names:
            raise MandateInvalid(article=stated.article.value)
        id_ = self._randomness(16)
        self._store.add(_kept(id_, stated, account), id_, person)
        return identifier(id_)

    def of(self, person: bytes) -> tuple[Mandate, ...]:
        """Return the mandates of a person, as the policy looks at them."""
        return tuple(_mandate(row.value) for row in self._store.of_person(KeptMandate, person))


def _kept(id_: bytes, stated: StatedMandate, account: str) -> KeptMandate:
    return KeptMandate(
        id=id_,
        article=stated.article,
        members=tuple(sorted(stated.members)),
        roles=tuple(sorted(stated.roles)),
        accounts=tuple(sorted(stated.accounts)),
        purposes=tuple(sorted(stated.purposes)),
        categories=tuple(sorted(stated.categories)),
        level=stated.level,
        special=int(stated.special),
        copy=stated.copy,
        from_ms=stated.from_ms,
        until_ms=stated.until_ms,
        document=stated.document,
        account=account,
    )


def _mandate(kept: KeptMandate) -> Mandate:
    return Mandate(
        id=kept.id,
        article=kept.article,
        grantees=Grantees(
            frozenset(map(identifier_bytes, kept.members)),
            frozenset(kept.roles),
            frozenset(map(identifier_bytes, kept.accounts)),
        ),
        purposes=frozenset(kept.purposes),
        categories=frozenset(kept.categories),
        level=kept.level,
        special=Special(kept.special),
        copy=kept.copy,
        from_ms=kept.from_ms,
        until_ms=kept.until_ms,
        document=kept.document,
    )
