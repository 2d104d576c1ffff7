"""Agreements between two members whose homes are open here, for tests that need one to go on."""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.node.chains import SystemClock
from xinglin.node.node import Node
from xinglin.node.office.consents import sign_agreement
from xinglin.service.basic.sharing.agreements.model import AgreementTerms
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

YEAR_MS = 366 * 86_400_000
OF_PATIENTS = (Category(1), Category(2), Category(3), Category(4))
"""The categories of what is about one patient."""


def agree(
    custodian: Node,
    reader: Node,
    *purposes: Purpose,
    categories: Sequence[Category] = OF_PATIENTS,
    level: Level = Level.NARROW,
) -> str:
    """Let one member ask the other for purposes for a year, and return the agreement's id."""
    now = SystemClock().now_ms()
    terms = AgreementTerms(
        custodian.member,
        reader.member,
        tuple(sorted(purposes)),
        tuple(categories),
        level,
        now - 1_000,
        now + YEAR_MS,
        bytes(32),
    )
    return sign_agreement(custodian, reader, terms)
