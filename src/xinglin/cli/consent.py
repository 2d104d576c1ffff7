"""``xinglin consent``: what patients allow and forbid, at the counter or by their own key (S6.3c, W8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli import break_glass, guardian, mandate
from xinglin.cli.choices import GuardianOption, PersonArgument, opened_deciding, read_choice, read_scan, show_time
from xinglin.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption
from xinglin.cli.output import show
from xinglin.cli.passphrase import read_wallet_passphrase
from xinglin.cli.scope import Scope, takes_scope
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.chains import SystemClock
from xinglin.node.office.consents import acknowledge
from xinglin.node.office.desk import (
    Counted,
    approve,
    give,
    given_ms,
    propose,
    revoke_at_counter,
    revoke_by_wallet,
    view_values,
    waiting_values,
)
from xinglin.node.office.following import follow_all
from xinglin.node.office.protecting import default_values, paper_hash, set_default
from xinglin.node.records.serving import Serving
from xinglin.node.remote.local import serving_process
from xinglin.node.remote.served import ServedHome
from xinglin.service.basic.protection.consents.drafts import WantedConsent
from xinglin.service.basic.protection.consents.wallet import Wallet
from xinglin.service.basic.protection.model import PatientDefault

app = typer.Typer(
    help="Consents: propose, approve, drafts, give, acknowledge, revoke, list, show, default, guardian, mandate, "
    "break-glass.",
    no_args_is_help=True,
)
app.add_typer(guardian.app, name="guardian")
app.add_typer(mandate.app, name="mandate")
app.add_typer(break_glass.app, name="break-glass")

ConsentArgument = Annotated[str, typer.Argument(metavar="CONSENT", help="The consent's id.")]
ScanOption = Annotated[Path, typer.Option("--scan", help="The signed paper, scanned; its hash is kept.")]
ProhibitOption = Annotated[bool, typer.Option("--prohibit", help="The patient forbids instead of consenting.")]
CustodianOption = Annotated[
    list[str] | None,
    typer.Option(
        "--custodian",
        help="Another node or member that it binds, for which the patient is linked; 'linked' is all of them.",
    ),
]
WalletOption = Annotated[Path, typer.Option("--wallet", help="The patient's wallet, a folder.", file_okay=False)]
WalletPassphraseOption = Annotated[
    Path | None, typer.Option("--wallet-passphrase-file", help="File with the wallet's passphrase; else asked for.")
]


@app.command("propose")
@takes_scope
def propose_consent(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    scan: ScanOption,
    scope: Scope,
    prohibit: ProhibitOption = False,
    guardian_id: GuardianOption = "",
    custodian: CustodianOption = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose a consent that a patient signed on paper; a second account approves it within 7 days."""
    whose, paper = identifier_bytes(person), read_scan(scan)
    if guardian_id:
        identifier_bytes(guardian_id)
    with opened_site(home, others, passphrase_file) as site:
        serving = site.serving
        wanted = _wanted(serving, scope, guardian_id, prohibits=prohibit)
        on_paper = replace(wanted, paper=paper_hash(serving, account, whose, paper))
        done = propose(serving, account, whose, on_paper, custodian or ())
    _show_step(done, as_json=as_json)


