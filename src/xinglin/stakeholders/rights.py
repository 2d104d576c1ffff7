"""The rights table: which kinds of member and which roles may call which method (S5.2, S6.3a, S8.3).

Pure data; ``carrier/access/policy`` decides from it. A method that is not listed may be called by nobody.
Rules that need the state (one's own account, one's own member's record) are the contracts' own and stand in
docs/spec/contracts.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xinglin.stakeholders.kinds import MemberKind, Role


@dataclass(frozen=True, slots=True)
class Right:
    """Who may call a method: an account with one of ``roles``, under a member of one of ``kinds``."""

    kinds: frozenset[MemberKind]
    roles: frozenset[Role]


ANYONE = frozenset(Role)
ALL_KINDS = frozenset(MemberKind)
ADMINISTRATORS = frozenset({Role.SUPER_ADMINISTRATOR, Role.ADMINISTRATOR})
OPERATORS = ADMINISTRATORS | {Role.SERVICE}
SERVICES = frozenset({Role.SERVICE})
OVERSEERS = ADMINISTRATORS | {Role.AUDITOR, Role.COMPLIANCE_OFFICER}
KEEPERS = ADMINISTRATORS | {Role.COMPLIANCE_OFFICER}
"""Roles that decide which records are destroyed and which are held."""

HOLDERS = frozenset({MemberKind.MEDICAL_INSTITUTION})
"""Kinds that produce and keep medical records."""
COUNTER = ADMINISTRATORS | {Role.PRACTITIONER, Role.COMPLIANCE_OFFICER}
"""Roles of staff who take a patient's paper: people, not devices or services."""
STEWARDS = frozenset({MemberKind.MEDICAL_INSTITUTION, MemberKind.TECHNOLOGY_PROVIDER, MemberKind.REGULATOR})
"""Kinds that may issue transmission keys: who keeps, carries or supervises records, not who uses them."""
VOUCHERS = frozenset({MemberKind.MEDICAL_INSTITUTION, MemberKind.TECHNOLOGY_PROVIDER})
"""Kinds that vouch for a patient's identity: who has seen the document or runs the card's log-in."""

RIGHTS: Mapping[tuple[str, str], Right] = MappingProxyType(
    {
        ("registry", "add_account"): Right(ALL_KINDS, ADMINISTRATORS),
        ("registry", "end_account"): Right(ALL_KINDS, ANYONE),
        ("registry", "add_key"): Right(ALL_KINDS, ANYONE),
        ("registry", "end_key"): Right(ALL_KINDS, ANYONE),
        ("registry", "add_node"): Right(ALL_KINDS, ADMINISTRATORS),
        ("registry", "end_node"): Right(ALL_KINDS, ADMINISTRATORS),
        ("registry", "set_peer"): Right(ALL_KINDS, ADMINISTRATORS),
        ("registry", "set_validator"): Right(ALL_KINDS, ADMINISTRATORS),
        ("registry", "end_validator"): Right(ALL_KINDS, ADMINISTRATORS),
        ("governance", "propose"): Right(ALL_KINDS, ADMINISTRATORS),
        ("governance", "approve"): Right(ALL_KINDS, ADMINISTRATORS),
        ("governance", "review"): Right(ALL_KINDS, ADMINISTRATORS),
        ("records", "register"): Right(HOLDERS, frozenset({Role.PRACTITIONER, Role.SERVICE})),
        ("records", "order"): Right(HOLDERS, KEEPERS),
        ("records", "confirm"): Right(HOLDERS, KEEPERS),
        ("records", "certify"): Right(HOLDERS, frozenset({Role.SERVICE})),
        ("audience", "epoch"): Right(STEWARDS, OPERATORS),
        ("anchor", "open"): Right(ALL_KINDS, ADMINISTRATORS),
        ("anchor", "commit"): Right(ALL_KINDS, OPERATORS),
        ("anchor", "fork"): Right(ALL_KINDS, OVERSEERS | {Role.SERVICE}),
        ("anchor", "succeed"): Right(ALL_KINDS, ADMINISTRATORS),
        ("anchor", "acknowledge"): Right(frozenset({MemberKind.REGULATOR}), OVERSEERS),
        ("consent", "grant"): Right(VOUCHERS, frozenset({Role.PRACTITIONER, Role.SERVICE})),
        ("consent", "propose"): Right(HOLDERS, COUNTER),
        ("consent", "approve"): Right(HOLDERS, COUNTER),
        ("consent", "revoke"): Right(ALL_KINDS, ANYONE),
        ("consent", "propose_revocation"): Right(HOLDERS, COUNTER),
        ("consent", "approve_revocation"): Right(HOLDERS, COUNTER),
        ("consent", "acknowledge"): Right(HOLDERS, frozenset({Role.SERVICE})),
        ("agreement", "propose"): Right(ALL_KINDS, ADMINISTRATORS),
        ("agreement", "accept"): Right(ALL_KINDS, ADMINISTRATORS),
        ("agreement", "end"): Right(ALL_KINDS, ADMINISTRATORS),
        ("journal", "head"): Right(ALL_KINDS, OPERATORS),
        ("journal", "intake"): Right(ALL_KINDS, OPERATORS),
        ("notice", "send"): Right(ALL_KINDS, SERVICES),
        ("notice", "received"): Right(ALL_KINDS, SERVICES),
        ("notice", "acknowledge"): Right(ALL_KINDS, SERVICES),
        ("correction", "link"): Right(HOLDERS, SERVICES),
        ("identity", "record"): Right(HOLDERS, SERVICES),
        ("episode", "seal"): Right(HOLDERS, SERVICES),
        ("episode", "late"): Right(HOLDERS, SERVICES),
        ("episode", "propose_open"): Right(HOLDERS, SERVICES),
        ("episode", "approve_open"): Right(HOLDERS, SERVICES),
        ("access", "log"): Right(HOLDERS, frozenset({Role.SERVICE})),
        ("access", "aggregate"): Right(HOLDERS, frozenset({Role.SERVICE})),
        ("access", "ask"): Right(ALL_KINDS, frozenset({Role.SERVICE})),
        ("access", "answered"): Right(ALL_KINDS, frozenset({Role.SERVICE})),
        ("hold", "place"): Right(HOLDERS, KEEPERS | {Role.SERVICE}),
        ("hold", "release"): Right(HOLDERS, KEEPERS),
        ("hold", "confirm"): Right(HOLDERS, KEEPERS),
        ("hold", "restrict"): Right(HOLDERS, KEEPERS),
        ("hold", "lift"): Right(HOLDERS, KEEPERS),
        ("hold", "begin"): Right(HOLDERS, frozenset({Role.SERVICE})),
    }
)

GRANTS: Mapping[Role, frozenset[Role]] = MappingProxyType(
    {
        Role.SUPER_ADMINISTRATOR: frozenset(Role),
        Role.ADMINISTRATOR: frozenset(Role) - ADMINISTRATORS,
    }
)
"""The roles whose accounts (and their keys) an account of the role on the left manages, within its member."""


def grantable(roles: frozenset[Role]) -> frozenset[Role]:
    """Return the roles whose accounts someone with ``roles`` manages."""
    return frozenset[Role]().union(*(GRANTS.get(role, frozenset()) for role in roles))
