"""What authors of contracts import (design D8): the context, callers, methods, and the refusals of the runtime.

A contract is a value of ``Contract``: a name, a version, a namespace and methods. A method is a pure function of its
context: it reads and writes state through ``ctx`` alone, sees block time only, and refuses by raising an error of
the family. Imports kernel and stakeholders only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.errors import Fact, Invalid, PlatformError
from xinglin.stakeholders.caller import Caller

__all__ = [
    "ArgumentsInvalid",
    "Caller",
    "Context",
    "Contract",
    "ContractUnknown",
    "Method",
    "Part",
]

T = TypeVar("T", bound=ChainObject)
Part = str | int | bytes
"""A part of a state key."""


class Context(Protocol):
    """What a method may use. Everything here is metered and deterministic.

    ``height`` and ``time`` (ms) are the block's, ``chain`` the chain's id, ``callers`` the signers in order,
    ``batch_root`` the root over the operation's items (None without a batch).
    """

    height: int
    time: int
    chain: str
    callers: Sequence[Caller]
    batch_root: bytes | None

    @property
    def caller(self) -> Caller:
        """The first signer."""
        ...

    def get(self, kind: type[T], *parts: Part, namespace: str = "") -> T | None:
        """Return the value under (namespace, parts...), None when absent; own default namespace when none is named."""
        ...

    def put(self, value: ChainObject, *parts: Part, namespace: str = "") -> None:
        """Write a value under (namespace, parts...), one of the contract's own namespaces."""
        ...

    def delete(self, *parts: Part, namespace: str = "") -> None:
        """Remove the value under (namespace, parts...), one of the contract's own; absent is no error."""
        ...

    def scan(self, kind: type[T], *prefix: Part, limit: int, namespace: str = "") -> Iterator[tuple[Part, T]]:
        """Yield up to ``limit`` (last part of the key, value) under (namespace, prefix..., part), in key order.

        MUST NOT serve to decide that something is absent: a row that a node's store has lost is not noticed. ``get``
        serves for that.
        """
        ...

    def read(self, kind: type[T], namespace: str, *parts: Part) -> T | None:
        """Return a value of another contract's public namespace, None when absent."""
        ...

    def emit(self, name: str, value: Fact) -> None:
        """Add a fact to the receipt."""
        ...

    def require(self, holds: bool, refusal: PlatformError) -> None:
        """Raise ``refusal`` unless ``holds``."""
        ...

    def hash(self, data: bytes) -> bytes:
        """Return the hash of the chain's suite, 32 bytes."""
        ...

    def verify_signature(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """Tell whether a signature verifies under the chain's suite; a key of wrong form is simply False."""
        ...

    def verify_engine_signature(self, key: bytes, message: bytes, signature: bytes) -> bool:
        """Tell whether a signature verifies under an engine key (Ed25519, on every chain); other forms are False."""
        ...

    def verify_inclusion(self, leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
        """Tell whether ``leaf`` (its bytes) is at ``index`` of the RFC 6962 tree of ``size`` and ``root``.

        Both must come from one place, such as a state value: a root does not commit to its size.
        """
        ...

    def verify_consistency(
        self, old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
    ) -> bool:
        """Tell whether an RFC 6962 tree continues another."""
        ...


@dataclass(frozen=True, slots=True)
class Method:
    """One method: the type of its arguments, what runs, and for batches the type of an item.

    ``run`` takes (ctx, arguments, items); ``items`` are the raw items of a batch in order, already shown to be what
    ``ctx.batch_root`` commits, and empty without a batch: a method decodes them, or checks them as bytes.
    ``batch`` tells whether the method takes items; a call that differs is refused.
    """

    arguments: type[ChainObject]
    run: Callable[[Context, Any, Sequence[bytes]], None]
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Contract:
    """A native contract: name and version as operations name it, its namespaces, its methods.

    ``namespaces``: the namespaces that it alone writes, the first being the default. ``private``: whether others
    may not read them. ``also_writes``: namespaces of another contract that it writes too, which only the contracts of
    the access folder need: an accepted application becomes an entry of the registry.
    """

    name: str
    version: int
    methods: Mapping[str, Method]
    namespaces: tuple[str, ...] = field(default=())
    private: bool = False
    also_writes: tuple[str, ...] = field(default=())


class ContractUnknown(Invalid):
    """No contract of that name and version is registered on this node."""

    code, number, clause = "contract.unknown", 1301, "S6.2a1"
    en = "There is no contract {contract} version {version}, or it has no method {method}."
    zh = "没有合约 {contract} 版本 {version}，或其没有方法 {method}。"
    hint_en = "See docs/spec/contracts.md for contracts and their methods."
    hint_zh = "合约与方法见 docs/spec/contracts.md。"


class ArgumentsInvalid(Invalid):
    """The arguments or items of a call are not the canonical encoding of what the method takes."""

    code, number, clause = "contract.arguments", 1302, "S9.1"
    en = "The arguments of {contract}.{method} are not valid: {reason}."
    zh = "{contract}.{method} 的参数无效：{reason}。"
    hint_en = "See docs/spec/contracts.md for the arguments."
    hint_zh = "参数见 docs/spec/contracts.md。"
