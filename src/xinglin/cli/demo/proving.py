"""Part 4: a checkpoint that all cosign, two proof bundles, and a verifier that shares no code with this program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from xinglin.carrier.crypto.files import write_durably
from xinglin.carrier.ledger.trust import Trust, encode_trust
from xinglin.cli.demo.stage import Stage
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.office.proofs import collect_checkpoint, prove_anchor, prove_record, trust_of
from xinglin.node.records.archive import open_archive
from xinglin.service.basic.coordination.bundles.check import Verdict, check_bundle
from xinglin.service.lifecycle.storage.model import StoredRecord

_FLIPS = 300
RECORD_BUNDLE, ANCHOR_BUNDLE, TRUST = "record.proof", "anchor.proof", "trust.json"


def prove(stage: Stage) -> None:
    """Make the bundles and have them checked, whole and with bytes changed."""
    stage.head("4. A checkpoint, cosigned; proofs for a stranger with no network")
    with stage.group() as group:
        note = collect_checkpoint(group.nodes)
        stage.say(f"checkpoint of height {note.head.height}: {len(note.signatures)} cosignatures")
        hospital = group.nodes[0]
        trust = trust_of(hospital.consortium)
        with open_archive(hospital, writing=False) as archive:
            record = _an_observation(archive.vault.index.slices(1, archive.vault.index.last_number()))
            record_bundle = prove_record(archive, record)
        anchor_bundle = prove_anchor(hospital, hospital.private_ledger().rules.chain)
    for name, data in ((RECORD_BUNDLE, record_bundle), (ANCHOR_BUNDLE, anchor_bundle), (TRUST, encode_trust(trust))):
        write_durably(stage.folder / name, data, 0o644)
    stage.say(f"proof of record {record}: {len(record_bundle)} bytes; of the anchor: {len(anchor_bundle)} bytes")
    for name in (RECORD_BUNDLE, ANCHOR_BUNDLE):
        _independent(stage, stage.folder / name)
        _refuse_changes(stage, (stage.folder / name).read_bytes(), trust)
    stage.figures |= {"record": record, "checkpoint_height": note.head.height, "cosignatures": len(note.signatures)}


def _an_observation(slices: Iterable[Sequence[object]]) -> str:
    """Return the first Observation's id; of the first record where there is none."""
    rows = [row for part in slices for row in part if isinstance(row, StoredRecord)]
    chosen = next((row for row in rows if row.details.type == b"Observation"), rows[0])
    return identifier(chosen.record)


def _independent(stage: Stage, bundle: Path) -> None:
    """Run ``xinglin-verify`` as a program of its own, on the bundle and on a copy with one byte changed."""
    if find_spec("xinglin_verify") is None:
        stage.say("xinglin-verify is not installed here: install the folder verifier/ to see it check the bundles")
        return
    status, output = _run_verifier(bundle, stage.folder / TRUST)
    stage.require(status == 0, f"xinglin-verify accepts {bundle.name}")
    for line in output.splitlines():
        stage.say("  " + line)
    stage.say(f"  one byte changed: {_refuses_changed(stage, bundle)}")


def verified(stage: Stage, name: str) -> str:
    """Have ``xinglin-verify`` accept a bundle and refuse a changed byte of it; return what to say of it."""
    if find_spec("xinglin_verify") is None:
        return "xinglin-verify is not installed here"
    status, output = _run_verifier(stage.folder / name, stage.folder / TRUST)
    stage.require(status == 0, f"xinglin-verify accepts {name}")
    _refuses_changed(stage, stage.folder / name)
    held = sum(line.startswith("P") and line.split()[1] == "holds" for line in output.splitlines())
    return f"xinglin-verify: {held} steps hold, one byte changed is refused"


def _refuses_changed(stage: Stage, bundle: Path) -> str:
    """Change one byte of a copy; return what the verifier says of it."""
    changed = bundle.with_suffix(".changed")
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    status, output = _run_verifier(changed, stage.folder / TRUST)
    changed.unlink()
    stage.require(status in (1, 4), "xinglin-verify refuses a changed byte")
    return output.splitlines()[-1]


def _run_verifier(bundle: Path, trust: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "xinglin_verify", str(bundle), "--trust", str(trust)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (this interpreter)
    return done.returncode, done.stdout


def _refuse_changes(stage: Stage, bundle: bytes, trust: Trust) -> None:
    positions = [int.from_bytes(random_bytes(4), "big") % len(bundle) for _ in range(_FLIPS)]
    for position in positions:
        changed = bytearray(bundle)
        changed[position] ^= 1 << position % 8
        verdict = check_bundle(bytes(changed), trust).verdict
        stage.require(verdict in (Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED), "every changed byte is refused")
    stage.say(f"  {_FLIPS} copies with one bit flipped somewhere: all refused")
