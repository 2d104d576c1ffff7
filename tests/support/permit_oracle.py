"""The policy of permits by the words of docs/spec/permit.md, with no thought for speed: what the product is held to.

Written from the page alone, in its order, with its numbers as comments. It shares the values of a situation with the
product and nothing else: tables, codes and bases are plain numbers and strings typed from the page. Every test of a
rule is worked out whether or not it is needed; the first that fails is taken at the end.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.permit_page import (
    ALL_FLAGS,
    AUDITOR,
    COMPLIANCE,
    COPY,
    DAY_MS,
    NOTHING,
    ORIGINAL,
    PRACTITIONER,
    READS,
    SERVICE,
    TABLE_K,
    TABLE_L,
    TABLE_R,
    TABLE_U,
    Answer,
    all_named,
    dead,
    happened,
    has,
    high,
    holding,
    low,
    names_the_reader,
    newest_held,
    newest_mandate,
    opening,
    permit,
    refuse,
    running,
    stale,
    validly_given,
)
from xinglin.service.basic.protection.model import Held, Mandate, Situation


def decide(s: Situation) -> Answer:
    """Return what the page decides on a situation."""
    answer = next(answer for answer in _answers(s) if answer is not None)
    if not answer.permit:
        return answer
    # PM17: an old version is never served as current.
    served = answer.rule >= 9 and s.action in ("read", "search")
    old = s.target.state == 2 or (s.target.state == 3 and s.target.current)
    if old and (served or (answer.rule == 8 and s.action == "correct")):
        return refuse(17, "permit.superseded", s.target.current)
    return answer._replace(copy=NOTHING) if s.action == "search" else answer  # Table A, search


def _answers(s: Situation) -> Iterable[Answer | None]:
    """Give what each rule says, in order; None where it says nothing."""
    yield _pm1_chain(s)
    yield _pm2_member(s)
    yield _pm3_account(s)
    yield _pm4_key(s)
    yield refuse(5, "permit.quota") if s.reader.over_quota else None  # PM5
    yield _pm6_role(s)
    yield _pm7_record(s)
    yield _pm8_own_act(s)
    yield _pm9_court_order(s)
    yield _pm10_legal_duty(s)
    yield _pm11_prohibition(s)
    yield _pm12_break_glass(s)
    yield _pm13_consent(s)
    yield _pm14_care(s)
    yield _pm15_patients_default(s)
    yield _pm16_institutions_default(s)


# PM1 to PM8


def _pm1_chain(s: Situation) -> Answer | None:
    return refuse(1, "chain.stale") if stale(s) and not s.reader.own else None


def _pm2_member(s: Situation) -> Answer | None:
    codes = {4: "permit.member_unknown", 2: "permit.member_suspended", 3: "permit.member_ended"}
    code = codes.get(s.reader.member_standing)
    return (code and refuse(2, code)) or None


def _pm3_account(s: Situation) -> Answer | None:
    code = {4: "permit.account_unknown", 3: "permit.account_ended"}.get(s.reader.account_standing)
    return (code and refuse(3, code)) or None


def _pm4_key(s: Situation) -> Answer | None:
    codes = {4: "permit.key_unknown", 3: "permit.key_ended", 5: "permit.key_compromised"}
    code = codes.get(s.reader.key_standing)
    return (code and refuse(4, code)) or None


def _pm6_role(s: Situation) -> Answer | None:
    reading = has(s, PRACTITIONER, AUDITOR, COMPLIANCE, SERVICE)  # T10
    return refuse(6, "permit.role") if s.action in READS and not reading else None


def _pm7_record(s: Situation) -> Answer | None:
    if s.target.state == 4:
        return refuse(7, "permit.destroyed")
    if s.target.state != 3 or s.action == "seal":
        return None
    return None if s.action in READS and _covering(s, court=True) else refuse(7, "permit.restricted")


def _pm8_own_act(s: Situation) -> Answer | None:
    if s.action in READS:
        return None
    if s.action == "correct" and s.reader.own and has(s, PRACTITIONER):
        return permit(8, "legal_duty", b"correction", NOTHING)
    if s.action == "seal" and s.reader.own and has(s, 1, 2, COMPLIANCE):
        return permit(8, "legal_duty", b"sealing", NOTHING)
    return refuse(8, "permit.action")


# PM9, PM10


def _considered(s: Situation, *, court: bool) -> list[Mandate]:
    """Return the court orders, or the duties, that are looked at."""
    found = []
    for mandate in s.mandates:
        if (mandate.article == "court") != court:
            continue
        row = TABLE_L[mandate.article]
        reader = s.reader.own if row.kinds is None else row.kinds == () or s.reader.kind in row.kinds
        admits = reader and has(s, *row.roles) and s.purpose in row.purposes
        # A court order, too, is read by its row.
        if names_the_reader(s, mandate) and s.purpose in mandate.purposes and admits:
            found.append(mandate)
    return found


def _patient_code(s: Situation, article: str) -> str:
    """Return the code of the row's condition on the patient, empty where it is met."""
    if article in ("patient_request", "guardian_request") and dead(s):
        return "permit.frozen"
    if article == "guardian_request" and not holding(s):
        return "permit.guardian"
    if article == "relative_request" and not dead(s):
        return "permit.alive"
    if article == "relative_request" and _binding(s):
        return "permit.prohibited"
    return ""


