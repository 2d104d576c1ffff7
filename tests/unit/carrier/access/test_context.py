"""What a contract can rely on in its context: the same on the fake and on the real runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.support.contract_parties import Party
from tests.support.fake_context import FakeLedger
from tests.support.runtime_ledger import RuntimeLedger
from xinglin.carrier.access.registry.errors import NodeExists
from xinglin.carrier.contracts.api import Context, Contract, Method
from xinglin.carrier.contracts.errors import NamespaceForbidden
from xinglin.carrier.crypto.suite import Suite
from xinglin.kernel.encoding import ChainObject, encode, state_key
from xinglin.stakeholders.kinds import MemberKind, Role


class Number(ChainObject, frozen=True):
    """A value, and the arguments of the probe."""

    number: int


Probe = Callable[[Context, Number, Sequence[bytes]], None]
Run = Callable[..., dict[str, Any]]


@pytest.fixture(params=[FakeLedger, RuntimeLedger])
def ledger(gm: Suite, request: pytest.FixtureRequest) -> FakeLedger:
    """Return an empty chain of each kind."""
    made = request.param(gm, "c" + "a" * 26, ())
    assert isinstance(made, FakeLedger)
    return made


@pytest.fixture
def run(gm: Suite, ledger: FakeLedger) -> Run:
    """Return a function that runs a probe as the method of a contract with the namespaces ``own`` and ``more``."""
    caller = Party(gm, MemberKind.SUPPLIER).caller(Role.SUPER_ADMINISTRATOR)

    def run(probe: Probe, items: Sequence[bytes] = ()) -> dict[str, Any]:
        methods = {"probe": Method(Number, probe, batch=bool(items))}
        ledger.contracts = (
            Contract("own", 1, methods, ("own", "more"), also_writes=("guest",)),
            Contract("other", 1, {}, ("public",)),
            Contract("secret", 1, {}, ("hidden",), private=True),
        )
        return ledger.call(caller, "own.probe", Number(7), items)

    return run


def test_values_are_written_read_and_removed(run: Run, ledger: FakeLedger) -> None:
    def probe(ctx: Context, call: Number, _: Sequence[bytes]) -> None:
        ctx.put(call, "a", 1)
        ctx.put(Number(8), "a", b"x", namespace="more")
        ctx.put(Number(9), namespace="guest")
        ctx.put(Number(10), "gone")
        ctx.delete("gone")
        ctx.delete("never there")
        assert ctx.get(Number, "a", 1) == call
        assert ctx.get(Number, "gone") is None
        assert ctx.read(Number, "more", "a", b"x") == Number(8)

    run(probe)
    assert ledger.state == {
        state_key("own", "a", 1): encode(Number(7)),
        state_key("more", "a", b"x"): encode(Number(8)),
        state_key("guest"): encode(Number(9)),
    }


def test_a_scan_gives_one_more_part_in_key_order(run: Run) -> None:
    def probe(ctx: Context, _: Number, __: Sequence[bytes]) -> None:
        for part in (300, 2, 1, 70_000):
            ctx.put(Number(part), "list", part)
        ctx.put(Number(0), "list", 1, "deeper")
        ctx.put(Number(0), "lists", 1)
        found = [(part, value.number) for part, value in ctx.scan(Number, "list", limit=3)]
        assert found == [(1, 1), (2, 2), (300, 300)]

    run(probe)


def test_a_refusal_leaves_no_trace(run: Run, ledger: FakeLedger) -> None:
    def probe(ctx: Context, call: Number, _: Sequence[bytes]) -> None:
        ctx.put(call, "a")
        ctx.require(True, NodeExists(node="a"))
        ctx.require(False, NodeExists(node="b"))

    with pytest.raises(NodeExists) as caught:
        run(probe)
    assert caught.value.facts == {"node": "b"}
    assert ledger.state == {}


@pytest.mark.parametrize(
    "reach",
    [
        lambda ctx: ctx.put(Number(1), namespace="public"),
        lambda ctx: ctx.delete("a", namespace="public"),
        lambda ctx: ctx.get(Number, "a", namespace="public"),
        lambda ctx: ctx.read(Number, "hidden", "a"),
    ],
)
def test_a_foreign_namespace_is_out_of_reach(run: Run, reach: Callable[[Context], object]) -> None:
    with pytest.raises((NamespaceForbidden, AssertionError)):
        run(lambda ctx, _, __: reach(ctx))


def test_a_public_namespace_is_read(run: Run, ledger: FakeLedger) -> None:
    ledger.state[state_key("public", "a")] = encode(Number(5))
    assert run(lambda ctx, _, __: ctx.emit("n", ctx.read(Number, "public", "a").number)) == {"n": 5}


def test_block_and_batch_are_seen(run: Run, ledger: FakeLedger, gm: Suite) -> None:
    def probe(ctx: Context, _: Number, items: Sequence[bytes]) -> None:
        assert (ctx.height, ctx.time, ctx.chain) == (ledger.height, ledger.time, ledger.chain)
        assert ctx.hash(b"x") == gm.hash(b"x")
        root = ctx.batch_root
        assert root == (gm.merkle_roots_of([items])[0] if items else None)
        if root is not None:
            path = gm.merkle_path(gm.leaf_hashes(items), 1)
            assert ctx.verify_inclusion(items[1], 1, len(items), path, root)
            assert not ctx.verify_inclusion(items[0], 1, len(items), path, root)
            first = gm.leaf_hash(items[0])
            assert ctx.verify_consistency(1, 2, [gm.leaf_hash(items[1])], first, root)
            assert not ctx.verify_consistency(1, 2, [first], first, root)

    run(probe)
    run(probe, items=[b"one", b"two"])
