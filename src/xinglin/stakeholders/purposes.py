"""Purposes, actions, bases and copies: the coded words of every permit and access entry (design D9; S5.3, S8.3).

Pure data. The codes are committed and never change. The table of purposes is that of docs/spec/permit.md; what they
open is decided in ``service/basic/protection``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Purpose(StrEnum):
    """What a reader wants data for."""

    TREAT = "treat"
    ETREAT = "etreat"
    HPAYMT = "hpaymt"
    HOPERAT = "hoperat"
    HRESCH = "hresch"
    PUBLICHLTH = "publichlth"
    COVERAGE = "coverage"
    LEGAL = "legal"
    PATRQT = "patrqt"
    FAMRQT = "famrqt"
    HQUALIMP = "hqualimp"
    HSYSADMIN = "hsysadmin"


class Action(StrEnum):
    """What a reader wants to do; only the first two serve content."""

    READ = "read"
    HISTORY = "history"
    SEARCH = "search"
    CORRECT = "correct"
    SEAL = "seal"


class Basis(StrEnum):
    """What a permit rests on."""

    NONE = "none"
    CONSENT = "consent"
    CARE = "care"
    LEGAL_DUTY = "legal_duty"
    EMERGENCY = "emergency"
    COURT_ORDER = "court_order"


class Copy(IntEnum):
    """Which copy of a record is opened."""

    NONE = 0
    ORIGINAL = 1
    DEIDENTIFIED = 2


@dataclass(frozen=True, slots=True)
class PurposeEntry:
    """A purpose in the words of others: the code of HL7 v3-ActReason and the Chinese name."""

    act_reason: str
    zh: str


PURPOSES: Mapping[Purpose, PurposeEntry] = MappingProxyType(
    {
        Purpose.TREAT: PurposeEntry("TREAT", "诊疗"),
        Purpose.ETREAT: PurposeEntry("ETREAT", "急诊抢救"),
        Purpose.HPAYMT: PurposeEntry("HPAYMT", "医疗费用结算"),
        Purpose.HOPERAT: PurposeEntry("HOPERAT", "医疗机构运营管理"),
        Purpose.HRESCH: PurposeEntry("HRESCH", "科学研究"),
        Purpose.PUBLICHLTH: PurposeEntry("PUBHLTH", "公共卫生"),
        Purpose.COVERAGE: PurposeEntry("COVERAGE", "保险审核"),
        Purpose.LEGAL: PurposeEntry("HLEGAL", "司法与法律事务"),
        Purpose.PATRQT: PurposeEntry("PATRQT", "患者本人请求"),
        Purpose.FAMRQT: PurposeEntry("FAMRQT", "监护人或近亲属请求"),
        Purpose.HQUALIMP: PurposeEntry("HQUALIMP", "医疗质量改进"),
        Purpose.HSYSADMIN: PurposeEntry("HSYSADMIN", "系统管理"),
    }
)
"""Every purpose, with its code in v3-ActReason and its Chinese name."""