def _mandate_opens(s: Situation, mandate: Mandate) -> int:
    row = TABLE_L[mandate.article]
    return opening(int(s.target.level), min(int(mandate.level), row.level), int(mandate.copy))


def _mandate_code(s: Situation, mandate: Mandate) -> str:
    """Return why a considered mandate does not cover, empty where it does."""
    row = TABLE_L[mandate.article]
    until = min(mandate.until_ms, mandate.from_ms + row.days * DAY_MS)
    patient = _patient_code(s, mandate.article)
    tests = [
        (patient != "", patient),  # 1
        (mandate.from_ms > low(s), "permit.not_yet"),  # 2
        (not running(s, mandate.from_ms, until), "permit.expired"),  # 3
        (s.target.category not in mandate.categories, "permit.category"),  # 4
        (_mandate_opens(s, mandate) == NOTHING, "permit.level"),  # 5
        (not all_named(s, int(mandate.special) & row.flags), "permit.special"),  # 6
    ]
    return next((code for fails, code in tests if fails), "")


def _covering(s: Situation, *, court: bool) -> list[Mandate]:
    return [mandate for mandate in _considered(s, court=court) if _mandate_code(s, mandate) == ""]


def _pm9_court_order(s: Situation) -> Answer | None:
    covering = _covering(s, court=True)
    if not covering:
        return None
    newest = newest_mandate(covering)
    return permit(9, "court_order", newest.document, _mandate_opens(s, newest))


def _pm10_legal_duty(s: Situation) -> Answer | None:
    covering = _covering(s, court=False)
    if not covering:
        return None
    newest = newest_mandate(covering)
    return permit(10, "legal_duty", str(newest.article).encode("ascii"), _mandate_opens(s, newest))


def _mandates_code(s: Situation) -> str:
    """Return the mandate's code for PM16, empty where there is none."""
    for court in (True, False):
        failing = [mandate for mandate in _considered(s, court=court) if _mandate_code(s, mandate) != ""]
        if failing:
            return _mandate_code(s, newest_mandate(failing))
    return ""


# PM11


def _binds(s: Situation, ban: Held) -> bool:
    return all(
        [
            ban.prohibits,
            names_the_reader(s, ban),
            validly_given(s, ban),
            happened(s, ban.acknowledged_ms),
            not happened(s, ban.revoked_ms),
            ban.from_ms <= high(s) and low(s) < ban.until_ms,
            s.purpose in ban.purposes or (len(ban.purposes) == 0 and s.purpose != "etreat"),
            s.target.category in ban.categories or len(ban.categories) == 0,
            int(s.target.level) >= int(ban.level),
            int(ban.special) == 0 or int(ban.special) & int(s.target.special) != 0,
        ]
    )


def _binding(s: Situation) -> list[Held]:
    return [held for held in s.held if _binds(s, held)]


def _pm11_prohibition(s: Situation) -> Answer | None:
    binding = _binding(s)
    return refuse(11, "permit.prohibited", newest_held(binding).id) if binding else None


# PM12


def _grant_opens(s: Situation) -> int:
    assert s.grant is not None
    return opening(int(s.target.level), min(int(s.grant.level), 5 if s.reader.own else 4), ORIGINAL)


def _grant_code(s: Situation) -> str | None:
    """Return why the grant does not cover, empty where it does, None where it is not considered."""
    grant, reader = s.grant, s.reader
    if grant is None or s.purpose != "etreat" or reader.kind != 2 or not has(s, PRACTITIONER):
        return None
    if (grant.member, grant.account) != (reader.member, reader.account):
        return None
    tests = [
        (grant.blocked, "permit.review_overdue"),
        (dead(s), "permit.frozen"),
        (not running(s, grant.from_ms, min(grant.until_ms, grant.from_ms + DAY_MS)), "permit.break_glass_ended"),
        (s.target.category not in (1, 2, 3), "permit.category"),
        (_grant_opens(s) == NOTHING, "permit.level"),
        (not all_named(s, int(grant.special) if reader.own else 0), "permit.special"),
    ]
    return next((code for fails, code in tests if fails), "")


def _pm12_break_glass(s: Situation) -> Answer | None:
    if s.grant is None or _grant_code(s) != "":
        return None
    return permit(12, "emergency", s.grant.id, _grant_opens(s))


# PM13


def _consents(s: Situation) -> list[Held]:
    return [held for held in s.held if not held.prohibits and names_the_reader(s, held)]