@app.command("approve")
def approve_consent(
    home: HomeOption,
    consent: ConsentArgument,
    account: AccountOption,
    scan: Annotated[
        Path | None, typer.Option("--scan", help="The paper as the second person has it, to be compared.")
    ] = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a proposed consent by a second account, which has compared its terms ('drafts') with the paper."""
    identifier_bytes(consent)
    paper = None if scan is None else read_scan(scan)
    with opened_site(home, others, passphrase_file) as site:
        done = approve(site.serving, account, consent, paper)
    _show_step(done, as_json=as_json)


@app.command("drafts")
def drafts(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """List the consents that wait for a second account here, with their terms; those that lapsed are dropped."""
    with opened_deciding(home, passphrase_file) as deciding:
        waiting = deciding.protection.counter.waiting(SystemClock().now_ms())
        rows = [waiting_values(one) for one in waiting]
    lines = [line for row in rows for line in (_draft_line(row), *_terms_lines(row["terms"]))]
    show({"drafts": rows}, [*lines, f"{len(rows)} wait"], as_json=as_json)


@app.command("give")
@takes_scope
def give_consent(
    home: HomeOption,
    person: PersonArgument,
    wallet: WalletOption,
    scope: Scope,
    wallet_passphrase_file: WalletPassphraseOption = None,
    prohibit: ProhibitOption = False,
    guardian_id: GuardianOption = "",
    custodian: CustodianOption = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a consent by a fresh key in the patient's own wallet, which is made if there is none."""
    whose = identifier_bytes(person)
    if guardian_id:
        identifier_bytes(guardian_id)
    with opened_site(home, others, passphrase_file) as site:
        serving = site.serving
        serving.archive.persons.subjects_of(whose)
        purse = _wallet(serving, wallet, wallet_passphrase_file)
        wanted = _wanted(serving, scope, guardian_id, prohibits=prohibit)
        done = give(serving, purse, whose, wanted, custodian or ())
    _show_step(done, as_json=as_json)


@app.command("acknowledge")
def acknowledge_consents(
    home: HomeOption,
    consent: Annotated[str, typer.Argument(metavar="[CONSENT]", help="One consent; all new ones if not given.")] = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in what is addressed to this node and acknowledge it: from then on the node follows it.

    A node does so by itself while it serves, and whenever a command opens its service. This goes through all of the
    chain and shows what is not taken in, and why; while the node serves, what its status says of it.
    """
    if consent:
        identifier_bytes(consent)
    elif serving_process(home) is not None:
        told = ServedHome(home).status()["keepers"]["consents"]
        _show_followed([], told["why"], as_json=as_json)
        return
    with opened_site(home, others, passphrase_file) as site:
        serving = site.serving
        before = site.followed[site.node.member].acknowledged
        if consent:
            now = consent in before or acknowledge(serving, consent)
            _show_followed([consent] if now else [], {}, as_json=as_json)
            return
        found = follow_all(serving)
    if found.fault is not None:
        raise found.fault
    refused = {one: refusal.sentence() for one, refusal in found.refused.items()}
    _show_followed([*before, *found.acknowledged], refused, as_json=as_json)


def _show_followed(acknowledged: list[str], refused: Mapping[str, str], *, as_json: bool) -> None:
    lines = [f"{one}  acknowledged" for one in acknowledged]
    lines += [f"{one}  refused: {why}" for one, why in refused.items()]
    told = [{"consent": one, "reason": why} for one, why in refused.items()]
    data = {"acknowledged": acknowledged, "refused": told}
    show(data, [*lines, f"{len(acknowledged)} acknowledged"], as_json=as_json)


@app.command("revoke")
def revoke_consent(
    home: HomeOption,
    consent: ConsentArgument,
    wallet: Annotated[
        Path | None, typer.Option("--wallet", help="The patient's wallet: revoked by the key that gave it.")
    ] = None,
    wallet_passphrase_file: WalletPassphraseOption = None,
    account: Annotated[
        str, typer.Option("--account", help="At the counter: the first account proposes, a second one approves.")
    ] = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a consent: by the patient's own key, or at the counter by two accounts, one after the other."""
    identifier_bytes(consent)
    if (wallet is None) == (not account):
        raise typer.BadParameter("give either --wallet or --account")
    with opened_site(home, others, passphrase_file) as site:
        if wallet is None:
            done = revoke_at_counter(site.serving, account, consent)
        else:
            purse = Wallet.open(wallet, read_wallet_passphrase(wallet_passphrase_file))
            done = revoke_by_wallet(site.serving, purse, consent)
    _show_step(done, as_json=as_json)


@app.command("list")
def list_consents(
    home: HomeOption, person: PersonArgument, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """List the consents and prohibitions of a patient that this node holds."""
    whose = identifier_bytes(person)
    with opened_deciding(home, passphrase_file) as deciding:
        deciding.archive.persons.subjects_of(whose)
        rows = [view_values(view) for view in deciding.protection.consents.views(whose)]
    lines = [_consent_line(row) for row in rows]
    show({"person": person, "consents": rows}, [*lines, f"{len(rows)} held here"], as_json=as_json)


@app.command("show")
def show_consent(
    home: HomeOption,
    consent: ConsentArgument,
    wallet: Annotated[
        Path | None, typer.Option("--wallet", help="The patient's wallet, which has the terms, wherever it was given.")
    ] = None,
    wallet_passphrase_file: WalletPassphraseOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a consent: its terms, where it stands, and since when each node that it binds follows it."""
    identifier_bytes(consent)
    purse = None if wallet is None else Wallet.open(wallet, read_wallet_passphrase(wallet_passphrase_file))
    with opened_deciding(home, passphrase_file) as deciding:
        consents = deciding.protection.consents
        view = consents.view(consent) if purse is None else consents.view_of(purse.consent(consent).terms)
        row = view_values(view)
    nodes = [f"  node {name}: {_since(time)}" for name, time in row["nodes"].items()]
    show(row, [_consent_line(row), *_terms_lines(row["terms"]), *nodes], as_json=as_json)


@app.command("default")
def default(
    home: HomeOption,
    person: PersonArgument,
    value: Annotated[
        str | None, typer.Option("--set", help="unset, closed, copies or treatment; shown when not given.")
    ] = None,
    account: Annotated[str, typer.Option("--account", help="With --set: the account that enters it.")] = "",
    scan: Annotated[Path | None, typer.Option("--scan", help="With --set: the signed paper, scanned.")] = None,
    guardian_id: GuardianOption = "",
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show or set what a patient decided for whatever no consent covers."""
    whose = identifier_bytes(person)
    choice = None if value is None else read_choice("--set", PatientDefault, value)
    if choice is not None and (scan is None or not account):
        raise typer.BadParameter("--set takes --account and --scan")
    paper = read_scan(scan) if scan is not None else b""
    with opened_deciding(home, passphrase_file) as deciding:
        if choice is not None:
            set_default(deciding, account, whose, choice, paper, guardian_id)
        data = default_values(deciding, whose)
    show(data, [f"default: {data['default']}"], as_json=as_json)


def _wanted(serving: Serving, scope: Scope, guardian: str, *, prohibits: bool) -> WantedConsent:
    """Return what a patient wants, given now; a prohibition without an end goes on."""
    given = given_ms(serving)
    from_ms, until_ms = scope.period(given, open_end=prohibits)
    return WantedConsent(
        purposes=scope.purposes,
        categories=scope.categories,
        level=scope.level,
        given_ms=given,
        from_ms=from_ms,
        until_ms=until_ms,
        members=scope.members,
        roles=scope.roles,
        accounts=scope.accounts,
        special=scope.special,
        copy=scope.copy,
        prohibits=prohibits,
        guardian=guardian,
    )


def _wallet(serving: Serving, folder: Path, passphrase_file: Path | None) -> Wallet:
    new = not folder.exists()
    passphrase = read_wallet_passphrase(passphrase_file, confirm=new)
    if new:
        return Wallet.create(folder, serving.archive.node.consortium.rules.suite, passphrase)
    return Wallet.open(folder, passphrase)


def _show_step(done: Counted, *, as_json: bool) -> None:
    data = {"consent": done.consent, "status": done.status} | ({"terms": done.terms} if done.terms else {})
    show(data, [f"{done.consent}  {done.status.replace('_', ' ')}", *_terms_lines(done.terms)], as_json=as_json)


def _draft_line(row: dict[str, Any]) -> str:
    return f"{row['consent']}  proposed by {row['proposed_by']}, lapses {show_time(row['lapses_ms'])}"


def _consent_line(row: dict[str, Any]) -> str:
    kind = "prohibition" if row["terms"]["prohibits"] else "consent"
    return f"{row['consent']}  {kind}  {row['status']}  until {show_time(row['terms']['until_ms'])}"


def _terms_lines(terms: dict[str, Any]) -> list[str]:
    if not terms:
        return []
    words = {
        "kind": "a prohibition: records of that level and above are closed" if terms["prohibits"] else "a consent",
        "purposes": ", ".join(terms["purposes"]) or "any",
        "categories": ", ".join(terms["categories"]) or "any",
        "level": f"{'from' if terms['prohibits'] else 'up to'} {terms['level']}",
        "special": ", ".join(terms["special"]) or "none named",
        "copy": terms["copy"],
        "members": ", ".join(terms["members"]) or "any",
        "roles": ", ".join(terms["roles"]) or "any",
        "accounts": ", ".join(terms["accounts"]) or "any",
        "period": f"{show_time(terms['from_ms'])} to {show_time(terms['until_ms'])}",
    }
    return [f"  {name:<12}{said}" for name, said in words.items()]


def _since(time_ms: int) -> str:
    return f"follows it since {show_time(time_ms)}" if time_ms else "has not acknowledged it"
