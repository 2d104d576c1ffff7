"""``xinglin engine evidence`` and ``votes``: validators that signed twice, and whether the votes prove it (S6.2b)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from xinglin.carrier.access.registry.model import NAMESPACE, ValidatorKey
from xinglin.carrier.consensus.comet.files import key_address
from xinglin.carrier.consensus.comet.votes import KINDS, MAX_DOUBLE_VOTE_BYTES, DoubleVote, read_double_vote
from xinglin.cli.engine import app
from xinglin.cli.files import read_file
from xinglin.cli.options import HomeOption, JsonOption, PassphraseOption, opened_registry
from xinglin.cli.output import show
from xinglin.kernel.encoding import decode, state_key
from xinglin.node.consortium.misbehaviour import Deed, deeds
from xinglin.node.home import Home
from xinglin.node.office.directory import RegistryValues

__all__ = ["app"]


@app.command("evidence")
def evidence(home: HomeOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False) -> None:
    """Show what a home keeps against validators, and check again the two votes of each that signed twice.

    The signatures prove themselves; whose the key is says this home's registry.
    """
    with opened_registry(home, passphrase_file) as chain:
        rows = [_row(deed, chain) for deed in deeds(Home(home))]
    lines = [line for row in rows for line in _lines(row)] or ["Nothing is kept against any validator."]
    show({"evidence": rows}, lines, as_json=as_json)


@app.command("votes")
def votes(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .votes file of a home's evidence.")],
    as_json: JsonOption = False,
) -> None:
    """Check by the file alone that one engine key signed two votes against each other. It needs no home."""
    found = read_double_vote(read_file(file, MAX_DOUBLE_VOTE_BYTES))
    show(_votes_row(found), _votes_lines(found), as_json=as_json)


def _row(deed: Deed, chain: RegistryValues) -> dict[str, Any]:
    row = {"file": deed.path.name, **deed.said, "fault": deed.fault, "votes": None}
    if deed.votes is not None:
        stored = chain.value(state_key(NAMESPACE, "validator-key", deed.votes.key))
        owner = "" if stored is None else decode(ValidatorKey, stored).member
        row |= {"votes": _votes_row(deed.votes), "registered_to": owner}
    return row


def _votes_row(found: DoubleVote) -> dict[str, Any]:
    return {
        "chain": found.chain,
        "key": found.key.hex(),
        "validator": key_address(found.key).hex(),
        "kind": KINDS[found.vote],
        "height": found.height,
        "round": found.round,
        "blocks": [one.block.hex() for one in found.votes],
        "signatures": [one.signature.hex() for one in found.votes],
    }


def _votes_lines(found: DoubleVote) -> list[str]:
    blocks = [one.block.hex()[:16] or "no block" for one in found.votes]
    return [
        f"Engine key {found.key.hex()} signed two {KINDS[found.vote]}s of height {found.height}, round {found.round}, "
        f"of chain {found.chain}: for {blocks[0]} and for {blocks[1]}. Both signatures verify."
    ]


def _lines(row: Mapping[str, Any]) -> list[str]:
    if "what" not in row:
        return [f"{row['file']}: {row['fault']}"]
    head = f"{row['what']} of member {row['member'] or 'unknown'} at height {row['height']}, in block {row['block']}"
    if row["votes"] is None:
        return [head, f"  its votes do not count: {row['fault']}" if row["fault"] else "  its votes are not kept"]
    belongs = row["registered_to"] == row["member"] != ""
    owner = "its key is registered to that member" if belongs else "its key is NOT registered to that member"
    return [head, f"  both votes are kept and verify; {owner}"]
