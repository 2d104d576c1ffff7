"""Nodes in processes of their own, on CometBFT: a quorum cosigns, strangers verify, a chain that stands is stale.

A fifth member joins meanwhile: what is proven then rests on two epochs, from the pinned genesis.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.engines import needs_engine
from tests.support.neighbourhood import KINDS, wait_for
from tests.support.ports import free_ports
from tests.support.product import CHEAP, PASSPHRASE, Said, child, run_child, write_passphrase, xinglin
from tests.support.served import Served, new_identifier, raw, request, start_together
from tests.support.waiting import standstill
from xinglin.carrier.access.registry.model import AddNode
from xinglin.carrier.crypto.suite import suite
from xinglin.carrier.ledger.build import operation
from xinglin.kernel.errors import PlatformError
from xinglin.node.chains import random_bytes
from xinglin.node.consortium.network import Network
from xinglin.node.consortium.network_setup import Place, found_network, local_places
from xinglin.node.founding import ADMINISTRATOR, SEALING
from xinglin.node.membership.joining import Applying, apply, own_request
from xinglin.node.node import open_node
from xinglin.node.opening import open_for_business
from xinglin.node.remote.forms import PREFIX, frame
from xinglin.node.remote.served import ServedHome
from xinglin.node.setup import make_home
from xinglin.service.basic.protection.permit_errors import ChainStale
from xinglin.stakeholders.kinds import MemberKind

pytestmark = needs_engine
SETTINGS = """
[cosigning]
interval_blocks = 4

[freshness]
stale_seconds = 20.0
"""
AHEAD = 100


@dataclass
class Consortium:
    """Homes of four founders, those of their nodes that run, and where a fifth may be."""

    folder: Path
    places: list[Place]
    served: dict[str, Served] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Serve homes, at once."""
        self.served |= dict(zip(names, start_together(*(self.folder / name for name in names)), strict=True))

    def stop(self, *names: str) -> None:
        """Stop nodes in order."""
        for name in names:
            self.served.pop(name).stop()

    def status(self, name: str) -> dict[str, object]:
        """Return what a node tells of itself."""
        return dict(ServedHome(self.folder / name).status())

    def command(self, *arguments: str | Path) -> Said:
        """Run a command with the passphrase file."""
        return xinglin(*arguments, "--passphrase-file", self.folder / "passphrase", "--json")

    def push(self, name: str) -> int:
        """Have one more block made; return its height."""
        served = self.served[name]
        call = operation(suite("gm"), "registry", "add_node", AddNode(new_identifier(), served.keys.public(SEALING)))
        return served.client().call([call], [served.signer(ADMINISTRATOR)]).height

    def cosigned(self, name: str) -> dict[str, object]:
        """Return how cosigning goes at a node."""
        keepers = self.status(name)["keepers"]
        assert isinstance(keepers, dict)
        return dict(keepers["cosigning"])


@pytest.fixture(scope="module")
def consortium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    """Return a consortium that is open for business and whose nodes run."""
    folder = tmp_path_factory.mktemp("net")
    write_passphrase(folder)
    homes = [make_home(folder / name, name, kind, PASSPHRASE, random_bytes, CHEAP) for name, kind in KINDS.items()]
    places = local_places(len(homes) + 1, free_ports(3 * len(homes) + 3))
    found_network(homes, places[:-1], random_bytes)
    for new in homes:
        with new.home.config.open("a") as config:
            config.write(SETTINGS)
    network = Network([open_node(folder / name, PASSPHRASE) for name in KINDS])
    try:
        open_for_business(network.nodes, network.nodes[1])
    finally:
        network.close()
    with ExitStack() as stack:
        found = Consortium(folder, places)
        stack.callback(lambda: found.stop(*found.served))
        found.start(*KINDS)
        yield found


def verified(consortium: Consortium, bundle: Path) -> dict[str, dict[str, Any]]:
    """Have the independent verifier judge a bundle under the pinned genesis; return the facts of each step."""
    trust = consortium.folder / "trust.json"
    assert xinglin("proof", "trust", "--home", consortium.folder / "hospital", "--out", trust, "--json").status == 0
    command = child(bundle, "--trust", trust, "--json", module="xinglin_verify")
    said = run_child(command, consortium.folder)
    assert said.status == 0, (said.out, said.err)
    return {one["step"]: one["facts"] for one in json.loads(said.out)["steps"]}


def anchor_proof(consortium: Consortium, name: str) -> Path:
    """Have the hospital's private chain grow and write the proof of its last anchor, through its running node."""
    hospital, out = consortium.served["hospital"], consortium.folder / f"{name}.bundle"
    grown = AddNode(new_identifier(), hospital.keys.public(SEALING))
    ServedHome(hospital.home).call("registry", "add_node", grown, ADMINISTRATOR, "private")

    def anchored() -> bool:
        rows = xinglin("ledger", "show", "--home", hospital.home, "--json").json["chains"]
        return rows[1]["anchor"] is not None and rows[1]["anchor"]["size"] == rows[1]["log_size"]

    wait_for(anchored)
    covered = xinglin("proof", "checkpoint", "--home", hospital.home, "--json").json
    assert covered["signatures"] >= covered["quorum"] == 3
    said = xinglin("proof", "anchor", "--home", hospital.home, "--out", out, "--json")
    assert said.status == 0, said.out
    return out


