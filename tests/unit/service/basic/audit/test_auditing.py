"""An auditor finds out a node that drops, invents or reorders entries: by receipt, by twin, by execution (H11)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.access import READER, entry
from tests.support.chain import commit, found_chain, rules_of
from tests.support.contract_parties import Key
from tests.support.damage import alter, data_file
from tests.support.hospitals import Hospitals, hospitals, make_hospitals
from tests.support.product import findings
from xinglin.carrier.access.registry.model import EndKey
from xinglin.carrier.contracts.api import Contract, Method
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.recheck import recheck
from xinglin.kernel.encoding import encode
from xinglin.node.founding import ADMINISTRATOR, SERVICE
from xinglin.node.opening import anchoring
from xinglin.node.records.access import access_log, open_trace
from xinglin.service.basic.audit.auditing import (
    DEFAULT_STALE_MS,
    MAX_LAG_MS,
    AccessFinding,
    Anchored,
    Finding,
    compare_twins,
    framed,
    overdue,
)
from xinglin.service.basic.audit.contract import CONTRACT as ACCESS
from xinglin.service.basic.audit.contract import log as honest_log
from xinglin.service.basic.audit.messages import AccessReceipt
from xinglin.service.basic.audit.model import LogAccess, Proven, ReaderProof
from xinglin.service.basic.audit.rules import entry_hash
from xinglin.service.basic.coordination.anchoring import ChainBehindAnchor, ChainRewritten
from xinglin.settings import FreshnessSettings

RECORD, OTHER = b"r" * 32, b"o" * 32
LAG = MAX_LAG_MS + DEFAULT_STALE_MS


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("founded")
    make_hospitals(folder)
    return folder


@pytest.fixture
def homes(founded: Path, tmp_path: Path) -> Path:
    """Return a copy of the two homes."""
    folder = tmp_path / "homes"
    shutil.copytree(founded, folder)
    return folder


@pytest.fixture
def two(homes: Path) -> Iterator[Hospitals]:
    with hospitals(homes) as opened:
        yield opened


def found(said: list[AccessFinding]) -> list[Finding]:
    return [one.finding for one in said]


@pytest.mark.requirement("H11")
@settings(max_examples=4)
@given(steps=st.lists(st.sampled_from(["read", "read", "refuse", "anchor"]), min_size=3, max_size=10))
def test_every_receipt_is_found_under_an_anchor_within_the_lag(founded: Path, steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "homes"
        shutil.copytree(founded, copy)
        with hospitals(copy) as two:
            for step in steps:
                if step == "anchor":
                    two.anchor()
                else:
                    two.read(RECORD, outcome=5601 if step == "refuse" else 0)
            two.anchor()
            assert len(two.receipts) == len([step for step in steps if step != "anchor"])
            assert two.overdue() == []
            assert compare_twins(two.twins(), two.entries()) == []
            assert framed(two.suite, two.entries(), two.consortium.value) == []


def test_before_the_lag_is_over_a_receipt_is_not_overdue_and_after_it_is(two: Hospitals) -> None:
    two.read(RECORD)
    assert two.overdue(later=0) == []
    assert found(two.overdue()) == [Finding.NOT_ANCHORED]
    two.anchor()
    assert two.overdue() == []


def test_anchors_of_other_chains_cover_nothing(two: Hospitals) -> None:
    two.read(RECORD)
    anchoring(two.reader).step()
    assert two.anchors() == []
    assert found(two.overdue()) == [Finding.NOT_ANCHORED]
    two.anchor()
    assert [one.size for one in two.anchors()] == [two.private.tip.log_size]


RECEIPT = AccessReceipt(
    chain="p" + "a" * 26,
    entry=b"e" * 32,
    request=b"q" * 32,
    outcome=0,
    index=4,
    item=2,
    seen_height=1,
    seen_time=1_000_000,
    time=1_000_000,
)


@pytest.mark.parametrize(
    ("place", "anchors", "now", "expected"),
    [
        ((4, 2), [(4, 0), (5, LAG)], LAG, None),
        ((4, 2), [(4, 0), (5, LAG + 1)], LAG + 2, Finding.LATE),
        ((4, 2), [(4, 0)], LAG, None),
        ((4, 2), [(4, 0)], LAG + 1, Finding.NOT_ANCHORED),
        ((4, 1), [(5, 0)], 0, Finding.MOVED),
        ((3, 2), [(5, 0)], 0, Finding.MOVED),
        (None, [(9, 0)], LAG, None),
        (None, [(9, 0)], LAG + 1, Finding.MISSING),
        ((4, 2), [], LAG + 1, Finding.NOT_ANCHORED),
    ],
)
def test_when_a_receipt_is_overdue(
    place: tuple[int, int] | None, anchors: list[tuple[int, int]], now: int, expected: Finding | None
) -> None:
    begin = RECEIPT.seen_time
    covered = [Anchored(size, begin + time) for size, time in anchors]
    said = overdue([RECEIPT], covered, lambda hash_: place if hash_ == RECEIPT.entry else None, begin + now)
    assert found(said) == ([] if expected is None else [expected])


@pytest.mark.parametrize("stale", [3_000, 60_000])
def test_the_lag_follows_how_old_a_head_nodes_may_decide_on(stale: int) -> None:
    for now, expected in ((MAX_LAG_MS + stale, []), (MAX_LAG_MS + stale + 1, [Finding.MISSING])):
        assert found(overdue([RECEIPT], [], lambda _: None, RECEIPT.seen_time + now, stale)) == expected


def test_the_default_is_that_of_the_setting() -> None:
    assert FreshnessSettings().stale_seconds * 1000 == DEFAULT_STALE_MS


@pytest.mark.requirement("H11")
def test_a_read_that_was_served_without_an_entry_is_found_by_its_receipt(two: Hospitals) -> None:
    signed = two.request(RECORD)
    two.ask(signed)
    dropped = two.entry(signed)
    hash_ = entry_hash(two.suite.hash, encode(dropped))
    two.accept(signed, two.receipt(dropped, hash_, two.private.tip.log_size, 0))
    two.read(OTHER)
    two.anchor()
    assert [(one.finding, one.entry) for one in two.overdue()] == [(Finding.MISSING, hash_)]
    assert found(compare_twins(two.twins(), two.entries())) == [Finding.DROPPED]


def restored(store: Path, kept: Path) -> None:
    """Set the custodian's private chain back to a copy."""
    shutil.rmtree(store)
    shutil.copytree(kept, store)


