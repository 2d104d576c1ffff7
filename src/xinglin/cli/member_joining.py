"""``xinglin member apply``, ``review``, ``invite``, ``join``: how an institution comes onto a chain (S8.2c)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.carrier.ledger.reading import stored_genesis
from xinglin.cli.assured import assurance_lines, assurance_said
from xinglin.cli.choices import read_scan
from xinglin.cli.files import read_file, write_file
from xinglin.cli.init import read_kind
from xinglin.cli.member_voting import RequestFile, app
from xinglin.cli.options import HomeOption, JsonOption, PackageOption, PassphraseOption, check_text, opened_registry
from xinglin.cli.output import show, when
from xinglin.cli.passphrase import read_passphrase
from xinglin.node.chains import SystemClock, random_bytes
from xinglin.node.consortium.fetching import package_from
from xinglin.node.consortium.network_setup import Place
from xinglin.node.consortium.rebuilding import Sources, rebuild
from xinglin.node.home import Home, made_whole
from xinglin.node.membership.joining import MAX_KIT_BYTES, Applying, apply, make_kit, own_request, prepare, register
from xinglin.node.membership.request import MAX_REQUEST_BYTES, Reviewed, read_request
from xinglin.node.remote.chain import RemoteChain
from xinglin.node.remote.remembered import FileMemory
from xinglin.node.remote.transport import parse_address
from xinglin.node.remote.trusting import ChainNamed
from xinglin.settings import load_settings

OutOption = Annotated[Path, typer.Option("--out", help="File to write.", dir_okay=False)]
NodesOption = Annotated[
    list[str],
    typer.Option("--node", help="Another member's node: http://HOST:PORT, https://HOST:PORT or unix:/PATH."),
]
AuthoritiesOption = Annotated[
    Path | None,
    typer.Option("--ca-file", help="PEM file of authorities for https nodes, not the system's.", dir_okay=False),
]
EvidenceFiles = Annotated[
    list[Path] | None, typer.Option("--evidence", help="A document behind the request.", dir_okay=False)
]


__all__ = ["AuthoritiesOption", "NodesOption", "app"]


@app.command("apply")
def apply_to_join(
    home: HomeOption,
    name: Annotated[str, typer.Option("--name", help="The institution's name, as it will stand on the chain.")],
    kind: Annotated[str, typer.Option("--kind", help="Kind of member; see 'xinglin init'.")],
    chain: Annotated[str, typer.Option("--chain", help="The chain to join: its id, as a member tells it.")],
    address: Annotated[str, typer.Option("--address", help="HOST:PORT under which others will reach its engine.")],
    contact: Annotated[str, typer.Option("--contact", help="Whom members may ask, for people.")],
    out: OutOption,
    evidence: EvidenceFiles = None,
    vote: Annotated[bool, typer.Option(help="Ask for a vote.")] = True,
    cosign: Annotated[bool, typer.Option(help="Ask to cosign checkpoints.")] = True,
    validate: Annotated[bool, typer.Option(help="Ask to make blocks; needs a vote.")] = True,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a home with keys, and the join request that a member will propose. The request has no secret."""
    for option, text in (("--name", name), ("--contact", contact)):
        check_text(option, text)
    asked = Applying(
        name=name,
        kind=read_kind(kind),
        chain=chain,
        address=address,
        contact=contact,
        votes=vote,
        cosigns=cosign,
        validates=validate,
        documents=[(path.name, read_scan(path)) for path in evidence or []],
    )
    passphrase = read_passphrase(passphrase_file, confirm=True)
    with made_whole(home) as making:
        reviewed = apply(making, asked, passphrase)
        data, _ = own_request(making)
        write_file(out, data)
    lines = [f"Made {home}, and {out} for the members of {chain}.", f"  hash  {reviewed.digest.hex()}"]
    show({"home": str(home), "file": str(out)} | _asked(reviewed), lines, as_json=as_json)


@app.command("review")
def review(request: RequestFile, evidence: EvidenceFiles = None, as_json: JsonOption = False) -> None:
    """Check every proof of a join request and show what it asks; compare documents with the hashes in it."""
    reviewed = read_request(read_file(request, MAX_REQUEST_BYTES))
    given = [{"file": str(path), "named": reviewed.has(read_scan(path))} for path in evidence or []]
    data = _asked(reviewed) | {"documents": given}
    lines = [
        f"{data['name']}  ({data['kind']}), member {data['member']}",
        f"  asks to join  {data['chain']}, made {when(data['made_ms'])}",
        f"  vote {_yes(data['votes'])}, cosigns {_yes(data['cosigns'])}, validates {_yes(data['validates'])}",
        f"  address       {data['address']}",
        f"  contact       {data['contact']}",
        f"  hash          {data['hash']}",
        *(f"  evidence      {one['hash']}  {one['name']}" for one in data["evidence"]),
        *(f"  {'is' if one['named'] else 'IS NOT'} named in it: {one['file']}" for one in given),
        "Every key is proven for this chain. Who the applicant is, the documents and people must tell.",
    ]
    show(data, lines, as_json=as_json)


