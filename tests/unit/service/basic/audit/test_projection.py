"""The access projection: made from the log, complete by the heads, found out when it is not what the chain makes it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.access import ACCOUNT, READER, entry, private_home
from tests.support.chain import Chain, commit, found_chain
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import ChainObject, encode
from xinglin.kernel.errors import PlatformError
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import SystemClock
from xinglin.service.basic.audit.contract import CONTRACT as ACCESS
from xinglin.service.basic.audit.errors import TraceDiffers
from xinglin.service.basic.audit.log import AccessLog
from xinglin.service.basic.audit.model import (
    NO_RECORD,
    AccessEntry,
    Aggregate,
    AnswerTwin,
    AskTwin,
    LogAccess,
    OpenedCopy,
    SourceCount,
)
from xinglin.service.basic.audit.projecting import differs, rebuild
from xinglin.service.basic.audit.projection import AccessProjection, Completeness, Recipient
from xinglin.service.basic.audit.trace_store import FILE

RECORDS = [bytes([n]) * 32 for n in range(1, 4)]
ACCOUNTS = [identifier(bytes([n]) * 16) for n in range(3)]
MEMBERS = [identifier(bytes([n + 100]) * 16) for n in range(2)]


class Made:
    """A private chain whose blocks a test makes, and its projection."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chain: Chain = found_chain("gm", parties=1, extra=(ACCESS,))
        self.ledger: Ledger = self.chain.create(folder)
        self.projection = AccessProjection(folder / "projections", self.ledger)

    def close(self) -> None:
        self.projection.close()
        self.ledger.close()

    def block(self, *calls: tuple[str, ChainObject, Sequence[bytes]]) -> None:
        """Commit one transaction of calls of the contract."""
        operations = [self.chain.call(f"access.{method}", arguments, items) for method, arguments, items in calls]
        raw = self.chain.sign(*operations, valid_until=self.ledger.tip.time + 60_000)
        results = commit(self.ledger, raw)
        assert results[0].receipt is not None
        assert results[0].receipt.number == 0

    def log(self, *entries: AccessEntry) -> None:
        """Log entries in one transaction."""
        self.block(("log", LogAccess(), [encode(one) for one in entries]))

    def now(self, **fields: Any) -> AccessEntry:
        """Return an entry that the next block takes."""
        return entry(time=self.ledger.tip.time, **fields)

    def sql(self, statement: str) -> None:
        """Alter the projection's file behind its back."""
        with sqlite3.connect(self.folder / "projections" / FILE) as connection:
            connection.execute(statement)
        connection.close()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    one = Made(tmp_path)
    yield one
    one.close()


@pytest.mark.requirement("H14", "S8.6b")
def test_all_entries_of_records_in_log_order(made: Made) -> None:
    entries = [made.now(commitment=RECORDS[n % 3], purpose="treat") for n in range(7)]
    made.log(*entries[:4])
    made.log(*entries[4:])
    rows = made.projection.entries_of([RECORDS[0], RECORDS[1]])
    assert [row.entry for row in rows] == [one for one in entries if one.commitment != RECORDS[2]]
    assert [(row.index, row.item) for row in rows] == [(0, 0), (0, 1), (0, 3), (1, 0), (1, 2)]
    assert {(row.height, row.block_time) for row in rows} == {
        (1, made.ledger.head_at(1).time),
        (2, made.ledger.head_at(2).time),
    }
    assert made.projection.entries_of([b"?" * 32]) == []
    assert made.projection.entries_of([]) == []


def test_a_batch_of_many_commitments_is_asked_for_at_once(made: Made) -> None:
    commitments = [os.urandom(32) for _ in range(2_500)]
    for first in range(0, 2_500, 250):
        made.log(*[made.now(commitment=one) for one in commitments[first : first + 250]])
    assert [row.entry.commitment for row in made.projection.entries_of(commitments)] == commitments


@pytest.mark.requirement("H4")
def test_from_a_leaked_entry_to_its_account(made: Made) -> None:
    entries = [made.now(account=ACCOUNTS[n], request=bytes([n]) * 32) for n in range(3)]
    made.log(*entries)
    [row] = made.projection.entries_by(ACCOUNTS[1])
    found = made.projection.entry(row.hash)
    assert found is not None
    assert (found.entry.account, found.entry.request) == (ACCOUNTS[1], b"\x01" * 32)
    assert made.projection.entry(bytes(32)) is None
    assert [one.entry for one in made.projection.entries_for(b"\x02" * 32)] == [entries[2]]


