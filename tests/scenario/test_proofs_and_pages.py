"""What a node gives of its log: true while it catches up, and so much that answering leaves it time (S6.2f, S8.5c)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.neighbourhood import House, Neighbourhood, neighbourhood
from tests.support.served import new_identifier
from tests.support.waiting import PATIENCE
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.ledger.build import build_transaction, operation
from xinglin.carrier.ledger.checkpoint import SignatureType, SignedNote, merge, sign_head
from xinglin.carrier.ledger.log_reading import LogReading
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consortium.neighbours import neighbours_of
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.office.proofs import collect_checkpoint, newest_checkpoint, newest_quorum
from xinglin.node.remote.claims import Open, Time
from xinglin.node.remote.forms import MAX_PROOFS, PREFIX, frame_asked
from xinglin.node.remote.looking import Looker, Seen
from xinglin.node.remote.transport import Ask, ask, parse_address
from xinglin.node.remote.trusting import ChainNamed
from xinglin.server import app
from xinglin.server.limits import MemberRates, SourceRates


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Neighbourhood]:
    """Return four homes that answer one another."""
    with neighbourhood(tmp_path) as four:
        yield four


def logged(place: Neighbourhood) -> Open:
    """Return a transaction that was logged."""
    node = place["platform"].node
    ledger, suite = node.consortium, node.consortium.rules.suite
    call = operation(suite, "registry", "add_node", AddNode(new_identifier(), node.keys.public(SEALING)))
    until = SystemClock().now_ms() + 60_000
    built = build_transaction(suite, ledger.rules.chain, random_bytes(16), until, [call], [node.signer(ADMINISTRATOR)])
    place.group.engine.submit_many([built.raw]).result(PATIENCE)
    return Open(built.raw, built.body, built.valid_until)


def looker_of(house: House) -> Looker:
    """Return what a client asks a node by."""
    rules = house.node.consortium.rules
    return Looker(ChainNamed(rules.chain, rules.suite), ask, Time(time.monotonic, time.sleep), 10)


def of_later(place: Neighbourhood, house: House) -> SignedNote:
    """Return a checkpoint of a height and a size that the chain does not have yet, signed by all who cosign."""
    ledger = house.node.consortium
    height = (ledger.tip.height // 20 + 2) * 20
    now = ledger.head_at(ledger.tip.height)
    head = replace(now, height=height, size=now.size + 50, log_root=os.urandom(32), time=now.time + 1)
    note = SignedNote(head, ())
    for node in place.group.nodes:
        if node.cosigner().cosigns_at(ledger.tip.height):
            signer = node.cosigning_signer()
            suite = ledger.rules.genesis.suite
            line = sign_head(head, node.member, signer.key, suite, SignatureType.CHECKPOINT, signer.sign)
            note = merge(note, [line])
    return note


@pytest.mark.requirement("S6.2f", part="a node that catches up proves what its chain has")
def test_a_node_whose_checkpoints_are_ahead_of_its_chain_proves_under_those_that_it_has(place: Neighbourhood) -> None:
    """As after a rebuilding from genesis: the checkpoints stay, the chain comes from others again (RC8)."""
    house, one = place["hospital"], logged(place)
    ledger = house.node.consortium
    place.grow((ledger.tip.height // 20 + 1) * 20)
    true = collect_checkpoint(place.group.nodes)
    later = of_later(place, house)
    notes = house.node.home.chain(ledger.rules.chain) / "notes"
    (notes / str(later.head.height)).write_bytes(later.encode())
    [seen] = looker_of(house).look(parse_address(house.address), [one])
    assert isinstance(seen, Seen)
    assert newest_quorum(house.node, 0) == newest_checkpoint(house.node, 0) == true


@pytest.mark.requirement("S8.5c")
def test_what_is_asked_for_twice_is_proven_once(place: Neighbourhood, monkeypatch: pytest.MonkeyPatch) -> None:
    house, one = place["hospital"], logged(place)
    proven: list[int] = []
    prove = LogReading.prove_entry
    monkeypatch.setattr(LogReading, "prove_entry", lambda self, *a: (proven.append(a[0]), prove(self, *a))[1])
    looks = looker_of(house).look(parse_address(house.address), [one] * MAX_PROOFS)
    assert len(proven) == 1
    assert len(looks) == MAX_PROOFS
    assert all(isinstance(look, Seen) for look in looks)


@pytest.mark.requirement("S8.5c")
def test_proofs_count_as_more_than_one_request_of_an_address(
    place: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SourceRates", lambda rate, _: SourceRates(rate, lambda: 0.0))
    house = place["hospital"]
    house.deaf()
    house.listen()
    at_once = int(house.node.settings.listener.source_requests * 4)
    address = parse_address(house.address)

    def answered(count: int) -> bool:
        body = frame_asked([(1, os.urandom(32)) for _ in range(count)])
        return ask(address, Ask("POST", f"{PREFIX}/proofs", body)).status == 200

    assert answered(20)
    assert answered(21)
    left = at_once - 3
    for _ in range(left // 10):
        assert answered(MAX_PROOFS)
    assert not answered(MAX_PROOFS)


@pytest.mark.requirement("S8.5c")
def test_pages_and_tiles_of_the_log_are_counted_by_member(
    place: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MemberRates", lambda rate, _: MemberRates(rate, lambda: 0.0))
    monkeypatch.setattr(app, "LOG_PER_MINUTE", 9)
    house = place["hospital"]
    house.deaf()
    house.listen()

    def asking(name: str) -> list[str]:
        near = next(one for one in neighbours_of(place[name].node) if one.address.endswith(f":{house.port}"))
        source, found = near.asking(near.meet()), []
        for look in (lambda: source.page(0, 1), lambda: source.tile(0, 0)) * 2:
            try:
                look()
                found.append("")
            except PlatformError as refusal:
                found.append(refusal.code)
        return found

    few = asking("platform")
    assert few[:3] == ["", "ledger.not_found", ""]
    assert asking("insurer")[:3] == few[:3], "another member has its own"
    assert few[3] not in {"", "ledger.not_found"}