@pytest.mark.requirement("S6.2b", part="checkpoints cosigned by a quorum between nodes in processes of their own")
def test_a_quorum_cosigns_within_seconds_and_a_stranger_verifies_offline(consortium: Consortium) -> None:
    begun = consortium.push("hospital")

    def done(name: str) -> bool:
        status = consortium.cosigned(name)
        if status["seconds"] is None:
            return False
        assert status["lines"] >= status["quorum"] == 3  # type: ignore[operator]
        return status["height"] > begun  # type: ignore[operator]

    wait_for(lambda: all(done(name) for name in KINDS))
    with standstill() as held:

        def within_seconds(name: str) -> bool:
            """Tell whether the newest height was soon enough; a machine that stood still meanwhile has the next."""
            seconds = consortium.cosigned(name)["seconds"]
            return seconds is not None and seconds < 5 + held()  # type: ignore[operator]

        for name in KINDS:
            wait_for(lambda name=name: within_seconds(name))  # type: ignore[misc]
    facts = verified(consortium, anchor_proof(consortium, "founders"))
    assert facts["P4"]["epoch"] == 0
    assert facts["P6"]["counted"] >= facts["P6"]["quorum"] == 3


def test_links_are_measured_over_listener_and_engine(consortium: Consortium) -> None:
    def measured() -> bool:
        links = xinglin("engine", "links", "--home", consortium.folder / "hospital", "--json").json["links"]
        near = [one for one in links if one["lag_blocks"] is not None and abs(one["lag_blocks"]) <= 10]
        return len(near) == 3 and all(
            one["engine"] and one["engine"]["sent"] > 0 and one["engine"]["received"] > 0 for one in links
        )

    wait_for(measured)
    links = xinglin("engine", "links", "--home", consortium.folder / "hospital", "--json").json["links"]
    assert {one["member"] for one in links} == {
        consortium.status(name)["member"] for name in KINDS if name != "hospital"
    }


@pytest.mark.requirement("S9.3", part="a chain that stands is told, and takes nothing")
def test_a_chain_that_stands_is_stale_until_it_goes_on(consortium: Consortium) -> None:
    consortium.stop("insurer", "regulator")
    left = ("hospital", "platform")
    wait_for(lambda: all(consortium.status(name)["stale"] for name in left))
    for name in left:
        assert consortium.status(name)["ready"] is False
        served = consortium.served[name]
        refused = raw(served.members, request("POST", f"{PREFIX}/transactions", frame([b"\x90"])))
        assert (refused.status, refused.code) == (503, ChainStale.code)
        with pytest.raises(PlatformError) as not_called:
            ServedHome(served.home).call("registry", "add_node", AddNode(new_identifier(), bytes(65)), ADMINISTRATOR)
        assert not_called.value.code == ChainStale.code
    consortium.start("insurer", "regulator")
    wait_for(lambda: not any(consortium.status(name)["stale"] for name in KINDS))
    assert consortium.push("hospital") > 0


def test_a_fifth_member_cosigns_and_what_is_proven_rests_on_the_chain_of_epochs(consortium: Consortium) -> None:
    folder, fifth = consortium.folder, consortium.folder / "fifth"
    chain, place = consortium.served["hospital"].said["chain"], consortium.places[-1]
    asked = Applying(name="Fifth", kind=MemberKind.DATA_USER, chain=chain, address=place.p2p, contact="desk")
    apply(fifth, asked, PASSPHRASE, CHEAP)
    data, _ = own_request(fifth)
    (folder / "request").write_bytes(data)
    said = consortium.command(
        "member", "propose", folder / "request", "--home", folder / "hospital", "--ahead", str(AHEAD)
    )
    assert said.status == 0, said.out
    proposal, in_force = said.json["proposal"], said.json["from_height"]
    for name in ("hospital", "platform", "regulator"):
        voted = consortium.command(
            "member", "vote", proposal, "--home", folder / name, "--evidence", folder / "request"
        )
        assert voted.status == 0, voted.out
    assert voted.json["passed"]
    assert consortium.command("member", "invite", "--home", folder / "hospital", "--out", folder / "kit").status == 0
    nodes = [part for one in consortium.places[:-1] for part in ("--node", f"http://{one.listen}")]
    places = ("--rpc-listen", place.rpc, "--listen", place.listen, "--package", consortium.served["hospital"].members)
    join = ("member", "join", "--home", fifth, folder / "kit", *nodes, *places[:-1])
    assert consortium.command(*join, "http://127.0.0.1:1").status != 0  # nobody is there: nothing is registered either
    joined = consortium.command("member", "join", "--home", fifth, folder / "kit", *nodes, *places)
    assert joined.status == 0, (joined.out, joined.err)
    assert joined.json["begins"] > 0
    with (fifth / "config.toml").open("a") as config:
        config.write(SETTINGS)
    consortium.start("fifth")
    while consortium.push("hospital") < in_force + 8:
        pass
    member = str(consortium.status("fifth")["member"])
    # It began at a height, and has fetched the log before meanwhile.
    wait_for(lambda: consortium.status("fifth")["chains"][0]["log_missing"] == 0)  # type: ignore[index]
    assert consortium.status("fifth")["keepers"]["backfill"]["size"] > 0  # type: ignore[index]

    notes = folder / "hospital" / "chain" / chain / "notes"

    def cosigned_by_the_fifth() -> bool:
        """Look at what is kept: to ask for a checkpoint begins a new height, of which the fifth knows nothing yet."""
        kept = [one for one in notes.iterdir() if one.name.isdigit() and int(one.name) >= in_force]
        with suppress(FileNotFoundError):  # the oldest is given up for the newest
            return any(member in one.read_text() for one in kept)
        return False

    # The founders' settings don't name the fifth: its line came when it asked them.
    wait_for(cosigned_by_the_fifth)
    facts = verified(consortium, anchor_proof(consortium, "five"))
    assert facts["P4"] == {"epoch": 1, "votes": 3}
    assert facts["P6"]["epoch"] == 1
    assert facts["P6"]["counted"] >= facts["P6"]["quorum"] == 3
