"""A chain executed again from genesis: clean when nothing was touched, a finding for every table that was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from tests.support import children
from tests.support.chain import Chain, commit
from tests.support.damage import alter, data_file, flip
from xinglin.carrier.ledger.checkpoint import Head
from xinglin.carrier.ledger.errors import StoreDamaged
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.recheck import Finding, Recheck, recheck
from xinglin.carrier.ledger.records import EntryRecord, block_record
from xinglin.carrier.ledger.store import TABLES, number_key
from xinglin.kernel.encoding import pack, state_key


@pytest.fixture
def grown(chain: Chain, ledger: Ledger) -> Ledger:
    """Return a ledger of a few blocks, some empty, closed."""
    for number in range(8):
        commit(ledger, *[chain.sign(chain.add(f"c{number}")) for _ in range(number % 3)])
    commit(ledger, chain.sign(chain.remove("c1")), chain.sign(chain.add("c2", 2000)))
    commit(ledger)
    ledger.close()
    return ledger


def run(chain: Chain, home: Path, tmp_path: Path) -> Recheck:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return recheck(home, chain.rules, scratch)


def write(home: Path, chain: Chain, change: Callable[[lmdb.Transaction, dict[str, object]], None]) -> None:
    """Change tables by a commit that the head file does not know of."""
    with lmdb.open(str(data_file(home, chain.rules.chain).parent), max_dbs=len(TABLES), map_size=64 << 20) as env:
        tables = {name: env.open_db(name.encode()) for name in TABLES}
        with env.begin(write=True) as txn:
            change(txn, tables)


def where(findings: list[Finding]) -> list[str]:
    return [finding.where.split(",")[0] for finding in findings]


@pytest.mark.requirement("S9.1", "W9")
@pytest.mark.requirement(
    "S6.2c2", part="`ledger verify` finds tampering when it is run; nothing runs it periodically yet"
)
def test_an_untouched_chain_is_clean(chain: Chain, grown: Ledger, home: Path, tmp_path: Path) -> None:
    before = data_file(home, chain.rules.chain).read_bytes()
    found = run(chain, home, tmp_path)
    tip = grown.tip
    assert found == Recheck(chain.rules.chain, tip.height, tip.log_size, tip.app_hash, [])
    assert data_file(home, chain.rules.chain).read_bytes() == before


def test_progress_is_told(chain: Chain, grown: Ledger, home: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    recheck(home, chain.rules, tmp_path, lambda done, total: told.append((done, total)))
    assert told[0] == (10, 10)


ROWS = {
    "state": (state_key("counter", "c4"), b"\x91\x05"),
    "body": (number_key(1 << 40) + bytes(32), number_key(0)),
    "tile": (b"\x01" + number_key(7), bytes(32)),
    "undo": (number_key(4), b"\x90"),
    "meta": (b"more", b""),
}


@pytest.mark.parametrize("table", ROWS)
@pytest.mark.parametrize("how", ["added or changed", "removed"])
def test_a_row_that_is_changed_added_or_removed_is_found(
    chain: Chain, grown: Ledger, home: Path, tmp_path: Path, table: str, how: str
) -> None:
    def change(txn: lmdb.Transaction, tables: dict[str, object]) -> None:
        if how == "removed":
            cursor = txn.cursor(tables[table])
            cursor.last()
            cursor.delete()
        else:
            txn.put(*ROWS[table], db=tables[table])

    write(home, chain, change)
    assert f"table {table}" in where(run(chain, home, tmp_path).findings)


def test_a_commit_behind_the_back_of_the_head_file_is_found(
    chain: Chain, grown: Ledger, home: Path, tmp_path: Path
) -> None:
    def change(txn: lmdb.Transaction, tables: dict[str, object]) -> None:
        txn.put(b"more", b"", db=tables["meta"])
        txn.delete(b"more", db=tables["meta"])

    write(home, chain, change)
    assert where(run(chain, home, tmp_path).findings) == ["head file"]


def test_an_entry_that_is_another_transaction_is_found(chain: Chain, grown: Ledger, home: Path, tmp_path: Path) -> None:
    def change(txn: lmdb.Transaction, tables: dict[str, object]) -> None:
        row = EntryRecord(b"", b"", chain.sign())
        txn.put(number_key(2), pack(row), db=tables["entry"])

    write(home, chain, change)
    assert {"table entry", "table tile", "table state"} <= set(where(run(chain, home, tmp_path).findings))


def test_an_entry_that_was_passed_over_is_found(chain: Chain, grown: Ledger, home: Path, tmp_path: Path) -> None:
    def change(txn: lmdb.Transaction, tables: dict[str, object]) -> None:
        expired = chain.sign(valid_until=chain.start)
        txn.put(number_key(2), pack(EntryRecord(b"", b"", expired)), db=tables["entry"])

    write(home, chain, change)
    [finding] = run(chain, home, tmp_path).findings
    assert (finding.code, finding.where) == ("store.damaged", "height 3")


@pytest.mark.parametrize("height", [4, 7, 10])
def test_a_time_of_an_empty_block_is_found(
    chain: Chain, grown: Ledger, home: Path, tmp_path: Path, height: int
) -> None:
    time = (chain.start + height * 1000).to_bytes(8, "big")
    later = time[:-1] + bytes([time[-1] ^ 1])
    assert alter(data_file(home, chain.rules.chain), b"\xcf" + time, b"\xcf" + later)
    assert run(chain, home, tmp_path).findings != []


def test_a_missing_block_is_found(chain: Chain, grown: Ledger, home: Path, tmp_path: Path) -> None:
    write(home, chain, lambda txn, tables: txn.delete(number_key(4), db=tables["block"]))
    [finding] = run(chain, home, tmp_path).findings
    assert (finding.code, finding.where) == ("store.damaged", "height 4")


def test_a_block_after_the_tip_is_found(chain: Chain, grown: Ledger, home: Path, tmp_path: Path) -> None:
    head = chain.rules.genesis.time + 99_000

    def change(txn: lmdb.Transaction, tables: dict[str, object]) -> None:
        tip = grown.tip
        forged = Head(chain.rules.chain, tip.log_size, tip.log_root, bytes(32), 11, head)
        txn.put(number_key(11), pack(block_record(chain.suite.hash, forged, 0)), db=tables["block"])

    write(home, chain, change)
    assert {"table block", "head file"} & set(where(run(chain, home, tmp_path).findings))


@pytest.mark.parametrize("what", ["missing", "slot 0", "slot 1", "both"])
def test_a_damaged_head_file_is_found(chain: Chain, grown: Ledger, home: Path, tmp_path: Path, what: str) -> None:
    head = home / "chain" / chain.rules.chain / "head"
    if what == "missing":
        head.unlink()
    for number in (0, 1):
        if what in (f"slot {number}", "both"):
            flip(head, 256 * number + 20, 3)
    assert where(run(chain, home, tmp_path).findings) == ["head file"]


def test_a_key_that_is_passed_in_order_but_not_found_is_found(
    chain: Chain, ledger: Ledger, home: Path, tmp_path: Path
) -> None:
    for _ in range(10):
        commit(ledger, *[chain.sign() for _ in range(20)])
    bodies = [key for key, _ in _rows(ledger, "body")]
    ledger.close()
    path = data_file(home, chain.rules.chain)
    # A separator stands in a branch page, a copy of the first key of a leaf page: make it one that is too great.
    altered = sum(_alter_in_branches(path, key, b"\xff" * len(key)) for key in bodies)
    assert altered >= 1
    assert "table body" in where(run(chain, home, tmp_path).findings)


def _rows(ledger: Ledger, table: str) -> list[tuple[bytes, bytes]]:
    with ledger.store.snapshot() as view:
        return list(view.items(table))


def _alter_in_branches(path: Path, old: bytes, new: bytes) -> int:
    """Replace a key in LMDB's branch pages only (flag 1 at offset 10 of a page)."""
    data = bytearray(path.read_bytes())
    times = 0
    for page in range(0, len(data), 4096):
        if data[page + 10] & 1 and not data[page + 10] & 8:
            at = data.find(old, page, page + 4096)
            if at >= 0:
                data[at : at + len(old)] = new
                times += 1
    path.write_bytes(data)
    return times


def test_bytes_that_are_no_store_are_refused(chain: Chain, grown: Ledger, home: Path, tmp_path: Path) -> None:
    path = data_file(home, chain.rules.chain)
    path.write_bytes(b"\x00" * path.stat().st_size)
    with pytest.raises(StoreDamaged):
        run(chain, home, tmp_path)


def test_a_chain_that_another_process_is_writing_is_clean(chain: Chain, ledger: Ledger, home: Path) -> None:
    commit(ledger, chain.sign())
    with children.start("recheck", home, chain.rules.chain, 3) as child:
        while child.poll() is None:
            commit(ledger, *[chain.sign() for _ in range(ledger.tip.height % 3)], time=ledger.tip.time + 1)
        lines = child.communicate()[0].decode().splitlines()
    assert child.returncode == 0
    assert [len(line.split()) for line in lines] == [2] * 3, lines
    heights = [int(line.split()[0]) for line in lines]
    assert heights == sorted(heights)
    assert heights[-1] > heights[0] > 1
