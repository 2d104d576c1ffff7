"""What a block does: T1 to T4, and stages (b) and (c) of the check; once valid, once with one change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tests.support.chain import (
    BLOCK_MS,
    Chain,
    body_of,
    commit,
    dump,
    execute,
    found_chain,
    leaving_calls,
    outcomes,
    unmoved,
)
from tests.support.contract_parties import Key, new_id
from tests.support.counters import Count, Named
from xinglin.carrier.access.registry.model import AddAccount, AddKey, EndAccount, EndKey
from xinglin.carrier.contracts.api import ArgumentsInvalid
from xinglin.carrier.ledger.errors import BlockInvalid
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.merkle import verify_inclusion
from xinglin.carrier.ledger.model import Leaf, Receipt, ReceiptFact
from xinglin.carrier.ledger.transition import Quota
from xinglin.kernel.encoding import decode, pack, state_key
from xinglin.stakeholders.kinds import Role

SUPER = Role.SUPER_ADMINISTRATOR


@contextmanager
def opened(chain: Chain, home: Path) -> Iterator[Ledger]:
    """Give the ledger of a chain of other parameters."""
    ledger = chain.create(home)
    yield ledger
    ledger.close()


def passed_over(ledger: Ledger, *raws: bytes, time: int | None = None) -> Sequence[str | int]:
    """Return the codes with which transactions are passed over: nothing but the block itself may come of them."""
    before, tables = ledger.tip, dump(ledger)
    at = before.time + BLOCK_MS if time is None else time
    found = outcomes(commit(ledger, *raws, time=at))
    checked = [getattr(one, "code", 0) for one in ledger.check(raws, at)]
    assert checked == found
    assert (ledger.tip.app_hash, ledger.tip.log_size) == (before.app_hash, before.log_size)
    after = dump(ledger)
    assert after.pop("block") == [*tables.pop("block"), after_block(ledger)]
    assert after == tables
    return found


def after_block(ledger: Ledger) -> tuple[bytes, bytes]:
    """Return the row of the last block."""
    with ledger.store.snapshot() as view:
        last = view.last("block")
    assert last is not None
    return last


def count(ledger: Ledger, name: str = "a") -> int | None:
    """Return a counter."""
    value = ledger.value(state_key("counter", name))
    return None if value is None else decode(Count, value).count


class TestBlocks:
    """T1 to T4."""

    @pytest.mark.parametrize("step", [-1, 0, 2])
    def test_t1_the_next_height(self, chain: Chain, ledger: Ledger, step: int) -> None:
        commit(ledger)
        with unmoved(ledger), pytest.raises(BlockInvalid):
            ledger.execute(ledger.tip.height + step, ledger.tip.time + 1, [chain.sign()])
        assert outcomes(commit(ledger, chain.sign())) == [0]

    @pytest.mark.parametrize("blocks", [0, 1])
    def test_t1_a_later_time(self, chain: Chain, ledger: Ledger, blocks: int) -> None:
        for _ in range(blocks):
            commit(ledger)
        for time in (ledger.tip.time, ledger.tip.time - 1, 0):
            with unmoved(ledger), pytest.raises(BlockInvalid):
                execute(ledger, chain.sign(), time=time)
        assert outcomes(commit(ledger, chain.sign(), time=ledger.tip.time + 1)) == [0]

    def test_t2_in_order_each_seeing_those_before(self, chain: Chain, ledger: Ledger) -> None:
        raws = [chain.sign(chain.add("a", 600)), chain.sign(chain.add("a", 600)), chain.sign(chain.add("a", 400))]
        results = commit(ledger, *raws)
        assert outcomes(results) == [0, ArgumentsInvalid.number, 0]
        assert count(ledger) == 1000
        assert [result.leaf.index for result in results if result.leaf] == [0, 1, 2]

    @pytest.mark.requirement("W9")
    def test_t3_a_leaf_for_each_receipt(self, chain: Chain, ledger: Ledger) -> None:
        commit(ledger, chain.sign())
        raws = [chain.sign(chain.add("b")), b"", chain.sign(chain.add("b", 2000))]
        raws[1] = chain.sign(valid_until=ledger.tip.time)
        commit(ledger, *raws)
        tx = [msgspec.msgpack.decode(raw) for raw in raws]
        for index, which in ((1, 0), (2, 2)):
            entry = ledger.entry(index)
            assert entry.leaf == Leaf(
                height=2,
                time=chain.start + 2 * BLOCK_MS,
                index=index,
                body=body_of(chain.rules, raws[which]),
                valid_until=tx[which][0][4],
                transaction=chain.suite.hash(b"transaction\x00" + pack(tx[which][:2])),
                receipt=chain.suite.hash(b"receipt\x00" + pack([entry.receipt])),
            )
            leaf_hash = chain.suite.leaf_hash(pack(entry.leaf))
            path = ledger.tiles().inclusion(index, 3)
            assert verify_inclusion(chain.suite, leaf_hash, index, 3, path, ledger.tip.log_root)
        assert ledger.tip.log_size == 3

    def test_t4_the_app_hash(self, chain: Chain, ledger: Ledger) -> None:
        commit(ledger, chain.sign())
        tip = ledger.tip
        values = [chain.rules.chain, tip.state_root, 1, tip.log_root]
        assert tip.app_hash == chain.suite.hash(b"app\x00" + pack(values))

    def test_t4_an_empty_block_changes_nothing(self, chain: Chain, ledger: Ledger) -> None:
        commit(ledger, chain.sign())
        before = ledger.tip
        commit(ledger)
        assert ledger.tip.app_hash == before.app_hash
        assert (ledger.tip.height, ledger.tip.time) == (before.height + 1, before.time + BLOCK_MS)


class TestAdmission:
    """B1 to B4: passed over without receipt, without leaf, the body id not used."""

    def test_b1_expired(self, chain: Chain, ledger: Ledger) -> None:
        time = ledger.tip.time + 500
        late = chain.sign(valid_until=time - 1)
        assert passed_over(ledger, late, time=time) == ["transaction.expired"]
        assert outcomes(commit(ledger, chain.sign(valid_until=time + 7), time=time + 7)) == [0]

    def test_b1_too_far_ahead(self, chain: Chain, ledger: Ledger) -> None:
        time, most = ledger.tip.time + 500, chain.rules.parameters.max_valid_ms
        early = chain.sign(valid_until=time + most + 1)
        assert passed_over(ledger, early, time=time) == ["transaction.too_far_ahead"]
        assert outcomes(commit(ledger, early, time=time + 1)) == [0]

    def test_b2_replayed(self, chain: Chain, ledger: Ledger) -> None:
        raw, refused = chain.sign(), chain.sign(chain.add("a", 2000))
        assert outcomes(commit(ledger, raw, refused, raw, refused)) == [
            0,
            ArgumentsInvalid.number,
            *["transaction.replayed"] * 2,
        ]
        assert passed_over(ledger, raw, refused) == ["transaction.replayed"] * 2
        assert count(ledger) == 1

    @pytest.mark.requirement("S6.2a1")
    def test_b3_unknown_key(self, chain: Chain, ledger: Ledger) -> None:
        stranger, account = Key(chain.suite), new_id()
        raw = chain.sign(keys=[chain.key(), stranger])
        assert passed_over(ledger, raw) == ["signer.unknown"]
        proof = stranger.prove(chain.rules.chain, chain.parties[0].member, account)
        add = chain.call(
            "registry.add_account", AddAccount(account, (Role.SERVICE,), bytes(32), stranger.public, proof)
        )
        assert outcomes(commit(ledger, chain.sign(add, keys=[chain.key(0, SUPER)]), raw)) == [0, "signer.unknown"]
        assert outcomes(commit(ledger, raw)) == [0]

    @pytest.mark.requirement("S6.2a1")
    def test_b3_ended_key(self, chain: Chain, ledger: Ledger) -> None:
        end = chain.call("registry.end_key", EndKey(chain.key().public, ()))
        ending, same_block = chain.sign(end, keys=[chain.key(0, SUPER)]), chain.sign()
        assert outcomes(commit(ledger, ending, same_block)) == [0, 0]
        assert passed_over(ledger, chain.sign(), chain.sign(keys=[chain.key(1), chain.key()])) == ["signer.ended"] * 2
        assert outcomes(commit(ledger, chain.sign(keys=[chain.key(1)]))) == [0]

    def test_b3_compromised_key(self, chain: Chain, ledger: Ledger) -> None:
        end = chain.call("registry.end_key", EndKey(chain.key().public, (chain.start,)))
        assert outcomes(commit(ledger, chain.sign(end, keys=[chain.key(0, SUPER)]), chain.sign())) == [0, 0]
        assert passed_over(ledger, chain.sign()) == ["signer.ended"]

    @pytest.mark.requirement("S6.2a1")
    def test_b3_ended_account(self, chain: Chain, ledger: Ledger) -> None:
        account = chain.parties[0].accounts[Role.SERVICE][0]
        end = chain.call("registry.end_account", EndAccount(account))
        assert outcomes(commit(ledger, chain.sign(end, keys=[chain.key(0, SUPER)]), chain.sign())) == [0, 0]
        assert passed_over(ledger, chain.sign()) == ["signer.ended"]

    @pytest.mark.requirement("S6.2a1")
    @pytest.mark.parametrize("suspend", [True, False])
    def test_b3_member_that_has_left(self, home: Path, suspend: bool) -> None:
        chain = found_chain(parties=3)
        with opened(chain, home) as ledger:
            propose, votes = leaving_calls(chain, 9, 2, suspend=suspend)
            administrators = [[chain.key(party, SUPER)] for party in (0, 1)]
            assert outcomes(commit(ledger, chain.sign(propose, keys=administrators[0]))) == [0]
            last = chain.sign(keys=[chain.key(2)])
            assert outcomes(commit(ledger, chain.sign(votes[0], keys=administrators[0]), last)) == [0, 0]
            last = chain.sign(keys=[chain.key(2)])
            assert outcomes(commit(ledger, chain.sign(votes[1], keys=administrators[1]), last)) == [0, 0]
            alone, with_another = chain.sign(keys=[chain.key(2)]), chain.sign(keys=[chain.key(0), chain.key(2)])
            assert passed_over(ledger, alone, with_another) == ["signer.ended"] * 2
            assert outcomes(commit(ledger, chain.sign())) == [0]

    def test_b3_a_new_key_signs_from_the_next_block_on(self, chain: Chain, ledger: Ledger) -> None:
        party, key = chain.parties[0], Key(chain.suite)
        account = party.accounts[Role.SERVICE][0]
        proof = key.prove(chain.rules.chain, party.member, account)
        add = chain.call("registry.add_key", AddKey(account, key.public, proof))
        raw = chain.sign(keys=[key])
        assert outcomes(commit(ledger, chain.sign(add), raw)) == [0, "signer.unknown"]
        assert outcomes(commit(ledger, raw)) == [0]

    def test_b4_quota_of_the_account(self, home: Path) -> None:
        chain = found_chain(account_quota=2, member_quota=100, quota_window_ms=10_000)
        with opened(chain, home) as ledger:
            time = (chain.start // 10_000 + 1) * 10_000  # a window begins
            assert outcomes(commit(ledger, chain.sign(), time=time)) == [0]
            assert outcomes(commit(ledger, *[chain.sign() for _ in range(2)], time=time + 1)) == [
                0,
                "signer.over_quota",
            ]
            both, other = chain.sign(keys=[chain.key(1), chain.key()]), chain.sign(keys=[chain.key(0, SUPER)])
            assert passed_over(ledger, chain.sign(), both, time=time + 2) == ["signer.over_quota"] * 2
            assert outcomes(commit(ledger, other, time=time + 9_998)) == [0]
            assert passed_over(ledger, chain.sign(), time=time + 9_999) == ["signer.over_quota"]
            assert outcomes(commit(ledger, both, time=time + 10_000)) == [0]

    def test_b4_quota_of_the_member(self, home: Path) -> None:
        chain = found_chain(account_quota=100, member_quota=2, quota_window_ms=10_000)
        with opened(chain, home) as ledger:
            time = (chain.start // 10_000 + 1) * 10_000
            two_accounts = chain.sign(keys=[chain.key(), chain.key(0, SUPER)])
            assert outcomes(commit(ledger, two_accounts, chain.sign(), chain.sign(), time=time)) == [
                0,
                0,
                "signer.over_quota",
            ]
            other = chain.sign(keys=[chain.key(0, Role.PRACTITIONER)])
            assert passed_over(ledger, other, time=time + 1) == ["signer.over_quota"]
            assert outcomes(commit(ledger, chain.sign(keys=[chain.key(1)]), time=time + 2)) == [0]

    def test_b4_a_refused_transaction_counts_and_one_that_is_passed_over_does_not(self, home: Path) -> None:
        chain = found_chain(account_quota=2)
        with opened(chain, home) as ledger:
            raw = chain.sign(chain.add("a", 2000))
            time = (chain.start // 60_000 + 1) * 60_000
            expired = chain.sign(valid_until=chain.start)
            found = outcomes(commit(ledger, raw, raw, expired, chain.sign(valid_until=time), time=time))
            assert found == [ArgumentsInvalid.number, "transaction.replayed", "transaction.expired", 0]

    def test_b4_the_counters_are_state(self, chain: Chain, ledger: Ledger) -> None:
        party = chain.parties[0]
        account, member = party.accounts[Role.SERVICE][0], party.member
        administrator = chain.sign(keys=[chain.key(0, SUPER), chain.key()])
        commit(ledger, chain.sign(), administrator)
        window = ledger.tip.time // chain.rules.parameters.quota_window_ms
        for key, used in ((("account", account), 2), (("member", member), 2)):
            value = ledger.value(state_key("ledger", "quota", *key))
            assert value == pack(Quota(window=window, count=used))

    def test_b4_an_account_cannot_use_up_the_quota_of_a_member_whose_id_it_took(self, home: Path) -> None:
        chain = found_chain(account_quota=100, member_quota=3)
        with opened(chain, home) as ledger:
            victim, key = chain.parties[1].member, Key(chain.suite)
            proof = key.prove(chain.rules.chain, chain.parties[0].member, victim)
            add = AddAccount(victim, (Role.SERVICE,), bytes(32), key.public, proof)
            time = (chain.start // 60_000 + 1) * 60_000
            valid = {"valid_until": time + 2}
            call = chain.call("registry.add_account", add)
            assert outcomes(commit(ledger, chain.sign(call, keys=[chain.key(0, SUPER)], **valid), time=time)) == [0]
            commit(ledger, *[chain.sign(keys=[key], **valid) for _ in range(3)], time=time + 1)
            mine = [chain.sign(keys=[chain.key(1)], **valid) for _ in range(4)]
            assert outcomes(commit(ledger, *mine, time=time + 2)) == [0, 0, 0, "signer.over_quota"]


class TestExecution:
    """(c): logged, and the operations done together or not at all."""

    def test_all_operations_or_none(self, chain: Chain, ledger: Ledger) -> None:
        good, bad = chain.add("a", 5), chain.add("b", 2000)
        assert outcomes(commit(ledger, chain.sign(good, good))) == [0]
        before = count(ledger)
        results = commit(ledger, chain.sign(good, good, bad, good))
        assert outcomes(results) == [ArgumentsInvalid.number]
        assert (count(ledger), count(ledger, "b")) == (before, None) == (10, None)
        facts = [ReceiptFact("operation", 2), ReceiptFact("contract", "counter"), ReceiptFact("method", "add")]
        assert results[0].receipt == Receipt(
            number=ArgumentsInvalid.number, facts=(*facts, ReceiptFact("reason", "too high"))
        )

    def test_the_receipt_has_the_facts_of_every_operation(self, chain: Chain, ledger: Ledger) -> None:
        raw = chain.sign(chain.add("a", 5), chain.remove("a"), chain.add("a", 6), chain.batch(b"x", b"y"))
        commit(ledger, raw)
        facts = (ReceiptFact("count", 5), ReceiptFact("count", 6), ReceiptFact("items", 2))
        assert ledger.entry(0).receipt == Receipt(number=0, facts=facts)

    def test_a_refused_transaction_is_logged_and_its_body_used(self, chain: Chain, ledger: Ledger) -> None:
        raw = chain.sign(chain.add("a", 2000))
        commit(ledger, raw)
        header = msgspec.msgpack.decode(raw)[0]
        assert ledger.find(header[4], body_of(chain.rules, raw)) == 0
        assert ledger.entry(0).receipt.number == ArgumentsInvalid.number
        assert passed_over(ledger, raw) == ["transaction.replayed"]

    def test_deleting_and_scanning_see_what_the_transaction_wrote(self, chain: Chain, ledger: Ledger) -> None:
        commit(ledger, *[chain.sign(chain.add(name)) for name in "bdf"])
        raw = chain.sign(chain.add("a"), chain.add("e"), chain.remove("d"), chain.call("counter.clear", Named("x")))
        commit(ledger, raw)
        # Of a, b, e, f the first three were cleared.
        assert [name for name in "abdef" if count(ledger, name) is not None] == ["f"]
        assert ledger.entry(3).receipt.facts[-1] == ReceiptFact("left", 1)
