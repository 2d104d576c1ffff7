"""One good bundle, one change, one step that fails: the steps P1 to P16 of docs/spec/proof-bundle.md.

Everything that a forger who holds all keys could sign again is signed again (tests/support/proof_bundles.py).
"""

from __future__ import annotations

import functools
import json
import random
from typing import Any

import pytest
from xinglin_verify import StepVerdict, Verdict, verify_bundle
from xinglin_verify.report import Report

from tests.support.bundle_changes import CASES, put, with_
from tests.support.proof_bundles import DAY, BundleMaker, Tweak, canonical, identifier, random_bytes
from tests.support.signing import GM, INTL, TestSuite

pytestmark = pytest.mark.usefixtures("remembering")


@functools.cache
def good(claim: str, suite: TestSuite = GM) -> tuple[BundleMaker, bytes]:
    """Return a maker and the good bundle that it made."""
    maker = BundleMaker(claim, suite)
    return maker, maker.make()


def pinned(maker: BundleMaker) -> bytes:
    return json.dumps(maker.trust()).encode()


def verify(claim: str, tweaks: dict[str, Tweak]) -> Report:
    """Make a bundle with changes and verify it under the trust that its own genesis is the true one."""
    maker = BundleMaker(claim, tweaks=tweaks)
    data = maker.make()
    return verify_bundle(data, pinned(maker))


@pytest.mark.parametrize("suite", [GM, INTL], ids=["gm", "intl"])
@pytest.mark.parametrize("claim", ["record", "anchor"])
def test_a_good_bundle_holds_under_a_pinned_genesis(claim: str, suite: TestSuite) -> None:
    maker, data = good(claim, suite)
    report = verify_bundle(data, pinned(maker))
    assert report.verdict is Verdict.HOLDS
    assert [step.number for step in report.steps] == list(range(1, 17))
    assert {step.verdict for step in report.steps} == {StepVerdict.HOLDS}
    assert report.failed is None


def test_the_report_says_what_is_proven() -> None:
    maker, data = good("record")
    facts = {step.number: step.facts for step in verify_bundle(data).steps}
    assert facts[7]["time"] == DAY + 5000
    assert facts[12]["members"] == (identifier("hospital"),)
    assert facts[13]["names"] == ("协和 Hospital",)
    assert (facts[14]["commitment"], facts[14]["as_of"]) == (maker.subject.hex(), DAY + 10000)
    assert (facts[15]["type"], facts[15]["occasion"]) == ("Observation", "就诊 1")
    assert facts[15]["parts"] == ("behaviour", "original", "copy")


@pytest.mark.parametrize("claim", ["record", "anchor"])
def test_without_trust_a_good_bundle_is_consistent_but_not_trusted(claim: str) -> None:
    report = verify_bundle(good(claim)[1])
    assert report.verdict is Verdict.NOT_TRUSTED
    assert [step.number for step in report.steps if step.verdict is StepVerdict.OPEN] == [3]


@pytest.mark.parametrize(
    ("names", "quorum", "verdict"),
    [
        (["hospital", "regulator"], 2, Verdict.HOLDS),
        (["hospital", "platform"], 1, Verdict.HOLDS),
        (["regulator", "stranger"], 1, Verdict.HOLDS),
        (["regulator", "stranger"], 2, Verdict.NOT_TRUSTED),
        (["stranger"], 1, Verdict.NOT_TRUSTED),
    ],
)
def test_pinned_keys_must_have_cosigned(names: list[str], quorum: int, verdict: Verdict) -> None:
    maker, data = good("record")
    for name in names:
        maker.key(name)
    report = verify_bundle(data, json.dumps(maker.key_trust(names, quorum)).encode())
    assert report.verdict is verdict
    assert [step.number for step in report.steps if step.verdict is StepVerdict.OPEN] == [6] * (verdict.value == 3)


def test_a_pinned_key_counts_for_its_own_member_only() -> None:
    maker, data = good("record")
    trust = maker.key_trust(["hospital"], 1)
    trust["keys"][0]["member"] = identifier("regulator")
    assert verify_bundle(data, json.dumps(trust).encode()).verdict is Verdict.NOT_TRUSTED


@pytest.mark.parametrize("cosigners", [3, 2, 1])
def test_cosignatures_short_of_the_quorum_are_not_trusted(cosigners: int) -> None:
    report = verify("record", {"cosigners": lambda names: names[:cosigners]})
    assert report.verdict is (Verdict.HOLDS if cosigners >= 3 else Verdict.NOT_TRUSTED)
    assert report.steps[5].facts["counted"] == cosigners


def test_pinned_genesis_and_keys_must_both_be_met() -> None:
    maker, data = good("record")
    both = maker.trust() | {"quorum": 1, "keys": maker.key_trust(["hospital"], 1)["keys"]}
    assert verify_bundle(data, json.dumps(both).encode()).verdict is Verdict.HOLDS
    both["genesis"] = "00" * 32
    assert verify_bundle(data, json.dumps(both).encode()).failed.number == 3


