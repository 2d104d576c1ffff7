"""Contracts for tests of the ledger: ``counter`` with public state, ``secret`` with private state, ``spy`` that
reaches for it.

They do what any contract may do, and nothing of the field: a counter grows, shrinks, is removed, is refused above
1000, and takes batches; so that tests of the ledger depend on no business.
"""

from __future__ import annotations

from collections.abc import Sequence

from xinglin.carrier.contracts.api import ArgumentsInvalid, Context, Contract, Method
from xinglin.kernel.encoding import ChainObject, Name, Natural

MOST = 1000


class Count(ChainObject, frozen=True):
    """State value: a counter."""

    count: Natural


class Root(ChainObject, frozen=True):
    """State value: the root of the last batch."""

    root: bytes


class Add(ChainObject, frozen=True):
    """Arguments: which counter, by how much."""

    name: Name
    amount: Natural


class Named(ChainObject, frozen=True):
    """Arguments: which counter."""

    name: Name


class Reach(ChainObject, frozen=True):
    """Arguments of ``spy``: which namespace, which key in it."""

    namespace: Name
    name: Name


class Item(ChainObject, frozen=True):
    """An item of a batch."""

    amount: Natural


def _add(ctx: Context, call: Add, _: Sequence[bytes]) -> None:
    found = (ctx.get(Count, call.name) or Count(0)).count + call.amount
    ctx.put(Count(found), call.name)
    # After WRITE on purpose: the tests show that a refusal undoes what was written.
    ctx.require(found <= MOST, ArgumentsInvalid(contract="counter", method="add", reason="too high"))
    ctx.emit("count", found)


def _remove(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    ctx.delete(call.name)


def _clear(ctx: Context, call: Named, _: Sequence[bytes]) -> None:
    for part, _value in ctx.scan(Count, limit=3):
        ctx.delete(part)
    ctx.emit("left", len(list(ctx.scan(Count, limit=1000))))


def _batch(ctx: Context, call: Named, items: Sequence[bytes]) -> None:
    ctx.put(Root(ctx.batch_root or b""), call.name)
    ctx.emit("items", len(items))


def _read(ctx: Context, call: Reach, _: Sequence[bytes]) -> None:
    found = ctx.read(Count, call.namespace, call.name)
    ctx.emit("found", found.count if found else 0)


def _get(ctx: Context, call: Reach, _: Sequence[bytes]) -> None:
    ctx.get(Count, call.name, namespace=call.namespace)


def _scan(ctx: Context, call: Reach, _: Sequence[bytes]) -> None:
    list(ctx.scan(Count, limit=5, namespace=call.namespace))


def _write(ctx: Context, call: Reach, _: Sequence[bytes]) -> None:
    ctx.put(Count(7), call.name, namespace=call.namespace)


def _delete(ctx: Context, call: Reach, _: Sequence[bytes]) -> None:
    ctx.delete(call.name, namespace=call.namespace)


COUNTER = Contract(
    "counter",
    1,
    {
        "add": Method(Add, _add),
        "remove": Method(Named, _remove),
        "clear": Method(Named, _clear),
        "batch": Method(Named, _batch, batch=True),
    },
    ("counter",),
)
SECRET = Contract("secret", 1, {"add": Method(Add, _add)}, ("secret",), private=True)
REACHES = {"read": _read, "get": _get, "scan": _scan, "write": _write, "delete": _delete}
SPY = Contract("spy", 1, {name: Method(Reach, run) for name, run in REACHES.items()}, ("spy",))
CONTRACTS = (COUNTER, SECRET, SPY)
