"""The trust file is read strictly: what can't be read is undecided, never weaker trust."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xinglin_verify import Malformed, Unknown, Verdict, verify_bundle
from xinglin_verify.trust import Trust, parse_trust

from tests.support.proof_bundles import BundleMaker, identifier

CHAIN = "c" + "a" * 26
KEYS = [{"member": identifier(name), "key": "04" + name.encode().hex().zfill(128)} for name in ("a", "b", "c")]
GENESIS = {"xinglin_trust": 1, "chain": CHAIN, "genesis": "0f" * 32}
PINNED = {"xinglin_trust": 1, "chain": CHAIN, "keys": KEYS, "quorum": 2}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_both_forms_are_read() -> None:
    assert parse_trust(json.dumps(GENESIS).encode()) == Trust(CHAIN, b"\x0f" * 32, frozenset(), 0)
    keys = frozenset((one["member"], bytes.fromhex(one["key"])) for one in KEYS)
    assert parse_trust(json.dumps(PINNED).encode()) == Trust(CHAIN, None, keys, 2)
    assert parse_trust(json.dumps(GENESIS | PINNED).encode()) == Trust(CHAIN, b"\x0f" * 32, keys, 2)
    assert parse_trust(b'{"xinglin_trust": 1, "genesis": "%s"}' % (b"0f" * 32)).chain is None


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"xinglin_trust": True}, "xinglin_trust"),
        ({"xinglin_trust": "1"}, "xinglin_trust"),
        ({"xinglin_trust": 1.0}, "xinglin_trust"),
        ({"more": 1}, "members"),
        ({"chain": 5}, "chain"),
        ({"chain": CHAIN + "a"}, "chain"),
        ({"chain": CHAIN + "\n"}, "chain"),
        ({"chain": None}, "chain"),
        ({"genesis": "0f" * 31}, "genesis"),
        ({"genesis": "0F" * 32}, "genesis"),
        ({"genesis": "0f" * 31 + "0 "}, "genesis"),
        ({"quorum": 0}, "quorum"),
        ({"quorum": 4}, "quorum"),
        ({"quorum": True}, "quorum"),
        ({"quorum": -1}, "quorum"),
        ({"keys": []}, "keys"),
        ({"keys": {}}, "keys"),
        ({"keys": None}, "keys"),
        ({"keys": 5}, "keys"),
        ({"keys": [*KEYS, KEYS[0]]}, "keys"),
        ({"keys": [KEYS[0], {"member": identifier("b"), "key": KEYS[0]["key"]}]}, "keys"),
        ({"keys": [KEYS[0] | {"more": 1}]}, "keys"),
        ({"keys": [{"member": KEYS[0]["member"]}]}, "keys"),
        ({"keys": [KEYS[0] | {"key": "00"}]}, "key"),
        ({"keys": [KEYS[0] | {"member": "x"}]}, "member"),
        ({"keys": ["x"]}, "keys"),
    ],
)
def test_a_change_of_form_is_refused(change: dict[str, Any], where: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_trust(json.dumps(GENESIS | PINNED | change).encode())
    assert (refusal.value.reason, refusal.value.facts) == ("trust.form", {"where": where})


@pytest.mark.parametrize(
    ("gone", "where"), [("keys", "quorum"), ("quorum", "quorum"), ("xinglin_trust", "xinglin_trust")]
)
def test_a_missing_member_is_refused(gone: str, where: str) -> None:
    whole = GENESIS | PINNED
    with pytest.raises(Malformed) as refusal:
        parse_trust(json.dumps({name: value for name, value in whole.items() if name != gone}).encode())
    assert refusal.value.facts == {"where": where}


def test_a_trust_that_pins_nothing_is_refused() -> None:
    for change in ({}, {"quorum": 0}):
        with pytest.raises(Malformed):
            parse_trust(json.dumps({"xinglin_trust": 1, "chain": CHAIN} | change).encode())


def test_a_quorum_of_no_keys_is_refused() -> None:
    with pytest.raises(Malformed):
        parse_trust(json.dumps(GENESIS | {"quorum": 0}).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 10_000,
        b'{"xinglin_trust": 1, "genesis": NaN}',
        b'{"xinglin_trust": 1, "xinglin_trust": 1, "genesis": "%s"}' % (b"0f" * 32),
    ],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_trust(data)
    assert refusal.value.reason == "trust.json"


def test_a_large_file_and_another_version_are_refused() -> None:
    with pytest.raises(Malformed) as refusal:
        parse_trust(b" " * ((1 << 20) + 1))
    assert refusal.value.reason == "trust.too_large"
    with pytest.raises(Unknown):
        parse_trust(json.dumps(GENESIS | {"xinglin_trust": 2}).encode())


@given(JSON)
def test_no_json_raises_anything_else(value: object) -> None:
    with pytest.raises((Malformed, Unknown)):
        parse_trust(json.dumps(value).encode())


@pytest.mark.parametrize("trust", [b"", b"{}", b'{"xinglin_trust": 2}', json.dumps(PINNED | {"quorum": 0}).encode()])
def test_a_trust_that_can_not_be_read_leaves_it_undecided(trust: bytes) -> None:
    report = verify_bundle(BundleMaker().make(), trust)
    assert (report.verdict, report.failed.number) == (Verdict.UNDECIDED, 3)
