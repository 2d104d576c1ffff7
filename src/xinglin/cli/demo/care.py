"""Part 6: a physician of hospital B reads a patient's records at hospital A, as far as the patient permits.

Agreement, match, consent by the patient's own key, reads under a permit, refusals, revocation; in the end who has seen
what, complete and provable. Every request leaves its entry at A and its twin at B.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from xinglin.carrier.access.registry.model import EndKey
from xinglin.cli.demo.stage import Stage
from xinglin.kernel.errors import PlatformError
from xinglin.node.access import open_trace
from xinglin.node.accounts import AddedAccount, add_account
from xinglin.node.archive import Archive, open_archive
from xinglin.node.chains import SystemClock
from xinglin.node.consents import acknowledge, call, give_by_own_key, revoke, sign_agreement
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.opening import anchoring
from xinglin.node.read_ports import decides_alone
from xinglin.node.serving import Serving, described, open_serving
from xinglin.service.basic.patient_index.model import Grade
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.reading.reader import ReaderAccount
from xinglin.service.basic.sharing.agreements.model import AgreementTerms
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Purpose

_YEAR_MS = 365 * 86_400_000
_CATEGORIES = (Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION)


@dataclass(frozen=True, slots=True)
class _Scene:
    """Both hospitals as they serve, the reader at B, and the patient as each knows them."""

    stage: Stage
    a: Serving
    b: Serving
    account: AddedAccount
    reader: ReaderAccount
    at_a: bytes
    at_b: bytes
    refusals: dict[str, str]

    def refused(self, what: str, ask: Callable[[], object]) -> None:
        """Show a refusal, with its code and sentence."""
        try:
            ask()
        except PlatformError as refusal:
            self.refusals[what] = refusal.code
            self.stage.say(f"  {what:<34} [{refusal.code}] {refusal.sentence()}")
            return
        self.stage.require(False, f"a read is refused: {what}")

    def read(self, commitment: bytes, purpose: Purpose = Purpose.TREAT, reader: ReaderAccount | None = None) -> bytes:
        """Read one record of A at B, compared with its commitment."""
        return self.b.reader.read(self.a, reader or self.reader, commitment, purpose).content

    def records(self, kind: bytes) -> list[bytes]:
        """Return the commitments of the patient's records of a type at A."""
        rows = self.a.archive.vault.records_of(self.a.archive.persons.subjects_of(self.at_a))
        return [row.details.commitment for row in rows if row.details.type == kind]

    def wanted(self, until_ms: int) -> WantedConsent:
        """Return the patient's wish: B's physicians, treatment, two categories, level 4."""
        now = SystemClock().now_ms()
        return WantedConsent(
            purposes=(Purpose.TREAT,),
            categories=_CATEGORIES,
            level=Level.NARROW,
            given_ms=now - 1_000,
            from_ms=now - 1_000,
            until_ms=until_ms,
            members=(self.b.member,),
            roles=(Role.PRACTITIONER,),
        )


def care(stage: Stage) -> None:
    """Show reading under consent between the two hospitals."""
    stage.head("6. A physician of hospital B reads at hospital A")
    with ExitStack() as stack:
        group = stack.enter_context(stage.group())
        archives = [stack.enter_context(open_archive(node)) for node in group.nodes[:2]]
        a, b = (stack.enter_context(open_serving(archive)) for archive in archives)
        found = _patient_of_both(*archives)
        if found is None:
            stage.say("no patient of these bundles has been at both hospitals: nothing to read")
            return
        account = add_account(group.nodes[1], (Role.PRACTITIONER,), "Physician of hospital B")
        reader = b.account(account.account, account.key_name)
        scene = _Scene(stage, a, b, account, reader, *found, refusals={})
        _under_consent(scene)
        _who_has_seen(scene)


def _under_consent(scene: _Scene) -> None:
    """Agreement, match, consent, reads and refusals."""
    a, b, stage = scene.a, scene.b, scene.stage
    record, claim = scene.records(b"Observation")[0], scene.records(b"Claim") or scene.records(b"ExplanationOfBenefit")
    scene.refused("without an agreement", lambda: scene.read(record))
    now = SystemClock().now_ms()
    categories = (*_CATEGORIES, Category.MEDICAL_PAYMENT)
    purposes = (Purpose.ETREAT, Purpose.HRESCH, Purpose.TREAT)
    terms = AgreementTerms(
        a.member, b.member, purposes, categories, Level.NARROW, now - 1_000, now + _YEAR_MS, bytes(32)
    )
    stage.say(f"agreement {sign_agreement(a.archive.node, b.archive.node, terms)} signed by both hospitals")
    link = b.reader.match(a, scene.reader, described(b.archive.persons, scene.at_b), Purpose.TREAT)
    stage.say(
        "B's description of the patient is matched at A; a link of 16 random bytes comes back, no chain sees either"
    )
    scene.refused("without consent", lambda: scene.read(record))

    node = (a.node, scene.at_a)
    given = give_by_own_key(a.archive.node, scene.wanted(now + _YEAR_MS), [node])
    scene.refused("before A has acknowledged it", lambda: scene.read(record))
    acknowledge(a, given.consent)
    told = b.reader.search(a, scene.reader, link, Purpose.TREAT)
    content = scene.read(record)
    stage.say(f"consent {given.consent}: {len(told)} records may be read, one of {len(content)} bytes is, and compared")
    scene.refused("another purpose", lambda: scene.read(record, Purpose.HRESCH))
    if claim:
        scene.refused("another category", lambda: scene.read(claim[0]))
    leaving = add_account(b.archive.node, (Role.PRACTITIONER,), "Physician who leaves hospital B")
    call(b.archive.node, "registry", "end_key", EndKey(leaving.key, ()), ADMINISTRATOR)
    ended = b.account(leaving.account, leaving.key_name)
    scene.refused("an ended key", lambda: scene.read(record, reader=ended))
    revoke(b.archive.node, given)
    scene.refused("after revocation", lambda: scene.read(record))


def _who_has_seen(scene: _Scene) -> None:
    """Answer the patient's question from A's private chain, and compare it with B's."""
    stage, a, b = scene.stage, scene.a.archive.node, scene.b.archive.node
    anchoring(a).step()
    anchoring(b).step()
    record = scene.records(b"Observation")[0]
    with open_trace(a) as trace, open_trace(b) as asked:
        complete, entries = trace.completeness(record), trace.entries_of([record])
        stage.require(complete.complete, "the list of reads leads to the head on the private chain")
        stage.require(not asked.open_twins(0), "every request of B has its receipt")
        given = trace.recipients(record)
        stage.require([one.account for one in given] == [scene.reader.account], "one account has seen the record")
    stage.say(f"who has seen this record: account {given[0].account} of {b.settings.name}, once; list complete")
    stage.say(f"  {len(entries)} entries on A's private chain, {len(scene.refusals)} refusals shown, each on record")
    stage.figures |= {"access_entries": len(entries), "refusals": dict(scene.refusals)}


def _patient_of_both(a: Archive, b: Archive) -> tuple[bytes, bytes] | None:
    """Return an adult patient of B who is surely known at A and has observations there, as both know them."""
    today = a.orders("demo").as_of
    for at_b in b.persons.persons():
        if not decides_alone(b.persons, at_b, today):
            continue
        matches = a.persons.match(b.persons.traits_of(at_b)[0], 1)
        if matches and matches[0].grade is Grade.MATCH:
            rows = a.vault.records_of(a.persons.subjects_of(matches[0].person))
            if any(row.details.type == b"Observation" for row in rows):
                return matches[0].person, at_b
    return None
