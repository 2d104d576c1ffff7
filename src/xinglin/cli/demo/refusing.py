"""Part 8: who may not read, each shown for real with code and reason, in one table; each is on A's private chain."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple

from xinglin.carrier.access.registry.model import EndKey
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.cli.demo.choosing import Cast, today_at
from xinglin.cli.demo.founding import readmit, suspend
from xinglin.cli.demo.scene import CATEGORIES, YEAR_MS, Refusal, Scene
from xinglin.kernel.encoding import ChainObject, decode, encode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.founding import ADMINISTRATOR, SERVICE
from xinglin.node.office.accounts import add_account
from xinglin.node.office.consents import acknowledge, call, give_by_own_key, revoke
from xinglin.node.records.access import open_trace
from xinglin.node.records.read_ports import READS_PER_MINUTE, decides_alone
from xinglin.service.basic.audit.messages import AccessRequest, Asked
from xinglin.service.basic.audit.receipts import check_receipt, request_hash, sign_request
from xinglin.service.basic.protection.service import STALE_AFTER_MS
from xinglin.service.basic.reading.model import Answer
from xinglin.service.basic.reading.reader import Received
from xinglin.service.basic.sharing.agreements.model import AcceptAgreement, AgreementTerms, ProposeAgreement
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level
from xinglin.stakeholders.purposes import Action, Purpose

_PAYMENT = (b"Claim", b"ExplanationOfBenefit")
_ORDER = ("no_consent", "level", "category", "purpose", "revoked", "expired", "key_ended", "member_suspended")
"""How refusals stand in the table: those of the policy first, in this order."""


def refuse(scene: Scene, chosen: Cast) -> None:
    """Show the refusals, then that each is on record."""
    scene.stage.head("8. Who may not read")
    _insurer(scene, chosen.counter)
    _strict(scene, chosen)
    _other_category(scene, chosen.counter)
    record = scene.record(chosen.counter, b"Observation")
    scene.refused("another purpose: research", "permit.purpose", scene.ask(record, Purpose.HRESCH))
    _revoked(scene, chosen.own_key)
    _ended_key(scene, record)
    _suspended(scene, record)
    _unknown(scene, record)
    _quota_and_stale(scene, record)
    _expired(scene, chosen.short)
    _table(scene)


def _insurer(scene: Scene, patient: bytes) -> None:
    """The insurer has an agreement with A, and no consent of the patient."""
    now, insurer = SystemClock().now_ms(), scene.stage.joined.organisation
    categories = (*CATEGORIES, Category.MEDICAL_PAYMENT)
    terms = AgreementTerms(
        scene.a.member,
        insurer.member,
        (Purpose.COVERAGE,),
        categories,
        Level.NARROW,
        now - 1_000,
        now + YEAR_MS,
        bytes(32),
    )
    agreement = identifier(random_bytes(16))
    call(scene.hospital_a, "agreement", "propose", ProposeAgreement(agreement, terms), ADMINISTRATOR)
    _of_insurer(scene, "agreement", "accept", AcceptAgreement(agreement, terms))
    record = scene.record(patient, b"Observation")
    scene.refused("an insurer, without consent", "permit.no_consent", _ask_as_insurer(scene, record))


def _strict(scene: Scene, chosen: Cast) -> None:
    """A record of level 5, of a patient who consented up to level 4."""
    today, index = today_at(scene), scene.a.archive.persons
    for person in index.persons():
        strict = [row.details for row in scene.rows(person) if row.details.level == Level.STRICT]
        strict = [one for one in strict if one.category in CATEGORIES]
        if strict and person not in astuple(chosen) and decides_alone(index, person, today):
            until = SystemClock().now_ms() + YEAR_MS
            given = give_by_own_key(scene.hospital_a, scene.wanted(until), [(scene.a.node, person)])
            acknowledge(scene.a, given.consent)
            scene.refused("a record of level 5", "permit.level", scene.ask(strict[0].commitment))
            return
    scene.stage.say("no adult patient of these bundles has a clinical record of level 5 at A: not shown")


def _other_category(scene: Scene, patient: bytes) -> None:
    """A bill, of the patient who consented to clinical categories."""
    bills = scene.rows(patient, *_PAYMENT)
    if not bills:
        scene.stage.say("the patient who consented has no bill at A: another category is not shown")
        return
    scene.refused("another category: a bill", "permit.category", scene.ask(bills[0].details.commitment))


def _revoked(scene: Scene, patient: bytes) -> None:
    """B's node carries the revocation: any may."""
    scene.read(scene.record(patient, b"Observation"))
    revoke(scene.hospital_b, scene.consents["own key"])
    received = scene.ask(scene.record(patient, b"Observation"))
    scene.refused("after revocation", "permit.revoked", received)


