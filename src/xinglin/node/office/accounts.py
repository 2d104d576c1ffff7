"""Accounts and keys of a home's member, by transactions that its administrator signs (S6.3a)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.carrier.access.registry.model import (
    NAMESPACE,
    AccountState,
    AddAccount,
    AddKey,
    EndAccount,
    EndKey,
    KeyState,
)
from xinglin.carrier.access.registry.rules import in_force
from xinglin.carrier.crypto.keystore import KeyUse
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.carrier.ledger.ledger import Ledger
from xinglin.kernel.encoding import ChainObject, decode, state_key
from xinglin.kernel.errors import Denied, NotFound
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.founding import ADMINISTRATOR, person_commitment
from xinglin.node.home import Home
from xinglin.node.node import Node
from xinglin.node.office.directory import Directory
from xinglin.stakeholders.kinds import Role, Status


class MayNotAct(Denied):
    """An account or key that has ended, or is of another member, wants to act for this institution."""

    code, number, clause = "account.may_not_act", 6032, "S6.3a"
    en = "The key of account {account} may not act for this institution."
    zh = "账户 {account} 的密钥不得代表本机构操作。"
    hint_en = "Use an active account of this institution; see 'xinglin account list'."
    hint_zh = "请使用本机构的有效账户；参见 xinglin account list。"


class AccountKeyMissing(NotFound):
    """The home's key store has no key of the account."""

    code, number, clause = "account.no_key", 6033, "S6.3a"
    en = "This home has no key of the account {account}."
    zh = "本节点没有账户 {account} 的密钥。"
    hint_en = "Sign where the account's key is, or name an account whose key is here."
    hint_zh = "请在保存该账户密钥之处签名，或指定密钥在此的账户。"


class SamePerson(Denied):
    """The second of two acts was tried by another account of the person who did the first."""

    code, number, clause = "account.same_person", 6096, "S3.5"
    en = "The accounts {first} and {second} are of one responsible person."
    zh = "账户 {first} 与 {second} 属于同一责任人。"
    hint_en = "Two persons are needed: somebody else does the second act."
    hint_zh = "须由两人分别操作：请由另一责任人执行第二步。"


@dataclass(frozen=True, slots=True)
class AddedAccount:
    """A new account: its id, its public key, and the name of the key in the home's key store."""

    account: str
    key: bytes
    key_name: str


def require_two_persons(node: Node, first: str, second: str) -> None:
    """Refuse the second of two acts where both accounts are of one person, as far as this home knows who they are.

    On the chain are salted commitments, by which nobody can tell; contracts compare accounts alone. One account for
    both acts is left to the contract.

    Raises:
        SamePerson: what was stated of the two persons is the same, but for case and spaces.
    """
    stated = _stated(node, first)
    if first != second and stated and stated == _stated(node, second):
        raise SamePerson(first=first, second=second)


def person_of(home: Home, account: str) -> str:
    """Return what was stated of the person behind an account; empty where this home does not have it, or not whole."""
    try:
        statement = json.loads(home.person_opening(account) or b"")["statement"]
    except (ValueError, KeyError, TypeError):
        return ""
    return statement if isinstance(statement, str) else ""


def _stated(node: Node, account: str) -> str:
    """Return who stands behind an account, but for case and spaces."""
    return " ".join(unicodedata.normalize("NFKC", person_of(node.home, account)).casefold().split())


def add_account(node: Node, roles: Sequence[Role], person: str) -> AddedAccount:
    """Make an account of the home's member with a new key in its key store.

    Args:
        node: the home; its consortium chain runs.
        roles: one or more, ascending.
        person: who is responsible; committed with a salt that stays in the home.

    Raises:
        GroupRequired: the consortium chain does not run; nothing was made.
        PlatformError: the chain's refusal; the key stays unused then.
    """
    node.client()
    rules = node.consortium.rules
    account, salt = identifier(random_bytes(16)), random_bytes(16)
    statement = unicodedata.normalize("NFC", person).encode()
    name = f"account-{account}"
    key = node.keys.generate(name, KeyUse.SIGNING)
    message = key_proof_message(rules.suite.hash, rules.chain, node.member, account, key)
    call = AddAccount(
        account=account,
        roles=tuple(roles),
        person=person_commitment(rules.suite, salt, statement),
        key=key,
        proof=node.keys.sign(name, message),
    )
    node.home.keep_person(account, salt, statement)
    _admin_call(node, "add_account", call)
    return AddedAccount(account, key, name)