def test_a_destroyed_record_is_said_with_its_certificate() -> None:
    def destroy(state: dict[bytes, bytes]) -> None:
        maker = good("record")[0]
        state[canonical(("record-status", identifier("hospital"), maker.subject))] = canonical(
            ["record-status", 1, random_bytes("certificate")]
        )

    report = verify("record", {"state": destroy})
    assert report.verdict is Verdict.HOLDS
    assert report.steps[13].sentence == "claim.record_destroyed"
    assert report.steps[13].facts["certificate"] == random_bytes("certificate").hex()


def test_a_frozen_chain_is_said() -> None:
    report = verify("anchor", {"anchored": put(4, value=1)})
    assert (report.verdict, report.steps[13].sentence) == (Verdict.HOLDS, "claim.anchor_frozen")


@pytest.mark.parametrize("shown", [(), (0,), (1,), (2,), (0, 1), (1, 2)])
def test_any_part_of_a_record_can_be_left_closed(shown: tuple[int, ...]) -> None:
    def close(opening: list[Any]) -> None:
        for part in {0, 1, 2} - set(shown):
            opening[part][1] = []

    report = verify("record", {"opening": close})
    assert report.verdict is Verdict.HOLDS
    assert report.steps[14].facts["parts"] == tuple(("behaviour", "original", "copy")[part] for part in shown)


def test_founders_may_stand_in_any_order() -> None:
    def turned(genesis: list[Any]) -> None:
        genesis[9].reverse()

    def sorted_again(epoch: list[Any]) -> None:
        members = sorted(epoch[8])
        founders = [one for one in members if one[0] != identifier("insurer")]
        epoch[4] = maker.hashed("epoch", [*maker.epoch_0[:8], founders])

    maker = BundleMaker("record", tweaks={"genesis": turned, "epoch": sorted_again})
    data = maker.make()
    assert verify_bundle(data, pinned(maker)).verdict is Verdict.HOLDS


def test_entries_at_the_borders_hold() -> None:
    """Valid until, in force from, and the checkpoint's time may be the leaf's own time."""
    tweaks = {
        "header": put(4, value=DAY + 5000),
        "key": with_(lambda _: DAY + 5000, 4),
        "checkpoint": put(5, value=DAY + 5000),
        "epoch": put(5, value=6),
    }
    assert verify("record", tweaks).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("claim", "tweaks", "number", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_one_change_fails_at_its_step(claim: str, tweaks: dict[str, Tweak], number: int, reason: str) -> None:
    report = verify(claim, tweaks)
    assert report.failed is not None
    assert (report.failed.number, report.failed.sentence) == (number, reason)
    undecided = number == 1 or reason.startswith("unknown.")
    assert report.verdict is (Verdict.UNDECIDED if undecided else Verdict.DOES_NOT_HOLD)
    assert [step.number for step in report.steps] == list(range(1, number + 1))


def test_each_step_that_can_fail_is_seen_failing() -> None:
    assert {case[3] for case in CASES} | {3} == set(range(1, 17))


@pytest.mark.parametrize("name", ["chain", "genesis"])
def test_another_pinned_chain_or_genesis_fails_at_p3(name: str) -> None:
    maker, data = good("record")
    other = {"chain": "c" + "a" * 26, "genesis": "00" * 32}[name]
    report = verify_bundle(data, json.dumps(maker.trust() | {name: other}).encode())
    assert (report.failed.number, report.failed.sentence) == (3, f"trust.{name}")
    assert report.verdict is Verdict.DOES_NOT_HOLD


def test_base64_has_one_writing() -> None:
    """The last character of a root's base64 has spare bits: a note that sets them says the same, and is refused."""

    def spare_bits(note: bytes) -> bytes:
        end = note.index(b"=\nstate")
        letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        return note[: end - 1] + letters[letters.index(note[end - 1]) ^ 1 :][:1] + note[end:]

    report = verify("record", {"note": spare_bits})
    assert (report.failed.number, report.failed.sentence) == (5, "checkpoint.base64")


def test_over_16_mib_is_not_read() -> None:
    report = verify_bundle(bytes((16 << 20) + 1))
    assert (report.failed.number, report.failed.sentence, report.verdict.value) == (1, "read.too_large", 4)


@pytest.mark.parametrize("suite", [GM, INTL], ids=["gm", "intl"])
@pytest.mark.parametrize("claim", ["record", "anchor"])
def test_a_bundle_with_any_byte_changed_is_refused(claim: str, suite: TestSuite, seeded: random.Random) -> None:
    """A sample of all single bytes; each byte of the first and last of every field's length is hit over the runs."""
    data = good(claim, suite)[1]
    for _ in range(150):
        position, change = seeded.randrange(len(data)), seeded.randrange(1, 256)
        report = verify_bundle(data[:position] + bytes([data[position] ^ change]) + data[position + 1 :])
        assert report.verdict in (Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED), (position, change)


@pytest.mark.parametrize("claim", ["record", "anchor"])
def test_a_bundle_with_bytes_cut_or_added_is_refused(claim: str, seeded: random.Random) -> None:
    data = good(claim)[1]
    for _ in range(100):
        start = seeded.randrange(len(data))
        end = seeded.randrange(start + 1, len(data) + 1)
        for changed in (data[:start] + data[end:], data[:start] + data[start:end] * 2 + data[end:]):
            assert verify_bundle(changed).verdict in (Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED), (start, end)