def _expired(scene: Scene, patient: bytes) -> None:
    """The consent of five seconds, once they are over by both clocks."""
    left = scene.consents["short"].draft.terms.until_ms - SystemClock().now_ms()
    time.sleep(max(left, 0) / 1000)
    received = scene.ask(scene.record(patient, b"Observation"))
    scene.refused("after expiry (five seconds)", "permit.expired", received)


def _ended_key(scene: Scene, record: bytes) -> None:
    leaving = add_account(scene.hospital_b, (Role.PRACTITIONER,), "Physician who leaves hospital B")
    call(scene.hospital_b, "registry", "end_key", EndKey(leaving.key, ()), ADMINISTRATOR)
    received = scene.ask(record, reader=scene.b.account(leaving.account, leaving.key_name))
    scene.refused("an ended key", "permit.key_ended", received)


def _suspended(scene: Scene, record: bytes) -> None:
    """The founders suspend the insurer by vote, and take it back afterwards."""
    nodes, insurer = scene.group.nodes, scene.stage.joined
    suspend(nodes, insurer.organisation.member)
    scene.refused("a suspended member", "permit.member_suspended", _ask_as_insurer(scene, record))
    readmit(nodes, insurer.founder(nodes[0].consortium.rules.chain))
    received = _ask_as_insurer(scene, record).refusal()
    back = received is not None and received.code == "permit.no_consent"
    scene.stage.require(back, "a member that was taken back is asked for a consent again")


def _unknown(scene: Scene, record: bytes) -> None:
    """Somebody with a key that no chain knows gets no answer; who serves counts it, and there is no entry."""
    suite = scene.hospital_a.consortium.rules.suite
    private = suite.generate_private_key()
    signer = Signer(suite.public_key(private), lambda message: suite.sign(private, message))
    ledger = scene.hospital_a.private_ledger()
    size = ledger.tip.log_size
    try:
        _ask_from_outside(scene, scene.b.member, identifier(random_bytes(16)), signer, record, Purpose.TREAT)
    except PlatformError as refusal:
        scene.unanswered("an unknown account", "access.request_signature", refusal)
    # The anchoring of the chain may have logged a head meanwhile.
    entries = [ledger.entry(index).transaction for index in range(size, ledger.tip.log_size)]
    contracts = {one.head.contract for entry in entries for one in entry.operations}
    scene.stage.require("access" not in contracts, "a stranger leaves no access entry")


def _quota_and_stale(scene: Scene, record: bytes) -> None:
    """The line to the consortium is cut; meanwhile an account of A asks for as many records as a minute allows."""
    nosy = add_account(scene.hospital_a, (Role.PRACTITIONER,), "Account of hospital A that a program uses")
    reader = scene.a.account(nosy.account, nosy.key_name)
    with _cut(scene):
        cut = scene.hospital_a.consortium.tip
        for _ in range(READS_PER_MINUTE):
            scene.a.reader.ask(scene.a, reader, Asked("record", random_bytes(32)), Action.READ.value, Purpose.TREAT)
        received = scene.a.reader.ask(scene.a, reader, Asked("record", record), Action.READ.value, Purpose.TREAT)
        scene.refused(f"over the quota ({READS_PER_MINUTE} in a minute)", "permit.quota", received)
        time.sleep(max(cut.time + STALE_AFTER_MS + 1 - SystemClock().now_ms(), 0) / 1000)
        asked = Asked("record", record)
        received = scene.b.reader.ask(scene.wire, scene.reader, asked, Action.READ.value, Purpose.TREAT)
        scene.refused(f"A has had no block for {STALE_AFTER_MS // 1000} s", "chain.stale", received)
    scene.read(record)


