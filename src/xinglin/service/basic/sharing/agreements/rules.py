"""Pure rules of agreements: terms in form, where one stands, whether one covers a request (AG2, AG3, AG6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from xinglin.service.basic.sharing.agreements.model import AgreementOfPair, AgreementState, AgreementTerms
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

T = TypeVar("T", int, str)


def terms_fault(terms: AgreementTerms) -> str:
    """Return what is wrong with terms, empty for nothing (AG2)."""
    if terms.custodian == terms.reader:
        return "both parties are one"
    if not _ascending([str(one) for one in terms.purposes]) or not _ascending([int(one) for one in terms.categories]):
        return "purposes or categories are empty or out of order"
    if terms.from_ms >= terms.until_ms:
        return "it ends before it begins"
    return ""


def uncovered(
    state: AgreementState | None, purpose: Purpose, time_ms: int, category: Category | None, level: Level | None
) -> str:
    """Return why an agreement does not cover a request, empty when it does (AG6).

    Args:
        state: the agreement that was accepted last, None when there was none.
        purpose: what is asked for.
        time_ms: when, by the custodian's node.
        category: of the record, None for a search or a match.
        level: of the record, None for a search or a match.
    """
    if state is None or not state.accepted_ms:
        return "there is none"
    terms = state.terms
    if state.ended_ms:
        return "it was ended"
    if not terms.from_ms <= time_ms < terms.until_ms:
        return "it is not in force"
    if purpose not in terms.purposes:
        return "the purpose"
    if category is not None and category not in terms.categories:
        return "the category"
    return "the level" if level is not None and level > terms.level else ""


def standing(agreement: str, state: AgreementState, last: AgreementOfPair | None, time_ms: int) -> str:
    """Return where an agreement stands, in one word (AG3, AG5, AG6).

    Args:
        agreement: its id.
        state: as the chain has it.
        last: what the pair accepted last, None for nothing.
        time_ms: when, by the node that asks.

    Returns: ``ended``; if it was accepted: ``replaced``, ``over``, ``to_begin`` or ``in_force``; else ``lapsed`` (too
        late to be accepted) or ``proposed``.
    """
    terms, over = state.terms, time_ms >= state.terms.until_ms
    if state.ended_ms:
        return "ended"
    if not state.accepted_ms:
        return "lapsed" if over or state.follows != (0 if last is None else last.number) else "proposed"
    if last is None or last.agreement != agreement:
        return "replaced"
    if over:
        return "over"
    return "to_begin" if time_ms < terms.from_ms else "in_force"


def _ascending(values: Sequence[T]) -> bool:
    return len(values) > 0 and list(values) == sorted(set(values))
