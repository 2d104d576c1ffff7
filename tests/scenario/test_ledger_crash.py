"""Invariant 2: no committed transaction is lost by a crash at any point, and no half block is ever seen.

``XINGLIN_CRASHES`` says how often a process that commits blocks is killed (4).
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import children
from tests.support.chain import Chain, commit, dump, found_chain, outcomes
from tests.support.damage import data_file
from xinglin.carrier.ledger.head import HeadFile
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.recheck import recheck
from xinglin.carrier.ledger.store import Store
from xinglin.kernel.encoding import pack

CRASHES = int(os.environ.get("XINGLIN_CRASHES", "4"))
PAGE = 4096

pytestmark = pytest.mark.requirement("S9.1")


def clean(home: Path, chain: Chain) -> bool:
    """Tell whether a recheck finds nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        return recheck(home, chain.rules, Path(scratch)).findings == []


def test_a_process_that_is_killed_while_it_commits(home: Path, seeded: random.Random) -> None:
    chain = found_chain()
    chain.create(home).close()
    logged: list[bytes] = []
    for _ in range(CRASHES):
        sent, acknowledged = grow_and_kill(chain, home, len(logged), seeded)
        ledger = chain.open(home)
        height = ledger.tip.height
        assert acknowledged <= height <= len(logged) + len(sent)
        logged += sent[: height - len(logged)]
        assert [raws for _, _, raws in ledger.blocks()] == [[raw] for raw in logged]
        assert [pack(ledger.entry(index).transaction) for index in range(height)] == logged
        children.content(ledger)
        ledger.close()
        assert clean(home, chain)
    assert len(logged) > 0


def grow_and_kill(chain: Chain, home: Path, height: int, rng: random.Random) -> tuple[list[bytes], int]:
    """Let a child commit a block for each transaction, kill it at a random moment, return what it got and told."""
    sizes = [rng.randrange(1, 900) for _ in range(40)]
    raws = [chain.sign(chain.add(f"c{size % 50}"), chain.batch(bytes(size))) for size in sizes]
    with children.start("grow", home, chain.rules.chain) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"open %d\n" % height
        # More than it can commit until it is killed: the child is at work then.
        child.stdin.write(b"".join(len(raw).to_bytes(4, "big") + raw for raw in raws))
        child.stdin.flush()
        acknowledged = height
        for _ in range(rng.randrange(30)):
            acknowledged = int(child.stdout.readline())
        for _ in range(rng.randrange(2000)):
            pass
        child.kill()
        rest = child.stdout.read().split()
    return raws, max([acknowledged, *map(int, rest)])


def at_every_point(chain: Chain, home: Path, copies: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Commit a block and copy the home before and after each of its writes."""
    taken: dict[str, Path] = {}

    def around(name: str, write: Callable[..., object]) -> Callable[..., object]:
        def copying(*arguments: object) -> object:
            for when in ("before", "after"):
                if when == "after":
                    result = write(*arguments)
                taken[f"{when} {name}"] = copies / f"{when}-{name}"
                shutil.copytree(home, taken[f"{when} {name}"])
            return result

        return copying

    monkeypatch.setattr(Store, "commit", around("store", Store.commit))
    monkeypatch.setattr(HeadFile, "write", around("head", HeadFile.write))
    ledger = chain.open(home)
    commit(ledger, *[chain.sign(chain.add(f"n{number}")) for number in range(5)])
    ledger.close()
    return taken


def grown(chain: Chain, home: Path) -> tuple[int, dict[str, list[tuple[bytes, bytes]]]]:
    """Make a chain of a few blocks; return its height and tables."""
    ledger = chain.create(home)
    for number in range(7):
        commit(ledger, *[chain.sign(chain.add(f"c{one}")) for one in range(number)])
    height, tables = ledger.tip.height, dump(ledger)
    ledger.close()
    return height, tables


def test_each_point_of_a_commit(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = found_chain()
    height, tables = grown(chain, home)
    with monkeypatch.context() as patch:
        points = at_every_point(chain, home, tmp_path / "copies", patch)
    assert list(points) == ["before store", "after store", "before head", "after head"]
    for name, copy in points.items():
        ledger = chain.open(copy)
        assert ledger.tip.height == (height if name == "before store" else height + 1)
        assert name != "before store" or dump(ledger) == tables
        assert ledger.tip.log_size == len(dump(ledger)["entry"])
        assert outcomes(commit(ledger, chain.sign())) == [0]
        ledger.close()
        assert clean(copy, chain)


def test_a_power_cut_between_pages_and_meta_page(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LMDB writes pages, syncs, writes the meta page: some new pages under the old meta page are the old state."""
    chain = found_chain()
    height, tables = grown(chain, home)
    with monkeypatch.context() as patch:
        points = at_every_point(chain, home, tmp_path / "copies", patch)
    old, new = (data_file(points[name], chain.rules.chain).read_bytes() for name in ("before store", "after store"))
    changed = [at for at in range(2 * PAGE, len(new), PAGE) if old[at : at + PAGE] != new[at : at + PAGE]]
    assert len(changed) > 5
    for count in range(0, len(changed) + 1, 3):
        torn = bytearray(old.ljust(len(new), b"\x00"))
        for at in changed[:count]:
            torn[at : at + PAGE] = new[at : at + PAGE]
        data_file(points["before store"], chain.rules.chain).write_bytes(torn)
        ledger: Ledger = chain.open(points["before store"])
        assert (ledger.tip.height, dump(ledger)) == (height, tables)
        ledger.close()
        assert clean(points["before store"], chain)


def test_a_head_file_that_was_half_written(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = found_chain()
    height, _ = grown(chain, home)
    with monkeypatch.context() as patch:
        points = at_every_point(chain, home, tmp_path / "copies", patch)
    heads = {name: copy / "chain" / chain.rules.chain / "head" for name, copy in points.items()}
    old, new = heads["before head"].read_bytes(), heads["after head"].read_bytes()
    assert old != new
    for cut in range(0, len(new) + 1, 32):
        heads["before head"].write_bytes(new[:cut] + old[cut:])
        ledger = chain.open(points["before head"])
        assert ledger.tip.height == height + 1
        ledger.close()


def test_a_chain_whose_making_was_cut_short(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = found_chain()
    taken: list[Path] = []

    def copying_before(write: Callable[..., object]) -> Callable[..., object]:
        def copying(*arguments: object) -> object:
            taken.append(shutil.copytree(home, tmp_path / f"cut-{len(taken)}"))
            return write(*arguments)

        return copying

    monkeypatch.setattr(Store, "commit", copying_before(Store.commit))
    monkeypatch.setattr(HeadFile, "write", copying_before(HeadFile.write))
    chain.create(home).close()
    monkeypatch.undo()
    before_store, before_head = taken
    chain.create(before_store).close()
    for copy in (before_store, before_head):
        ledger = chain.open(copy)
        assert outcomes(commit(ledger, chain.sign())) == [0]
        ledger.close()
        assert clean(copy, chain)
