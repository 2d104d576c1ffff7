"""State values and arguments of the contract ``agreement`` (docs/spec/agreement.md AG1 to AG6; S7.2c, S7.2e, W6).

An agreement is between two members and about no patient: its terms stand in the open, for regulators to see.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from xinglin.kernel.encoding import ChainObject, Digest, Identifier, Milliseconds, Natural
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

NAMESPACE = "agreement"
When = Annotated[tuple[Milliseconds, ...], msgspec.Meta(max_length=1)]


class AgreementTerms(ChainObject, frozen=True):
    """What both sign: the custodian lets accounts of the reader ask, for purposes, in categories, up to a level.

    ``purposes`` and ``categories`` ascend and are distinct and not empty; in force while from_ms <= t < until_ms.
    ``text`` is the hash of the paper that stands behind it.
    """

    custodian: Identifier
    reader: Identifier
    purposes: tuple[Purpose, ...]
    categories: tuple[Category, ...]
    level: Level
    from_ms: Milliseconds
    until_ms: Milliseconds
    text: Digest


class ProposeAgreement(ChainObject, frozen=True):
    """agreement.propose: one of the two members signs first."""

    agreement: Identifier
    terms: AgreementTerms


class AcceptAgreement(ChainObject, frozen=True):
    """agreement.accept: the other signs the same terms."""

    agreement: Identifier
    terms: AgreementTerms


class EndAgreement(ChainObject, frozen=True):
    """agreement.end: either of the two ends it with this block."""

    agreement: Identifier


class AgreementState(ChainObject, frozen=True, kw_only=True):
    """("agreement", "agreement", id): the terms, who signed first, and when it was accepted and ended (block times).

    ``follows`` is the number that the pair's agreement had when it was proposed: it lapses when another is accepted.
    """

    kind: Literal["agreement"] = "agreement"
    version: Literal[1] = 1
    terms: AgreementTerms
    proposer: Identifier
    follows: Natural
    accepted_ms: When
    ended_ms: When


class AgreementOfPair(ChainObject, frozen=True, kw_only=True):
    """("agreement", "pair", custodian, reader): the agreement that was accepted last between the two."""

    kind: Literal["agreement-pair"] = "agreement-pair"
    version: Literal[1] = 1
    agreement: Identifier
    number: Natural
