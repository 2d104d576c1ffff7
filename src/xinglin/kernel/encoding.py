"""Canonical encoding of chain objects: one value, one byte string (design D3, docs/spec/encoding.md).

Objects are frozen ``msgspec`` structs written as MessagePack arrays. Values are integers, bytes, ASCII strings and
arrays; nil, booleans, floats, maps and free text never occur. ``decode`` writes the value again and refuses bytes
that differ, so an object has exactly one encoding. This module never hashes and knows no object of the ledger.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Annotated, Any, TypeVar, cast

import msgspec

from xinglin.kernel.errors import EncodingInvalid, EncodingNotCanonical

T = TypeVar("T")

MAX_INTEGER = 2**63 - 1
"""The largest integer on a chain; MessagePack could hold more, many languages could not."""

Natural = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
"""A whole number from 0 to 2**63 - 1."""
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
"""A time: whole milliseconds since 1970-01-01T00:00:00Z."""
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
"""A hash of the chain's suite, 32 bytes."""
Bytes16 = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
"""A random nonce, salt or handle, 16 bytes."""
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
"""A signature, 64 bytes: r || s under SM2, R || S under Ed25519."""
PublicKey = Annotated[bytes, msgspec.Meta(min_length=32, max_length=65)]
"""A public key: 65 bytes under suite gm, 32 under suite intl (the suite checks which)."""
Text = Annotated[bytes, msgspec.Meta(max_length=1024)]
"""Text of people as opaque UTF-8 bytes, normalised (NFC) by whoever signs it."""
Identifier = Annotated[str, msgspec.Meta(pattern=r"\A[a-z2-7]{25}[aeimquy4]\Z")]
"""A random 128-bit identifier: 26 lower-case base32 characters, the last with zero spare bits."""
ChainId = Annotated[str, msgspec.Meta(pattern=r"\A[cps][a-z2-7]{26}\Z")]
"""A chain: profile letter and 26 base32 characters of the genesis hash."""
Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_.-]{0,63}\Z")]
"""A name of a contract, method, namespace, audience or kind."""


class ChainObject(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of everything that is hashed or signed: a frozen struct, written as an array of its fields in order.

    Subclasses that begin with (kind, version) are declared with ``kw_only=True``.
    """


_encoder = msgspec.msgpack.Encoder()
pack: Callable[[Any], bytes] = _encoder.encode
"""Write a value that is known to be valid (just decoded, or built by checked code): no check at all."""


_building = threading.Lock()


@cache
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    # One at a time: msgspec runs Python code while it looks at a type, and another thread that meets the same type
    # half looked at would end the process.
    with _building:
        return msgspec.msgpack.Decoder(kind, strict=True)


def encode(value: ChainObject) -> bytes:
    """Return the canonical bytes of an object, checked against its own type.

    Raises:
        EncodingInvalid: a field breaks its pattern, length or range.
    """
    try:
        data = pack(value)
    except (UnicodeEncodeError, OverflowError) as error:  # half a surrogate pair, as of an argument that is no text
        raise EncodingInvalid(what=_name(type(value)), reason=_reason(error)) from None
    _decode_checked(type(value), data)
    return data


def decode(kind: type[T], data: bytes) -> T:
    """Return the object that ``data`` is the canonical encoding of.

    Args:
        kind: the struct (or annotated type) expected.
        data: its bytes, all of them.

    Raises:
        EncodingInvalid: not MessagePack, another shape, a value out of its pattern or range.
        EncodingNotCanonical: the same value has another, canonical encoding.
    """
    value = _decode_checked(kind, data)
    if pack(value) != data:
        raise EncodingNotCanonical(what=_name(kind))
    return value


def decode_often(kind: type[T], data: bytes) -> T:
    """Return what ``decode`` does, the same object again for the same bytes: for small values that come often.

    Args:
        kind: the struct expected; frozen, as all of them are.
        data: its bytes; what was decoded last is kept with them.

    Raises:
        EncodingInvalid, EncodingNotCanonical: as ``decode``.
    """
    return cast(T, _decoded(kind, data))  # type: ignore[arg-type]  # a type is hashable


@lru_cache(maxsize=16_384)
def _decoded(kind: Any, data: bytes) -> Any:
    return decode(kind, data)


def _decode_checked(kind: type[T], data: bytes) -> T:
    try:
        value: T = _decoder(kind).decode(data)  # type: ignore[arg-type]  # a type is hashable
        return value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise EncodingInvalid(what=_name(kind), reason=_reason(error)) from None


def _name(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind)).lower()


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.DecodeError):
        return str(error)[:200].rstrip(".")
    return "nested or encoded in a way that no object is"


def state_key(namespace: str, *parts: str | int | bytes) -> bytes:
    """Return the canonical key of one entry of the state: the array (namespace, parts...) (design D3, D6)."""
    return pack((namespace, *parts))
