"""Part 11: who has seen a patient's data, over both hospitals, complete and provable; and who is behind an entry."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from xinglin.carrier.crypto.files import write_durably
from xinglin.cli.demo.choosing import Cast
from xinglin.cli.demo.proving import verified
from xinglin.cli.demo.scene import Scene
from xinglin.kernel.errors import error_for_number
from xinglin.node.directory import Directory
from xinglin.node.node import Node
from xinglin.node.opening import anchoring
from xinglin.node.proofs import collect_checkpoint, prove_entry, prove_reads
from xinglin.service.basic.audit.projection import AccessRow
from xinglin.service.lifecycle.storage.model import StoredRecord

READS_BUNDLE, ENTRY_BUNDLE = "reads.proof", "entry.proof"
_LINES = 6
"""Reads that are shown in full; the figures count all."""


def trace(scene: Scene, chosen: Cast) -> None:
    """Answer the patient's question at both hospitals, prove the answer, and go back from one entry to its account."""
    stage = scene.stage
    stage.head("11. Who has seen my data")
    at_a = _asked_about(scene, scene.hospital_a, scene.rows(chosen.counter))
    at_b = _asked_about(scene, scene.hospital_b, _rows_at_b(scene, chosen))
    rows = [_line(scene, scene.hospital_a, row) for row in at_a] + [_line(scene, scene.hospital_b, row) for row in at_b]
    granted = [row for row in rows if row[-1] == "permitted"]
    stage.table(("when", "where", "by whom", "for what", "outcome"), granted[:_LINES])
    if len(granted) > _LINES:
        stage.say(f"and {len(granted) - _LINES} more reads")
    refused = Counter(row[-1] for row in rows if row[-1] != "permitted")
    counts = ", ".join(f"{count} {code}" for code, count in refused.items())
    stage.say(f"{len(granted)} reads, {refused.total()} refusals: {counts}")
    stage.require(not scene.site.trace_of(scene.hospital_b).open_twins(0), "every request of B has its receipt")
    searches = scene.site.trace_of(scene.hospital_a).completeness_of_searches(scene.b.member)
    stage.require(searches.complete, "the requests of B about no record lead to their head")
    stage.say("complete: the entries of every record lead to its head on the private chain; B's twins are all answered")
    stage.say(f"B's {searches.found} requests about no record (matches) are listed apart, and complete as well")
    stage.say(f"{scene.wire.answers} answers of A in all: the entry of each was on its chain before the answer left")
    stage.figures |= {"reads": len(granted), "refused": refused.total(), "answers": scene.wire.answers}
    _proven(scene, at_a)


def _rows_at_b(scene: Scene, chosen: Cast) -> list[StoredRecord]:
    """Return the records at B of the same patient, if B was given a link; none otherwise."""
    at_b = scene.linked.get(chosen.counter)
    archive = scene.b.archive
    return [] if at_b is None else archive.vault.records_of(archive.persons.subjects_of(at_b))


def _asked_about(scene: Scene, node: Node, rows: list[StoredRecord]) -> list[AccessRow]:
    """Return the entries of a patient's records at a hospital, each record's list compared with its head."""
    trace = scene.site.trace_of(node)
    commitments = [row.details.commitment for row in rows]
    complete = all(trace.completeness(one).complete for one in commitments)
    scene.stage.require(complete, f"the entries of every record lead to its head: {node.settings.name}")
    return trace.entries_of(commitments)


def _line(scene: Scene, node: Node, row: AccessRow) -> tuple[str, ...]:
    entry = row.entry
    when = datetime.fromtimestamp(entry.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    member = Directory(scene.hospital_a.consortium).member(entry.member).name.decode()
    refusal = error_for_number(entry.outcome)
    outcome = "permitted" if not entry.outcome else refusal.code if refusal is not None else str(entry.outcome)
    what = f"{entry.action}, {entry.purpose}"
    return when, node.settings.name, f"{member}, {entry.account}", what, outcome


def _proven(scene: Scene, entries: list[AccessRow]) -> None:
    """Prove all reads of one record, and one entry as if it had leaked: to the account, and to the person behind it."""
    stage, node = scene.stage, scene.hospital_a
    anchoring(node).step()
    scene.fresh()
    collect_checkpoint(scene.group.nodes)
    leaked = next(row for row in entries if row.entry.account == scene.reader.account and not row.entry.outcome)
    for name, data in (
        (READS_BUNDLE, prove_reads(node, leaked.entry.commitment)),
        (ENTRY_BUNDLE, prove_entry(node, leaked.hash)),
    ):
        write_durably(stage.folder / name, data, 0o644)
    stage.say(f"{READS_BUNDLE}: all entries of one record and no others; {verified(stage, READS_BUNDLE)}")
    stage.say(f"{ENTRY_BUNDLE}: one entry, with the reader's signature; {verified(stage, ENTRY_BUNDLE)}")
