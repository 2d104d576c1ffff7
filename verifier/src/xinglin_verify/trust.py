"""The trust file: what the person who verifies already knows (docs/spec/proof-bundle.md, Trust).

It is read strictly: a member that isn't known, or one that is given twice, makes it unreadable rather than weaker.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from xinglin_verify.errors import Malformed, Unknown

MAX_BYTES = 1 << 20
MAX_KEYS = 4096
CHAIN = re.compile("[cps][a-z2-7]{26}", re.ASCII)
MEMBER = re.compile("[a-z2-7]{25}[aeimquy4]", re.ASCII)
HASH = re.compile("[0-9a-f]{64}", re.ASCII)
KEY = re.compile("[0-9a-f]{64}|[0-9a-f]{130}", re.ASCII)


@dataclass(frozen=True)
class Trust:
    """What is pinned: a chain id, a genesis hash, or members' keys of which a quorum must have signed (0: no keys)."""

    chain: str | None
    genesis: bytes | None
    keys: frozenset[tuple[str, bytes]]
    quorum: int


def parse_trust(data: bytes) -> Trust:
    """Return the trust that a file holds.

    Raises:
        Malformed: it isn't of the form.
        Unknown: it names a version that isn't known.
    """
    members = _members(data)
    version = members.pop("xinglin_trust", None)
    if type(version) is not int:
        raise Malformed("trust.form", where="xinglin_trust")
    if version != 1:
        raise Unknown("unknown.trust_version", version=str(version)[:20])
    unknown = members.keys() - {"chain", "genesis", "keys", "quorum"}
    if unknown or not members.keys() & {"genesis", "keys"}:
        raise Malformed("trust.form", where="members")
    chain = _text(members, "chain", CHAIN)
    genesis = _text(members, "genesis", HASH)
    keys = _keys(members["keys"]) if "keys" in members else frozenset()
    quorum = members.get("quorum", 0)
    if type(quorum) is not int or ("keys" in members) != ("quorum" in members) or not bool(keys) <= quorum <= len(keys):
        raise Malformed("trust.form", where="quorum")
    return Trust(chain, bytes.fromhex(genesis) if genesis else None, keys, quorum)


def _members(data: bytes) -> dict[str, Any]:
    """Return the members of the JSON object."""
    if len(data) > MAX_BYTES:
        raise Malformed("trust.too_large", limit=MAX_BYTES)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Malformed("trust.json") from None
    if not isinstance(value, dict):
        raise Malformed("trust.form", where="object")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _text(members: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str | None:
    """Return a member that must match its pattern if it is there."""
    if name not in members:
        return None
    value = members[name]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Malformed("trust.form", where=name)
    return value


def _keys(value: object) -> frozenset[tuple[str, bytes]]:
    """Return the pinned keys: at least one, members and keys distinct."""
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_KEYS:
        raise Malformed("trust.form", where="keys")
    keys = set()
    for one in value:
        if not isinstance(one, dict) or one.keys() != {"member", "key"}:
            raise Malformed("trust.form", where="keys")
        member, key = _text(one, "member", MEMBER), _text(one, "key", KEY)
        keys.add((str(member), bytes.fromhex(str(key))))
    if len({key for _, key in keys}) != len(value):
        raise Malformed("trust.form", where="keys")
    return frozenset(keys)
