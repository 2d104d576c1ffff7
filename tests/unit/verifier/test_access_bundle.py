"""One good access bundle, one change, one step that fails: the steps P17 to P20 of docs/spec/proof-bundle.md.

Everything that a forger who holds all keys could sign again is signed again (tests/support/access_bundles.py).
"""

from __future__ import annotations

import functools
import json
import random
from typing import Any

import msgspec
import pytest
from xinglin_verify import StepVerdict, Verdict, verify_bundle
from xinglin_verify.report import Report
from xinglin_verify.words import LANGUAGES

from tests.support.access_bundles import ASKED, OTHER, RECORD, AccessMaker
from tests.support.bundle_changes import a_kind, dropped, flipped, put, shown_too, turned, twice, with_
from tests.support.proof_bundles import DAY, BundleMaker, StateTree, Tweak, canonical, identifier, random_bytes
from tests.support.signing import GM, INTL, TestSuite

pytestmark = pytest.mark.usefixtures("remembering")
LIST, ONE = "access-list", "access"
OTHER_HEAD, PLATFORM = canonical(("access", "head", OTHER)), identifier("platform")


@functools.cache
def good(claim: str, suite: TestSuite = GM) -> tuple[AccessMaker, bytes]:
    """Return a maker and the good bundle that it made."""
    maker = AccessMaker(claim, suite)
    return maker, maker.make()


def pinned(maker: AccessMaker) -> bytes:
    return json.dumps(maker.trust()).encode()


def verify(claim: str, tweaks: dict[str, Tweak], **options: Any) -> Report:
    """Make an access bundle with changes and verify it under the trust that its own genesis is the true one."""
    maker = AccessMaker(claim, tweaks=tweaks, **options)
    data = maker.make()
    return verify_bundle(data, pinned(maker))


@pytest.mark.parametrize("suite", [GM, INTL], ids=["gm", "intl"])
@pytest.mark.parametrize("claim", [LIST, ONE])
def test_a_good_access_bundle_holds_under_a_pinned_genesis(claim: str, suite: TestSuite) -> None:
    maker, data = good(claim, suite)
    report = verify_bundle(data, pinned(maker))
    assert report.verdict is Verdict.HOLDS, report.lines()
    assert [step.number for step in report.steps] == list(range(1, 21))
    assert {step.verdict for step in report.steps} == {StepVerdict.HOLDS}
    assert verify_bundle(data).verdict is Verdict.NOT_TRUSTED
    assert all(report.lines(language) for language in LANGUAGES)


def test_the_report_says_who_asked_and_that_it_is_complete() -> None:
    facts = {step.number: step.facts for step in verify_bundle(good(LIST)[1]).steps}
    assert facts[17]["entries"] == facts[18]["entries"] == facts[19]["count"] == 3
    assert facts[18]["commitment"] == RECORD.hex()
    assert len(facts[18]["lines"]) == 3
    for line, (name, outcome) in zip(
        facts[18]["lines"], [("platform", 0), ("regulator", 5601), ("hospital", 0)], strict=True
    ):
        assert identifier(f"{name} reader") in line
        assert line.endswith(f" read treat {outcome}")
    assert facts[19]["as_of"] == DAY + 4500
    assert (facts[20]["signed"], facts[20]["unsigned"]) == (2, 1)
    one = {step.number: step.sentence for step in verify_bundle(good(ONE)[1]).steps}
    assert (one[18], one[19]) == ("access.entry", "access.no_head")


@pytest.mark.parametrize("shown", range(4))
def test_any_one_entry_is_proven(shown: int) -> None:
    assert verify(ONE, {}, shown=shown).verdict is Verdict.HOLDS


def test_that_nobody_asked_is_proven() -> None:
    nobody = tuple((name, OTHER, outcome) for name, _, outcome in ASKED)
    report = verify(LIST, {}, asked=nobody)
    assert report.verdict is Verdict.HOLDS
    assert report.steps[18].facts["count"] == 0


def entry_with(number: int, change: Tweak) -> Tweak:
    """Change an entry before it is logged."""
    return lambda accesses: change(accesses[number])


def another_proof(entry: list[Any]) -> None:
    """The reader's key signed another request."""
    entry[13][0][1] = GM.key("platform reader").sign(random_bytes("another request"))


def of_another_key(entry: list[Any]) -> None:
    """A key of another account signed the request."""
    key = GM.key("regulator reader")
    entry[13] = [[key.public, key.sign(entry[11])]]


def without_proof(entry: list[Any]) -> None:
    entry[12], entry[13] = 3, []


def in_head(change: Tweak) -> Tweak:
    return lambda head: change(head) if head[2] == 3 else None


def none(_: Any) -> list[Any]:
    return []


def lists_head(_: Any) -> Any:
    return good(LIST)[0].private_head()


def shown_key(name: str) -> Tweak:
    """Show one more key of the registry, in its place."""

    def tweak(keys: list[Any]) -> list[Any]:
        more = StateTree(GM.hash, good(LIST)[0].state).entry(canonical(("registry", "key", GM.key(name).public)))
        return sorted([*keys, more])

    return tweak


