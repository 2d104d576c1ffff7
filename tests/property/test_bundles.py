"""Bundles through both verifiers: they agree on every one, and no changed byte passes either (invariant 4)."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from xinglin_verify.report import Verdict as TheirVerdict
from xinglin_verify.verify import verify_bundle

from tests.support.loose import at, put
from tests.support.mutations import changed, changed_bytes
from tests.support.proof_bundles import BundleMaker, canonical
from tests.support.sample_world import Sample
from tests.support.signing import GM, INTL, TestSuite
from xinglin.carrier.ledger.errors import TrustInvalid
from xinglin.carrier.ledger.trust import Trust, encode_trust, parse_trust
from xinglin.service.basic.coordination.bundles.check import Verdict, check_bundle

STAGES = (
    *("account", "founder", "genesis", "epoch", "votes", "arguments", "items", "behaviour", "heads", "header"),
    *("signatures", "receipt", "leaf", "checkpoint", "cosigners", "key", "member", "state", "shown", "note"),
    *("entry", "states", "opening", "bundle"),
)
ANCHOR_STAGES = (*(stage for stage in STAGES if stage not in ("items", "behaviour")), "head", "anchored")
COUNTS = [1, 3, 5, 6]
"""Numbers of operations of a transaction: alone, and trees that are not complete."""
REFUSED = (Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED)


def both(data: bytes, trust: Trust | None) -> tuple[Verdict, int]:
    """Return the verdict on which both verifiers agree, and the number of the last step that they took."""
    ours = check_bundle(data, trust)
    theirs = verify_bundle(data, None if trust is None else encode_trust(trust))
    reason = (theirs.lines(), ours.steps[-1])
    assert TheirVerdict(ours.verdict.value) is theirs.verdict, reason
    assert ours.steps[-1].number == theirs.steps[-1].number, reason
    assert [step.verdict.value for step in ours.steps] == [step.verdict.value for step in theirs.steps]
    return ours.verdict, ours.steps[-1].number


@pytest.mark.requirement("S9.2")
@pytest.mark.parametrize("suite", ["sample", "intl_sample"])
def test_both_accept_what_the_product_makes(suite: str, request: pytest.FixtureRequest) -> None:
    world: Sample = request.getfixturevalue(suite)
    for name, data in world.bundles.items():
        assert both(data, world.trust) == (Verdict.HOLDS, 16), name
        assert both(data, None) == (Verdict.NOT_TRUSTED, 16), name


@pytest.mark.requirement("S9.1")
@given(data=st.data())
def test_no_changed_byte_passes(data: st.DataObject, sample: Sample, intl_sample: Sample) -> None:
    world = data.draw(st.sampled_from([sample, intl_sample]))
    bundle = world.bundles[data.draw(st.sampled_from(sorted(world.bundles)))]
    place = data.draw(st.integers(0, len(bundle) - 1))
    other = bytes([bundle[place] ^ data.draw(st.integers(1, 255))])
    verdict, _ = both(bundle[:place] + other + bundle[place + 1 :], world.trust)
    assert verdict in REFUSED


@functools.cache
def of_operations(count: int, position: int, suite: TestSuite) -> tuple[bytes, Trust]:
    """Return the bundle of one of so many operations, and the trust under which it holds."""
    maker = BundleMaker("record", suite, operations=count, position=position)
    return maker.make(), parse_trust(json.dumps(maker.trust()).encode())


def numbers(value: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Yield the place of each number in nested lists."""
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from numbers(element, (*path, index))
    elif isinstance(value, int):
        yield path


@pytest.mark.requirement("S9.1")
@given(data=st.data())
def test_no_changed_byte_of_one_of_several_operations_passes(data: st.DataObject) -> None:
    count, suite = data.draw(st.sampled_from(COUNTS)), data.draw(st.sampled_from([GM, INTL]))
    bundle, trust = of_operations(count, data.draw(st.integers(0, count - 1)), suite)
    place = data.draw(st.integers(0, len(bundle) - 1))
    other = bytes([bundle[place] ^ data.draw(st.integers(1, 255))])
    assert both(bundle, trust) == (Verdict.HOLDS, 16)
    assert both(bundle[:place] + other + bundle[place + 1 :], trust)[0] in REFUSED


