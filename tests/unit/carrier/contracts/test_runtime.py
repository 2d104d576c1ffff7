"""The native runtime: which contract runs, what it may reach, and that its refusals are the same on every node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.chain import Chain, commit, execute, found_chain, outcomes, unmoved
from tests.support.counters import CONTRACTS, COUNTER, SECRET, Add, Count, Item, Named
from xinglin.carrier.contracts.api import ArgumentsInvalid, Context, Contract, ContractUnknown, Method
from xinglin.carrier.contracts.errors import NamespaceForbidden, StateKeyTooLong
from xinglin.carrier.contracts.runtime import NativeRuntime
from xinglin.carrier.crypto.errors import LibraryFault
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.carrier.ledger.model import Operation, OperationHead, ReceiptFact
from xinglin.kernel.encoding import ChainObject, decode, encode, pack, state_key
from xinglin.kernel.errors import PlatformError


def number(error: type[PlatformError]) -> list[int]:
    return [error.number]


def refused(ledger: Ledger, chain: Chain, *calls: Operation) -> list[str | int]:
    """Return the outcome of a transaction that may change nothing but the quota counters."""
    before = dict(_state(ledger))
    found = outcomes(commit(ledger, chain.sign(*calls)))
    after = {key: value for key, value in _state(ledger) if key in before or b"ledger" not in key}
    assert {key: value for key, value in before.items() if b"ledger" not in key} == {
        key: value for key, value in after.items() if b"ledger" not in key
    }
    return found


def _state(ledger: Ledger) -> list[tuple[bytes, bytes]]:
    with ledger.store.snapshot() as view:
        return list(view.items("state"))


class TestCalls:
    """A call names a contract, a version, a method, and has its arguments."""

    @pytest.mark.parametrize(
        ("contract", "version", "method"), [("absent", 1, "add"), ("counter", 2, "add"), ("counter", 1, "absent")]
    )
    def test_unknown(self, chain: Chain, ledger: Ledger, contract: str, version: int, method: str) -> None:
        call = Operation(OperationHead(contract, version, method, encode(Add("a", 1))))
        assert refused(ledger, chain, call) == number(ContractUnknown)
        facts = {fact.name: fact.value for fact in ledger.entry(0).receipt.facts}
        assert facts == {"operation": 0, "contract": contract, "version": version, "method": method}
        assert outcomes(commit(ledger, chain.sign(chain.add()))) == [0]

    @pytest.mark.parametrize(
        "arguments",
        [
            b"",
            b"\x90",
            b"\x91\xa1a",
            b"\x93\xa1a\x01\x01",
            b"\x92\xa1a\xcc\x01",
            b"\x92\xa1A\x01",
            b"\x92\xa1a\xff",
            b"\xc1",
        ],
    )
    def test_arguments_that_are_not_the_methods(self, chain: Chain, ledger: Ledger, arguments: bytes) -> None:
        call = Operation(OperationHead("counter", 1, "add", arguments))
        assert refused(ledger, chain, call) == number(ArgumentsInvalid)
        reason = ledger.entry(0).receipt.facts[-1]
        # No decoder's words: they may differ between versions, and receipts are hashed.
        assert reason.value in ("encoding.invalid", "encoding.not_canonical")

    def test_a_batch_where_none_belongs_and_none_where_one_does(self, chain: Chain, ledger: Ledger) -> None:
        with_batch, without = chain.call("counter.add", Add("a", 1), [b"i"]), chain.call("counter.batch", Named("a"))
        assert refused(ledger, chain, with_batch) == number(ArgumentsInvalid)
        assert refused(ledger, chain, without) == number(ArgumentsInvalid)

    def test_two_contracts_cannot_share_a_name_or_a_namespace(self, chain: Chain) -> None:
        taken = Contract("other", 1, {}, ("counter",))
        for contracts in (
            [COUNTER, COUNTER],
            [COUNTER, taken],
            [Contract("other", 1, {}, ("ledger",))],
            [Contract("other", 1, {}, ("other",), also_writes=("ledger",))],
        ):
            with pytest.raises(ValueError, match="share"):
                NativeRuntime(chain.rules.chain, chain.suite, contracts, lambda _, __: {})
        second = Contract("counter", 2, {}, ("counter",))
        NativeRuntime(chain.rules.chain, chain.suite, [COUNTER, second, SECRET], lambda _, __: {})


class TestNamespaces:
    """Invariant 8, native contracts: another's private namespace is out of reach."""

    @pytest.mark.parametrize("how", ["read", "get", "scan", "write", "delete"])
    @pytest.mark.parametrize("namespace", ["secret", "registry", "governance", "ledger", "counter", "absent"])
    def test_what_is_not_its_own(self, chain: Chain, ledger: Ledger, how: str, namespace: str) -> None:
        assert outcomes(commit(ledger, chain.sign(chain.add(contract="secret"), chain.add()))) == [0]
        found = refused(ledger, chain, chain.reach(how, namespace))
        if how == "read" and namespace != "secret":
            assert found == [0]  # the namespaces of the others are public
        else:
            assert found == number(NamespaceForbidden)
        assert ledger.value(state_key("secret", "a")) == encode(Count(1))

    def test_its_own_it_reads_and_writes(self, chain: Chain, ledger: Ledger) -> None:
        calls = [chain.reach(how, "spy") for how in ("write", "read", "get", "scan", "delete")]
        assert outcomes(commit(ledger, chain.sign(*calls))) == [0]
        assert ledger.entry(0).receipt.facts == (ReceiptFact("found", 7),)
        assert outcomes(commit(ledger, chain.sign(chain.add(contract="secret"), chain.add(contract="secret")))) == [0]

    def test_the_key_of_another_namespace_cannot_be_made_of_parts(self, chain: Chain) -> None:
        keys = {state_key("a", "b", "c"), state_key("a", "bc"), state_key("ab", "c"), state_key("a", b"b", "c")}
        assert len(keys) == 4
        assert all(decode(tuple[Any, ...], key)[0] in ("a", "ab") for key in keys)