CASES: list[tuple[str, str, dict[str, Tweak], int, str]] = [
    # P1
    ("a claim that isn't known", LIST, {"access": put(2, value="reads")}, 1, "unknown.claim"),
    ("an inner claim that isn't known", LIST, {"access": put(4, 2, value="reads")}, 1, "unknown.claim"),
    ("a version that isn't known", LIST, {"access": put(1, value=2)}, 1, "unknown.version"),
    ("another kind", LIST, {"access": put(0, value="parcel")}, 1, "form.kind"),
    ("a field more", LIST, {"access": lambda access: [*access, 0]}, 1, "form.fields"),
    ("257 keys", LIST, {"shown_keys": lambda keys: [keys[0]] * 257}, 1, "read.too_many_keys"),
    ("too many signatures", LIST, {"shown_accesses": lambda shown: [shown[0]] * 2049}, 1, "read.too_many"),
    ("an unknown suite within", LIST, {"genesis": put(2, value=3)}, 2, "unknown.suite"),
    # P14 and P16 of the bundle within
    ("an anchor that isn't signed", LIST, {"arguments": with_(flipped, 4)}, 14, "claim.anchor_signature"),
    (
        "a state within that isn't needed",
        LIST,
        {"shown": shown_too(("other", "1"))},
        16,
        "rest.state",
    ),
    # P17
    ("a transaction of another chain", LIST, {"private_header": put(2, value="p" + "a" * 26)}, 17, "leaf.chain"),
    ("the body of another", LIST, {"private_leaf": with_(flipped, 5)}, 17, "leaf.other"),
    ("logged after it expired", LIST, {"private_header": put(4, value=DAY + 3999)}, 17, "leaf.expired"),
    ("logged after the anchored height", LIST, {"private_leaf": put(2, value=10)}, 17, "leaf.later"),
    ("logged after the anchored time", LIST, {"head": put(4, value=DAY + 3999)}, 17, "leaf.later"),
    ("another log root was anchored", LIST, {"head": with_(flipped, 1)}, 17, "leaf.path"),
    ("a log path cut short", LIST, {"shown_accesses": with_(dropped, 0, 8)}, 17, "leaf.path"),
    ("an entry beyond the anchor", LIST, {"head": put(0, value=1)}, 17, "leaf.path"),
    ("a signature of nothing", LIST, {"private_signatures": lambda _: [bytes(64)]}, 17, "signatures.signature"),
    ("no signature", LIST, {"private_signatures": lambda _: []}, 17, "signatures.count"),
    ("a refused transaction", LIST, {"private_receipt": put(2, value=5700)}, 17, "operation.refused"),
    ("another operation", LIST, {"shown_accesses": put(0, 3, value=1)}, 17, "operation.path"),
    ("another method", LIST, {"calls": put(0, 2, value="aggregate")}, 17, "access.operation"),
    ("another contract", LIST, {"calls": put(0, 0, value="records")}, 17, "access.operation"),
    ("another version of the contract", LIST, {"calls": put(0, 1, value=2)}, 17, "access.operation"),
    ("no item", LIST, {"shown_accesses": put(0, 5, value=[])}, 17, "item.unexpected"),
    ("another item's index", LIST, {"shown_accesses": put(0, 5, 0, 1, value=1)}, 17, "item.path"),
    ("another item", LIST, {"shown_accesses": with_(flipped, 0, 5, 0, 0)}, 17, "item.path"),
    # P18
    ("an entry with a field more", LIST, {"accesses": entry_with(0, lambda one: one.append(0))}, 18, "form.fields"),
    ("an entry of another kind", LIST, {"accesses": entry_with(0, a_kind("visit"))}, 18, "form.kind"),
    ("an entry of a later version", LIST, {"accesses": entry_with(0, put(1, value=2))}, 18, "unknown.version"),
    ("an entry of a copy that isn't known", LIST, {"accesses": entry_with(0, put(10, value=3))}, 18, "form.value"),
    ("another subject", LIST, {"access": put(3, value=OTHER)}, 18, "access.subject"),
    ("another entry", ONE, {"access": with_(flipped, 3)}, 18, "access.subject"),
    ("entries not in log order", LIST, {"shown_accesses": turned}, 18, "access.order"),
    ("an entry twice", LIST, {"shown_accesses": lambda shown: [shown[0], *shown]}, 18, "access.order"),
    ("two entries for one", ONE, {"shown_accesses": twice}, 18, "access.number"),
    ("no entry for one", ONE, {"shown_accesses": lambda _: []}, 18, "access.number"),
    # P19
    ("an entry left out", LIST, {"shown_accesses": lambda shown: shown[1:]}, 19, "access.incomplete"),
    ("the last entry left out", LIST, {"shown_accesses": lambda shown: shown[:-1]}, 19, "access.incomplete"),
    (
        "all entries left out",
        LIST,
        {"shown_accesses": none, "shown_keys": none},
        19,
        "access.incomplete",
    ),
    ("no head", LIST, {"shown_head": lambda _: []}, 19, "access.head_missing"),
    (
        "a head where none is needed",
        ONE,
        {"shown_head": lists_head},
        19,
        "access.head_unneeded",
    ),
    ("a head of another count", LIST, {"access_head": in_head(put(2, value=4))}, 19, "access.incomplete"),
    ("a head of another chain of entries", LIST, {"access_head": in_head(with_(flipped, 3))}, 19, "access.incomplete"),
    ("a value that is no head", LIST, {"access_head": in_head(a_kind("tail"))}, 19, "form.kind"),
    ("a head's version that isn't known", LIST, {"access_head": in_head(put(1, value=2))}, 19, "unknown.version"),
    (
        "another record's head",
        LIST,
        {"shown_head": put(0, 0, value=OTHER_HEAD)},
        19,
        "access.head_other",
    ),
    ("another state root was anchored", LIST, {"head": with_(flipped, 2)}, 19, "state.root"),
    ("a head hidden", LIST, {"shown_head": put(0, 1, value=[])}, 19, "state.proof_form"),
    # P20
    ("a reader elsewhere without proof", LIST, {"accesses": entry_with(0, without_proof)}, 20, "readers.unproven"),
    ("a signature that names none", LIST, {"accesses": entry_with(0, put(13, value=[]))}, 20, "readers.unproven"),
    ("a session with a proof", LIST, {"accesses": entry_with(0, put(12, value=3))}, 20, "readers.unproven"),
    (
        "own staff of another member",
        LIST,
        {"accesses": entry_with(3, put(3, value=PLATFORM))},
        20,
        "readers.unproven",
    ),
    ("a signature of another request", LIST, {"accesses": entry_with(0, another_proof)}, 20, "readers.signature"),
    ("a key of another account", LIST, {"accesses": entry_with(0, of_another_key)}, 20, "readers.account"),
    ("another account", LIST, {"accesses": entry_with(0, put(4, value=identifier("x")))}, 20, "readers.account"),
    ("another member", LIST, {"accesses": entry_with(0, put(3, value=identifier("x")))}, 20, "readers.account"),
    ("a key of later", LIST, {"reader_key": put(4, value=DAY + 3001)}, 20, "readers.not_in_force"),
    ("a key that had ended", LIST, {"reader_key": put(5, value=[DAY + 3000])}, 20, "readers.not_in_force"),
    ("a key that was compromised", LIST, {"reader_key": put(6, value=[DAY + 3000])}, 20, "readers.not_in_force"),
    ("a value that is no key", LIST, {"reader_key": a_kind("lock")}, 20, "form.kind"),
    ("a key not shown", LIST, {"shown_keys": dropped}, 20, "readers.key_missing"),
    ("a key too many", LIST, {"shown_keys": shown_key("hospital service")}, 20, "rest.state"),
    ("keys out of order", LIST, {"shown_keys": turned}, 20, "state.order"),
    ("another value of a key", LIST, {"shown_keys": put(0, 1, value=[b"x"])}, 20, "state.root"),
]