@pytest.mark.requirement("H12", "H4")
def test_a_permit_that_was_overtaken_gave_nothing(made: Made) -> None:
    record, before = RECORDS[0], made.ledger.tip.time
    revoked, narrowed = b"r" * 32, b"n" * 32
    made.log(
        made.now(commitment=record, account=ACCOUNTS[0], request=revoked),
        made.now(commitment=record, account=ACCOUNTS[1], request=narrowed),
        made.now(commitment=record, account=ACCOUNTS[0], request=revoked, outcome=5601, copy=OpenedCopy.NONE),
        made.now(commitment=record, account=ACCOUNTS[1], request=narrowed, copy=OpenedCopy.DEIDENTIFIED),
    )
    assert made.projection.recipients(record) == [
        Recipient(READER, ACCOUNTS[1], OpenedCopy.DEIDENTIFIED, 1, before, before)
    ]


def test_the_blast_radius_is_who_was_given_a_copy(made: Made) -> None:
    record, before = RECORDS[0], made.ledger.tip.time
    given = [
        made.now(commitment=record, account=ACCOUNTS[0]),
        made.now(commitment=record, account=ACCOUNTS[1], copy=OpenedCopy.DEIDENTIFIED),
        made.now(commitment=record, account=ACCOUNTS[2], outcome=5601, copy=OpenedCopy.NONE),
        made.now(commitment=record, account=ACCOUNTS[2], copy=OpenedCopy.NONE, action="confirm"),
        made.now(commitment=RECORDS[1], account=ACCOUNTS[2]),
    ]
    made.log(*given)
    later = made.ledger.tip.time
    made.log(made.now(commitment=record, account=ACCOUNTS[0]))
    assert made.projection.recipients(record) == [
        Recipient(READER, ACCOUNTS[0], OpenedCopy.ORIGINAL, 2, before, later),
        Recipient(READER, ACCOUNTS[1], OpenedCopy.DEIDENTIFIED, 1, before, before),
    ]


@pytest.mark.requirement("H11")
def test_a_list_is_complete_if_it_leads_to_the_head(made: Made) -> None:
    assert made.projection.completeness(RECORDS[0]) == Completeness(True, 0, 0)
    made.log(*[made.now(commitment=RECORDS[0]) for _ in range(3)])
    made.log(made.now(commitment=RECORDS[0]))
    assert made.projection.completeness(RECORDS[0]) == Completeness(True, 4, 4)
    made.sql("DELETE FROM entries WHERE item = 1")
    assert made.projection.completeness(RECORDS[0]) == Completeness(False, 3, 4)
    assert made.projection.completeness(RECORDS[1]) == Completeness(True, 0, 0)


def test_entries_in_another_order_are_not_complete(made: Made) -> None:
    made.log(made.now(commitment=RECORDS[0]), made.now(commitment=RECORDS[0]))
    made.projection.follow()
    made.sql("UPDATE entries SET item = item + 10")
    made.sql("UPDATE entries SET item = 5 WHERE item = 11")
    assert made.projection.completeness(RECORDS[0]) == Completeness(False, 2, 2)


def test_searches_of_a_member_are_complete_by_its_own_head(made: Made) -> None:
    search = {"commitment": NO_RECORD, "copy": OpenedCopy.NONE, "action": "search"}
    made.log(*[made.now(member=member, **search) for member in (*MEMBERS, MEMBERS[0])], made.now(member=MEMBERS[0]))
    assert made.projection.completeness_of_searches(MEMBERS[0]) == Completeness(True, 2, 2)
    assert len(made.projection.entries_of_member(MEMBERS[0])) == 3
    made.sql("DELETE FROM entries WHERE item = 0")
    assert made.projection.completeness_of_searches(MEMBERS[0]) == Completeness(False, 1, 2)
    assert made.projection.completeness_of_searches(MEMBERS[1]) == Completeness(True, 1, 1)