@pytest.mark.requirement("H11")
def test_a_chain_that_is_set_back_before_its_anchor_is_found_by_receipts(homes: Path, tmp_path: Path) -> None:
    with hospitals(homes) as two:
        two.read(RECORD)
        two.anchor()
        store = homes / "custodian" / "chain" / two.private.rules.chain
        receipts = two.receipts
    shutil.copytree(store, tmp_path / "kept")
    with hospitals(homes, receipts) as two:
        two.read(RECORD)
        kept = two.read(OTHER)
        receipts = two.receipts
    restored(store, tmp_path / "kept")
    with hospitals(homes, receipts) as two:
        two.log(two.entry(kept))  # one of the two is made again, a little different; the other is dropped
        two.anchor()
        lost = [(Finding.MISSING, receipt.entry) for receipt in two.receipts[1:]]
        assert [(one.finding, one.entry) for one in two.overdue()] == lost
        assert [(one.finding, one.request) for one in compare_twins(two.twins(), two.entries())] == [
            (Finding.DROPPED, two.receipts[1].request)
        ]


@pytest.mark.requirement("H11")
def test_entries_in_another_order_are_found_by_receipts(homes: Path, tmp_path: Path) -> None:
    with hospitals(homes) as two:
        store = homes / "custodian" / "chain" / two.private.rules.chain
    shutil.copytree(store, tmp_path / "kept")
    with hospitals(homes) as two:
        signed = [two.request(RECORD) for _ in range(2)]
        entries = []
        for one in signed:
            two.ask(one)
            entries.append(two.entry(one))
        with access_log(two.custodian) as log:
            places = [log.log(one) for one in entries]
        for request, made, place in zip(signed, entries, places, strict=True):
            two.accept(request, two.receipt(made, place.entry, place.index, place.item))
        receipts = two.receipts
    restored(store, tmp_path / "kept")
    with hospitals(homes, receipts) as two:
        two.log(*entries[::-1])
        two.anchor()
        assert found(two.overdue()) == [Finding.MOVED, Finding.MOVED]


