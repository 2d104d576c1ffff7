"""Part 7: consents at the counter and by the patient's own key, and what a permitted read leaves behind."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from xinglin.carrier.crypto.files import write_durably
from xinglin.cli.demo.choosing import Cast
from xinglin.cli.demo.scene import YEAR_MS, Scene, code_of
from xinglin.cli.demo.tampering import flipped
from xinglin.node.chains import SystemClock
from xinglin.node.office.accounts import add_account
from xinglin.node.office.consents import acknowledge, give_at_counter, give_by_own_key
from xinglin.node.records.access import open_trace
from xinglin.service.basic.audit.receipts import receipt_hash
from xinglin.stakeholders.kinds import Role
from xinglin.stakeholders.purposes import Basis, Copy

SCAN = "consent-scan.png"
SHORT_MS = 5_000
"""How long the consent lives that shows expiry."""


def consent(scene: Scene, chosen: Cast) -> None:
    """Let patients consent, and B's physician read."""
    scene.stage.head("7. Patients consent; a physician of hospital B reads at hospital A")
    _short_lived(scene, chosen.short)
    _at_counter(scene, chosen.counter)
    _by_own_key(scene, chosen.own_key)
    _read(scene, chosen.counter)
    _audited(scene, chosen.own_key)


def _at_counter(scene: Scene, patient: bytes) -> None:
    """Two of A's staff enter what the patient signed on paper."""
    stage, node = scene.stage, scene.hospital_a
    staff = [add_account(node, (Role.PRACTITIONER,), f"Clerk {number} at the counter") for number in (1, 2)]
    scan = _scanned_paper()
    write_durably(stage.folder / SCAN, scan)
    now = SystemClock().now_ms()
    consents = scene.a.protection.consents
    paper = consents.keep_paper(scan, patient, staff[0].account, now)
    wanted = scene.wanted(now + YEAR_MS, paper=paper)
    given = give_at_counter(node, wanted, [(scene.a.node, patient)], (staff[0].key_name, staff[1].key_name))
    early = scene.ask(scene.record(patient, b"Observation")).refusal()
    stage.expect(code_of(early), "permit.no_consent", "nothing is in force before A acknowledges")
    acknowledge(scene.a, given.consent)
    view = next(view for view in consents.views(patient) if view.terms.consent == given.consent)
    stage.require(view.terms.paper == (paper,), "the consent names the scanned paper by its hash")
    signed = () if view.state is None else (view.state.account, *view.state.approved_by)
    stage.require(len(set(signed)) == 2, "two accounts signed")
    stage.require(view.nodes[scene.a.node] is not None, "A has acknowledged it")
    scene.consents["counter"] = given
    stage.say(f"at the counter: {given.consent}, proposed and approved by two accounts of A, scan {SCAN} by its hash")


def _by_own_key(scene: Scene, patient: bytes) -> None:
    """The patient signs with a fresh key; the institution's account carries it."""
    until = SystemClock().now_ms() + YEAR_MS
    given = give_by_own_key(scene.hospital_a, scene.wanted(until), [(scene.a.node, patient)])
    acknowledge(scene.a, given.consent)
    scene.consents["own key"] = given
    scene.stage.say(
        f"by own key: {given.consent}; both for treatment by B's physicians, two categories, level 4, a year"
    )


def _short_lived(scene: Scene, patient: bytes) -> None:
    """A consent of five seconds: used now, refused in the next part."""
    until = SystemClock().now_ms() + SHORT_MS
    given = give_by_own_key(scene.hospital_a, scene.wanted(until), [(scene.a.node, patient)])
    acknowledge(scene.a, given.consent)
    record = scene.record(patient, b"Observation")
    scene.read(record)
    scene.consents["short"] = given
    scene.stage.say(f"for five seconds: {given.consent}; a read now is permitted")


def _read(scene: Scene, patient: bytes) -> None:
    """Read one record, and look at what the read left: entry, receipt, twin."""
    stage = scene.stage
    record = scene.record(patient, b"Observation")
    disclosed, received = scene.read(record)
    given = scene.consents["counter"]
    with open_trace(scene.hospital_a) as trace, open_trace(scene.hospital_b) as asked:
        entry = trace.entries_for(received.request)[-1]
        twin = asked.twin(received.request)
    signed = received.receipt
    stage.require((entry.entry.basis, entry.entry.outcome) == (Basis.CONSENT.value, 0), "the permit rests on consent")
    stage.require(entry.entry.account == scene.reader.account, "the entry names the reading account")
    stage.require(signed.receipt.entry == entry.hash, "the receipt names the entry")
    digest = receipt_hash(scene.hospital_a.consortium.rules.suite.hash, signed.receipt)
    stage.require(twin is not None and twin.receipt == digest, "B's private chain has the twin, closed by the receipt")
    stage.require(disclosed.copy is Copy.ORIGINAL, "level 4 opens the original")
    stage.say(f"read by B: {len(disclosed.content)} bytes, original, compared with the commitment on the chain")
    stage.say(f"  permit    basis {entry.entry.basis}, reference consent {given.consent}")
    stage.say(
        f"  entry     {entry.hash.hex()[:16]}... on A's private chain, entry {entry.index}, before the first byte"
    )
    stage.say(f"  receipt   signed by A's service account, outcome {signed.receipt.outcome}, checked by B")
    stage.say(f"  twin      on B's private chain, closed by the receipt {digest.hex()[:16]}...")


def _audited(scene: Scene, patient: bytes) -> None:
    """Alter a stored record while A serves: the read is refused and on record, and permitted again when undone."""
    stage, vault = scene.stage, scene.a.archive.vault
    record = scene.record(patient, b"Observation")
    row = vault.find_commitment(record)
    if row is None:
        raise LookupError("a record of the patient")
    segment = Path(vault.segments.path(row.details.segment))
    with flipped(segment, row.details.offset + row.details.length // 2):
        received = scene.ask(record)
    refusal = received.refusal()
    stage.require(refusal is not None and refusal.code.startswith("vault."), "an altered record is not served")
    with open_trace(scene.hospital_a) as trace:
        outcome = trace.entries_for(received.request)[-1].entry.outcome
    code = "" if refusal is None else refusal.code
    stage.require(refusal is not None and outcome == refusal.number, "the failed audit is on record")
    scene.read(record)
    stage.say(
        f"one stored byte changed while A serves: audited before serving, refused [{code}], on record; undone: served"
    )


def _scanned_paper() -> bytes:
    """Return a small grey PNG of a page with lines and a signature, as a scanner would give it."""
    width, height = 210, 297
    rows = []
    for y in range(height):
        line = bytearray(b"\xf8" * width)
        if y % 18 == 0 and 30 < y < 230:
            line[20 : 190 - y % 5 * 12] = b"\x30" * len(line[20 : 190 - y % 5 * 12])
        if 250 < y < 270:
            line[120 + (y * y) % 50] = 0x10
        rows.append(b"\x00" + bytes(line))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