@pytest.mark.parametrize("count", COUNTS)
def test_no_number_that_is_one_more_or_less_passes(count: int) -> None:
    """Every number of a bundle: a position, a size or a count that nothing commits to shows here."""
    for position in {0, count - 1}:
        bundle, trust = of_operations(count, position, INTL)
        apart = msgspec.msgpack.decode(bundle)
        for path in numbers(apart):
            for step in (1, -1):
                other = canonical(put(apart, path, at(apart, path) + step))
                assert both(other, trust)[0] in REFUSED, (position, path, step)


@given(data=st.data())
def test_no_bundle_cut_or_lengthened_passes(data: st.DataObject, sample: Sample) -> None:
    bundle = sample.bundles[data.draw(st.sampled_from(sorted(sample.bundles)))]
    other = changed_bytes(data.draw, bundle)
    assume(other != bundle)
    assert both(other, sample.trust)[0] in REFUSED


@given(data=st.data())
def test_no_changed_value_passes(data: st.DataObject, sample: Sample) -> None:
    """As a forger would: the bundle is taken apart, one value of it changed, and written again."""
    name = data.draw(st.sampled_from(sorted(sample.bundles)))
    apart = msgspec.msgpack.decode(sample.bundles[name])
    other = encoded(changed(data.draw, apart))
    assume(other != sample.bundles[name])
    verdict, _ = both(other, sample.trust)
    assert verdict in REFUSED or only_less(apart, msgspec.msgpack.decode(other))


def only_less(apart: list[Any], other: list[Any]) -> bool:
    """Tell whether a bundle differs by leaving out the opening, parts of it, or votes and lines beyond the quorum."""
    parts = [0, 1, 2, 3, 4, 7, 8]
    return [apart[part] for part in parts] == [other[part] for part in parts] and len(other) == len(apart)


@given(data=st.data())
def test_both_agree_on_what_is_signed_again(data: st.DataObject) -> None:
    """One value is changed at any stage of the making, and everything that rests on it is made and signed again."""
    claim = data.draw(st.sampled_from(["record", "anchor"]))
    stage = data.draw(st.sampled_from(STAGES if claim == "record" else ANCHOR_STAGES))
    suite = data.draw(st.sampled_from([GM, INTL]))
    maker = BundleMaker(claim, suite, {stage: lambda value: changed(data.draw, value)})
    try:
        bundle = maker.make()
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError, ArithmeticError):
        assume(False)  # a value that the maker itself can't go on with
    trust = data.draw(st.sampled_from([json.dumps(maker.trust()), pinned_keys(maker), ""]))
    both(bundle, parse_trust(trust.encode()) if trust else None)


def pinned_keys(maker: BundleMaker) -> str:
    """Return a trust file with the keys of two members."""
    return json.dumps(maker.key_trust(["platform", "regulator"], 2))


@given(data=st.data())
def test_both_agree_on_trust_files(data: st.DataObject, sample: Sample) -> None:
    """A trust file is changed by one character; both read it alike, or neither can."""
    members = [sample.members[label] for label in ("hospital-a", "platform")]
    keys = frozenset((one.member, one.key.public) for one in members)
    whole = encode_trust(Trust(sample.ledger.rules.chain, sample.trust.genesis, keys, 2))
    other = changed_bytes(data.draw, whole)
    theirs = verify_bundle(sample.bundles["record"], other)
    try:
        trust = parse_trust(other)
    except TrustInvalid:
        assert theirs.verdict is TheirVerdict.UNDECIDED
        return
    assert TheirVerdict(check_bundle(sample.bundles["record"], trust).verdict.value) is theirs.verdict


def encoded(value: Any) -> bytes:
    """Return a value in MessagePack; what it can't hold is left out of the test."""
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, TypeError):
        assume(False)
        raise
