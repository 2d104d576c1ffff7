"""What the policy of permits looks at, and what it answers (docs/spec/permit.md; S6.3c, S7.2a).

A ``Situation`` is everything that matters at one moment; ``rules.decide`` turns it into a ``Decision``. Frozen values,
no lookups. Times are ms since 1970 UTC, ids the 16 bytes behind an identifier. The names of fields are those of the
page's tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from xinglin.kernel.errors import PlatformError
from xinglin.stakeholders.kinds import MemberKind, Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Basis, Copy, Purpose


class Standing(IntEnum):
    """How the consortium chain knows a member, an account or a key."""

    IN_FORCE = 1
    SUSPENDED = 2
    ENDED = 3
    UNKNOWN = 4
    COMPROMISED = 5


class RecordState(IntEnum):
    """What a record is: current, replaced by a correction, kept for the law alone, or gone."""

    STANDING = 1
    SUPERSEDED = 2
    RESTRICTED = 3
    DESTROYED = 4


class Rule(IntEnum):
    """The rules of the page, by number."""

    CHAIN = 1
    MEMBER = 2
    ACCOUNT = 3
    KEY = 4
    QUOTA = 5
    ROLE = 6
    RECORD = 7
    OWN_ACT = 8
    COURT_ORDER = 9
    LEGAL_DUTY = 10
    PROHIBITION = 11
    BREAK_GLASS = 12
    CONSENT = 13
    CARE = 14
    PATIENT_DEFAULT = 15
    INSTITUTION_DEFAULT = 16
    VERSION = 17


class Article(StrEnum):
    """The rows of table L; ``COURT`` stands for a court order."""

    COURT = "court"
    PATIENT_REQUEST = "patient_request"
    GUARDIAN_REQUEST = "guardian_request"
    RELATIVE_REQUEST = "relative_request"
    OFFICIAL_INQUIRY = "official_inquiry"
    PUBLIC_HEALTH = "public_health"
    SUPERVISION = "supervision"


class PatientDefault(IntEnum):
    """What the patient decided for whatever no consent covers (table P)."""

    UNSET = 0
    CLOSED = 1
    COPIES = 2
    TREATMENT = 3


class InstitutionDefault(IntEnum):
    """What the institution decided for whatever nothing else covers (table I)."""

    CLOSED = 0
    OVERSIGHT = 1


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks. ``own``: the account belongs to the custodian's member."""

    account: bytes
    member: bytes
    kind: MemberKind
    roles: frozenset[Role]
    own: bool
    member_standing: Standing = Standing.IN_FORCE
    account_standing: Standing = Standing.IN_FORCE
    key_standing: Standing = Standing.IN_FORCE
    over_quota: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """The record that is asked for; ``current`` is its current version where it was superseded, restricted or not."""

    category: Category
    level: Level
    special: Special = Special.NONE
    state: RecordState = RecordState.STANDING
    current: bytes = b""


@dataclass(frozen=True, slots=True)
class Guardianship:
    """A dated relation of guardian and patient; ``until`` None is no end but the 18th birthday."""

    id: bytes
    from_ms: int
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """Whose record it is: the moments of the 14th and 18th birthday (None: unknown), of death, and guardianships."""

    fourteen_ms: int | None = None
    adult_ms: int | None = None
    died_ms: int | None = None
    guardianships: tuple[Guardianship, ...] = ()


@dataclass(frozen=True, slots=True)
class Grantees:
    """Whom something names; an empty set is any."""

    members: frozenset[bytes] = frozenset()
    roles: frozenset[Role] = frozenset()
    accounts: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Held:
    """A consent or prohibition as the node holds it (table H)."""

    id: bytes
    prohibits: bool
    grantees: Grantees
    purposes: frozenset[Purpose]
    categories: frozenset[Category]
    level: Level
    given_ms: int
    from_ms: int
    until_ms: int
    special: Special = Special.NONE
    copy: Copy = Copy.ORIGINAL
    guardian: bytes = b""
    acknowledged_ms: int | None = None
    revoked_ms: int | None = None


@dataclass(frozen=True, slots=True)
class BreakGlassGrant:
    """One practitioner, one patient, some hours; ``blocked`` while a review of an earlier one is overdue."""

    id: bytes
    member: bytes
    account: bytes
    level: Level
    from_ms: int
    until_ms: int
    special: Special = Special.NONE
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Mandate:
    """A court order or a legal duty on record for this patient (table M)."""

    id: bytes
    article: Article
    grantees: Grantees
    purposes: frozenset[Purpose]
    categories: frozenset[Category]
    level: Level
    from_ms: int
    until_ms: int
    document: bytes
    special: Special = Special.NONE
    copy: Copy = Copy.ORIGINAL


@dataclass(frozen=True, slots=True)
class Episode:
    """An encounter of this patient at the custodian; ``accounts`` are named as treating."""

    reference: bytes
    from_ms: int
    until_ms: int | None = None
    accounts: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks to do what, and both clocks: all that PM1 to PM6 look at, whoever and whatever is asked about."""

    action: Action
    purpose: Purpose
    now_ms: int
    chain_ms: int
    reader: Reader
    stale_after_ms: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation(Asking):
    """Everything that a decision rests on; ``low_ms`` and ``high_ms`` are the smaller and the larger clock (T1)."""

    target: Target
    patient: Patient
    held: tuple[Held, ...] = ()
    grant: BreakGlassGrant | None = None
    mandates: tuple[Mandate, ...] = ()
    episode: Episode | None = None
    patient_default: PatientDefault = PatientDefault.UNSET
    default_guardian: bytes = b""
    institution_default: InstitutionDefault = InstitutionDefault.OVERSIGHT
    low_ms: int = field(init=False)
    high_ms: int = field(init=False)

    def __post_init__(self) -> None:
        """Work out both clocks once: every dated thing is compared with them."""
        object.__setattr__(self, "low_ms", min(self.now_ms, self.chain_ms))
        object.__setattr__(self, "high_ms", max(self.now_ms, self.chain_ms))


@dataclass(frozen=True, slots=True)
class Nearest:
    """The considered consent that comes nearest to covering, and why it does not."""

    consent: bytes
    refusal: type[PlatformError]


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: a permit with its basis and copy, or a refusal (``refusal`` None is a permit)."""

    rule: Rule
    refusal: type[PlatformError] | None = None
    basis: Basis = Basis.NONE
    reference: bytes = b""
    copy: Copy = Copy.NONE
    nearest: Nearest | None = None

    @property
    def permit(self) -> bool:
        """Tell whether it is a permit."""
        return self.refusal is None

    @property
    def code(self) -> str:
        """Return the code of the refusal, empty in a permit."""
        return "" if self.refusal is None else self.refusal.code


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was asked, and what it said; ``decided`` is true of the last."""

    rule: Rule
    said: str
    decided: bool = False
