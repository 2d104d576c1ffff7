"""Part 11: who has seen a patient's data, over both hospitals, complete and provable; and who answers for an entry."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from xinglin.carrier.crypto.files import write_durably
from xinglin.cli.demo.choosing import Cast
from xinglin.cli.demo.proving import verified
from xinglin.cli.demo.scene import CATEGORIES, Scene
from xinglin.kernel.errors import error_for_number
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import add_account
from xinglin.node.office.proofs import collect_checkpoint, prove_entry, prove_reads
from xinglin.node.office.tracing import responsible_for, who_has_seen
from xinglin.node.opening import anchoring
from xinglin.service.basic.audit.messages import Asked
from xinglin.service.basic.protection.mandates import StatedMandate
from xinglin.service.basic.protection.model import Article
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.labels import Category, Level, Special
from xinglin.stakeholders.purposes import Action, Purpose

READS_BUNDLE, ENTRY_BUNDLE = "reads.proof", "entry.proof"
_LINES = 8
"""Entries that are shown in full; the figures count all."""
_EVERY_FLAG = Special(sum(Special))
_WEEK_MS = 7 * 86_400_000


def trace(scene: Scene, chosen: Cast) -> None:
    """Answer the patient's question at both hospitals, prove the answer, and go back from one entry to a person."""
    stage = scene.stage
    stage.head("11. Who has seen my data")
    _read_at_b(scene, chosen)
    officer = _answering(scene, chosen)
    answers = who_has_seen(scene.site, chosen.counter, officer, Purpose.PATRQT)
    for one in answers:
        stage.require("refused" not in one, f"{one['name']} answers the patient")
        stage.require(bool(one["complete"]), f"the lists of {one['name']} are complete, nothing is withheld")
    lines = [(one["name"], line) for one in answers for line in one["lines"]]
    granted = [pair for pair in lines if not pair[1]["outcome"] and pair[1]["commitment"]]
    stage.table(("when", "where", "by whom", "for what", "outcome"), [_row(*pair) for pair in granted[:_LINES]])
    if len(granted) > _LINES:
        stage.say(f"and {len(granted) - _LINES} more")
    refused = Counter(_outcome(line) for _, line in lines if line["outcome"])
    counts = ", ".join(f"{count} {code}" for code, count in refused.items())
    stage.say(
        f"{len(granted)} permitted, {refused.total()} refused: {counts}; {len(lines)} entries with looks at the patient"
    )
    stage.say("complete: the entries of every record lead to its head on the private chain; nothing is withheld")
    stage.require(not scene.site.trace_of(scene.hospital_b).open_twins(0), "every request of B has its receipt")
    stage.say(f"{scene.wire.answers} answers of A in all: the entry of each was on its chain before the answer left")
    stage.figures |= {"reads": len(granted), "refused": refused.total(), "answers": scene.wire.answers}
    _leaked(scene, next(line for _, line in granted if line["account"] == scene.reader.account), officer)


def _read_at_b(scene: Scene, chosen: Cast) -> None:
    """B's own auditor looks at a de-identified copy of the same patient, if B knows the patient."""
    at_b = scene.linked.get(chosen.counter)
    archive = scene.b.archive
    rows = archive.vault.records_of(archive.persons.subjects_of(at_b)) if at_b is not None else []
    copied = [row for row in rows if row.details.category in CATEGORIES and row.details.level == Level.NARROW]
    if not copied:
        scene.stage.say("hospital B has no record of this patient: it is asked about and has nothing to tell")
        return
    auditor = add_account(scene.hospital_b, (Role.AUDITOR,), "Auditor of hospital B")
    scene.fresh()
    asked, reader = Asked("record", copied[0].details.commitment), scene.b.account(auditor.account, auditor.key_name)
    received = scene.b.reader.ask(scene.b, reader, asked, Action.READ.value, Purpose.HQUALIMP)
    scene.stage.require(received.refusal() is None, "an auditor sees a de-identified copy of the hospital's own record")


def _answering(scene: Scene, chosen: Cast) -> str:
    """Enter the patient's request with its document's hash; return the account that answers it."""
    node = scene.hospital_a
    officer = add_account(node, (Role.COMPLIANCE_OFFICER,), "Officer of hospital A who answers patients")
    scene.fresh()
    begun = min(SystemClock().now_ms(), node.consortium.tip.time)
    request = StatedMandate(
        article=Article.PATIENT_REQUEST,
        document=node.consortium.rules.suite.hash(b"the patient's request, identity checked, scanned"),
        purposes=(Purpose.PATRQT,),
        categories=tuple(Category),
        level=Level.STRICT,
        from_ms=begun,
        until_ms=begun + _WEEK_MS,
        accounts=(officer.account,),
        special=_EVERY_FLAG,
    )
    scene.a.protection.mandates.enter(chosen.counter, request, officer.account)
    return officer.account


def _row(where: str, line: dict[str, Any]) -> tuple[str, ...]:
    when = datetime.fromtimestamp(line["time"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    what = f"{line['action']} for {line['purpose']}"
    copy = f"{line['copy']} of {line['type']}" if line["copy"] != "none" else line["type"]
    return when, where, f"{line['member_name']}, {line['account']}", what, f"permitted ({line['basis']}): {copy}"


def _outcome(line: dict[str, Any]) -> str:
    refusal = error_for_number(line["outcome"])
    return str(line["outcome"]) if refusal is None else refusal.code


def _leaked(scene: Scene, line: dict[str, Any], officer: str) -> None:
    """Take one entry as if it had leaked: to its account and the person behind it; then prove it to a stranger."""
    stage, node, entry = scene.stage, scene.hospital_a, bytes.fromhex(line["entry"])
    who = responsible_for(scene.site, entry, officer)
    stage.require(who["account"] == scene.reader.account, "the entry leads to the account that read")
    stage.require(who["signature"] == "holds", "the reader signed the request")
    stage.say(f"an entry leaks: {line['entry'][:16]}..., its signature holds")
    stage.say(f"  account: {who['account']} of {who['member_name']}, {', '.join(who['roles'])}")
    stage.say(f"  responsible: {who['person']}; opened from what {who['member_name']} keeps, as the chain commits to")
    anchoring(node).step()
    scene.fresh()
    collect_checkpoint(scene.group.nodes)
    reads = prove_reads(node, bytes.fromhex(line["commitment"]))
    bundles = ((READS_BUNDLE, reads), (ENTRY_BUNDLE, prove_entry(node, entry)))
    for name, data in bundles:
        write_durably(stage.folder / name, data, 0o644)
    stage.say(f"{READS_BUNDLE}: all entries of one record and no others; {verified(stage, READS_BUNDLE)}")
    stage.say(f"{ENTRY_BUNDLE}: one entry, with the reader's signature; {verified(stage, ENTRY_BUNDLE)}")
