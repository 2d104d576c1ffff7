"""What a member or a proposer could try against the ledger; each attempt is refused, and nothing comes of it."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.support.chain import (
    BLOCK_MS,
    MAP_BYTES,
    Chain,
    body_of,
    commit,
    found_chain,
    leaving_calls,
    outcomes,
    refused_block,
    unmoved,
)
from tests.support.contract_parties import Key, new_id
from tests.support.counters import Count
from tests.support.homes import Homes
from tests.support.loose import Raw, loose, parsed, put
from tests.support.snapshots import take_snapshot
from xinglin.carrier.access.registry.model import AddAccount, EndAccount, EndKey
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.snapshot import restore_snapshot
from xinglin.kernel.encoding import encode, pack, state_key
from xinglin.kernel.errors import PlatformError
from xinglin.stakeholders.kinds import Role

pytestmark = pytest.mark.requirement("S9.1")

A = state_key("counter", "a")
SUPER = Role.SUPER_ADMINISTRATOR
REPLAYED = "transaction.replayed"
SM2_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
ED25519_L = 2**252 + 27742317777372353535851937790883648493


def code(chain: Chain, ledger: Ledger, raw: bytes) -> str:
    """Return why a transaction makes a block invalid, alone and beside a good one."""
    [answer] = ledger.check([raw], ledger.tip.time)
    assert isinstance(answer, PlatformError)
    assert refused_block(ledger, raw) == refused_block(ledger, chain.sign(), raw) == answer.code
    return answer.code


class TestReplay:
    """One body takes effect once."""

    def test_the_same_bytes_and_another_signature_of_the_body(self, chain: Chain, ledger: Ledger) -> None:
        raw = chain.sign()
        commit(ledger, raw)
        again = chain.sign_again(raw)
        assert (again != raw) == (chain.suite.name == "gm")  # SM2 is randomised, Ed25519 is not
        assert outcomes(commit(ledger, raw, again)) == [REPLAYED] * 2
        assert ledger.value(A) == encode(Count(1))

    def test_two_valid_signatures_of_one_body_in_one_block(self, chain: Chain, ledger: Ledger) -> None:
        raw = chain.sign()
        assert outcomes(commit(ledger, chain.sign_again(raw), raw, chain.sign_again(raw))) == [0, REPLAYED, REPLAYED]
        assert (ledger.value(A), ledger.tip.log_size) == (encode(Count(1)), 1)

    def test_after_a_restart(self, chain: Chain, ledger: Ledger, home: Path) -> None:
        raw, refused = chain.sign(), chain.sign(chain.add("a", 2000))
        commit(ledger, raw, refused)
        ledger.close()
        again = chain.open(home)
        for one in (raw, refused):
            assert outcomes(commit(again, one, chain.sign_again(one))) == [REPLAYED] * 2
        assert again.value(A) == encode(Count(1))
        again.close()

    def test_after_beginning_from_a_snapshot(self, chain: Chain, ledger: Ledger, tmp_path: Path) -> None:
        raws = [chain.sign() for _ in range(3)]
        for raw in raws:
            commit(ledger, raw)
        manifest = take_snapshot(ledger, tmp_path / "snapshot")
        chunks = [(tmp_path / "snapshot" / str(number)).read_bytes() for number in range(manifest.chunks)]
        restore_snapshot(tmp_path / "new", chain.rules, ledger.head_at(3), pack(manifest), chunks, MAP_BYTES)
        new = chain.open(tmp_path / "new")
        assert outcomes(commit(new, *raws, chain.sign_again(raws[0]))) == [REPLAYED] * 4
        assert new.value(A) == encode(Count(3))
        new.close()

    def test_when_it_is_forgotten_it_has_expired(self, home: Path) -> None:
        chain = found_chain(max_valid_ms=3000)
        ledger = chain.create(home)
        raw = chain.sign(valid_until=chain.start + 1 + 3000)
        commit(ledger, raw, time=chain.start + 1)
        for step in (3000, 3001, 3002):
            expected = REPLAYED if step <= 3001 else "transaction.expired"
            assert outcomes(commit(ledger, raw, time=chain.start + step)) == [expected]
        ledger.close()

    def test_on_another_chain_of_the_same_founders(self, chain: Chain, ledger: Ledger) -> None:
        assert code(chain, ledger, chain.sign(chain=found_chain().rules.chain)) == "transaction.other_chain"
        other = put(parsed(chain.sign(chain=found_chain().rules.chain)), (0, 2), chain.rules.chain)
        assert code(chain, ledger, loose(other)) == "transaction.signature"


@pytest.mark.requirement("S6.2a1")
class TestSignatures:
    """Who did not sign is no signer."""

    def test_a_garbage_signature_on_a_body_that_was_verified(self, chain: Chain, ledger: Ledger) -> None:
        raw = chain.sign()
        ledger.check([raw], ledger.tip.time)
        ledger.look_ahead([raw])
        garbage = loose(put(parsed(raw), (1, 0), bytes(range(64))))
        assert code(chain, ledger, garbage) == "transaction.signature"
        assert refused_block(ledger, raw, garbage) == "transaction.signature"
        assert outcomes(commit(ledger, raw)) == [0]

    def test_nodes_that_saw_different_signatures_of_a_body_agree(self, chain: Chain, tmp_path: Path) -> None:
        homes = Homes(chain, tmp_path, ("a", "b")).create()
        raw = chain.sign()
        variants = [raw, chain.sign_again(raw), loose(put(parsed(raw), (1, 0), bytes(64)))]
        for number, ledger in enumerate(homes.ledgers.values()):
            ledger.check([variants[number], variants[2]], ledger.tip.time)
            ledger.look_ahead([variants[number]])
        for block in ([variants[2]], [variants[0], variants[2]], [variants[1], variants[2]]):
            codes = {refused_block(ledger, *block) for ledger in homes.ledgers.values()}
            assert codes == {"transaction.signature"}
        for ledger in homes.ledgers.values():
            assert outcomes(commit(ledger, variants[1], variants[0])) == [0, REPLAYED]
        assert len(homes.app_hashes()) == 1
        homes.close()

    def test_the_order_and_number_of_signers(self, chain: Chain, ledger: Ledger) -> None:
        keys = [chain.key(0), chain.key(1), chain.key(2)]
        tx = parsed(chain.sign(keys=keys))
        one, two, three = tx[1]
        for signatures in ([two, one, three], [one, two, two], [one, one, three], [bytes(64), two, three]):
            assert code(chain, ledger, loose(put(tx, (1,), signatures))) == "transaction.signature"
        for signatures in ([one, two], [one, two, three, three], []):
            assert code(chain, ledger, loose(put(tx, (1,), signatures))) == "transaction.malformed"
        for signers in (tx[0][5][:2], tx[0][5][::-1], [*tx[0][5], chain.key(0, SUPER).public]):
            assert code(chain, ledger, loose(put(tx, (0, 5), signers))).startswith("transaction.")
        twice = chain.sign(keys=[keys[0], keys[1], keys[0]])
        assert code(chain, ledger, twice) == "transaction.malformed"
        assert outcomes(commit(ledger, loose(tx))) == [0]

    def test_what_was_signed_cannot_be_exchanged(self, chain: Chain, ledger: Ledger) -> None:
        mine, other = parsed(chain.sign(chain.batch(b"x", b"y"))), parsed(chain.sign(chain.add("a", 900)))
        changes = [
            put(mine, (0, 3), bytes(16)),
            put(mine, (0, 4), mine[0][4] + 1),
            put(mine, (0, 5, 0), chain.key(1).public),
            put(mine, (0, 6), 2),
            put(mine, (0, 7), other[0][7]),
            put(mine, (2,), other[2]),
            put(mine, (2,), [*mine[2], *other[2]]),
            put(mine, (2, 0, 1), [b"y", b"x"]),
            put(mine, (2, 0, 1, 0), b"z"),
            put(mine, (2, 0, 0, 2), "add"),
            put(mine, (2, 0, 0, 4, 0, 1), bytes(32)),
            put(mine, (1,), other[1]),
        ]
        found = [code(chain, ledger, loose(change)) for change in changes]
        assert set(found) == {"transaction.signature", "transaction.malformed"}
        assert outcomes(commit(ledger, loose(mine), loose(other))) == [0, 0]

    def test_signatures_that_are_another_form_of_a_good_one(self, chain: Chain, ledger: Ledger) -> None:
        raw = chain.sign()
        tx = parsed(raw)
        if chain.suite.name == "gm":
            r, s = (int.from_bytes(tx[1][0][part], "big") for part in (slice(32), slice(32, 64)))
            forms = [(r, SM2_N - s), (SM2_N - r, s), (SM2_N - r, SM2_N - s), (s, r), (0, s), (r, 0), (r, SM2_N)]
            forms += [(r + SM2_N, s), (r, s + SM2_N)]
            others = [a.to_bytes(32, "big") + b.to_bytes(32, "big") for a, b in forms if max(a, b) < 1 << 256]
        else:
            point, scalar = tx[1][0][:32], int.from_bytes(tx[1][0][32:], "little")
            forms = [(point, (scalar + ED25519_L) % (1 << 256)), (point, ED25519_L - scalar)]
            others = [a + b.to_bytes(32, "little") for a, b in forms]
            others.append(bytes([*point[:31], point[31] ^ 0x80]) + tx[1][0][32:])
        for other in others:
            assert code(chain, ledger, loose(put(tx, (1, 0), other))) == "transaction.signature"

    def test_a_key_that_is_no_key(self, chain: Chain, ledger: Ledger) -> None:
        size = chain.suite.public_key_size
        for key in (bytes(size), b"\xff" * size, b"\x04" + bytes(size - 1)):
            raw = loose(put(parsed(chain.sign()), (0, 5, 0), key))
            assert refused_block(ledger, raw) == "transaction.signature"


@pytest.mark.requirement("S6.2a1")
class TestSigners:
    """Who may not sign now is passed over, alone and beside another."""

    def refused(self, chain: Chain, ledger: Ledger, key: Key, reason: str) -> None:
        before = ledger.tip
        raws = [chain.sign(keys=[key]), chain.sign(keys=[chain.key(1), key]), chain.sign(keys=[key, chain.key(1)])]
        assert outcomes(commit(ledger, *raws)) == [reason] * 3
        assert (ledger.tip.app_hash, ledger.tip.log_size) == (before.app_hash, before.log_size)
        assert outcomes(commit(ledger, chain.sign(keys=[chain.key(1)]))) == [0]

    def test_a_stranger(self, chain: Chain, ledger: Ledger) -> None:
        self.refused(chain, ledger, Key(chain.suite), "signer.unknown")

    def test_a_cosigning_key_is_no_key_of_an_account(self, chain: Chain, ledger: Ledger) -> None:
        self.refused(chain, ledger, chain.parties[0].key, "signer.unknown")

    @pytest.mark.parametrize("since", [(), "start", "now"])
    def test_a_key_that_ended_or_is_compromised(self, chain: Chain, ledger: Ledger, since: object) -> None:
        compromised = {(): (), "start": (chain.start,), "now": (chain.start + BLOCK_MS,)}[since]  # type: ignore[index]
        end = chain.call("registry.end_key", EndKey(chain.key().public, compromised))
        assert outcomes(commit(ledger, chain.sign(end, keys=[chain.key(0, SUPER)]))) == [0]
        self.refused(chain, ledger, chain.key(), "signer.ended")

    def test_an_account_that_ended(self, chain: Chain, ledger: Ledger) -> None:
        end = chain.call("registry.end_account", EndAccount(chain.parties[0].accounts[Role.SERVICE][0]))
        assert outcomes(commit(ledger, chain.sign(end, keys=[chain.key(0, SUPER)]))) == [0]
        self.refused(chain, ledger, chain.key(), "signer.ended")

    @pytest.mark.parametrize("suspend", [True, False])
    def test_a_member_that_was_suspended_or_ended(self, chain: Chain, ledger: Ledger, suspend: bool) -> None:
        propose, votes = leaving_calls(chain, 50, 0, suspend=suspend)
        commit(ledger, chain.sign(propose, keys=[chain.key(1, SUPER)]))
        raws = [chain.sign(votes[party], keys=[chain.key(party, SUPER)]) for party in (1, 2)]
        assert outcomes(commit(ledger, *raws)) == [0, 0]
        for role in (SUPER, Role.PRACTITIONER, Role.SERVICE):
            self.refused(chain, ledger, chain.key(0, role), "signer.ended")

    def test_keys_cannot_be_registered_again_or_for_another(self, chain: Chain, ledger: Ledger) -> None:
        victim, administrator = chain.key(1), [chain.key(0, SUPER)]
        account = new_id()
        proof = victim.prove(chain.rules.chain, chain.parties[0].member, account)
        taken = AddAccount(account, (Role.SERVICE,), bytes(32), victim.public, proof)
        [found] = outcomes(commit(ledger, chain.sign(chain.call("registry.add_account", taken), keys=administrator)))
        assert found != 0
        assert outcomes(commit(ledger, chain.sign(keys=[victim]))) == [0]


class TestQuotas:
    """Nobody gets more than the quota, whatever the block."""

    def test_of_account_and_member_across_windows(self, home: Path) -> None:
        chain = found_chain(account_quota=3, member_quota=5, quota_window_ms=10_000)
        ledger = chain.create(home)
        window = (chain.start // 10_000 + 1) * 10_000
        over = "signer.over_quota"
        mine = [chain.sign() for _ in range(5)]
        assert outcomes(commit(ledger, *mine, time=window)) == [0, 0, 0, over, over]
        others = [chain.sign(keys=[chain.key(0, SUPER)]) for _ in range(3)]
        assert outcomes(commit(ledger, *others, time=window + 9_999)) == [0, 0, over]
        # Passed over is not used up: the same bytes are good in the next window.
        assert outcomes(commit(ledger, *mine[3:], others[2], time=window + 10_000)) == [0, 0, 0]
        assert outcomes(commit(ledger, chain.sign(), chain.sign(), chain.sign(), time=window + 10_001)) == [
            0,
            over,
            over,
        ]
        ledger.close()

    def test_replays_and_refusals_use_up_nothing_of_others(self, home: Path) -> None:
        chain = found_chain(account_quota=2)
        ledger = chain.create(home)
        window = (chain.start // 60_000 + 1) * 60_000
        raw = chain.sign(valid_until=window + 100)
        forged = chain.sign(keys=[Key(chain.suite), chain.key()], valid_until=window + 100)
        last = chain.sign(valid_until=window + 100)
        block = [raw, *[chain.sign_again(raw) for _ in range(5)], forged, forged, last]
        expected = [0, *[REPLAYED] * 5, "signer.unknown", "signer.unknown", 0]
        assert outcomes(commit(ledger, *block, time=window)) == expected
        ledger.close()


class TestProposer:
    """What a proposer puts into a block."""

    @pytest.mark.requirement("S9.2")
    def test_blocks_with_and_without_what_is_passed_over_are_the_same(self, chain: Chain, tmp_path: Path) -> None:
        """Stage (b) leaves no trace in state, log and app hash."""
        homes = Homes(chain, tmp_path, ("a", "b")).create()
        one, other = homes.ledgers.values()
        rng = random.Random(5)
        used = chain.sign()
        for ledger in (one, other):
            commit(ledger, used)
        for _ in range(10):
            good = [chain.sign(chain.add(name)) for name in ("a", "b", "c")]
            noise = [
                chain.sign(valid_until=chain.start),
                chain.sign(valid_until=one.tip.time + 10**7),
                used,
                chain.sign_again(used),
                chain.sign(keys=[Key(chain.suite)]),
            ]
            mixed = list(good)
            for raw in noise:
                mixed.insert(rng.randrange(len(mixed) + 1), raw)
            found = outcomes(commit(one, *mixed))
            assert found.count(0) == 3
            commit(other, *[raw for raw in mixed if raw in good])
            assert one.tip == other.tip
        assert homes.group().tip.app_hash == one.tip.app_hash
        homes.close()

    def test_a_proposal_leaves_out_what_no_block_may_hold(self, chain: Chain, tmp_path: Path) -> None:
        homes = Homes(chain, tmp_path, ("a",)).create()
        [member] = homes.members()
        good = [chain.sign(), chain.sign(chain.add("a", 2000))]
        bad = [b"x", loose(put(parsed(chain.sign()), (1, 0), bytes(64))), chain.sign(valid_until=1)]
        at = chain.start + BLOCK_MS
        assert member.application.prepare_proposal(1, at, [*bad, *good], 1 << 20) == [*good, bad[2]]
        for raw in bad[:2]:
            assert not member.application.process_proposal(1, at, [*good, raw])
        assert member.application.process_proposal(1, at, [*good, bad[2]])
        homes.close()

    def test_blocks_out_of_order(self, chain: Chain, ledger: Ledger) -> None:
        commit(ledger, chain.sign())
        tip = ledger.tip
        for height, at in ((1, tip.time + 1), (3, tip.time + 1), (2, tip.time), (2, chain.start), (0, tip.time + 1)):
            with unmoved(ledger), pytest.raises(PlatformError) as refusal:
                ledger.execute(height, at, [])
            assert refusal.value.code == "block.invalid"


class TestBytes:
    """Bytes that claim much and hold little."""

    BOMBS = (
        b"\xdd\xff\xff\xff\xff",
        b"\x93\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x91" * 1_000_000,
        b"\x93\x97" + b"\x81" * 100_000,
        b"\xdc\xff\xff" + b"\xc0" * 65535,
    )

    def test_bombs(self, chain: Chain, ledger: Ledger) -> None:
        begun = time.process_time()
        tx = parsed(chain.sign())
        inside = [
            loose(put(tx, path, Raw(bomb))) for bomb in self.BOMBS[:5] for path in ((0, 3), (0, 5), (1,), (2, 0, 1))
        ]
        for raw in (*self.BOMBS, *inside):
            assert refused_block(ledger, raw) == "transaction.malformed"
        assert time.process_time() - begun < 20

    def test_random_bytes_and_random_changes(self, chain: Chain, ledger: Ledger, seeded: random.Random) -> None:
        raw = chain.sign(chain.batch(b"one", b"two"), chain.add(), keys=[chain.key(0), chain.key(1)])
        changed = []
        for _ in range(400):
            other = bytearray(raw)
            for _ in range(seeded.choice([1, 1, 1, 2, 8])):
                other[seeded.randrange(len(other))] = seeded.randrange(256)
            changed.append(bytes(other))
        changed += [raw[:size] for size in range(0, len(raw), 7)]
        changed += [seeded.randbytes(seeded.randrange(300)) for _ in range(100)]
        changed = [one for one in changed if one != raw]
        refusals = [one for one in ledger.check(changed, ledger.tip.time) if isinstance(one, PlatformError)]
        assert len(refusals) == len(changed)
        assert {"transaction.malformed", "transaction.signature"} <= {one.code for one in refusals}
        with unmoved(ledger):
            for one in changed[::40]:
                refused_block(ledger, one)
        assert outcomes(commit(ledger, raw)) == [0]
        assert ledger.find(parsed(raw)[0][4], body_of(chain.rules, raw)) == 0
