"""What patients and hospitals do in a town, one act at a time, each told to the naive twin too (``town_questions``)."""

from __future__ import annotations

import json
import time
from dataclasses import replace

from tests.support.agreements import agree
from tests.support.naive_reading import Consent, Terms, standing
from tests.support.old_stays import administrator
from tests.support.reading_town import UNLABELLED, Account
from tests.support.town_people import HOSPITALS, PATIENTS, Patient, born_ms
from tests.support.town_questions import PURPOSES, Questions, other, pick, some
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier, identifier_bytes
from xinglin.node.chains import SystemClock
from xinglin.node.founding import ADMINISTRATOR
from xinglin.node.office.accounts import add_account, end_key
from xinglin.node.office.consents import (
    acknowledge,
    call,
    give_at_counter,
    give_by_own_key,
    revoke,
)
from xinglin.node.office.corrections import correct_record
from xinglin.service.basic.correction.model import Reason
from xinglin.service.basic.protection import model as page
from xinglin.service.basic.protection.break_glass import Emergency
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.protection.consents.model import ApproveRevocation, ProposeRevocation
from xinglin.service.basic.protection.guardians import GuardianEvidence
from xinglin.service.basic.sharing.agreements.model import EndAgreement
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Copy

OLD_STAY = "a-6-0-"
"""How the records of the stay that ended in 1983 are named."""
YEAR_MS = 366 * 86_400_000