def _run(chain_of: Any, run: Any, namespaces: tuple[str, ...] = ("odd",)) -> Chain:
    method = Method(Named, run)
    return chain_of(extra=[Contract("odd", 1, {"do": method}, namespaces)])  # type: ignore[no-any-return]


class Pair(ChainObject, frozen=True):
    """A value of another form than a counter."""

    one: int
    two: int


def _decode_an_item(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    decode(Item, b"\x91\xa1a")


def _decode_another_form(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    ctx.put(Pair(1, 2), "x")
    ctx.get(Count, "x")


def _put_what_is_invalid(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    ctx.put(Count(-1), "x")


def _emit_what_is_invalid(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    ctx.put(Count(1), "x")
    ctx.emit("fact", "ü")


def _emit_a_long_fact(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    ctx.emit("fact", "x" * 129)


def _long_key(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    ctx.put(Count(1), b"x" * 600)


def _scan_a_long_key(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    list(ctx.scan(Count, b"x" * 600, limit=1))


def _read_a_long_key(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    ctx.read(Count, "counter", b"x" * 600)


ODD = {
    "decodes an item": (_decode_an_item, ArgumentsInvalid),
    "decodes another form": (_decode_another_form, ArgumentsInvalid),
    "puts what is invalid": (_put_what_is_invalid, ArgumentsInvalid),
    "emits what is invalid": (_emit_what_is_invalid, ArgumentsInvalid),
    "emits a long fact": (_emit_a_long_fact, ArgumentsInvalid),
    "long key": (_long_key, StateKeyTooLong),
    "scans a long key": (_scan_a_long_key, StateKeyTooLong),
    "reads a long key": (_read_a_long_key, StateKeyTooLong),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_contract_is_refused_with_a_code_and_leaves_nothing(home: Any, name: str) -> None:
    run, error = ODD[name]
    chain = _run(found_chain, run)
    ledger = chain.create(home)
    assert refused(ledger, chain, chain.call("odd.do", Named("a"))) == [error.number]
    receipt = ledger.entry(0).receipt
    assert not any("expected" in str(fact.value).lower() for fact in receipt.facts)
    ledger.close()


def test_a_contract_without_a_namespace_has_none(home: Any) -> None:
    chain = _run(found_chain, _put_what_is_invalid, namespaces=())
    ledger = chain.create(home)
    assert refused(ledger, chain, chain.call("odd.do", Named("a"))) == number(NamespaceForbidden)
    ledger.close()


def test_a_fault_of_this_machine_is_no_receipt(home: Any) -> None:
    faults: list[Exception] = [LibraryFault(reason="test"), ZeroDivisionError()]

    def faulty(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
        if faults:
            raise faults.pop(0)

    chain = _run(found_chain, faulty)
    ledger = chain.create(home)
    raw = chain.sign(chain.call("odd.do", Named("a")))
    with unmoved(ledger), pytest.raises(LibraryFault):
        execute(ledger, raw)
    with unmoved(ledger), pytest.raises(ZeroDivisionError):
        execute(ledger, raw)
    assert outcomes(commit(ledger, raw)) == [0]
    ledger.close()


def test_what_a_contract_sees(home: Any) -> None:
    seen: list[dict[str, object]] = []

    def look(ctx: Context, call: Named, items: Sequence[bytes]) -> None:
        key, signature = chain.key().public, chain.key().sign(b"message")
        seen.append(
            {
                "block": (ctx.height, ctx.time, ctx.chain),
                "callers": [caller.key for caller in ctx.callers],
                "caller": ctx.caller.account,
                "root": ctx.batch_root,
                "items": list(items),
                "hash": ctx.hash(b"data"),
                "good": ctx.verify_signature(key, b"message", signature),
                "bad": ctx.verify_signature(key, b"other", signature) or ctx.verify_signature(b"", b"", b""),
                "scan": [(part, value.count) for part, value in ctx.scan(Count, call.name, limit=2)],
            }
        )
        ctx.put(Count(3), call.name, 3)
        for part in (2, "two", b"2", 1):
            ctx.put(Count(1), call.name, part)
        ctx.put(Count(9), call.name, 1, "deeper")
        ctx.put(Count(9), call.name)

    chain = found_chain(extra=[Contract("odd", 1, {"do": Method(Named, look, batch=True)}, ("odd",))])
    ledger = chain.create(home)
    call = chain.call("odd.do", Named("a"), [b"x", b"y"])
    raws = [chain.sign(call, call, keys=[chain.key(1), chain.key(0)])]
    commit(ledger, *raws)
    first, second = seen
    assert first["block"] == (1, chain.start + 1000, chain.rules.chain)
    assert first["callers"] == [chain.key(1).public, chain.key(0).public]
    assert first["caller"] == chain.parties[1].accounts[7][0]
    assert (first["root"], first["items"]) == (chain.suite.merkle_roots_of([[b"x", b"y"]])[0], [b"x", b"y"])
    assert first["hash"] == chain.suite.hash(b"data")
    assert (first["good"], first["bad"]) == (True, False)
    assert first["scan"] == []
    keys = sorted(pack(("odd", "a", part)) for part in (1, 2, 3, "two", b"2"))
    in_order = [decode(tuple[Any, ...], key)[-1] for key in keys]
    assert [part for part, _ in second["scan"]] == in_order[:2]  # type: ignore[attr-defined]
    ledger.close()


def test_the_test_contracts_are_reached_by_no_name_of_a_node() -> None:
    assert {contract.name for contract in CONTRACTS} == {"counter", "secret", "spy"}
