"""Proof bundles: what is made holds, what can't hold is not made, and the product's check says each step and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace as changed
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.architecture.sources import ROOT
from tests.support.proof_bundles import DAY, BundleMaker, identifier
from tests.support.sample_world import Sample, intl_sample, sample
from xinglin.carrier.ledger.bundle_model import Bundle
from xinglin.carrier.ledger.checkpoint import SignedNote
from xinglin.carrier.ledger.errors import CheckpointInvalid, LogEntryNotFound, ProofInvalid
from xinglin.carrier.ledger.trust import Trust
from xinglin.kernel.encoding import decode, encode, pack
from xinglin.service.basic.audit.bundles.check import STEPS as ACCESS_STEPS
from xinglin.service.basic.coordination.bundles.check import STEPS, StepVerdict, Verdict, check_bundle
from xinglin.service.basic.coordination.bundles.make import (
    NotCovered,
    NotInEntry,
    Place,
    make_anchor_bundle,
    make_record_bundle,
)
from xinglin.service.basic.coordination.bundles.steps import MAX_BYTES, MAX_STATES
from xinglin.service.basic.episodes.bundles.check import NUMBERS
from xinglin.service.basic.episodes.bundles.check import STEPS as EPISODE_STEPS

__all__ = ["intl_sample", "sample"]
NAMES = ("record", "record opened", "record destroyed", "record of two signers", "anchor", "second anchor")


def said(data: bytes, trust: Trust | None, step: int) -> dict[str, object]:
    """Return what a step of the check says."""
    return dict(check_bundle(data, trust).steps[step - 1].facts)


@pytest.mark.requirement("S9.2", "W9")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suite", ["sample", "intl_sample"])
def test_what_is_made_holds_under_the_pinned_genesis(name: str, suite: str, request: pytest.FixtureRequest) -> None:
    world: Sample = request.getfixturevalue(suite)
    report = check_bundle(world.bundles[name], world.trust)
    assert report.failed is None
    assert report.verdict is Verdict.HOLDS
    assert [step.number for step in report.steps] == list(range(1, 17))


@pytest.mark.requirement("S8.6a")
def test_a_record_bundle_says_who_registered_it_when_and_that_it_stands(sample: Sample) -> None:
    hospital = sample.members["hospital-a"]
    data = sample.bundles["record opened"]
    assert said(data, None, 12)["members"] == (hospital.member,)
    assert said(data, None, 13)["names"] == (hospital.name,)
    claim = said(data, None, 14)
    assert claim["commitment"] == sample.records[0].digests.commitment
    assert (claim["time"], claim["batch"]) == (sample.chain.blocks[3].time, sample.batches["first"][0].batch)
    assert "destroyed" not in claim
    opened = said(data, None, 15)
    assert opened["parts"] == ("behaviour", "copy")
    assert (opened["institution"], opened["type"]) == (hospital.member, "Observation")


def test_a_record_bundle_says_that_it_was_destroyed(sample: Sample) -> None:
    place, commitment = sample.place(1), sample.records[1].digests.commitment
    before = make_record_bundle(sample.ledger, sample.note(8), place, commitment)
    after = make_record_bundle(sample.ledger, sample.note(9), place, commitment)
    assert "destroyed" not in said(before, None, 14)
    assert len(said(after, None, 14)["destroyed"]) == 32  # type: ignore[arg-type]


def test_an_anchor_bundle_says_what_was_anchored(sample: Sample) -> None:
    first, second = (said(sample.bundles[name], None, 14) for name in ("anchor", "second anchor"))
    assert first["chain"] == sample.private.ledger.rules.chain
    assert (first["size"], second["size"], second["frozen"]) == (2, 20, 0)
    assert second["log_root"] == sample.private.ledger.tip.log_root


def test_a_bundle_shows_no_other_record_and_no_more_state_than_needed(sample: Sample) -> None:
    data = sample.bundles["record opened"]
    bundle = decode(Bundle, data)
    assert len(bundle.states) == 3
    for number, record in enumerate(sample.records):
        assert (record.digests.commitment in data) == (number == 0)
        assert (record.digests.original in data) == (number == 0)
    assert sample.records[0].parts.original not in data
    assert sample.records[0].parts.original_salt not in data


def test_epochs_up_to_the_checkpoint_are_shown(sample: Sample) -> None:
    place, commitment = sample.place(0), sample.records[0].digests.commitment
    for height, epochs in ((5, 0), (6, 1), (10, 1)):
        bundle = decode(Bundle, make_record_bundle(sample.ledger, sample.note(height), place, commitment))
        assert len(bundle.epochs) == epochs


# --- what is not made ---


def test_what_the_entry_does_not_say_is_not_proven(sample: Sample) -> None:
    place, commitment = sample.place(0), sample.records[0].digests.commitment
    refused = sample.entry("records", "register", 2)
    assert sample.ledger.entry(refused).receipt.number != 0
    wrong = [
        changed(place, item=(place.item + 1) % 4),
        changed(place, item=4),
        changed(place, item=-1),
        changed(place, operation=1),
        changed(place, entry=refused),
        changed(place, entry=sample.entry("anchor", "commit")),
    ]
    for other in wrong:
        with pytest.raises(NotInEntry):
            make_record_bundle(sample.ledger, sample.checkpoint, other, commitment)
    with pytest.raises(NotInEntry):
        make_record_bundle(sample.ledger, sample.checkpoint, place, bytes(32))
    anchored = Place(sample.entry("anchor", "commit"))
    with pytest.raises(NotInEntry):
        make_anchor_bundle(sample.ledger, sample.checkpoint, anchored, sample.ledger.rules.chain)
    with pytest.raises(NotInEntry):
        make_anchor_bundle(sample.ledger, sample.checkpoint, place, sample.private.ledger.rules.chain)


def test_a_checkpoint_that_is_older_or_another_chains_proves_nothing(sample: Sample) -> None:
    place, commitment = sample.place(0), sample.records[0].digests.commitment
    with pytest.raises(NotCovered):
        make_record_bundle(sample.ledger, sample.note(3), place, commitment)
    with pytest.raises(NotCovered):
        make_record_bundle(sample.ledger, sample.checkpoint, Place(23), commitment)
    with pytest.raises(LogEntryNotFound):
        sample.ledger.entry(23)
    forged = SignedNote(changed(sample.checkpoint.head, time=1), sample.checkpoint.signatures)
    with pytest.raises(CheckpointInvalid):
        make_record_bundle(sample.ledger, forged, place, commitment)


def test_a_bundle_that_would_not_hold_is_not_handed_out(sample: Sample) -> None:
    place, record = sample.place(0), sample.records[0]
    commitment = record.digests.commitment

    def step(note: SignedNote, where: Place, opening: object = None, what: bytes = commitment) -> object:
        with pytest.raises(ProofInvalid) as refusal:
            make_record_bundle(sample.ledger, note, where, what, opening)  # type: ignore[arg-type]
        return refusal.value.facts["step"]

    first, *others = sample.checkpoint.signatures
    garbled = SignedNote(sample.checkpoint.head, (changed(first, signature=bytes(64)), *others))
    assert step(garbled, place) == "P6"
    assert step(sample.checkpoint, place, sample.records[1].opening("behaviour")) == "P15"
    stolen = Place(sample.entry("records", "register", 3), 0, 0)
    item = sample.batches["stolen"][1][0][3:35]
    assert step(sample.checkpoint, stolen, None, item) == "P12", "the key was compromised before it signed"


# --- verdicts ---


def test_without_pinned_trust_a_bundle_is_consistent_and_not_trusted(sample: Sample) -> None:
    report = check_bundle(sample.bundles["record"], None)
    assert report.verdict is Verdict.NOT_TRUSTED
    assert [step.number for step in report.steps if step.verdict is StepVerdict.OPEN] == [3]


def test_short_of_the_quorum_a_bundle_is_consistent_and_not_trusted(sample: Sample) -> None:
    note = sample.note(10, ("hospital-a", "hospital-b"))
    data = make_record_bundle(sample.ledger, note, sample.place(0), sample.records[0].digests.commitment)
    report = check_bundle(data, sample.trust)
    assert report.verdict is Verdict.NOT_TRUSTED
    assert [step.number for step in report.steps if step.verdict is StepVerdict.OPEN] == [6]


def test_pinned_keys_decide_by_themselves(sample: Sample) -> None:
    def verdict(labels: tuple[str, ...], quorum: int) -> Verdict:
        members = [sample.members[label] for label in labels]
        keys = frozenset((one.member, one.key.public) for one in members)
        return check_bundle(sample.bundles["record"], Trust(keys=keys, quorum=quorum)).verdict

    assert verdict(("hospital-b", "platform"), 2) is Verdict.HOLDS
    assert verdict(("platform",), 1) is Verdict.HOLDS
    assert verdict(("platform", "regulator"), 2) is Verdict.NOT_TRUSTED
    assert verdict(("insurer",), 1) is Verdict.NOT_TRUSTED


def test_another_pinned_genesis_or_chain_fails_at_p3(sample: Sample) -> None:
    for trust in (Trust(genesis=bytes(32)), Trust(chain="c" + "a" * 26, genesis=sample.trust.genesis)):
        report = check_bundle(sample.bundles["record"], trust)
        assert report.verdict is Verdict.DOES_NOT_HOLD
        assert [step.number for step in report.steps] == [1, 2, 3]
        assert report.failed is not None


def raw(data: bytes, change: Callable[[list[object]], None]) -> bytes:
    """Return a bundle changed as the arrays that it is made of."""
    value = msgspec.msgpack.decode(data)
    change(value)
    return pack(value)


def put(value: object, *place: int) -> Callable[[list[object]], None]:
    """Return a change that puts a value at a place."""

    def change(bundle: list[object]) -> None:
        inner: list[object] = bundle
        for index in place[:-1]:
            inner = inner[index]  # type: ignore[assignment]
        inner[place[-1]] = value

    return change


UNDECIDED: dict[str, tuple[int, Callable[[list[object]], None]]] = {
    "another kind": (1, put("package", 0)),
    "a later version": (1, put(2, 1)),
    "an unknown claim": (1, put("balance", 2)),
    "a later version of the header": (1, put(2, 7, 0, 1)),
    "a suite of later days": (2, put(3, 4, 2)),
    "a profile of later days": (2, put(4, 4, 3)),
    "a suite that is no number": (1, put("gm", 4, 2)),
    "too many states": (1, put([[b"", [], b""]] * (MAX_STATES + 1), 8)),
    "a field more": (1, lambda bundle: bundle.append(0)),
    "a map": (1, put({}, 9)),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_cannot_be_read_or_is_not_known_is_not_decided(name: str, sample: Sample) -> None:
    step, change = UNDECIDED[name]
    report = check_bundle(raw(sample.bundles["record"], change), sample.trust)
    assert report.verdict is Verdict.UNDECIDED
    assert report.steps[-1].number == step


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"{}", b"\x90", b"\x9a" * 2_000_000, b"\xdd\xff\xff\xff\xff", bytes(MAX_BYTES + 1)]
)
def test_garbage_is_not_decided(data: bytes) -> None:
    report = check_bundle(data, None)
    assert (report.verdict, len(report.steps)) == (Verdict.UNDECIDED, 1)


def test_a_bundle_over_the_limit_is_not_decided(sample: Sample) -> None:
    bundle = sample.bundles["record of two signers"]
    original = (9, 0, 1, 1, 0, 1)
    fits = raw(bundle, put(bytes(MAX_BYTES - len(bundle)), *original))
    assert check_bundle(fits, None).verdict is Verdict.DOES_NOT_HOLD
    over = raw(bundle, put(bytes(MAX_BYTES), *original))
    report = check_bundle(over, None)
    assert (report.verdict, len(report.steps)) == (Verdict.UNDECIDED, 1)


def test_too_many_values_are_not_decided(sample: Sample) -> None:
    long = raw(sample.bundles["record"], put([1] * (1 << 20), 4, 9, 0, 7, 0, 1))
    assert check_bundle(long, None).verdict is Verdict.UNDECIDED


SIGNED_AGAIN: dict[str, tuple[str, str, Callable[[Any], Any], int]] = {
    "a key from later on": ("record", "key", lambda key: [*key[:4], DAY + 5001, *key[5:]], 12),
    "a key that had ended": ("record", "key", lambda key: [*key[:5], [DAY + 5000], key[6]], 12),
    "a key that ended just after": ("record", "key", lambda key: [*key[:5], [DAY + 5001], key[6]], 0),
    "a key compromised before": ("record", "key", lambda key: [*key[:6], [DAY + 5000]], 12),
    "a key compromised just after": ("record", "key", lambda key: [*key[:6], [DAY + 5001]], 0),
    "a key of another form": ("record", "key", lambda key: key[:6], 12),
    "a key of a later version": ("record", "key", lambda key: [key[0], 2, *key[2:]], 12),
    "a member of another form": ("record", "member", lambda member: member[:5], 13),
    "arguments of another form": ("record", "arguments", lambda arguments: arguments[:3], 14),
    "an item of another form": ("record", "items", lambda items: [[*item, 0] for item in items], 14),
    "items of other records": ("record", "items", lambda items: [[bytes(32), item[1]] for item in items], 14),
    "another contract": ("record", "heads", lambda heads: [["record", *heads[0][1:]], *heads[1:]], 14),
    "another version of the contract": (
        "record",
        "heads",
        lambda heads: [[heads[0][0], 2, *heads[0][2:]], *heads[1:]],
        14,
    ),
    "another method": ("record", "heads", lambda heads: [[*heads[0][:2], "order", *heads[0][3:]], *heads[1:]], 14),
    "an anchor of another size": ("anchor", "head", lambda head: [999, *head[1:]], 14),
    "an anchor that nobody signed": ("anchor", "arguments", lambda call: [*call[:4], bytes(64)], 14),
    "an anchored head that is smaller": ("anchor", "anchored", lambda s: [*s[:3], [999, *s[3][1:]], *s[4:]], 14),
    "an anchor of another member's chain": (
        "anchor",
        "anchored",
        lambda s: [*s[:2], identifier("platform"), *s[3:]],
        14,
    ),
    "a frozen chain": ("anchor", "anchored", lambda s: [*s[:4], 1, *s[5:]], 0),
    "behaviour of another institution": ("record", "behaviour", lambda b: [*b[:3], identifier("platform"), *b[4:]], 15),
    "behaviour of another form": ("record", "behaviour", lambda b: b[:7], 15),
    "an opening of other bytes": (
        "record",
        "opening",
        lambda opening: [[p[0], [[p[1][0][0], b""]]] for p in opening],
        15,
    ),
    "an anchor with an opening": ("anchor", "opening", lambda _: [[bytes(32), []]] * 3, 15),
    "behaviour of a later version": ("record", "behaviour", lambda b: [b[0], 2, *b[2:]], 15),
}


@pytest.mark.parametrize("name", SIGNED_AGAIN)
def test_what_is_signed_again_fails_where_it_is_wrong(name: str) -> None:
    """Bundles made by the words of the specification, with all that rests on the change made and signed again."""
    claim, stage, tweak, step = SIGNED_AGAIN[name]
    maker = BundleMaker(claim, tweaks={stage: tweak})
    data = maker.make()
    report = check_bundle(data, Trust(genesis=maker.genesis_hash))
    assert (report.failed.number if report.failed else 0) == step
    if "later version" in name:
        assert report.verdict is Verdict.UNDECIDED
    elif step:
        assert report.verdict is Verdict.DOES_NOT_HOLD


def test_a_registration_without_a_batch_fails_at_p14() -> None:
    tweaks: dict[str, Callable[[Any], Any]] = {
        "heads": lambda heads: [[*heads[0][:4], []], *heads[1:]],
        "entry": lambda entry: [*entry[:5], [], *entry[6:]],
    }
    maker = BundleMaker("record", tweaks=tweaks)
    report = check_bundle(maker.make(), Trust(genesis=maker.genesis_hash))
    assert report.failed is not None
    assert (report.failed.number, report.verdict) == (14, Verdict.DOES_NOT_HOLD)


def test_the_report_of_a_failed_step_has_code_and_facts(sample: Sample) -> None:
    bundle = decode(Bundle, sample.bundles["record opened"])
    report = check_bundle(encode(replace(bundle, subject=bytes(32))), sample.trust)
    assert report.failed is not None
    assert (report.failed.number, report.failed.title) == (14, "Claim")
    assert report.failed.refusal is not None
    assert report.failed.refusal.code == "proof.invalid"
    assert report.failed.facts["step"] == "P14"


def test_steps_have_the_numbers_and_titles_of_the_page() -> None:
    page = (ROOT / "docs" / "spec" / "proof-bundle.md").read_text(encoding="utf-8")
    written = re.findall(r"^- P(\d+)\. \*(.+?)\.\*", page, re.MULTILINE)
    assert written[: len(STEPS)] == [(str(number), title) for number, (title, _) in enumerate(STEPS, 1)]
    assert written[: len(ACCESS_STEPS)] == [(str(number), title) for number, (title, _) in enumerate(ACCESS_STEPS, 1)]
    episodes = dict(zip(map(str, NUMBERS), (title for title, _ in EPISODE_STEPS), strict=True))
    assert dict(written).items() >= episodes.items()
    assert len(written) == NUMBERS[-1]
    numbered = [*enumerate(STEPS, 1), *enumerate(ACCESS_STEPS, 1), *zip(NUMBERS, EPISODE_STEPS, strict=True)]
    for number, (_, step) in numbered:
        assert (step.__doc__ or "").startswith(f"P{number}: ")
