"""Accounts and keys of a home's member, by transactions that its administrator signs (S6.3a)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from xinglin.carrier.access.registry.model import AddAccount, EndAccount, EndKey
from xinglin.carrier.access.registry.rules import in_force
from xinglin.carrier.crypto.keystore import KeyUse
from xinglin.carrier.ledger.build import Signer, operation
from xinglin.carrier.ledger.genesis import key_proof_message
from xinglin.kernel.encoding import ChainObject
from xinglin.kernel.errors import NotFound
from xinglin.kernel.identifiers import identifier
from xinglin.node.chains import random_bytes
from xinglin.node.directory import Directory
from xinglin.node.founding import ADMINISTRATOR, person_commitment
from xinglin.node.node import Node
from xinglin.stakeholders.kinds import Role


class AccountKeyMissing(NotFound):
    """The home's key store has no key of the account."""

    code, number, clause = "account.no_key", 6032, "S6.3a"
    en = "This home has no key of the account {account}."
    zh = "本节点没有账户 {account} 的密钥。"
    hint_en = "Sign where the account's key is, or name an account whose key is here."
    hint_zh = "请在保存该账户密钥之处签名，或指定密钥在此的账户。"


@dataclass(frozen=True, slots=True)
class AddedAccount:
    """A new account: its id, its public key, and the name of the key in the home's key store."""

    account: str
    key: bytes
    key_name: str


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
    """Return the signer of an account whose key is in the home's key store, a key in force where there are several.

    Raises:
        AccountKeyMissing: there is no such key here.
    """
    now, keys = node.consortium.tip.time, dict(Directory(node.consortium).keys(account))
    here = [(name, keys[key]) for name in node.keys.names() if (key := node.keys.public(name)) in keys]
    if not here:
        raise AccountKeyMissing(account=account)
    return node.signer(max(here, key=lambda one: in_force(one[1], now))[0])


def end_account(node: Node, account: str) -> None:
    """End an account of the home's member."""
    _admin_call(node, "end_account", EndAccount(account))


def end_key(node: Node, key: bytes, compromised_since: int | None = None) -> None:
    """End a key of the home's member, and tell since when (ms) it may have been in other hands."""
    _admin_call(node, "end_key", EndKey(key, () if compromised_since is None else (compromised_since,)))


def _admin_call(node: Node, method: str, arguments: ChainObject) -> None:
    call = operation(node.consortium.rules.suite, "registry", method, arguments)
    node.client().call([call], [node.signer(ADMINISTRATOR)])
