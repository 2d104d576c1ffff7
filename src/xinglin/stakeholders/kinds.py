"""Kinds of member and roles of account (design D1; S5.2, S6.3a). Numbers are on chain and never change."""

from __future__ import annotations

from enum import IntEnum


class MemberKind(IntEnum):
    """The five stakeholders of clause 5."""

    DATA_USER = 1
    MEDICAL_INSTITUTION = 2
    SUPPLIER = 3
    TECHNOLOGY_PROVIDER = 4
    REGULATOR = 5


class Role(IntEnum):
    """What an account may be under its member."""

    SUPER_ADMINISTRATOR = 1
    ADMINISTRATOR = 2
    PRACTITIONER = 3
    AUDITOR = 4
    COMPLIANCE_OFFICER = 5
    DEVICE = 6
    SERVICE = 7


class Status(IntEnum):
    """Whether a member, account or node takes part; nothing is deleted, only ended."""

    ACTIVE = 1
    SUSPENDED = 2
    ENDED = 3
