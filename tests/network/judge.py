"""What must hold when a fault test has ended, whatever it did: looked up in the homes themselves, all stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.network.load import Acknowledged
from tests.support.product import PASSPHRASE, findings
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.node.node import open_node


@dataclass(frozen=True)
class Read:
    """What a home has: app hashes from height 0 up, and where each body is logged."""

    hashes: Sequence[bytes]
    places: Mapping[str, tuple[int, int]]
    twice: Sequence[str]


def judge(
    homes: Mapping[str, Path], acknowledged: Sequence[Acknowledged], handed_in: set[str], verified: str
) -> list[str]:
    """Return what is wrong with honest nodes' homes.

    Args:
        homes: by name.
        acknowledged: what nodes said is committed.
        handed_in: the body ids of everything that was handed in, acknowledged or not.
        verified: the home whose chain is executed again from its beginning.
    """
    read = {name: read_home(home) for name, home in homes.items()}
    found = [one for name, home in read.items() for one in _of_home(name, home, acknowledged)]
    found += list(_differences(read))
    strange = [body for home in read.values() for body in home.places if body not in handed_in]
    found += [f"{len(set(strange))} logged transactions that nobody handed in"] if strange else []
    found += [f"{verified}: verify finds {one.code} {one.where}: {one.sentence}" for one in findings(homes[verified])]
    return found


def read_home(path: Path) -> Read:
    """Read a stopped home; what was logged in block 1, by the founders, is left out of the places."""
    node = open_node(path, PASSPHRASE)
    try:
        ledger = node.consortium
        heights = range(ledger.tip.height + 1)
        first = ledger.head_at(1).size if ledger.tip.height else 0
        leaves = [_leaf(ledger, index) for index in range(first, ledger.tip.log_size)]
        counted = Counter(body for body, _ in leaves)
        return Read(
            [ledger.app_hash_at(height) for height in heights],
            dict(leaves),
            [body for body, count in counted.items() if count > 1],
        )
    finally:
        node.close()


def _leaf(ledger: Ledger, index: int) -> tuple[str, tuple[int, int]]:
    leaf = ledger.entry(index).leaf
    return leaf.body.hex(), (leaf.height, leaf.index)


def _of_home(name: str, home: Read, acknowledged: Sequence[Acknowledged]) -> Iterator[str]:
    yield from (f"{name}: {body} is logged more than once" for body in home.twice)
    for one in acknowledged:
        place = home.places.get(one.body)
        if place is None:
            yield f"{name}: {one.body}, acknowledged through {one.through} at height {one.height}, is lost"
        elif place != (one.height, one.index):
            yield f"{name}: {one.body} is at {place}, and was acknowledged at {(one.height, one.index)}"


def _differences(read: Mapping[str, Read]) -> Iterator[str]:
    highest = max(len(home.hashes) for home in read.values())
    for height in range(highest):
        hashes = {name: home.hashes[height] for name, home in read.items() if height < len(home.hashes)}
        if len(set(hashes.values())) > 1:
            yield f"at height {height} honest nodes differ: { ({k: v.hex()[:16] for k, v in hashes.items()}) }"
            return
