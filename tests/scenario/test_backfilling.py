"""A home that began late fetches the old log over HTTP from members' nodes, which give it to members alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.neighbourhood import Neighbourhood, neighbourhood
from tests.support.served import raw, request
from tests.support.snapshots import take_snapshot
from tests.support.waiting import PATIENCE
from xinglin.carrier.ledger.errors import LogBegunLate
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.recheck import recheck
from xinglin.carrier.ledger.snapshot import restore_snapshot
from xinglin.node.consortium.backfilling import BackfillKeeper
from xinglin.node.consortium.neighbours import neighbours_of
from xinglin.node.office.locating import CommitmentNotRegistered, find_registered
from xinglin.node.remote.forms import PREFIX
from xinglin.node.status import chain_row
from xinglin.server.metrics import Figures


def begun_late(place: Neighbourhood, folder: Path) -> Ledger:
    """Return the consortium chain as a home has it that began from a snapshot of the tip."""
    ledger = place["hospital"].node.consortium
    manifest = take_snapshot(ledger, folder / "snapshot")
    chunks = [(folder / "snapshot" / str(number)).read_bytes() for number in range(manifest.chunks)]
    head = ledger.head_at(ledger.tip.height)
    restore_snapshot(folder / "late", ledger.rules, head, (folder / "snapshot" / "manifest").read_bytes(), chunks)
    return Ledger.open(folder / "late", ledger.rules)


@pytest.mark.requirement("S9.1", part="members' nodes give the log to a node that began late")
def test_the_old_log_comes_over_http_from_members_to_members(tmp_path: Path) -> None:
    with neighbourhood(tmp_path) as place:
        node = place["hospital"].node
        late = begun_late(place, tmp_path)
        assert late.log_start == node.consortium.tip.log_size > 0
        assert chain_row(node, late, 0)["log_missing"] == late.log_start
        with pytest.raises(LogBegunLate):
            find_registered(late, bytes(32))
        place["platform"].deaf()
        keeper = BackfillKeeper(late, neighbours_of(node))
        keeper.start()
        deadline = time.monotonic() + PATIENCE
        while late.log_start and time.monotonic() < deadline:
            late.commit(late.execute(late.tip.height + 1, late.tip.time + 1, []))
            time.sleep(0.01)
        keeper.close()
        assert late.log_start == chain_row(node, late, 0)["log_missing"] == 0
        with pytest.raises(CommitmentNotRegistered):
            find_registered(late, bytes(32))
        assert b'xinglin_log_missing_entries{profile="consortium"} 0.0' in Figures(place["hospital"].running).text()
        assert late.entry(0) == node.consortium.entry(0)
        late.close()
        (tmp_path / "scratch").mkdir()
        assert recheck(tmp_path / "late", node.consortium.rules, tmp_path / "scratch").findings == []
        address = f"http://127.0.0.1:{place['insurer'].port}"
        for path in ("entries/0", "entries/0?below=1", "tiles/0/0"):
            assert raw(address, request("GET", f"{PREFIX}/log/{path}")).code == "request.unsigned"
