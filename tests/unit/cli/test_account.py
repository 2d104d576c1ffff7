"""Accounts through the commands to success: what they say, what is on the chain then, and who signs from then on."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.support.product import opened, xinglin
from xinglin.carrier.access.registry.model import AddKey
from xinglin.carrier.crypto.keystore import KeyUse
from xinglin.carrier.ledger.build import operation
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.kernel.errors import PlatformError

PERSON = "王医生 of ward 3"


def added(home: Path, *roles: str) -> tuple[str, str]:
    """Add an account by the command; return its id and its key in hexadecimal."""
    options = [part for role in roles for part in ("--role", role)]
    said = xinglin("account", "add", "--home", home, *options, "--person", PERSON, "--json")
    assert said.status == 0, said.err
    return said.json["account"], said.json["key"]


def listed(home: Path) -> dict[str, tuple[list[str], str]]:
    """Return roles and status of each account, as the command lists them."""
    said = xinglin("account", "list", "--home", home, "--json")
    assert said.status == 0, said.err
    return {row["account"]: (row["roles"], row["status"]) for row in said.json["accounts"]}


def signs(home: Path, account: str, name: str) -> str:
    """Have an account register one more key for itself, ``name`` in the key store; return the refusal's code or ''."""
    with opened(home, running=True) as node:
        rules = node.consortium.rules
        key = node.keys.generate(name, KeyUse.SIGNING)
        message = key_proof_message(rules.suite.hash, rules.chain, node.member, account, key)
        call = operation(rules.suite, "registry", "add_key", AddKey(account, key, node.keys.sign(name, message)))
        try:
            node.client().call([call], [node.signer(f"account-{account}")])
        except PlatformError as refusal:
            return refusal.code
    return ""


def entries(home: Path) -> list[tuple[str, str, int]]:
    """Return contract, method and receipt of each operation on the consortium chain, in order."""
    with opened(home) as node:
        logged = [node.consortium.entry(index) for index in range(node.consortium.tip.log_size)]
    return [
        (one.head.contract, one.head.method, entry.receipt.number)
        for entry in logged
        for one in entry.transaction.operations
    ]


@pytest.mark.requirement("S6.3a", command="xinglin account add")
@pytest.mark.requirement("W9")
def test_an_account_is_added_and_signs(copy: Path) -> None:
    before, founders = entries(copy), listed(copy)
    account, key = added(copy, "practitioner", "auditor")
    assert listed(copy) == founders | {account: (["practitioner", "auditor"], "active")}
    assert entries(copy) == [*before, ("registry", "add_account", 0)]
    shown = xinglin("account", "show", "--home", copy, account, "--json").json
    assert [(one["key"], one["until_ms"], one["compromised_ms"]) for one in shown["keys"]] == [(key, [], [])]
    assert signs(copy, account, "next") == ""
    assert len(xinglin("account", "show", "--home", copy, account, "--json").json["keys"]) == 2


def test_who_is_responsible_stays_in_the_home(copy: Path) -> None:
    account, _ = added(copy, "service")
    opening = json.loads((copy / "accounts" / f"{account}.json").read_text(encoding="utf-8"))
    assert opening["statement"] == PERSON
    rows = xinglin("account", "list", "--home", copy, "--json").json["accounts"]
    assert [row["person"] for row in rows if row["account"] == account] == [PERSON]
    for path in (copy / "chain").rglob("*.mdb"):
        assert PERSON.encode() not in path.read_bytes()


@pytest.mark.requirement("S6.3a", command="xinglin account end")
@pytest.mark.requirement("W9")
def test_an_ended_account_signs_no_more(copy: Path) -> None:
    account, _ = added(copy, "practitioner")
    assert signs(copy, account, "first") == ""
    before = entries(copy)
    said = xinglin("account", "end", "--home", copy, account)
    assert (said.status, said.out.decode()) == (0, f"Ended account {account}.\n")
    assert listed(copy)[account] == (["practitioner"], "ended")
    assert signs(copy, account, "second") == "signer.ended"
    assert entries(copy) == [*before, ("registry", "end_account", 0)]


@pytest.mark.requirement("S6.3a", command="xinglin account end-key")
@pytest.mark.parametrize("compromised", [False, True])
def test_an_ended_key_signs_no_more_and_the_account_stays(copy: Path, compromised: bool) -> None:
    account, key = added(copy, "practitioner")
    assert signs(copy, account, "other") == ""
    since = int(time.time() * 1000) - 60_000
    option = ["--compromised-since", str(since)] if compromised else []
    said = xinglin("account", "end-key", "--home", copy, key, *option, "--json")
    assert (said.status, said.json) == (0, {"key": key, "status": "ended"})
    assert listed(copy)[account] == (["practitioner"], "active")
    shown = {one["key"]: one for one in xinglin("account", "show", "--home", copy, account, "--json").json["keys"]}
    assert len(shown) == 2
    assert len(shown[key]["until_ms"]) == 1
    assert shown[key]["compromised_ms"] == ([since] if compromised else [])
    assert all(one["until_ms"] == [] for name, one in shown.items() if name != key)
    assert signs(copy, account, "third") == "signer.ended"


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("1767196800000", 1_767_196_800_000),
        ("2026-01-01", 1_767_196_800_000),
        ("20260101", 1_767_196_800_000),
        ("2025-12-31T16:00:00Z", 1_767_196_800_000),
        ("-1", None),
        ("2026", None),
        ("9" * 15, None),
        ("9" * 30, None),
        ("yesterday", None),
    ],
)
def test_since_when_a_key_was_in_other_hands(copy: Path, text: str, since: int | None) -> None:
    account, key = added(copy, "practitioner")
    said = xinglin("account", "end-key", "--home", copy, key, "--compromised-since", text)
    if since is None:
        assert said.code == "option.time"
    keys = xinglin("account", "show", "--home", copy, account, "--json").json["keys"]
    assert [one["compromised_ms"] for one in keys if one["key"] == key] == [[] if since is None else [since]]


def test_the_lists_for_people_say_the_same(copy: Path) -> None:
    account, key = added(copy, "device")
    lines = xinglin("account", "list", "--home", copy).out.decode().splitlines()
    assert f"{account}  active     device  {PERSON}" in lines
    assert xinglin("account", "end-key", "--home", copy, key).out == b"Ended the key.\n"
    [head, person, line] = xinglin("account", "show", "--home", copy, account).out.decode().splitlines()
    assert head.startswith(f"{account}  active  device  of member ")
    assert person == f"  person {PERSON}"
    assert line.startswith(f"  key {key}  from ")
    assert ", ended " in line
    assert xinglin("account", "end", "--home", copy, account).status == 0
    lines = xinglin("account", "list", "--home", copy).out.decode().splitlines()
    assert f"{account}  ended      device  {PERSON}" in lines
