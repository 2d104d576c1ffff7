"""Every stored batch comes onto the chain once, whatever the chain answers and whenever the node stops."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_chain import FakeChain
from tests.support.intake_home import IntakeHome, bundle
from xinglin.kernel.errors import Unavailable
from xinglin.kernel.identifiers import identifier
from xinglin.service.basic.coordination.outbox.delivery import outbox_findings
from xinglin.service.basic.coordination.outbox.errors import (
    BatchContradiction,
    BatchNotFound,
    BatchUnsettled,
    OutboxRowDamaged,
)
from xinglin.service.basic.coordination.outbox.store import BatchRow, Delivery, OutboxStore


def left_over(home: IntakeHome, fault: str = "lose") -> BatchRow:
    """Store a batch whose transaction met a fault, and return its row as the next start finds it."""
    getattr(home.chain, fault)(1)
    with pytest.raises((BatchUnsettled, Unavailable)):
        home.intake.run([bundle(range(4))])
    home.close()
    home.open()
    (row,) = home.outbox.store.pending()
    return row


def test_what_was_never_logged_is_handed_in_again_as_it_is(home: IntakeHome) -> None:
    row = left_over(home)
    assert home.outbox.resume() == 1
    assert [transaction.header.valid_until for transaction in home.chain.transactions] == [row.valid_until]
    done = home.outbox.find(row.batch)
    assert done == replace(row, state=Delivery.REGISTERED, raw=b"", index=0, height=1)
    assert home.outbox.resume() == 0


def test_what_was_logged_is_only_marked(home: IntakeHome) -> None:
    row = left_over(home, "answer_late")
    submitted = home.chain.submitted
    assert home.outbox.resume() == 1
    assert home.chain.submitted == submitted
    assert home.outbox.find(row.batch).state is Delivery.REGISTERED


def test_what_ended_unlogged_is_signed_again_under_the_same_batch_id(home: IntakeHome) -> None:
    row = left_over(home)
    home.chain.time = row.valid_until + 1
    home.outbox.resume()
    (logged,) = home.chain.transactions
    assert logged.header.valid_until > row.valid_until
    assert logged.operations[0].head.batch[0].root == row.root
    assert list(home.chain.batches) == [row.batch]
    assert home.outbox.find(row.batch).body != row.body


def test_the_new_transaction_is_kept_before_it_is_handed_in(home: IntakeHome) -> None:
    row = left_over(home)
    home.chain.time = row.valid_until + 1
    home.chain.answer_late(1)
    with pytest.raises(Unavailable):
        home.outbox.resume()
    home.close()
    home.open()
    submitted = home.chain.submitted
    home.outbox.resume()
    assert home.chain.submitted == submitted
    assert len(home.chain.transactions) == 1


def test_a_transaction_that_ends_on_its_way_is_signed_again(home: IntakeHome) -> None:
    row = left_over(home)
    home.chain.time = row.valid_until  # the next block would be too late
    home.outbox.resume()
    assert list(home.chain.batches) == [row.batch]


def test_a_transaction_refused_before_committed_time_is_past_waits_for_that(home: IntakeHome) -> None:
    row = left_over(home)
    home.chain.time = row.valid_until - 25
    home.chain.heartbeat = True
    home.chain.next_time = row.valid_until + 1
    home.outbox.resume()
    assert list(home.chain.batches) == [row.batch]


def test_after_a_long_rest_the_clock_says_how_long_a_transaction_is_good(home: IntakeHome) -> None:
    """The chain's own time stands still while nothing runs."""
    home.clock.time = home.chain.next_time = home.chain.time + 86_400_000
    home.intake.run([bundle(range(4))])
    (logged,) = home.chain.transactions
    assert home.clock.time < logged.header.valid_until < home.clock.time + 600_000


def test_a_batch_accepted_before_counts_if_it_is_the_same(home: IntakeHome) -> None:
    """An index put back from before the batch was signed again knows neither transaction."""
    row = left_over(home)
    home.chain.time = row.valid_until + 1
    home.outbox.resume()
    home.outbox.store.replace([row])
    home.outbox.resume()
    again = home.outbox.find(row.batch)
    assert (again.state, again.index) == (Delivery.REGISTERED, 0)
    assert len(home.chain.transactions) == 2