def account_signer(node: Node, account: str) -> Signer:
    """Return the signer of an account whose key is in the home's key store; see ``account_key``."""
    return node.signer(account_key(node, account))


def account_key(node: Node, account: str) -> str:
    """Return the name of an account's key in the home's key store, of one in force where there are several.

    Raises:
        AccountKeyMissing: there is no such key here.
    """
    now, keys = node.consortium.tip.time, dict(Directory(node.consortium).keys(account))
    here = [(name, keys[key]) for name in node.keys.names() if (key := node.keys.public(name)) in keys]
    if not here:
        raise AccountKeyMissing(account=account)
    return max(here, key=lambda one: in_force(one[1], now))[0]


def enrol(node: Node, key_name: str) -> str:
    """Let an account of the consortium chain act on the private chain too, with the same key; done once, then nothing.

    Args:
        node: the home; both its chains run.
        key_name: name of the account's key in the home's key store.

    Returns: the account's id.

    Raises:
        MayNotAct: account or key have ended, or are another member's.
    """
    key, private = node.keys.public(key_name), node.private_ledger()
    account, state = _acting(node, key)
    if private.value(state_key(NAMESPACE, "key", key)) is not None:
        return account
    rules = private.rules
    message = key_proof_message(rules.suite.hash, rules.chain, node.member, account, key)
    proof = node.keys.sign(key_name, message)
    if private.value(state_key(NAMESPACE, "account", account)) is not None:
        _admin_call(node, "add_key", AddKey(account, key, proof), private)
    else:
        _admin_call(node, "add_account", AddAccount(account, state.roles, state.person, key, proof), private)
    return account


def end_account(node: Node, account: str) -> None:
    """End an account of the home's member, on the private chain too if it is there."""
    _admin_call(node, "end_account", EndAccount(account))
    private = _also_private(node, "account", account)
    if private is not None:
        _admin_call(node, "end_account", EndAccount(account), private)


def end_key(node: Node, key: bytes, compromised_since: int | None = None) -> None:
    """End a key of the home's member, and tell since when (ms) it may have been in other hands; as ``end_account``."""
    call = EndKey(key, () if compromised_since is None else (compromised_since,))
    _admin_call(node, "end_key", call)
    private = _also_private(node, "key", key)
    if private is not None:
        _admin_call(node, "end_key", call, private)


def _acting(node: Node, key: bytes) -> tuple[str, AccountState]:
    """Return the account of a key, both in force on the consortium chain and of this member."""
    ledger = node.consortium
    stored = ledger.value(state_key(NAMESPACE, "key", key))
    if stored is None:
        raise MayNotAct(account="?")
    known = decode(KeyState, stored)
    state = decode(AccountState, ledger.value(state_key(NAMESPACE, "account", known.account)) or b"")
    active = state.status is Status.ACTIVE and not known.until and not known.compromised
    if known.member != node.member or not active:
        raise MayNotAct(account=known.account)
    return known.account, state


def _also_private(node: Node, table: str, name: str | bytes) -> Ledger | None:
    """Return the private chain if it runs and has such a row of the registry."""
    private = node.private
    known = private is not None and private.value(state_key(NAMESPACE, table, name)) is not None
    return private if known else None


def _admin_call(node: Node, method: str, arguments: ChainObject, ledger: Ledger | None = None) -> None:
    call = operation(node.consortium.rules.suite, "registry", method, arguments)
    node.client(ledger).call([call], [node.signer(ADMINISTRATOR)])