@pytest.mark.requirement("H11")
def test_an_open_twin_is_shown_until_it_is_answered(made: Made) -> None:
    requests = [bytes([n]) * 32 for n in range(3)]
    for request in requests[:2]:
        made.block(("ask", AskTwin(request, MEMBERS[0], ACCOUNT), []))
    made.block(
        ("ask", AskTwin(requests[2], MEMBERS[0], ACCOUNT), []), ("answered", AnswerTwin(requests[2], RECORDS[0], 7), [])
    )
    made.block(("answered", AnswerTwin(requests[0], RECORDS[1], 0), []))
    times = [made.ledger.head_at(height).time for height in range(5)]
    twins = made.projection.twins()
    assert [(twin.request, twin.asked, twin.answered) for twin in twins] == [
        (requests[0], times[1], times[4]),
        (requests[1], times[2], 0),
        (requests[2], times[3], times[3]),
    ]
    assert (twins[2].custodian, twins[2].account, twins[2].receipt, twins[2].outcome) == (
        MEMBERS[0],
        ACCOUNT,
        RECORDS[0],
        7,
    )
    age = times[4] - times[2]
    assert made.projection.open_twins(age) == [twins[1]]
    assert made.projection.open_twins(age + 1) == []
    assert made.projection.twin(requests[1]) == twins[1]
    assert made.projection.twin(b"?" * 32) is None


def test_aggregates_are_there_from_a_minute_on(made: Made) -> None:
    minute = made.ledger.tip.time // 60_000 * 60_000 - 120_000
    for later in (0, 60_000):
        items = [encode(SourceCount(bytes([n]) * 32, n + 5)) for n in range(2)]
        made.block(("aggregate", Aggregate(minute + later), items))
    assert len(made.projection.aggregates()) == 4
    assert made.projection.aggregates(minute + 60_000) == [(minute + 60_000, bytes([n]) * 32, n + 5) for n in range(2)]


def test_what_was_refused_is_not_shown(made: Made) -> None:
    raw = made.chain.sign(
        made.chain.call("access.log", LogAccess(), [encode(made.now(outcome=7))]),
        valid_until=made.ledger.tip.time + 60_000,
    )
    [result] = commit(made.ledger, raw)
    assert result.receipt is not None
    assert result.receipt.number == 5703
    made.log(made.now(commitment=RECORDS[0]))
    assert len(made.projection.entries_by(ACCOUNT)) == 1


def test_it_goes_on_where_it_was_after_it_was_closed(made: Made) -> None:
    made.log(made.now(commitment=RECORDS[0]))
    assert made.projection.follow() == 1
    made.log(made.now(commitment=RECORDS[0]))
    made.projection.close()
    made.projection = AccessProjection(made.folder / "projections", made.ledger)
    assert made.projection.follow() == 1
    assert made.projection.follow() == 0
    assert len(made.projection.entries_of([RECORDS[0]])) == 2


ALTERED = {
    "UPDATE entries SET account = x'00112233445566778899aabbccddeeff'": "entries",
    "UPDATE entries SET raw = x'00'": "entries",
    "UPDATE entries SET height = 9": "entries",
    "DELETE FROM entries": "entries",
    "UPDATE twins SET outcome = 9": "twins",
    "UPDATE twins SET custodian = x'00'": "twins",
    "DELETE FROM twins": "twins",
    "UPDATE aggregates SET count = 1": "aggregates",
    "UPDATE position SET leaf = x'00'": "position",
}


@pytest.fixture
def full(made: Made) -> Made:
    """Return a projection with a row in each table."""
    request, minute = b"q" * 32, made.ledger.tip.time // 60_000 * 60_000 - 60_000
    made.log(made.now(commitment=RECORDS[0], request=request))
    made.block(("ask", AskTwin(request, MEMBERS[0], ACCOUNT), []), ("answered", AnswerTwin(request, RECORDS[0], 7), []))
    made.block(("aggregate", Aggregate(minute), [encode(SourceCount(bytes(32), 5))]))
    made.projection.follow()
    return made


