"""Access bundles from real homes: what is made holds for the independent verifier, what can't be proven is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from xinglin_verify.verify import verify_bundle

from tests.support.hospitals import Hospitals, hospitals, make_hospitals
from tests.support.product import PASSPHRASE, write_passphrase, xinglin
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.errors import CheckpointUnavailable
from xinglin.carrier.ledger.reading import KEPT_UNDO_HEIGHTS
from xinglin.carrier.ledger.trust import encode_trust
from xinglin.kernel.encoding import encode
from xinglin.kernel.errors import PlatformError
from xinglin.node.founding import SERVICE
from xinglin.node.office.proofs import (
    NoAnchor,
    NoCheckpoint,
    NoSuchEntry,
    collect_checkpoint,
    prove_entry,
    prove_reads,
    trust_of,
)
from xinglin.node.records.access import open_trace
from xinglin.service.basic.audit.bundles.check import check_proof
from xinglin.service.basic.audit.model import LogAccess
from xinglin.service.basic.coordination.bundles.check import Verdict
from xinglin.service.basic.coordination.bundles.make import NotCovered

RECORD, OTHER = b"r" * 32, b"o" * 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("homes")
    make_hospitals(made)
    return made


@pytest.fixture
def two(folder: Path) -> Iterator[Hospitals]:
    with hospitals(folder) as opened:
        yield opened


def holds(two: Hospitals, data: bytes) -> dict[int, object]:
    """Check a bundle by both verifiers and return the facts of the independent one's steps."""
    trust = trust_of(two.consortium)
    assert check_proof(data, trust).verdict is Verdict.HOLDS
    report = verify_bundle(data, encode_trust(trust))
    assert report.verdict.value == 0, report.lines()
    return {step.number: step.facts for step in report.steps}


def test_before_anchor_and_checkpoint_nothing_is_proven(two: Hospitals) -> None:
    two.read(OTHER)
    with pytest.raises(NoCheckpoint):
        prove_reads(two.custodian, OTHER)
    collect_checkpoint(two.group.nodes)
    with pytest.raises(NoAnchor):
        prove_reads(two.custodian, OTHER)
    with pytest.raises(NoSuchEntry):
        prove_entry(two.custodian, bytes(32))


@pytest.mark.requirement("H11", "H14", "W9", command="xinglin proof access")
def test_all_reads_of_a_record_are_proven_to_a_stranger(two: Hospitals) -> None:
    for outcome in (0, 5601, 0):
        two.read(RECORD, outcome)
    two.read(OTHER)
    two.anchor()
    collect_checkpoint(two.group.nodes)
    facts = holds(two, prove_reads(two.custodian, RECORD))
    assert (facts[19]["count"], facts[20]["signed"]) == (3, 3)  # type: ignore[index]
    assert holds(two, prove_reads(two.custodian, b"?" * 32))[19]["count"] == 0  # type: ignore[index]
    for receipt in two.receipts:
        facts = holds(two, prove_entry(two.custodian, receipt.entry))
        assert facts[18]["entry"] == receipt.entry.hex()  # type: ignore[index]


def test_what_the_last_anchor_does_not_cover_is_not_proven(two: Hospitals) -> None:
    two.anchor()
    collect_checkpoint(two.group.nodes)
    before = prove_reads(two.custodian, RECORD)
    two.read(RECORD)
    with pytest.raises(NotCovered):
        prove_entry(two.custodian, two.receipts[-1].entry)
    assert prove_reads(two.custodian, RECORD) == before  # complete as of the anchor, and no more is said


def test_the_last_anchored_state_stays_provable_while_the_chain_goes_on(two: Hospitals) -> None:
    two.read(RECORD)
    two.anchor()
    anchored = two.private.tip.height
    collect_checkpoint(two.group.nodes)
    count = holds(two, prove_reads(two.custodian, RECORD))[19]["count"]  # type: ignore[index]
    grow(two, KEPT_UNDO_HEIGHTS + 5)
    assert two.private.tip.height > anchored + KEPT_UNDO_HEIGHTS
    assert holds(two, prove_reads(two.custodian, RECORD))[19]["count"] == count  # type: ignore[index]
    two.anchor()
    grow(two, 1)  # the undo records before the new anchor go with the next block
    with pytest.raises(CheckpointUnavailable):
        two.private.prove_state(anchored, [b"x"])


def grow(two: Hospitals, blocks: int) -> None:
    """Let the private chain make blocks, one after the other."""
    client, signer = two.custodian.client(two.private), two.custodian.signer(SERVICE)
    for _ in range(blocks):
        entry = two.entry(two.request(OTHER))
        client.call([operation(two.suite, "access", "log", LogAccess(), [encode(entry)])], [signer])


def test_an_entry_of_the_second_operation_of_a_transaction_is_found_and_proven(two: Hospitals) -> None:
    record = os.urandom(32)
    entries = [two.entry(two.request(record)) for _ in range(3)]
    calls = [
        operation(two.suite, "access", "log", LogAccess(), [encode(one) for one in part])
        for part in (entries[:2], entries[2:])
    ]
    two.custodian.client(two.private).call(calls, [two.custodian.signer(SERVICE)])
    two.anchor()
    collect_checkpoint(two.group.nodes)
    with open_trace(two.custodian) as trace:
        rows = trace.entries_of([record])
    assert [row.item for row in rows] == [0, 1, 2]
    assert holds(two, prove_reads(two.custodian, record))[19]["count"] == 3  # type: ignore[index]
    assert holds(two, prove_entry(two.custodian, rows[2].hash))[18]["entry"] == rows[2].hash.hex()  # type: ignore[index]


def test_what_would_not_hold_is_not_handed_out(two: Hospitals) -> None:
    """An entry whose reader did not sign is on the chain, and no bundle of it is made."""
    signed = two.request(RECORD)
    record = os.urandom(32)
    entry = two.entry(signed, commitment=record, request=b"x" * 32)
    two.log(entry)
    two.anchor()
    collect_checkpoint(two.group.nodes)
    with pytest.raises(PlatformError) as refused:
        prove_reads(two.custodian, record)
    assert refused.value.facts["step"] == "P20"


def test_the_command_writes_what_the_verifier_accepts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINGLIN_PASSPHRASE_FILE", str(write_passphrase(tmp_path, PASSPHRASE)))
    home = folder / "custodian"
    with hospitals(folder) as two:
        two.read(RECORD)
        two.anchor()
        collect_checkpoint(two.group.nodes)
        trust = encode_trust(trust_of(two.consortium))
        entry = two.receipts[-1].entry
    for option, value in (("--record", RECORD), ("--entry", entry)):
        out = tmp_path / "bundle"
        said = xinglin("proof", "access", "--home", home, option, value.hex(), "--out", out, "--json")
        assert said.status == 0, said
        assert verify_bundle(out.read_bytes(), trust).verdict.value == 0
        assert xinglin("proof", "verify", out, "--json").json["steps"][-1]["step"] == "P20"
    for wrong in ([], ["--record", "00" * 32, "--entry", "00" * 32]):
        assert xinglin("proof", "access", "--home", home, "--out", tmp_path / "b", *wrong).code == "usage.invalid"
    said = xinglin("access", "record", "--home", home, RECORD.hex(), "--json")
    assert said.json["complete"]
    assert said.json["entries"][-1]["entry"] == entry.hex()
