"""``xinglin account``: the accounts of a member, their roles and keys (S6.3a)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from xinglin.cli.choices import read_time
from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, check_text, opened_registry
from xinglin.cli.output import LAST_MS, show
from xinglin.cli.sites import WithOption, opened_running
from xinglin.kernel.errors import Invalid
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.home import Home
from xinglin.node.office.accounts import add_account, end_account, end_key, person_of
from xinglin.node.office.directory import Directory
from xinglin.settings import load_settings
from xinglin.stakeholders.kinds import Role

app = typer.Typer(help="Accounts: list, show, add, end, end-key.", no_args_is_help=True)


class RoleUnknown(Invalid):
    """A role is none of the seven."""

    code, number, clause = "account.role", 6112, "S6.3a"
    en = "'{role}' is not a role."
    zh = "“{role}”不是角色。"
    hint_en = "Roles: super_administrator, administrator, practitioner, auditor, compliance_officer, device, service."
    hint_zh = "角色：super_administrator、administrator、practitioner、auditor、compliance_officer、device、service。"


class KeyTextInvalid(Invalid):
    """A public key on the command line is not hexadecimal."""

    code, number, clause = "account.key_text", 6113, "S6.3a"
    en = "'{key}' is not a public key in hexadecimal."
    zh = "“{key}”不是十六进制公钥。"
    hint_en = "Copy it from 'xinglin account show'."
    hint_zh = "请从 xinglin account show 复制。"


_KEY_SIZES = (32, 65)
"""Bytes of a signing key in the two suites."""
_DATE_DIGITS = 8
"""Of a date without dashes, which is no number of milliseconds."""
AccountArgument = Annotated[str, typer.Argument(help="The account's id.")]


@app.command("list")
def list_accounts(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """List the accounts of the member that owns the home, with who is responsible for each."""
    member = load_settings(home).member
    with opened_registry(home, passphrase_file) as chain:
        rows: list[dict[str, Any]] = [
            {
                "account": account,
                "roles": [role.name.lower() for role in state.roles],
                "status": state.status.name.lower(),
                "person": person_of(Home(home), account),
            }
            for account, state in Directory(chain).accounts(member)
        ]
    lines = [f"{row['account']}  {row['status']:<9}  {', '.join(row['roles'])}  {row['person']}" for row in rows]
    show({"accounts": rows}, lines, as_json=as_json)


@app.command("show")
def show_account(
    home: HomeOption, account: AccountArgument, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Show one account and its keys: in force from when, until when, since when in other hands.

    Who is responsible is shown of the home's own accounts.
    """
    identifier_bytes(account)
    with opened_registry(home, passphrase_file) as chain:
        directory = Directory(chain)
        state = directory.account(account)
        keys: list[dict[str, Any]] = [
            {"key": key.hex(), "from_ms": k.from_ms, "until_ms": list(k.until), "compromised_ms": list(k.compromised)}
            for key, k in directory.keys(account)
        ]
    roles = [role.name.lower() for role in state.roles]
    status = state.status.name.lower()
    person = person_of(Home(home), account)
    data = {
        "account": account,
        "member": state.member,
        "roles": roles,
        "status": status,
        "person": person,
        "keys": keys,
    }
    lines = [f"{account}  {status}  {', '.join(roles)}  of member {state.member}"]
    lines += [f"  person {person}"] if person else []
    lines += [f"  key {one['key']}  from {one['from_ms']}" + _ended(one) for one in keys]
    show(data, lines, as_json=as_json)


@app.command("add")
def add(
    home: HomeOption,
    role: Annotated[list[str], typer.Option("--role", help="A role of the new account; may be given more than once.")],
    person: Annotated[str, typer.Option("--person", help="Who is responsible; committed on chain, kept in the home.")],
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account with a key in this home's key store, signed by the administrator."""
    roles = tuple(sorted({_role(text) for text in role}))
    check_text("--person", person)
    with opened_running(home, others, passphrase_file) as node:
        added = add_account(node, roles, person)
    show({"account": added.account, "key": added.key.hex()}, [f"Added account {added.account}."], as_json=as_json)


@app.command("end")
def end(
    home: HomeOption,
    account: AccountArgument,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """End an account: it signs no more. What it signed stays provable."""
    identifier_bytes(account)
    with opened_running(home, others, passphrase_file) as node:
        end_account(node, account)
    show({"account": account, "status": "ended"}, [f"Ended account {account}."], as_json=as_json)


@app.command("end-key")
def end_one_key(
    home: HomeOption,
    key: Annotated[str, typer.Argument(help="The public key in hexadecimal.")],
    compromised_since: Annotated[
        str | None,
        typer.Option("--compromised-since", help="Since when it may be in other hands: a date, or ms since 1970."),
    ] = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a key now, and tell since when it may have been in other hands."""
    public = _public_key(key)
    since = None if compromised_since is None else _since(compromised_since)
    with opened_running(home, others, passphrase_file) as node:
        end_key(node, public, since)
    show({"key": key, "status": "ended"}, ["Ended the key."], as_json=as_json)


def _since(text: str) -> int:
    """Return a time in ms; digits alone are ms already, unless they are a date such as 20261231."""
    milliseconds = _DATE_DIGITS < len(text) <= len(str(LAST_MS)) and text.isascii() and text.isdigit()
    return int(text) if milliseconds and int(text) <= LAST_MS else read_time("--compromised-since", text)


def _public_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) not in _KEY_SIZES:
        raise KeyTextInvalid(key=text[:40])
    return key


def _role(text: str) -> Role:
    try:
        return Role[text.upper()]
    except KeyError:
        raise RoleUnknown(role=text[:40]) from None


def _ended(key: dict[str, Any]) -> str:
    until = f", ended {key['until_ms'][0]}" if key["until_ms"] else ""
    return until + (f", compromised since {key['compromised_ms'][0]}" if key["compromised_ms"] else "")