@pytest.mark.requirement("H11", "H2")
def test_a_chain_that_is_set_back_behind_its_anchor_is_not_anchored_again(homes: Path, tmp_path: Path) -> None:
    with hospitals(homes) as two:
        store = homes / "custodian" / "chain" / two.private.rules.chain
    shutil.copytree(store, tmp_path / "kept")
    with hospitals(homes) as two:
        two.read(RECORD)
        two.read(RECORD)
        two.anchor()
    restored(store, tmp_path / "kept")
    with hospitals(homes) as two:
        with pytest.raises(ChainBehindAnchor):
            two.anchor()
        signed = two.request(OTHER)
        two.log(*[two.entry(signed) for _ in range(6)])
        with pytest.raises(ChainRewritten):
            two.anchor()
        assert anchoring(two.custodian).state() is not None


@pytest.mark.requirement("H11", "S9.2")
def test_an_entry_that_was_altered_in_the_store_is_found_by_execution(homes: Path) -> None:
    with hospitals(homes) as two:
        made = two.entry(two.request(RECORD))
        two.log(made, two.entry(two.request(RECORD)))
        chain = two.private.rules.chain
    home = homes / "custodian"
    assert findings(home) == []
    assert alter(data_file(home, chain), made.request, bytes(32)) >= 1
    assert findings(home) != []


@pytest.mark.requirement("H11", "S9.2")
def test_a_head_that_its_institution_did_not_move_is_found_by_execution(tmp_path: Path) -> None:
    """An institution that runs a contract of its own makes another state than the one that its blocks give."""

    def cheat(ctx: object, call: LogAccess, items: list[bytes]) -> None:
        honest_log(ctx, call, items[:-1])  # type: ignore[arg-type]

    cheating = Contract("access", 1, {"log": Method(LogAccess, cheat, batch=True)}, ("access",))
    chain = found_chain(parties=1, extra=(cheating,))
    ledger = chain.create(tmp_path / "home")
    time = ledger.tip.time
    items = [encode(entry(commitment=RECORD, time=time)) for _ in range(2)]
    assert commit(ledger, chain.sign(chain.call("access.log", LogAccess(), items)))[0].receipt is not None
    ledger.close()
    assert recheck(tmp_path / "home", chain.rules, tmp_path / "own").findings == []
    found_ = recheck(tmp_path / "home", rules_of(chain.genesis, (ACCESS,)), tmp_path / "again").findings
    assert "state" in {one.where.split(",")[0].removeprefix("table ") for one in found_}


@pytest.mark.requirement("H11")
def test_an_invented_entry_is_found_by_the_reader_s_twins(two: Hospitals) -> None:
    """Made with a stolen key: the signature is good, and the reader's institution never asked."""
    two.read(RECORD)
    two.log(two.entry(two.request(OTHER)))
    said = compare_twins(two.twins(), two.entries())
    assert found(said) == [Finding.UNASKED]
    assert framed(two.suite, two.entries(), two.consortium.value) == []


