"""``xinglin access person`` and ``responsible``: who has seen a person's data, who answers for an entry (H4, H14)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, read_hash
from xinglin.cli.output import show, when
from xinglin.cli.record_trace import outcome_text
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office.tracing import responsible_for, who_has_seen
from xinglin.stakeholders.purposes import Purpose


def person(
    home: HomeOption,
    person_id: Annotated[str, typer.Argument(metavar="PERSON", help="The person's id at this home.")],
    account: Annotated[str, typer.Option("--account", help="Who asks, for the patient or as an overseer.")],
    purpose: Annotated[
        Purpose, typer.Option("--purpose", help="What for; patrqt: on the patient's request.")
    ] = Purpose.PATRQT,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who has seen a person's data, here and at each linked home: when, where, by whom, for what, complete or not.

    Each line names its access entry, which 'xinglin proof access' proves; the question itself is an entry at each home.
    """
    named = identifier_bytes(person_id)
    identifier_bytes(account)
    with opened_site(home, others, passphrase_file) as site:
        answers = who_has_seen(site, named, account, purpose)
    asked = [one for one in answers if "refused" not in one]
    complete = len(asked) == len(answers) and all(one["complete"] for one in asked)
    lines = [line for one in answers for line in _home_lines(one)]
    verdict = "complete" if complete else "NOT COMPLETE: see what was withheld, refused or left out above"
    data = {"person": person_id, "homes": answers, "complete": complete}
    show(data, [*lines, f"{sum(len(one['lines']) for one in asked)} entries, {verdict}"], as_json=as_json)


def responsible(
    home: HomeOption,
    entry: Annotated[str, typer.Argument(help="The hash of an access entry of this home, in hexadecimal.")],
    account: Annotated[str, typer.Option("--account", help="Who asks: an auditor or compliance officer of this home.")],
    purpose: Annotated[
        Purpose, typer.Option("--purpose", help="What for; it stands in the access entry.")
    ] = Purpose.HOPERAT,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who answers for an access entry: the account, whether its signature holds, the responsible person.

    The person is opened from what the account's member keeps, and compared with the commitment on the chain.
    The question leaves an entry about the same record.
    """
    wanted = read_hash(entry)
    identifier_bytes(account)
    with opened_site(home, others, passphrase_file) as site:
        values = responsible_for(site, wanted, account, purpose)
    what = f"{values['action']} for {values['purpose']}: {outcome_text(values['outcome'])}"
    lines = [
        f"{when(values['time'])}  {what}, record {values['commitment']}",
        f"account {values['account']} ({', '.join(values['roles'])}) of {values['member_name']}",
        f"signature of the request: {values['signature']}",
        f"responsible: {values['person']}, as the chain commits to",
    ]
    show(values, lines, as_json=as_json)


def _home_lines(answer: dict[str, Any]) -> list[str]:
    if "refused" in answer:
        return [f"{answer['name']}: nothing is told: {answer['why']} [{answer['refused']}]", f"  {answer['hint']}"]
    withheld = f", {answer['withheld']} withheld" if answer["withheld"] else ""
    complete = "complete" if answer["complete"] else "NOT COMPLETE"
    lists = f"{answer['records']} records{withheld}; lists {complete}"
    lines = [f"{answer['name']}: {lists}; receipt {answer['entry'][:16]}"]
    for one in answer["lines"]:
        what = f"{one['action']} for {one['purpose']}: {outcome_text(one['outcome'])}"
        of = f", {one['copy']} of {one['type']}" if one["copy"] != "none" else f", {one['type']}" if one["type"] else ""
        lines.append(
            f"  {when(one['time'])}  {one['account']} of {one['member_name']}  {what}{of}  entry {one['entry']}"
        )
    return lines