@pytest.mark.requirement("S9.1")
@pytest.mark.parametrize(("statement", "table"), ALTERED.items(), ids=list(ALTERED))
def test_an_altered_projection_is_found_and_made_again(
    full: Made, statement: str, table: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, scratch = full.folder / "projections", tmp_path_factory.mktemp("scratch")
    assert differs(folder, full.ledger, scratch) == {}
    full.sql(statement)
    assert differs(folder, full.ledger, scratch) == {table: 1}
    full.projection.close()
    assert rebuild(folder, full.ledger) != {}
    assert differs(folder, full.ledger, scratch) == {}
    assert rebuild(folder, full.ledger) == {}
    full.projection = AccessProjection(folder, full.ledger)
    assert len(full.projection.entries_of([RECORDS[0]])) == 1
    assert sorted(path.name for path in folder.iterdir() if path.name == FILE or ".new" in path.name) == [FILE]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET raw = x'00'",
        "UPDATE entries SET raw = CAST(substr(raw, 1, length(raw) - 1) || x'00' AS BLOB)",
        "UPDATE entries SET entry = x'00'",
        "UPDATE entries SET request = x'00'",
        "UPDATE position SET leaf = x'00'",
        "UPDATE position SET next = 99",
        "UPDATE entries SET commitment = (SELECT commitment FROM entries WHERE item = 1 LIMIT 1)",
    ],
)
def test_an_altered_row_is_not_shown(full: Made, statement: str) -> None:
    full.log(full.now(commitment=RECORDS[0]), full.now(commitment=RECORDS[1]))
    full.projection.follow()
    full.sql(statement)
    with pytest.raises(TraceDiffers):
        full.projection.entries_of([RECORDS[1]] if "SELECT commitment" in statement else [RECORDS[0]])


@pytest.mark.parametrize("column", ["outcome = 9", "receipt = x'00'", "answered = 9", "asked = 9", "custodian = x'00'"])
def test_an_altered_twin_is_not_shown(full: Made, column: str) -> None:
    full.sql(f"UPDATE twins SET {column}")  # noqa: S608
    with pytest.raises(TraceDiffers):
        full.projection.twins()


def test_a_file_that_is_no_database_is_made_again(full: Made) -> None:
    folder = full.folder / "projections"
    full.projection.close()
    (folder / FILE).write_bytes(b"not a database" * 1000)
    with pytest.raises(PlatformError) as damage:
        AccessProjection(folder, full.ledger)
    assert rebuild(folder, full.ledger) == {damage.value.code: 1}
    full.projection = AccessProjection(folder, full.ledger)
    assert len(full.projection.entries_of([RECORDS[0]])) == 1


def test_a_chain_that_was_set_back_is_not_followed_silently(full: Made, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shorter = full.chain.create(other)
    with pytest.raises(TraceDiffers):
        AccessProjection(full.folder / "projections", shorter).follow()
    shorter.close()


def test_readers_and_the_log_at_once(tmp_path: Path) -> None:
    with private_home(tmp_path) as private:
        log, projection = AccessLog(private.client, private.signer), AccessProjection(tmp_path / "p", private.ledger)

        def read(_: int) -> bool:
            log.log(entry(commitment=RECORDS[0], time=SystemClock().now_ms()))
            return projection.completeness(RECORDS[0]).complete

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(read, range(40))) >= 30  # a head may move on three times while one looks
        assert projection.completeness(RECORDS[0]) == Completeness(True, 40, 40)
        log.close()
        projection.close()


entries_made = st.lists(
    st.tuples(st.sampled_from(RECORDS), st.sampled_from(ACCOUNTS), st.sampled_from([0, 0, 5601])),
    min_size=1,
    max_size=5,
)


@pytest.mark.requirement("H4", "H14")
@settings(max_examples=20)
@given(blocks=st.lists(entries_made, max_size=6), followed=st.sets(st.integers(0, 5)))
def test_any_log_is_answered_as_a_plain_search_would(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[list[tuple[bytes, str, int]]], followed: set[int]
) -> None:
    made = Made(tmp_path_factory.mktemp("log"))
    everything: list[AccessEntry] = []
    for number, block in enumerate(blocks):
        entries = [
            made.now(commitment=record, account=account, outcome=outcome, copy=OpenedCopy(int(outcome == 0)))
            for record, account, outcome in block
        ]
        made.log(*entries)
        everything += entries
        if number in followed:
            made.projection.follow()
    for record in RECORDS:
        mine = [one for one in everything if one.commitment == record]
        assert [row.entry for row in made.projection.entries_of([record])] == mine
        assert made.projection.completeness(record) == Completeness(True, len(mine), len(mine))
        given_to = {one.account for one in mine if one.outcome == 0}
        assert {recipient.account for recipient in made.projection.recipients(record)} == given_to
    for account in ACCOUNTS:
        mine = [one for one in everything if one.account == account]
        assert [row.entry for row in made.projection.entries_by(account)] == mine
    assert differs(made.folder / "projections", made.ledger, tmp_path_factory.mktemp("scratch")) == {}
    made.close()
