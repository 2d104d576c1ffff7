"""``xinglin patient``: who the patients are, which registrations are one person, where records of a person are (H1).

What says who somebody is never stands in an argument, where whoever lists processes would see it: it comes from a file,
from standard input or from questions at the terminal. Whoever looks is named by ``--account`` and leaves an entry.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.cli.asking import read_person
from xinglin.cli.options import AccountOption, HomeOption, JsonOption, PassphraseOption, check_text
from xinglin.cli.output import show, when
from xinglin.cli.record_trace import outcome_text
from xinglin.cli.sites import WithOption, opened_site
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.office import identities, linking, patients
from xinglin.service.basic.patient_index.identity.model import Act
from xinglin.service.basic.patient_index.stated import stated_traits
from xinglin.stakeholders.purposes import Purpose

app = typer.Typer(
    help="Persons: find, show, records, looks, candidates, confirm, decline, merge, merges, unmerge, match, links, "
    "unlink, locate.",
    no_args_is_help=True,
)

PersonArgument = Annotated[str, typer.Argument(metavar="PERSON", help="The person's id at this home.")]
PurposeOption = Annotated[Purpose, typer.Option("--purpose", help="What for; it stands in the access entry.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, by name: docs/spec/patient-index.md lists them.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why, in words; kept sealed in the index, on no chain.")]


@app.command("find")
def find(
    home: HomeOption,
    account: AccountOption,
    purpose: PurposeOption = Purpose.TREAT,
    stated: Annotated[
        Path | None,
        typer.Option("--from", help="File with lines 'field: value' or a FHIR Patient; - for standard input."),
    ] = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find a person by identifiers, name, birth date or phone, read from a file, standard input or questions.

    Nothing that says who somebody is belongs into an argument. Each person found leaves an access entry.
    """
    traits = stated_traits(read_person(stated))
    with opened_site(home, others, passphrase_file) as site:
        found = patients.find_persons(site.serving, account, purpose, traits)
    lines = [f"{_who(one)}  {one['grade']} ({one['probability']:.3f}): {_reasons(one)}" for one in found]
    show({"persons": found}, [*lines, f"{len(found)} persons"], as_json=as_json)