def _consent_opens(s: Situation, consent: Held) -> int:
    roles = set(s.reader.roles)
    if len(consent.grantees.roles) != 0:
        roles &= set(consent.grantees.roles)
    table_r = max([TABLE_R.get(int(role), 0) for role in roles], default=0)
    highest = min(int(consent.level), TABLE_K[int(s.reader.kind)][1], table_r, TABLE_U[s.purpose])
    return opening(int(s.target.level), highest, int(consent.copy))


def _failing(s: Situation, consent: Held) -> list[str]:
    """Return the codes of all dimensions in which a considered consent fails, in order."""
    died = s.patient.died_ms
    outlives = s.purpose in ("hpaymt", "coverage", "hresch")
    given_late = died is not None and consent.given_ms >= died
    tests = [
        (not happened(s, consent.acknowledged_ms), "permit.not_acknowledged"),  # 1
        (dead(s) and (not outlives or given_late), "permit.frozen"),  # 2
        (not validly_given(s, consent), "permit.guardian"),  # 3
        (happened(s, consent.revoked_ms), "permit.revoked"),  # 4
        (consent.from_ms > low(s), "permit.not_yet"),  # 5
        (high(s) >= consent.until_ms, "permit.expired"),  # 6
        (
            s.purpose not in consent.purposes or s.purpose not in TABLE_K[int(s.reader.kind)][0],
            "permit.purpose",
        ),  # 7
        (s.target.category not in consent.categories, "permit.category"),  # 8
        (_consent_opens(s, consent) == NOTHING, "permit.level"),  # 9
        (not all_named(s, int(consent.special)), "permit.special"),  # 10
    ]
    return [code for fails, code in tests if fails]


def _pm13_consent(s: Situation) -> Answer | None:
    covering = [consent for consent in _consents(s) if not _failing(s, consent)]
    if not covering or stale(s):
        return None
    newest = newest_held(covering)
    return permit(13, "consent", newest.id, _consent_opens(s, newest))


def _nearest(s: Situation) -> tuple[bytes, str] | None:
    """Return the consent of a refusal by PM15 or PM16, with its code."""
    considered = _consents(s)
    if not considered:
        return None
    fewest = min(len(_failing(s, consent)) for consent in considered)
    nearest = newest_held([consent for consent in considered if len(_failing(s, consent)) == fewest])
    return nearest.id, [*_failing(s, nearest), "chain.stale"][0]


# PM14


def _pm14_care(s: Situation) -> Answer | None:
    episode = s.episode
    if episode is None or not s.reader.own or not running(s, episode.from_ms, episode.until_ms):
        return None
    named = s.reader.account in episode.accounts
    if s.purpose in ("treat", "etreat"):  # Table C, first row
        right = has(s, PRACTITIONER) and s.target.category in (1, 2, 3)
        level, flags = (5, ALL_FLAGS) if named else (4, 0)
    elif s.purpose == "hpaymt":  # Table C, second row
        right = has(s, PRACTITIONER, SERVICE) and s.target.category in (1, 4)
        level, flags = 4, 0
    else:
        return None
    opened = opening(int(s.target.level), level, ORIGINAL)
    if not right or opened == NOTHING or not all_named(s, flags):
        return None
    return permit(14, "care", episode.reference, opened)


# PM15, PM16


def _pm15_patients_default(s: Situation) -> Answer | None:
    under = s.default_guardian
    if dead(s) or (under != b"" and under not in holding(s)) or s.patient_default == 0:
        return None  # Table P, unset
    if s.patient_default == 1:  # Table P, closed
        return refuse(15, _refusal_code(s), nearest=_nearest(s))
    opened = opening(int(s.target.level), {2: 3, 3: 4}[int(s.patient_default)], ORIGINAL)
    readers = [
        s.reader.kind == 2,
        has(s, PRACTITIONER),
        s.purpose in ("treat", "etreat"),
        s.target.category in (1, 2, 3),
        int(s.target.special) == 0,
        opened != NOTHING,
    ]
    return permit(15, "consent", b"default", opened) if all(readers) else None


def _pm16_institutions_default(s: Situation) -> Answer:
    opened = opening(int(s.target.level), 3, COPY)
    readers = [
        s.institution_default == 1,
        s.reader.own,
        has(s, AUDITOR, COMPLIANCE),
        s.purpose in ("hoperat", "hqualimp", "legal"),
        int(s.target.special) == 0,
        opened != NOTHING,
    ]
    if all(readers):
        return permit(16, "legal_duty", b"oversight", opened)
    return refuse(16, _refusal_code(s), nearest=_nearest(s))


def _refusal_code(s: Situation) -> str:
    """Return the code of a refusal by PM15 or PM16: the first that there is."""
    nearest = _nearest(s)
    codes = [
        "chain.stale" if stale(s) and any(not _failing(s, consent) for consent in _consents(s)) else "",  # 1
        _grant_code(s) or "",  # 2
        _mandates_code(s),  # 3
        nearest[1] if nearest is not None else "",  # 4
        "permit.no_consent",  # 5
    ]
    return next(code for code in codes if code)
