"""Values that were compared once: what a block changes is never given again, what a late look found is not kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.chain import Chain, commit
from tests.support.counters import Count
from tests.support.damage import alter, data_file, flipped
from xinglin.carrier.ledger import compared as module
from xinglin.carrier.ledger.compared import ComparedValues
from xinglin.carrier.ledger.errors import ValueDamaged
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import encode, state_key

A, B, C = (state_key("counter", name) for name in "abc")


def test_what_a_block_changes_is_seen_and_absence_too(chain: Chain, ledger: Ledger) -> None:
    assert dict(ledger.values((A, B, C))) == dict.fromkeys((A, B, C))
    commit(ledger, chain.sign(chain.add("a", 3)), chain.sign(chain.add("b")))
    assert dict(ledger.values((A, B, C))) == {A: encode(Count(3)), B: encode(Count(1)), C: None}
    commit(ledger, chain.sign(chain.add("a", 4)), chain.sign(chain.remove("b")))
    assert [ledger.value(key) for key in (A, B, C)] == [encode(Count(7)), None, None]


@pytest.mark.requirement("S6.2d")
def test_what_was_compared_stays_what_was_committed_and_the_rest_is_found_damaged(
    chain: Chain, ledger: Ledger, home: Path
) -> None:
    commit(ledger, chain.sign(chain.add("a", 200)), chain.sign(chain.add("b", 300)))
    assert ledger.value(A) == encode(Count(200))
    for count in (200, 300):
        assert alter(data_file(home, chain.rules.chain), encode(Count(count)), flipped(encode(Count(count))))
    assert ledger.value(A) == encode(Count(200))
    with pytest.raises(ValueDamaged):
        ledger.values((A, B))
    with pytest.raises(ValueDamaged):
        ledger.value(B)


def test_a_look_that_a_block_has_overtaken_keeps_nothing() -> None:
    values = ComparedValues(1)
    values.keep(1, {A: b"1", B: None})
    values.move(2, [A])
    values.keep(1, {A: b"1"})  # looked up before the block, kept after it
    assert (values.get(A), values.get(B)) == (..., None)
    assert values.get_many((A, B)) == ({B: None}, [A])


def test_it_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 3)
    values = ComparedValues(1)
    values.keep(1, {A: b"1", B: bytes(module.MAX_VALUE_BYTES + 1), C: b"3"})
    assert values.get(B) is ...
    values.keep(1, {b"d": b"4", b"e": b"5"})
    assert values.get_many((A, C, b"d", b"e")) == ({b"d": b"4", b"e": b"5"}, [A, C])
