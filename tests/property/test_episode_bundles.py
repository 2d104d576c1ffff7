"""Proofs of sealed episodes through both verifiers: they agree on every one, no changed byte passes (invariant 4)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from xinglin_verify.report import Verdict as TheirVerdict
from xinglin_verify.verify import verify_bundle

from tests.support.episode_world import Proofs, proofs
from tests.support.mutations import changed, changed_bytes
from xinglin.carrier.ledger.trust import Trust, encode_trust
from xinglin.service.basic.coordination.bundles.check import Verdict
from xinglin.service.basic.episodes.bundles.check import check_proof

pytestmark = pytest.mark.usefixtures("remembering")
REFUSED = (Verdict.DOES_NOT_HOLD, Verdict.UNDECIDED)
REGISTRATIONS, READS = 11, 12
"""Places in an episode bundle of what may be left out."""


@pytest.fixture(scope="session")
def episode(tmp_path_factory: pytest.TempPathFactory) -> Proofs:
    """Return proofs of an episode: just sealed, added to, opened."""
    return proofs(tmp_path_factory.mktemp("episode"))


def both(data: bytes, trust: Trust | None) -> tuple[Verdict, int]:
    """Return the verdict on which both verifiers agree, and the number of the last step that they took."""
    file = encode_trust(trust) if trust is not None else None
    ours, theirs = check_proof(data, file), verify_bundle(data, file)
    reason = (theirs.lines(), ours.steps[-1])
    assert TheirVerdict(ours.verdict.value) is theirs.verdict, reason
    assert [step.number for step in ours.steps] == [step.number for step in theirs.steps], reason
    assert [step.verdict.value for step in ours.steps] == [step.verdict.value for step in theirs.steps]
    return ours.verdict, ours.steps[-1].number


@pytest.mark.requirement("S1.1", "S9.2")
def test_both_accept_what_the_product_makes(episode: Proofs) -> None:
    assert set(episode.bundles) == {"sealed", "added to", "opened"}
    for name, data in episode.bundles.items():
        assert both(data, episode.trust) == (Verdict.HOLDS, 27), name
        assert both(data, None) == (Verdict.NOT_TRUSTED, 27), name


@pytest.mark.requirement("S9.1")
@given(data=st.data())
def test_no_changed_byte_passes(data: st.DataObject, episode: Proofs) -> None:
    bundle = episode.bundles[data.draw(st.sampled_from(sorted(episode.bundles)))]
    place = data.draw(st.integers(0, len(bundle) - 1))
    other = bytes([bundle[place] ^ data.draw(st.integers(1, 255))])
    verdict, _ = both(bundle[:place] + other + bundle[place + 1 :], episode.trust)
    assert verdict in REFUSED


@given(data=st.data())
def test_no_bundle_cut_or_lengthened_passes(data: st.DataObject, episode: Proofs) -> None:
    bundle = episode.bundles[data.draw(st.sampled_from(sorted(episode.bundles)))]
    other = changed_bytes(data.draw, bundle)
    assume(other != bundle)
    assert both(other, episode.trust)[0] in REFUSED


@given(data=st.data())
def test_no_changed_value_passes(data: st.DataObject, episode: Proofs) -> None:
    """As a forger would: the bundle is taken apart, one value of it changed, and written again."""
    name = data.draw(st.sampled_from(sorted(episode.bundles)))
    apart = msgspec.msgpack.decode(episode.bundles[name])
    try:
        other = msgspec.msgpack.encode(changed(data.draw, apart))
    except (OverflowError, TypeError):
        assume(False)
        raise
    assume(other != episode.bundles[name])
    verdict, _ = both(other, episode.trust)
    assert verdict in REFUSED or shows_less(apart, msgspec.msgpack.decode(other))


def shows_less(apart: list[Any], other: list[Any]) -> bool:
    """Tell whether a bundle only leaves out registrations, what they open, or lists of reads."""
    rest = [place for place in range(len(apart)) if place not in (REGISTRATIONS, READS)]
    if len(other) != len(apart) or [apart[place] for place in rest] != [other[place] for place in rest]:
        return False
    shown = {one[0]: one for one in apart[REGISTRATIONS]}
    registrations = all(one[:3] == shown[one[0]][:3] for one in other[REGISTRATIONS])
    return registrations and all(one in apart[READS] for one in other[READS])