class Acts(Questions):
    """Plays acts in a town: everything that is asked, and what patients and hospitals do."""

    # --- what patients decide ---

    def act_consent(self, patient: int, terms: int, names: int, life: int) -> None:
        """A patient, or a guardian, consents; some consents live for a second or two."""
        self._give(pick(PATIENTS, patient), terms, names, life, prohibits=False)

    def act_prohibit(self, patient: int, terms: int, names: int, life: int) -> None:
        """A patient, or a guardian, prohibits."""
        self._give(pick(PATIENTS, patient), terms, names, life, prohibits=True)

    def _give(self, about: Patient, terms: int, names: int, life: int, *, prohibits: bool) -> None:
        now, at = SystemClock().now_ms(), pick(about.hospitals, names)
        relations = [one for name in about.hospitals for one in self.naive.guardianships.get((name, about.name), ())]
        given = now - 2_000 if about.died_ms is None or life % 4 else about.died_ms - 1_000
        wanted = WantedConsent(
            purposes=sorted(some(PURPOSES, terms)) if not prohibits or terms % 3 else (),
            categories=some([Category(number) for number in range(1, 5)], terms // 64)
            if terms % 5
            else (() if prohibits else [Category.HEALTH_STATUS, Category.MEDICAL_APPLICATION]),
            level=pick((Level.NARROW, Level.STRICT, Level.MEDIUM), terms // 7) if not prohibits else Level.PUBLIC,
            given_ms=given,
            from_ms=min(given, now) - 1_000,
            until_ms=now + pick((900, 2_000, YEAR_MS, YEAR_MS, YEAR_MS), life),
            members=sorted([self.naive.members[pick(HOSPITALS, names // 2)]] if names % 3 else []),
            roles=[pick(self.staff, names // 4).role] if names % 5 == 0 else [],
            accounts=[pick(self.staff, names // 8).account] if names % 11 == 0 else [],
            special=Special.HIV if terms % 2 else Special.NONE,
            copy=Copy.DEIDENTIFIED if terms % 9 == 0 and not prohibits else Copy.ORIGINAL,
            prohibits=prohibits,
            guardian=identifier(pick(relations, names).id) if relations and life % 3 else "",
        )
        bound = some(about.hospitals, names // 16)
        node = self.town.archive(at).node
        custodians = [self.town.address(name, self.town.person(name, about), at) for name in bound]
        if life % 7 == 0:
            staff = (self.town.staff[f"{at}-clerk"].key_name, self.town.staff[f"{at}-clerk2"].key_name)
            given_consent = give_at_counter(node, wanted, custodians, staff)
        else:
            given_consent = give_by_own_key(node, wanted, custodians)
        self.given[given_consent.consent] = (given_consent, at)
        self.naive.consents.append(Consent(given_consent.consent, wanted, about, tuple(bound)))
        if life % 3:  # the others are taken in later, by an act of its own
            for name in bound:
                self._acknowledge(self.naive.consents[-1], name)

    def act_acknowledge(self, consent: int, custodian: int, *_: int) -> None:
        """A node takes a consent in."""
        open_ = [one for one in self.naive.consents if set(one.custodians) - one.acknowledged]
        if open_:
            one = pick(open_, consent)
            self._acknowledge(one, pick(sorted(set(one.custodians) - one.acknowledged), custodian))

    def _acknowledge(self, consent: Consent, name: str) -> None:
        try:
            acknowledge(self.town.servings[name], consent.id)
        except PlatformError as refusal:
            self.counts[f"not acknowledged: {refusal.code}"] += 1
            died = consent.patient.died_ms
            right = consent.revoked or (died is not None and consent.wanted.given_ms >= died)
            self._require(right, "a consent that is in order is acknowledged", refusal.code, "")
        else:
            self._require(not consent.revoked, "a revoked consent is not acknowledged", "acknowledged", "")
            consent.acknowledged.add(name)

    def act_revoke(self, consent: int, carrier: int, *_: int) -> None:
        """A patient revokes, by any node; a consent from paper is revoked where it was given."""
        standing_ = [one for one in self.naive.consents if not one.revoked]
        if standing_:
            self.revoke(pick(standing_, consent), pick(HOSPITALS, carrier))

    def revoke(self, one: Consent, carrier: str) -> None:
        """Let a patient revoke a consent, carried by a hospital's node; one from paper at the counter."""
        given, at = self.given[one.id]
        if given.key:
            revoke(self.town.archive(carrier).node, given)
        else:
            node, staff = self.town.archive(at).node, self.town.staff
            call(node, "consent", "propose_revocation", ProposeRevocation(one.id), staff[f"{at}-clerk"].key_name)
            call(node, "consent", "approve_revocation", ApproveRevocation(one.id), staff[f"{at}-clerk2"].key_name)
        one.revoked = True

    def act_default(self, patient: int, value: int, custodian: int, guardian: int) -> None:
        """A patient decides for whatever no consent covers."""
        about = pick(PATIENTS, patient)
        at, chosen = pick(about.hospitals, custodian), page.PatientDefault(value % 4)
        relations = self.naive.guardianships.get((at, about.name), [])
        under = pick(relations, guardian).id if relations and guardian % 2 else b""
        now = SystemClock().now_ms()
        guardians = self.town.servings[at].protection.guardians
        guardians.set_default(self.town.person(at, about), chosen, now, guardian=identifier(under) if under else "")
        self.naive.defaults[at, about.name] = (chosen, under)
        time.sleep(0.002)  # the next one is newer

    def act_guardian(self, patient: int, life: int, *_: int) -> None:
        """A guardian of a minor is entered where the minor is known; some relations end in a second."""
        now = SystemClock().now_ms()
        about = pick([one for one in PATIENTS if born_ms(one, 18) > now], patient)
        until = pick((None, None, now + 1_500), life)
        relation = ""
        for name in about.hospitals:
            stated = GuardianEvidence("mother of " + about.name, "mother", bytes(32), now - 20_000, until)
            guardians = self.town.servings[name].protection.guardians
            relation = guardians.add(self.town.person(name, about), stated, relation)
            kept = page.Guardianship(identifier_bytes(relation), now - 20_000, until)
            self.naive.guardianships.setdefault((name, about.name), []).append(kept)

    def act_end_guardian(self, person: int, which: int, *_: int) -> None:
        """A guardianship ends at one hospital, now."""
        known = sorted(self.naive.guardianships)
        if not known:
            return
        at = pick(known, person)
        relation = pick(self.naive.guardianships[at], which)
        now = SystemClock().now_ms()
        if relation.until_ms is None or relation.until_ms > now:
            self.town.servings[at[0]].protection.guardians.end(identifier(relation.id), now)
            self.naive.end_guardianship(at, relation.id, now)

    # --- what hospitals do ---

    def act_agree(self, custodian: int, terms: int, *_: int) -> None:
        """Two hospitals sign an agreement, mostly a wide one."""
        at = pick(HOSPITALS, custodian)
        purposes = PURPOSES if terms % 3 else some(PURPOSES, terms)
        categories = [Category(number) for number in range(1, 5)]
        categories = categories if terms % 4 else some(categories, terms // 8)
        level = pick((Level.STRICT, Level.STRICT, Level.NARROW), terms)
        a, b = self.town.archive(at).node, self.town.archive(other(at)).node
        self.agreements[at, other(at)] = agree(a, b, *purposes, categories=categories, level=level)
        self.naive.agreements[at, other(at)] = Terms(frozenset(purposes), frozenset(categories), level)

    def act_end_agreement(self, which: int, *_: int) -> None:
        """One of the two ends an agreement."""
        pairs = sorted(pair for pair in self.agreements if pair in self.naive.agreements)
        if pairs:
            pair = pick(pairs, which)
            call(
                self.town.archive(pair[0]).node, "agreement", "end", EndAgreement(self.agreements[pair]), ADMINISTRATOR
            )
            del self.naive.agreements[pair]

    def act_break_glass(self, who: int, patient: int, level: int, special: int) -> None:
        """A practitioner breaks the glass at the own hospital."""
        doctors = [one for one in self.staff if one.role == 3]
        doctor = pick(doctors, who)
        about = pick([one for one in PATIENTS if doctor.hospital in one.hospitals], patient)
        now, asked = SystemClock().now_ms(), pick((Level.NARROW, Level.STRICT), level)
        stated = Emergency(1, "unconscious", asked, Special.HIV if special % 2 else Special.NONE)
        glass = self.town.servings[doctor.hospital].protection.break_glass
        try:
            grant = glass.open(doctor.account, self.town.person(doctor.hospital, about), stated, now).grant
        except PlatformError:
            return
        key = (doctor.hospital, about.name, doctor.account)
        known = self.naive.grants.get(key)
        if known is None or grant.from_ms > known.from_ms:
            member = identifier_bytes(self.naive.members[doctor.hospital])
            self.naive.grants[key] = page.BreakGlassGrant(
                grant.id,
                member,
                identifier_bytes(doctor.account),
                asked,
                grant.from_ms,
                now + 3_600_000,
                stated.special,
            )

    def act_correct(self, record: int, value: int, *_: int) -> None:
        """A laboratory value is corrected."""
        old = pick([one for one in standing(self.records, self.naive) if one.type == "Observation"], record)
        resource = json.loads(old.original)
        resource["valueQuantity"]["value"] = 100 + value % 50 + resource["valueQuantity"]["value"] % 7 / 8
        archive, who = self.town.archive(old.hospital), self.town.staff[f"{old.hospital}-doctor"]
        corrections, data = self.town.site.corrections_of(archive.node), json.dumps(resource).encode()
        made = correct_record(archive, corrections, old.id, data, Reason.WRONG_VALUE, who.account)
        row = archive.vault.find(made["record"])
        new = self.town.known(row, old.hospital)
        self.naive.correct(old, new.commitment)
        self.records.append(new)

    def act_order(self, record: int, *_: int) -> None:
        """The records office of A wants a record destroyed: done for a stay of 1983, else restricted by the law."""
        mine = [one for one in standing(self.records, self.naive) if one.hospital == "a"]
        mine = [one for one in mine if one.type in ("Observation", "MedicationRequest", "Condition")]
        old = [one for one in mine if one.name.startswith(OLD_STAY)]
        wanted = pick(old or mine, record // 2) if record % 2 else pick(mine, record // 2)
        try:
            who = administrator(self.town.archive("a").node)
            self.town.site.records_office.order([wanted.id], "retention_ended", who)
        except PlatformError as refusal:
            self.counts[f"order {refusal.code}"] += 1
            if refusal.code == "destruction.retention":
                self.naive.order(wanted, page.RecordState.RESTRICTED)
            return
        self.naive.order(wanted, page.RecordState.DESTROYED)

    def act_destroy(self, *_: int) -> None:
        """What was ordered is confirmed by another account and shredded."""
        gone = {one for one, (state, _) in self.naive.states.items() if state is page.RecordState.DESTROYED}
        ordered = [one for one in self.records if one.commitment in gone and not one.gone]
        office = self.town.site.records_office
        office.confirm([one.id for one in ordered], self.town.staff["a-officer"].account)
        done = {one["commitment"] for one in office.carry_out()["certificates"]}
        for at, one in enumerate(self.records):
            if one.commitment.hex() in done:  # nothing is left that says what it was: it counts as the strictest
                self.records[at] = replace(
                    one, patient=None, category=UNLABELLED[0], level=UNLABELLED[1], special=0, gone=True
                )

    def act_end_key(self, who: int, *_: int) -> None:
        """Somebody leaves, and a successor comes."""
        leaving = pick([one for one in self.staff if one.role == 3 and one.account not in self.naive.ended], who)
        node = self.town.archive(leaving.hospital).node
        end_key(node, leaving.key)
        self.naive.ended.add(leaving.account)
        added = add_account(node, (leaving.role,), "successor")
        self.staff.append(Account(leaving.hospital, added.account, leaving.role, added.key_name, added.key))

    def act_wait(self, *_: int) -> None:
        """Time goes by, so that short consents end."""
        time.sleep(0.5)

    def act_kill(self, *_: int) -> None:
        """Both homes stop as a killed process leaves them, and are opened again."""
        self.town.kill()

    def act_reopen(self, *_: int) -> None:
        """Both homes are closed and opened again."""
        self.town.reopen()
