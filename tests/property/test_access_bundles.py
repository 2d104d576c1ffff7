"""Access bundles through both verifiers: they agree on every one, and no changed byte passes either (invariant 4)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from xinglin_verify.report import Verdict as TheirVerdict
from xinglin_verify.verify import verify_bundle

from tests.support.access_bundles import ASKED, RECORD, AccessMaker
from tests.support.mutations import changed, changed_bytes
from tests.support.proof_bundles import BundleMaker
from tests.support.sample_world import Sample
from tests.support.signing import GM, INTL
from tests.unit.verifier.test_access_bundle import CASES
from xinglin.carrier.ledger.bundle_model import AccessBundle, Bundle
from xinglin.carrier.ledger.trust import Trust, encode_trust
from xinglin.kernel.encoding import decode, pack
from xinglin.service.basic.audit.bundles.check import check_proof
from xinglin.service.basic.coordination.bundles.check import Verdict, check_bundle

pytestmark = pytest.mark.usefixtures("remembering")
STAGES = (
    *("accesses", "calls", "private_header", "private_signatures", "private_receipt", "private_leaf", "access_head"),
    *("private_state", "head", "arguments", "anchored", "reader_key", "shown_accesses", "shown_head", "shown_keys"),
    *("access", "leaf", "checkpoint", "cosigners", "states", "key", "member", "bundle"),
)
NAMES = ["access entry", "access list", "access list of nobody"]
REFUSED = (Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED)
LAST = 20
NO_MAKING = (TypeError, ValueError, LookupError, AttributeError, OverflowError, ArithmeticError, StopIteration)
WITH_GM_KEYS = ("a signature of another request", "a key of another account", "a key too many")
"""Cases whose changes sign or show keys of suite gm."""


def both(data: bytes, trust: Trust | bytes | None) -> tuple[Verdict, int]:
    """Return the verdict on which both verifiers agree, and the number of the last step that they took."""
    file = encode_trust(trust) if isinstance(trust, Trust) else trust
    ours, theirs = check_proof(data, file), verify_bundle(data, file)
    reason = (theirs.lines(), ours.steps[-1])
    assert TheirVerdict(ours.verdict.value) is theirs.verdict, reason
    assert ours.steps[-1].number == theirs.steps[-1].number, reason
    assert [step.verdict.value for step in ours.steps] == [step.verdict.value for step in theirs.steps]
    return ours.verdict, ours.steps[-1].number


@pytest.mark.requirement("H11", "H14", "S9.2")
@pytest.mark.parametrize("suite", ["sample", "intl_sample"])
@pytest.mark.parametrize("name", NAMES)
def test_both_accept_what_the_product_makes(suite: str, name: str, request: pytest.FixtureRequest) -> None:
    world: Sample = request.getfixturevalue(suite)
    data = world.access_bundles[name]
    assert both(data, world.trust) == (Verdict.HOLDS, LAST)
    assert both(data, None) == (Verdict.NOT_TRUSTED, LAST)
    assert check_bundle(data, world.trust).verdict is Verdict.UNDECIDED  # it knows nothing of access bundles
    for plain in world.bundles.values():
        assert both(plain, world.trust) == (Verdict.HOLDS, 16)


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_both_refuse_at_the_same_step(case: Any) -> None:
    name, claim, tweaks, number, _ = case
    for suite in [GM] if name in WITH_GM_KEYS else [GM, INTL]:
        refused_at(number, AccessMaker(claim, suite, tweaks))


def refused_at(number: int, maker: AccessMaker) -> None:
    """Check that both refuse a bundle at a step."""
    data = maker.make()
    verdict, last = both(data, json.dumps(maker.trust()).encode())
    assert (verdict in REFUSED, last) == (True, number)


@pytest.mark.requirement("S9.1")
@settings(max_examples=300)
@given(data=st.data())
def test_no_changed_byte_passes(data: st.DataObject, sample: Sample, intl_sample: Sample) -> None:
    world = data.draw(st.sampled_from([sample, intl_sample]))
    bundle = world.access_bundles[data.draw(st.sampled_from(NAMES))]
    place = data.draw(st.integers(0, len(bundle) - 1))
    other = bytes([bundle[place] ^ data.draw(st.integers(1, 255))])
    assert both(bundle[:place] + other + bundle[place + 1 :], world.trust)[0] in REFUSED


@given(data=st.data())
def test_no_bundle_cut_or_lengthened_passes(data: st.DataObject, sample: Sample) -> None:
    bundle = sample.access_bundles[data.draw(st.sampled_from(NAMES))]
    other = changed_bytes(data.draw, bundle)
    assume(other != bundle)
    assert both(other, sample.trust)[0] in REFUSED


@settings(max_examples=200)
@given(data=st.data())
def test_no_changed_value_passes(data: st.DataObject, sample: Sample) -> None:
    """As a forger would: the bundle is taken apart, one value of it changed, and written again."""
    name = data.draw(st.sampled_from(NAMES))
    apart = msgspec.msgpack.decode(sample.access_bundles[name])
    try:
        other = msgspec.msgpack.encode(changed(data.draw, apart))
    except (OverflowError, TypeError):
        assume(False)
    assume(other != sample.access_bundles[name])
    verdict, _ = both(other, sample.trust)
    assert verdict in REFUSED or within_only_less(apart, msgspec.msgpack.decode(other))


def within_only_less(apart: list[Any], other: list[Any]) -> bool:
    """Tell whether the bundle within leaves out votes or lines beyond the quorum, and all else is as it was."""
    same = [*range(4), 5, 6, 7]
    inner = [0, 1, 2, 3, 4, 7, 8]
    return [apart[at] for at in same] == [other[at] for at in same] and [apart[4][at] for at in inner] == [
        other[4][at] for at in inner
    ]


@pytest.mark.requirement("H11")
@settings(max_examples=60)
@given(data=st.data())
def test_no_other_list_than_the_whole_one_holds(data: st.DataObject, sample: Sample) -> None:
    """An institution chooses from its true entries: any choice or order but all of them in theirs is refused."""
    whole = decode(AccessBundle, sample.access_bundles["access list"])
    more = decode(AccessBundle, sample.access_bundles["access entry"]).entries
    entries = tuple(data.draw(st.lists(st.sampled_from([*whole.entries, *more]), max_size=4)))
    verdict, _ = both(pack(replace(whole, entries=entries)), sample.trust)
    assert (verdict is Verdict.HOLDS) == (entries == whole.entries)


def test_an_earlier_anchor_or_a_record_within_is_refused(sample: Sample) -> None:
    whole = decode(AccessBundle, sample.access_bundles["access list"])
    for name in ("anchor", "record"):
        other = pack(replace(whole, anchor=decode(Bundle, sample.bundles[name])))
        assert both(other, sample.trust) == (Verdict.DOES_NOT_HOLD, 17)


@settings(max_examples=150)
@given(data=st.data())
def test_both_agree_on_what_is_signed_again(data: st.DataObject) -> None:
    """Values are changed at any stages of the making, and everything that rests on them is made and signed again."""
    stages = data.draw(st.lists(st.sampled_from(STAGES), min_size=1, max_size=3))
    asked = data.draw(st.permutations(ASKED))
    tweaks = dict.fromkeys(stages, lambda value: changed(data.draw, value))
    claim, suite = data.draw(st.sampled_from(["access", "access-list"])), data.draw(st.sampled_from([GM, INTL]))
    maker = AccessMaker(claim, suite, tweaks, data.draw(st.integers(0, 3)), tuple(asked))
    try:
        bundle = maker.make()
    except NO_MAKING:
        assume(False)  # a value that the maker itself can't go on with
    trusts: list[bytes | None] = [json.dumps(maker.trust()).encode(), None]
    both(bundle, data.draw(st.sampled_from(trusts)))


def test_the_makers_agree_on_the_record_that_they_are_about() -> None:
    """A list of another maker's record is not this one's: commitments are not exchanged unnoticed."""
    maker = AccessMaker("access-list")
    apart = msgspec.msgpack.decode(maker.make())
    assert apart[3] == RECORD
    plain = BundleMaker("anchor").make()
    apart[4] = msgspec.msgpack.decode(plain)
    assert both(msgspec.msgpack.encode(apart), json.dumps(maker.trust()).encode()) == (Verdict.DOES_NOT_HOLD, 17)
