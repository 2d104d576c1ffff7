"""``xinglin ledger verify``: what is damage, and what is only not there yet."""

from __future__ import annotations

from functools import partial

import pytest

from tests.support.product import xinglin
from tests.unit.cli.conftest import Place
from xinglin.carrier.ledger.errors import ChainBegunLate, StoreDamaged
from xinglin.carrier.ledger.recheck import Finding
from xinglin.kernel.errors import PlatformError
from xinglin.node.home import Home
from xinglin.node.verify import ChainVerdict, verify_home


@pytest.mark.requirement("S6.2c2", part="a home whose older log is still fetched is not called damaged")
def test_a_log_that_is_not_whole_yet_is_no_damage(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    late, damaged = ChainBegunLate(chain="c", height=9), StoreDamaged(chain="c", what="a tile")
    refusals: list[PlatformError] = [late]

    def found(_: Home, chain: str) -> ChainVerdict:
        return ChainVerdict(chain, 0, 0, "", [Finding(one.code, "store", one.sentence()) for one in refusals])

    monkeypatch.setattr("xinglin.cli.ledger.verify_home", partial(verify_home, check_chain=found))
    said = xinglin("ledger", "verify", "--home", place.home, "--json")
    assert (said.json["code"], said.json["holds"]) == ("home.not_whole", False)
    assert said.json["findings"][0]["code"] == "recheck.begun_late"
    told = xinglin("ledger", "verify", "--home", place.home)
    assert told.status == said.status != 0
    assert "home.not_whole" in told.err
    refusals.append(damaged)
    assert xinglin("ledger", "verify", "--home", place.home, "--json").json["code"] == "home.damaged"