@pytest.mark.parametrize(
    ("claim", "tweaks", "number", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_one_change_fails_at_its_step(claim: str, tweaks: dict[str, Tweak], number: int, reason: str) -> None:
    report = verify(claim, tweaks)
    assert report.failed is not None, report.lines()
    assert (report.failed.number, report.failed.sentence) == (number, reason)
    undecided = number == 1 or reason.startswith("unknown.")
    assert report.verdict is (Verdict.UNDECIDED if undecided else Verdict.DOES_NOT_HOLD)


def test_a_key_that_had_ended_proves_a_refusal() -> None:
    def ended(state: list[Any]) -> None:
        if state[3] == identifier("regulator"):
            state[5] = [DAY + 3000]

    assert verify(LIST, {"reader_key": ended}).verdict is Verdict.HOLDS


def test_a_record_bundle_within_is_no_anchor() -> None:
    inner = msgspec.msgpack.decode(BundleMaker("record").make())
    report = verify(LIST, {"access": put(4, value=inner)})
    assert (report.failed.number, report.failed.sentence) == (17, "access.anchor")


def test_a_list_about_no_record_has_no_head() -> None:
    nothing = bytes(32)

    def about_nothing(access: list[Any]) -> None:
        access[3], access[5], access[7] = nothing, [], []

    report = verify(LIST, {"access": about_nothing})
    assert (report.failed.number, report.failed.sentence) == (19, "access.head_missing")


@pytest.mark.parametrize("suite", [GM, INTL], ids=["gm", "intl"])
@pytest.mark.parametrize("claim", [LIST, ONE])
def test_an_access_bundle_with_any_byte_changed_is_refused(claim: str, suite: TestSuite, seeded: random.Random) -> None:
    data = good(claim, suite)[1]
    for _ in range(150):
        position, change = seeded.randrange(len(data)), seeded.randrange(1, 256)
        report = verify_bundle(data[:position] + bytes([data[position] ^ change]) + data[position + 1 :])
        assert report.verdict in (Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED), (position, change)