@app.command("invite")
def invite(
    home: HomeOption, out: OutOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """Write the join kit for new members: genesis, founding transactions, peers, newest checkpoint. It is no secret."""
    chain = load_settings(home).consortium.id
    genesis = stored_genesis(home, chain)
    with opened_registry(home, passphrase_file) as values:
        kit = make_kit(Home(home), genesis, values)
    write_file(out, kit)
    show({"file": str(out), "chain": chain, "bytes": len(kit)}, [f"Wrote {out} for chain {chain}."], as_json=as_json)


@app.command("join")
def join(
    home: HomeOption,
    kit: Annotated[Path, typer.Argument(metavar="KIT", help="What a member's 'invite' wrote.", dir_okay=False)],
    node: NodesOption,
    p2p_listen: Annotated[
        str, typer.Option("--p2p-listen", help="HOST:PORT of the engine; the request's address.")
    ] = "",
    rpc_listen: Annotated[str, typer.Option("--rpc-listen", help="Loopback HOST:PORT of its RPC.")] = "127.0.0.1:26657",
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT for other members and clients.")] = "",
    package: PackageOption = None,
    metrics: Annotated[str, typer.Option("--metrics", help="Loopback HOST:PORT for Prometheus.")] = "",
    ca_file: AuthoritiesOption = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Once admitted: give the home the chain, register node, engine and validator. Then 'xinglin serve' catches up."""
    _, reviewed = own_request(home)
    request = reviewed.request
    authorities = "" if ca_file is None else str(ca_file.resolve())
    place = Place(
        p2p_listen or request.address, rpc_listen, listen, metrics, external=request.address, ca_file=authorities
    )
    data = read_file(kit, MAX_KIT_BYTES)
    # Those by which it joins are those that it asks for cosignatures later.
    members = [one.removeprefix("http://").rstrip("/") for one in node if one.startswith("http")]
    others = [parse_address(one, authorities) for one in node]
    passphrase = read_passphrase(passphrase_file)
    new = prepare(home, data, place, passphrase, members)
    named = ChainNamed(request.chain, new.keys.suite)
    memory = FileMemory(Home(home).remembered(named.chain))
    remote = RemoteChain(others, named, SystemClock(), random_bytes, keep=Home(home).keep_answer, memory=memory)
    # Asked for first: without a package nothing is registered, and the command can be given again.
    with package_from(home, package, lambda: passphrase) as file:
        committed = register(new, remote)
        begins = 0 if file is None else rebuild(home, SystemClock().now_ms(), Sources(package=file)).height
    said: dict[str, Any] = {
        "member": request.founder.member,
        "node": request.node,
        "chain": request.chain,
        "height": committed.height,
        "begins": begins,
        **assurance_said(remote, committed),
    }
    lines = [
        f"Registered at height {committed.height}. The chain begins here at height {begins}.",
        f"Next: xinglin serve {home}",
        *assurance_lines(remote, committed),
    ]
    show(said, lines, as_json=as_json)


def _asked(reviewed: Reviewed) -> dict[str, Any]:
    request, founder = reviewed.request, reviewed.request.founder
    return {
        "chain": request.chain,
        "member": founder.member,
        "name": founder.name.decode(),
        "kind": founder.kind.name.lower(),
        "votes": bool(founder.votes),
        "cosigns": bool(founder.cosigns),
        "validates": bool(request.validator),
        "node": request.node,
        "peer": request.peer.hex(),
        "address": request.address,
        "contact": request.contact.decode(),
        "made_ms": request.made,
        "key": founder.key.hex(),
        "accounts": [
            {"account": one.account, "roles": [role.name.lower() for role in one.roles], "key": one.key.hex()}
            for one in founder.accounts
        ],
        "evidence": [{"name": one.name.decode(), "hash": one.digest.hex()} for one in request.evidence],
        "hash": reviewed.digest.hex(),
    }


def _yes(asked: bool) -> str:
    return "yes" if asked else "no"