def test_another_batch_under_the_same_id_is_a_contradiction(home: IntakeHome) -> None:
    row = left_over(home)
    home.chain.time = row.valid_until + 1
    home.outbox.resume()
    home.outbox.store.replace([replace(row, root=bytes(32))])
    with pytest.raises(BatchContradiction):
        home.outbox.resume()
    assert home.outbox.find(row.batch).state is Delivery.STORED


def test_a_chain_that_does_not_answer_is_said_to(home: IntakeHome) -> None:
    row = left_over(home)
    home.chain.lose(9)
    with pytest.raises(BatchUnsettled):
        home.outbox.resume()
    home.chain.lose(0)
    home.outbox.resume()
    assert list(home.chain.batches) == [row.batch]


def test_many_batches_are_settled_in_order(home: IntakeHome) -> None:
    home.chain.lose(99)
    with pytest.raises(BatchUnsettled):
        home.intake.run([bundle(range(80))])
    stored = home.outbox.store.last_number()
    home.close()
    home.chain = FakeChain(home.storage.gm)
    home.open()
    assert home.outbox.resume() == stored
    assert [home.outbox.find(batch).index for batch in home.chain.batches] == list(range(stored))


def test_an_unknown_batch_is_refused(home: IntakeHome) -> None:
    with pytest.raises(BatchNotFound):
        home.outbox.find(identifier(bytes(16)))


COLUMNS = ("batch", "first", "count", "state", "root", "body", "valid_until", "raw", "index", "height", "mac")
NUMBER = sa.column("number")
BATCHES = sa.table("batches", NUMBER, *map(sa.column, COLUMNS))


@given(column=st.sampled_from(COLUMNS), value=st.one_of(st.integers(0, 9), st.binary(max_size=20)))
def test_an_altered_row_is_found_or_reads_the_same(
    altered: tuple[IntakeHome, OutboxStore], column: str, value: int | bytes
) -> None:
    home, store = altered
    vault, gm = home.storage.vault, home.storage.gm
    kept = list(store.rows())
    before = _set(store, column, value)
    found = [type(one) for one in outbox_findings(vault, gm, 4)]
    assert found == [OutboxRowDamaged] or list(store.rows()) == kept
    assert found or value == before or (column, before) == ("raw", b"")
    _set(store, column, before)
    assert list(outbox_findings(vault, gm, 4)) == []


@pytest.fixture(scope="module")
def altered(tmp_path_factory: pytest.TempPathFactory) -> tuple[IntakeHome, OutboxStore]:
    """Return a home with one batch, and its rows."""
    home = IntakeHome(tmp_path_factory.mktemp("altered") / "home").create()
    home.intake.run([bundle(range(4))])
    return home, home.outbox.store


def _set(store: OutboxStore, column: str, value: int | bytes) -> int | bytes:
    """Put a value into a column of the first row; return what was there."""
    cell = sa.column(column)
    with store.database.transaction() as connection:
        before = connection.execute(sa.select(cell).select_from(BATCHES).where(NUMBER == 1)).scalar_one()
        connection.execute(sa.update(BATCHES).where(NUMBER == 1).values({column: value}))
    return before  # type: ignore[no-any-return]


def test_a_removed_row_and_a_replaced_transaction_are_found(home: IntakeHome) -> None:
    vault, gm = home.storage.vault, home.storage.gm
    row = left_over(home)
    store = home.outbox.store
    store.replace([replace(row, raw=row.raw[:-1] + bytes([row.raw[-1] ^ 1]), body=bytes(32))])
    vault = home.storage.vault
    assert [one.code for one in outbox_findings(vault, gm, 4)] == ["outbox.row_damaged"]
    with store.database.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM batches")
    assert [one.code for one in outbox_findings(vault, gm, 4)] == ["outbox.row_missing"]