@app.command("show")
def show_person(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    purpose: PurposeOption = Purpose.TREAT,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a person: what each source registered, and what is kept where. Leaves an access entry."""
    asked = identifier_bytes(person)
    with opened_site(home, others, passphrase_file) as site:
        found = patients.show_person(site.serving, account, purpose, asked)
    lines = [_who(found)]
    lines += [f"  found under {one} before" for one in found["joined"]]
    lines += [_registration(one) for one in found["registrations"]]
    here = ", ".join(f"{count} {name}" for name, count in sorted(found["here"]["types"].items()))
    lines.append(f"here: {found['here']['records']} records" + (f": {here}" if here else ""))
    lines += [f"also at member {one['member']}: link {one['link']}" for one in found["elsewhere"]]
    show(found, lines, as_json=as_json)


@app.command("records")
def records(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    purpose: PurposeOption = Purpose.TREAT,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a person's records at this home that the account may read for the purpose: labels, version, state."""
    asked = identifier_bytes(person)
    with opened_site(home, others, passphrase_file) as site:
        found = patients.person_records(site.serving, account, purpose, asked)
    lines = [f"{one['record']}  {_record(one)}  {one['state']}" for one in found]
    show({"person": person, "records": found}, [*lines, f"{len(found)} records"], as_json=as_json)


@app.command("looks")
def looks(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    purpose: PurposeOption = Purpose.PATRQT,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List who looked a person up here or decided about it, refusals too. Leaves an entry itself.

    It is told to whom 'access person' tells who has seen the person's data: an overseer, or on the patient's request.
    """
    asked = identifier_bytes(person)
    with opened_site(home, others, passphrase_file) as site:
        found = patients.person_looks(site.serving, account, purpose, asked)
    lines = [
        f"{when(one['time_ms'])}  {one['account']}  {one['action']} for {one['purpose']}: "
        + outcome_text(one["outcome"])
        for one in found
    ]
    show({"person": person, "looks": found}, [*lines, f"{len(found)} looks"], as_json=as_json)


@app.command("candidates")
def candidates(
    home: HomeOption, others: WithOption = None, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """List pairs that may be one person and wait for a decision, with the reasons; not who they are."""
    with opened_site(home, others, passphrase_file) as site:
        found = patients.candidates(site.serving)
    lines = [f"{one['candidate']}  {one['one']} {one['other']}  {one['cause']}: {_reasons(one)}" for one in found]
    show({"candidates": found}, [*lines, f"{len(found)} candidates"], as_json=as_json)


CandidateArgument = Annotated[str, typer.Argument(metavar="CANDIDATE", help="Id of the candidate.")]


@app.command("confirm")
def confirm(
    home: HomeOption,
    candidate: CandidateArgument,
    account: AccountOption,
    reason: ReasonOption,
    note: NoteOption = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm a candidate: they are one person. On record, and undone by 'unmerge'."""
    asked, why = identifier_bytes(candidate), _why(Act.CONFIRM, reason, note)
    with opened_site(home, others, passphrase_file) as site:
        done = identities.confirm_candidate(site.serving, account, asked, why)
    show(done, _joined(done), as_json=as_json)


@app.command("decline")
def decline(
    home: HomeOption,
    candidate: CandidateArgument,
    account: AccountOption,
    reason: ReasonOption,
    note: NoteOption = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decline a candidate: they are two persons and are not proposed again. A later 'merge' takes it back."""
    asked, why = identifier_bytes(candidate), _why(Act.DECLINE, reason, note)
    with opened_site(home, others, passphrase_file) as site:
        identities.decline_candidate(site.serving, account, asked, why)
    show({"candidate": candidate, "status": "declined"}, ["They stay two persons."], as_json=as_json)


@app.command("merge")
def merge(
    home: HomeOption,
    kept: Annotated[str, typer.Argument(metavar="KEPT", help="The person under whose id both are found.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The person who is the same.")],
    account: AccountOption,
    reason: ReasonOption,
    note: NoteOption = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make one person of two. Consents don't follow: they cover what they covered. On record, undone by 'unmerge'."""
    pair, why = (identifier_bytes(kept), identifier_bytes(other)), _why(Act.MERGE, reason, note)
    with opened_site(home, others, passphrase_file) as site:
        done = identities.merge_persons(site.serving, account, *pair, why)
    show(done, _joined(done), as_json=as_json)


@app.command("merges")
def merges(
    home: HomeOption, others: WithOption = None, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """List the merges in force, by whose ids they are undone."""
    with opened_site(home, others, passphrase_file) as site:
        found = identities.merges(site.serving)
    lines = [f"{one['merge']}  {one['gone']} is found as {one['kept']}: {one['reason']}" for one in found]
    show({"merges": found}, [*lines, f"{len(found)} merges"], as_json=as_json)


@app.command("unmerge")
def unmerge(
    home: HomeOption,
    merge_id: Annotated[str, typer.Argument(metavar="MERGE", help="Id of the merge.")],
    account: AccountOption,
    reason: ReasonOption,
    note: NoteOption = "",
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Undo a merge, and list every read of the time while it stood: who was given records of whom."""
    asked, why = identifier_bytes(merge_id), _why(Act.UNMERGE, reason, note)
    with opened_site(home, others, passphrase_file) as site:
        done = identities.unmerge_persons(site.serving, account, asked, why)
    lines = [f"{done['one']} and {done['other']} are two persons again."]
    lines += [f"  to be looked at: {one['source']} {one['subject']}" for one in done["unsure"]]
    lines += [
        f"  {one['account']} of {one['member']} was given {one['commitment']} of {one['of']}" for one in done["reads"]
    ]
    lines += [f"  {one['account']} of {one['member']}: {one['action']} that told of both" for one in done["searches"]]
    counted = f"{len(done['reads'])} reads and {len(done['searches'])} searches while the merge stood"
    show(done, [*lines, counted], as_json=as_json)


@app.command("match")
def match(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    at: Annotated[str, typer.Option("--at", help="Member or node that is asked; its home is named by --with.")],
    purpose: PurposeOption = Purpose.TREAT,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask another institution's node whether it has a person; a match is kept as a link at both nodes.

    It takes an agreement between the two for the purpose. What the node there learns is what the sources here say.
    """
    asked = identifier_bytes(person)
    with opened_site(home, others, passphrase_file) as site:
        other = site.serving_of(site.find(at))
        found = linking.match_person(site.serving, other, account, purpose, asked)
    show(found, [f"Linked: {found['link']}, handle {found['handle']} at member {found['member']}."], as_json=as_json)


@app.command("links")
def links(
    home: HomeOption,
    person: Annotated[str | None, typer.Argument(metavar="PERSON", help="A person's id; else all links.")] = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List links with other nodes."""
    asked = identifier_bytes(person) if person is not None else None
    with opened_site(home, others, passphrase_file) as site:
        found = linking.all_links(site.serving, asked)
    lines = [f"{one['link']}  {one['person']}  at member {one['member']}" for one in found]
    show({"links": found}, [*lines, f"{len(found)} links"], as_json=as_json)


@app.command("unlink")
def unlink(
    home: HomeOption,
    link: Annotated[str, typer.Argument(metavar="LINK", help="Id of the link.")],
    account: AccountOption,
    reason: ReasonOption,
    note: NoteOption = "",
    purpose: PurposeOption = Purpose.TREAT,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Undo a link with another node, on record; the other node undoes its side where its home is named by --with."""
    asked, why = identifier_bytes(link), _why(Act.UNLINK, reason, note)
    with opened_site(home, others, passphrase_file) as site:
        done = linking.unlink_person(site, account, asked, why, purpose)
    there = "undone there too" if done["there"] == "undone" else f"not undone there [{done['there']}]"
    lines = [f"Person {done['person']} is linked with member {done['member']} no more; {there}."]
    show(done, lines, as_json=as_json)


@app.command("locate")
def locate(
    home: HomeOption,
    person: PersonArgument,
    account: AccountOption,
    purpose: PurposeOption = Purpose.TREAT,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the nodes with records of a person, this one and those linked, and what each tells for the purpose.

    Homes named by --with are asked through their services; each decides and leaves its entry.
    """
    asked = identifier_bytes(person)
    with opened_site(home, others, passphrase_file) as site:
        found = linking.locate_person(site, account, purpose, asked)
    show({"person": person, "nodes": found}, [line for one in found for line in _node(one)], as_json=as_json)


def _why(act: Act, reason: str, note: str) -> str:
    if note:
        check_text("--note", note)
    return identities.reason_for(act, reason, note)


def _who(one: dict[str, Any]) -> str:
    return f"{one['person']}  {one['name']}  {one['birth']}  {one['sex']}"


def _reasons(one: dict[str, Any]) -> str:
    return ", ".join(one["reasons"])


def _registration(one: dict[str, Any]) -> str:
    numbers = ", ".join(f"{each['kind']} {each['value']}" for each in one["identifiers"])
    return f"  {one['source']} {one['subject']}: {', '.join(one['names'])}  {one['birth']}  {numbers}"


def _record(one: dict[str, Any]) -> str:
    special = f" {'+'.join(one['special'])}" if one["special"] else ""
    labels = f"{one['category']} level {one['level']}{special}"
    return f"{one['commitment']}  {one['type']:<22} {labels}  version {one['version']}  opens {one['copy']}"


def _joined(done: dict[str, Any]) -> list[str]:
    return [f"Merge {done['merge']}: {', '.join(done['others'])} found as {done['kept']}."]


def _node(one: dict[str, Any]) -> list[str]:
    head = f"member {one['member']}" + (f", node {one['node']}" if "node" in one else "")
    if "refused" in one:
        return [f"{head}: [{one['refused']}] {one['why']}"]
    return [f"{head}: {len(one['records'])} records", *(f"  {_record(each)}" for each in one["records"])]