@contextmanager
def _cut(scene: Scene) -> Iterator[None]:
    """Stop the consortium chain while the homes go on, and start it again."""
    logging.disable(logging.WARNING)  # that nothing can be anchored meanwhile is what is to be shown
    scene.group.stop()
    try:
        yield
    finally:
        scene.group.resume(0)
        logging.disable(logging.NOTSET)


# --- an institution whose home is not open here ---


def _of_insurer(scene: Scene, contract: str, method: str, arguments: ChainObject) -> None:
    """Bring a transaction that the insurer's administrator signed onto the chain, through A's node."""
    keys = scene.stage.joined.keys
    node = scene.hospital_a
    signer = Signer(keys.public(ADMINISTRATOR), lambda message: keys.sign(ADMINISTRATOR, message))
    node.client().call([operation(node.consortium.rules.suite, contract, method, arguments)], [signer])


def _ask_as_insurer(scene: Scene, record: bytes) -> Received:
    insurer = scene.stage.joined
    signer = Signer(insurer.keys.public(SERVICE), lambda message: insurer.keys.sign(SERVICE, message))
    who = insurer.organisation
    return _ask_from_outside(scene, who.member, who.service, signer, record, Purpose.COVERAGE)


def _ask_from_outside(
    scene: Scene, member: str, account: str, signer: Signer, record: bytes, purpose: Purpose
) -> Received:
    """Ask A by a signed request, and check the receipt, as a reader without a node here does."""
    scene.fresh()
    ledger = scene.hospital_a.consortium
    suite = ledger.rules.suite
    request = AccessRequest(
        chain=ledger.rules.chain,
        id=random_bytes(16),
        account=account,
        member=member,
        custodian=scene.a.node,
        asked=Asked("record", record),
        action=Action.READ.value,
        purpose=purpose.value,
        consents=(),
        valid_until=SystemClock().now_ms() + 60_000,
    )
    name = request_hash(suite.hash, request)
    answer = decode(Answer, scene.wire.answer(encode(sign_request(suite.hash, request, signer))))
    check_receipt(suite, answer.receipt, name, scene.a.member, ledger.value)
    return Received(answer, name)


# --- the table ---


def _table(scene: Scene) -> None:
    """Find each refusal's entry on A's private chain, and show all."""
    stage, rows = scene.stage, []
    with open_trace(scene.hospital_a) as trace:
        for one in sorted(scene.refusals, key=_place):
            if not one.request:
                rows.append((one.what, one.code, "counted", one.sentence))
                continue
            entry = trace.entries_for(one.request)[-1]
            stage.require(entry.entry.outcome == one.number, f"the refusal is on record: {one.what}")
            rows.append((one.what, one.code, f"entry {entry.index}", one.sentence))
    stage.table(("who, or what", "code", "on A's chain", "reason"), rows)
    entered = sum(bool(one.request) for one in scene.refusals)
    stage.say(f"{len(rows)} refusals, {entered} with an entry each on A's private chain, found there by the request")
    stage.say("whom no chain knows leaves no entry: such requests are counted by source and minute")
    stage.figures["refusals"] = {one.what: one.code for one in scene.refusals}


def _place(refusal: Refusal) -> int:
    """Return where a refusal stands in the table."""
    name = refusal.code.removeprefix("permit.")
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