@pytest.mark.requirement("H11")
def test_a_reader_who_did_not_sign_is_found_framed(two: Hospitals) -> None:
    signed, stranger = two.request(RECORD), Key(two.suite)
    request = two.entry(signed).request
    proofs = {
        "another signature": ReaderProof(signed.key, two.request(OTHER).signature),
        "a stranger's key": ReaderProof(stranger.public, stranger.sign(request)),
        "the institution's own key": ReaderProof(
            two.custodian.keys.public(SERVICE), two.custodian.keys.sign(SERVICE, request)
        ),
        "no key at all": ReaderProof(bytes(65), bytes(64)),
    }
    forged = [two.entry(signed, proof=(proof,)) for proof in proofs.values()]
    two.log(two.entry(signed), *forged)
    said = framed(two.suite, two.entries(), two.consortium.value)
    assert [(one.finding, one.entry) for one in said] == [
        (Finding.FRAMED, entry_hash(two.suite.hash, encode(one))) for one in forged
    ]


def test_a_key_that_had_ended_proves_refusals_alone(two: Hospitals) -> None:
    signed, before = two.request(RECORD), two.entry(two.request(RECORD))
    end = operation(two.suite, "registry", "end_key", EndKey(signed.key, ()))
    two.reader.client().call([end], [two.reader.signer(ADMINISTRATOR)])
    two.log(before)
    two.anchor()  # a block after the one in which the key ended
    two.log(two.entry(signed, outcome=1211), two.entry(signed))
    said = framed(two.suite, two.entries(), two.consortium.value)
    assert [one.entry for one in said] == [two.entries()[-1].hash]


def test_what_rests_on_the_institution_s_word_names_nobody_else(two: Hospitals) -> None:
    own = two.entry(two.request(RECORD), member=two.custodian.member, proven=Proven.SESSION, proof=())
    two.log(own)
    assert two.entries() == []


def test_twins_that_do_not_match(two: Hospitals) -> None:
    two.read(RECORD)
    unanswered = two.request(RECORD)
    two.ask(unanswered)
    two.log(two.entry(unanswered))
    twins, entries = two.twins(), two.entries()
    assert found(compare_twins(twins, entries)) == [Finding.UNANSWERED]
    assert found(compare_twins(twins, entries[:1])) == []
    other = replace(entries[0].entry, account=READER)
    changed = [
        type(entries[0])(
            *[getattr(entries[0], name) for name in ("index", "item", "height", "block_time", "hash")], one, b""
        )
        for one in (other, replace(entries[0].entry, outcome=5601))
    ]
    for one in changed:
        assert found(compare_twins(twins, [one])) == [Finding.CONTRADICTED]


@pytest.mark.requirement("H11")
def test_a_permit_that_was_overtaken_by_a_refusal_is_no_contradiction_unless_it_was_answered(two: Hospitals) -> None:
    honest, lying = two.request(RECORD), two.request(RECORD)
    for signed, answered in ((honest, 5601), (lying, 0)):
        two.ask(signed)
        with access_log(two.custodian) as log:
            made = [two.entry(signed), two.entry(signed, basis="care"), two.entry(signed, outcome=5601)]
            places = [log.log(one) for one in made]
        at = 2 if answered else 0
        two.accept(signed, two.receipt(made[at], places[at].entry, places[at].index, places[at].item))
    [said] = compare_twins(two.twins(), two.entries())
    assert (said.finding, said.entry) == (Finding.CONTRADICTED, places[2].entry)
    swapped = two.entries()[2::-1]
    assert found(compare_twins(two.twins()[:1], swapped)) == [Finding.CONTRADICTED] * 2


def test_a_request_without_an_answer_stays_a_finding(two: Hospitals) -> None:
    signed = two.request(RECORD)
    two.ask(signed)
    with open_trace(two.reader) as trace:
        [twin] = trace.open_twins(0)
    assert (twin.custodian, twin.account) == (two.custodian.member, two.account(two.reader))
    assert twin.request == two.entry(signed).request
