"""``xinglin member propose``, ``proposals``, ``vote``, ``prove-key``: how members change who is a member (S6.1c)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.carrier.access.governance.rules import MAX_AHEAD
from xinglin.carrier.crypto.keystore import open_keystore
from xinglin.cli.acting import acting_member
from xinglin.cli.choices import read_scan
from xinglin.cli.files import read_file, write_file
from xinglin.cli.member import app
from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, opened_registry
from xinglin.cli.output import show
from xinglin.cli.passphrase import read_passphrase
from xinglin.cli.sites import WithOption
from xinglin.kernel.identifiers import identifier_bytes
from xinglin.node.home import Home
from xinglin.node.membership.request import MAX_REQUEST_BYTES, read_request
from xinglin.node.membership.voting import (
    AHEAD,
    MAX_STATEMENT_BYTES,
    Change,
    OpenProposal,
    open_proposals,
    propose,
    prove_key,
    vote,
)
from xinglin.node.office.directory import Directory
from xinglin.settings import load_settings

__all__ = ["RequestFile", "app"]

RequestFile = Annotated[Path, typer.Argument(metavar="FILE", help="A join request.", dir_okay=False)]


@app.command("propose")
def propose_change(
    home: HomeOption,
    request: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The join request of who is to be admitted.", dir_okay=False)
    ] = None,
    suspend: Annotated[list[str] | None, typer.Option("--suspend", help="Suspend a member, by its id.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="Remove a member for good.")] = None,
    restore: Annotated[
        list[Path] | None,
        typer.Option("--restore", help="Restore a suspended member, by what its 'prove-key' wrote.", dir_okay=False),
    ] = None,
    rotate_key: Annotated[bool, typer.Option("--rotate-key", help="Give this member a new cosigning key.")] = False,
    threshold: Annotated[int | None, typer.Option("--threshold", help="Votes that pass a proposal.", min=1)] = None,
    quorum: Annotated[int | None, typer.Option("--quorum", help="Cosignatures of a checkpoint.", min=1)] = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="A document behind it; its hash goes on record.", dir_okay=False)
    ] = None,
    ahead: Annotated[
        int, typer.Option("--ahead", help="Blocks for which it is open, then it is in force.", min=2, max=MAX_AHEAD)
    ] = AHEAD,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the next member epoch to the vote; it counts for no vote itself."""
    for member in (*(suspend or []), *(remove or [])):
        identifier_bytes(member)
    change = Change(
        admit=None if request is None else read_request(read_file(request, MAX_REQUEST_BYTES)),
        suspend=suspend or (),
        remove=remove or (),
        restore=[read_file(path, MAX_STATEMENT_BYTES) for path in restore or []],
        rotate=rotate_key,
        threshold=threshold,
        quorum=quorum,
        ahead=ahead,
        evidence=() if evidence is None else (read_scan(evidence),),
    )
    with acting_member(home, others, passphrase_file) as acting:
        proposal, epoch = propose(acting, change)
    data = {
        "proposal": proposal,
        "epoch": epoch.number,
        "from_height": epoch.from_height,
        "threshold": epoch.threshold,
        "quorum": epoch.quorum,
    }
    show(data, [f"{proposal}  epoch {epoch.number}, open until height {epoch.from_height}"], as_json=as_json)


@app.command("proposals")
def list_proposals(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """List what can be voted on: whom it brings and takes away, who has voted, what was reviewed."""
    with opened_registry(home, passphrase_file) as chain:
        current = Directory(chain).epochs()[-1].epoch
        before = {one.member: one for one in current.members}
        rows = [_row(one, before) | {"needed": current.threshold} for one in open_proposals(chain)]
    lines = [line for row in rows for line in _lines(row)]
    show({"proposals": rows}, lines or ["No open proposals."], as_json=as_json)


@app.command("vote")
def vote_for(
    home: HomeOption,
    proposal: Annotated[str, typer.Argument(help="The proposal's id.")],
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", help="What was reviewed: of an applicant, its join request.", dir_okay=False),
    ] = None,
    others: WithOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Vote for a proposal; what was reviewed goes on record by its hash before the vote."""
    identifier_bytes(proposal)
    reviewed = None if evidence is None else read_scan(evidence)
    with acting_member(home, others, passphrase_file) as acting:
        needed = acting.latest().threshold
        found = vote(acting, proposal, reviewed)
        passed = acting.latest().number == found.state.epoch.number
    votes = len(found.state.votes) + 1
    data = {"proposal": proposal, "votes": votes, "needed": needed, "passed": passed}
    show(data, [f"Voted: {votes} of {needed}{', passed' * passed}."], as_json=as_json)


@app.command("prove-key")
def prove(
    home: HomeOption,
    out: Annotated[Path, typer.Option("--out", help="File for the statement.", dir_okay=False)],
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """State this member's cosigning key, with proof: others restore a suspended member by it."""
    settings = load_settings(home)
    with opened_registry(home, passphrase_file) as chain:
        epochs = Directory(chain).epochs()
    known = [one.key for state in epochs for one in state.epoch.members if one.member == settings.member]
    keys = open_keystore(Home(home).keys, read_passphrase(passphrase_file))
    write_file(out, prove_key(keys, settings.consortium.id, settings.member, known))
    show({"member": settings.member, "file": str(out)}, [f"Wrote {out}."], as_json=as_json)


def _row(one: OpenProposal, before: dict[str, Any]) -> dict[str, Any]:
    """Return a proposal as it is shown: the difference between its epoch and the one that passed last."""
    epoch, after = one.state.epoch, {entry.member: entry for entry in one.state.epoch.members}
    gone = set(before) - set(after)
    applicants = {applicant.member: applicant.name.decode(errors="replace") for applicant in one.state.applicants}
    return {
        "proposal": one.proposal,
        "proposer": one.state.proposer,
        "epoch": epoch.number,
        "from_height": epoch.from_height,
        "threshold": epoch.threshold,
        "quorum": epoch.quorum,
        "admits": [{"member": member, "name": name} for member, name in sorted(applicants.items())],
        "restores": sorted(set(after) - set(before) - set(applicants)),
        "suspends": sorted(one.state.suspends),
        "removes": sorted(gone - set(one.state.suspends)),
        "changes": sorted(m for m in set(before) & set(after) if before[m] != after[m]),
        "votes": [entry.member for entry in one.state.votes],
        "reviews": [{"member": member, "evidence": evidence.hex()} for member, evidence in one.reviews],
    }


def _lines(row: dict[str, Any]) -> list[str]:
    lines = [
        f"{row['proposal']}  epoch {row['epoch']}, open until height {row['from_height']}, "
        f"{len(row['votes'])} of {row['needed']} votes"
    ]
    lines += [f"  admits    {one['member']}  {one['name']}" for one in row["admits"]]
    for name in ("restores", "suspends", "removes", "changes"):
        lines += [f"  {name:<9} {member}" for member in row[name]]
    lines.append(f"  then      threshold {row['threshold']}, quorum {row['quorum']}")
    lines += [f"  voted     {member}" for member in row["votes"]]
    lines += [f"  reviewed  {one['evidence']}  by {one['member']}" for one in row["reviews"]]
    return lines
